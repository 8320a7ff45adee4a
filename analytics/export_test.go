package analytics

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
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

// fromParquet reads a file with the library's own reader and turns each value by the
// type that the file says it has.
func fromParquet(t testing.TB, content []byte) (names []string, rows [][]string, metadata map[string]string) {
	t.Helper()
	file, err := parquet.OpenFile(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	fields := file.Schema().Fields()
	for _, field := range fields {
		names = append(names, field.Name())
		if !field.Optional() {
			t.Errorf("%s is not nullable", field.Name())
		}
	}
	reader := parquet.NewReader(file)
	defer reader.Close()
	batch := make([]parquet.Row, 100)
	for {
		n, err := reader.ReadRows(batch)
		for _, r := range batch[:n] {
			line := make([]string, len(fields))
			for i, v := range r {
				line[i] = valueText(fields[i], v)
			}
			rows = append(rows, line)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	metadata = map[string]string{}
	for _, kv := range file.Metadata().KeyValueMetadata {
		metadata[kv.Key] = kv.Value
	}
	return names, rows, metadata
}

func valueText(field parquet.Field, v parquet.Value) string {
	if v.IsNull() {
		return "null"
	}
	kind := field.Type().String()
	unscaled := func(n *big.Int) string {
		var precision, scale int32
		if _, err := fmt.Sscanf(kind, "DECIMAL(%d,%d)", &precision, &scale); err != nil {
			return kind + err.Error()
		}
		return decimal.NewFromBigInt(n, -scale).StringFixed(scale)
	}
	switch {
	case strings.HasPrefix(kind, "DECIMAL"):
		switch v.Kind() {
		case parquet.Int32:
			return unscaled(big.NewInt(int64(v.Int32())))
		case parquet.Int64:
			return unscaled(big.NewInt(v.Int64()))
		}
		n := new(big.Int).SetBytes(v.ByteArray())
		if v.ByteArray()[0] >= 0x80 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), 128))
		}
		return unscaled(n)
	case kind == "DATE":
		return time.Unix(int64(v.Int32())*86400, 0).UTC().Format(time.DateOnly)
	case strings.HasPrefix(kind, "TIMESTAMP(isAdjustedToUTC=true,unit=MILLIS)"):
		return string(appendInstant(nil, strconv.FormatInt(v.Int64(), 10)))
	case kind == "STRING":
		return string(v.ByteArray())
	case kind == "BOOLEAN":
		return strconv.FormatBool(v.Boolean())
	case kind == "DOUBLE":
		text, _ := json.Marshal(v.Double())
		return string(text)
	case kind == "INT(64,true)":
		return strconv.FormatInt(v.Int64(), 10)
	}
	return "a " + kind
}

// throughClickHouse has the engine read the file, with its own reader of Parquet.
func (f *fixture) throughClickHouse(content []byte, columns []Column) [][]string {
	f.t.Helper()
	var literal strings.Builder
	for _, b := range content {
		fmt.Fprintf(&literal, `\x%02x`, b)
	}
	var selects []string
	for i := range columns {
		selects = append(selects, text(quote(columns[i].Name), columns[i].Type, columns[i].Scale))
	}
	rows, err := f.store.Conn().Query(f.t.Context(), "SELECT "+strings.Join(selects, ", ")+" FROM format(Parquet, '"+literal.String()+"') SETTINGS max_query_size = 100000000, max_threads = 1")
	if err != nil {
		f.t.Fatal(err)
	}
	defer rows.Close()
	var all [][]string
	for rows.Next() {
		cells := make([]*string, len(columns))
		targets := make([]any, len(columns))
		for i := range cells {
			targets[i] = &cells[i]
		}
		if err := rows.Scan(targets...); err != nil {
			f.t.Fatal(err)
		}
		line := make([]string, len(cells))
		for i, cell := range cells {
			switch {
			case cell == nil:
				line[i] = "null"
			case columns[i].Type == typeInstant:
				line[i] = string(appendInstant(nil, *cell))
			default:
				line[i] = *cell
			}
		}
		all = append(all, line)
	}
	if err := rows.Err(); err != nil {
		f.t.Fatal(err)
	}
	return all
}

