package analytics

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// Over random pushes, revisions, retractions and replays, with the rollup brought up now
// and then, in steps that overlap or not at all: what is asked by day and coarser is the
// same from the rollup, from the records under FINAL, and from the model.
func TestRollupsStayExact(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 5))
	f := newFixture(t, "tourism_flow", "scenic_spot", "region")
	m := model{}
	key := func(r row) string {
		return fmt.Sprint(r["spot_id"], r["observed_at"].(time.Time).UnixMilli(), r["interval_minutes"])
	}
	spots := []string{"500111-S01", "500111-S02", "512021-S01"}
	for i, spot := range spots[:2] {
		capacity := int64(100 * (i + 1))
		f.push("scenic_spot", row{"spot_id": spot, "name": spot, "region": spot[:6], "instant_capacity": &capacity})
	}
	var sent []batch
	rolled := uint64(0)
	ask := func(q Query, position Position) string {
		t.Helper()
		answer, err := f.Query(t.Context(), q, everything, position)
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		return answer.table()
	}
	queries := []Query{
		{Metrics: []string{"visitors"}, Dimensions: []string{"region"}, Time: Time{Grain: GrainDay}, Limit: 10000},
		{Metrics: []string{"visitors"}, Dimensions: []string{"spot_id", "side"}, Time: Time{From: "2024-04-29", To: "2024-05-05", Grain: GrainWeek}, Compare: ComparePreviousYear},
		{Metrics: []string{"visitors"}, Dimensions: []string{"month", "spot_name"}, Filters: []Filter{{Dimension: "region", Op: "in", Values: []Value{"500111"}}}},
		{Metrics: []string{"in_park_now", "instant_capacity"}, Dimensions: []string{"region"}, Time: Time{From: "2024-05-01", To: "2024-05-04", Grain: GrainHour}, Compare: ComparePreviousPeriod},
		{Metrics: []string{"load_ratio", "in_park_now"}, Dimensions: []string{"spot_id", "spot_name", "hour"}},
		{Metrics: []string{"in_park_now"}, Time: Time{From: "2024-05-01T08:00:00+08:00", To: "2024-05-03T17:00:00+08:00", Grain: GrainDay}, Filters: []Filter{{Dimension: "day", Op: "gt", Values: []Value{"2024-05-01"}}}},
		{Metrics: []string{"peak_in_park"}, Dimensions: []string{"spot_id", "side"}, Time: Time{Grain: GrainDay}},
		{Metrics: []string{"peak_in_park", "visitors"}, Filters: []Filter{{Dimension: "spot_id", Op: "eq", Values: []Value{"500111-S01"}}}, Time: Time{From: "2024-05-01", To: "2024-05-04"}},
		{Metrics: []string{"in_park_now"}, Time: Time{Grain: GrainFiveMinutes}},
		{Metrics: []string{"visitors", "peak_in_park"}, Dimensions: []string{"weekday"}},
		{Metrics: []string{"visitors"}, Dimensions: []string{"hour"}},
		{Metrics: []string{"visitors"}, Time: Time{From: "2024-05-01T12:00:00+08:00", To: "2024-05-03", Grain: GrainDay}},
		{Metrics: []string{"visitors"}, Filters: []Filter{{Dimension: "day", Op: "eq", Values: []Value{"2024-05-02"}}}},
	}
	used := 0
	for step := range 60 {
		var rows []row
		seen := map[string]bool{}
		for range 1 + r.IntN(8) {
			line := flow(spots[r.IntN(len(spots))], fmt.Sprintf("2024-05-%02d %02d:%02d", 1+r.IntN(4), r.IntN(3)*8, r.IntN(2)*5), []int64{5, 60}[r.IntN(2)], r.Int64N(50))
			if r.IntN(5) == 0 { // a day's figure, which takes the intervals' place while it is there
				line = flow(line["spot_id"].(string), fmt.Sprintf("2024-05-%02d 00:00", 1+r.IntN(4)), 1440, r.Int64N(500))
			}
			if r.IntN(3) > 0 {
				inside := r.Int64N(90)
				line["in_park"] = &inside
			}
			if r.IntN(6) == 0 { // the spot has been moved, at least on the list
				line["region"] = "512022"
			}
			if r.IntN(4) == 0 {
				line["_deleted"] = true
			}
			if seen[key(line)] {
				continue
			}
			seen[key(line)] = true
			rows = append(rows, line)
		}
		b := f.push("tourism_flow", rows...)
		m.push(b, key)
		sent = append(sent, b)
		if r.IntN(4) == 0 {
			f.deliver(sent[r.IntN(len(sent))])
		}
		f.mostTouched = []int{3, 1000}[r.IntN(2)] // more are found out on the way
		if how := r.IntN(4); how < 2 {            // brought up to now; or again, over what was done before
			from := rolled - min(rolled, uint64(how*r.IntN(5)))
			if err := errors.Join(f.Roll(t.Context(), from, f.sequence), f.NoteRolled(t.Context(), f.sequence)); err != nil {
				t.Fatal(err)
			}
			rolled = f.sequence
		}
		if known, err := f.Rolled(t.Context()); err != nil || known != rolled {
			t.Fatalf("rolled up to %d, want %d (%v)", known, rolled, err)
		}
		if step%6 != 5 {
			continue
		}
		raw := f.position()
		fromRollup := raw
		fromRollup.Rolled = rolled
		if got, want := ask(queries[0], fromRollup), m.visitors(f.sequence); got != want {
			t.Fatalf("step %d, rolled up to %d of %d\ngot\n%s\nthe model says\n%s", step, rolled, f.sequence, got, want)
		}
		for i, q := range queries {
			p, err := f.plan(q, &everything)
			if err != nil {
				t.Fatal(err)
			}
			s, err := f.tables.compile(p, snapshot{rolled: rolled, moment: f.last})
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(s.text.String(), rollupSuffix) {
				used++
			} else if rolled > 0 && i < 8 {
				t.Errorf("query %d does not use the rollup", i)
			}
			if got, want := ask(q, fromRollup), ask(q, raw); got != want {
				t.Fatalf("step %d, query %d, rolled up to %d of %d\nfrom the rollup\n%s\nfrom the records\n%s", step, i, rolled, f.sequence, got, want)
			}
		}
	}
	if used == 0 {
		t.Error("no query used the rollup")
	}
}

