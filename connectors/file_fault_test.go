package connectors

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/zida-hub/zida/schemas"
)

// desk is a filled-in template of 门票互认日报 in the hands of a clerk. Its columns:
// A 景区编号, B 核销日期, C 发票地, D 票种, E 行政区划, F 核销张数, G 票面价, H 结算价.
type desk struct {
	t     *testing.T
	book  *excelize.File
	sheet string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	contracts := embedded(t)
	d := &desk{t: t, book: openTemplate(t, shippedContract(t, "ticket_recognition"), starterLists(t, contracts))}
	d.sheet = d.book.GetSheetList()[0]
	for line := 2; line <= 4; line++ {
		for column, v := range map[string]any{
			"A": "500111-S01", "B": time.Date(2025, 10, line-1, 0, 0, 0, 0, time.UTC), "C": "512000", "D": "adult",
			"E": "500111", "F": 100 * line, "G": "115.00", "H": "80.50",
		} {
			d.set(fmt.Sprintf("%s%d", column, line), v)
		}
	}
	return d
}

func (d *desk) set(cell string, v any) {
	d.t.Helper()
	if err := d.book.SetCellValue(d.sheet, cell, v); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) format(cell string, s *excelize.Style) {
	d.t.Helper()
	id, err := d.book.NewStyle(s)
	if err == nil {
		err = d.book.SetCellStyle(d.sheet, cell, cell, id)
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

// checkedBy is what the hub would say: the reader's faults and the plan's errors,
// placed in the sheet.
func checkedBy(t *testing.T, c *Converted, contract *schemas.Contract) []schemas.RowError {
	t.Helper()
	plan, err := schemas.Compile(contract)
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	body, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	b := plan.Batch()
	defer b.Release()
	decoded := plan.Decode(b, body, schemas.FormatNDJSON, &schemas.DecodeOptions{
		Sender: schemas.Sender{Regions: []string{"500111"}, Lists: starterLists(t, embedded(t))}, MaxErrors: 100,
	})
	if decoded.Body != nil {
		t.Fatal(decoded.Body)
	}
	return c.PlaceRecords(decoded.Errors)
}

func TestEachFaultOfASheetIsNamedAsTheClerkSeesIt(t *testing.T) {
	contract := shippedContract(t, "ticket_recognition")
	second := `{"spot_id":"500111-S01","day":"2025-10-02","issuer_region":"512000","ticket_type":"adult","region":"500111","count":300,"face_value":115.00,"settlement_price":80.50}`
	with := func(old, text string) string { return strings.Replace(second, old, text, 1) }
	for _, tt := range []struct {
		name  string
		spoil func(d *desk)
		// cell and column, and parts of the message; or, where the sheet is taken,
		// line 3's record. Without a cell the whole file is refused.
		cell, column string
		want         []string
		record       string
	}{
		{"text in a number", func(d *desk) { d.set("F3", "三百") }, "F3", "核销张数", []string{"应为整数"}, ""},
		{"a number with its unit", func(d *desk) { d.set("F3", "300张") }, "F3", "核销张数", []string{"去掉", "单位"}, ""},
		{"a boolean for a number", func(d *desk) { d.set("F3", true) }, "F3", "核销张数", []string{"应为整数"}, ""},
		{"an unknown code", func(d *desk) { d.set("A3", "500111-S99") }, "A3", "景区编号", []string{"不在参照表 scenic_spot"}, ""},
		{"the other side's region", func(d *desk) { d.set("A3", "512021-S01"); d.set("E3", "512021") }, "E3", "行政区划", []string{"不在报送单位的范围"}, ""},
		{"another region than the spot's", func(d *desk) { d.set("E3", "512021") }, "E3", "行政区划", []string{"请改为 500111"}, ""},
		{"a required cell is empty", func(d *desk) { d.set("F3", nil) }, "F3", "核销张数", []string{"缺少必填字段"}, ""},
		{"a number below its range", func(d *desk) { d.set("F3", -5) }, "F3", "核销张数", []string{"超出允许范围 0"}, ""},
		{"too many decimals", func(d *desk) { d.set("H3", 80.505) }, "H3", "结算价", []string{"小数 2 位"}, ""},
		{"a rule between fields", func(d *desk) { d.set("H3", "999.00") }, "H3", "结算价", []string{"票面价"}, ""},
		{"31 February", func(d *desk) { d.set("B3", "2025-02-31") }, "B3", "核销日期", []string{"不是存在的日期"}, ""},
		{"a date whose day and month are a guess", func(d *desk) { d.set("B3", "03/04/2025") }, "B3", "核销日期", []string{"不是存在的日期"}, ""},
		{"a date that became a number", func(d *desk) { d.set("B3", 45932); d.format("B3", &excelize.Style{NumFmt: 1}) },
			"B3", "核销日期", []string{"是数字而不是日期"}, ""},
		{"a date as text, several ways", func(d *desk) { d.set("B3", "2025年10月2日") }, "", "", nil, second},
		{"a date with points", func(d *desk) { d.set("B3", "2025.10.2") }, "", "", nil, second},
		{"a heading twice", func(d *desk) { d.set("G1", "结算价") }, "", "", []string{"H1", "“结算价”出现在两列（G 与 H）"}, ""},
		{"an unknown column", func(d *desk) { d.set("I1", "备考"); d.set("I3", "x") }, "", "", []string{"I1", "列“备考”不是", "删除该列"}, ""},
		{"a required column is gone", func(d *desk) { must(d.t, d.book.RemoveCol(d.sheet, "F")) }, "", "", []string{"缺少必填列“核销张数”"}, ""},
		{"an empty sheet", func(d *desk) {
			for line := 1; line <= 4; line++ {
				for column := range 8 {
					d.set(fmt.Sprintf("%s%d", columnName(column), line), nil)
				}
			}
		}, "", "", []string{"工作表是空的"}, ""},
		{"headings only", func(d *desk) {
			for line := 4; line > 1; line-- {
				must(d.t, d.book.RemoveRow(d.sheet, 2))
			}
		}, "", "", []string{"没有数据，只有表头"}, ""},
		{"cells merged in the data", func(d *desk) { must(d.t, d.book.MergeCell(d.sheet, "A3", "A4")) }, "A3", "景区编号", []string{"A3:A4 是合并单元格", "取消合并并逐行填写"}, ""},
		{"cells merged in the heading", func(d *desk) { must(d.t, d.book.MergeCell(d.sheet, "G1", "H1")) }, "", "", []string{"G1:H1"}, ""},
		{"a formula with an error", func(d *desk) {
			must(d.t, d.book.SetCellFormula(d.sheet, "F3", "1/0"))
			d.errorValue("F3", "#DIV/0!")
		}, "F3", "核销张数", []string{"单元格 F3 是错误值 #DIV/0!", "请改正公式"}, ""},
		{"an error that was typed", func(d *desk) { d.set("F3", "#N/A") }, "F3", "核销张数", []string{"错误值 #N/A"}, ""},
		{"a formula that was never calculated", func(d *desk) { d.set("F3", nil); must(d.t, d.book.SetCellFormula(d.sheet, "F3", "100+200")) },
			"F3", "核销张数", []string{"尚未计算的公式"}, ""},
		{"spaces around a code and a number", func(d *desk) { d.set("A3", "　500111-S01 "); d.set("F3", " 300 ") }, "", "", nil, second},
		{"full-width digits in a number and a date", func(d *desk) { d.set("F3", "３００"); d.set("B3", "２０２５－１０－０２") }, "", "", nil, second},
		{"full-width digits in a code", func(d *desk) { d.set("A3", "５００１１１-Ｓ01") }, "", "", nil, second},
		{"no such sheet", func(d *desk) {
			must(d.t, d.book.SetSheetName(d.sheet, "十月"))
			_, err := d.book.NewSheet("九月")
			must(d.t, err)
		},
			"", "", []string{"十月", "九月", "请指明读哪一个"}, ""},
		{"hidden rows are read too", func(d *desk) { must(d.t, d.book.SetRowVisible(d.sheet, 3, false)) }, "", "", nil, second},
		{"a row of sums", func(d *desk) { d.set("A5", "合 计"); d.set("F5", 900) }, "A5", "景区编号", []string{"第 5 行像是合计行", "请删除该行"}, ""},
		{"a number stored as text", func(d *desk) { d.set("F3", "300"); d.format("F3", &excelize.Style{NumFmt: 49}) }, "", "", nil, second},
		{"a number with thousands separators, as text", func(d *desk) { d.set("F3", "1,300") }, "F3", "核销张数", []string{"应为整数"}, ""},
		{"a number shown with thousands separators", func(d *desk) { d.format("F3", &excelize.Style{NumFmt: 3}) }, "", "", nil, second},
		{"an amount of more digits than Excel keeps", func(d *desk) { d.set("H3", 1234567890123456.5) }, "H3", "结算价", []string{"超过 15 位的数字", "文本格式"}, ""},
		{"a value beyond the heading", func(d *desk) { d.set("J3", "备注") }, "J3", "", []string{"单元格 J3 有内容“备注”", "没有表头"}, ""},
		{"the code and name of the drop-down", func(d *desk) { d.set("A3", "500111-S01｜大足石刻·宝顶山") }, "", "", nil, second},
		{"an old column of reasons", func(d *desk) { d.set("I1", "错误原因"); d.set("I3", "结算价：缺少必填字段") }, "", "", nil, second},
		{"no face value", func(d *desk) { d.set("G3", nil) }, "", "", nil, with(`"face_value":115.00,`, "")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t)
			tt.spoil(d)
			path := saved(t, d.book)
			c, err := Convert(t.Context(), path, FileOptions{Contract: contract, Collect: true, TempDir: t.TempDir()})
			if tt.cell == "" && tt.record == "" {
				var fe *FileError
				if !errors.As(err, &fe) || fe.ZH == "" {
					t.Fatalf("%v", err)
				}
				for _, want := range tt.want {
					if !strings.Contains(fe.Chinese(), want) {
						t.Errorf("lacks %q: %s", want, fe.Chinese())
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			errs := checkedBy(t, c, contract)
			if tt.record != "" {
				if got := records(t, c); len(errs) > 0 || len(got) != 3 || got[1] != tt.record {
					t.Errorf("%+v\n got %s\nwant %s", errs, got[1], tt.record)
				}
				return
			}
			if len(errs) != 1 {
				t.Fatalf("%d errors: %+v", len(errs), errs)
			}
			e := errs[0].In("zh")
			line := int(tt.cell[1] - '0')
			if e.Cell != tt.cell || e.Column != tt.column || e.Line != line || e.Sheet != d.sheet || e.Row != line-1 {
				t.Errorf("at %s %q of %s, line %d, record %d; want %s %q", e.Cell, e.Column, e.Sheet, e.Line, e.Row, tt.cell, tt.column)
			}
			for _, want := range tt.want {
				if !strings.Contains(e.Message, want) {
					t.Errorf("lacks %q: %s", want, e.Message)
				}
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// errorValue gives a formula the value that Excel calculates for it.
func (d *desk) errorValue(cell, value string) {
	d.t.Helper()
	path := saved(d.t, d.book)
	raw, err := os.ReadFile(path)
	must(d.t, err)
	changed := rewriteZip(d.t, raw, "xl/worksheets/sheet1.xml", func(xml []byte) []byte {
		at := bytes.Index(xml, []byte(`<c r="`+cell+`"`))
		end := at + bytes.Index(xml[at:], []byte("</c>"))
		old := string(xml[at:end])
		formula := old[strings.Index(old, "<f>"):strings.Index(old, "</f>")]
		style := ""
		if _, after, ok := strings.Cut(old, ` s="`); ok {
			number, _, _ := strings.Cut(after, `"`)
			style = ` s="` + number + `"`
		}
		return bytes.Replace(xml, xml[at:end], []byte(`<c r="`+cell+`"`+style+` t="e">`+formula+"</f><v>"+value+"</v>"), 1)
	})
	book, err := excelize.OpenReader(bytes.NewReader(changed))
	must(d.t, err)
	d.t.Cleanup(func() { _ = book.Close() })
	d.book = book
}

func TestCodesAndIdsThatExcelCutAreFound(t *testing.T) {
	contract := shippedContract(t, "indicator_value")
	for _, tt := range []struct {
		name, cell string
		value      any
		want       []string
	}{
		{"an id of 18 digits typed as a number", "G2", 512021199001011234, []string{"超过 15 位的数字", "文本格式"}},
		{"an id in scientific notation", "G2", 1.23e+20, []string{"超过 15 位的数字"}},
		{"a value that is not in the list", "F2", "finale", []string{"不是允许的值", "final 最终核实", "是否应为 final"}},
		{"a code without its leading zeros", "B2", 5001, []string{"Excel 会丢掉开头的 0", "文本格式"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			book := openTemplate(t, contract, nil)
			sheet := book.GetSheetList()[0]
			for cell, v := range map[string]any{"A2": "500111-I01", "B2": "500111", "C2": "2025", "D2": "1.5", tt.cell: tt.value} {
				must(t, book.SetCellValue(sheet, cell, v))
			}
			c, err := Convert(t.Context(), saved(t, book), FileOptions{Contract: contract, Collect: true, TempDir: t.TempDir()})
			must(t, err)
			defer c.Close()
			errs := checkedBy(t, c, contract)
			if len(errs) == 0 || errs[0].Cell != tt.cell {
				t.Fatalf("%+v", errs)
			}
			for _, want := range tt.want {
				if got := errs[0].In("zh").Message; !strings.Contains(got, want) {
					t.Errorf("lacks %q: %s", want, got)
				}
			}
		})
	}
}

func TestBrokenZipsAreNamedInChinese(t *testing.T) {
	d := newDesk(t)
	raw, err := os.ReadFile(saved(t, d.book))
	must(t, err)
	for name, content := range map[string][]byte{"cut": raw[:len(raw)/2], "flipped": flip(raw, len(raw)/3), "text": []byte("景区编号,核销日期\n")} {
		_, err := Convert(t.Context(), file(t, "a.xlsx", content), FileOptions{Contract: shippedContract(t, "ticket_recognition"), TempDir: t.TempDir()})
		var fe *FileError
		if !errors.As(err, &fe) || fe.ZH == "" || fe.RemedyZH == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWithoutCollectingTheFirstFaultIsTheError(t *testing.T) {
	d := newDesk(t)
	d.set("F3", "#N/A")
	_, err := Convert(t.Context(), saved(t, d.book), FileOptions{Contract: shippedContract(t, "ticket_recognition"), TempDir: t.TempDir()})
	wantError(t, err, "line 3", "cell F3 holds the error #N/A")
}
