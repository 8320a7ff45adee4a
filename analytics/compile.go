package analytics

import (
	"slices"
	"strings"
	"time"

	"github.com/zida-hub/zida/schemas"
)

// compile writes a plan as one SELECT. Its shape, from the inside: the rows of a
// snapshot with reference lists beside them; the metric's steps; the metric itself by
// bucket (_gt) and dimension (_g0 …); the parts of several datasets and of the period
// compared with, put together by time (_t) and dimension (_d0 …); text of each column.
func (t tables) compile(p *plan, at snapshot) (*statement, error) {
	s := &statement{}
	s.add("SELECT " + strings.Join(p.output(), ", ") + " FROM (")
	parts := len(p.groups) * len(p.shifts)
	n := len(p.metrics) * len(p.shifts)
	if parts > 1 {
		s.add("SELECT " + strings.Join(p.keys(""), ", "))
		for i := range n {
			if i > 0 || len(p.keys("")) > 0 {
				s.add(", ")
			}
			s.add("any(_p" + itoa(i) + ") AS _m" + itoa(i))
		}
		s.add(" FROM (")
	}
	first, few := true, true
	for number, move := range p.shifts {
		for _, g := range p.groups {
			if !first {
				s.add(" UNION ALL ")
			}
			first = false
			rolled, err := t.part(s, p, g, at, move, number*len(p.metrics), map[bool]string{true: "_p", false: "_m"}[parts > 1])
			if err != nil {
				return nil, err
			}
			few = few && rolled
		}
	}
	if parts > 1 {
		s.add(")")
		if keys := p.keys(""); len(keys) > 0 {
			s.add(" GROUP BY " + strings.Join(keys, ", "))
		} else {
			s.add(" HAVING count() > 0")
		}
	}
	s.add(")")
	for i, term := range p.order {
		s.add(map[bool]string{true: " ORDER BY ", false: ", "}[i == 0] + term.expression)
		if term.desc {
			s.add(" DESC")
		}
		s.add(" NULLS LAST")
	}
	s.add(" LIMIT ?", int64(p.limit)+1) // one more tells whether the answer is whole
	s.add(readSettings)
	if few {
		s.add(fewSettings)
	}
	return s, nil
}

// keys are the names of bucket and dimensions, with a group's own names when prefixed.
func (p *plan) keys(inner string) []string {
	var names []string
	if p.grain != GrainNone {
		names = append(names, map[bool]string{true: "_gt", false: "_t"}[inner != ""])
	}
	for i := range p.dimensions {
		names = append(names, map[bool]string{true: "_g", false: "_d"}[inner != ""]+itoa(i))
	}
	return names
}

// output is the text of each column of the answer.
func (p *plan) output() []string {
	var columns []string
	if p.grain.finerThanDay() {
		columns = append(columns, "CAST(toString(toInt64(toUnixTimestamp(_t)) * 1000), 'Nullable(String)')")
	} else if p.grain != GrainNone {
		columns = append(columns, text("_t", typeDate, 0))
	}
	for i, d := range p.groups[0].dimensions {
		columns = append(columns, text("_d"+itoa(i), d.kind, d.scale))
	}
	for i, m := range p.metrics {
		columns = append(columns, text("_m"+itoa(i), m.Type, m.Scale))
	}
	if p.compare {
		for i, m := range p.metrics {
			columns = append(columns, text("_m"+itoa(len(p.metrics)+i), m.Type, m.Scale), text(changeExpression(i, len(p.metrics)), typeNumber, 0))
		}
	}
	return columns
}

// dimensionTypes are what parts of several datasets are brought to before they meet.
var dimensionTypes = map[string]string{
	typeString: "Nullable(String)", typeInteger: "Nullable(Int64)", typeNumber: "Nullable(Float64)", typeDecimal: "Nullable(Decimal(76, 18))",
	typeBoolean: "Nullable(Bool)", typeDate: "Nullable(Date32)", typeInstant: "Nullable(DateTime64(3, 'UTC'))",
}

