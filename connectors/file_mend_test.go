package connectors

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/zida-hub/zida/schemas"
)

// round is one push of a workbook with --fix-it: it answers the errors and, where
// there are any, the marked workbook's path.
func round(t *testing.T, path string, contract *schemas.Contract, accepted bool) ([]RowError, string) {
	t.Helper()
	c, err := Convert(t.Context(), path, FileOptions{Contract: contract, Collect: true, TempDir: t.TempDir()})
	must(t, err)
	defer c.Close()
	var errs []RowError
	for _, e := range checkedBy(t, c, contract) {
		e = e.In("zh")
		errs = append(errs, RowError{Row: e.Row, Field: e.Field, Code: e.Code, Message: e.Message, Line: e.Line, Cell: e.Cell, Column: e.Column})
	}
	if len(errs) == 0 {
		return nil, ""
	}
	var out bytes.Buffer
	must(t, c.Mended(t.Context(), errs, accepted, &out))
	marked := filepath.Join(t.TempDir(), "改正.xlsx")
	must(t, os.WriteFile(marked, out.Bytes(), 0o600))
	return errs, marked
}

func opened(t *testing.T, path string) *excelize.File {
	t.Helper()
	book, err := excelize.OpenFile(path)
	must(t, err)
	t.Cleanup(func() { _ = book.Close() })
	return book
}

func value(t *testing.T, book *excelize.File, sheet, cell string) string {
	t.Helper()
	text, err := book.GetCellValue(sheet, cell)
	must(t, err)
	return text
}

// fillOf is a cell's colour, "" for none.
func fillOf(t *testing.T, book *excelize.File, sheet, cell string) string {
	t.Helper()
	id, err := book.GetCellStyle(sheet, cell)
	must(t, err)
	style, err := book.GetStyle(id)
	must(t, err)
	if style.Fill.Type != "pattern" || style.Fill.Pattern != 1 || len(style.Fill.Color) == 0 {
		return ""
	}
	color := strings.ToUpper(style.Fill.Color[0])
	return color[max(0, len(color)-6):]
}

// filled are the marked cells below the heading.
func filled(t *testing.T, book *excelize.File, sheet string) string {
	t.Helper()
	var cells []string
	for line := 2; line <= 6; line++ {
		for column := range 10 {
			cell := fmt.Sprintf("%s%d", columnName(column), line)
			if color := fillOf(t, book, sheet, cell); color == fillWrong {
				cells = append(cells, cell)
			}
		}
	}
	return strings.Join(cells, " ")
}

func TestAMendedWorkbookIsTheSendersOwnWithItsFaultsMarked(t *testing.T) {
	contract := shippedContract(t, "ticket_recognition")
	d := newDesk(t)
	d.set("F3", "三百")                                                 // a type
	d.set("A4", nil)                                                  // a required cell
	d.set("H4", 80.505)                                               // decimals
	d.set("E2", "500111")                                             // right, with a fill of the clerk's own
	d.format("F3", &excelize.Style{Fill: solid("FFFF00"), NumFmt: 1}) // the clerk's own yellow
	d.format("E2", &excelize.Style{Fill: solid("00B0F0"), NumFmt: 49})
	_, err := d.book.NewSheet("往来")
	must(t, err)
	must(t, d.book.SetCellFormula("往来", "B2", "SUM('"+d.sheet+"'!F2:F4)"))
	must(t, d.book.SetColWidth("往来", "B", "B", 33))
	must(t, d.book.SetSheetVisible("往来", false)) // else there are two sheets to choose from
	must(t, d.book.SetCellFormula(d.sheet, "G2", "100+15"))
	d.set("G2", "115.00")
	must(t, d.book.SetCellFormula(d.sheet, "L1", "1+1"))
	d.set("L1", nil)
	path := saved(t, d.book)

	errs, marked := round(t, path, contract, false)
	if len(errs) != 3 {
		t.Fatalf("%+v", errs)
	}
	before, after := opened(t, path), opened(t, marked)
	if got := filled(t, after, d.sheet); got != "F3 A4 H4" {
		t.Errorf("marked: %s", got)
	}
	if value(t, after, d.sheet, "I1") != "错误原因" || value(t, after, d.sheet, "I2") != "" ||
		!strings.HasPrefix(value(t, after, d.sheet, "I3"), "核销张数：应为整数") ||
		!strings.Contains(value(t, after, d.sheet, "I4"), "景区编号：") || !strings.Contains(value(t, after, d.sheet, "I4"), "结算价：") {
		t.Errorf("reasons: %q %q %q %q", value(t, after, d.sheet, "I1"), value(t, after, d.sheet, "I2"), value(t, after, d.sheet, "I3"), value(t, after, d.sheet, "I4"))
	}
	if fillOf(t, after, d.sheet, "E2") != "00B0F0" {
		t.Errorf("E2 is %s", fillOf(t, after, d.sheet, "E2"))
	}
	if formula, _ := after.GetCellFormula("往来", "B2"); formula != "SUM('"+d.sheet+"'!F2:F4)" {
		t.Errorf("formula %q", formula)
	}
	for _, sheet := range before.GetSheetList() {
		for column := range 8 {
			name := columnName(column)
			was, _ := before.GetColWidth(sheet, name)
			if is, _ := after.GetColWidth(sheet, name); is != was {
				t.Errorf("%s column %s is %v wide, was %v", sheet, name, is, was)
			}
			for line := 1; line <= 5; line++ {
				cell := fmt.Sprintf("%s%d", name, line)
				if was, is := value(t, before, sheet, cell), value(t, after, sheet, cell); was != is {
					t.Errorf("%s!%s: %q, was %q", sheet, cell, is, was)
				}
			}
		}
	}
	was, _ := before.GetDataValidations(d.sheet)
	if is, _ := after.GetDataValidations(d.sheet); len(is) != len(was) {
		t.Errorf("%d validations, were %d", len(is), len(was))
	}

	// One cell is mended, another spoilt: the second run replaces the first.
	must(t, after.SetCellValue(d.sheet, "F3", 300))
	must(t, after.SetCellValue(d.sheet, "A4", "500111-S01"))
	must(t, after.SetCellValue(d.sheet, "D2", strings.Repeat("长", 300)))
	errs, again := round(t, saved(t, after), contract, true)
	if len(errs) != 2 {
		t.Fatalf("%+v", errs)
	}
	second := opened(t, again)
	if got := filled(t, second, d.sheet); got != "D2 H4" {
		t.Errorf("marked: %s", got)
	}
	if fillOf(t, second, d.sheet, "F3") != "FFFF00" || fillOf(t, second, d.sheet, "A4") != "" {
		t.Errorf("F3 is %s, A4 %s; were yellow and none", fillOf(t, second, d.sheet, "F3"), fillOf(t, second, d.sheet, "A4"))
	}
	if value(t, second, d.sheet, "I3") != "已接收" || strings.Contains(value(t, second, d.sheet, "I4"), "景区编号") || value(t, second, d.sheet, "J1") != "" {
		t.Errorf("reasons: %q %q, next heading %q", value(t, second, d.sheet, "I3"), value(t, second, d.sheet, "I4"), value(t, second, d.sheet, "J1"))
	}

	// All mended: the column is not read, and nothing is left to mark.
	must(t, second.SetCellValue(d.sheet, "D2", "adult"))
	must(t, second.SetCellValue(d.sheet, "H4", 80.5))
	last := saved(t, second)
	if errs, _ := round(t, last, contract, false); len(errs) > 0 {
		t.Errorf("%+v", errs)
	}
	if got := records(t, convert(t, last, FileOptions{Contract: contract})); len(got) != 3 || strings.Contains(got[0], "已接收") {
		t.Errorf("%v", got)
	}
}

