package analytics

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/zida-hub/zida/schemas"
)

func itoa(n int) string { return strconv.Itoa(n) }

// plan is a query whose names are resolved and whose values are typed.
type plan struct {
	layer      *layer
	contracts  catalogue
	grain      Grain
	period     timeRange
	compare    bool
	shifts     []shift // the first is none
	dimensions []string
	metrics    []plannedMetric
	groups     []*group
	filters    []Filter
	order      []orderTerm
	limit      int
	columns    []Column
}

type plannedMetric struct {
	*metric
	class  schemas.Classification
	masked bool // above the reader's clearance
}

// group is the metrics that one pass over a dataset answers.
type group struct {
	contract     *schemas.Contract
	recordsWhere string
	steps        []step
	metrics      []int        // indexes into plan.metrics
	dimensions   []*dimension // in the query's order
	filters      []*dimension // of plan.filters
}

type orderTerm struct {
	expression string
	desc       bool
}

// timeColumn is the name of the bucket's column.
const timeColumn = "time"

func (a *Analytics) plan(q Query, reader *Reader) (*plan, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	p := &plan{contracts: a.catalogue(), layer: a.layer, grain: q.Time.Grain, dimensions: q.Dimensions, filters: q.Filters, limit: q.Limit, shifts: []shift{{}}}
	if p.limit == 0 {
		p.limit = DefaultLimit
	}
	for _, step := range []func() error{
		func() error { return p.parseRange(q) },
		func() error { return p.addMetrics(a.layer, q.Metrics, reader) },
		func() error { return p.resolve(reader) },
		func() error { return p.checkRequired() },
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	p.describe(reader)
	return p, p.addOrder(q.Order)
}

func (p *plan) parseRange(q Query) error {
	for _, end := range []struct {
		pointer, text string
		to            *time.Time
	}{{"/time/from", q.Time.From, &p.period.from}, {"/time/to", q.Time.To, &p.period.to}} {
		if end.text == "" {
			continue
		}
		t, ok := parseTime(end.text)
		if !ok {
			return invalid(end.pointer, fmt.Sprintf("%q 不是 1900 至 2299 年间的日期或时刻", cut(end.text)), fmt.Sprintf("%q is neither a day nor an instant of the years 1900 to 2299", cut(end.text)),
				"写 2024-01-01 或 2024-01-01T00:00:00+08:00", "write 2024-01-01 or 2024-01-01T00:00:00+08:00")
		}
		*end.to = t
	}
	bounded := !p.period.from.IsZero() && !p.period.to.IsZero()
	if bounded && !p.period.from.Before(p.period.to) {
		return invalid("/time/to", "to 须晚于 from（不含 to）", "to must lie after from; it is exclusive", "调整时间范围", "give a later to")
	}
	if q.Compare == "" {
		return nil
	}
	if !bounded {
		return invalid("/compare", "比较需要完整的时间范围", "a comparison needs a range with both ends", "写明 time.from 与 time.to", "give time.from and time.to")
	}
	p.compare = true
	back := shiftFor(q.Compare, p.period, p.grain)
	if p.grain == GrainWeek && (back.months != 0 || back.millis != 0 || back.days%7 != 0) || p.grain.rank() > GrainWeek.rank() && back.months == 0 {
		return invalid("/time", "按此粒度比较时，时间范围须由完整的周期组成", "to compare at this grain the range must hold whole weeks, or whole months",
			"以周期的首日作为 from 和 to", "let from and to be first days of such periods")
	}
	p.shifts = append(p.shifts, back)
	return nil
}

func (p *plan) addMetrics(l *layer, wanted []string, reader *Reader) error {
	for i, name := range wanted {
		pointer := "/metrics/" + itoa(i)
		m := l.named(p.contracts, name)
		if m == nil || p.contracts[m.dataset] == nil {
			return unknownMetric(pointer, name, l)
		}
		if slices.Index(wanted, name) != i {
			return invalid(pointer, "指标 "+name+" 重复", "metric "+name+" is asked for twice", "只写一次", "ask for it once")
		}
		if !reader.mayRead(m.dataset) {
			return &ForbiddenError{Dataset: m.dataset}
		}
		class := m.classification(p.contracts, p.grain)
		p.metrics = append(p.metrics, plannedMetric{m, class, class > reader.Clearance})
		f := m.form(p.grain)
		at := slices.IndexFunc(p.groups, func(g *group) bool {
			return g.contract.ID == m.dataset && g.recordsWhere == f.where && sameSteps(g.steps, f.steps)
		})
		if at < 0 {
			p.groups = append(p.groups, &group{contract: p.contracts[m.dataset], recordsWhere: f.where, steps: f.steps})
			at = len(p.groups) - 1
		}
		p.groups[at].metrics = append(p.groups[at].metrics, i)
	}
	return nil
}

func sameSteps(a, b []step) bool {
	return slices.EqualFunc(a, b, func(x, y step) bool {
		return slices.Equal(x.By, y.By) && slices.EqualFunc(x.Values, y.Values, func(v, w yaml.MapItem) bool { return v == w })
	})
}

// resolve finds every dimension and filter in each group's dataset.
func (p *plan) resolve(reader *Reader) error {
	for _, g := range p.groups {
		if p.grain != GrainNone || !p.period.from.IsZero() || !p.period.to.IsZero() {
			if g.contract.Time < 0 {
				return invalid("/time", "数据集 "+g.contract.ID+" 没有时间", "dataset "+g.contract.ID+" has no event time", "去掉 time", "leave time out")
			}
			if p.grain != GrainNone && p.grain.rank() < finest(g.contract).rank() {
				return invalid("/time/grain", fmt.Sprintf("%s 的最细粒度为 %s", g.contract.ID, finest(g.contract)), fmt.Sprintf("the finest grain of %s is %s", g.contract.ID, finest(g.contract)),
					"使用更粗的粒度", "take a coarser grain")
			}
		}
		known := dimensionsOf(p.contracts, g.contract)
		find := func(pointer, name string) (*dimension, error) {
			at := slices.IndexFunc(known, func(d *dimension) bool { return d.name == name })
			if at < 0 {
				return nil, unknownDimension(pointer, name, g.contract.ID, known)
			}
			d := known[at]
			for _, i := range g.metrics {
				if !p.metrics[i].allows(d) {
					return nil, invalid(pointer, fmt.Sprintf("指标 %s 不能按 %s 划分", p.metrics[i].Name, name), fmt.Sprintf("metric %s cannot be told apart by %s", p.metrics[i].Name, name),
						"GET /v1/metrics 列出每个指标的维度", "GET /v1/metrics lists each metric's dimensions")
				}
			}
			if d.property != nil && d.property.Classification > reader.Clearance {
				return nil, &ForbiddenError{Field: d.property.Name, Dataset: d.dataset}
			}
			return d, nil
		}
		for i, name := range p.dimensions {
			d, err := find("/dimensions/"+itoa(i), name)
			if err != nil {
				return err
			}
			if slices.Index(p.dimensions, name) != i || name == timeColumn {
				return invalid("/dimensions/"+itoa(i), "维度 "+name+" 重复", "dimension "+name+" is asked for twice", "只写一次", "ask for it once")
			}
			g.dimensions = append(g.dimensions, d)
		}
		for i := range p.filters {
			d, err := find(fmt.Sprintf("/filters/%d/dimension", i), p.filters[i].Dimension)
			if err != nil {
				return err
			}
			if _, err := filterCondition("/filters/"+itoa(i), "x", d.kind, &p.filters[i]); err != nil {
				return err
			}
			g.filters = append(g.filters, d)
		}
	}
	return nil
}

// checkRequired refuses sums over things that have no sum, such as several indicators.
func (p *plan) checkRequired() error {
	for i, m := range p.metrics {
		for _, name := range m.Requires {
			if !p.holds(name) {
				return invalid("/metrics/"+itoa(i), fmt.Sprintf("指标 %s 不能跨 %s 合计", m.Name, name), fmt.Sprintf("metric %s cannot be summed over %s", m.Name, name),
					"将其加入维度，或用筛选固定为一个值", "add it to the dimensions, or filter it to one value")
			}
		}
	}
	return nil
}

// holds says whether each row of the answer is of one value of a dimension.
func (p *plan) holds(name string) bool {
	return slices.Contains(p.dimensions, name) || slices.ContainsFunc(p.filters, func(f Filter) bool {
		return f.Dimension == name && (f.Op == "eq" || f.Op == "in") && len(f.Values) == 1
	})
}

// describe makes the answer's columns: time, dimensions, metrics, then what was compared.
func (p *plan) describe(reader *Reader) {
	if p.grain != GrainNone {
		kind := typeDate
		if p.grain.finerThanDay() {
			kind = typeInstant
		}
		p.columns = append(p.columns, Column{Name: timeColumn, Type: kind, Label: reader.either("时间", "Time")})
	}
	for i, d := range p.groups[0].dimensions {
		column := Column{Name: d.name, Type: d.kind, Label: reader.either(d.label, d.labelEN), Scale: d.scale}
		if d.property != nil && d.property.Name == d.name {
			column.Precision, column.Definition = d.property.Precision, reader.either(d.property.Description, d.property.DescriptionEN)
		}
		for _, g := range p.groups {
			if same := g.dimensions[i]; same.told {
				column.tell(same.property, same.codes, reader)
			}
		}
		p.columns = append(p.columns, column)
	}
	var compared []Column
	for _, m := range p.metrics {
		column := Column{
			Name: m.Name, Type: m.Type, Unit: m.Unit, Label: reader.either(m.Label, m.LabelEN), Precision: maxDecimal, Scale: m.Scale,
			Definition: strings.TrimSpace(reader.either(m.Text, m.TextEN)), Masked: m.masked, Dataset: m.dataset, Classification: classificationNames[m.class],
		}
		p.columns = append(p.columns, column)
		column.Name, column.Label = m.Name+"_previous", reader.either(m.Label+"（对比期）", m.LabelEN+" (compared)")
		compared = append(compared, column, Column{Name: m.Name + "_change", Type: typeNumber, Label: reader.either(m.Label+"（变化率）", m.LabelEN+" (change)"), Masked: m.masked, Dataset: m.dataset, Classification: column.Classification})
	}
	if p.compare {
		p.columns = append(p.columns, compared...)
	}
}

// maxDecimal is the most digits that a metric's decimal is written with.
const maxDecimal = 38

// head tells formats that carry it along what was asked.
func (p *plan) head(q Query, reader Reader) Head {
	h := Head{Columns: p.columns, Metrics: q.Metrics, Request: q, Reader: reader}
	h.note("维度", "Dimensions", strings.Join(q.Dimensions, reader.either("、", ", ")))
	h.noteTime(q.Time.From, q.Time.To)
	h.note("粒度", "Grain", string(q.Time.Grain))
	h.noteFilters(q.Filters, func(i int) string { return reader.either(p.groups[0].filters[i].label, p.groups[0].filters[i].labelEN) })
	h.note("对比", "Compared with", q.Compare)
	return h
}

// changeExpression is the relative change of metric i against the n metrics' previous values.
func changeExpression(i, n int) string {
	now, before := "toFloat64(_m"+itoa(i)+")", "toFloat64(_m"+itoa(n+i)+")"
	return "if(" + before + " = 0, NULL, round(" + now + " / " + before + " - 1, 6))"
}

// addOrder resolves the order asked for, and ends it with time and dimensions so that
// equal rows always come in one order.
func (p *plan) addOrder(wanted []Order) error {
	n := len(p.metrics)
	for i, o := range wanted {
		pointer := fmt.Sprintf("/order/%d/by", i)
		name, suffix := o.By, ""
		for _, s := range []string{"_previous", "_change"} {
			if rest, ok := strings.CutSuffix(o.By, s); ok && p.compare {
				name, suffix = rest, s
			}
		}
		at := slices.IndexFunc(p.metrics, func(m plannedMetric) bool { return m.Name == name })
		expression := ""
		switch d := slices.Index(p.dimensions, o.By); {
		case o.By == timeColumn && p.grain != GrainNone:
			expression = "_t"
		case d >= 0:
			expression = "_d" + itoa(d)
		case at >= 0 && p.metrics[at].masked:
			return &ForbiddenError{Field: name, Dataset: p.metrics[at].dataset}
		case at >= 0 && suffix == "_previous":
			expression = "_m" + itoa(n+at)
		case at >= 0 && suffix == "_change":
			expression = changeExpression(at, n)
		case at >= 0:
			expression = "_m" + itoa(at)
		default:
			return invalid(pointer, fmt.Sprintf("不能按 %q 排序", cut(o.By)), fmt.Sprintf("the answer has no column %q to order by", cut(o.By)),
				"使用 time、所选维度或指标的名称", "name time, or a dimension or metric of the query")
		}
		p.order = append(p.order, orderTerm{expression, o.Dir == "desc"})
	}
	if p.grain != GrainNone {
		p.order = append(p.order, orderTerm{expression: "_t"})
	}
	for i := range p.dimensions {
		p.order = append(p.order, orderTerm{expression: "_d" + itoa(i)})
	}
	return nil
}

var comparisons = map[string]string{"eq": " = ", "ne": " != ", "gt": " > ", "gte": " >= ", "lt": " < ", "lte": " <= ", "in": " IN ", "not_in": " NOT IN "}

// filterCondition types a filter's values and binds them to an expression.
func filterCondition(pointer, expression, kind string, f *Filter) (condition, error) {
	switch f.Op {
	case "is_null", "not_null":
		if len(f.Values) > 0 {
			return condition{}, invalid(pointer+"/values", f.Op+" 不带值", f.Op+" takes no values", "去掉 values", "leave values out")
		}
		return condition{text: map[string]string{"is_null": "isNull(", "not_null": "isNotNull("}[f.Op] + expression + ")"}, nil
	case "starts_with":
		if kind != typeString || len(f.Values) != 1 || len(f.Values[0]) > maxValueBytes {
			return condition{}, invalid(pointer, "starts_with 需要一个文本值", "starts_with takes one value, of a text", "改用 eq 或 in", "use eq or in")
		}
		return condition{text: "startsWith(" + expression + ", ?)", args: []any{string(f.Values[0])}}, nil
	}
	operator, ok := comparisons[f.Op]
	if !ok {
		return condition{}, invalid(pointer+"/op", fmt.Sprintf("未知运算 %q", cut(f.Op)), fmt.Sprintf("unknown operator %q", cut(f.Op)),
			"可用：eq、ne、gt、gte、lt、lte、in、not_in、starts_with、is_null、not_null", "use eq, ne, gt, gte, lt, lte, in, not_in, starts_with, is_null or not_null")
	}
	list := f.Op == "in" || f.Op == "not_in"
	if len(f.Values) == 0 || len(f.Values) > maxValues || !list && len(f.Values) != 1 {
		return condition{}, invalid(pointer+"/values", fmt.Sprintf("%s 的值个数不对", f.Op), fmt.Sprintf("%s does not take %d values", f.Op, len(f.Values)),
			"in 与 not_in 取 1 至 1000 个值，其余取一个", "in and not_in take 1 to 1000 values, the others one")
	}
	c := condition{text: expression + operator}
	var marks []string
	for i, value := range f.Values {
		mark, arg, err := bindValue(kind, string(value))
		if err != nil {
			return condition{}, invalid(fmt.Sprintf("%s/values/%d", pointer, i), fmt.Sprintf("%q 不是 %s 类型的值", cut(string(value)), kind), fmt.Sprintf("%q is not a value of type %s", cut(string(value)), kind),
				"改为该类型的值", "give a value of that type")
		}
		marks, c.args = append(marks, mark), append(c.args, arg)
	}
	if list {
		c.text += "(" + strings.Join(marks, ", ") + ")"
	} else {
		c.text += marks[0]
	}
	return c, nil
}

var decimalText = regexp.MustCompile(`^-?[0-9]{1,38}(\.[0-9]{1,18})?$`)

// bindValue is a value's placeholder and argument: always a Go string, integer or float.
func bindValue(kind, value string) (mark string, arg any, err error) {
	bad := fmt.Errorf("not a %s", kind)
	if len(value) > maxValueBytes {
		return "", nil, bad
	}
	switch kind {
	case typeInteger:
		n, err := strconv.ParseInt(value, 10, 64)
		return "?", n, err
	case typeNumber:
		f, err := strconv.ParseFloat(value, 64)
		if math.IsNaN(f) || math.IsInf(f, 0) {
			err = bad
		}
		return "?", f, err
	case typeDecimal:
		if !decimalText.MatchString(value) {
			return "", nil, bad
		}
		return "toDecimal256(?, 18)", value, nil
	case typeBoolean:
		b, err := strconv.ParseBool(value)
		return "?", b, err
	case typeDate:
		t, err := time.Parse("2006-01-02", value)
		if err != nil || t.Year() < 1900 || t.Year() > 2299 {
			return "", nil, bad
		}
		return "toDate32(?)", value, nil
	case typeInstant:
		t, ok := parseTime(value)
		if !ok {
			return "", nil, bad
		}
		return "fromUnixTimestamp64Milli(?, 'UTC')", t.UnixMilli(), nil
	}
	return "?", value, nil
}
