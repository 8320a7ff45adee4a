package connectors

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/zida-hub/zida/schemas"
)

// maxFaults bounds how many faults of one file are kept.
const maxFaults = 20_000

// cellFault is a cell whose value cannot be taken for sure, in both languages.
type cellFault struct {
	line, column int // row number of the sheet; column from 0, -1: the row
	row          int // the record
	text, remedy string
	zh, remedyZH string
	whole        bool // the row is no record at all: what else is wrong with it does not count
	through      int  // last line it covers, 0: its own
	value        string
	property     string
}

// fault keeps a cell's fault when faults are collected, else it is the file's error.
func (c *Converted) fault(f *cellFault) error {
	cell := ""
	if f.column >= 0 {
		cell = columnName(f.column) + strconv.Itoa(f.line)
	}
	if !c.collect {
		return &FileError{File: c.File, Sheet: c.Sheet, Line: f.line, Cell: cell, Text: f.text, Remedy: f.remedy, ZH: f.zh, RemedyZH: f.remedyZH}
	}
	if len(c.Faults) >= maxFaults {
		return nil
	}
	e := schemas.NewRowError(f.row, f.property, schemas.CodeCell, shorten(f.value), f.zh+"；"+f.remedyZH, f.text+"; "+f.remedy)
	e.Line, e.Sheet, e.Cell = f.line, c.Sheet, cell
	if f.column >= 0 && f.column < len(c.Headings) {
		e.Column = strings.TrimSpace(c.Headings[f.column])
	}
	c.Faults = append(c.Faults, e)
	for line := f.line; line <= max(f.line, f.through); line++ {
		row := c.lines.row(line)
		if line == f.line {
			row = f.row
		}
		if row > 0 && row <= c.Records+1 { // the record at hand is about to be written
			c.faulty[row] = append(c.faulty[row], faultyField{name: f.property, whole: f.whole})
		}
	}
	return nil
}

// faultyField is what of a record is already known to be wrong.
type faultyField struct {
	name  string
	whole bool
}

// known says that a fault of the reader explains an error of the hub: the value it
// looked at is not the one that stands in the sheet.
func (c *Converted) known(row int, field string) bool {
	for _, f := range c.faulty[row] {
		if f.whole || f.name == field || field == "" {
			return true
		}
	}
	return false
}

// place is where a record's property stands in the file.
func (c *Converted) place(row int, field string) (line int, cell, heading string) {
	line = c.Line(row)
	column, ok := c.columns[field]
	if !ok {
		return line, "", ""
	}
	if c.Format == formatXLSX {
		cell = fmt.Sprintf("%s%d", columnName(column), line)
	}
	return line, cell, strings.TrimSpace(c.Headings[column])
}

// Place adds file, sheet, line, cell and heading to errors that name records.
func (c *Converted) Place(errs []RowError) {
	for i := range errs {
		e := &errs[i]
		if e.Row <= 0 {
			continue
		}
		e.File, e.Sheet = c.File, c.Sheet
		if e.Cell == "" {
			e.Line, e.Cell, e.Column = c.place(e.Row, e.Field)
		}
		e.Message += c.hint(e.Field, e.Code, e.Value, containsHan(e.Message))
	}
}

// PlaceRecords is Place for errors that have not left the hub, with the faults that
// were collected put first; errors that those explain are left out.
func (c *Converted) PlaceRecords(errs []schemas.RowError) []schemas.RowError {
	out := append([]schemas.RowError(nil), c.Faults...)
	for i := range errs {
		e := errs[i]
		if e.Row > 0 {
			if c.known(e.Row, e.Field) {
				continue
			}
			e.Sheet = c.Sheet
			e.Line, e.Cell, e.Column = c.place(e.Row, e.Field)
			if zh := c.hint(e.Field, e.Code, e.Value, true); zh != "" {
				placed := schemas.NewRowError(e.Row, e.Field, e.Code, e.Value, e.In("zh").Message+zh, e.In("en").Message+c.hint(e.Field, e.Code, e.Value, false))
				placed.Line, placed.Sheet, placed.Cell, placed.Column = e.Line, e.Sheet, e.Cell, e.Column
				e = placed
			}
		}
		out = append(out, e)
	}
	return out
}

// hint explains what a workbook did to a value before anybody sent it.
func (c *Converted) hint(field, code, value string, zh bool) string {
	switch {
	case !c.numbersAsText[field] || !isNumber(value):
		return ""
	case code == schemas.CodePattern || code == schemas.CodeUnknownCode || code == schemas.CodeLength:
		return map[bool]string{
			true:  "；该单元格是数字，Excel 会丢掉开头的 0，请把该列设为文本格式后重新填写",
			false: "; the cell is a number, from which Excel drops leading zeros: format the column as text and type it again",
		}[zh]
	case code == schemas.CodeInvalidTime:
		return map[bool]string{
			true:  "；该单元格是数字而不是日期，请把该列设为日期格式",
			false: "; the cell is a number, not a date: give the column a date format",
		}[zh]
	}
	return ""
}

func containsHan(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}

// FaultsIn are the collected faults as errors in "zh" or "en".
func (c *Converted) FaultsIn(lang string) []RowError {
	out := make([]RowError, 0, len(c.Faults))
	for i := range c.Faults {
		e := c.Faults[i].In(lang)
		out = append(out, RowError{
			Row: e.Row, Field: e.Field, Code: e.Code, Message: e.Message, Value: e.Value,
			File: c.File, Sheet: e.Sheet, Line: e.Line, Cell: e.Cell, Column: e.Column,
		})
	}
	return out
}

// Explained leaves out what the collected faults explain already.
func (c *Converted) Explained(errs []RowError) []RowError {
	var out []RowError
	for _, e := range errs {
		if e.Row <= 0 || !c.known(e.Row, e.Field) {
			out = append(out, e)
		}
	}
	return out
}

// In is the fault with its remedy in "zh", as far as it has Chinese words, or in "en".
func (e *FileError) In(lang string) (text, remedy string) {
	if lang == "zh" {
		return cmp.Or(e.ZH, e.Text), cmp.Or(e.RemedyZH, e.Remedy)
	}
	return e.Text, e.Remedy
}

// Chinese is the whole error in Chinese, with its place.
func (e *FileError) Chinese() string {
	text, remedy := e.In("zh")
	place := e.File
	if e.Sheet != "" {
		place += " 工作表“" + e.Sheet + "”"
	}
	switch {
	case e.Cell != "":
		place += " 单元格 " + e.Cell
	case e.Line > 0:
		place += fmt.Sprintf(" 第 %d 行", e.Line)
	}
	if remedy != "" {
		text += "\n" + remedy
	}
	return place + "：" + text
}
