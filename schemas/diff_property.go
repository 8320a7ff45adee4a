package schemas

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// property lists what changed in a property that both versions have.
func (d *contractDiff) property(was, is *Property) {
	path := is.Name
	d.text(path, was.Label, is.Label, "the label", "中文名")
	d.text(path, was.LabelEN, is.LabelEN, "the English label", "英文名")
	if was.Description != is.Description || was.DescriptionEN != is.DescriptionEN {
		d.add(false, path, "the description changed", "说明有改动")
	}
	if !slices.Equal(was.ValueLabels, is.ValueLabels) {
		d.add(false, path, "the labels of values changed", "取值的名称有改动")
	}
	if was.Classification != is.Classification {
		d.add(false, path, fmt.Sprintf("classification changed from %s to %s", was.Classification, is.Classification),
			fmt.Sprintf("数据级别由%s改为%s", was.Classification.Label("zh"), is.Classification.Label("zh")))
	}
	if was.Type != is.Type {
		d.add(true, path, fmt.Sprintf("the type changed from %s to %s", was.Type, is.Type), fmt.Sprintf("类型由 %s 改为 %s", was.Type, is.Type))
		return // bounds of two types cannot be compared
	}
	d.meaning(path, was, is)
	d.presence(path, was, is)
	d.shape(path, was, is)
	d.decimal(path, was, is)
	d.bound(path, is, "minimum", "最小值", was.Minimum, is.Minimum, was.ExclusiveMinimum, is.ExclusiveMinimum, 1)
	d.bound(path, is, "maximum", "最大值", was.Maximum, is.Maximum, was.ExclusiveMaximum, is.ExclusiveMaximum, -1)
	d.lists(path, was, is)
}

// meaning notes changes that refuse nothing but turn an accepted value into another.
func (d *contractDiff) meaning(path string, was, is *Property) {
	if was.Unit != is.Unit {
		d.add(was.Unit != "", path, fmt.Sprintf("the unit changed from %q to %q", was.Unit, is.Unit),
			fmt.Sprintf("计量单位由“%s”改为“%s”", was.Unit, is.Unit))
	}
	if was.Default != is.Default {
		// An absent key property stands for its default: another default is another record.
		breaking := is.KeyPosition > 0 || was.Default != "" && is.Required && is.Default == ""
		d.add(breaking, path, fmt.Sprintf("the default changed from %q to %q", was.Default, is.Default),
			fmt.Sprintf("默认值由“%s”改为“%s”", was.Default, is.Default))
	}
}

func (d *contractDiff) presence(path string, was, is *Property) {
	switch {
	case !was.Required && is.Required:
		d.add(is.Default == "", path, "is now required", "改为必填")
	case was.Required && !is.Required:
		d.add(false, path, "may now be absent", "改为可选")
	}
	switch {
	case !was.Unique && is.Unique:
		d.add(true, path, "must now be unique within a submission", "改为同一提交内不得重复")
	case was.Unique && !is.Unique:
		d.add(false, path, "need no longer be unique", "不再要求唯一")
	}
}

// shape compares lengths and patterns.
func (d *contractDiff) shape(path string, was, is *Property) {
	if was.MinLength != is.MinLength {
		d.add(is.MinLength > was.MinLength, path, fmt.Sprintf("the shortest length changed from %d to %d", was.MinLength, is.MinLength),
			fmt.Sprintf("最短长度由 %d 改为 %d", was.MinLength, is.MinLength))
	}
	if was.MaxLength != is.MaxLength {
		breaking := is.MaxLength > 0 && (was.MaxLength == 0 || is.MaxLength < was.MaxLength)
		d.add(breaking, path, fmt.Sprintf("the greatest length changed from %s to %s", lengthText(was.MaxLength, "none"), lengthText(is.MaxLength, "none")),
			fmt.Sprintf("最大长度由 %s 改为 %s", lengthText(was.MaxLength, "不限"), lengthText(is.MaxLength, "不限")))
	}
	if o, n := patternText(was.Pattern), patternText(is.Pattern); o != n {
		d.add(n != "", path, fmt.Sprintf("the pattern changed from %q to %q", o, n), fmt.Sprintf("格式由“%s”改为“%s”", o, n))
	}
}

