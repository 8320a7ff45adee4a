package schemas

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/ClickHouse/ch-go/proto"
)

const null = "NULL"

// readNative reads back a block's columns with ch-go, as text.
func readNative(t testing.TB, data []byte, columns, rows int) (names, kinds []string, cells [][]string) {
	t.Helper()
	r := proto.NewReader(bytes.NewReader(data))
	for range columns {
		name, err := r.Str()
		if err != nil {
			t.Fatal(err)
		}
		kind, err := r.Str()
		if err != nil {
			t.Fatal(err)
		}
		names, kinds = append(names, name), append(kinds, kind)
		cells = append(cells, readColumn(t, r, kind, rows))
	}
	if b, err := r.Byte(); err == nil {
		t.Fatalf("byte %x follows the columns", b)
	}
	return names, kinds, cells
}

func readColumn(t testing.TB, r *proto.Reader, kind string, rows int) []string {
	t.Helper()
	if inner, ok := strings.CutPrefix(kind, "LowCardinality("); ok {
		return readLowCardinality(t, r, strings.HasPrefix(inner, "Nullable("), rows)
	}
	var nulls proto.ColUInt8
	if inner, ok := strings.CutPrefix(kind, "Nullable("); ok {
		kind = strings.TrimSuffix(inner, ")")
		if err := nulls.DecodeColumn(r, rows); err != nil {
			t.Fatal(err)
		}
	}
	out := readPlain(t, r, kind, rows)
	for i, n := range nulls {
		if n == 1 {
			out[i] = null
		}
	}
	return out
}

func readPlain(t testing.TB, r *proto.Reader, kind string, rows int) []string {
	t.Helper()
	scale := 0
	if inner, ok := strings.CutPrefix(kind, "Decimal("); ok {
		var precision int
		if _, err := fmt.Sscanf(inner, "%d, %d)", &precision, &scale); err != nil {
			t.Fatal(err)
		}
		kind = map[bool]string{true: "Decimal32", false: map[bool]string{true: "Decimal64", false: "Decimal128"}[precision <= 18]}[precision <= 9]
	}
	out := make([]string, rows)
	fill := func(c proto.ColResult, text func(i int) string) {
		if err := c.DecodeColumn(r, rows); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		for i := range out {
			out[i] = text(i)
		}
	}
	decimal := func(w wide) string { return string(w.appendDecimal(nil, scale)) }
	switch kind {
	case "String":
		c := new(proto.ColStr)
		fill(c, func(i int) string { return c.Row(i) })
	case "Int64", "DateTime64(3, 'UTC')":
		c := new(proto.ColInt64)
		fill(c, func(i int) string { return strconv.FormatInt(c.Row(i), 10) })
	case "Date32":
		c := new(proto.ColInt32)
		fill(c, func(i int) string { return strconv.Itoa(int(c.Row(i))) })
	case "Decimal32":
		c := new(proto.ColInt32)
		fill(c, func(i int) string { return decimal(wideOf(int64(c.Row(i)))) })
	case "Decimal64":
		c := new(proto.ColInt64)
		fill(c, func(i int) string { return decimal(wideOf(c.Row(i))) })
	case "Decimal128":
		c := new(proto.ColInt128)
		fill(c, func(i int) string { return decimal(wide{lo: c.Row(i).Low, hi: int64(c.Row(i).High)}) })
	case "Float64":
		c := new(proto.ColFloat64)
		fill(c, func(i int) string { return strconv.FormatFloat(c.Row(i), 'g', -1, 64) })
	case "Bool":
		c := new(proto.ColBool)
		fill(c, func(i int) string { return strconv.FormatBool(c.Row(i)) })
	default:
		t.Fatalf("no reader for %s", kind)
	}
	return out
}

func readLowCardinality(t testing.TB, r *proto.Reader, nullable bool, rows int) []string {
	t.Helper()
	c := proto.NewLowCardinality[string](new(proto.ColStr))
	if err := c.DecodeState(r); err != nil {
		t.Fatal(err)
	}
	if err := c.DecodeColumn(r, rows); err != nil {
		t.Fatal(err)
	}
	out := append([]string(nil), c.Values...)
	for i := range out {
		if out[i] == "" { // entry 0; no code of the tests is empty
			if !nullable {
				t.Fatal("a column that is not nullable uses dictionary entry 0")
			}
			out[i] = null
		}
	}
	return out
}

