package analytics

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zida-hub/zida/schemas"
)

// What changed between two moments is what a model of the pushes says, over random pushes,
// revisions with other and with equal values, retractions and replays, page by page.
func TestTheDiffOfTwoMomentsIsTheModels(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 3))
	f := newFixture(t, "park_monthly")
	type value struct {
		tax     string // "": null
		deleted bool
	}
	states := []map[string]value{{}} // after each push
	moments := []string{epoch.In(shanghai).Format(time.RFC3339)}
	var sent []batch
	for range 25 {
		now := map[string]value{}
		for k, v := range states[len(states)-1] {
			now[k] = v
		}
		var rows []row
		used := map[string]bool{}
		for range 1 + r.IntN(6) {
			park, month := fmt.Sprintf("500111-P0%d", 1+r.IntN(3)), fmt.Sprintf("2024-0%d", 1+r.IntN(4))
			if used[park+month] {
				continue
			}
			used[park+month] = true
			v := value{tax: fmt.Sprintf("%d.%02d", r.IntN(3), r.IntN(2))}
			line := row{"park_id": park, "month": month, "region": "500111"}
			switch r.IntN(6) {
			case 0:
				v = value{deleted: true}
				line["_deleted"] = true
			case 1:
				v.tax = ""
			default:
				line["tax"] = dec(v.tax)
			}
			now[park+" "+month] = v
			rows = append(rows, line)
		}
		sent = append(sent, f.push("park_monthly", rows...))
		states = append(states, now)
		moments = append(moments, f.last.In(shanghai).Format(time.RFC3339))
		if r.IntN(3) == 0 {
			f.deliver(sent[r.IntN(len(sent))]) // a block that comes again
		}
	}
	for range 30 {
		i, j := r.IntN(len(states)), r.IntN(len(states))
		if i > j {
			i, j = j, i
		}
		var want []string
		for key, after := range states[j] {
			before, known := states[i][key]
			was, is := known && !before.deleted, !after.deleted
			show := func(there bool, v value) string {
				if !there || v.tax == "" {
					return "null"
				}
				return v.tax
			}
			switch {
			case was && is && before != after:
				want = append(want, "revised "+key+" "+show(true, before)+" "+show(true, after))
			case is && !was:
				want = append(want, "added "+key+" null "+show(true, after))
			case was && !is:
				want = append(want, "retracted "+key+" "+show(true, before)+" null")
			}
		}
		var got []string
		q := DiffQuery{Dataset: "park_monthly", From: moments[i], To: moments[j], Limit: 1 + r.IntN(5)}
		for {
			answer := &Answer{}
			tail, err := f.WriteDiff(t.Context(), q, everything, f.position(), answer)
			if err != nil {
				t.Fatal(err)
			}
			at := func(name string) int {
				return slices.IndexFunc(answer.Columns, func(c Column) bool { return c.Name == name })
			}
			for _, line := range strings.Split(strings.TrimSuffix(answer.table(), "\n"), "\n") {
				if cells := strings.Split(line, " "); line != "" {
					got = append(got, strings.Join([]string{cells[0], cells[1], cells[2], cells[at("tax_before")], cells[at("tax_after")]}, " "))
				}
			}
			if q.Cursor = tail.NextCursor; q.Cursor == "" {
				break
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("between push %d and %d\ngot  %q\nwant %q", i, j, got, want)
		}
	}
}

func TestADiffHonoursClearanceAndNamesWhatItCannotDo(t *testing.T) {
	f := newFixture(t, "park_monthly")
	f.push("park_monthly", row{"park_id": "500111-P01", "month": "2024-05", "region": "500111", "tax": dec("1.00")})
	f.push("park_monthly", row{"park_id": "500111-P01", "month": "2024-05", "region": "500111", "tax": dec("2.00")})
	answer := &Answer{}
	from := epoch.Add(time.Minute).In(shanghai).Format(time.RFC3339)
	if _, err := f.WriteDiff(t.Context(), DiffQuery{Dataset: "park_monthly", From: from}, Reader{Clearance: schemas.Public}, f.position(), answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Rows) != 1 {
		t.Fatalf("%d changes", len(answer.Rows))
	}
	for i, column := range answer.Columns {
		if strings.HasPrefix(column.Name, "tax_") && !answer.Rows[0][i].Null {
			t.Errorf("%s is shown: %v", column.Name, answer.Rows[0][i])
		}
	}
	for what, q := range map[string]DiffQuery{
		"a filter on a value": {Dataset: "park_monthly", From: from, Filters: []Filter{{Dimension: "tax", Op: "eq", Values: []Value{"1"}}}},
		"no time":             {Dataset: "park_monthly", From: "yesterday"},
		"another cursor":      {Dataset: "park_monthly", From: from, Cursor: "e30"},
	} {
		var wrong *QueryError
		if _, err := f.WriteDiff(t.Context(), q, everything, f.position(), &Answer{}); !errors.As(err, &wrong) {
			t.Errorf("%s: %v", what, err)
		}
	}
	var forbidden *ForbiddenError
	_, err := f.WriteDiff(t.Context(), DiffQuery{Dataset: "park_monthly", From: from}, Reader{CanRead: func(string) bool { return false }}, f.position(), &Answer{})
	if !errors.As(err, &forbidden) {
		t.Errorf("without the right to read: %v", err)
	}
}