func TestFaultsOfTheReaderAndOfTheContractComeTogether(t *testing.T) {
	contract := shippedContract(t, "ticket_recognition")
	d := newDesk(t)
	d.set("F2", "#REF!")
	d.set("D2", strings.Repeat("长", 300))
	d.set("B3", "2025-02-31")
	d.set("A5", "合计")
	d.set("F5", 900)
	errs, marked := round(t, saved(t, d.book), contract, false)
	if len(errs) != 4 {
		t.Errorf("%+v", errs)
	}
	if got := filled(t, opened(t, marked), d.sheet); got != "D2 F2 B3 A5" {
		t.Errorf("marked: %s", got)
	}
}

func TestATextFileComesBackAsAWorkbookWithTheSameColumns(t *testing.T) {
	contract := shippedContract(t, "ticket_recognition")
	text := "景区编号,核销日期,发票地,票种,核销张数,结算价\n" +
		"500111-S01,2025-10-01,512000,adult,100,80.50\n\n" +
		"500111-S01,2025-10-02,512000,=1+1,many,80.50\n"
	errs, marked := round(t, file(t, "a.csv", []byte(text)), contract, false)
	if len(errs) != 1 || errs[0].Line != 4 || errs[0].Column != "核销张数" {
		t.Fatalf("%+v", errs)
	}
	book := opened(t, marked)
	sheet := book.GetSheetList()[0]
	rows, err := book.GetRows(sheet)
	must(t, err)
	want := "[[景区编号 核销日期 发票地 票种 核销张数 结算价 错误原因] [500111-S01 2025-10-01 512000 adult 100 80.50] [500111-S01 2025-10-02 512000 =1+1 many 80.50 "
	if got := fmt.Sprint(rows); !strings.HasPrefix(got, want) {
		t.Errorf("%s", got)
	}
	if formula, _ := book.GetCellFormula(sheet, "D3"); formula != "" || filled(t, book, sheet) != "E3" {
		t.Errorf("formula %q, marked %s", formula, filled(t, book, sheet))
	}
	must(t, book.SetCellValue(sheet, "E3", 200))
	got := records(t, convert(t, saved(t, book), FileOptions{Contract: contract}))
	if len(got) != 2 || !strings.Contains(got[1], `"ticket_type":"=1+1","count":200,"settlement_price":80.50`) {
		t.Errorf("%v", got)
	}
}

func TestAFormatWithoutCellsCannotBeMarked(t *testing.T) {
	c := convert(t, file(t, "a.ndjson", []byte("{\"entries\":1}\n")), FileOptions{})
	wantError(t, c.Mended(t.Context(), nil, false, &bytes.Buffer{}), "--fix-it is for xlsx and csv")
}
