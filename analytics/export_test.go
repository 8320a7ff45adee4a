package analytics

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/xuri/excelize/v2"

	"github.com/zida-hub/zida/schemas"
)

// everyType is a contract with a property of every type.
func everyType() *schemas.Contract {
	c := &schemas.Contract{
		ID: "every_type", Version: "1.0.0", Name: "各种类型", NameEN: "Every type",
		Properties: []schemas.Property{
			{Name: "id", Label: "编号", LabelEN: "Id", Type: schemas.TypeString, Required: true, KeyPosition: 1},
			{Name: "day", Label: "日期", LabelEN: "Day", Type: schemas.TypeDate},
			{Name: "at", Label: "时刻", LabelEN: "Instant", Type: schemas.TypeTimestamp},
			{Name: "count", Label: "人次", LabelEN: "Visitors", Unit: "人", UnitEN: "people", Type: schemas.TypeInteger},
			{Name: "ratio", Label: "比率", LabelEN: "Ratio", Type: schemas.TypeNumber},
			{Name: "small", Label: "经度", LabelEN: "Longitude", Type: schemas.TypeNumber, Precision: 9, Scale: 6},
			{Name: "money", Label: "金额", LabelEN: "Amount", Unit: "元", UnitEN: "yuan", Type: schemas.TypeNumber, Precision: 18, Scale: 2, Description: "含税"},
			{Name: "huge", Label: "巨额", LabelEN: "Huge", Type: schemas.TypeNumber, Precision: 38, Scale: 10},
			{Name: "whole", Label: "整额", LabelEN: "Whole", Type: schemas.TypeNumber, Precision: 12},
			{Name: "open", Label: "开放", LabelEN: "Open", Type: schemas.TypeBoolean},
			{Name: "level", Label: "等级", LabelEN: "Level", Type: schemas.TypeString, LowCardinality: true},
			{Name: "note", Label: "备注", LabelEN: "Note", Type: schemas.TypeString, Classification: schemas.Sensitive},
		},
		Key: []int{0}, Region: -1, RegionFrom: -1, Time: -1, Partition: -1,
	}
	return c
}

func ptr[T any](v T) *T { return &v }

func everyTypeRows() []row {
	d := func(text string) *decimal.Decimal { return ptr(decimal.RequireFromString(text)) }
	at := func(text string) *time.Time {
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			panic(err)
		}
		return ptr(t.UTC())
	}
	rows := []row{
		{"id": "000123", "day": at("2024-02-29T00:00:00Z"), "at": at("2024-10-01T08:00:00.125+08:00"), "count": ptr(int64(-7)), "ratio": ptr(0.25), "small": d("105.500001"),
			"money": d("-0.05"), "huge": d("12345678901234567890.0123456789"), "whole": d("-12"), "open": ptr(true), "level": ptr("AAAA"), "note": ptr("国庆节，“假日”\n第二行")},
		{"id": "512021202610010001"},
		{"id": "=1+1", "day": at("1969-12-31T00:00:00Z"), "at": at("1969-12-31T23:59:59.999+08:00"), "count": ptr(int64(9007199254740993)), "ratio": ptr(-1e-9), "small": d("-180"),
			"money": d("-1234567890123456.78"), "huge": d("-9999999999999999999999999999.9999999999"), "whole": d("999999999999"), "open": ptr(false), "level": ptr(""), "note": ptr("=HYPERLINK(\"http://x\")")},
		{"id": "+86", "day": at("1900-01-01T00:00:00Z"), "at": at("1900-01-01T00:00:00Z"), "count": ptr(int64(999999999999999)), "money": d("1234567890123.45"), "note": ptr("+1")},
		{"id": "-5", "day": at("2299-12-31T00:00:00Z"), "at": at("2299-12-31T15:59:59Z"), "count": ptr(int64(-9223372036854775808)), "ratio": ptr(1.7976931348623157e308), "huge": d("0.0000000001"), "note": ptr("-1")},
		{"id": "@a", "day": at("2038-01-20T00:00:00Z"), "at": at("2038-01-19T03:14:08Z"), "ratio": ptr(float64(1) / 3), "huge": d("-0.5"), "note": ptr("@x")},
		{"id": " leading", "day": at("1900-03-01T00:00:00Z"), "at": at("1986-07-01T12:00:00Z"), "note": ptr("\tTab\r\n")}, // in Shanghai's summer time
		{"id": "trailing ", "note": ptr("_x0041_ <&> 😀")},
	}
	for n := range 20 {
		rows = append(rows, row{"id": fmt.Sprintf("n%d", n), "count": ptr(int64(n)), "level": ptr([]string{"A", "AA"}[n%2])})
	}
	return rows
}

