package schemas

import (
	"fmt"
	"slices"
	"strings"
)

// ValueLabel is what people read in place of an allowed value, such as 落实 for carrying_out.
type ValueLabel struct {
	Value   string `json:"value"`
	Label   string `json:"label"` // Chinese
	LabelEN string `json:"label_en"`
}

// In is the label in "en", or in Chinese for anything else.
func (l *ValueLabel) In(lang string) string {
	if lang == "en" {
		return l.LabelEN
	}
	return l.Label
}

// ValueIn is a value as people read it; one without a label stands for itself.
func (p *Property) ValueIn(lang, value string) string {
	for i := range p.ValueLabels {
		if l := &p.ValueLabels[i]; l.Value == value {
			return l.In(lang)
		}
	}
	return value
}

// CodesOf is the id of the reference list that says what a property's values are: its own
// or, for the region, that of the regions; "" for none. The list of regions has none itself.
func (c *Contract) CodesOf(p *Property) string {
	if p.CodeList != "" {
		return p.CodeList
	}
	if c.ID != RegionList && c.Region >= 0 && c.Properties[c.Region].Name == p.Name {
		return RegionList
	}
	return ""
}

// odcsValueLabel is an item of zidaValueLabels; values, so that 01 stays 01.
type odcsValueLabel struct {
	Value   odcsValue `yaml:"value"`
	Label   odcsValue `yaml:"label"`
	LabelEN odcsValue `yaml:"label_en"`
}

// valueLabelsInto reads the list as it is written; valueLabels holds it against the allowed values.
func (b *contractBuilder) valueLabelsInto(p *Property) func(string, odcsValue) {
	return func(path string, v odcsValue) {
		var list []odcsValueLabel
		if err := v.decode(&list); err != nil || len(list) == 0 {
			b.fail(path, "is no list of labels", "write a list of {value: …, label: Chinese, label_en: English}")
			return
		}
		for i := range list {
			var l ValueLabel
			for _, part := range []struct {
				from odcsValue
				into *string
			}{{list[i].Value, &l.Value}, {list[i].Label, &l.Label}, {list[i].LabelEN, &l.LabelEN}} {
				text, _ := part.from.text()
				*part.into = strings.TrimSpace(text)
			}
			p.ValueLabels = append(p.ValueLabels, l)
		}
	}
}

// valueLabels checks each label, once the property's list of values is known.
func (b *contractBuilder) valueLabels(path string, p *Property) {
	for i := range p.ValueLabels {
		l := &p.ValueLabels[i]
		at := fmt.Sprintf("%s.customProperties.zidaValueLabels[%d]", path, i)
		if !slices.Contains(p.Enum, l.Value) {
			b.fail(at, fmt.Sprintf("%q is none of the property's values", l.Value), "label a value of validValues (quality, metric: invalidValues)")
		}
		if slices.ContainsFunc(p.ValueLabels[:i], func(before ValueLabel) bool { return before.Value == l.Value }) {
			b.fail(at, fmt.Sprintf("%q has a label already", l.Value), "leave one")
		}
		if l.Label == "" || l.LabelEN == "" {
			b.fail(at, fmt.Sprintf("the label of %q is not given in both languages", l.Value), "write label in Chinese and label_en in English")
		}
	}
}