// Fifteen years of months are as many partitions, and as many parts that a statement reads.
// Questions that come together, while the rollups lag and are brought up, all end.
func TestManyMonthsAreRolledAndAskedAtOnce(t *testing.T) {
	f := newFixture(t, "tourism_flow", "scenic_spot", "region")
	const days = 15 * 365
	for i, spot := range []string{"512021-S01", "512021-S02", "512021-S03"} {
		var rows []row
		for day := range days {
			rows = append(rows, flow(spot, time.Date(2009, 1, 1+day, 0, 0, 0, 0, shanghai).Format("2006-01-02 15:04"), 1440, int64(day+i)))
		}
		f.push("tourism_flow", rows...)
	}
	if err := f.Roll(t.Context(), 0, 1); err != nil {
		t.Fatal(err)
	}
	position := f.position()
	position.Rolled = 1
	var asked sync.WaitGroup
	for range 8 {
		asked.Go(func() {
			answer, err := f.Query(t.Context(), Query{Metrics: []string{"visitors"}, Dimensions: []string{"spot_id"}}, everything, position)
			if err != nil {
				t.Error(err)
				return
			}
			if len(answer.Rows) != 3 {
				t.Errorf("%d rows, want 3", len(answer.Rows))
			}
			for i, cells := range answer.Rows {
				if want := days * (days - 1 + 2*i) / 2; cells[1].Text != strconv.Itoa(want) {
					t.Errorf("%s has %s, want %d", cells[0].Text, cells[1].Text, want)
				}
			}
		})
	}
	asked.Go(func() {
		if err := f.Roll(t.Context(), 0, 3); err != nil {
			t.Error(err)
		}
	})
	asked.Wait()
}

// A release that rolls up otherwise leaves no table behind.
func TestRollupsThatAreNoMoreAreDropped(t *testing.T) {
	f := newFixture(t, "tourism_flow")
	old := table{name: "tourism_flow_day" + rollupSuffix, columns: LineageColumns(), order: []string{"_version"}, engine: "_version, _deleted"}
	if err := f.run(t.Context(), f.tables.create(old)); err != nil {
		t.Fatal(err)
	}
	if err := f.EnsureOwn(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left []string
	if err := f.store.Conn().QueryRow(t.Context(), "SELECT arraySort(groupArray(name)) FROM system.tables WHERE database = ? AND endsWith(name, ?)", f.tables.database, rollupSuffix).Scan(&left); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, r := range f.layer.rollups {
		want = append(want, r.table())
	}
	slices.Sort(want)
	if !slices.Equal(left, want) {
		t.Errorf("there are %v, want %v", left, want)
	}
}

func TestAWrongRollupIsFoundAtStart(t *testing.T) {
	f := newFixture(t)
	for says, change := range map[string]func(*rollup){
		"grain":     func(r *rollup) { r.Grain = GrainWeek },
		"first key": func(r *rollup) { r.Keys = []string{"region", "spot_id"} },
		"no property": func(r *rollup) {
			r.Values = append(slices.Clone(r.Values), yaml.MapItem{Key: "colour", Value: "max(entries)"})
		},
		"no metric": func(r *rollup) { r.Metrics = []string{"projects"} },
	} {
		r := *f.layer.rollups[0]
		change(&r)
		if err := r.check(f.catalogue(), f.layer); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}
