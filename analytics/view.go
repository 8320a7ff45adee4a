package analytics

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/zida-hub/zida/schemas"
)

//go:embed views/*.yaml
var viewFiles embed.FS

// View is one picture of the page: which questions it asks and how each is drawn. The
// files under views/ have the same names as the JSON.
type View struct {
	ID      string `yaml:"view" json:"view"`
	Order   int    `yaml:"order" json:"order"`
	Title   string `yaml:"title" json:"title"`
	TitleEN string `yaml:"title_en" json:"title_en"`
	Text    string `yaml:"text" json:"text,omitempty"`
	TextEN  string `yaml:"text_en" json:"text_en,omitempty"`
	// Range is the period shown at first: so many days, weeks, months, quarters or years
	// up to today (30d, 12m), whole ones with the running one; month, quarter or year (the
	// running one); plan (the action plan's years); all.
	Range     string   `yaml:"range" json:"range"`
	Grains    []Grain  `yaml:"grains" json:"grains"` // offered, the first is the view's own; none where there is no time
	Compare   string   `yaml:"compare" json:"compare"`
	Filters   []string `yaml:"filters" json:"filters"` // dimensions offered to filter by
	Panels    []Panel  `yaml:"panels" json:"panels"`
	Generated bool     `yaml:"-" json:"generated,omitempty"` // made from a contract
}

// Panel is one chart and its question: metrics, or the records of a dataset.
type Panel struct {
	ID         string   `yaml:"id" json:"id"`
	Title      string   `yaml:"title" json:"title"`
	TitleEN    string   `yaml:"title_en" json:"title_en"`
	Text       string   `yaml:"text" json:"text,omitempty"`
	TextEN     string   `yaml:"text_en" json:"text_en,omitempty"`
	Chart      string   `yaml:"chart" json:"chart"`
	Span       int      `yaml:"span" json:"span"` // of twelve columns
	Wall       bool     `yaml:"wall" json:"wall,omitempty"`
	Metrics    []string `yaml:"metrics" json:"metrics,omitempty"`
	Dimensions []string `yaml:"dimensions" json:"dimensions,omitempty"`
	// Grain is view (that of the view, as the reader sets it), none or a grain. Left out it
	// is view for line and stacked, and none for the others.
	Grain   string `yaml:"grain" json:"grain"`
	Range   string `yaml:"range" json:"range,omitempty"` // "": the view's
	Compare string `yaml:"compare" json:"compare"`       // view, when left out, none, or a comparison of its own
	// Filters hold always, beside the reader's. A value may be $half: the running
	// half-year, such as 2026-H2, which the page writes in its place.
	Filters     []Filter      `yaml:"filters" json:"filters,omitempty"`
	Order       []Order       `yaml:"order" json:"order,omitempty"`
	Limit       int           `yaml:"limit" json:"limit,omitempty"`
	Drill       string        `yaml:"drill" json:"drill,omitempty"`
	Target      string        `yaml:"target" json:"target,omitempty"`
	LimitLine   *float64      `yaml:"limit_line" json:"limit_line,omitempty"`
	LimitMetric string        `yaml:"limit_metric" json:"limit_metric,omitempty"`
	Records     *PanelRecords `yaml:"records" json:"records,omitempty"`

	Datasets []string `yaml:"-" json:"datasets"` // that the answer is made of
	Readable bool     `yaml:"-" json:"readable"`
}

// PanelRecords is a panel of current records in the place of metrics.
type PanelRecords struct {
	Dataset string   `yaml:"dataset" json:"dataset"`
	Fields  []string `yaml:"fields" json:"fields"`
	BoardBy string   `yaml:"board_by" json:"board_by,omitempty"` // the field whose values are a board's columns
	Due     string   `yaml:"due" json:"due,omitempty"`           // the field that says when a record is late
}

// What a panel's or view's words may be, besides the names that they stand for.
const (
	ofView   = "view"
	none     = "none"
	halfNow  = "$half"
	allTime  = "all"
	planTime = "plan"

	generatedPrefix = "data_"
	generatedOrder  = 1000
)

