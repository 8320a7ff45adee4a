package connectors

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"

	"github.com/zida-hub/zida/schemas"
)

// headingReason is the column in which a mended workbook says what is wrong with
// a row. It is the hub's word, not the sender's: nothing is read from it.
const headingReason = "错误原因"

// totals are what a row of sums begins with.
var totals = []string{"合计", "总计", "小计", "共计", "累计", "总数", "total", "subtotal", "sum"}

// describe tells the result where the properties stand.
func (w *rowWriter) describe(out *Converted, heading []string, line int) {
	out.Headings, out.HeadLine, out.columns = slices.Clone(heading), line, map[string]int{}
	for i := range w.fields {
		if f := &w.fields[i]; f.column >= 0 {
			out.columns[f.property.Name] = f.column
		}
	}
}

// holds says that a row has something to read.
func (w *rowWriter) holds(cells []string) bool {
	for i, c := range cells {
		if i < w.width && w.blank[i] {
			w.filled[i] = w.filled[i] || c != ""
			continue
		}
		if i != w.reason && strings.TrimSpace(c) != "" {
			return true
		}
	}
	return false
}

func anyUncalculated(facts []cellFact) bool {
	return slices.ContainsFunc(facts, func(f cellFact) bool { return f.uncalc })
}

// checkCells finds what a cell cannot mean: a formula's error or a formula without a
// value, a value beyond the heading, a number of more digits than Excel keeps, a
// row of sums. It answers the cells without what was faulty.
func (w *rowWriter) checkCells(cells []string, facts []cellFact, out *Converted, line int) ([]string, error) {
	row := out.Records + 1
	give := func(f cellFault) error {
		f.line, f.row = line, row
		if f.column >= 0 && f.column < len(cells) {
			f.value, cells[f.column] = cells[f.column], ""
		}
		if p := w.at(f.column); p != nil {
			f.property = p.Name
		}
		return out.fault(&f)
	}
	for i, cell := range cells {
		at := fmt.Sprintf("%s%d", columnName(i), line)
		var err error
		switch {
		case i >= w.width && strings.TrimSpace(cell) != "":
			err = give(cellFault{column: i,
				text: fmt.Sprintf("cell %s holds %q, but its column has no heading", at, shorten(cell)), remedy: "clear the cell, or give the column a heading",
				zh: fmt.Sprintf("单元格 %s 有内容“%s”，但该列没有表头", at, shorten(cell)), remedyZH: "请清空该单元格，或为该列写上表头"})
		case i < w.width && w.at(i) == nil: // not read
		case len(cell) > 2 && cell[0] == '#' && isFormulaError(cell):
			err = give(formulaError(i, at, cell))
		}
		if err != nil {
			return nil, err
		}
	}
	for _, f := range facts {
		p := w.at(f.column)
		if p == nil {
			continue
		}
		at, cell := fmt.Sprintf("%s%d", columnName(f.column), line), ""
		if f.column < len(cells) {
			cell = cells[f.column]
		}
		var err error
		switch {
		case f.failed && cell != "":
			err = give(formulaError(f.column, at, cell))
		case f.uncalc:
			err = give(cellFault{column: f.column,
				text: fmt.Sprintf("cell %s holds a formula that was never calculated", at), remedy: "open the workbook in Excel or WPS and save it, or put the value in place of the formula",
				zh: fmt.Sprintf("单元格 %s 是尚未计算的公式", at), remedyZH: "请用 Excel 或 WPS 打开并保存一次，或直接填写数值"})
		case f.numeric && p.Period != "" && out.monthOf(cell) != "":
			cells[f.column] = out.monthOf(cell)
		case f.numeric && !strings.HasPrefix(cell, string(dateMark)):
			err = w.checkNumber(p, f.column, at, cell, out, give)
		}
		if err != nil {
			return nil, err
		}
	}
	if i, word := w.total(cells); word != "" {
		at := fmt.Sprintf("%s%d", columnName(i), line)
		if err := give(cellFault{column: i, whole: true,
			text: fmt.Sprintf("row %d looks like a row of sums (cell %s holds %q), not a record", line, at, word), remedy: "delete the row; the hub adds up by itself",
			zh: fmt.Sprintf("第 %d 行像是合计行（单元格 %s 为“%s”），不是记录", line, at, word), remedyZH: "请删除该行；合计由中心自动计算"}); err != nil {
			return nil, err
		}
	}
	return cells, nil
}

// monthOf reads a day's number as the month it begins, where a period is expected:
// what 2025-09 becomes when Excel takes it for a date and its value is pasted into a
// text cell. No period has five digits, so it cannot mean anything else.
func (c *Converted) monthOf(cell string) string {
	if len(cell) != 5 || digits(cell) != 5 {
		return ""
	}
	n, err := strconv.Atoi(cell)
	if err != nil {
		return ""
	}
	at, err := excelize.ExcelDateToTime(float64(n), c.date1904)
	if err != nil || at.Day() != 1 {
		return ""
	}
	return string(dateMark) + at.Format(cellInstant)
}

