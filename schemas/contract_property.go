package schemas

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The kinds of period that zidaPeriod can name.
const (
	PeriodMonth   = "month"   // YYYY-MM
	PeriodQuarter = "quarter" // YYYY-Qn
	PeriodHalf    = "half"    // YYYY-Hn
	PeriodYear    = "year"    // YYYY
	PeriodAny     = "period"  // YYYY, YYYY-Hn, YYYY-Qn or YYYY-MM
)

// A period's pattern, used where the contract gives none of its own.
var periodPatterns = map[string]string{
	PeriodMonth:   `^[0-9]{4}-(0[1-9]|1[0-2])$`,
	PeriodQuarter: `^[0-9]{4}-Q[1-4]$`,
	PeriodHalf:    `^[0-9]{4}-H[12]$`,
	PeriodYear:    `^[0-9]{4}$`,
	PeriodAny:     `^[0-9]{4}(-Q[1-4]|-H[12]|-(0[1-9]|1[0-2]))?$`,
}

// maxDecimal is the widest exact decimal, that of ClickHouse's Decimal128.
const maxDecimal = 38

var logicalTypes = map[string]Type{
	"string": TypeString, "integer": TypeInteger, "number": TypeNumber,
	"boolean": TypeBoolean, "timestamp": TypeTimestamp, "date": TypeDate,
}

// Words that a rule's expression language (CEL) keeps for itself.
var reservedNames = []string{
	"as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let",
	"loop", "namespace", "null", "package", "return", "true", "var", "void", "while", "has", "row",
}

// PropertyIndex is where the named property stands in Properties, or -1.
func (c *Contract) PropertyIndex(name string) int {
	return slices.IndexFunc(c.Properties, func(p Property) bool { return p.Name == name })
}

// property builds the i-th property and notes the roles it bears.
func (b *contractBuilder) property(s *odcsProperty, i int, marks *propertyMarks) Property {
	path := "schema[0].properties." + s.Name
	p := Property{
		Name: s.Name, Label: strings.TrimSpace(s.BusinessName), Description: strings.TrimSpace(s.Description),
		Required: s.Required, Unique: s.Unique,
	}
	switch {
	case strings.HasPrefix(s.Name, "_"):
		b.fail(path, "the name begins with _", "names with _ are the hub's lineage columns; drop it")
	case !propertyName.MatchString(s.Name):
		b.fail(path, fmt.Sprintf("%q is not a property name", s.Name), "use a lower-case letter, then up to 62 lower-case letters, digits and _")
	case slices.Contains(reservedNames, s.Name):
		b.fail(path, fmt.Sprintf("%q is a word of the rule language", s.Name), "choose another name")
	}
	if p.Label == "" {
		b.fail(path+".businessName", "is missing", "give the Chinese name that people see")
	}
	b.typeOf(path, s, &p)
	b.classify(path, s.Classification, &p)
	b.keyPosition(path, s, &p)
	b.propertyCustoms(path, s, &p, i, marks)
	if s.Partitioned {
		marks.partition = append(marks.partition, i)
	}
	b.options(path+".logicalTypeOptions", &s.Options, &p)
	b.exampleTexts(path, s, &p)
	return p
}

func (b *contractBuilder) typeOf(path string, s *odcsProperty, p *Property) {
	t, known := logicalTypes[s.LogicalType]
	if !known {
		b.fail(path+".logicalType", fmt.Sprintf("%q cannot be a column", s.LogicalType), "use string, integer, number, boolean, timestamp or date")
	}
	p.Type = t
}

func (b *contractBuilder) classify(path, text string, p *Property) {
	p.Classification = Internal
	if text == "" {
		return
	}
	level, err := ParseClassification(text)
	if err != nil {
		b.fail(path+".classification", err.Error(), "use public, internal, sensitive or core")
	}
	p.Classification = level
}

