// Package schemas holds everything that crosses the wire: data contracts, the
// compiled plan that checks a record and turns it into typed columns, receipts
// and problem types. It imports no other package of zida, so that a partner can
// verify a receipt or check a file without the hub.
package schemas

import (
	"regexp"
	"time"
)

// Type is the logical type of a property, after ODCS logicalType.
type Type int

// The types a property can have.
const (
	TypeString Type = iota
	TypeInteger
	TypeNumber // a float; with Precision > 0 an exact decimal
	TypeBoolean
	TypeTimestamp
	TypeDate
)

// Classification is the level of 分类分级, lowest first.
type Classification int

// The four levels; internal is the default of a property that names none.
const (
	Public Classification = iota
	Internal
	Sensitive
	Core
)

// Contract is one dataset's data contract (ODCS v3.1, one schema object).
type Contract struct {
	ID          string
	Version     string // semver
	Status      string
	Name        string // Chinese label
	NameEN      string
	Description string
	// DescriptionEN is the purpose in English; may be empty.
	DescriptionEN string
	Domain        string
	Tags          []string
	// Reference marks a reference list: its rows are kept in the hub's memory too
	// and are what a zidaCodeList of that id is checked against.
	Reference  bool
	Properties []Property
	Key        []int // indexes into Properties, in primaryKeyPosition order
	// Region is the property that holds the GB/T 2260 code, or -1.
	Region int
	// RegionFrom is the key property whose reference list says which region a
	// row belongs to, or -1 when the region property itself is (part of) the key
	// or the contract is a list of its own.
	RegionFrom int
	Time       int // the event-time property, or -1
	// Partition is the property (in the key) whose period partitions the tables, or -1.
	Partition int
	Rules     []Rule
	Freshness time.Duration // slaProperties; 0: none promised
	source    []byte
}

// Property is one field of a record.
type Property struct {
	Name           string
	Label          string // businessName, Chinese
	LabelEN        string
	Unit           string
	UnitEN         string
	Description    string
	DescriptionEN  string
	Type           Type
	Required       bool
	Unique         bool
	KeyPosition    int // from 1; 0: not in the key
	Classification Classification
	MinLength      int // in characters; 0: none
	MaxLength      int // in characters; 0: none
	Pattern        *regexp.Regexp
	Minimum        string // exact decimal text; "": none
	Maximum        string
	// ExclusiveMinimum and ExclusiveMaximum make the bound itself not allowed.
	ExclusiveMinimum, ExclusiveMaximum bool
	Precision, Scale                   int    // zidaDecimal; 0: not a decimal
	CodeList                           string // reference list id
	// RequiredAttr, when set, is attr=value that the code's list entry must have
	// (zidaListAttribute), such as ticket_reporting=daily.
	ListAttr, ListAttrValue string
	Enum                    []string // allowed values
	// ValueLabels are what people read in place of allowed values (zidaValueLabels), in the
	// contract's order; a value may have none.
	ValueLabels []ValueLabel
	// Period is the kind of period that a string names, such as PeriodMonth; "" for
	// every other property.
	Period         string
	Default        string // text form, used when the field is absent; "": none
	LowCardinality bool
	Additive       bool // sums over records mean something: it has a metric by itself
	Examples       []string
}

// Rule is a row or cross-field rule in CEL, with the message a person reads.
type Rule struct {
	Name      string
	CEL       string
	Message   string // Chinese
	MessageEN string
	Fields    []string // the properties the rule reads, first is the one blamed
}
