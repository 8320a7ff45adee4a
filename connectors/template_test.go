package connectors

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/zida-hub/zida/schemas"
)

// starterLists are the reference lists as a new hub has them, read by the shipped
// contracts' own plans.
func starterLists(t *testing.T, contracts []*schemas.Contract) *schemas.Lists {
	t.Helper()
	var lists []*schemas.List
	for _, c := range contracts {
		if !c.Reference {
			continue
		}
		var entries []schemas.ListEntry
		if rows, ok := schemas.StarterRows(c.ID); ok {
			for line := range bytes.Lines(rows) {
				var row map[string]any
				if err := json.Unmarshal(line, &row); err != nil {
					t.Fatal(err)
				}
				e := schemas.ListEntry{Attrs: map[string]string{}}
				for name, v := range row {
					e.Attrs[name] = fmt.Sprint(v)
				}
				e.Code, e.Region, e.Name = e.Attrs[c.Properties[c.Key[0]].Name], e.Attrs["region"], e.Attrs["name"]
				entries = append(entries, e)
			}
		}
		if key := &c.Properties[c.Key[0]]; len(entries) == 0 { // a list that begins empty: its own example
			entries = append(entries, schemas.ListEntry{Code: key.Examples[0], Name: "示例", Region: key.Examples[0][:6], Attrs: map[string]string{}})
		}
		for i := range entries {
			if c.ID == "scenic_spot" && entries[i].Code == "512021-S05" { // the example of single redemptions
				entries[i].Attrs["ticket_reporting"] = "single"
			}
		}
		lists = append(lists, schemas.NewList(c.ID, entries))
	}
	return schemas.NewLists(1, lists...)
}

// embedded are the shipped contracts, whatever they are.
func embedded(t *testing.T) []*schemas.Contract {
	t.Helper()
	contracts, err := schemas.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	return contracts
}

func shippedContract(t *testing.T, id string) *schemas.Contract {
	t.Helper()
	for _, c := range embedded(t) {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("no contract %s", id)
	return nil
}

// openTemplate is a clerk who opens the template.
func openTemplate(t *testing.T, c *schemas.Contract, lists *schemas.Lists) *excelize.File {
	t.Helper()
	data, err := Template(c, lists)
	if err != nil {
		t.Fatal(err)
	}
	book, err := excelize.OpenReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = book.Close() })
	return book
}

func saved(t *testing.T, book *excelize.File) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "填好.xlsx")
	if err := book.SaveAs(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// typed is a value as a person types it into Excel: numbers as numbers, dates as
// dates, 是 and 否; what a text cell holds stays text.
func typed(t *testing.T, p *schemas.Property, text string, textCell bool) any {
	t.Helper()
	switch p.Type {
	case schemas.TypeInteger, schemas.TypeNumber:
		if textCell {
			return text
		}
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	case schemas.TypeBoolean:
		return map[string]string{"true": "是", "false": "否"}[text]
	case schemas.TypeDate, schemas.TypeTimestamp:
		for _, layout := range []string{time.RFC3339, time.DateTime, time.DateOnly} {
			if at, err := time.Parse(layout, text); err == nil {
				if layout == time.RFC3339 {
					at = at.In(time.FixedZone("", 8*3600))
				}
				return time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), 0, time.UTC)
			}
		}
		t.Fatalf("%s: %q", p.Name, text)
	}
	return text
}

// equalValue compares a record's value with the text it was typed from.
func equalValue(t *testing.T, p *schemas.Property, raw json.RawMessage, want string) bool {
	t.Helper()
	got := strings.Trim(string(raw), `"`)
	switch p.Type {
	case schemas.TypeInteger, schemas.TypeNumber:
		whole := func(s string) string {
			if strings.Contains(s, ".") {
				s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
			}
			return s
		}
		return whole(got) == whole(want)
	case schemas.TypeTimestamp:
		at, err := time.Parse(time.RFC3339, want)
		if err != nil {
			return strings.HasPrefix(got, want)
		}
		return got == at.In(time.FixedZone("", 8*3600)).Format(time.DateTime)
	}
	return got == want
}