// part writes one group's SELECT: bucket, dimensions, and all metrics of the query, those
// of other parts as NULL. Metric i stands in column name+(offset+i). It says whether few
// rows are read for it.
func (t tables) part(s *statement, p *plan, g *group, at snapshot, move shift, offset int, name string) (few bool, err error) {
	scope := newRowScope(p.contracts, g.contract)
	scope.moment = at.moment
	level, err := recordLevel(p, g, scope, move)
	if err != nil {
		return false, err
	}
	total := len(p.metrics) * len(p.shifts)
	expressions := make([]string, total)
	for i := range expressions {
		expressions[i] = "NULL"
	}
	var steps []compiledStep
	for _, i := range g.metrics {
		compiled, err := compileSteps(scope, g.steps, p.metrics[i].form(p.grain).expression)
		if err != nil {
			return false, err
		}
		steps = compiled.steps
		if !p.metrics[i].masked {
			expressions[offset+i] = compiled.expression
		}
	}
	var columns []string
	if p.grain != GrainNone {
		columns = append(columns, "_gt AS _t")
	}
	for i, d := range g.dimensions {
		columns = append(columns, "CAST(_g"+itoa(i)+", '"+strings.ReplaceAll(dimensionTypes[d.kind], "'", "\\'")+"') AS _d"+itoa(i))
	}
	for i := range expressions {
		columns = append(columns, "_e"+itoa(i)+" AS "+name+itoa(i))
	}
	s.add("SELECT " + strings.Join(columns, ", ") + " FROM (SELECT ")
	if len(steps) == 0 {
		s.add(strings.Join(level.selects, ", "))
	} else {
		level.findNamed(scope, steps)
		keys := p.keys("inner")
		if len(steps) == 1 {
			keys = level.naming(keys)
		}
		s.add(strings.Join(keys, ", "))
	}
	separator := ", "
	if len(p.keys("inner")) == 0 {
		separator = ""
	}
	for i, expression := range expressions {
		s.add(separator + expression + " AS _e" + itoa(i))
		separator = ", "
	}
	s.add(" FROM ")
	level.rollup = t.rollupFor(p, g, scope, at, move)
	t.levels(s, p, scope, at, level, steps)
	if len(steps) == 1 {
		t.names(s, level, at)
	}
	s.add(groupBy(p.keys("inner")) + " HAVING count() > 0)")
	return at.few(g.contract.ID, level.rollup != nil), nil
}

// few says whether few rows of a dataset, or of its rollup, are read, and by no IN (SELECT …).
func (at *snapshot) few(dataset string, rolled bool) bool {
	if at.asOf {
		return false
	}
	if rolled {
		since := at.touched[dataset]
		return at.complete || since != nil && !since.many
	}
	return !slices.ContainsFunc(sources(dataset), func(id string) bool {
		rows, known := at.sizes[id]
		return !known || rows > fewRows
	})
}

// levels writes the steps, last one outermost, around the records.
func (t tables) levels(s *statement, p *plan, scope *rowScope, at snapshot, level *records, steps []compiledStep) {
	if len(steps) == 0 {
		t.records(s, scope, at, level)
		return
	}
	last := len(steps) - 1
	keys := p.keys("inner")
	s.add("(SELECT ")
	columns, grouped := level.unnamed(level.selects), level.unnamed(keys)
	if last > 0 {
		columns, grouped = slices.Clone(keys), slices.Clone(keys)
	}
	if last == 1 {
		columns = level.naming(keys)
	}
	dimensions := columns
	for i, by := range steps[last].by {
		name := steps[last].names[i]
		expression := strings.TrimSuffix(by, name)
		same := slices.IndexFunc(keys, func(key string) bool { return slices.Contains(dimensions, expression+key) })
		if same >= 0 { // told apart by the dimension already
			columns = append(columns, keys[same]+" AS "+name)
			continue
		}
		columns, grouped = append(columns, by), append(grouped, name)
	}
	columns = append(columns, steps[last].values...)
	s.add(strings.Join(columns, ", ") + " FROM ")
	t.levels(s, p, scope, at, level, steps[:last])
	if last == 1 {
		t.names(s, level, at)
	}
	s.add(groupBy(grouped) + ")")
}

