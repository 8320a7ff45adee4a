package connectors

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/xuri/excelize/v2"

	"github.com/zida-hub/zida/schemas"
)

// The number formats of a template's columns. Text keeps leading zeros, long ids
// and periods such as 2025-09 as they are typed.
const (
	formatText    = "@"
	formatWhole   = "0"
	formatGeneral = "General"
	formatDay     = "yyyy-mm-dd"
	formatInstant = "yyyy-mm-dd hh:mm:ss"
)

// excelDigits is how many digits of a number Excel keeps; what may have more is
// a text cell.
const excelDigits = 15

// templateColumn is a property as a column to fill in.
type templateColumn struct {
	p       *schemas.Property
	heading string
	list    string // reference list of its codes
	format  string
	width   float64 // in characters, two for a Chinese one
}

func templateColumns(c *schemas.Contract) []templateColumn {
	columns := make([]templateColumn, len(c.Properties))
	taken := map[string]bool{headingReason: true}
	for i := range c.Properties {
		p := &c.Properties[i]
		col := templateColumn{p: p, heading: p.Label, list: c.CodesOf(p), format: formatOfCells(p)}
		if col.heading == "" || taken[col.heading] {
			col.heading = p.Name
		}
		taken[col.heading] = true
		width := runewidth.StringWidth(col.heading) + 4
		for _, e := range p.Examples {
			width = max(width, runewidth.StringWidth(e)+2)
		}
		if p.Type == schemas.TypeTimestamp {
			width = max(width, 21)
		}
		col.width = float64(min(max(width, 10), 40))
		columns[i] = col
	}
	return columns
}

func formatOfCells(p *schemas.Property) string {
	switch p.Type {
	case schemas.TypeInteger:
		if len(strings.TrimPrefix(p.Maximum, "-")) > excelDigits || len(strings.TrimPrefix(p.Minimum, "-")) > excelDigits {
			return formatText
		}
		return formatWhole
	case schemas.TypeNumber:
		switch {
		case p.Precision > excelDigits:
			return formatText
		case p.Precision > 0 && p.Scale > 0:
			return "0." + strings.Repeat("0", p.Scale)
		case p.Precision > 0:
			return formatWhole
		}
		return formatGeneral
	case schemas.TypeDate:
		return formatDay
	case schemas.TypeTimestamp:
		return formatInstant
	}
	return formatText
}

// value is an example as a cell of the column's format.
func (col *templateColumn) value(text string) any {
	switch col.p.Type {
	case schemas.TypeInteger, schemas.TypeNumber:
		if n, err := strconv.ParseFloat(text, 64); err == nil && col.format != formatText {
			return n
		}
	case schemas.TypeBoolean:
		return map[string]string{"true": "是", "false": "否"}[text]
	case schemas.TypeDate:
		if day, err := time.Parse(cellDay, text); err == nil {
			return day
		}
	case schemas.TypeTimestamp:
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			at = at.In(chinaTime)
			return time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), time.UTC)
		}
		for _, layout := range []string{cellInstant, cellDay} {
			if at, err := time.Parse(layout, text); err == nil {
				return at
			}
		}
	}
	return text
}