// table of texts, as JSON has them; "null" where there is nothing.
type texts struct {
	columns []Column
	rows    [][]string
}

func (f *fixture) export(q RecordsQuery, e Encoding) []byte {
	f.t.Helper()
	var out bytes.Buffer
	encoder := NewEncoder(&out, e)
	defer func() {
		if err := encoder.Close(); err != nil {
			f.t.Error(err)
		}
	}()
	if _, err := f.WriteRecords(f.t.Context(), q, Reader{Clearance: schemas.Core, Name: "dazu/c-1"}, f.position(), encoder); err != nil {
		f.t.Fatalf("%+v: %v", q, err)
	}
	return out.Bytes()
}

// asJSON is what the other formats are held to.
func (f *fixture) asJSON(q RecordsQuery) texts {
	f.t.Helper()
	p, err := f.planRecords(q, &Reader{Clearance: schemas.Core})
	if err != nil {
		f.t.Fatal(err)
	}
	var answer struct {
		Records []map[string]any `json:"records"`
	}
	decoder := json.NewDecoder(bytes.NewReader(f.export(q, Encoding{Format: FormatJSON, Records: true})))
	decoder.UseNumber()
	if err := decoder.Decode(&answer); err != nil {
		f.t.Fatal(err)
	}
	all := texts{columns: p.columns}
	for _, record := range answer.Records {
		line := make([]string, len(p.columns))
		for i, c := range p.columns {
			if line[i] = fmt.Sprint(record[c.Name]); record[c.Name] == nil {
				line[i] = "null"
			}
		}
		all.rows = append(all.rows, line)
	}
	return all
}

func (f *fixture) same(format string, want texts, got [][]string) {
	f.t.Helper()
	if len(want.rows) != len(got) {
		f.t.Fatalf("%s: %d rows, JSON has %d", format, len(got), len(want.rows))
	}
	for r := range got {
		for i, c := range want.columns {
			if got[r][i] != want.rows[r][i] {
				f.t.Errorf("%s: row %d, %s (%s): %q, JSON has %q", format, r+1, c.Name, c.Type, got[r][i], want.rows[r][i])
			}
		}
	}
}

func TestEveryValueIsTheSameInEveryFormat(t *testing.T) {
	f := newFixture(t, "none")
	c := everyType()
	f.contracts = append(f.contracts, c)
	f.ensure(c)
	f.push(c.ID, everyTypeRows()...)
	q := RecordsQuery{Dataset: c.ID, Fields: []string{"_submission", "_version", "_received_at", "_deleted", "_row"}, Limit: 1000}
	for i := range c.Properties {
		q.Fields = append(q.Fields, c.Properties[i].Name)
	}
	want := f.asJSON(q)
	f.compareFormats(q, want)
	if len(want.rows) != len(everyTypeRows()) {
		t.Errorf("%d rows", len(want.rows))
	}
}