func (b *contractBuilder) keyPosition(path string, s *odcsProperty, p *Property) {
	switch {
	case s.PrimaryKey && s.PrimaryKeyPosition < 1:
		b.fail(path+".primaryKeyPosition", "is missing", "number the key's properties 1, 2, 3 …")
	case !s.PrimaryKey && s.PrimaryKeyPosition > 0:
		b.fail(path+".primaryKey", "is not true although there is a position", "write primaryKey: true")
	case s.PrimaryKey:
		p.KeyPosition = s.PrimaryKeyPosition
	}
}

// propertyCustoms reads the zida… properties of a property.
func (b *contractBuilder) propertyCustoms(path string, s *odcsProperty, p *Property, i int, marks *propertyMarks) {
	var region, isTime, from bool
	var attribute string
	path += ".customProperties"
	b.customs(path, s.CustomProperties, map[string]func(string, odcsValue){
		"zidaLabelEn":        b.textInto(&p.LabelEN),
		"zidaDescriptionEn":  b.textInto(&p.DescriptionEN),
		"zidaUnit":           b.textInto(&p.Unit),
		"zidaUnitEn":         b.textInto(&p.UnitEN),
		"zidaCodeList":       b.textInto(&p.CodeList),
		"zidaListAttribute":  b.textInto(&attribute),
		"zidaDefault":        b.textInto(&p.Default),
		"zidaPeriod":         b.textInto(&p.Period),
		"zidaValueLabels":    b.valueLabelsInto(p),
		"zidaDecimal":        func(at string, v odcsValue) { b.decimal(at, v, p) },
		"zidaLowCardinality": b.boolInto(&p.LowCardinality),
		"zidaAdditive":       b.boolInto(&p.Additive),
		"zidaRegion":         b.boolInto(&region),
		"zidaTime":           b.boolInto(&isTime),
		"zidaRegionFrom":     b.boolInto(&from),
	})
	for _, mark := range []struct {
		on   bool
		list *[]int
	}{{region, &marks.region}, {isTime, &marks.time}, {from, &marks.regionFrom}} {
		if mark.on {
			*mark.list = append(*mark.list, i)
		}
	}
	if p.LabelEN == "" {
		b.fail(path, "zidaLabelEn is missing", "give the English name as {property: zidaLabelEn, value: …}")
	}
	b.codeList(path, attribute, p)
	if p.Period != "" && (periodPatterns[p.Period] == "" || p.Type != TypeString) {
		b.fail(path+".zidaPeriod", fmt.Sprintf("is %q on a %s", p.Period, p.Type), "write year, half, quarter, month or period, on a string")
	}
	if p.Additive && (p.KeyPosition > 0 || p.Type != TypeInteger && (p.Type != TypeNumber || p.Precision == 0)) {
		b.fail(path+".zidaAdditive", "is on a "+p.Type.String()+" that has no exact sum", "only integers and exact decimals outside the key add up; leave it out")
	}
	if p.LowCardinality && p.Type != TypeString {
		b.fail(path+".zidaLowCardinality", "is on a "+p.Type.String(), "only strings can be dictionary-coded; leave it out")
	}
	if p.KeyPosition > 0 && p.Type == TypeNumber && p.Precision == 0 {
		b.fail(path, "the key holds a float", "use an integer, a string or an exact decimal (zidaDecimal)")
	}
	if p.KeyPosition > 0 && !p.Required && p.Default == "" {
		b.fail(strings.TrimSuffix(path, ".customProperties"), "is in the primary key but may be absent", "write required: true, or give it a zidaDefault")
	}
}

func (b *contractBuilder) codeList(path, attribute string, p *Property) {
	if p.CodeList != "" {
		if !contractID.MatchString(p.CodeList) {
			b.fail(path+".zidaCodeList", fmt.Sprintf("%q is not a list's id", p.CodeList), "write the id of a reference list's contract")
		}
		if p.Type != TypeString {
			b.fail(path+".zidaCodeList", "is on a "+p.Type.String(), "codes are strings")
		}
		p.LowCardinality = true
	}
	if attribute == "" {
		return
	}
	name, value, ok := strings.Cut(attribute, "=")
	if !ok || value == "" || !propertyName.MatchString(name) || p.CodeList == "" {
		b.fail(path+".zidaListAttribute", fmt.Sprintf("%q asks nothing of a list's entry", attribute), "write attribute=value, on a property with a zidaCodeList")
		return
	}
	p.ListAttr, p.ListAttrValue = name, value
}