// fromSheet reads the data sheet as a person sees it, and turns that into what JSON has.
func fromSheet(t testing.TB, book *excelize.File, want texts) [][]string {
	t.Helper()
	// The rows have no bounds of their own where cells are empty: they come from JSON.
	var rows [][]string
	for r := range want.rows {
		line := make([]string, len(want.columns))
		for i, c := range want.columns {
			cell, err := excelize.CoordinatesToCellName(i+1, r+2)
			if err != nil {
				t.Fatal(err)
			}
			shown, err := book.GetCellValue("数据", cell)
			if err != nil {
				t.Fatal(err)
			}
			if c.Type == typeInstant || c.Type == typeNumber { // excelize shows neither milliseconds nor all digits
				if shown, err = book.GetCellValue("数据", cell, excelize.Options{RawCellValue: true}); err != nil {
					t.Fatal(err)
				}
			}
			kind, err := book.GetCellType("数据", cell)
			if err != nil {
				t.Fatal(err)
			}
			if formula, err := book.GetCellFormula("数据", cell); err != nil || formula != "" {
				t.Errorf("%s is a formula: %s %v", cell, formula, err)
			}
			line[i] = sheetText(t, c, shown, kind == excelize.CellTypeInlineString, want.rows[r][i])
		}
		rows = append(rows, line)
	}
	if extra, err := book.GetCellValue("数据", fmt.Sprintf("A%d", len(want.rows)+2)); err != nil || extra != "" {
		t.Errorf("there are more rows: %q %v", extra, err)
	}
	return rows
}

func sheetText(t testing.TB, c Column, shown string, isText bool, want string) string {
	if shown == "" && !isText {
		return "null"
	}
	if isText && c.Type != typeString {
		// Only what a spreadsheet would round, or a day before it agrees with others.
		digits := strings.Trim(want, "-0.")
		if len(digits) <= 15 && !strings.HasSuffix(want, "e+308") && !strings.HasPrefix(want, "1900-0") {
			t.Errorf("%s: %q is a text", c.Name, shown)
		}
		if f, err := strconv.ParseFloat(shown, 64); err == nil && c.Type == typeNumber {
			return floatText(f)
		}
		return shown
	}
	switch c.Type {
	case typeInstant:
		days, err := strconv.ParseFloat(shown, 64)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
		local := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).Add(time.Duration(math.Round(days*86_400_000)) * time.Millisecond)
		at := time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), local.Second(), local.Nanosecond(), shanghai)
		return string(appendInstant(nil, strconv.FormatInt(at.UnixMilli(), 10)))
	case typeBoolean:
		return strings.ToLower(shown)
	case typeNumber:
		f, err := strconv.ParseFloat(shown, 64)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
		exact, err := strconv.ParseFloat(want, 64)
		if err == nil && strconv.FormatFloat(exact, 'g', 15, 64) == strconv.FormatFloat(f, 'g', 15, 64) {
			return want // excelize reads 15 digits, as spreadsheets show them
		}
		return floatText(f)
	}
	return shown
}

func floatText(f float64) string {
	text, _ := json.Marshal(f)
	return string(text)
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
	f.same("xlsx", want, fromSheet(f.t, book, want))

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

// sample is the property's first example as clickhouse-go takes it.
func sample(t testing.TB, p *schemas.Property) any {
	text := p.Examples[0]
	nullable := p.KeyPosition == 0 && !p.Required
	switch p.Type {
	case schemas.TypeInteger:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if nullable {
			return &n
		}
		return n
	case schemas.TypeBoolean:
		if nullable {
			return ptr(text == "true")
		}
		return text == "true"
	case schemas.TypeNumber:
		if p.Precision == 0 {
			f, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}
			if nullable {
				return &f
			}
			return f
		}
		d := decimal.RequireFromString(text)
		if nullable {
			return &d
		}
		return d
	case schemas.TypeDate, schemas.TypeTimestamp:
		at, ok := parseTime(text)
		if !ok {
			t.Fatalf("%s: %s", p.Name, text)
		}
		at = at.UTC()
		if p.Type == schemas.TypeDate {
			at, _ = time.Parse(time.DateOnly, text)
		}
		if nullable {
			return &at
		}
		return at
	}
	if nullable {
		return &text
	}
	return text
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
		f.same("xlsx", want, fromSheet(t, book, want))
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
	sheet.bytes = maxSheetBytes
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
