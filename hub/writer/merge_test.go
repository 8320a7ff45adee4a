package writer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/zida-hub/zida/hub/journal"
	"github.com/zida-hub/zida/schemas"
)

// Whatever rounds put together, the table has what was pushed: every column type,
// with and without values, plain and with a dictionary.
func TestSmallSectionsJoinedAreTheRowsThatWerePushed(t *testing.T) {
	contract := &schemas.Contract{
		ID: "kinds", Version: "1.0.0", Key: []int{0}, Region: -1, RegionFrom: -1, Time: -1, Partition: -1,
		Properties: []schemas.Property{
			{Name: "id", Type: schemas.TypeString, Required: true, KeyPosition: 1},
			{Name: "n", Type: schemas.TypeInteger},
			{Name: "f", Type: schemas.TypeNumber},
			{Name: "d4", Type: schemas.TypeNumber, Precision: 9, Scale: 2},
			{Name: "d8", Type: schemas.TypeNumber, Precision: 18, Scale: 2},
			{Name: "d16", Type: schemas.TypeNumber, Precision: 38, Scale: 4},
			{Name: "b", Type: schemas.TypeBoolean},
			{Name: "at", Type: schemas.TypeTimestamp},
			{Name: "on_day", Type: schemas.TypeDate},
			{Name: "kind", Type: schemas.TypeString, Enum: []string{"a", "b"}},
			{Name: "note", Type: schemas.TypeString},
		},
	}
	plan, err := schemas.Compile(contract)
	if err != nil {
		t.Fatal(err)
	}
	var m merger
	var want strings.Builder
	n := native{}
	total := 0
	for part, size := range []int{1, 3, 40, 2} { // 40 rows: the enumeration goes as a dictionary
		var body strings.Builder
		for i := range size {
			id := fmt.Sprintf("%d-%d", part, i)
			if i%3 == 1 {
				fmt.Fprintf(&body, "{\"id\":%q}\n", id)
				fmt.Fprintf(&want, "%s||||||||||\n", id)
				continue
			}
			fmt.Fprintf(&body, `{"id":%q,"n":%d,"f":0.5,"d4":"1.25","d8":-7.5,"d16":"123456789012345678901234567890.5","b":true,"at":"2026-05-01T00:00:00Z","on_day":"2026-05-02","kind":%q,"note":"门票 %d"}`+"\n", id, i, "ab"[i%2:i%2+1], i)
			fmt.Fprintf(&want, "%s|%d|0.5|1.25|-7.5|123456789012345678901234567890.5|true|2026-05-01 00:00:00.000|2026-05-02|%s|门票 %d\n", id, i, "ab"[i%2:i%2+1], i)
		}
		b := plan.Batch()
		if d := plan.Decode(b, []byte(body.String()), schemas.FormatNDJSON, nil); d.ErrorCount > 0 || d.Body != nil {
			t.Fatalf("%+v", d)
		}
		raw, _ := plan.AppendColumns(nil, false, b)
		frame := native{b: raw}
		frames, err := frame.frame()
		if err != nil {
			t.Fatal(err)
		}
		if err := m.add(&journal.Section{Dataset: "kinds", Columns: journal.ColumnNames(plan, false), Rows: uint32(size), Frames: frames}); err != nil {
			t.Fatal(err)
		}
		total += size
	}
	n.begin(len(contract.Properties), total)
	m.append(&n)
	body, err := n.frame()
	if err != nil {
		t.Fatal(err)
	}
	store, ctx := testStore(t), testContext(t)
	var columns, names []string
	for _, c := range plan.Columns() {
		columns = append(columns, "`"+c.Name+"` "+c.Type)
		names = append(names, "ifNull(toString(`"+c.Name+"`), '')")
	}
	if err := store.Conn().Exec(ctx, "CREATE TABLE kinds ("+strings.Join(columns, ", ")+") ENGINE = MergeTree ORDER BY tuple()"); err != nil {
		t.Fatal(err)
	}
	if err := store.Insert(ctx, "INSERT INTO kinds FORMAT Native", strings.NewReader(string(body))); err != nil {
		t.Fatal(err)
	}
	rows, err := store.Conn().Query(ctx, "SELECT concatWithSeparator('|', "+strings.Join(names, ", ")+") FROM kinds")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got strings.Builder
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&got, line)
	}
	if got.String() != want.String() {
		t.Fatalf("got\n%s\nwant\n%s", got.String(), want.String())
	}
}

// FuzzMerge feeds column data that no hub wrote: an error, never a panic.
func FuzzMerge(f *testing.F) {
	plan := func() []byte { n := native{}; n.head("a", "Int64"); n.u64(7); return n.b }()
	f.Add(plan, 1)
	n := native{}
	n.lowCardinality("a", []run{{"x", 2}})
	f.Add(n.b, 2)
	f.Fuzz(func(t *testing.T, raw []byte, rows int) {
		if len(raw) == 0 || rows < 0 || rows > 1<<20 {
			return
		}
		w := native{b: raw}
		frame, err := w.frame()
		if err != nil {
			t.Fatal(err)
		}
		var m merger
		_ = m.add(&journal.Section{Columns: []string{"a"}, Rows: uint32(rows), Frames: frame})
	})
}
