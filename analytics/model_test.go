package analytics

import (
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The model below answers from the pushes themselves, in plain Go, what the SQL answers
// from tables: it knows nothing of FINAL, partitions or history.

// modelRow is a version of a record.
type modelRow struct {
	seq     uint64
	deleted bool
	row     row
}

// model is every version ever pushed, by dataset and key.
type model map[string]map[string][]modelRow

func (m model) push(b batch, key func(row) string) {
	if m[b.dataset] == nil {
		m[b.dataset] = map[string][]modelRow{}
	}
	for _, r := range b.rows {
		k := key(r)
		m[b.dataset][k] = append(m[b.dataset][k], modelRow{b.seq, r["_deleted"] == true, r})
	}
}

// rows are the records as of a sequence; of equal sequences the later row wins.
func (m model) rows(dataset string, seq uint64) []row {
	var out []row
	for _, versions := range m[dataset] {
		var newest *modelRow
		for i := range versions {
			if v := &versions[i]; v.seq <= seq && (newest == nil || v.seq >= newest.seq) {
				newest = v
			}
		}
		if newest != nil && !newest.deleted {
			out = append(out, newest.row)
		}
	}
	return out
}

// visitors by Chinese day and region.
func (m model) visitors(seq uint64) string {
	type spotDay struct{ spot, day, region string }
	sums, days := map[spotDay]int64{}, map[spotDay]int64{}
	seen := map[spotDay]bool{}
	for _, r := range m.rows("tourism_flow", seq) {
		at := r["observed_at"].(time.Time).Add(8 * time.Hour) // Asia/Shanghai without its zone file
		k := spotDay{r["spot_id"].(string), at.Format("2006-01-02"), r["region"].(string)}
		seen[k] = true
		entries := *r["entries"].(*int64)
		if r["interval_minutes"].(int64) == 1440 {
			days[k] = entries
		} else {
			sums[k] += entries
		}
	}
	totals := map[string]int64{}
	for k := range seen {
		n, ok := days[k]
		if !ok {
			n = sums[k]
		}
		totals[k.day+" "+k.region] += n
	}
	return lines(totals, func(n int64) string { return strconv.FormatInt(n, 10) })
}

// owed by issuer and redeemer, in cents.
func (m model) owed(seq uint64) string {
	totals := map[string]int64{}
	for _, r := range m.rows("ticket_recognition", seq) {
		price := r["settlement_price"].(interface{ CoefficientInt64() int64 }).CoefficientInt64()
		totals[r["issuer_region"].(string)+" "+r["region"].(string)] += r["count"].(int64) * price
	}
	return lines(totals, func(cents int64) string { return fmt.Sprintf("%d.%02d", cents/100, cents%100) })
}

// perMu is output over land by region, in ten-thousandths of a yuan, cut off.
func (m model) perMu(seq uint64) string {
	type park struct {
		region       string
		output, area int64 // hundredths
		month        string
	}
	parks := map[string]*park{}
	for _, r := range m.rows("park_monthly", seq) {
		id := r["park_id"].(string)
		if parks[id] == nil {
			parks[id] = &park{region: r["region"].(string)}
		}
		p := parks[id]
		p.output += hundredths(r["output_value"])
		if month := r["month"].(string); month > p.month {
			p.month, p.area = month, hundredths(r["area_mu"])
		}
	}
	output, area := map[string]int64{}, map[string]int64{}
	for _, p := range parks {
		output[p.region] += p.output
		area[p.region] += p.area
	}
	totals := map[string]string{}
	for region := range output {
		q := new(big.Int).Div(big.NewInt(output[region]*10_000), big.NewInt(area[region])).Int64()
		totals[region] = fmt.Sprintf("%d.%04d", q/10_000, q%10_000)
	}
	return lines(totals, func(s string) string { return s })
}

func hundredths(value any) int64 {
	return value.(interface{ CoefficientInt64() int64 }).CoefficientInt64()
}

func lines[V any](totals map[string]V, write func(V) string) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(totals)) {
		b.WriteString(key + " " + write(totals[key]) + "\n")
	}
	return b.String()
}