func (b *contractBuilder) decimal(path string, v odcsValue, p *Property) {
	var size struct {
		Precision int `yaml:"precision"`
		Scale     int `yaml:"scale"`
	}
	err := v.decode(&size)
	switch {
	case err != nil || size.Precision < 1 || size.Precision > maxDecimal || size.Scale < 0 || size.Scale > size.Precision:
		b.fail(path, "is not a decimal's size", fmt.Sprintf("write {precision: 18, scale: 2}: 1 to %d digits, scale of them behind the point", maxDecimal))
	case p.Type != TypeNumber:
		b.fail(path, "is on a "+p.Type.String(), "write logicalType: number")
	default:
		p.Precision, p.Scale = size.Precision, size.Scale
	}
}

// options reads lengths, pattern and bounds; what would not be enforced is refused.
func (b *contractBuilder) options(path string, o *odcsOptions, p *Property) {
	if o.MinLength != nil {
		p.MinLength = *o.MinLength
	}
	if o.MaxLength != nil {
		if p.MaxLength = *o.MaxLength; p.MaxLength < max(1, p.MinLength) {
			b.fail(path+".maxLength", fmt.Sprintf("%d leaves no value", p.MaxLength), "make it at least minLength, and at least 1")
		}
	}
	pattern := o.Pattern
	if pattern == "" {
		pattern = periodPatterns[p.Period]
	}
	b.pattern(path+".pattern", pattern, p)
	if o.MultipleOf.node != nil {
		b.fail(path+".multipleOf", "is not checked by zida", "leave it out, or write a rule (quality, engine: cel)")
	}
	if o.Format != "" && !slices.Contains(enforcedFormats[p.Type], o.Format) {
		b.fail(path+".format", fmt.Sprintf("%q is not checked by zida", o.Format), "leave it out; use a pattern, or minimum and maximum")
	}
	if o.DefaultTimezone != "" && o.DefaultTimezone != "Asia/Shanghai" {
		b.fail(path+".defaultTimezone", fmt.Sprintf("is %q", o.DefaultTimezone), "a time without an offset is always read in Asia/Shanghai; leave it out")
	}
	b.bounds(path, o, p)
}

// The ODCS formats that say what zida does anyway.
var enforcedFormats = map[Type][]string{
	TypeInteger: {"i64"}, TypeNumber: {"f64"}, TypeDate: {"yyyy-MM-dd"},
}

func (b *contractBuilder) pattern(path, pattern string, p *Property) {
	if pattern == "" {
		return
	}
	if p.Pattern != nil {
		b.fail(path, "there is a second pattern", "leave one")
		return
	}
	compiled, err := regexp.Compile(pattern)
	if err != nil {
		// ODCS allows ECMA-262; look-around and back-references have no linear-time matcher.
		b.fail(path, fmt.Sprintf("the pattern of %s is not RE2: %v", p.Name, err),
			"write it without look-ahead, look-behind and back-references (syntax: https://github.com/google/re2/wiki/Syntax), or as a rule")
		return
	}
	if p.Type != TypeString {
		b.fail(path, "is on a "+p.Type.String(), "patterns are for strings")
	}
	p.Pattern = compiled
}

// exampleTexts keeps the examples as text; examples() checks them when the rest holds.
func (b *contractBuilder) exampleTexts(path string, s *odcsProperty, p *Property) {
	for i, example := range s.Examples {
		text, ok := example.text()
		if !ok {
			b.fail(fmt.Sprintf("%s.examples[%d]", path, i), "is not a single value", "write a string, number or boolean")
		}
		p.Examples = append(p.Examples, text)
	}
	if len(s.Examples) == 0 {
		b.fail(path+".examples", "is missing", "give at least one; templates and documentation are made of them")
	}
}
