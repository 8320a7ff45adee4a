package analytics

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"github.com/zida-hub/zida/schemas"
)

func sortedIDs(contracts catalogue) []string { return slices.Sorted(maps.Keys(contracts)) }

// What a generated view shows of each kind.
const (
	mostFigures = 8 // as single figures
	mostLines   = 4 // in one chart
	mostCurves  = 3 // charts over time, one a unit
	mostRanked  = 30
	mostListed  = 200
)

// generatedView is made from a contract alone: its figures, their course, and who or what
// they are of. A metric that is added to the layer stands in it without another line.
func (a *Analytics) generatedView(contracts catalogue, c *schemas.Contract, order int) View {
	v := View{
		ID: generatedPrefix + c.ID, Order: order, Title: c.Name, TitleEN: cmp.Or(c.NameEN, c.ID), Generated: true,
		Text: "按合约自动生成。", TextEN: "Made from the contract.", Range: allTime, Grains: []Grain{}, Compare: none,
	}
	if c.Time >= 0 {
		v.Range, v.Grains, v.Compare = periodsOf(&c.Properties[c.Time])
	}
	var simple, split []*metric
	for _, m := range a.layer.all(contracts) {
		switch {
		case m.dataset != c.ID:
		case len(m.Requires) > 0:
			split = append(split, m)
		default:
			simple = append(simple, m)
		}
	}
	dimensions := dimensionsOf(contracts, c)
	if len(simple) > 0 {
		v.Panels = append(v.Panels, Panel{ID: "figures", Title: "合计", TitleEN: "Figures", Chart: "kpi", Span: 12, Metrics: metricNames(simple, mostFigures)})
	}
	if c.Time >= 0 {
		v.Panels = append(v.Panels, curves(simple)...)
	}
	v.Panels = append(v.Panels, rankings(c, dimensions, simple)...)
	if len(split) > 0 {
		p := Panel{ID: "each", Title: "分项", TitleEN: "One by one", Chart: "table", Span: 12, Limit: mostListed}
		for _, m := range split {
			if len(p.Metrics) < mostFigures && (p.Dimensions == nil || slices.Equal(p.Dimensions, m.Requires)) {
				p.Metrics, p.Dimensions = append(p.Metrics, m.Name), m.Requires
			}
		}
		v.Panels = append(v.Panels, p)
	}
	v.fill()
	v.Filters = slices.DeleteFunc(filterable(c, dimensions), func(name string) bool {
		return !slices.ContainsFunc(v.Panels, func(p Panel) bool { return a.filters(&v, &p, name) })
	})
	return v
}

// periodsOf is the range, grains and comparison that suit an event time.
func periodsOf(p *schemas.Property) (string, []Grain, string) {
	switch {
	case p.Type != schemas.TypeString:
		return "30d", []Grain{GrainDay, GrainWeek, GrainMonth}, ComparePreviousPeriod
	case p.Period == schemas.PeriodMonth:
		return "12m", []Grain{GrainMonth, GrainQuarter, GrainYear}, ComparePreviousYear
	case p.Period == schemas.PeriodQuarter:
		return "12q", []Grain{GrainQuarter, GrainYear}, ComparePreviousYear
	}
	return "5y", []Grain{GrainYear}, ComparePreviousYear
}

func metricNames(list []*metric, most int) []string {
	var names []string
	for _, m := range list[:min(len(list), most)] {
		names = append(names, m.Name)
	}
	return names
}

// curves are the metrics over time, those of one unit together.
func curves(list []*metric) []Panel {
	var panels []Panel
	var units []string
	for _, m := range list {
		at := slices.Index(units, m.Unit)
		if at < 0 && len(units) < mostCurves {
			units, at = append(units, m.Unit), len(units)
			panels = append(panels, Panel{ID: "course_" + strconv.Itoa(at+1), Title: m.Label, TitleEN: m.LabelEN, Chart: "line", Span: 6})
		}
		if at >= 0 && len(panels[at].Metrics) < mostLines {
			panels[at].Metrics = append(panels[at].Metrics, m.Name)
		}
	}
	return panels
}

// rankings are the first figure that is more than a count of records, by region and by
// the first list or enumeration that the contract names.
func rankings(c *schemas.Contract, dimensions []*dimension, list []*metric) []Panel {
	var region, other *dimension
	for _, d := range dimensions {
		if d.property == nil || d.dataset != c.ID || d.source == "time" || d.name != d.property.Name {
			continue
		}
		switch {
		case c.Region >= 0 && d.name == c.Properties[c.Region].Name:
			region = cmp.Or(region, d)
		case d.property.CodeList != "" || len(d.property.Enum) > 0 || d.property.LowCardinality:
			other = cmp.Or(other, d)
		}
	}
	var panels []Panel
	for _, by := range []*dimension{region, other} {
		if by == nil {
			continue
		}
		var shown *metric
		for _, m := range list {
			if m.allows(by) && (shown == nil || shown.Name == c.ID+"_records") {
				shown = m
			}
		}
		if shown == nil {
			continue
		}
		p := Panel{
			ID: "by_" + by.name, Title: shown.Label + "：按" + by.label, TitleEN: shown.LabelEN + " by " + by.labelEN, Chart: "ranking", Span: 6,
			Metrics: []string{shown.Name}, Dimensions: []string{by.name}, Order: []Order{{By: shown.Name, Dir: "desc"}}, Limit: mostRanked, Drill: by.name,
		}
		for _, d := range dimensions { // what the code is called
			if d.source == by.name && d.property.Name == "name" && shown.allows(d) {
				p.Dimensions = append(p.Dimensions, d.name)
				break
			}
		}
		panels = append(panels, p)
	}
	return panels
}

// filterable are the dimensions that a reader is offered: side and region, then lists and
// enumerations.
func filterable(c *schemas.Contract, dimensions []*dimension) []string {
	const most = 5
	names := []string{}
	for _, d := range dimensions {
		own := d.property != nil && d.dataset == c.ID && d.source != "time" && d.name == d.property.Name && (d.property.CodeList != "" || len(d.property.Enum) > 0)
		region := c.Region >= 0 && d.source == c.Properties[c.Region].Name && (d.name == d.source || d.name == "side")
		if (own || region) && len(names) < most {
			names = append(names, d.name)
		}
	}
	return names
}
