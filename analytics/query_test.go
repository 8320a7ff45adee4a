package analytics

import (
	"strings"
	"testing"

	"reflect"
	"strconv"

	"github.com/shopspring/decimal"
	"github.com/zida-hub/zida/schemas"
)

func want(t *testing.T, got *Answer, text string) {
	t.Helper()
	if got.table() != text {
		t.Errorf("got\n%swant\n%s", got.table(), text)
	}
}

func TestVisitorsTakeTheDaysFigureElseTheSumOfIntervals(t *testing.T) {
	f := newFixture(t, "tourism_flow")
	f.push("tourism_flow",
		flow("500111-S01", "2024-05-01 09:00", 5, 10), flow("500111-S01", "2024-05-01 09:05", 5, 20), // no day's figure
		flow("500111-S01", "2024-05-02 09:00", 5, 10), flow("500111-S01", "2024-05-02 00:00", 1440, 700),
		flow("512021-S01", "2024-05-01 09:00", 60, 5))
	want(t, f.ask(Query{Metrics: []string{"visitors"}, Dimensions: []string{"region"}, Time: Time{From: "2024-05-01", To: "2024-05-03", Grain: GrainDay}}),
		"2024-05-01 500111 30\n2024-05-01 512021 5\n2024-05-02 500111 700\n")
	want(t, f.ask(Query{Metrics: []string{"visitors"}}), "735\n")
	want(t, f.ask(Query{Metrics: []string{"visitors"}, Time: Time{From: "2024-05-02", To: "2024-05-03", Grain: GrainHour}}), "1714611600000 10\n")
}

func TestEveryMetricAnswersByEveryDimensionAtEveryGrain(t *testing.T) {
	f := newFixture(t)
	for _, c := range f.contracts {
		f.push(c.ID, exampleOf(t, c))
	}
	// Metrics of one dataset with one set of dimensions go into one query.
	type family struct{ metrics, dimensions, requires []string }
	families := map[string]*family{}
	for _, m := range f.Metrics(everything) {
		var names []string
		for _, d := range m.Dimensions {
			names = append(names, d.Name)
		}
		key := m.Dataset + strings.Join(names, " ")
		if families[key] == nil {
			families[key] = &family{dimensions: names, requires: m.Requires}
		}
		families[key].metrics = append(families[key].metrics, m.Name)
	}
	for _, fam := range families {
		dataset := f.layer.named(f.catalogue(), fam.metrics[0]).dataset
		for _, b := range buckets {
			if b.grain.rank() < finest(f.catalogue()[dataset]).rank() {
				continue
			}
			q := Query{Metrics: fam.metrics, Dimensions: fam.requires, Time: Time{From: "2024-01-01", To: "2025-01-01", Grain: b.grain}, Compare: ComparePreviousYear}
			if got := f.ask(q); len(got.Rows) != 1 {
				t.Errorf("%s by %s: %d rows", fam.metrics, b.grain, len(got.Rows))
			}
		}
		for _, d := range fam.dimensions {
			q := Query{Metrics: fam.metrics, Dimensions: []string{d}}
			for _, name := range fam.requires {
				if name != d {
					q.Dimensions = append(q.Dimensions, name)
				}
			}
			if got := f.ask(q); len(got.Rows) != 1 {
				t.Errorf("%s by %s: %d rows", fam.metrics, d, len(got.Rows))
			}
		}
	}
}

// exampleOf is a record of the contract's own examples, some time in 2024.
func exampleOf(t *testing.T, c *schemas.Contract) row {
	t.Helper()
	periods := map[string]string{schemas.PeriodYear: "2024", schemas.PeriodHalf: "2024-H1", schemas.PeriodQuarter: "2024-Q2", schemas.PeriodMonth: "2024-05", schemas.PeriodAny: "2024-Q2"}
	r := row{}
	for i := range c.Properties {
		p := &c.Properties[i]
		text := p.Examples[0]
		switch p.Type {
		case schemas.TypeInteger:
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			r[p.Name] = &n
		case schemas.TypeNumber:
			if p.Precision > 0 {
				r[p.Name] = dec(text)
				continue
			}
			n, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}
			r[p.Name] = &n
		case schemas.TypeBoolean:
			r[p.Name] = text == "true"
		case schemas.TypeTimestamp, schemas.TypeDate:
			at := instant("2024-05-01 09:00")
			r[p.Name] = &at
		default:
			if i == c.Time {
				text = periods[p.Period]
			}
			r[p.Name] = &text
		}
		if p.KeyPosition > 0 || p.Required || i == c.Region { // columns without nulls take values
			r[p.Name] = reflect.Indirect(reflect.ValueOf(r[p.Name])).Interface()
		}
	}
	return r
}

func dec(text string) *decimal.Decimal {
	d := decimal.RequireFromString(text)
	return &d
}

func recognition(spot, day, issuer, kind string, count int64, price string) row {
	return row{"spot_id": spot, "day": instant(day + " 08:00"), "issuer_region": issuer, "ticket_type": kind, "region": spot[:6], "count": count, "settlement_price": *dec(price)}
}