// compareFormats reads every format back and compares it with JSON.
func (f *fixture) compareFormats(q RecordsQuery, want texts) {
	f.t.Helper()
	for i, c := range want.columns { // ClickHouse and JSON may write one float in two ways
		for _, r := range want.rows {
			if v, err := strconv.ParseFloat(r[i], 64); c.Type == typeNumber && err == nil {
				r[i] = floatText(v)
			}
		}
	}
	content := f.export(q, Encoding{Format: FormatParquet})
	names, rows, metadata := fromParquet(f.t, content)
	f.same("parquet", want, rows)
	for i, c := range want.columns {
		if names[i] != c.Name {
			f.t.Errorf("parquet: column %d is %s, not %s", i, names[i], c.Name)
		}
	}
	if metadata["dataset"] != q.Dataset || metadata["exported_by"] != "dazu/c-1" || metadata["watermark"] != strconv.FormatUint(f.sequence, 10) || metadata["as_of"] == "" || !strings.Contains(metadata["columns"], `"unit"`) {
		f.t.Errorf("metadata %v", metadata)
	}
	read := f.throughClickHouse(content, want.columns)
	for i, c := range want.columns {
		for _, r := range read {
			if v, err := strconv.ParseFloat(r[i], 64); c.Type == typeNumber && err == nil {
				r[i] = floatText(v)
			}
		}
	}
	f.same("parquet through ClickHouse", want, read)

	content = f.export(q, Encoding{Format: FormatXLSX, TempDir: f.t.TempDir()})
	book, err := excelize.OpenReader(bytes.NewReader(content))
	if err != nil {
		f.t.Fatal(err)
	}
	defer book.Close()
	f.same("xlsx", want, fromSheet(f.t, book, rowsSheet, want))

	content = f.export(q, Encoding{Format: FormatCSV})
	if !bytes.HasPrefix(content, []byte("\xEF\xBB\xBF")) {
		f.t.Errorf("csv begins with %q", content[:min(len(content), 10)])
	}
	lines, err := csv.NewReader(bytes.NewReader(content[3:])).ReadAll()
	if err != nil {
		f.t.Fatal(err)
	}
	for r, line := range lines[1:] {
		for i, cell := range line {
			c, expected := want.columns[i], want.rows[r][i]
			switch {
			case expected == "null":
				expected = ""
			case c.Type == typeNumber:
				v, _ := strconv.ParseFloat(cell, 64)
				cell = floatText(v)
			case c.Type == typeString && strings.ContainsAny(expected[:min(1, len(expected))], "=+-@\t\r"):
				expected = "'" + expected
			}
			expected = strings.ReplaceAll(expected, "\r\n", "\n") // as encoding/csv reads them
			if cell != expected {
				f.t.Errorf("csv: row %d, %s: %q, JSON has %q", r+1, c.Name, cell, expected)
			}
		}
	}
}

// A dataset that is added later is exported without a line of Go: all shipped ones are tried.
func TestEveryShippedDatasetIsTheSameInEveryFormat(t *testing.T) {
	f := newFixture(t)
	for _, c := range f.contracts {
		t.Run(c.ID, func(t *testing.T) {
			inner := *f
			inner.t = t
			full, bare := row{}, row{}
			for i := range c.Properties {
				p := &c.Properties[i]
				full[p.Name] = sample(t, p)
				if p.KeyPosition > 0 {
					bare[p.Name] = full[p.Name]
					if p.Type == schemas.TypeString {
						bare[p.Name] = "另一个"
					}
				}
			}
			inner.push(c.ID, full, bare)
			q := RecordsQuery{Dataset: c.ID}
			inner.compareFormats(q, inner.asJSON(q))
			f.sequence, f.last = inner.sequence, inner.last
		})
	}
}