// TestAnswersEqualAnIndependentModel pushes, revises and retracts at random, delivers
// batches again, merges tables, and asks after each step, as of now and of earlier days.
func TestAnswersEqualAnIndependentModel(t *testing.T) {
	const seed = 20260101
	random := rand.New(rand.NewPCG(seed, 1))
	f := newFixture(t, "tourism_flow", "ticket_recognition", "park_monthly", "industrial_park")
	m := model{}
	var batches []batch
	for step := range 16 {
		b := randomPush(f, random)
		batches = append(batches, b)
		m.push(b, keyOf)
		if step%4 == 1 { // at least once: an old batch comes again
			f.deliver(batches[random.IntN(len(batches))])
		}
		if step%8 == 5 { // a merge drops superseded versions from the current table
			for _, name := range []string{b.dataset, b.dataset + historySuffix} {
				if err := f.store.Conn().Exec(t.Context(), "OPTIMIZE TABLE "+f.tables.qualify(name)+" FINAL"); err != nil {
					t.Fatal(err)
				}
			}
		}
		then := batches[random.IntN(len(batches))]
		moments := map[string]uint64{
			"":                               b.seq,
			then.at.Format(time.RFC3339Nano): then.seq,
			then.at.Add(-time.Millisecond).Format(time.RFC3339Nano): then.seq - 1,
		}
		if step == 15 {
			moments[f.last.Add(time.Hour).In(shanghai).Format(time.RFC3339)] = b.seq
			moments[batches[0].at.AddDate(0, 0, -2).Format(time.DateOnly)] = 0
		}
		for asOf, seq := range moments {
			compareWithModel(t, f, m, asOf, seq)
		}
		if t.Failed() {
			t.Fatalf("seed %d, step %d", seed, step)
		}
	}
}

func compareWithModel(t *testing.T, f *fixture, m model, asOf string, seq uint64) {
	t.Helper()
	for name, check := range map[string]struct {
		query Query
		want  string
	}{
		"visitors":      {Query{Metrics: []string{"visitors"}, Dimensions: []string{"region"}, Time: Time{Grain: GrainDay}, AsOf: asOf}, m.visitors(seq)},
		"amount_owed":   {Query{Metrics: []string{"amount_owed"}, Dimensions: []string{"issuer_region", "region"}, AsOf: asOf}, m.owed(seq)},
		"output_per_mu": {Query{Metrics: []string{"output_per_mu"}, Dimensions: []string{"region"}, AsOf: asOf}, m.perMu(seq)},
	} {
		got := f.ask(check.query)
		if got.table() != check.want {
			t.Errorf("%s as of %q (sequence %d): got\n%swant\n%s", name, asOf, seq, got.table(), check.want)
		}
		if got.Watermark != seq {
			t.Errorf("%s as of %q: watermark %d, want %d", name, asOf, got.Watermark, seq)
		}
	}
}

var spots = []string{"500111-S01", "500111-S02", "512021-S01", "512022-S01"}

func keyOf(r row) string {
	return fmt.Sprint(r["spot_id"], r["observed_at"], r["interval_minutes"], r["day"], r["issuer_region"], r["ticket_type"], r["park_id"], r["month"])
}

// randomPush sends rows of one dataset, some of whose keys are there already, and one in
// four times retracts instead.
func randomPush(f *fixture, random *rand.Rand) batch {
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	cents := func(most int) string { return fmt.Sprintf("%d.%02d", random.IntN(most), random.IntN(100)) }
	retract := random.IntN(4) == 0
	dataset := pick("tourism_flow", "ticket_recognition", "park_monthly")
	var rows []row
	seen := map[string]bool{}
	for range 1 + random.IntN(12) {
		var r row
		switch dataset {
		case "tourism_flow":
			// Instants around midnight and the ends of month and year in Asia/Shanghai.
			at := []string{"2023-12-31 23:55", "2024-01-01 00:00", "2024-01-01 07:55", "2024-01-01 08:00", "2024-01-31 23:55", "2024-02-29 00:00", "2024-02-29 23:55"}[random.IntN(7)]
			minutes := []int64{5, 60, 1440}[random.IntN(3)]
			if minutes == 1440 {
				at = at[:11] + "00:00"
			}
			r = flow(spots[random.IntN(len(spots))], at, minutes, int64(random.IntN(1000)))
		case "ticket_recognition":
			r = recognition(spots[random.IntN(len(spots))], pick("2024-01-31", "2024-02-01"), pick("500111", "512021"), pick("adult", "child"), int64(random.IntN(50)), cents(200))
		default:
			id := pick("500111-P01", "500111-P02", "512021-P01")
			r = row{"park_id": id, "month": pick("2023-12", "2024-01", "2024-02"), "region": id[:6], "output_value": dec(cents(1_000_000)), "area_mu": dec(fmt.Sprintf("%d.%02d", 1+random.IntN(500), random.IntN(100)))}
		}
		if retract {
			r["_deleted"] = true
		}
		if k := keyOf(r); !seen[k] {
			seen[k] = true
			rows = append(rows, r)
		}
	}
	return f.push(dataset, rows...)
}
