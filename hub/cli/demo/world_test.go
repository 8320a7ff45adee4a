package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zida-hub/zida/schemas"
)

// exchange takes submissions as a hub does: against the contracts, and the lists as
// the submissions before have left them.
type exchange struct {
	plans   map[string]*schemas.Plan
	lists   *schemas.Lists
	entries map[string]map[string]schemas.ListEntry
	isList  map[string]bool
}

func newExchange(t *testing.T) *exchange {
	t.Helper()
	x := &exchange{plans: map[string]*schemas.Plan{}, lists: schemas.NewLists(1), entries: map[string]map[string]schemas.ListEntry{}, isList: map[string]bool{}}
	contracts, err := schemas.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range contracts {
		if x.plans[c.ID], err = schemas.Compile(c); err != nil {
			t.Fatal(err)
		}
		x.isList[c.ID] = c.Reference
	}
	for _, id := range []string{"region", "scenic_spot", "industrial_park", "indicator"} {
		rows, _ := schemas.StarterRows(id)
		if got := x.take(id, rows, []string{"500111", "512000"}, false); got.Rejected > 0 {
			t.Fatalf("starter rows of %s: %+v", id, got.Errors)
		}
	}
	return x
}

func (x *exchange) take(dataset string, body []byte, regions []string, keysOnly bool) schemas.Decoded {
	batch := x.plans[dataset].Batch()
	defer batch.Release()
	got := x.plans[dataset].Decode(batch, body, schemas.FormatNDJSON, &schemas.DecodeOptions{
		Sender: schemas.Sender{Regions: regions, Lists: x.lists}, KeysOnly: keysOnly, MaxErrors: 5,
	})
	if x.isList[dataset] {
		if x.entries[dataset] == nil {
			x.entries[dataset] = map[string]schemas.ListEntry{}
		}
		for _, e := range batch.ListEntries() {
			x.entries[dataset][e.Code] = e
		}
		x.lists = x.lists.With(schemas.NewList(dataset, slices.Collect(maps.Values(x.entries[dataset]))))
	}
	return got
}

// every runs through all that both sides push, and gives f a copy.
func every(t *testing.T, until time.Time, f func(s *Submission)) {
	t.Helper()
	w, err := New(until)
	if err != nil {
		t.Fatal(err)
	}
	for s := range w.Submissions() {
		f(s)
	}
}

func TestEveryGeneratedRecordKeepsItsContract(t *testing.T) {
	// In a Golden Week, in a new year's first days, and at the end of a leap year's February.
	for _, until := range []time.Time{
		time.Date(2026, 10, 4, 14, 3, 0, 0, shanghai), time.Date(2027, 1, 3, 0, 0, 0, 0, shanghai), time.Date(2028, 2, 29, 23, 58, 0, 0, shanghai),
	} {
		x := newExchange(t)
		pushed := map[string]map[string]bool{}
		total := 0
		every(t, until, func(s *Submission) {
			got := x.take(s.Dataset, s.Body, []string{s.Side.Region}, s.Reason != "")
			var refused []int
			for i := range got.Errors {
				refused = append(refused, got.Errors[i].Row)
			}
			if got.Rejected != len(s.Refused) || !slices.Equal(slices.Compact(refused), s.Refused) {
				t.Errorf("%s: %s of %s: of %d are meant to be refused %v, not %d: %+v", date(until), s.Dataset, s.Side.ID, got.Records, s.Refused, got.Rejected, got.Errors)
			}
			if pushed[s.Dataset] == nil {
				pushed[s.Dataset] = map[string]bool{}
			}
			pushed[s.Dataset][s.Side.ID] = true
			total += got.Records
		})
		t.Logf("%s: %d records", date(until), total)
		for id := range x.plans {
			want := len(Sides)
			switch id {
			case "region": // comes with the hub
				want = 0
			case "indicator", "economic_split": // whose targets these are, and where the shared park lies
				want = 1
			}
			if len(pushed[id]) != want {
				t.Errorf("%s is pushed by %d sides, not by %d", id, len(pushed[id]), want)
			}
		}
	}
}

func TestEveryRetractionAndRevisionMeetsARecord(t *testing.T) {
	contracts, err := schemas.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string][]string{}
	for _, c := range contracts {
		for _, i := range c.Key {
			keys[c.ID] = append(keys[c.ID], c.Properties[i].Name)
		}
	}
	seen := map[string]map[string]bool{}
	revised := map[string]int{}
	every(t, time.Date(2026, 11, 20, 14, 0, 0, 0, shanghai), func(s *Submission) {
		if seen[s.Dataset] == nil {
			seen[s.Dataset] = map[string]bool{}
		}
		for line := range bytes.Lines(s.Body) {
			k := key(t, line, keys[s.Dataset])
			switch {
			case s.Reason != "" && !seen[s.Dataset][k]:
				t.Errorf("%s retracts %s, which nobody has pushed", s.Dataset, k)
			case s.First && seen[s.Dataset][k]:
				t.Errorf("%s has %s twice in the first reports", s.Dataset, k)
			case seen[s.Dataset][k]:
				revised[s.Dataset]++
			}
			seen[s.Dataset][k] = true
		}
	})
	for dataset := range seen {
		t.Log(dataset, len(seen[dataset]), "records,", revised[dataset], "revised")
	}
	for _, dataset := range []string{"tourism_flow", "visitor_origin", "ticket_recognition", "park_monthly", "indicator_value", "trade_monthly", "air_daily", "hazwaste_transfer"} {
		if revised[dataset] == 0 {
			t.Errorf("nothing of %s is revised", dataset)
		}
	}
}

func TestTwoRunsAreTheSame(t *testing.T) {
	until := time.Date(2026, 11, 20, 14, 0, 0, 0, shanghai)
	var first [][]byte
	every(t, until, func(s *Submission) { first = append(first, bytes.Clone(s.Body)) })
	n := 0
	every(t, until, func(s *Submission) {
		if !bytes.Equal(first[n], s.Body) {
			t.Errorf("%s of %s differs between two runs", s.Dataset, s.Side.ID)
		}
		n++
	})
	if n != len(first) {
		t.Errorf("%d and %d submissions", len(first), n)
	}
}

func key(t *testing.T, line []byte, names []string) string {
	t.Helper()
	var row map[string]any
	if err := json.Unmarshal(line, &row); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	var k []string
	for _, name := range names {
		k = append(k, fmt.Sprint(row[name]))
	}
	return strings.Join(k, " ")
}