// checkNumber refuses a number of which Excel may have dropped digits, and notes
// numbers where a text or a time is expected, for the hints on later errors.
func (w *rowWriter) checkNumber(p *schemas.Property, column int, at, cell string, out *Converted, give func(cellFault) error) error {
	whole, _, _ := strings.Cut(strings.TrimLeft(cell, "-"), ".")
	long := len(whole) > excelDigits || strings.Contains(cell, "E+") // written so above that many digits
	switch p.Type {
	case schemas.TypeString, schemas.TypeDate, schemas.TypeTimestamp:
		out.numbersAsText[p.Name] = true
	case schemas.TypeInteger:
	case schemas.TypeNumber:
		long = long && p.Precision > 0 // a float has no more digits anyway
	default:
		return nil
	}
	if !long {
		return nil
	}
	return give(cellFault{column: column,
		text: fmt.Sprintf("cell %s is a number of more than %d digits (%s); Excel does not keep the digits behind", at, excelDigits, cell), remedy: "format the column as text and type the value again",
		zh: fmt.Sprintf("单元格 %s 是超过 %d 位的数字（%s），Excel 不保留其后的数字", at, excelDigits, cell), remedyZH: "请把该列设为文本格式后重新填写"})
}

func formulaError(column int, at, cell string) cellFault {
	return cellFault{column: column,
		text: fmt.Sprintf("cell %s holds the error %s", at, cell), remedy: "mend its formula, or clear the cell",
		zh: fmt.Sprintf("单元格 %s 是错误值 %s", at, cell), remedyZH: "请改正公式，或直接填写数值"}
}

// at is the property that a column is read as, or nil.
func (w *rowWriter) at(column int) *schemas.Property {
	for i := range w.fields {
		if w.fields[i].column == column && column >= 0 {
			return w.fields[i].property
		}
	}
	return nil
}

// total finds a row of sums by its first cell that holds something.
func (w *rowWriter) total(cells []string) (column int, word string) {
	for i, cell := range cells {
		text := strings.Join(strings.Fields(cell), "")
		if text == "" || i == w.reason {
			continue
		}
		if p := w.at(i); p != nil && slices.Contains(p.Enum, cell) {
			return 0, ""
		}
		for _, t := range totals {
			if strings.EqualFold(strings.TrimRight(text, ":："), t) {
				return i, cell
			}
		}
		return 0, ""
	}
	return 0, ""
}

// mergedHeading finds merged cells in the heading: what is missing or unknown there
// is so because of them.
func mergedHeading(merged []mergedRange, at *FileError) error {
	for _, m := range merged {
		if m.line <= at.Line && m.lastLine >= at.Line && (m.lastColumn > m.column || m.lastLine > m.line) {
			return &FileError{File: at.File, Sheet: at.Sheet, Line: at.Line, Cell: fmt.Sprintf("%s%d", columnName(m.column), m.line),
				Text: fmt.Sprintf("the heading's cells %s are merged", m.ref), Remedy: "unmerge them; the heading is one row in which each column has its own name",
				ZH: fmt.Sprintf("表头的单元格 %s 是合并单元格", m.ref), RemedyZH: "请取消合并；表头只占一行，每列各写一个，上方不要另加标题"}
		}
	}
	return nil
}

// checkMerged refuses merged cells among the records: only the first of them holds
// the value, the others are empty.
func checkMerged(merged []mergedRange, out *Converted) error {
	if err := mergedHeading(merged, &FileError{File: out.File, Sheet: out.Sheet, Line: out.HeadLine}); err != nil {
		return err
	}
	for _, m := range merged {
		if m.column >= len(out.Headings) || m.lastLine <= out.HeadLine || m.line > out.Line(out.Records) {
			continue
		}
		row := out.lines.row(m.line)
		f := cellFault{line: m.line, column: m.column, row: row, through: m.lastLine,
			text: fmt.Sprintf("the cells %s are merged; only the first of them holds a value", m.ref), remedy: "unmerge them and give each row its own value",
			zh: fmt.Sprintf("%s 是合并单元格，只有第一格有值", m.ref), remedyZH: "请取消合并并逐行填写"}
		for column := m.column; column <= m.lastColumn; column++ {
			for name, at := range out.columns {
				if at == column && f.property == "" {
					f.property = name
				}
			}
		}
		f.whole = m.lastColumn > m.column // several columns are in doubt
		if err := out.fault(&f); err != nil {
			return err
		}
	}
	return nil
}