// validation is Excel's check of the column: a drop-down, a range, a length.
func (t *template) validation(col *templateColumn, name string) (*excelize.DataValidation, error) {
	p := col.p
	v := excelize.NewDataValidation(true)
	switch {
	case p.Type == schemas.TypeBoolean:
		v.SetError(excelize.DataValidationErrorStyleStop, "请从列表中选择", "只能填“是”或“否”。")
		return v, v.SetDropList([]string{"是", "否"})
	case len(p.Enum) > 0:
		entries := make([]schemas.ListEntry, len(p.Enum))
		for i, code := range p.Enum {
			entries[i].Code = code
		}
		at, err := t.choiceRange("="+p.Name, p.Name, entries)
		v.SetError(excelize.DataValidationErrorStyleStop, "请从列表中选择", cut("“"+col.heading+"”只能填列表中的值。", 255))
		v.SetSqrefDropList(at)
		return v, err
	case col.list != "":
		if entries := t.entries(col); len(entries) > 0 {
			at, err := t.choiceRange(col.list+" "+p.ListAttr+"="+p.ListAttrValue, col.list, entries)
			// A warning only: the list may have grown since the template was made.
			v.SetError(excelize.DataValidationErrorStyleWarning, "不在列表中",
				cut("“"+col.heading+"”不是下载模板时列表中的选项。可以只填代码；若是此后新登记的代码，请选“是”继续。", 255))
			v.SetSqrefDropList(at)
			return v, err
		}
	}
	kind, low, high := col.limits()
	title, text := "填写有误", cut("“"+col.heading+"”"+col.rule()+"。", 255)
	switch {
	case kind == 0 && p.Period == schemas.PeriodMonth:
		custom(v, fmt.Sprintf(`AND(LEN(%[1]s2)=7,MID(%[1]s2,5,1)="-",VALUE(LEFT(%[1]s2,4))>0,VALUE(RIGHT(%[1]s2,2))>=1,VALUE(RIGHT(%[1]s2,2))<=12)`, name))
	case kind == 0 && (p.Type == schemas.TypeInteger || p.Type == schemas.TypeNumber):
		terms := []string{fmt.Sprintf("ISNUMBER(VALUE(%s2))", name)}
		for _, b := range []struct{ sign, bound string }{{">=", low}, {"<=", high}} {
			if b.bound != "" && len(b.bound) <= excelDigits { // Excel could not compare more exactly
				terms = append(terms, fmt.Sprintf("VALUE(%s2)%s%s", name, b.sign, b.bound))
			}
		}
		custom(v, "AND("+strings.Join(terms, ",")+")")
	case kind == 0 && (p.MinLength > 0 || p.MaxLength > 0 || p.Period != ""):
		most := p.MaxLength
		if p.Period != "" {
			most = 7
		}
		if most == 0 {
			most = 32_767 // of a cell
		}
		if err := v.SetRange(p.MinLength, most, excelize.DataValidationTypeTextLength, excelize.DataValidationOperatorBetween); err != nil {
			return nil, err
		}
	case kind == 0:
		v.Type = "none" // a prompt only
		return v, nil
	default:
		if err := v.SetRange(low, high, kind, excelize.DataValidationOperatorBetween); err != nil {
			return nil, err
		}
	}
	v.SetError(excelize.DataValidationErrorStyleStop, title, text)
	return v, nil
}

func custom(v *excelize.DataValidation, formula string) {
	v.Type = "custom"
	v.Formula1 = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(formula)
}

// entries are the codes of a column's list that may be used in it.
func (t *template) entries(col *templateColumn) []schemas.ListEntry {
	list := t.lists.List(col.list)
	if list == nil || list.Len() > maxChoices {
		return nil
	}
	if col.p.ListAttr == "" {
		return list.Entries()
	}
	var out []schemas.ListEntry
	for _, e := range list.Entries() {
		if e.Attrs[col.p.ListAttr] == col.p.ListAttrValue {
			out = append(out, e)
		}
	}
	return out
}

// limits are what Excel can compare: the kind of validation, 0 for text, and both
// ends. An exclusive bound is given as an inclusive one; the hub knows better.
func (col *templateColumn) limits() (kind excelize.DataValidationType, low, high string) {
	p := col.p
	low, high = p.Minimum, p.Maximum
	switch p.Type {
	case schemas.TypeInteger:
		kind = excelize.DataValidationTypeWhole
	case schemas.TypeNumber:
		kind = excelize.DataValidationTypeDecimal
	case schemas.TypeDate, schemas.TypeTimestamp:
		return excelize.DataValidationTypeDate, serialOr(low, "1"), serialOr(high, "2958465.99999") // 9999-12-31
	default:
		return 0, "", ""
	}
	if col.format == formatText {
		return 0, low, high
	}
	most := strings.Repeat("9", excelDigits)
	if p.Precision > 0 {
		most = strings.Repeat("9", max(1, p.Precision-p.Scale))
		if p.Scale > 0 {
			most += "." + strings.Repeat("9", p.Scale)
		}
	}
	if low == "" {
		low = "-" + most
	}
	if high == "" {
		high = most
	}
	return kind, low, high
}

