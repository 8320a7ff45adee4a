package schemas

import (
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// decimalText is an exact decimal as it is written: no exponent, no leading zeros.
var decimalText = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)

// chinaTime is Asia/Shanghai since 1992, without the time zone database.
var chinaTime = time.FixedZone("Asia/Shanghai", 8*60*60)

// String is the type's name in ODCS.
func (t Type) String() string {
	for name, of := range logicalTypes {
		if of == t {
			return name
		}
	}
	return "Type(" + strconv.Itoa(int(t)) + ")"
}

var classifications = []string{"public", "internal", "sensitive", "core"}

// String is the level's name in contracts and tokens.
func (c Classification) String() string {
	if c < Public || c > Core {
		return "Classification(" + strconv.Itoa(int(c)) + ")"
	}
	return classifications[c]
}

// Label is the level's name in "zh" or "en".
func (c Classification) Label(lang string) string {
	if lang != "zh" || c < Public || c > Core {
		return c.String()
	}
	return [...]string{"公开", "内部", "敏感", "核心"}[c]
}

// ParseClassification reads public, internal, sensitive or core.
func ParseClassification(text string) (Classification, error) {
	i := slices.Index(classifications, text)
	if i < 0 {
		return Internal, fmt.Errorf("%q is no classification", text)
	}
	return Classification(i), nil
}

// bounds reads minimum and maximum, inclusive or exclusive.
func (b *contractBuilder) bounds(path string, o *odcsOptions, p *Property) {
	p.Minimum, p.ExclusiveMinimum = b.bound(path, "minimum", "exclusiveMinimum", o.Minimum, o.ExclusiveMinimum, p)
	p.Maximum, p.ExclusiveMaximum = b.bound(path, "maximum", "exclusiveMaximum", o.Maximum, o.ExclusiveMaximum, p)
	if p.Minimum == "" || p.Maximum == "" {
		return
	}
	order := compareValues(p, p.Minimum, p.Maximum)
	if order > 0 || order == 0 && (p.ExclusiveMinimum || p.ExclusiveMaximum) {
		b.fail(path, fmt.Sprintf("no value lies between %s and %s", p.Minimum, p.Maximum), "make the minimum the smaller one")
	}
}

func (b *contractBuilder) bound(path, name, exclusiveName string, inclusive, exclusive odcsValue, p *Property) (text string, isExclusive bool) {
	v := inclusive
	if exclusive.node != nil {
		if inclusive.node != nil {
			b.fail(path+"."+exclusiveName, "stands beside "+name, "leave one of the two")
		}
		v, name, isExclusive = exclusive, exclusiveName, true
	}
	if v.node == nil {
		return "", false
	}
	text, ok := v.text()
	if !ok {
		b.fail(path+"."+name, "is not a single value", "write one number or time")
		return "", false
	}
	if p.Type == TypeString || p.Type == TypeBoolean {
		b.fail(path+"."+name, "is on a "+p.Type.String(), "bounds are for numbers and times")
		return "", false
	}
	if err := checkType(p, text); err != nil {
		b.fail(path+"."+name, fmt.Sprintf("%q is out of place: %v", text, err), "write a bound that a value could have")
		return "", false
	}
	return text, isExclusive
}

// CheckText reports why the text form of a value is not one of the property's, or
// nil. It is for defaults, examples and settings: one value at a time, not rows.
// Code lists and rules are not looked at.
func (p *Property) CheckText(text string) error {
	if err := checkType(p, text); err != nil {
		return err
	}
	length := utf8.RuneCountInString(text)
	switch {
	case p.Type == TypeString && length < p.MinLength:
		return fmt.Errorf("has %d characters, needs %d", length, p.MinLength)
	case p.Type == TypeString && p.MaxLength > 0 && length > p.MaxLength:
		return fmt.Errorf("has %d characters, may have %d", length, p.MaxLength)
	case p.Pattern != nil && !p.Pattern.MatchString(text):
		return fmt.Errorf("does not match %s", p.Pattern)
	case len(p.Enum) > 0 && !slices.Contains(p.Enum, text):
		return fmt.Errorf("is none of %s", strings.Join(p.Enum, ", "))
	}
	if p.Minimum != "" {
		if order := compareValues(p, text, p.Minimum); order < 0 || order == 0 && p.ExclusiveMinimum {
			return fmt.Errorf("is below %s", p.Minimum)
		}
	}
	if p.Maximum != "" {
		if order := compareValues(p, text, p.Maximum); order > 0 || order == 0 && p.ExclusiveMaximum {
			return fmt.Errorf("is above %s", p.Maximum)
		}
	}
	return nil
}

// checkType reports why text is not of the property's type.
func checkType(p *Property, text string) error {
	var err error
	switch p.Type {
	case TypeString:
		if text == "" || !utf8.ValidString(text) {
			return errors.New("is empty or not UTF-8")
		}
	case TypeInteger:
		if _, err = strconv.ParseInt(text, 10, 64); err != nil || !decimalText.MatchString(text) {
			return errors.New("is not a whole number of 64 bits")
		}
	case TypeNumber:
		if !decimalText.MatchString(text) {
			return errors.New("is not a plain decimal number")
		}
		if p.Precision > 0 {
			whole, fraction, _ := strings.Cut(strings.TrimPrefix(text, "-"), ".")
			if len(strings.TrimPrefix(whole, "0")) > p.Precision-p.Scale || len(fraction) > p.Scale {
				return fmt.Errorf("does not fit %d digits, %d of them behind the point", p.Precision, p.Scale)
			}
		}
	case TypeBoolean:
		if text != "true" && text != "false" {
			return errors.New("is neither true nor false")
		}
	case TypeTimestamp:
		_, err = parseInstant(text)
	case TypeDate:
		_, err = time.Parse(time.DateOnly, text)
	}
	return err
}

// parseInstant reads RFC 3339 in any offset, or a bare date or a date and time in Asia/Shanghai.
func parseInstant(text string) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at, nil
	}
	for _, layout := range []string{time.DateOnly, time.DateTime} {
		if at, err := time.ParseInLocation(layout, text, chinaTime); err == nil {
			return at, nil
		}
	}
	return time.Time{}, errors.New("is neither RFC 3339 nor YYYY-MM-DD nor YYYY-MM-DD hh:mm:ss")
}

// compareValues orders two texts that checkType accepted.
func compareValues(p *Property, a, b string) int {
	switch p.Type {
	case TypeInteger, TypeNumber:
		x, okX := new(big.Rat).SetString(a)
		y, okY := new(big.Rat).SetString(b)
		if !okX || !okY {
			return 0
		}
		return x.Cmp(y)
	case TypeTimestamp:
		x, _ := parseInstant(a)
		y, _ := parseInstant(b)
		return x.Compare(y)
	}
	return strings.Compare(a, b)
}

// examples holds every example and default against its property.
func (b *contractBuilder) examples() {
	for i := range b.c.Properties {
		p := &b.c.Properties[i]
		path := "schema[0].properties." + p.Name
		for j, example := range p.Examples {
			if err := p.CheckText(example); err != nil {
				b.fail(fmt.Sprintf("%s.examples[%d]", path, j), fmt.Sprintf("%q %v", example, err), "give an example that the hub would accept")
			}
		}
		if p.Default == "" {
			continue
		}
		if err := p.CheckText(p.Default); err != nil {
			b.fail(path+".customProperties.zidaDefault", fmt.Sprintf("%q %v", p.Default, err), "give a default that the hub would accept")
		}
	}
}