func groupBy(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return " GROUP BY " + strings.Join(names, ", ")
}

// records is what a query asks of the records themselves.
type records struct {
	selects []string    // bucket and dimensions, with their aliases
	pushed  []condition // on key columns
	where   []condition
	period  timeRange
	rollup  *rollup // to be read in the records' place
	named   []named
}

// named is a dimension that only names a code by which the first step groups: its list is
// put beside that step's rows, which are fewer.
type named struct {
	dimension string // _g0 …
	join      *join
	attribute string // its column in the join
	code      string // the code's column in the step
}

// findNamed finds the dimensions that only name a code.
func (level *records) findNamed(scope *rowScope, steps []compiledStep) {
	if len(steps) == 0 {
		return
	}
	for _, j := range scope.joins {
		code := slices.IndexFunc(steps[0].names, func(name string) bool { return slices.Contains(steps[0].by, quote(j.by)+" AS "+name) })
		if code < 0 {
			continue
		}
		var found []named
		others := slices.Concat(steps[0].by, steps[0].values)
		for _, c := range level.where {
			others = append(others, c.text)
		}
		for _, selected := range level.selects {
			expression, dimension, _ := strings.Cut(selected, " AS ")
			if slices.ContainsFunc(j.columns, func(attribute string) bool { return expression == quote(j.column(attribute)) }) {
				found = append(found, named{dimension, j, expression, steps[0].names[code]})
			} else {
				others = append(others, selected)
			}
		}
		if !slices.ContainsFunc(others, func(text string) bool { return strings.Contains(text, "`"+j.column("")) }) {
			level.named = append(level.named, found...)
		}
	}
}

// unnamed leaves out the dimensions that are named later.
func (level *records) unnamed(texts []string) []string {
	return slices.DeleteFunc(slices.Clone(texts), func(text string) bool {
		return slices.ContainsFunc(level.named, func(n named) bool { return text == n.dimension || strings.HasSuffix(text, " AS "+n.dimension) })
	})
}

// naming are a level's own dimensions, above the first step.
func (level *records) naming(keys []string) []string {
	keys = slices.Clone(keys)
	for _, n := range level.named {
		keys[slices.Index(keys, n.dimension)] = n.attribute + " AS " + n.dimension
	}
	return keys
}

// names puts the lists beside the first step's rows.
func (t tables) names(s *statement, level *records, at snapshot) {
	var done []*join
	for _, n := range level.named {
		if len(done) == 0 {
			s.add(" AS _s")
		}
		if !slices.Contains(done, n.join) {
			t.join(s, n.join, n.code, at)
			done = append(done, n.join)
		}
	}
}

// recordLevel resolves bucket, dimensions, range and filters in the scope of the records.
func recordLevel(p *plan, g *group, scope *rowScope, move shift) (*records, error) {
	level := &records{}
	if p.grain != GrainNone {
		local, err := scope.localTime()
		if err != nil {
			return nil, err
		}
		if move.exactly {
			level.where = append(level.where, condition{text: "addMonths(addMonths(" + local + ", " + itoa(move.months) + "), -" + itoa(move.months) + ") = " + local})
		}
		level.selects = append(level.selects, strings.ReplaceAll(buckets[p.grain.rank()].sql, "%", moved(local, move))+" AS _gt")
	}
	for i, d := range g.dimensions {
		expression, err := d.resolve(scope, move)
		if err != nil {
			return nil, err
		}
		level.selects = append(level.selects, expression+" AS _g"+itoa(i))
	}
	level.period = timeRange{move.back(p.period.from), move.back(p.period.to)}
	if err := level.addRange(scope, g.contract, level.period); err != nil {
		return nil, err
	}
	if g.recordsWhere != "" {
		where, err := rewrite(g.recordsWhere, scope.name)
		if err != nil {
			return nil, err
		}
		level.where = append(level.where, condition{text: where})
	}
	for i, d := range g.filters {
		expression, err := d.resolve(scope, move)
		if err != nil {
			return nil, err
		}
		if err := level.addFilter(d, expression, &p.filters[i], i); err != nil {
			return nil, err
		}
	}
	return level, nil
}