// serialOr is a date as Excel counts days, or other.
func serialOr(text, other string) string {
	day, _, _ := strings.Cut(text, "T")
	at, err := time.Parse(cellDay, day)
	if err != nil {
		return other
	}
	return strconv.Itoa(int(at.Sub(time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)).Hours() / 24))
}

// rule says in Chinese what a value must be.
func (col *templateColumn) rule() string {
	p := col.p
	var parts []string
	switch {
	case p.Type == schemas.TypeBoolean:
		parts = append(parts, "填“是”或“否”")
	case len(p.Enum) > 0:
		values := make([]string, len(p.Enum))
		for i, value := range p.Enum {
			values[i] = value
			if label := p.ValueIn("zh", value); label != value {
				values[i] += " " + label
			}
		}
		parts = append(parts, "只能填："+strings.Join(values, "、"))
	case col.list != "":
		parts = append(parts, "填参照表 "+col.list+" 中的代码")
		if p.ListAttr != "" {
			parts = append(parts, p.ListAttr+" 须为 "+p.ListAttrValue)
		}
	case p.Period != "":
		parts = append(parts, "期别写作 "+map[string]string{
			schemas.PeriodMonth: "2025-09", schemas.PeriodQuarter: "2025-Q3", schemas.PeriodHalf: "2025-H1", schemas.PeriodYear: "2025",
			schemas.PeriodAny: "2025、2025-H1、2025-Q3 或 2025-09",
		}[p.Period])
	case p.Type == schemas.TypeDate:
		parts = append(parts, "填日期，如 2025-10-01")
	case p.Type == schemas.TypeTimestamp:
		parts = append(parts, "填北京时间，如 2025-10-01 08:00:00")
	case p.Type == schemas.TypeInteger:
		parts = append(parts, "填整数")
	case p.Type == schemas.TypeNumber && p.Precision > 0:
		parts = append(parts, fmt.Sprintf("填数值，最多 %d 位小数", p.Scale))
	case p.Type == schemas.TypeNumber:
		parts = append(parts, "填数值")
	}
	if p.Minimum != "" {
		parts = append(parts, map[bool]string{false: "不小于 ", true: "大于 "}[p.ExclusiveMinimum]+p.Minimum)
	}
	if p.Maximum != "" {
		parts = append(parts, map[bool]string{false: "不大于 ", true: "小于 "}[p.ExclusiveMaximum]+p.Maximum)
	}
	switch {
	case p.MinLength > 0 && p.MinLength == p.MaxLength:
		parts = append(parts, fmt.Sprintf("%d 个字符", p.MaxLength))
	case p.MaxLength > 0:
		parts = append(parts, fmt.Sprintf("不超过 %d 个字符", p.MaxLength))
	}
	if p.Pattern != nil && p.Period == "" && len(p.Enum) == 0 {
		parts = append(parts, "格式 "+p.Pattern.String())
	}
	if len(parts) == 0 {
		return "填文字"
	}
	return strings.Join(parts, "，")
}

// prompt is what Excel shows beside a cell that is chosen.
func (col *templateColumn) prompt() string {
	p := col.p
	lines := []string{"可不填"}
	if p.MustBeGiven() {
		lines[0] = "必填"
	}
	if p.Default != "" {
		lines[0] += "，不填则为 " + p.Default
	}
	if p.Unit != "" {
		lines[0] += "；单位：" + p.Unit
	}
	lines = append(lines, col.rule())
	if p.Description != "" {
		lines = append(lines, p.Description)
	}
	return strings.Join(lines, "\n")
}
