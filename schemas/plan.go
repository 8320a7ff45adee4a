package schemas

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// maxProperties bounds the presence bitsets of a row.
const maxProperties = 256

// bitset marks properties of one row by their position.
type bitset [maxProperties / 64]uint64

func (s *bitset) set(i int)      { s[i>>6&3] |= 1 << (i & 63) }
func (s *bitset) has(i int) bool { return s[i>>6&3]>>(i&63)&1 != 0 }

// Column is one column of a dataset's table, as ClickHouse names its type.
type Column struct {
	Name string
	Type string
}

// valueKind is how a property's values are held; it decides setter, column and encoding.
type valueKind uint8

const (
	kindString  valueKind = iota
	kindCode              // a position in a reference list or enumeration
	kindInt               // Int64
	kindDecimal           // up to 18 digits: Decimal32 or Decimal64, a scaled int64
	kindWide              // 19 to 38 digits: Decimal128
	kindFloat             // Float64
	kindBool              // Bool
	kindTime              // DateTime64(3, 'UTC'): milliseconds since 1970
	kindDate              // Date32: days since 1970
)

// field is one property, compiled.
type field struct {
	at       int
	kind     valueKind
	nullable bool
	key      bool
	width    int    // bytes of one value in the column; 0 for strings and codes
	scale    int    // digits after the point in the held integer; 0 for all but decimals
	quoted   string // the name as it stands in JSON, for the predicted compare
	// The first and last eight bytes of quoted, when it has as many.
	head, tail uint64

	name   string
	column Column
	prop   *Property
	list   string // reference list id, "" for none
	enum   *List  // allowed values, nil for none

	checkText      bool // the text checks below are needed
	minLen, maxLen int
	pattern        *regexp.Regexp
	shape          *shape // pattern as fixed character classes, nil when it is not that simple

	// Bounds of int64-held kinds; the column's own limits where the contract names none.
	min, max         int64
	minWide, maxWide wide
	minF, maxF       float64
	limit            wide // 10^precision

	unique int // position among the plan's unique fields, or -1
}

// Plan is a contract compiled for decoding: rows go from bytes to typed columns in
// one pass. It is safe for concurrent use; each goroutine takes its own Batch.
type Plan struct {
	contract *Contract
	fields   []field
	names    *List // property names, for headings and unpredicted JSON keys
	words    int   // how many words of a bitset the fields fill

	required bitset // must be present after defaults and the region are filled in
	keys     []int  // key fields, in key order
	keyOnly  bitset // the fields a retraction may name: the key and the region
	keyNeed  bitset // of those, the ones that must be there
	defaults []defaultValue
	unique   []int

	region     int // field, or -1
	regionFrom int // field whose list entry says the region, or -1
	rules      []rule

	batches sync.Pool
}

type defaultValue struct {
	at    int
	value slot
}

// Compile makes the plan of a contract. A contract that could not be checked
// exactly (a rule that mixes decimals with functions, a decimal over 38 digits, a
// bound that is no number) is refused with an error that names the property or rule.
//
// Rules are CEL over the properties by name. A rule that reads an absent field is satisfied,
// unless it tests that field itself: has(x), or x == null, tells whether an optional
// field is there, so `has(x) || y > 0` asks for one of the two. Dates stand for 00:00 in
// Asia/Shanghai.
func Compile(c *Contract) (*Plan, error) {
	if c == nil || len(c.Properties) == 0 {
		return nil, errors.New("a contract needs at least one property")
	}
	if len(c.Properties) > maxProperties {
		return nil, fmt.Errorf("contract %s: %d properties, at most %d are possible", c.ID, len(c.Properties), maxProperties)
	}
	p := &Plan{contract: c, fields: make([]field, len(c.Properties)), words: (len(c.Properties) + 63) / 64,
		keys: c.Key, region: c.Region, regionFrom: c.RegionFrom}
	names := make([]ListEntry, len(c.Properties))
	for i := range c.Properties {
		f := &p.fields[i]
		if err := f.compile(i, &c.Properties[i]); err != nil {
			return nil, fmt.Errorf("contract %s: property %q: %w", c.ID, c.Properties[i].Name, err)
		}
		names[i].Code = f.name
	}
	p.names = NewList("", names)
	if p.names.Len() != len(p.fields) {
		return nil, fmt.Errorf("contract %s: two properties have the same name", c.ID)
	}
	if err := p.compileKey(); err != nil {
		return nil, fmt.Errorf("contract %s: %w", c.ID, err)
	}
	p.compilePresence()
	if err := p.compileDefaults(); err != nil {
		return nil, fmt.Errorf("contract %s: %w", c.ID, err)
	}
	var err error
	if p.rules, err = compileRules(p); err != nil {
		return nil, fmt.Errorf("contract %s: %w", c.ID, err)
	}
	p.batches.New = func() any { return newBatch(p) }
	return p, nil
}

