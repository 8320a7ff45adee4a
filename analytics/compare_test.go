package analytics

import (
	"errors"
	"fmt"
	"testing"
)

func TestComparisons(t *testing.T) {
	f := newFixture(t, "tourism_flow", "park_monthly")
	f.push("tourism_flow",
		flow("500111-S01", "2023-02-28 09:00", 5, 10), flow("500111-S01", "2024-02-28 09:00", 5, 20), flow("500111-S01", "2024-02-29 09:00", 5, 40),
		flow("500111-S01", "2025-02-28 09:00", 5, 80), flow("500111-S01", "2024-01-31 09:00", 5, 1), flow("500111-S01", "2024-03-31 09:00", 5, 2),
		flow("500111-S01", "2025-03-03 09:00", 5, 7), flow("500111-S01", "2024-03-04 09:00", 5, 14))
	f.push("park_monthly", row{"park_id": "500111-P01", "month": "2024-01", "region": "500111", "output_value": dec("100")}, row{"park_id": "500111-P01", "month": "2025-01", "region": "500111", "output_value": dec("150.50")})
	ask := func(reason, compare, from, to string, grain Grain, wanted string) {
		t.Helper()
		got := f.ask(Query{Metrics: []string{"visitors"}, Time: Time{From: from, To: to, Grain: grain}, Compare: compare})
		if got.table() != wanted {
			t.Errorf("%s: got\n%swant\n%s", reason, got.table(), wanted)
		}
	}
	ask("29 February has no day the year before, and is added to none after", ComparePreviousYear, "2025-02-27", "2025-03-02", GrainDay, "2025-02-28 80 20 3\n")
	ask("the same the other way", ComparePreviousYear, "2024-02-27", "2024-03-02", GrainDay, "2024-02-28 20 10 1\n2024-02-29 40 null null\n")
	ask("by month it counts", ComparePreviousYear, "2025-02-01", "2025-03-01", GrainMonth, "2025-02-01 80 60 0.333333\n")
	ask("weeks are compared with weeks 52 before", ComparePreviousYear, "2025-03-03", "2025-03-10", GrainWeek, "2025-03-03 7 14 -0.5\n")
	ask("whole months with the months before", ComparePreviousPeriod, "2024-02-01", "2024-03-01", GrainNone, "60 1 59\n")
	ask("days with as many days before", ComparePreviousPeriod, "2024-02-29", "2024-03-01", GrainDay, "2024-02-29 40 20 1\n")
	ask("months by month, the 31st stays in its month", ComparePreviousPeriod, "2024-02-01", "2024-03-01", GrainMonth, "2024-02-01 60 1 59\n")
	got := f.ask(Query{Metrics: []string{"output_value", "visitors"}, Time: Time{From: "2025-01-01", To: "2026-01-01", Grain: GrainYear}, Compare: ComparePreviousYear,
		Order: []Order{{By: "output_value_change", Dir: "desc"}}})
	want(t, got, "2025-01-01 150.50 87 100.00 0.505 77 0.12987\n")
	if got.Columns[3].Name != "output_value_previous" || got.Columns[4].Name != "output_value_change" {
		t.Errorf("columns %v", got.Columns)
	}
	for _, bad := range []Query{
		{Time: Time{From: "2024-01-01"}},
		{Time: Time{From: "2024-01-01", To: "2024-01-10", Grain: GrainMonth}},
		{Time: Time{From: "2024-01-01", To: "2024-01-10", Grain: GrainWeek}},
	} {
		bad.Metrics, bad.Compare = []string{"visitors"}, ComparePreviousPeriod
		_, err := f.Query(t.Context(), bad, everything, f.position())
		var wrong *QueryError
		if !errors.As(err, &wrong) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

func TestPeriodsBeginInShanghai(t *testing.T) {
	f := newFixture(t, "tourism_flow", "indicator_value", "indicator")
	f.push("tourism_flow",
		flow("500111-S01", "2023-12-31 23:59", 1, 1), flow("500111-S01", "2024-01-01 00:00", 5, 2), flow("500111-S01", "2024-01-01 07:59", 1, 4), flow("500111-S01", "2024-01-31 23:59", 1, 8), flow("500111-S01", "2024-02-01 00:00", 5, 16))
	ask := func(from, to string, grain Grain, wanted string) {
		t.Helper()
		want(t, f.ask(Query{Metrics: []string{"visitors"}, Time: Time{From: from, To: to, Grain: grain}}), wanted)
	}
	ask("2024-01-01", "2024-02-01", GrainNone, "14\n")
	ask("2023-12-31T16:00:00Z", "2024-01-31T16:00:00Z", GrainNone, "14\n")
	ask("2024-01", "2024-02", GrainNone, "14\n")
	ask("", "", GrainYear, "2023-01-01 1\n2024-01-01 30\n")
	ask("", "", GrainQuarter, "2023-10-01 1\n2024-01-01 30\n")
	ask("", "", GrainMonth, "2023-12-01 1\n2024-01-01 14\n2024-02-01 16\n")
	ask("", "2024-01-02", GrainWeek, "2023-12-25 1\n2024-01-01 6\n")
	ask("2024-01-01", "2024-01-02", GrainHour, "1704038400000 2\n1704063600000 4\n")
	for period, value := range map[string]string{"2023": "1", "2024-Q1": "2", "2024-03": "3", "2024-Q4": "4"} {
		f.push("indicator_value", row{"indicator": "500111-I01", "region": "500111", "period": period, "value": *dec(value)})
	}
	q := Query{Metrics: []string{"indicator_value"}, Dimensions: []string{"indicator"}, Time: Time{Grain: GrainYear}}
	want(t, f.ask(q), "2023-01-01 500111-I01 1.0000\n2024-01-01 500111-I01 4.0000\n")
	q.Time = Time{From: "2024-01-01", To: "2024-10-01"}
	want(t, f.ask(q), "500111-I01 2.0000\n") // the quarter and its last month end together
}

func TestIndicatorsAreHeldAgainstTheirTargets(t *testing.T) {
	f := newFixture(t, "indicator_value", "indicator")
	year, base := int64(2022), int64(2027)
	f.push("indicator",
		row{"indicator": "500111-I01", "name": "地区生产总值", "region": "500111", "target": *dec("1300"), "target_year": base, "unit": "亿元", "direction": "up", "baseline": dec("800"), "baseline_year": &year},
		row{"indicator": "500111-I25", "name": "城镇调查失业率", "region": "500111", "target": *dec("5.5"), "target_year": base, "unit": "%", "direction": "down"})
	f.push("indicator_value",
		row{"indicator": "500111-I01", "region": "500111", "period": "2024", "value": *dec("975")},
		row{"indicator": "500111-I01", "region": "500111", "period": "2023", "value": *dec("900")},
		row{"indicator": "500111-I25", "region": "500111", "period": "2024-Q2", "value": *dec("5")},
		row{"indicator": "500111-I25", "region": "512021", "period": "2024-Q2", "value": *dec("6")})
	metrics := []string{"indicator_value", "indicator_target", "indicator_progress", "indicator_pace"}
	want(t, f.ask(Query{Metrics: metrics, Dimensions: []string{"indicator_name", "indicator", "region"}}),
		"地区生产总值 500111-I01 500111 975.0000 1300.0000 0.75 0.874282\n"+
			"城镇调查失业率 500111-I25 500111 5.0000 5.5000 1.1 null\n城镇调查失业率 500111-I25 512021 6.0000 5.5000 0.916667 null\n")
	want(t, f.ask(Query{Metrics: metrics[:3], Filters: []Filter{{Dimension: "indicator", Op: "eq", Values: []Value{"500111-I25"}}}}), "null 5.5000 null\n")
	_, err := f.Query(t.Context(), Query{Metrics: metrics[:1]}, everything, f.position())
	if err == nil {
		t.Error("indicators are summed")
	}
}

func TestRatesAndPeaksOfThePark(t *testing.T) {
	f := newFixture(t, "tourism_flow", "scenic_spot")
	capacity := int64(100)
	f.push("scenic_spot", row{"spot_id": "500111-S01", "name": "宝顶山", "region": "500111", "instant_capacity": &capacity}, row{"spot_id": "500111-S02", "name": "北山", "region": "500111"})
	reading := func(spot, at string, inside int64) row {
		return row{"spot_id": spot, "observed_at": instant(at), "interval_minutes": int64(5), "region": "500111", "in_park": &inside}
	}
	first := f.push("tourism_flow",
		reading("500111-S01", "2024-05-01 09:00", 90), reading("500111-S02", "2024-05-01 09:00", 1),
		reading("500111-S01", "2024-05-01 09:05", 50), reading("500111-S02", "2024-05-01 09:05", 60), flow("500111-S01", "2024-05-01 00:00", 1440, 7))
	q := Query{Metrics: []string{"in_park_now", "peak_in_park", "load_ratio", "visitors"}}
	want(t, f.ask(q), "110 110 0.5 7\n")
	q.Dimensions = []string{"spot_name"}
	want(t, f.ask(q), "北山 60 60 null null\n宝顶山 50 90 0.5 7\n")
	more := int64(200)
	f.push("scenic_spot", row{"spot_id": "500111-S01", "name": "大足石刻·宝顶山", "region": "500111", "instant_capacity": &more})
	want(t, f.ask(Query{Metrics: []string{"load_ratio"}, Dimensions: []string{"spot_name"}}), "北山 null\n大足石刻·宝顶山 0.25\n")
	q.AsOf = first.at.Format("2006-01-02T15:04:05Z07:00") // lists as of that day, too
	want(t, f.ask(q), "北山 60 60 null null\n宝顶山 50 90 0.5 7\n")
}

func TestNetSettlement(t *testing.T) {
	f := newFixture(t, "ticket_recognition")
	f.push("ticket_recognition",
		recognition("500111-S01", "2024-05-01", "512021", "adult", 3, "40.50"), // Ziyang owes Dazu 121.50
		recognition("512021-S01", "2024-05-01", "500111", "adult", 1, "20.01"), // Dazu owes Ziyang 20.01
		recognition("512022-S01", "2024-05-01", "512021", "adult", 9, "11.11")) // within Ziyang
	want(t, f.ask(Query{Metrics: []string{"amount_net", "recognitions", "amount_owed"}}), "101.49 13 241.50\n")
	want(t, f.ask(Query{Metrics: []string{"amount_net"}, Dimensions: []string{"issuer_side", "side"}}), "大足 资阳 -20.01\n资阳 大足 121.50\n资阳 资阳 0.00\n")
}

func TestFiltersOrderAndLimit(t *testing.T) {
	f := newFixture(t, "tourism_flow")
	for i, spot := range []string{"500111-S01", "500111-S02", "512021-S01", "512022-S01"} {
		r := flow(spot, "2024-05-01 09:00", 5, int64(10*(i+1)))
		f.push("tourism_flow", r)
	}
	ask := func(filters ...Filter) string {
		t.Helper()
		return f.ask(Query{Metrics: []string{"visitors"}, Filters: filters}).table()
	}
	for _, c := range []struct {
		op, dimension string
		values        []Value
		want          string
	}{
		{"eq", "region", []Value{"500111"}, "30"}, {"ne", "region", []Value{"500111"}, "70"}, {"in", "spot_id", []Value{"500111-S01", "512022-S01"}, "50"},
		{"not_in", "spot_id", []Value{"500111-S01"}, "90"}, {"gte", "region", []Value{"512021"}, "70"}, {"lt", "region", []Value{"512022"}, "60"},
		{"starts_with", "region", []Value{"51"}, "70"}, {"eq", "side", []Value{"大足"}, "30"}, {"in", "side", []Value{"Sichuan"}, "70"}, {"eq", "month", []Value{"2024-05"}, "100"}, {"eq", "day", []Value{"2024-05-01"}, "100"},
		{"eq", "hour", []Value{"9"}, "100"}, {"is_null", "region", nil, ""}, {"eq", "region", []Value{"' OR 1=1 --"}, ""}, {"eq", "region", []Value{"a\x00\\'?"}, ""},
	} {
		wanted := c.want
		if wanted != "" {
			wanted += "\n"
		}
		if got := ask(Filter{Dimension: c.dimension, Op: c.op, Values: c.values}); got != wanted {
			t.Errorf("%s %s %q: got %q want %q", c.dimension, c.op, c.values, got, wanted)
		}
	}
	got := f.ask(Query{Metrics: []string{"visitors"}, Dimensions: []string{"spot_id"}, Order: []Order{{By: "visitors", Dir: "desc"}}, Limit: 2})
	want(t, got, "512022-S01 40\n512021-S01 30\n")
	if !got.Truncated || got.Stats.RowsRead == 0 || got.Watermark != f.sequence {
		t.Errorf("tail %+v", got.Tail)
	}
	for field, bad := range map[string]Filter{
		"/filters/0/dimension": {Dimension: "nowhere", Op: "eq", Values: []Value{"x"}},
		"/filters/0/op":        {Dimension: "region", Op: "~", Values: []Value{"x"}},
		"/filters/0/values":    {Dimension: "region", Op: "eq"},
		"/filters/0/values/0":  {Dimension: "hour", Op: "eq", Values: []Value{"nine"}},
	} {
		_, err := f.Query(t.Context(), Query{Metrics: []string{"visitors"}, Filters: []Filter{bad}}, everything, f.position())
		var wrong *QueryError
		if !errors.As(err, &wrong) || wrong.Pointer != field || wrong.Remedy == "" {
			t.Errorf("%v: %v", bad, err)
		}
	}
	_, err := f.Query(t.Context(), Query{Metrics: []string{"visiters"}}, everything, f.position())
	if want := "/metrics/0: there is no metric \"visiters\"; did you mean visitors? GET /v1/metrics lists them"; fmt.Sprint(err) != want {
		t.Errorf("got %v want %s", err, want)
	}
}

// A name is put beside what was summed up by code: spots of one name are one group, a spot
// that is on no list has none.
func TestSpotsOfOneNameAreOneGroup(t *testing.T) {
	f := newFixture(t, "tourism_flow", "scenic_spot", "region")
	f.push("scenic_spot", row{"spot_id": "500111-S01", "name": "圆觉洞", "region": "500111"}, row{"spot_id": "512021-S01", "name": "圆觉洞", "region": "512021"})
	inside := func(at, spot string, n, entries int64) row {
		r := flow(spot, at, 5, entries)
		r["in_park"] = &n
		return r
	}
	f.push("tourism_flow",
		inside("2024-05-01 09:00", "500111-S01", 10, 1), inside("2024-05-01 09:05", "500111-S01", 30, 2),
		inside("2024-05-01 09:00", "512021-S01", 25, 4), inside("2024-05-01 09:05", "512021-S01", 1, 8),
		inside("2024-05-01 09:00", "512021-S02", 7, 16))
	for _, rolled := range []bool{false, true} {
		position := f.position()
		if rolled {
			if err := f.Roll(t.Context(), 0, f.sequence); err != nil {
				t.Fatal(err)
			}
			position.Rolled = f.sequence
		}
		answer, err := f.Query(t.Context(), Query{Metrics: []string{"visitors", "peak_in_park"}, Dimensions: []string{"spot_name"}}, everything, position)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := answer.table(), "圆觉洞 15 35\nnull 16 7\n"; got != want {
			t.Errorf("rolled %t:\n%s\nwant\n%s", rolled, got, want)
		}
	}
}
