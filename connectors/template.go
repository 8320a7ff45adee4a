package connectors

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/zida-hub/zida/schemas"
)

// MediaXLSX is the content type of an Excel workbook.
const MediaXLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

// The sheets of a template beside the one that is filled in. Convert passes over
// them when it has to find the sheet with the records by itself.
const (
	sheetGuide   = "填写说明"
	sheetExample = "示例"
	sheetLists   = "代码"
)

// choiceMark stands between a code and its name in a template's drop-downs. The
// reader takes what is before it.
const choiceMark = "｜"

// lastRow is the last row of a sheet (ECMA-376).
const lastRow = excelize.TotalRows

// maxChoices is the length up to which a list becomes a drop-down.
const maxChoices = 10_000

// Fills of headings, the legend explains them; RGB.
const (
	fillRequired = "FFE699"
	fillOptional = "DDEBF7"
	fillExample  = "EDEDED"
)

// Template is an Excel workbook to fill in by hand: a sheet named like the dataset
// with Chinese headings, drop-downs from value lists and from the reference lists
// given (nil: none), checks as Excel knows them, and two sheets to read, 填写说明 and
// 示例. What is filled in below the headings is what Convert reads.
func Template(c *schemas.Contract, lists *schemas.Lists) ([]byte, error) {
	t := &template{c: c, book: excelize.NewFile(), lists: lists, sheet: sheetName(c.Name, c.ID), styles: map[string]int{}, choices: map[string]string{}}
	defer t.book.Close()
	if err := t.fill(); err != nil {
		return nil, fmt.Errorf("template of %s: %w", c.ID, err)
	}
	var out bytes.Buffer
	if err := t.book.Write(&out); err != nil {
		return nil, fmt.Errorf("template of %s: %w", c.ID, err)
	}
	return out.Bytes(), nil
}

type template struct {
	c       *schemas.Contract
	book    *excelize.File
	lists   *schemas.Lists
	sheet   string
	columns []templateColumn
	styles  map[string]int
	choices map[string]string // list and filter → range on the hidden sheet
}

func (t *template) fill() error {
	t.columns = templateColumns(t.c)
	for _, step := range []func() error{t.sheets, t.headings, t.checks, t.example, t.guide, t.protect} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// sheetName is a name that Excel allows: 31 UTF-16 units, no \ / ? * [ ] : and no
// apostrophe at its ends.
func sheetName(name, id string) string {
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`\/?*[]:`, r) || r < ' ' {
			return -1
		}
		return r
	}, name)
	units, end := 0, 0
	for at, r := range name {
		if units++; r > 0xFFFF {
			units++
		}
		if units > 31 {
			break
		}
		end = at + len(string(r))
	}
	name = strings.Trim(name[:end], "' ")
	switch name {
	case "", sheetGuide, sheetExample, sheetLists, "History":
		return "数据" + id[:min(len(id), 29)]
	}
	return name
}

func (t *template) sheets() error {
	if err := t.book.SetSheetName("Sheet1", t.sheet); err != nil {
		return err
	}
	for _, name := range []string{sheetGuide, sheetExample, sheetLists} {
		if _, err := t.book.NewSheet(name); err != nil {
			return err
		}
	}
	if err := t.book.SetSheetVisible(sheetLists, false); err != nil {
		return err
	}
	return t.book.SetDocProps(&excelize.DocProperties{Title: t.c.Name, Subject: t.c.ID, Version: t.c.Version, Creator: "zida", LastModifiedBy: "zida",
		Created: "2000-01-01T00:00:00Z", Modified: "2000-01-01T00:00:00Z"}) // equal contracts give equal files
}

// style makes a style once.
func (t *template) style(name string, s *excelize.Style) (int, error) {
	if id, ok := t.styles[name]; ok {
		return id, nil
	}
	id, err := t.book.NewStyle(s)
	t.styles[name] = id
	return id, err
}

func solid(rgb string) excelize.Fill {
	return excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{rgb}}
}

var thin = []excelize.Border{
	{Type: "left", Color: "BFBFBF", Style: 1}, {Type: "right", Color: "BFBFBF", Style: 1},
	{Type: "top", Color: "BFBFBF", Style: 1}, {Type: "bottom", Color: "BFBFBF", Style: 1},
}

func (t *template) headingStyle(required bool) (int, error) {
	name, fill := "optional", fillOptional
	if required {
		name, fill = "required", fillRequired
	}
	return t.style(name, &excelize.Style{
		Fill: solid(fill), Border: thin, Font: &excelize.Font{Bold: true}, Protection: &excelize.Protection{Locked: true},
		Alignment: &excelize.Alignment{Horizontal: "center", Vertical: "center", WrapText: true},
	})
}

