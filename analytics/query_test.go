package analytics

import (
	"strings"
	"testing"

	"github.com/shopspring/decimal"
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
	f.push("tourism_flow", flow("500111-S01", "2024-05-01 09:00", 5, 10))
	f.push("park_monthly", row{"park_id": "500111-P01", "month": "2024-05", "region": "500111", "output_value": dec("10.50"), "area_mu": dec("2")})
	f.push("ticket_recognition", recognition("500111-S01", "2024-05-01", "512021", "adult", 3, "40.50"))
	f.push("indicator_value", row{"indicator": "500111-I01", "region": "500111", "period": "2024-Q2", "value": dec("988.5")})
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
		dataset := f.layer.byName[fam.metrics[0]].dataset
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

func dec(text string) *decimal.Decimal {
	d := decimal.RequireFromString(text)
	return &d
}

func recognition(spot, day, issuer, kind string, count int64, price string) row {
	return row{"spot_id": spot, "day": instant(day + " 08:00"), "issuer_region": issuer, "ticket_type": kind, "region": spot[:6], "count": count, "settlement_price": *dec(price)}
}
