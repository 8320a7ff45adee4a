package schemas

import (
	"fmt"
	"slices"
	"strings"
)

// maxRule bounds a rule's expression.
const maxRule = 2000

// propertyRules reads a property's quality: allowed values, no nulls, no
// duplicates, a pattern, or a rule of its own.
func (b *contractBuilder) propertyRules(path string, i int, quality []odcsQuality) {
	for j := range quality {
		at := fmt.Sprintf("%s[%d]", path, j)
		if q := &quality[j]; q.Type == "library" || q.Type == "" {
			b.libraryRule(at, q, &b.c.Properties[i])
		} else {
			b.otherRule(at, q, b.c.Properties[i].Name)
		}
	}
}

// objectRules reads the rules that span properties.
func (b *contractBuilder) objectRules(path string, quality []odcsQuality) {
	for j := range quality {
		at := fmt.Sprintf("%s[%d]", path, j)
		if q := &quality[j]; q.Type == "library" || q.Type == "" {
			b.fail(at, "library metrics of a whole dataset are not checked at a push", "put it on a property, or write type: custom, engine: cel")
		} else {
			b.otherRule(at, q, "")
		}
	}
}

// libraryRule maps the ODCS metrics that one row, or one submission, can decide.
func (b *contractBuilder) libraryRule(path string, q *odcsQuality, p *Property) {
	if text, _ := q.MustBe.text(); text != "0" {
		b.fail(path+".mustBe", "is not 0", "the hub refuses every bad row: write mustBe: 0")
	}
	metric := q.Metric
	if metric == "" {
		metric = q.Rule
	}
	switch {
	case metric == "invalidValues" && len(q.Arguments.ValidValues) > 0:
		b.enum(path+".arguments.validValues", q.Arguments.ValidValues, p)
	case metric == "invalidValues" && q.Arguments.Pattern != "":
		b.pattern(path+".arguments.pattern", q.Arguments.Pattern, p)
	case metric == "nullValues":
		p.Required = true
	case metric == "duplicateValues":
		p.Unique = true
	default:
		b.fail(path+".metric", fmt.Sprintf("%q is not checked at a push", metric),
			"use invalidValues with validValues or pattern, nullValues, duplicateValues, or type: custom, engine: cel")
	}
}

func (b *contractBuilder) enum(path string, values []odcsValue, p *Property) {
	if p.Type != TypeString {
		b.fail(path, "is on a "+p.Type.String(), "lists of values are for strings; write minimum and maximum, or a rule")
		return
	}
	if len(p.Enum) > 0 {
		b.fail(path, "there is a second list of values", "leave one")
	}
	for i, v := range values {
		text, ok := v.text()
		if !ok || slices.Contains(p.Enum, text) {
			b.fail(fmt.Sprintf("%s[%d]", path, i), "is not a new single value", "list each value once")
			continue
		}
		if err := p.CheckText(text); err != nil && len(p.Enum) == 0 {
			b.fail(fmt.Sprintf("%s[%d]", path, i), fmt.Sprintf("%q %v", text, err), "make the list agree with the other limits")
		}
		p.Enum = append(p.Enum, text)
	}
	p.LowCardinality = true
}

// otherRule reads a CEL rule; type text is documentation and stays so.
func (b *contractBuilder) otherRule(path string, q *odcsQuality, property string) {
	switch {
	case q.Type == "text":
		return
	case q.Type != "custom" || q.Engine != "cel":
		b.fail(path, fmt.Sprintf("type %q with engine %q is not run at a push", q.Type, q.Engine), "write type: custom, engine: cel, or type: text for documentation")
		return
	}
	rule := Rule{Name: q.Name, Message: strings.TrimSpace(q.Description)}
	expression, ok := q.Implementation.text()
	rule.CEL = strings.TrimSpace(expression)
	if !ok || rule.CEL == "" || len(rule.CEL) > maxRule {
		b.fail(path+".implementation", "is no expression", fmt.Sprintf("write one CEL expression of at most %d bytes that is true for a good row", maxRule))
	}
	if !propertyName.MatchString(rule.Name) {
		b.fail(path+".name", fmt.Sprintf("%q is not a rule's name", rule.Name), "use lower-case letters, digits and _; error reports carry it")
	}
	if slices.ContainsFunc(b.c.Rules, func(r Rule) bool { return r.Name == rule.Name }) {
		b.fail(path+".name", fmt.Sprintf("%q is taken", rule.Name), "name each rule once")
	}
	if rule.Message == "" {
		b.fail(path+".description", "is missing", "say in Chinese what is wrong and what to do")
	}
	b.customs(path+".customProperties", q.CustomProperties, map[string]func(string, odcsValue){
		"zidaMessageEn": b.textInto(&rule.MessageEN),
		"zidaField":     b.textInto(&property),
	})
	if rule.MessageEN == "" {
		b.fail(path+".customProperties", "zidaMessageEn is missing", "say in English what is wrong and what to do")
	}
	rule.Fields = b.fields(path, rule.CEL, property)
	b.c.Rules = append(b.c.Rules, rule)
}

// fields lists the properties a rule reads in the order it names them, the one it
// is attached to (or zidaField) first.
func (b *contractBuilder) fields(path, expression, blamed string) []string {
	var fields []string
	if blamed != "" {
		if b.c.PropertyIndex(blamed) < 0 {
			b.fail(path+".customProperties.zidaField", fmt.Sprintf("%q is no property", blamed), "name the property to point at")
		}
		fields = append(fields, blamed)
	}
	for _, name := range celIdentifiers(expression) {
		if b.c.PropertyIndex(name) >= 0 && !slices.Contains(fields, name) {
			fields = append(fields, name)
		}
	}
	if len(fields) == 0 {
		b.fail(path+".implementation", "reads no property", "name properties as they are, such as exits <= entries")
	}
	return fields
}

// celIdentifiers scans an expression for identifiers that could be variables:
// outside strings and comments, not after a dot, not called.
func celIdentifiers(expression string) []string {
	var names []string
	for i := 0; i < len(expression); {
		c := expression[i]
		switch {
		case c == '"' || c == '\'':
			i = endOfString(expression, i)
		case strings.HasPrefix(expression[i:], "//"):
			for i < len(expression) && expression[i] != '\n' {
				i++
			}
		case isWord(c):
			start := i
			for i < len(expression) && isWord(expression[i]) {
				i++
			}
			member := strings.HasSuffix(strings.TrimRight(expression[:start], " \t\n"), ".")
			called := strings.HasPrefix(strings.TrimLeft(expression[i:], " \t\n"), "(")
			if digit := c >= '0' && c <= '9'; !digit && !member && !called {
				names = append(names, expression[start:i])
			}
		default:
			i++
		}
	}
	return names
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// endOfString is the index behind the string literal that begins at i.
func endOfString(s string, i int) int {
	quote := s[i : i+1]
	if strings.HasPrefix(s[i:], strings.Repeat(quote, 3)) {
		quote = strings.Repeat(quote, 3)
	}
	for i += len(quote); i < len(s); i++ {
		if s[i] == '\\' {
			i++
		} else if strings.HasPrefix(s[i:], quote) {
			return i + len(quote)
		}
	}
	return len(s)
}
