package analytics

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/shopspring/decimal"
	"github.com/xuri/excelize/v2"

	"github.com/zida-hub/zida/schemas"
)

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
	reader := parquet.NewGenericReader[any](file)
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
func fromSheet(t testing.TB, book *excelize.File, sheet string, want texts) [][]string {
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
			shown, err := book.GetCellValue(sheet, cell)
			if err != nil {
				t.Fatal(err)
			}
			if c.Type == typeInstant || c.Type == typeNumber { // excelize shows neither milliseconds nor all digits
				if shown, err = book.GetCellValue(sheet, cell, excelize.Options{RawCellValue: true}); err != nil {
					t.Fatal(err)
				}
			}
			kind, err := book.GetCellType(sheet, cell)
			if err != nil {
				t.Fatal(err)
			}
			if formula, err := book.GetCellFormula(sheet, cell); err != nil || formula != "" {
				t.Errorf("%s is a formula: %s %v", cell, formula, err)
			}
			line[i] = sheetText(t, c, shown, kind == excelize.CellTypeInlineString, want.rows[r][i])
		}
		rows = append(rows, line)
	}
	if extra, err := book.GetCellValue(sheet, fmt.Sprintf("A%d", len(want.rows)+2)); err != nil || extra != "" {
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
