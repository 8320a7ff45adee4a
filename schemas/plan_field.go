package schemas

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What the columns hold at most. ClickHouse: DateTime64 and Date32 reach from 1900 to 2299.
const (
	minTime          = -2208988800000       // 1900-01-01T00:00:00Z
	maxTime          = 10413791999999       // 2299-12-31T23:59:59.999Z
	minDate          = minTime / 86400000   // 1900-01-01
	maxDate          = maxTime/86400000 - 0 // 2299-12-31
	maxText          = math.MaxInt32        // no length limit
	maxWidePrecision = 38
)

func (f *field) compile(at int, prop *Property) error {
	f.at, f.name, f.prop, f.list = at, prop.Name, prop, prop.CodeList
	switch {
	case f.name == "":
		return errors.New("has no name")
	case strings.HasPrefix(f.name, "_"):
		return errors.New("names that begin with _ are kept for the hub's lineage columns")
	case !utf8.ValidString(f.name) || strings.ContainsAny(f.name, "\"\\`") || strings.IndexFunc(f.name, func(r rune) bool { return r < ' ' }) >= 0:
		return errors.New("names hold no quotes, backslashes or control characters")
	}
	f.quoted = `"` + f.name + `"`
	if n := len(f.quoted); n >= 8 {
		f.head = binary.LittleEndian.Uint64([]byte(f.quoted))
		f.tail = binary.LittleEndian.Uint64([]byte(f.quoted[n-8:]))
	}
	f.column.Name = f.name
	if len(prop.Enum) > 0 {
		if prop.Type != TypeString || f.list != "" {
			return errors.New("an enumeration needs a string property without a code list")
		}
		entries := make([]ListEntry, len(prop.Enum))
		for i, code := range prop.Enum {
			entries[i].Code = code
		}
		f.enum = NewList("", entries)
	}
	if f.list != "" && prop.Type != TypeString {
		return errors.New("a code list needs a string property")
	}
	switch prop.Type {
	case TypeString:
		return f.compileString()
	case TypeInteger:
		f.kind, f.width = kindInt, 8
		return f.compileBounds(math.MinInt64, math.MaxInt64)
	case TypeNumber:
		return f.compileNumber()
	case TypeBoolean:
		f.kind, f.width = kindBool, 1
		return nil
	case TypeTimestamp:
		f.kind, f.width = kindTime, 8
		return f.compileBounds(minTime, maxTime)
	case TypeDate:
		f.kind, f.width = kindDate, 4
		return f.compileBounds(minDate, maxDate)
	}
	return fmt.Errorf("unknown type %d", prop.Type)
}

func (f *field) compileString() error {
	prop := f.prop
	f.kind = kindString
	if f.list != "" || f.enum != nil {
		f.kind = kindCode
	}
	f.minLen, f.maxLen, f.pattern = prop.MinLength, prop.MaxLength, prop.Pattern
	if f.maxLen == 0 {
		f.maxLen = maxText
	}
	if f.minLen < 0 || f.maxLen < f.minLen {
		return fmt.Errorf("lengths %d to %d leave nothing", f.minLen, f.maxLen)
	}
	if f.pattern != nil {
		f.shape = compileShape(f.pattern.String())
	}
	f.checkText = f.minLen > 0 || f.maxLen < maxText || f.pattern != nil
	return nil
}

func (f *field) compileNumber() error {
	p, s := f.prop.Precision, f.prop.Scale
	if p == 0 {
		f.kind, f.width = kindFloat, 8
		f.minF, f.maxF = -math.MaxFloat64, math.MaxFloat64
		for _, bound := range []struct {
			text string
			to   *float64
		}{{f.prop.Minimum, &f.minF}, {f.prop.Maximum, &f.maxF}} {
			if bound.text == "" {
				continue
			}
			v, err := strconv.ParseFloat(bound.text, 64)
			if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
				return fmt.Errorf("bound %q is not a number", bound.text)
			}
			*bound.to = v
		}
		return nil
	}
	if p < 1 || p > maxWidePrecision || s < 0 || s > p {
		return fmt.Errorf("decimal(%d, %d): precision is 1 to %d digits, scale 0 to precision", p, s, maxWidePrecision)
	}
	f.limit, f.scale = pow10(p), s
	switch {
	case p <= 9:
		f.kind, f.width = kindDecimal, 4
	case p <= 18:
		f.kind, f.width = kindDecimal, 8
	default:
		f.kind, f.width = kindWide, 16
		return f.compileWideBounds()
	}
	return f.compileBounds(-int64(f.limit.lo)+1, int64(f.limit.lo)-1)
}

// compileBounds reads minimum and maximum of a kind held in an int64; low and high
// are what the column holds.
func (f *field) compileBounds(low, high int64) error {
	f.min, f.max = low, high
	if text := f.prop.Minimum; text != "" {
		v, exact, err := f.bound(text)
		if err != nil {
			return err
		}
		f.min = max(low, v)
		if f.prop.ExclusiveMinimum && exact || !exact && !strings.HasPrefix(text, "-") {
			// The first value above: a bound between two values was cut towards zero.
			if f.min == high {
				return fmt.Errorf("nothing lies above bound %q", text)
			}
			f.min++
		}
	}
	if text := f.prop.Maximum; text != "" {
		v, exact, err := f.bound(text)
		if err != nil {
			return err
		}
		f.max = min(high, v)
		if f.prop.ExclusiveMaximum && exact || !exact && strings.HasPrefix(text, "-") {
			if f.max == low {
				return fmt.Errorf("nothing lies below bound %q", text)
			}
			f.max--
		}
	}
	if f.min > f.max {
		return fmt.Errorf("bounds %q to %q leave nothing", f.prop.Minimum, f.prop.Maximum)
	}
	return nil
}

// bound reads a bound as the column holds it, cut towards zero; exact says whether nothing was cut.
func (f *field) bound(text string) (v int64, exact bool, err error) {
	switch f.kind {
	case kindTime:
		if ms, code := parseTime([]byte(text)); code == "" {
			return ms, true, nil
		}
		return 0, false, fmt.Errorf("bound %q is not a time", text)
	case kindDate:
		if days, code := parseDate([]byte(text)); code == "" {
			return days, true, nil
		}
		return 0, false, fmt.Errorf("bound %q is not a date", text)
	}
	w, verdict := scaleNumber([]byte(text), f.scale)
	if verdict > numberInexact || !w.fitsInt64() {
		return 0, false, fmt.Errorf("bound %q is not a number that the column holds", text)
	}
	return int64(w.lo), verdict == numberExact, nil
}

func (f *field) compileWideBounds() error {
	f.maxWide = f.limit.sub(wide{lo: 1})
	f.minWide = f.maxWide.neg()
	for i, text := range []string{f.prop.Minimum, f.prop.Maximum} {
		if text == "" {
			continue
		}
		w, verdict := scaleNumber([]byte(text), f.scale)
		if verdict != numberExact {
			return fmt.Errorf("bound %q is not a number that the column holds", text)
		}
		if i == 0 {
			if f.prop.ExclusiveMinimum {
				w = w.add(wide{lo: 1})
			}
			f.minWide = w
		} else {
			if f.prop.ExclusiveMaximum {
				w = w.sub(wide{lo: 1})
			}
			f.maxWide = w
		}
	}
	if f.maxWide.cmp(f.minWide) < 0 {
		return fmt.Errorf("bounds %q to %q leave nothing", f.prop.Minimum, f.prop.Maximum)
	}
	return nil
}
