package analytics

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/zida-hub/zida/schemas"
)

//go:embed metrics/*.yaml
var metricFiles embed.FS

// metric is one entry of metrics/*.yaml. Its expressions are SQL of ours over the names
// of the dataset's properties; see docs in the files themselves.
type metric struct {
	Name        string `yaml:"name"`
	Label       string `yaml:"label"`
	LabelEN     string `yaml:"label_en"`
	Unit        string `yaml:"unit"`
	Type        string `yaml:"type"`        // integer, number or decimal
	Scale       int    `yaml:"scale"`       // digits after the point of a decimal
	Aggregation string `yaml:"aggregation"` // additive, semi_additive or ratio
	Text        string `yaml:"description"`
	TextEN      string `yaml:"description_en"`
	// Dimensions are the sources that records may be told apart by without breaking the
	// steps: properties, lineage columns, or "time". Empty: all.
	Dimensions []string `yaml:"dimensions"`
	// Requires are dimensions over which the metric cannot be summed up: each must be
	// grouped by or fixed to one value.
	Requires []string `yaml:"requires"`
	// Steps aggregate the records before Expression does, first step first.
	Steps      []step `yaml:"steps"`
	Expression string `yaml:"expression"`
	// Fine, when there is one, takes the place of Steps and Expression at fine grains.
	Fine *fineForm `yaml:"fine"`

	dataset string
}

// step is one aggregation: the groups beside the query's own, and what to work out in each.
type step struct {
	By     []string      `yaml:"by"`
	Values yaml.MapSlice `yaml:"values"`
}

// fineForm is a metric at grains finer than a day: over the records that Where keeps.
type fineForm struct {
	Where      string `yaml:"where"`
	Expression string `yaml:"expression"`
}

// layer is all metrics.
type layer struct {
	metrics []*metric
	byName  map[string]*metric
	rollups []*rollup
}

func loadLayer() (*layer, error) {
	l := &layer{byName: map[string]*metric{}}
	names, err := fs.Glob(metricFiles, "metrics/*.yaml")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := metricFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if err := l.add(text); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return l, nil
}

func (l *layer) add(text []byte) error {
	var file struct {
		Dataset string    `yaml:"dataset"`
		Metrics []*metric `yaml:"metrics"`
		Rollups []*rollup `yaml:"rollups"`
	}
	if err := yaml.UnmarshalWithOptions(text, &file, yaml.Strict()); err != nil {
		return err
	}
	for _, r := range file.Rollups {
		r.dataset = file.Dataset
		if r.Name == "" || len(r.Keys) == 0 || len(r.Metrics) == 0 || len(r.Values) == 0 {
			return fmt.Errorf("rollup %q of %s: name, keys, metrics and values are all needed", r.Name, r.dataset)
		}
		l.rollups = append(l.rollups, r)
	}
	for _, m := range file.Metrics {
		m.dataset = file.Dataset
		switch {
		case l.byName[m.Name] != nil:
			return fmt.Errorf("metric %s: defined twice", m.Name)
		case m.Name == "" || m.Label == "" || m.LabelEN == "" || m.Expression == "" || m.dataset == "":
			return fmt.Errorf("metric %q: name, label, label_en, expression and the file's dataset are all needed", m.Name)
		case !slices.Contains([]string{typeInteger, typeNumber, typeDecimal}, m.Type):
			return fmt.Errorf("metric %s: type %q is none of integer, number, decimal", m.Name, m.Type)
		case !slices.Contains([]string{"additive", "semi_additive", "ratio"}, m.Aggregation):
			return fmt.Errorf("metric %s: aggregation %q is none of additive, semi_additive, ratio", m.Name, m.Aggregation)
		}
		l.metrics = append(l.metrics, m)
		l.byName[m.Name] = m
	}
	return nil
}

// named finds a metric: one of the files, or one that a contract gives by itself.
func (l *layer) named(contracts catalogue, name string) *metric {
	if m := l.byName[name]; m != nil {
		return m
	}
	for _, id := range slices.Sorted(maps.Keys(contracts)) {
		c := contracts[id]
		if !strings.HasPrefix(name, c.ID+"_") {
			continue
		}
		for _, m := range ownMetrics(c) {
			if m.Name == name {
				return m
			}
		}
	}
	return nil
}

// Clash names a metric that a contract would give by itself and that is there already, or
// twice in it; "" when there is none.
func (a *Analytics) Clash(c *schemas.Contract) string {
	taken := map[string]bool{}
	for _, m := range a.layer.metrics {
		taken[m.Name] = true
	}
	for id, other := range a.catalogue() {
		if id != c.ID {
			for _, m := range ownMetrics(other) {
				taken[m.Name] = true
			}
		}
	}
	for _, m := range ownMetrics(c) {
		if taken[m.Name] {
			return m.Name
		}
		taken[m.Name] = true
	}
	return ""
}

// all lists the files' metrics, then those that contracts give by themselves.
func (l *layer) all(contracts catalogue) []*metric {
	list := slices.Clone(l.metrics)
	for _, id := range slices.Sorted(maps.Keys(contracts)) {
		for _, m := range ownMetrics(contracts[id]) {
			if l.byName[m.Name] == nil {
				list = append(list, m)
			}
		}
	}
	return list
}

