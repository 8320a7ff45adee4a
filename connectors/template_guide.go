package connectors

import (
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"

	"github.com/zida-hub/zida/schemas"
)

// guide writes the sheet 填写说明: how to fill in, what the fills mean, one row a
// property, and the rules between them.
func (t *template) guide() error {
	plain, err := t.style("guide", &excelize.Style{Alignment: &excelize.Alignment{Vertical: "top", WrapText: true}, Border: thin, NumFmt: 49})
	if err != nil {
		return err
	}
	title, err := t.style("title", &excelize.Style{Font: &excelize.Font{Bold: true, Size: 14}})
	if err != nil {
		return err
	}
	prose, err := t.style("prose", &excelize.Style{Protection: &excelize.Protection{Locked: true}})
	if err != nil {
		return err
	}
	head, err := t.headingStyle(false)
	if err != nil {
		return err
	}
	must, err := t.headingStyle(true)
	if err != nil {
		return err
	}
	row := 0
	line := func(style int, values ...string) error {
		row++
		for i, v := range values {
			cell := columnName(i) + strconv.Itoa(row)
			if err := t.book.SetCellStr(sheetGuide, cell, v); err != nil {
				return err
			}
			if err := t.book.SetCellStyle(sheetGuide, cell, cell, style); err != nil {
				return err
			}
		}
		return nil
	}
	type lines []struct {
		style  int
		values []string
	}
	text := lines{
		{title, []string{t.c.Name + " 填写说明"}},
		{prose, []string{"数据集 " + t.c.ID + "，合约版本 " + t.c.Version + "。" + t.c.Description}},
		{prose, []string{"1. 在“" + t.sheet + "”页的表头之下逐行填写，一行一条记录；请勿改动表头、合并单元格或添加合计行。示例见“" + sheetExample + "”页。"}},
		{prose, []string{"2. 填好后报送：zida push " + t.c.ID + " 文件名.xlsx --fix-it 改正.xlsx；有错时打开“改正.xlsx”，按标红的单元格和“" + headingReason + "”一列改好再报送。"}},
		{prose, []string{"3. 下拉选项写作“代码" + choiceMark + "名称”，也可以只填代码。文本格式的列请保持文本格式，以免丢失开头的 0 和 15 位以后的数字。"}},
		{0, nil},
		{must, []string{"必填"}},
		{head, []string{"可不填"}},
		{0, nil},
		{head, []string{"字段", "属性名", "英文名", "必填", "类型", "单位", "取值范围/代码", "说明", "示例", "密级"}},
	}
	for i := range t.columns {
		col := &t.columns[i]
		text = append(text, lines{{plain, guideRow(col)}}...)
	}
	if len(t.c.Rules) > 0 {
		text = append(text, lines{{0, nil}, {head, []string{"规则", "说明"}}}...)
		for _, r := range t.c.Rules {
			text = append(text, lines{{plain, []string{r.Name, r.Message}}}...)
		}
	}
	for _, l := range text {
		if err := line(l.style, l.values...); err != nil {
			return err
		}
	}
	for i, width := range []float64{18, 20, 24, 6, 12, 10, 44, 50, 28, 8} {
		name := columnName(i)
		if err := t.book.SetColWidth(sheetGuide, name, name, width); err != nil {
			return err
		}
	}
	return nil
}

func guideRow(col *templateColumn) []string {
	p := col.p
	must, unit := "否", p.Unit
	if p.MustBeGiven() {
		must = "是"
	}
	if p.UnitEN != "" && p.UnitEN != p.Unit {
		unit += "（" + p.UnitEN + "）"
	}
	rule := col.rule()
	if p.Default != "" {
		rule += "；不填则为 " + p.Default
	}
	return []string{
		col.heading, p.Name, p.LabelEN, must, typeLabel(p), unit, rule, p.Description,
		strings.Join(p.Examples, "、"), p.Classification.Label("zh"),
	}
}

func typeLabel(p *schemas.Property) string {
	switch p.Type {
	case schemas.TypeInteger:
		return "整数"
	case schemas.TypeNumber:
		if p.Precision > 0 {
			return "小数（" + strconv.Itoa(p.Precision) + "," + strconv.Itoa(p.Scale) + "）"
		}
		return "数值"
	case schemas.TypeBoolean:
		return "是/否"
	case schemas.TypeTimestamp:
		return "时刻"
	case schemas.TypeDate:
		return "日期"
	}
	if p.Period != "" {
		return "期别"
	}
	return "文本"
}