func TestTheTemplateOfEveryShippedContractFilledInIsTakenAsItIs(t *testing.T) {
	contracts := embedded(t)
	lists := starterLists(t, contracts)
	for _, c := range contracts {
		t.Run(c.ID, func(t *testing.T) {
			book := openTemplate(t, c, lists)
			sheet := book.GetSheetName(book.GetActiveSheetIndex())
			const rows = 3
			for i := range c.Properties {
				p := &c.Properties[i]
				for row := 2; row < 2+rows; row++ {
					cell := columnName(i) + strconv.Itoa(row)
					id, err := book.GetCellStyle(sheet, cell)
					if err != nil {
						t.Fatal(err)
					}
					style, err := book.GetStyle(id)
					if err != nil {
						t.Fatal(err)
					}
					text := style.CustomNumFmt != nil && *style.CustomNumFmt == "@" || style.NumFmt == 49
					if p.Type == schemas.TypeString && !text {
						t.Errorf("%s: the cell %s is not text", p.Name, cell)
					}
					if err := book.SetCellValue(sheet, cell, typed(t, p, p.Examples[0], text)); err != nil {
						t.Fatal(err)
					}
				}
			}
			converted := convert(t, saved(t, book), FileOptions{Contract: c})
			got := records(t, converted)
			if len(got) != rows || converted.Sheet != sheet {
				t.Fatalf("%d records of sheet %s", len(got), converted.Sheet)
			}
			for _, record := range got {
				var values map[string]json.RawMessage
				if err := json.Unmarshal([]byte(record), &values); err != nil {
					t.Fatal(err)
				}
				for i := range c.Properties {
					p := &c.Properties[i]
					if !equalValue(t, p, values[p.Name], p.Examples[0]) {
						t.Errorf("%s: %s, typed %q", p.Name, values[p.Name], p.Examples[0])
					}
				}
			}
			plan, err := schemas.Compile(c)
			if err != nil {
				t.Fatal(err)
			}
			b := plan.Batch()
			defer b.Release()
			d := plan.Decode(b, []byte(strings.Join(got, "\n")+"\n"), schemas.FormatNDJSON, &schemas.DecodeOptions{
				Sender: schemas.Sender{Regions: []string{"500111", "512000"}, Lists: lists}, MaxErrors: 10,
			})
			if d.Records != rows || d.Rejected != 0 {
				t.Errorf("%s: %+v", got[0], d.Errors)
			}
		})
	}
}

func TestAnUnfilledTemplateHoldsNoRecord(t *testing.T) {
	for _, c := range embedded(t) {
		book := openTemplate(t, c, nil)
		_, err := Convert(t.Context(), saved(t, book), FileOptions{Contract: c, TempDir: t.TempDir()})
		wantError(t, err, "holds no records")
	}
}

func TestATemplateLooksAsAClerkNeedsIt(t *testing.T) {
	contracts := embedded(t)
	lists := starterLists(t, contracts)
	for _, c := range contracts {
		t.Run(c.ID, func(t *testing.T) {
			book := openTemplate(t, c, lists)
			sheets := book.GetSheetList()
			if len(sheets) != 4 || sheets[1] != "填写说明" || sheets[2] != "示例" {
				t.Fatalf("sheets %v", sheets)
			}
			if visible, _ := book.GetSheetVisible(sheets[3]); visible {
				t.Error("the lists are not hidden")
			}
			sheet := sheets[0]
			if sheet != c.Name {
				t.Errorf("sheet %s of %s", sheet, c.Name)
			}
			protection, err := book.GetSheetProtection(sheet)
			if err != nil || !protection.InsertRows || protection.Password != "" {
				t.Errorf("protection %+v, %v", protection, err)
			}
			panes, err := book.GetPanes(sheet)
			if err != nil || !panes.Freeze || panes.YSplit != 1 {
				t.Errorf("panes %+v, %v", panes, err)
			}
			validations, err := book.GetDataValidations(sheet)
			if err != nil || len(validations) != len(c.Properties) {
				t.Fatalf("%d validations of %d columns, %v", len(validations), len(c.Properties), err)
			}
			for i := range c.Properties {
				p := &c.Properties[i]
				heading, v := columnName(i)+"1", validations[i]
				if got, _ := book.GetCellValue(sheet, heading); got != p.Label {
					t.Errorf("%s: heading %q", p.Name, got)
				}
				locked := func(cell string) bool {
					id, err := book.GetCellStyle(sheet, cell)
					if err != nil {
						t.Fatal(err)
					}
					style, err := book.GetStyle(id)
					if err != nil {
						t.Fatal(err)
					}
					return style.Protection == nil || style.Protection.Locked
				}
				if !locked(heading) || locked(columnName(i)+"9") {
					t.Errorf("%s: heading locked %v, cell locked %v", p.Name, locked(heading), locked(columnName(i)+"9"))
				}
				if v.Sqref != fmt.Sprintf("%s2:%[1]s1048576", columnName(i)) || v.Prompt == nil || p.Unit != "" && !strings.Contains(*v.Prompt, p.Unit) {
					t.Errorf("%s: %+v", p.Name, v)
				}
				if v.Type != "none" && (v.Error == nil || !strings.Contains(*v.Error, p.Label)) {
					if p.Type != schemas.TypeBoolean {
						t.Errorf("%s: no message in Chinese: %+v", p.Name, v)
					}
				}
				list := lists.List(p.CodeList)
				switch {
				case len(p.Enum) > 0 || list != nil && list.Len() > 0 && p.ListAttr == "":
					want := p.Enum
					if list != nil {
						want = nil
						for _, e := range list.Entries() {
							want = append(want, e.Code+"｜"+e.Name)
						}
					}
					if got := dropDown(t, book, v); v.Type != "list" || strings.Join(got, ",") != strings.Join(want, ",") {
						t.Errorf("%s: drop-down %s of %v, want %v", p.Name, v.Type, got, want)
					}
				case p.Type == schemas.TypeDate || p.Type == schemas.TypeTimestamp:
					if v.Type != "date" {
						t.Errorf("%s: checked as %s", p.Name, v.Type)
					}
				}
			}
			guide, err := book.GetRows("填写说明")
			if err != nil {
				t.Fatal(err)
			}
			text := fmt.Sprint(guide)
			for i := range c.Properties {
				p := &c.Properties[i]
				for _, l := range p.ValueLabels {
					if want := l.Value + " " + l.Label; l.Value != l.Label && !strings.Contains(text, want) {
						t.Errorf("%s: 填写说明 lacks %q", p.Name, want)
					}
				}
				for _, want := range []string{p.Label, p.Name, p.LabelEN, p.Unit, p.Classification.Label("zh"), p.Examples[0]} {
					if !strings.Contains(text, want) {
						t.Errorf("%s: 填写说明 lacks %q", p.Name, want)
					}
				}
			}
			if example, _ := book.GetRows("示例"); len(example) < 4 || !strings.Contains(fmt.Sprint(example[3]), "不会报送") {
				t.Errorf("示例: %v", example)
			}
		})
	}
}