// ownMetrics are those that follow from a contract, so that a new dataset can be asked
// about before anybody has written a metric: its records, and the sums that it allows.
func ownMetrics(c *schemas.Contract) []*metric {
	if c.Reference || c.ID == bookingID {
		return nil
	}
	list := []*metric{{
		Name: c.ID + "_records", Label: c.Name + "记录数", LabelEN: c.NameEN + ": records", Unit: "条", Type: typeInteger, Aggregation: "additive",
		Text: "现行记录的条数，不含已撤回的。", TextEN: "Records that are current, without those retracted.", Expression: "count()", dataset: c.ID,
	}}
	for i := range c.Properties {
		p := &c.Properties[i]
		if !p.Additive {
			continue
		}
		list = append(list, &metric{
			Name: c.ID + "_" + p.Name, Label: p.Label, LabelEN: p.LabelEN, Unit: p.Unit, Type: kindOf(p), Scale: p.Scale, Aggregation: "additive",
			Text: p.Label + "之和。", TextEN: "The sum of “" + p.LabelEN + "”.", Expression: "sum(" + p.Name + ")", dataset: c.ID,
		})
	}
	return list
}

// check compiles every metric whose dataset is in the catalogue, so that a metric that
// names what its contract does not have is found at start and not by an analyst.
func (l *layer) check(contracts catalogue) error {
	for _, r := range l.rollups {
		if contracts[r.dataset] == nil {
			continue
		}
		if err := r.check(contracts, l); err != nil {
			return err
		}
	}
	for _, m := range l.metrics {
		if contracts[m.dataset] == nil {
			continue
		}
		for _, grain := range []Grain{GrainNone, GrainHour} {
			if _, err := m.fields(contracts, grain); err != nil {
				return fmt.Errorf("metric %s: %w", m.Name, err)
			}
		}
	}
	return nil
}

// form is what applies at a grain.
type form struct {
	where      string // a condition on records, "" for none
	steps      []step
	expression string
}

func (m *metric) form(grain Grain) form {
	if m.Fine != nil && grain.finerThanDay() {
		return form{where: m.Fine.Where, expression: m.Fine.Expression}
	}
	return form{steps: m.Steps, expression: m.Expression}
}

// fields are the properties that the metric reads, of its own dataset and of lists.
func (m *metric) fields(contracts catalogue, grain Grain) ([]fieldRef, error) {
	scope := newRowScope(contracts, contracts[m.dataset])
	f := m.form(grain)
	if _, err := rewrite(f.where, scope.name); err != nil {
		return nil, err
	}
	if _, err := compileSteps(scope, f.steps, f.expression); err != nil {
		return nil, err
	}
	return scope.fields(), nil
}

// fieldRef is a property of a dataset.
type fieldRef struct {
	dataset  string
	property *schemas.Property
}

// classification is the highest of what the metric reads.
func (m *metric) classification(contracts catalogue, grain Grain) schemas.Classification {
	highest := schemas.Public
	fields, err := m.fields(contracts, grain)
	if err != nil {
		return schemas.Core // a metric that does not compile shows nobody anything
	}
	for _, f := range fields {
		highest = max(highest, f.property.Classification)
	}
	return highest
}

// Metric describes a metric to those who ask for the list.
type Metric struct {
	Name           string      `json:"name"`
	Label          string      `json:"label"`
	LabelEN        string      `json:"label_en"`
	Unit           string      `json:"unit"`
	Type           string      `json:"type"`
	Dataset        string      `json:"dataset"`
	Aggregation    string      `json:"aggregation"`
	Classification string      `json:"classification"`
	Description    string      `json:"description"`
	DescriptionEN  string      `json:"description_en"`
	Requires       []string    `json:"requires,omitempty"`
	Dimensions     []Dimension `json:"dimensions"`
}

// Dimension describes a dimension.
type Dimension struct {
	Name    string `json:"name"`
	Label   string `json:"label"`
	LabelEN string `json:"label_en"`
	Type    string `json:"type"`
}

var classificationNames = [...]string{"public", "internal", "sensitive", "core"}

// Metrics lists the metrics of the datasets that the reader may read.
func (a *Analytics) Metrics(reader Reader) []Metric {
	contracts := a.catalogue()
	list := []Metric{}
	for _, m := range a.layer.all(contracts) {
		c := contracts[m.dataset]
		if c == nil || !reader.mayRead(m.dataset) {
			continue
		}
		described := Metric{
			Name: m.Name, Label: m.Label, LabelEN: m.LabelEN, Unit: m.Unit, Type: m.Type, Dataset: m.dataset, Aggregation: m.Aggregation,
			Classification: classificationNames[m.classification(contracts, GrainNone)],
			Description:    strings.TrimSpace(m.Text), DescriptionEN: strings.TrimSpace(m.TextEN), Requires: m.Requires, Dimensions: []Dimension{},
		}
		for _, d := range dimensionsOf(contracts, c) {
			if m.allows(d) {
				described.Dimensions = append(described.Dimensions, Dimension{Name: d.name, Label: d.label, LabelEN: d.labelEN, Type: d.kind})
			}
		}
		list = append(list, described)
	}
	return list
}

// allows reports whether the metric's records may be grouped or filtered by d.
func (m *metric) allows(d *dimension) bool {
	return len(m.Dimensions) == 0 || slices.Contains(m.Dimensions, d.source)
}
