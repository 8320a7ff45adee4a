package schemas

import (
	"strings"
	"testing"
)

// csvRows decodes a CSV body and returns the cells by column.
func csvRows(t *testing.T, body string) (Decoded, map[string][]string) {
	t.Helper()
	p := mustCompile(t, everything())
	c := NewChunker(strings.NewReader(body), FormatCSV, ChunkOptions{})
	header, errs := c.Header(p)
	if errs != nil {
		t.Fatal(errs)
	}
	chunk, err := c.Next()
	if err != nil {
		t.Fatal(err)
	}
	b := p.Batch()
	defer b.Release()
	opt := everyone()
	opt.Header = header
	d := p.Decode(b, chunk, FormatCSV, opt)
	data, columns := p.AppendColumns(nil, false, b)
	names, _, cells := readNative(t, data, columns, b.Rows())
	out := map[string][]string{}
	for i, name := range names {
		out[name] = cells[i]
	}
	return d, out
}

func TestCSVCellsAreReadByTheirPropertysType(t *testing.T) {
	d, cells := csvRows(t, "\uFEFF景区, at ,金额,开放,note,,ratio,日期\r\n"+
		"512021-S99,2024-10-01, 12.50 ,是,\"a,\"\"b\"\"\",x,1e-2,2024-02-29\r\n"+
		" 512021-S01 ,2024-10-01 08:00:00,,FALSE,  ,,,\r\n"+
		",,,,,,,\r\n"+
		"\"512021-S99\",2024-10-02,-3,0,\"一\n二\",,0.5,\n"+
		"512021-S99,2024-10-03,1e2,1,,,,")
	if d.Records != 4 || d.Rejected != 0 || d.Blank != 1 || d.Lines != 6 {
		t.Fatalf("%+v", d)
	}
	for name, want := range map[string]string{
		"spot": "512021-S99|512021-S01|512021-S99|512021-S99", "money": "12.50|NULL|-3.00|100.00", "open": "true|false|false|true",
		"note": "a,\"b\"|  |一\n二|NULL", "ratio": "0.01|NULL|0.5|NULL", "day": "19782|NULL|NULL|NULL", "step": "5|5|5|5",
		"at": "1727712000000|1727740800000|1727798400000|1727884800000",
	} {
		if got := strings.Join(cells[name], "|"); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestCSVErrorsNameRowLineAndColumn(t *testing.T) {
	d, cells := csvRows(t, "spot,at,note,count\n"+
		"512021-S99,2024-10-01,\"a\nb\",1\n"+ // lines 1 and 2 behind the heading
		"512021-S99,2024-02-31,ab,1.5\n"+
		"512021-S99,2024-10-01,a\"b,1\n"+
		"512021-S99,2024-10-01\n"+
		"512021-S99,2024-10-01,ab,1,2\n"+
		"512021-S99,2024-10-01,\xb9\xfa,1\n"+
		"512021-S99,2024-10-01,ab,1\n")
	if len(cells["spot"]) != 2 || d.Rejected != 5 {
		t.Fatalf("%+v", d)
	}
	want := []struct {
		row, line   int
		field, code string
	}{{2, 3, "at", CodeInvalidTime}, {2, 3, "count", CodeType}, {3, 4, "", CodeInvalidCSV}, {4, 5, "", CodeInvalidCSV}, {5, 6, "", CodeInvalidCSV}, {6, 7, "note", CodeInvalidUTF8}}
	for i, w := range want {
		if e := d.Errors[i]; e.Row != w.row || e.Line != w.line || e.Field != w.field || e.Code != w.code {
			t.Errorf("%d: %+v", i, e)
		}
	}
}

func TestCSVHeadingsThatDoNotFitAreNamed(t *testing.T) {
	p := mustCompile(t, everything())
	f := func(heading, field, code, remedy string) {
		t.Helper()
		_, errs := NewChunker(strings.NewReader(heading), FormatCSV, ChunkOptions{}).Header(p)
		if len(errs) == 0 || errs[0].Field != field || errs[0].Code != code || !strings.Contains(errs[0].In("en").Message, remedy) {
			t.Errorf("%q: %+v", heading, errs)
		}
	}
	f("spot,at,cuont\n", "cuont", CodeUnknownField, "did you mean count")
	f("spot,at,备 注\n", "备 注", CodeUnknownField, "did you mean 备注")
	f("spot,at,qqqqqqqqqqq\n", "qqqqqqqqqqq", CodeUnknownField, "it has spot, at, step")
	f("spot,at,景区\n", "景区", CodeDuplicateField, "keep one")
	f("spot,count\n", "at", CodeRequired, "add it to the heading")
	f("spot,\"at\n", "", CodeInvalidCSV, "send the whole file again")
	f("", "", CodeInvalidCSV, "file is empty")
	f("\xbe\xb0\xc7\xf8,at\n", "", CodeInvalidUTF8, "GB18030")
}

func TestCSVCutInsideQuotesIsRefusedAsAWhole(t *testing.T) {
	p := mustCompile(t, everything())
	c := NewChunker(strings.NewReader("spot,at,note\n512021-S99,2024-10-01,\"ab\n512021-S99,2024-10-02,ab\n"), FormatCSV, ChunkOptions{})
	if _, errs := c.Header(p); errs != nil {
		t.Fatal(errs)
	}
	if _, err := c.Next(); err == nil || !strings.Contains(err.Error(), "引号") {
		t.Errorf("%v", err)
	}
}

func TestTabsAndSemicolonsSeparateToo(t *testing.T) {
	for _, comma := range []string{"\t", ";"} {
		_, cells := csvRows(t, strings.ReplaceAll("spot,at,note\n512021-S99,2024-10-01,\"a,b\"\n", ",", comma))
		if cells["note"][0] != "a"+comma+"b" {
			t.Errorf("%q: %v", comma, cells)
		}
	}
}