// resolve is the dimension's expression; of a part of time, that of the moved time, so
// that both periods of a comparison fall under one value.
func (d *dimension) resolve(scope *rowScope, move shift) (string, error) {
	expression, err := d.expression(scope)
	if err != nil || d.source != "time" || move.none() {
		return expression, err
	}
	local, err := scope.localTime()
	return strings.ReplaceAll(expression, local, moved(local, move)), err
}

func (level *records) addFilter(d *dimension, expression string, f *Filter, i int) error {
	if d.values != nil {
		spelled := Filter{Dimension: f.Dimension, Op: f.Op}
		for _, value := range f.Values {
			if other, ok := d.values[value]; ok {
				value = other
			}
			spelled.Values = append(spelled.Values, value)
		}
		f = &spelled
	}
	c, err := filterCondition("/filters/"+itoa(i), expression, d.kind, f)
	if err != nil {
		return err
	}
	if d.key {
		level.pushed = append(level.pushed, c)
	} else {
		level.where = append(level.where, c)
	}
	return nil
}

// addRange adds the event time's range.
func (level *records) addRange(scope *rowScope, c *schemas.Contract, period timeRange) error {
	if c.Time < 0 || period.from.IsZero() && period.to.IsZero() {
		return nil
	}
	p := &c.Properties[c.Time]
	column, err := scope.column(p.Name)
	if err != nil {
		return err
	}
	conditions := rangeConditions(p, column, period)
	if p.KeyPosition > 0 {
		level.pushed = append(level.pushed, conditions...)
	} else {
		level.where = append(level.where, conditions...)
	}
	return nil
}

// rangeConditions keep an event time inside a range. A day or a period belongs to the
// range when its first instant does.
func rangeConditions(p *schemas.Property, column string, period timeRange) []condition {
	var list []condition
	for _, end := range []struct {
		t        time.Time
		operator string
	}{{period.from, " >= "}, {period.to, " < "}} {
		if end.t.IsZero() {
			continue
		}
		t := end.t.In(shanghai)
		first := t.Format("2006-01-02")
		if !isMidnight(t) { // the first day that begins at or after t
			first = t.AddDate(0, 0, 1).Format("2006-01-02")
		}
		switch p.Type {
		case schemas.TypeTimestamp:
			list = append(list, condition{column + end.operator + "fromUnixTimestamp64Milli(?, 'UTC')", []any{t.UnixMilli()}})
		case schemas.TypeDate:
			list = append(list, condition{column + end.operator + "toDate32(?)", []any{first}})
		default:
			// The text's own order is that of its years, which lets partitions be left out.
			year := first[:4]
			if end.operator == " < " {
				year = itoa(t.Year() + 1)
			}
			list = append(list, condition{column + end.operator + "?", []any{year}}, condition{periodStart(column) + end.operator + "toDate32(?)", []any{first}})
		}
	}
	return list
}

// moved is a local time shifted towards the range asked for.
func moved(local string, move shift) string {
	if move.months != 0 {
		local = "addMonths(" + local + ", " + itoa(move.months) + ")"
	}
	if move.days != 0 {
		local = "addDays(" + local + ", " + itoa(move.days) + ")"
	}
	if move.millis != 0 {
		local = "addMilliseconds(" + local + ", " + itoa(int(move.millis)) + ")"
	}
	return local
}

// records writes the rows, their lists and the conditions on them.
func (t tables) records(s *statement, scope *rowScope, at snapshot, level *records) {
	if level.rollup != nil {
		t.rolled(s, level.rollup, scope.contract, scope.columns, at, level.period, level.pushed)
	} else {
		t.rows(s, scope.contracts, scope.contract, scope.columns, at, level.pushed)
	}
	s.add(" AS _r")
	for _, j := range scope.joins {
		if !slices.ContainsFunc(level.named, func(n named) bool { return n.join == j }) {
			t.join(s, j, quote(j.by), at)
		}
	}
	s.where(" WHERE ", level.where)
}