// TestNativeBytesAreGolden holds the encoding of every column type, byte for byte.
func TestNativeBytesAreGolden(t *testing.T) {
	p := mustCompile(t, everything())
	b := p.Batch()
	defer b.Release()
	d := p.Decode(b, []byte(everythingRows), FormatNDJSON, everyone())
	if d.Rejected != 0 {
		t.Fatalf("%+v", d.Errors)
	}
	for name, keysOnly := range map[string]bool{"native": false, "native_keys": true} {
		data, columns := p.AppendColumns(nil, keysOnly, b)
		names, kinds, cells := readNative(t, data, columns, b.Rows())
		var text strings.Builder
		for i := range names {
			fmt.Fprintf(&text, "%s %s: %s\n", names[i], kinds[i], strings.Join(cells[i], " | "))
		}
		text.WriteString(hex.Dump(data))
		golden(t, "testdata/"+name+".golden", []byte(text.String()))
	}
}

func TestColumnTypesMatchWhatIsWritten(t *testing.T) {
	p := mustCompile(t, everything())
	b := p.Batch()
	defer b.Release()
	// Many rows: coded columns become dictionaries. Few: plain text of the same values.
	var many strings.Builder
	for range 40 {
		many.WriteString(everythingRows)
	}
	for _, body := range []string{everythingRows, many.String()} {
		if d := p.Decode(b, []byte(body), FormatNDJSON, everyone()); d.Rejected != 0 {
			t.Fatalf("%+v", d.Errors)
		}
		data, columns := p.AppendColumns(nil, false, b)
		names, kinds, cells := readNative(t, data, columns, b.Rows())
		for i, column := range p.Columns() {
			if names[i] != column.Name || kinds[i] != column.Type && "LowCardinality("+kinds[i]+")" != column.Type {
				t.Errorf("column %d is %s %s, the table has %v", i, names[i], kinds[i], column)
			}
			if f := &p.fields[i]; f.kind == kindCode && b.Rows() > 100 && kinds[i] != column.Type {
				t.Errorf("%s is written as %s", f.name, kinds[i])
			}
			for n, cell := range cells[i] {
				if cell != cells[i][n%3] {
					t.Fatalf("%s row %d: %s, not %s", names[i], n, cell, cells[i][n%3])
				}
			}
		}
	}
}

func TestSeveralBatchesBecomeOneBlock(t *testing.T) {
	p := mustCompile(t, flow())
	lines := strings.SplitAfter(strings.TrimSuffix(string(flowNDJSON(200)), "\n"), "\n")
	whole, parts := p.Batch(), []*Batch{p.Batch(), p.Batch(), p.Batch(), p.Batch()}
	lists, other := benchLists(), benchLists()
	decode := func(b *Batch, lists *Lists, lines []string) {
		opt := &DecodeOptions{Sender: Sender{Regions: []string{"512000"}, Lists: lists}}
		if d := p.Decode(b, []byte(strings.Join(lines, "")), FormatNDJSON, opt); d.Rejected != 0 {
			t.Fatalf("%+v", d.Errors)
		}
	}
	decode(whole, lists, lines)
	want, columns := p.AppendColumns(nil, false, whole)
	_, _, wantCells := readNative(t, want, columns, 200)
	for name, last := range map[string]*Lists{"one snapshot": lists, "two snapshots": other} {
		decode(parts[0], lists, lines[:1])
		decode(parts[1], lists, nil)
		decode(parts[2], lists, lines[1:120])
		decode(parts[3], last, lines[120:])
		data, columns := p.AppendColumns(nil, false, parts...)
		_, _, cells := readNative(t, data, columns, 200)
		for i := range cells {
			for n := range cells[i] {
				if cells[i][n] != wantCells[i][n] {
					t.Fatalf("%s: column %d row %d: %s, not %s", name, i, n, cells[i][n], wantCells[i][n])
				}
			}
		}
		if name == "one snapshot" && !bytes.Equal(data, want) {
			t.Errorf("%s: the bytes differ from those of one batch", name)
		}
	}
}
