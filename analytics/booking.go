package analytics

import (
	"strings"

	"github.com/zida-hub/zida/schemas"
)

// Booking is a park's monthly figure divided among the regions by the rule that was
// valid in that month (economic_split): a dataset that nobody pushes, made of two that
// are pushed, as of the same moment. The parts are whole 分 cut towards zero, and what is
// left goes to the rule's remainder_region, so that they add up to the figure exactly.
// A figure without a rule is its own region's. A region with a share has a part of a
// figure that is 0, too: 0 is known.
const (
	bookingID     = "park_booking"
	bookingFigure = "park_monthly"
	bookingRule   = "economic_split"
	sharePrefix   = "share_" // of the rule's properties, before a region's code
)

// bookingContract describes the dataset, nil where the two it is made of are not there.
func bookingContract(contracts catalogue) *schemas.Contract {
	figure, rule := contracts[bookingFigure], contracts[bookingRule]
	if figure == nil || rule == nil {
		return nil
	}
	class := schemas.Public // of the shares
	for _, p := range shares(rule) {
		class = max(class, p.Classification)
	}
	park, _ := property(figure, "park_id")
	month, _ := property(figure, "month")
	if park == nil || month == nil {
		return nil
	}
	properties := []schemas.Property{
		as(park, 1), as(month, 2),
		{Name: "region", Label: "记入地区", LabelEN: "Region booked to", Type: schemas.TypeString, Required: true, KeyPosition: 3, CodeList: schemas.RegionList, LowCardinality: true, Classification: schemas.Public},
	}
	for _, name := range measuresDivided(contracts) {
		p, _ := property(figure, name)
		properties = append(properties, schemas.Property{
			Name: name, Label: "分算" + p.Label, LabelEN: p.LabelEN + ", as booked", Unit: p.Unit, UnitEN: p.UnitEN,
			Type: schemas.TypeNumber, Precision: 38, Scale: 2, Classification: max(class, p.Classification),
		})
	}
	// Not a key of the tables below: filters on it wait until the parts are made.
	return &schemas.Contract{
		ID: bookingID, Version: rule.Version, Status: rule.Status, Name: "园区指标分算", NameEN: "Parks' figures as booked to each region", Domain: rule.Domain,
		Key: []int{0, 1, 2}, Region: 2, RegionFrom: -1, Time: 1, Partition: -1, Properties: properties,
	}
}

func as(p *schemas.Property, position int) schemas.Property {
	q := *p
	q.KeyPosition = position
	return q
}

// shares are the rule's properties that hold a region's share.
func shares(rule *schemas.Contract) []*schemas.Property {
	var list []*schemas.Property
	for i := range rule.Properties {
		if strings.HasPrefix(rule.Properties[i].Name, sharePrefix) {
			list = append(list, &rule.Properties[i])
		}
	}
	return list
}

// sources are the datasets that one is made of.
func sources(dataset string) []string {
	if dataset == bookingID {
		return []string{bookingFigure, bookingRule}
	}
	return []string{dataset}
}

// booking writes a subquery of the parts.
func (t tables) booking(s *statement, contracts catalogue, columns []string, at snapshot, pushed []condition) {
	figure, rule := contracts[bookingFigure], contracts[bookingRule]
	measures := measuresDivided(contracts)
	lineage := []string{"_version", "_agency"}
	read := append([]string{"park_id", "month", "region"}, lineage...)
	var figures []string
	var wide []string // a column for each measure, of which a part has one
	for _, name := range measures {
		read = append(read, name)
		wide = append(wide, "if(`measure` = '"+name+"', _amount, NULL) AS "+quote(name))
		figures = append(figures, "tuple('"+name+"', toInt128(toDecimal256("+quote(name)+", 2) * 100))")
	}
	rules := []string{"park_id", "measure", "valid_from", "remainder_region"}
	var codes, parts []string
	for _, p := range shares(rule) {
		rules = append(rules, p.Name)
		codes = append(codes, "'"+strings.TrimPrefix(p.Name, sharePrefix)+"'")
		parts = append(parts, "toInt64(ifNull("+quote(p.Name)+", 0) * 100000000)")
	}
	s.add("(SELECT " + quoteAll(columns) + " FROM (SELECT `park_id`, `month`, " + quoteAll(lineage) + ", tupleElement(_part, 1) AS `region`, " +
		"divideDecimal(toDecimal256(tupleElement(_part, 2), 2), toDecimal256(100, 2), 2) AS _amount, " + strings.Join(wide, ", ") + " FROM (" +
		"SELECT `park_id`, `measure`, `month`, " + quoteAll(lineage) + ", arrayJoin(if(_rule = '', [tuple(_home, _cents)], " +
		"arrayFilter((_x, _share) -> _share != 0 OR tupleElement(_x, 1) = _rule, arrayMap((_region, _share) -> tuple(_region, intDiv(_cents * _share, 100000000) + " +
		"if(_region = _rule, _cents - arraySum(arrayMap(_y -> intDiv(_cents * _y, 100000000), _shares)), 0)), [" + strings.Join(codes, ", ") + "], _shares), _shares))) AS _part FROM (" +
		"SELECT _f.`park_id` AS `park_id`, _f.`measure` AS `measure`, _f.`month` AS `month`, _f.`_version` AS `_version`, _f.`_agency` AS `_agency`, _f._home AS _home, assumeNotNull(_f._cents) AS _cents, " +
		"_s._rule AS _rule, _s._shares AS _shares FROM (" +
		"SELECT `park_id`, `month`, `region` AS _home, " + quoteAll(lineage) + ", arrayJoin([" + strings.Join(figures, ", ") + "]) AS _figure, " +
		"tupleElement(_figure, 1) AS `measure`, tupleElement(_figure, 2) AS _cents, " + monthNumber("`month`") + " AS _at FROM ")
	t.stored(s, figure, read, at, nil)
	s.add(" WHERE isNotNull(_cents)) AS _f ASOF LEFT JOIN (SELECT `park_id`, toString(`measure`) AS `measure`, " + monthNumber("`valid_from`") + " AS _from, " +
		"toString(`remainder_region`) AS _rule, [" + strings.Join(parts, ", ") + "] AS _shares FROM ")
	t.stored(s, rule, rules, at, nil)
	s.add(") AS _s ON _f.`park_id` = _s.`park_id` AND _f.`measure` = _s.`measure` AND _f._at >= _s._from)))")
	s.where(" WHERE ", pushed)
	s.add(")")
}

// measuresDivided are the figures that a rule can divide: those that both contracts know.
func measuresDivided(contracts catalogue) []string {
	measure, ok := property(contracts[bookingRule], "measure")
	if !ok {
		return nil
	}
	var names []string
	for _, name := range measure.Enum {
		if p, ok := property(contracts[bookingFigure], name); ok && p.Type == schemas.TypeNumber && p.Precision > 0 {
			names = append(names, name)
		}
	}
	return names
}

// monthNumber makes a month written YYYY-MM a number that can be compared.
func monthNumber(column string) string {
	return "(toInt32OrZero(substring(" + column + ", 1, 4)) * 12 + toInt32OrZero(substring(" + column + ", 6, 2)))"
}
