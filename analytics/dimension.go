package analytics

import (
	"slices"
	"strings"

	"github.com/zida-hub/zida/schemas"
)

// The types of columns in answers.
const (
	typeString  = "string"
	typeInteger = "integer"
	typeNumber  = "number"
	typeDecimal = "decimal"
	typeBoolean = "boolean"
	typeDate    = "date"
	typeInstant = "timestamp"
)

// dimension is a thing that records can be grouped or filtered by. Dimensions follow
// from the contract: its key, code lists, enumerations and region; the texts of the
// reference lists behind them; the side a region lies on; the agency; parts of the time.
type dimension struct {
	name, label, labelEN string
	kind                 string
	scale                int
	source               string // the property, lineage column or "time" that decides its value
	instant              bool   // finer than a day
	key                  bool   // source is in the key, so its value never changes with a revision
	// property whose classification applies; nil for lineage.
	property *schemas.Property
	// told says that the dimension's values are the property's own, so that its labels apply;
	// codes is the reference list that they are of.
	told    bool
	codes   string
	dataset string
	values  map[Value]Value // other spellings of values, for filters
	// expression resolves the dimension in the scope of the records.
	expression func(s *rowScope) (string, error)
}

// sideValues are the names that a side's code in contracts and tokens goes by here.
var sideValues = map[Value]Value{schemas.SideChongqing: "大足", schemas.SideSichuan: "资阳"}

// The two sides, by the first digits of a region's code.
const sideExpression = "multiIf(startsWith(%, '50'), '大足', startsWith(%, '51'), '资阳', '')"

// dimensionsOf lists the dimensions of a contract. Where two would have one name the
// contract's own property comes first.
func dimensionsOf(contracts catalogue, c *schemas.Contract) []*dimension {
	var all []*dimension
	add := func(d *dimension) {
		if !slices.ContainsFunc(all, func(have *dimension) bool { return have.name == d.name }) {
			all = append(all, d)
		}
	}
	for i := range c.Properties {
		if p := &c.Properties[i]; i != c.Time && groups(c, i) {
			add(propertyDimension(c, p))
		}
	}
	for i := range c.Properties {
		p := &c.Properties[i]
		if i == c.Region || p.CodeList == schemas.RegionList {
			add(sideDimension(c, p))
		}
		if list := contracts[p.CodeList]; list != nil && len(list.Key) == 1 {
			for n := range list.Properties {
				if attribute := &list.Properties[n]; describes(list, n) {
					add(listDimension(c, p, list, attribute))
				}
			}
		}
	}
	add(&dimension{
		name: "agency", label: "报送机构", labelEN: "Agency", kind: typeString, source: "_agency", dataset: c.ID,
		expression: func(s *rowScope) (string, error) { return s.column("_agency") },
	})
	if c.ID != bookingID { // whose parts are of a figure and of a rule, each pushed by itself
		add(&dimension{
			name: "submission", label: "提交", labelEN: "Submission", kind: typeString, source: "_submission", dataset: c.ID,
			expression: func(s *rowScope) (string, error) {
				for _, column := range []string{"_version", "_submission"} {
					if _, err := s.column(column); err != nil {
						return "", err
					}
				}
				return submissionText, nil
			},
		})
	}
	if c.Time >= 0 {
		for _, part := range calendarParts {
			if part.instant && c.Properties[c.Time].Type != schemas.TypeTimestamp || part.days && c.Properties[c.Time].Type == schemas.TypeString {
				continue
			}
			add(timeDimension(c, part))
		}
	}
	return all
}

// groups reports whether a property has few enough values to group by.
func groups(c *schemas.Contract, i int) bool {
	p := &c.Properties[i]
	return p.KeyPosition > 0 || i == c.Region || p.CodeList != "" || len(p.Enum) > 0 || p.LowCardinality || p.Type == schemas.TypeBoolean
}

// describes reports whether a list's property says what a code is, such as its name and the
// unit that it is counted in.
func describes(list *schemas.Contract, i int) bool {
	p := &list.Properties[i]
	return p.KeyPosition == 0 && i != list.Region && p.Type == schemas.TypeString && (strings.HasPrefix(p.Name, "name") || strings.HasPrefix(p.Name, "unit") || len(p.Enum) > 0 || p.LowCardinality)
}