// dropDown reads the cells that a validation's list names.
func dropDown(t *testing.T, book *excelize.File, v *excelize.DataValidation) []string {
	t.Helper()
	sheet, area, ok := strings.Cut(v.Formula1, "!")
	m, good := parseRange(strings.ReplaceAll(area, "$", ""))
	if !ok || !good {
		t.Fatalf("%+v", v)
	}
	var out []string
	for line := m.line; line <= m.lastLine; line++ {
		text, err := book.GetCellValue(strings.Trim(sheet, "'"), columnName(m.column)+strconv.Itoa(line))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, text)
	}
	return out
}

func TestEqualContractsGiveEqualTemplates(t *testing.T) {
	c := shippedContract(t, "tourism_flow")
	a, err := Template(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Template(c, nil)
	if err != nil || !bytes.Equal(a, b) {
		t.Errorf("two templates differ: %v", err)
	}
}

func TestSheetNamesAreWhatExcelAllows(t *testing.T) {
	f := func(name, want string) {
		t.Helper()
		if got := sheetName(name, "id"); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	f("景区客流", "景区客流")
	f("月报[2025]/a:b?*\\", "月报2025ab")
	f(strings.Repeat("长", 40), strings.Repeat("长", 31))
	f(strings.Repeat("𠮷", 20), strings.Repeat("𠮷", 15)) // two UTF-16 units each
	f("'x'", "x")
	f("", "数据id")
	f("填写说明", "数据id")
}

func TestTheDropDownsChoiceIsReadAsItsCode(t *testing.T) {
	c := shippedContract(t, "tourism_flow")
	book := openTemplate(t, c, starterLists(t, embedded(t)))
	sheet := book.GetSheetList()[0]
	for i := range c.Properties {
		p := &c.Properties[i]
		value := any(nil)
		switch p.Name {
		case "spot_id":
			value = "500111-S01｜大足石刻"
		case "observed_at":
			value = "2025-10-01"
		case "entries":
			value = 5
		default:
			continue
		}
		if err := book.SetCellValue(sheet, columnName(i)+"2", value); err != nil {
			t.Fatal(err)
		}
	}
	got := records(t, convert(t, saved(t, book), FileOptions{Contract: c}))
	if want := `{"spot_id":"500111-S01","observed_at":"2025-10-01","entries":5}`; len(got) != 1 || got[0] != want {
		t.Errorf("%v, want %s", got, want)
	}
}

func TestAPeriodThatExcelMadeADateIsReadAsThePeriod(t *testing.T) {
	c := shippedContract(t, "park_monthly")
	book := openTemplate(t, c, nil)
	sheet := book.GetSheetList()[0]
	monthly, err := book.NewStyle(&excelize.Style{NumFmt: 17}) // mmm-yy, what Excel makes of 2025-09
	if err != nil {
		t.Fatal(err)
	}
	for line, value := range map[int]any{7: 45901, 2: time.Date(2025, 9, 1, 0, 0, 0, 0, time.UTC), 3: "2025年9月", 4: "2025/9", 5: "２０２５-０９", 6: " 2025-09 "} {
		for cell, v := range map[string]any{"A": "500111-P01", "B": value, "D": "1.50"} {
			if err := book.SetCellValue(sheet, cell+strconv.Itoa(line), v); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := book.SetCellStyle(sheet, "B2", "B2", monthly); err != nil {
		t.Fatal(err)
	}
	converted := convert(t, saved(t, book), FileOptions{Contract: c})
	for i, got := range records(t, converted) {
		if want := `{"park_id":"500111-P01","month":"2025-09","output_value":1.50}`; got != want {
			t.Errorf("row %d: %s, want %s", i+2, got, want)
		}
	}
	if _, err := os.Stat(converted.File); err != nil || converted.Records != 6 {
		t.Error(converted.Records, err)
	}
}