func TestAWorkbookSaysWhatItHolds(t *testing.T) {
	f := newFixture(t, "none")
	c := everyType()
	f.contracts = append(f.contracts, c)
	f.ensure(c)
	f.push(c.ID, everyTypeRows()...)
	q := RecordsQuery{Dataset: c.ID, Fields: []string{"id", "count", "money", "note"}, Filters: []Filter{{Dimension: "count", Op: "gte", Values: []Value{"0"}}}, Limit: 3}
	temp := t.TempDir()
	book, err := excelize.OpenReader(bytes.NewReader(f.export(q, Encoding{Format: FormatXLSX, TempDir: temp})))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	if sheets := book.GetSheetList(); !slices.Equal(sheets, []string{"数据", "说明"}) {
		t.Errorf("sheets %v", sheets)
	}
	panes, err := book.GetPanes("数据")
	if err != nil || !panes.Freeze || panes.YSplit != 1 {
		t.Errorf("panes %+v %v", panes, err)
	}
	rows, err := book.GetRows("数据")
	if err != nil || len(rows) != 4 || !slices.Equal(rows[0], []string{"编号", "人次（人）", "金额（元）", "备注"}) {
		t.Errorf("%v %v", rows, err)
	}
	style, err := book.GetCellStyle("数据", "A1")
	if err != nil {
		t.Fatal(err)
	}
	if s, err := book.GetStyle(style); err != nil || s.Font == nil || !s.Font.Bold {
		t.Errorf("the heading is not bold: %v", err)
	}
	notes, err := book.GetRows("说明")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, r := range notes {
		text.WriteString(strings.Join(r, "|") + "\n")
	}
	for _, line := range []string{"数据集|every_type\n", "名称|各种类型\n", "筛选|人次 不小于 0\n", "|1\n", "导出者|dazu/c-1\n", "money|金额|元|decimal|含税\n", "不完整|"} {
		if !strings.Contains(text.String(), line) {
			t.Errorf("the notes lack %q:\n%s", line, text.String())
		}
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestQueriesInParquetAndExcelEqualTheirJSON(t *testing.T) {
	f := newFixture(t)
	f.push("ticket_recognition", row{"spot_id": "500111-S01", "date": instant("2024-05-01 00:00"), "issuer_region": "512000", "ticket_type": "annual", "region": "500111"})
	f.push("tourism_flow", flow("500111-S01", "2024-05-01 09:00", 5, 10), flow("512021-S01", "2024-05-02 09:00", 5, 4), flow("512021-S01", "2023-05-02 09:00", 5, 3))
	for _, q := range []Query{
		{Metrics: []string{"visitors"}, Dimensions: []string{"region", "hour"}, Time: Time{From: "2024-05-01", To: "2024-05-03", Grain: GrainDay}, Compare: ComparePreviousYear},
		{Metrics: []string{"visitors"}, Time: Time{Grain: GrainHour}},
		{Metrics: []string{"amount_owed", "recognitions"}, Dimensions: []string{"issuer_region"}, Time: Time{Grain: GrainMonth}},
	} {
		var out bytes.Buffer
		tail, err := f.WriteQuery(t.Context(), q, everything, f.position(), NewEncoder(&out, Encoding{Format: FormatJSON}))
		if err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Columns []Column
			Rows    [][]any
		}
		decoder := json.NewDecoder(&out)
		decoder.UseNumber()
		if err := decoder.Decode(&answer); err != nil {
			t.Fatal(err)
		}
		want := texts{columns: answer.Columns}
		for _, r := range answer.Rows {
			line := make([]string, len(r))
			for i, v := range r {
				if line[i] = fmt.Sprint(v); v == nil {
					line[i] = "null"
				}
			}
			want.rows = append(want.rows, line)
		}
		if len(want.rows) == 0 || tail.Truncated {
			t.Fatalf("%+v: %d rows", q, len(want.rows))
		}
		var file bytes.Buffer
		if _, err := f.WriteQuery(t.Context(), q, everything, f.position(), NewEncoder(&file, Encoding{Format: FormatParquet})); err != nil {
			t.Fatal(err)
		}
		_, rows, metadata := fromParquet(t, file.Bytes())
		f.same("parquet", want, rows)
		if metadata["metrics"] != strings.Join(q.Metrics, ",") {
			t.Errorf("%v", metadata)
		}
		file.Reset()
		encoder := NewEncoder(&file, Encoding{Format: FormatXLSX, TempDir: t.TempDir()})
		if _, err := f.WriteQuery(t.Context(), q, everything, f.position(), encoder); err != nil {
			t.Fatal(err)
		}
		if err := encoder.Close(); err != nil {
			t.Fatal(err)
		}
		book, err := excelize.OpenReader(&file)
		if err != nil {
			t.Fatal(err)
		}
		f.same("xlsx", want, fromSheet(t, book, rowsSheet, want))
		book.Close()
	}
}

func TestAllRecordsAreOfOneStateWhileAPageIsNot(t *testing.T) {
	f := newFixture(t, "tourism_flow")
	b := f.push("tourism_flow", flow("500111-S01", "2024-05-01 09:00", 5, 1), flow("500111-S01", "2024-05-01 09:05", 5, 2))
	f.push("tourism_flow", flow("500111-S01", "2024-05-01 09:05", 5, 22), flow("500111-S01", "2024-05-01 09:10", 5, 3))
	q := RecordsQuery{Dataset: "tourism_flow", Fields: []string{"entries"}, All: true}
	sorted := func(a *Answer) string {
		slices.SortFunc(a.Rows, func(x, y []Cell) int { return strings.Compare(x[0].Text, y[0].Text) })
		return a.table()
	}
	if now := f.records(q); sorted(now) != "1\n22\n3\n" || now.NextCursor != "" || now.Watermark != 2 {
		t.Errorf("%s %q %d", now.table(), now.NextCursor, now.Watermark)
	}
	q.AsOf = b.at.Format(time.RFC3339)
	if then := f.records(q); sorted(then) != "1\n2\n" || then.Watermark != 1 {
		t.Errorf("%s %d", then.table(), then.Watermark)
	}
}

// The worksheet's bound holds before a row is read, and by itself.
func TestASheetTooLargeIsRefusedBeforeAnythingIsSent(t *testing.T) {
	f := newFixture(t, "tourism_flow")
	c := f.catalogue()["tourism_flow"]
	err := f.store.Conn().Exec(t.Context(), "INSERT INTO "+f.tables.current(c.ID)+
		" (_version, _received_at, spot_id, observed_at, interval_minutes, region, entries) SELECT 16777216 + number, now64(3), 'x', toDateTime64(number * 60, 3, 'UTC'), 1, '500111', number FROM numbers(?)", uint64(maxSheetRows+1))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	temp := t.TempDir()
	encoder := NewEncoder(&out, Encoding{Format: FormatXLSX, TempDir: temp})
	var refused *QueryError
	_, err = f.WriteRecords(t.Context(), RecordsQuery{Dataset: c.ID, All: true}, everything, f.position(), encoder)
	if !errors.As(err, &refused) || refused.Problem != ProblemExportTooLarge || !strings.Contains(refused.Remedy, "parquet") {
		t.Errorf("%v", err)
	}
	sheet := encoder.(*xlsxEncoder)
	if err := sheet.Begin(Head{Columns: []Column{{Name: "a", Type: typeString}}}); err != nil {
		t.Fatal(err)
	}
	sheet.rows = maxSheetRows - 1
	if err := sheet.Row([]Cell{{Text: "last"}}); err != nil {
		t.Error(err)
	}
	if err := sheet.Row([]Cell{{Text: "one more"}}); !errors.As(err, &refused) || refused.Problem != ProblemExportTooLarge {
		t.Errorf("%v", err)
	}
	sheet.rows = 0
	if err := sheet.Row([]Cell{{Text: strings.Repeat("长", maxCellUnits+1)}}); !errors.As(err, &refused) || !strings.Contains(refused.Message, "第 1 行 a 列") {
		t.Errorf("%v", err)
	}
	sheet.book.bytes = maxSheetBytes
	if err := sheet.Row([]Cell{{Text: "x"}}); !errors.As(err, &refused) {
		t.Errorf("%v", err)
	}
	if err := encoder.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(temp); out.Len() > 0 || err != nil || len(left) > 0 {
		t.Errorf("%d bytes sent, %v left behind, %v", out.Len(), left, err)
	}
	// All of them as Parquet: more than one row group, and not one row lost.
	content := f.export(RecordsQuery{Dataset: c.ID, Fields: []string{"entries"}, All: true}, Encoding{Format: FormatParquet})
	_, rows, _ := fromParquet(t, content)
	sum := 0
	for _, r := range rows {
		n, err := strconv.Atoi(r[0])
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	if n := maxSheetRows + 1; len(rows) != n || sum != n*(n-1)/2 {
		t.Errorf("%d rows, sum %d", len(rows), sum)
	}
}

func TestLongAnswersAreFewAtOnce(t *testing.T) {
	f := newFixture(t, "tourism_flow")
	for range longAnswers {
		f.long <- struct{}{}
	}
	_, err := f.WriteRecords(t.Context(), RecordsQuery{Dataset: "tourism_flow", All: true}, everything, f.position(), &Answer{})
	var busy *QueryError
	if !errors.As(err, &busy) || busy.Problem != ProblemBusy || busy.RetryAfterSeconds == 0 {
		t.Errorf("%v", err)
	}
	f.records(RecordsQuery{Dataset: "tourism_flow"}) // a page is answered meanwhile
}

func TestHeadingsOfCSV(t *testing.T) {
	head := Head{Columns: []Column{{Name: "visitors", Type: typeInteger, Label: "接待人次", Unit: "人次"}, {Name: "region", Type: typeString, Label: "行政区划"}, {Name: "plain", Type: typeString}}}
	for _, f := range []struct {
		encoding Encoding
		english  bool
		want     string
	}{
		{Encoding{Format: FormatCSV}, false, "\xEF\xBB\xBFvisitors,region,plain\r\n"},
		{Encoding{Format: FormatCSV, Unmarked: true}, false, "visitors,region,plain\r\n"},
		{Encoding{Format: FormatCSV, Unmarked: true, Labels: true}, false, "接待人次（人次）,行政区划,plain\r\n"},
		{Encoding{Format: FormatCSV, Unmarked: true, Labels: true}, true, "接待人次 (人次),行政区划,plain\r\n"},
	} {
		var out bytes.Buffer
		encoder := NewEncoder(&out, f.encoding)
		head.Reader.English = f.english
		if err := errors.Join(encoder.Begin(head), encoder.End(Tail{})); err != nil || out.String() != f.want {
			t.Errorf("%+v: %q %v", f.encoding, out.String(), err)
		}
	}
}