func propertyDimension(c *schemas.Contract, p *schemas.Property) *dimension {
	return &dimension{
		name: p.Name, label: p.Label, labelEN: p.LabelEN, kind: kindOf(p), scale: p.Scale, source: p.Name, key: p.KeyPosition > 0, property: p, dataset: c.ID,
		told: true, codes: c.CodesOf(p),
		expression: func(s *rowScope) (string, error) { return s.column(p.Name) },
	}
}

func sideDimension(c *schemas.Contract, p *schemas.Property) *dimension {
	name, label, labelEN := "side", "所属方", "Side"
	if stem, ok := strings.CutSuffix(p.Name, "region"); ok && stem != "" {
		name, label, labelEN = stem+"side", p.Label+"所属方", p.LabelEN+" side"
	}
	return &dimension{
		values: sideValues,
		name:   name, label: label, labelEN: labelEN, kind: typeString, source: p.Name, key: p.KeyPosition > 0, property: p, dataset: c.ID,
		expression: func(s *rowScope) (string, error) {
			column, err := s.column(p.Name)
			return strings.ReplaceAll(sideExpression, "%", column), err
		},
	}
}

func listDimension(c *schemas.Contract, p *schemas.Property, list *schemas.Contract, attribute *schemas.Property) *dimension {
	stem := strings.TrimSuffix(strings.TrimSuffix(p.Name, "_id"), "_code")
	return &dimension{
		name: stem + "_" + attribute.Name, label: attribute.Label, labelEN: attribute.LabelEN, kind: typeString, source: p.Name,
		property: attribute, dataset: list.ID, told: true, codes: list.CodesOf(attribute),
		expression: func(s *rowScope) (string, error) { return s.attribute(list.ID, p.Name, attribute.Name) },
	}
}

// calendarPart is a dimension made of the event time.
type calendarPart struct {
	name, label, labelEN, kind string
	sql                        string // of the local time %
	instant, days              bool   // needs an instant; needs days
}

var calendarParts = []calendarPart{
	{name: "year", label: "年", labelEN: "Year", kind: typeInteger, sql: "toInt64(toYear(%))"},
	{name: "quarter", label: "季度", labelEN: "Quarter", kind: typeString, sql: "concat(toString(toYear(%)), '-Q', toString(toQuarter(%)))"},
	{name: "month", label: "月份", labelEN: "Month", kind: typeString, sql: "substring(toString(toDate32(%)), 1, 7)"},
	{name: "day", label: "日期", labelEN: "Day", kind: typeDate, sql: "toDate32(%)", days: true},
	{name: "weekday", label: "星期", labelEN: "Weekday (1 is Monday)", kind: typeInteger, sql: "toInt64(toDayOfWeek(%))", days: true},
	{name: "hour", label: "时", labelEN: "Hour of the day", kind: typeInteger, sql: "toInt64(toHour(%))", instant: true},
}

func timeDimension(c *schemas.Contract, part calendarPart) *dimension {
	return &dimension{
		name: part.name, instant: part.instant, label: part.label, labelEN: part.labelEN, kind: part.kind, source: "time", key: c.Properties[c.Time].KeyPosition > 0,
		property: &c.Properties[c.Time], dataset: c.ID,
		expression: func(s *rowScope) (string, error) {
			local, err := s.localTime()
			return strings.ReplaceAll(part.sql, "%", local), err
		},
	}
}

// kindOf is the type that a property has in answers.
func kindOf(p *schemas.Property) string {
	switch p.Type {
	case schemas.TypeInteger:
		return typeInteger
	case schemas.TypeNumber:
		if p.Precision > 0 {
			return typeDecimal
		}
		return typeNumber
	case schemas.TypeBoolean:
		return typeBoolean
	case schemas.TypeTimestamp:
		return typeInstant
	case schemas.TypeDate:
		return typeDate
	}
	return typeString
}