func lengthText(n int, none string) string {
	if n == 0 {
		return none
	}
	return strconv.Itoa(n)
}

func patternText(p *regexp.Regexp) string {
	if p == nil {
		return ""
	}
	return p.String()
}

func (d *contractDiff) decimal(path string, was, is *Property) {
	if was.Precision == is.Precision && was.Scale == is.Scale {
		return
	}
	wider := was.Precision > 0 && is.Precision > 0 && is.Scale >= was.Scale && is.Precision-is.Scale >= was.Precision-was.Scale
	o, n := decimalSize(was), decimalSize(is)
	d.add(!wider, path, fmt.Sprintf("the size changed from %s to %s", o, n), fmt.Sprintf("数值精度由 %s 改为 %s", o, n))
}

func decimalSize(p *Property) string {
	if p.Precision == 0 {
		return "float"
	}
	return fmt.Sprintf("decimal(%d,%d)", p.Precision, p.Scale)
}

// bound compares a minimum (tighter = 1: greater is tighter) or a maximum (-1).
func (d *contractDiff) bound(path string, p *Property, what, zh, was, is string, wasExclusive, isExclusive bool, tighter int) {
	if was == is && wasExclusive == isExclusive {
		return
	}
	breaking := is != "" && was == ""
	if is != "" && was != "" {
		order := compareValues(p, is, was) * tighter
		breaking = order > 0 || order == 0 && isExclusive && !wasExclusive
	}
	d.add(breaking, path, fmt.Sprintf("the %s changed from %s to %s", what, boundText(was, wasExclusive, "none", " (exclusive)"), boundText(is, isExclusive, "none", " (exclusive)")),
		fmt.Sprintf("%s由 %s 改为 %s", zh, boundText(was, wasExclusive, "不限", "（不含）"), boundText(is, isExclusive, "不限", "（不含）")))
}

func boundText(value string, exclusive bool, none, mark string) string {
	switch {
	case value == "":
		return none
	case exclusive:
		return value + mark
	}
	return value
}

// lists compares reference lists and allowed values.
func (d *contractDiff) lists(path string, was, is *Property) {
	if was.CodeList != is.CodeList {
		d.add(is.CodeList != "", path, fmt.Sprintf("the reference list changed from %q to %q", was.CodeList, is.CodeList),
			fmt.Sprintf("所依据的名录由“%s”改为“%s”", was.CodeList, is.CodeList))
	}
	if was.ListAttr != is.ListAttr || was.ListAttrValue != is.ListAttrValue {
		d.add(is.ListAttr != "", path, fmt.Sprintf("what the list's entry must say changed to %q", is.ListAttr+"="+is.ListAttrValue),
			fmt.Sprintf("对名录条目的要求改为“%s”", is.ListAttr+"="+is.ListAttrValue))
	}
	if len(was.Enum) == 0 && len(is.Enum) > 0 {
		d.add(true, path, "only these values are allowed now: "+strings.Join(is.Enum, ", "), "只允许以下取值："+strings.Join(is.Enum, "、"))
		return
	}
	if len(is.Enum) == 0 && len(was.Enum) > 0 {
		d.add(false, path, "any value is allowed now", "不再限定取值")
		return
	}
	if gone := without(was.Enum, is.Enum); len(gone) > 0 {
		d.add(true, path, "values are no longer allowed: "+strings.Join(gone, ", "), "不再允许的取值："+strings.Join(gone, "、"))
	}
	if more := without(is.Enum, was.Enum); len(more) > 0 {
		d.add(false, path, "more values are allowed: "+strings.Join(more, ", "), "新增允许的取值："+strings.Join(more, "、"))
	}
}

// without is what is in list but not in other.
func without(list, other []string) []string {
	var rest []string
	for _, value := range list {
		if !slices.Contains(other, value) {
			rest = append(rest, value)
		}
	}
	return rest
}