func (p *Plan) compileKey() error {
	inside := func(i int) bool { return i >= 0 && i < len(p.fields) }
	for _, k := range p.keys {
		if !inside(k) {
			return fmt.Errorf("the key names property %d of %d", k, len(p.fields))
		}
		p.fields[k].key = true
	}
	if p.region >= 0 && (!inside(p.region) || p.contract.Properties[p.region].Type != TypeString) {
		return errors.New("the region must be a string property")
	}
	if p.regionFrom >= 0 {
		if !inside(p.regionFrom) || p.fields[p.regionFrom].list == "" {
			return errors.New("the property that gives the region must have a code list")
		}
		if p.region < 0 {
			return errors.New("a region comes from a code list, but no property holds it (zidaRegion)")
		}
	}
	return nil
}

// compilePresence works out which fields must be there, and the column types that follow.
func (p *Plan) compilePresence() {
	for i := range p.fields {
		f := &p.fields[i]
		must := f.prop.Required || f.key || i == p.region
		f.nullable = !must
		f.column.Type = f.columnType()
		if must {
			p.required.set(i)
		}
		if f.key || i == p.region || i == p.regionFrom {
			p.keyOnly.set(i)
			p.keyNeed.set(i)
		}
		// A single-property key that is unique says nothing new: pushing it again is a revision.
		f.unique = -1
		if f.prop.Unique && (!f.key || len(p.keys) > 1) {
			f.unique = len(p.unique)
			p.unique = append(p.unique, i)
		}
	}
}

func (p *Plan) compileDefaults() error {
	b := newBatch(p)
	b.bind(&DecodeOptions{})
	for i := range p.fields {
		f := &p.fields[i]
		if f.prop.Default == "" {
			continue
		}
		text := []byte(f.prop.Default)
		if f.list != "" {
			// Looked up in the sender's snapshot when it is used.
			p.defaults = append(p.defaults, defaultValue{at: i, value: slot{str: text}})
			continue
		}
		if !b.setText(f, text) {
			return fmt.Errorf("property %q: default %q: %s", f.name, f.prop.Default, b.out.Errors[0].In("en").Message)
		}
		v := b.slots[i]
		v.str = text
		p.defaults = append(p.defaults, defaultValue{at: i, value: v})
	}
	return nil
}

// Contract is what the plan was compiled from.
func (p *Plan) Contract() *Contract { return p.contract }

// Columns are the table's columns in property order, which is the order of AppendColumns.
func (p *Plan) Columns() []Column {
	out := make([]Column, len(p.fields))
	for i := range p.fields {
		out[i] = p.fields[i].column
	}
	return out
}

// KeyColumns are the columns that AppendColumns writes for a retraction, in its
// order: the key's and the region's, in property order.
func (p *Plan) KeyColumns() []Column {
	var out []Column
	for i := range p.fields {
		if p.keyOnly.has(i) {
			out = append(out, p.fields[i].column)
		}
	}
	return out
}

// columnType is the type as system.columns spells it.
func (f *field) columnType() string {
	base := ""
	switch f.kind {
	case kindString, kindCode:
		base = "String"
	case kindInt:
		base = "Int64"
	case kindDecimal, kindWide:
		base = "Decimal(" + strconv.Itoa(f.prop.Precision) + ", " + strconv.Itoa(f.prop.Scale) + ")"
	case kindFloat:
		base = "Float64"
	case kindBool:
		base = "Bool"
	case kindTime:
		base = "DateTime64(3, 'UTC')"
	case kindDate:
		base = "Date32"
	}
	if f.nullable {
		base = "Nullable(" + base + ")"
	}
	if f.kind == kindCode || f.kind == kindString && f.prop.LowCardinality {
		base = "LowCardinality(" + base + ")"
	}
	return base
}

// plainType is the type of the column's plain encoding: without LowCardinality.
func (f *field) plainType() string {
	if inner, ok := strings.CutPrefix(f.column.Type, "LowCardinality("); ok {
		return strings.TrimSuffix(inner, ")")
	}
	return f.column.Type
}