// headings lays out the sheet to fill in, and the one with the example.
func (t *template) headings() error {
	open, err := t.style("open", &excelize.Style{Protection: &excelize.Protection{}})
	if err != nil {
		return err
	}
	// Every cell without a style of its own is open, to the sheet's last column:
	// Excel deletes a row of a protected sheet only when all of it is.
	formats := t.book.Styles.CellXfs.Xf
	formats[0].Protection, formats[0].ApplyProtection = formats[open].Protection, formats[open].ApplyProtection
	for _, sheet := range []string{t.sheet, sheetExample} {
		for i := range t.columns {
			col := &t.columns[i]
			name := columnName(i)
			style, err := t.style("cell"+col.format, &excelize.Style{CustomNumFmt: &col.format, Protection: &excelize.Protection{}})
			if err == nil {
				err = t.book.SetColStyle(sheet, name, style)
			}
			if err == nil {
				err = t.book.SetColWidth(sheet, name, name, col.width)
			}
			if err == nil {
				err = t.book.SetCellStr(sheet, name+"1", col.heading)
			}
			if err == nil {
				style, err = t.headingStyle(col.p.MustBeGiven())
			}
			if err == nil {
				err = t.book.SetCellStyle(sheet, name+"1", name+"1", style)
			}
			if err != nil {
				return err
			}
		}
		if err := t.book.SetRowHeight(sheet, 1, 30); err != nil {
			return err
		}
		if err := t.book.SetPanes(sheet, &excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
			return err
		}
	}
	return nil
}

// checks adds Excel's own validation, its drop-downs and what a clerk reads
// beside the cell.
func (t *template) checks() error {
	for i := range t.columns {
		col := &t.columns[i]
		v, err := t.validation(col, columnName(i))
		if err != nil {
			return err
		}
		v.SetSqref(fmt.Sprintf("%s2:%s%d", columnName(i), columnName(i), lastRow))
		v.SetInput(cut(col.heading, 32), cut(col.prompt(), 255))
		if err := t.book.AddDataValidation(t.sheet, v); err != nil {
			return fmt.Errorf("%s: %w", col.p.Name, err)
		}
	}
	return nil
}

// choiceRange puts a drop-down's values on the hidden sheet: what is shown, the
// code, the name.
func (t *template) choiceRange(key, title string, entries []schemas.ListEntry) (string, error) {
	if at, ok := t.choices[key]; ok {
		return at, nil
	}
	first := 4 * len(t.choices)
	shown := columnName(first)
	cells := [][3]string{{title, "代码", "名称"}}
	for _, e := range entries {
		text := e.Code
		if e.Name != "" {
			text += choiceMark + e.Name
		}
		cells = append(cells, [3]string{text, e.Code, e.Name})
	}
	for row, values := range cells {
		for i, v := range values {
			if err := t.book.SetCellStr(sheetLists, columnName(first+i)+strconv.Itoa(row+1), v); err != nil {
				return "", err
			}
		}
	}
	at := fmt.Sprintf("'%s'!$%s$2:$%s$%d", sheetLists, shown, shown, len(entries)+1)
	t.choices[key] = at
	return at, nil
}

// example fills the sheet 示例 with one record, made from the contract's examples.
func (t *template) example() error {
	for i := range t.columns {
		col := &t.columns[i]
		cell := columnName(i) + "2"
		if len(col.p.Examples) > 0 {
			if err := t.book.SetCellValue(sheetExample, cell, col.value(col.p.Examples[0])); err != nil {
				return err
			}
		}
		style, err := t.style("example"+col.format, &excelize.Style{CustomNumFmt: &col.format, Fill: solid(fillExample), Border: thin})
		if err == nil {
			err = t.book.SetCellStyle(sheetExample, cell, cell, style)
		}
		if err != nil {
			return err
		}
	}
	note, err := t.style("note", &excelize.Style{Font: &excelize.Font{Italic: true, Color: "7F7F7F"}})
	if err != nil {
		return err
	}
	if err := t.book.SetCellStr(sheetExample, "A4", "本页仅供对照，不会报送；请在“"+t.sheet+"”页表头之下填写。"); err != nil {
		return err
	}
	return t.book.SetCellStyle(sheetExample, "A4", "A4", note)
}

// protect locks the headings and the sheets to read; there is no password, it
// guards against slips only.
func (t *template) protect() error {
	open := excelize.SheetProtectionOptions{
		SelectLockedCells: true, SelectUnlockedCells: true, FormatCells: true, FormatColumns: true, FormatRows: true,
		InsertRows: true, DeleteRows: true, Sort: true, AutoFilter: true, EditObjects: true,
	}
	closed := excelize.SheetProtectionOptions{SelectLockedCells: true, SelectUnlockedCells: true, FormatColumns: true, FormatRows: true}
	if err := t.book.ProtectSheet(t.sheet, &open); err != nil {
		return err
	}
	for _, sheet := range []string{sheetGuide, sheetExample, sheetLists} {
		if err := t.book.ProtectSheet(sheet, &closed); err != nil {
			return err
		}
	}
	t.book.SetActiveSheet(0)
	return nil
}

// cut shortens a text to what Excel shows, in UTF-16 units.
func cut(s string, most int) string {
	units := 0
	for at, r := range s {
		if units++; r > 0xFFFF {
			units++
		}
		if units > most {
			return strings.TrimSpace(s[:at])
		}
	}
	return s
}

// chinaTime is what a sheet's dates and times are read in.
var chinaTime = time.FixedZone("Asia/Shanghai", 8*60*60)