// charts are the kinds, and how many dimensions each needs at least. A grain is one more.
var charts = map[string]int{
	"kpi": 0, "line": 0, "bar": 0, "stacked": 1, "ranking": 1, "matrix": 2, "flow": 2, "tiles": 1, "bullet": 1, "table": 0, "heat": 2, "board": 0, "list": 0, freshnessChart: 0,
}

// freshnessChart is of no metric: how new each agency's data are.
const freshnessChart = "freshness"

func loadViews() ([]*View, error) {
	names, err := fs.Glob(viewFiles, "views/*.yaml")
	if err != nil {
		return nil, err
	}
	var views []*View
	for _, name := range names {
		text, err := viewFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		v, err := parseView(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if slices.ContainsFunc(views, func(other *View) bool { return other.ID == v.ID }) {
			return nil, fmt.Errorf("%s: view %s: defined twice", name, v.ID)
		}
		views = append(views, v)
	}
	slices.SortFunc(views, func(a, b *View) int { return a.Order - b.Order })
	return views, nil
}

// parseView reads one file and checks all that needs no contract.
func parseView(text []byte) (*View, error) {
	v := &View{}
	if err := yaml.UnmarshalWithOptions(text, v, yaml.Strict()); err != nil {
		return nil, err
	}
	v.fill()
	if err := v.checkWords(); err != nil {
		return nil, fmt.Errorf("view %s: %w", v.ID, err)
	}
	for i := range v.Panels {
		p := &v.Panels[i]
		if slices.ContainsFunc(v.Panels[:i], func(other Panel) bool { return other.ID == p.ID }) {
			return nil, fmt.Errorf("view %s: panel %s: defined twice", v.ID, p.ID)
		}
		if err := p.checkWords(); err != nil {
			return nil, fmt.Errorf("view %s: panel %s: %w", v.ID, p.ID, err)
		}
	}
	return v, nil
}

// fill writes out what was left out.
func (v *View) fill() {
	if v.Compare == "" {
		v.Compare = none
	}
	for i := range v.Panels {
		p := &v.Panels[i]
		if p.Compare == "" {
			p.Compare = ofView
		}
		if p.Grain == "" {
			p.Grain = none
			if p.Chart == "line" || p.Chart == "stacked" {
				p.Grain = ofView
			}
		}
	}
}

var viewID = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

func (v *View) checkWords() error {
	switch {
	case !viewID.MatchString(v.ID) || strings.HasPrefix(v.ID, generatedPrefix):
		return fmt.Errorf("%q is no id for a view", v.ID)
	case v.Title == "" || v.TitleEN == "" || len(v.Panels) == 0 || len(v.Grains) == 0:
		return errors.New("title, title_en, grains and panels are all needed")
	case v.Compare != none && !comparison(v.Compare):
		return fmt.Errorf("comparison %q is none of none, previous_period, previous_year", v.Compare)
	}
	for _, grain := range v.Grains {
		if grain.rank() < 0 {
			return fmt.Errorf("unknown grain %q", grain)
		}
	}
	if !rangeKnown(v.Range) {
		return fmt.Errorf("unknown range %q", v.Range)
	}
	return nil
}

func comparison(word string) bool {
	return word == ComparePreviousPeriod || word == ComparePreviousYear
}

func (p *Panel) checkWords() error {
	dimensions, known := charts[p.Chart]
	have := len(p.Dimensions)
	if p.Grain != none {
		have++
	}
	switch {
	case !viewID.MatchString(p.ID) || p.Title == "" || p.TitleEN == "":
		return errors.New("id, title and title_en are all needed")
	case !known:
		return fmt.Errorf("unknown chart %q", p.Chart)
	case p.Span < 1 || p.Span > 12:
		return fmt.Errorf("span %d is not from 1 to 12", p.Span)
	case p.Chart == freshnessChart:
		return p.checkFreshness()
	case (len(p.Metrics) == 0) == (p.Records == nil):
		return errors.New("either metrics or records are needed")
	case p.Grain != ofView && p.Grain != none && Grain(p.Grain).rank() < 0:
		return fmt.Errorf("unknown grain %q", p.Grain)
	case p.Range != "" && !rangeKnown(p.Range):
		return fmt.Errorf("unknown range %q", p.Range)
	case p.Compare != ofView && p.Compare != none && !comparison(p.Compare):
		return fmt.Errorf("unknown comparison %q", p.Compare)
	case p.Range == allTime && comparison(p.Compare):
		return errors.New("all time has nothing to be compared with")
	case p.Limit < 0 || p.Limit > DefaultLimit:
		return fmt.Errorf("limit %d is not from 0 to %d", p.Limit, DefaultLimit)
	}
	for _, f := range p.Filters {
		for _, value := range f.Values {
			if strings.HasPrefix(string(value), "$") && value != halfNow {
				return fmt.Errorf("unknown value %s", value)
			}
		}
	}
	if p.Records != nil {
		return p.checkRecords()
	}
	for name, metric := range map[string]string{"target": p.Target, "limit_metric": p.LimitMetric} {
		if metric != "" && !slices.Contains(p.Metrics, metric) {
			return fmt.Errorf("%s %s is none of the panel's metrics", name, metric)
		}
	}
	switch {
	case p.Chart == "board":
		return errors.New("a board is of records")
	case p.Chart == "bullet" && p.Target == "":
		return errors.New("a bullet chart needs a target")
	case have < dimensions:
		return fmt.Errorf("chart %s needs %d dimensions", p.Chart, dimensions)
	}
	return nil
}

func (p *Panel) checkRecords() error {
	r := p.Records
	switch {
	case p.Chart != "board" && p.Chart != "list":
		return errors.New("records are shown on a board or as a list")
	case len(p.Dimensions) > 0 || p.Grain != none || p.Target != "" || p.LimitLine != nil || p.LimitMetric != "":
		return errors.New("records have no dimensions, grain, target or limit line")
	case (p.Chart == "board") != (r.BoardBy != ""):
		return errors.New("a board, and only a board, says what it is by")
	}
	for _, name := range []string{r.BoardBy, r.Due, p.Drill} {
		if name != "" && !slices.Contains(r.Fields, name) {
			return fmt.Errorf("%s is none of the fields", name)
		}
	}
	for _, o := range p.Order {
		if !slices.Contains(r.Fields, o.By) {
			return fmt.Errorf("%s is none of the fields", o.By)
		}
	}
	return nil
}

// checkViews compiles every question of every view at every grain that it offers, so that
// a view of what is not there is found at start and not by the one who opens it.
func (a *Analytics) checkViews() error {
	for _, v := range a.views {
		for i := range v.Panels {
			if err := a.checkPanel(v, &v.Panels[i]); err != nil {
				return fmt.Errorf("view %s: panel %s: %w", v.ID, v.Panels[i].ID, err)
			}
		}
		for _, name := range v.Filters {
			if !slices.ContainsFunc(v.Panels, func(p Panel) bool { return a.filters(v, &p, name) }) {
				return fmt.Errorf("view %s: none of its panels can be filtered by %s", v.ID, name)
			}
		}
	}
	return nil
}

// filters reports whether a panel's answer can be filtered by a dimension.
func (a *Analytics) filters(v *View, p *Panel, name string) bool {
	if p.Records != nil {
		return slices.Contains(p.Records.Fields, name)
	}
	if p.Chart == freshnessChart {
		return false
	}
	grain := GrainNone
	if len(v.Grains) > 0 {
		grain = v.Grains[0]
	}
	q := p.query(v, grain, checkedOn)
	q.Filters = append(slices.Clone(q.Filters), Filter{Dimension: name, Op: "not_null"})
	_, err := a.plan(q, &checker)
	return err == nil
}

// checker may read everything.
var checker = Reader{Clearance: schemas.Core}

// checkedOn stands for today where only a question's form matters.
var checkedOn = time.Date(2026, 1, 1, 0, 0, 0, 0, shanghai)

func (a *Analytics) checkPanel(v *View, p *Panel) error {
	if p.Chart == freshnessChart {
		return nil
	}
	if p.Records != nil {
		_, err := a.planRecords(p.records(checkedOn), &checker)
		return err
	}
	for _, grain := range v.Grains {
		if _, err := a.plan(p.query(v, grain, checkedOn), &checker); err != nil {
			return err
		}
	}
	if p.Drill != "" && !a.filters(v, p, p.Drill) {
		return fmt.Errorf("its metrics have no dimension %s to go down by", p.Drill)
	}
	return nil
}

// datasetsOf are the datasets that a panel is made of; there says that all are known.
func (a *Analytics) datasetsOf(contracts catalogue, p *Panel) (ids []string, there bool) {
	there = true
	add := func(dataset string) {
		for _, id := range sources(dataset) {
			there = there && contracts[id] != nil
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	if p.Records != nil {
		add(p.Records.Dataset)
	}
	for _, name := range p.Metrics {
		if m := a.layer.named(contracts, name); m != nil {
			add(m.dataset)
		} else {
			there = false
		}
	}
	return ids, there
}

// Views lists the views that the reader may read something of, declared ones first. A
// dataset that none of them names has one made from its contract.
func (a *Analytics) Views(reader Reader) []View {
	contracts := a.catalogue()
	list := []View{}
	named := map[string]bool{}
	for _, declared := range a.views {
		for i := range declared.Panels {
			ids, _ := a.datasetsOf(contracts, &declared.Panels[i])
			for _, id := range ids {
				named[id] = true
			}
		}
		list = a.appendView(list, contracts, *declared, &reader)
	}
	for n, id := range sortedIDs(contracts) {
		if c := contracts[id]; !named[id] && !c.Reference && id != bookingID {
			list = a.appendView(list, contracts, a.generatedView(contracts, c, generatedOrder+n), &reader)
		}
	}
	return list
}

// appendView adds a view as the reader may see it, unless there is nothing to see.
func (a *Analytics) appendView(list []View, contracts catalogue, v View, reader *Reader) []View {
	var panels []Panel
	for _, p := range v.Panels {
		if p.Chart == freshnessChart {
			p.Datasets = aging(contracts, reader)
			p.Readable = len(p.Datasets) > 0
			panels = append(panels, p)
			continue
		}
		ids, there := a.datasetsOf(contracts, &p)
		if !there {
			continue
		}
		p.Datasets = ids
		p.Readable = !slices.ContainsFunc(ids, func(id string) bool { return !reader.mayRead(id) })
		panels = append(panels, p)
	}
	v.Panels = panels
	if !slices.ContainsFunc(panels, func(p Panel) bool { return p.Readable && p.Chart != freshnessChart }) {
		return list
	}
	if v.Filters == nil {
		v.Filters = []string{}
	}
	return append(list, v)
}

// query is what the page asks for the panel on a day when the reader has changed nothing
// but the grain. The range is widened to whole buckets of the grain, so that none is shown
// in part and every comparison is of like with like.
func (p *Panel) query(v *View, grain Grain, today time.Time) Query {
	q := Query{Metrics: p.Metrics, Dimensions: p.Dimensions, Filters: p.filtersOn(today), Order: p.Order, Limit: p.Limit}
	switch p.Grain {
	case none:
	case ofView:
		q.Time.Grain = grain
	default:
		q.Time.Grain = Grain(p.Grain)
	}
	from, to := rangeOn(p.rangeIn(v), today)
	if to.IsZero() {
		return q
	}
	from = bucketStart(from, q.Time.Grain)
	if last := bucketStart(to.AddDate(0, 0, -1), q.Time.Grain); q.Time.Grain.rank() > GrainDay.rank() {
		to = bucketNext(last, q.Time.Grain, 1)
	}
	q.Time.From, q.Time.To = from.Format(time.DateOnly), to.Format(time.DateOnly)
	switch {
	case comparison(p.Compare):
		q.Compare = p.Compare
	case p.Compare == ofView && comparison(v.Compare):
		q.Compare = v.Compare
	}
	return q
}

// records is the same for a panel of records, which are all there are unless the panel
// itself says when.
func (p *Panel) records(today time.Time) RecordsQuery {
	q := RecordsQuery{Dataset: p.Records.Dataset, Fields: p.Records.Fields, Filters: p.filtersOn(today), Limit: shownRecords}
	if p.Range == "" {
		return q
	}
	if from, to := rangeOn(p.Range, today); !to.IsZero() {
		q.From, q.To = from.Format(time.DateOnly), to.Format(time.DateOnly)
	}
	return q
}

// shownRecords is how many the page asks for: they come by version, and the page puts
// them into the panel's order and cuts.
const shownRecords = 1000

// Question is one entry of POST /v1/queries.
type Question struct {
	ID      string        `json:"id"`
	Query   *Query        `json:"query,omitempty"`
	Records *RecordsQuery `json:"records,omitempty"`
	// Freshness asks how new each agency's data are, and takes nothing.
	Freshness *struct{} `json:"freshness,omitempty"`
}

// Questions are what the page asks when a reader opens the view on a day, with a grain and
// filters of their own. has says whether a metric has a dimension: a filter by one that it
// has not is left out, as the page does.
func (v *View) Questions(today time.Time, grain Grain, filters []Filter, has func(metric, dimension string) bool) []Question {
	list := make([]Question, 0, len(v.Panels))
	for i := range v.Panels {
		p := &v.Panels[i]
		asked := Question{ID: p.ID}
		switch {
		case p.Chart == freshnessChart:
			asked.Freshness = &struct{}{}
		case p.Records != nil:
			q := p.records(today)
			for _, f := range filters {
				if slices.Contains(p.Records.Fields, f.Dimension) {
					q.Filters = append(q.Filters, f)
				}
			}
			asked.Records = &q
		default:
			q := p.query(v, grain, today)
			for _, f := range filters {
				if !slices.ContainsFunc(p.Metrics, func(metric string) bool { return !has(metric, f.Dimension) }) {
					q.Filters = append(q.Filters, f)
				}
			}
			asked.Query = &q
		}
		list = append(list, asked)
	}
	return list
}

func (p *Panel) rangeIn(v *View) string {
	if p.Range != "" {
		return p.Range
	}
	return v.Range
}

// filtersOn is the panel's filters with what stands for the day written out.
func (p *Panel) filtersOn(today time.Time) []Filter {
	var list []Filter
	for _, f := range p.Filters {
		f.Values = slices.Clone(f.Values)
		for i, value := range f.Values {
			if value == halfNow {
				f.Values[i] = Value(fmt.Sprintf("%d-H%d", today.Year(), (int(today.Month())+5)/6))
			}
		}
		list = append(list, f)
	}
	return list
}

var (
	rangeUnits = map[string]Grain{"d": GrainDay, "w": GrainWeek, "m": GrainMonth, "q": GrainQuarter, "y": GrainYear}
	rangeText  = regexp.MustCompile(`^([1-9][0-9]{0,3})([dwmqy])$`)
)

func rangeKnown(word string) bool {
	switch word {
	case allTime, planTime, string(GrainMonth), string(GrainQuarter), string(GrainYear):
		return true
	}
	return rangeText.MatchString(word)
}

// rangeOn is a range's word on a day, [from, to); two zero times for all.
func rangeOn(word string, today time.Time) (from, to time.Time) {
	n, unit := 1, Grain(word)
	switch word {
	case allTime:
		return from, to
	case planTime:
		return time.Date(2023, 1, 1, 0, 0, 0, 0, shanghai), time.Date(2028, 1, 1, 0, 0, 0, 0, shanghai)
	}
	if parts := rangeText.FindStringSubmatch(word); parts != nil {
		n, _ = strconv.Atoi(parts[1]) // at most four digits
		unit = rangeUnits[parts[2]]
	}
	running := bucketStart(today, unit)
	return bucketNext(running, unit, 1-n), bucketNext(running, unit, 1)
}

// bucketStart is the first day of the bucket that t lies in, t itself at grains of a day and less.
func bucketStart(t time.Time, grain Grain) time.Time {
	t = t.In(shanghai)
	year, month, day := t.Date()
	switch grain {
	case GrainWeek:
		day -= (int(t.Weekday()) + 6) % 7
	case GrainMonth:
		day = 1
	case GrainQuarter:
		month, day = (month-1)/3*3+1, 1
	case GrainYear:
		month, day = 1, 1
	}
	return time.Date(year, month, day, 0, 0, 0, 0, shanghai)
}

// bucketNext is the first day of the n-th bucket after the one that begins at t.
func bucketNext(t time.Time, grain Grain, n int) time.Time {
	switch grain {
	case GrainWeek:
		return t.AddDate(0, 0, 7*n)
	case GrainMonth:
		return t.AddDate(0, n, 0)
	case GrainQuarter:
		return t.AddDate(0, 3*n, 0)
	case GrainYear:
		return t.AddDate(n, 0, 0)
	}
	return t.AddDate(0, 0, n)
}
