package cli

import (
	"bufio"
	"bytes"
	"testing"
	"time"

	"github.com/zida-hub/zida/schemas"
)

// lists are the starter lists as a new hub has them.
func lists(t *testing.T) *schemas.Lists {
	t.Helper()
	out := schemas.NewLists(1)
	for _, id := range []string{"region", "scenic_spot", "industrial_park", "indicator"} {
		rows, ok := schemas.StarterRows(id)
		if !ok {
			t.Fatalf("no starter rows of %s", id)
		}
		p := plan(t, id)
		batch := p.Batch()
		got := p.Decode(batch, rows, schemas.FormatNDJSON, &schemas.DecodeOptions{
			Sender: schemas.Sender{Regions: []string{"500000", "510000", "512000", "500111"}, Lists: out}, MaxErrors: 3,
		})
		if got.Rejected > 0 {
			t.Fatalf("starter rows of %s: %+v", id, got.Errors)
		}
		out = out.With(schemas.NewList(id, batch.ListEntries()))
		batch.Release()
	}
	return out
}

func plan(t *testing.T, id string) *schemas.Plan {
	t.Helper()
	c, err := shipped(id)
	if err != nil {
		t.Fatal(err)
	}
	p, err := schemas.Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEveryGeneratedRecordKeepsItsContractAndBothRunsAreTheSame(t *testing.T) {
	until := time.Date(2025, 10, 9, 14, 3, 0, 0, shanghai)
	world, err := newDemoWorld(until)
	if err != nil {
		t.Fatal(err)
	}
	again, err := newDemoWorld(until)
	if err != nil {
		t.Fatal(err)
	}
	all := lists(t)
	for _, side := range demoSides {
		for _, f := range demoFiles {
			body := generate(world, f, side)
			if !bytes.Equal(body, generate(again, f, side)) {
				t.Errorf("%s of %s differs between two runs", f.dataset, side.ID)
			}
			if len(body) == 0 {
				if f.dataset != "indicator_value" { // the plan's targets are those of one side
					t.Errorf("%s has no %s", side.ID, f.dataset)
				}
				continue
			}
			p := plan(t, f.dataset)
			batch := p.Batch()
			got := p.Decode(batch, body, schemas.FormatNDJSON, &schemas.DecodeOptions{
				Sender: schemas.Sender{Regions: []string{side.Region}, Lists: all}, MaxErrors: 3,
			})
			if got.Rejected > 0 || got.Records == 0 {
				t.Errorf("%s of %s: %d of %d rejected: %+v", f.dataset, side.ID, got.Rejected, got.Records, got.Errors)
			}
			batch.Release()
		}
	}
}

func generate(w *demoWorld, f demoFile, side demoSide) []byte {
	var b bytes.Buffer
	out := bufio.NewWriter(&b)
	f.write(w, out, side.mine)
	_ = out.Flush()
	return b.Bytes()
}
