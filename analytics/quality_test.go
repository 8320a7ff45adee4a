package analytics

import (
	"fmt"
	"testing"
	"time"

	"github.com/zida-hub/zida/schemas"
)

func TestQualityCountsWhatTheAgenciesDid(t *testing.T) {
	f := newFixture(t, "park_monthly", "tourism_flow", "air_daily")
	f.contracts = shippedOnly(f.contracts, "park_monthly", "tourism_flow", "air_daily")
	park := func(month string, more row) row {
		r := row{"park_id": "500111-P01", "month": month, "region": "500111", "tax": dec("1.00")}
		for k, v := range more {
			r[k] = v
		}
		return r
	}
	// Pushes arrive a minute apart from 2026-01-01 on.
	f.push("park_monthly", park("2025-03", nil)) // long after the month: late
	f.push("park_monthly", park("2025-12", row{"_agency": "ziyang"}))
	window := f.last.Add(30 * time.Second)
	f.push("park_monthly", park("2025-03", row{"tax": dec("2.00")}), park("2025-04", nil), park("2025-11", row{"revenue": dec("9.00")}))
	f.push("park_monthly", park("2025-05", row{"_deleted": true}))
	f.push("tourism_flow", flow("500111-S01", "2025-12-31 23:50", 5, 10))
	f.push("air_daily", row{"station_id": "500111-A01", "day": instant("2025-12-31 09:00"), "region": "500111", "aqi": int64(50), "grade": "excellent"})
	now := time.Date(2026, 1, 2, 0, 0, 0, 0, shanghai)
	list, err := f.Quality(t.Context(), "", window, now, everything)
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]Quality{}
	for _, q := range list {
		by[q.Dataset+" "+q.Agency] = q
	}
	q := by["park_monthly dazu"]
	// The freshness that the contract promises decides what is late.
	contract := f.catalogue()["park_monthly"]
	late := uint64(0)
	for _, end := range []time.Time{time.Date(2025, 5, 1, 0, 0, 0, 0, shanghai), time.Date(2025, 12, 1, 0, 0, 0, 0, shanghai)} {
		if window.Sub(end) > contract.Freshness {
			late++
		}
	}
	if q.New != 2 || q.Revised != 1 || q.Late != late || late == 0 || q.Records != 3 || q.Retractions != 1 && q.Submissions != 2 {
		t.Errorf("%+v, want two new, one revised, %d late", q, late)
	}
	if end := time.Date(2025, 12, 1, 0, 0, 0, 0, shanghai); q.Newest == nil || !q.Newest.Equal(end) || *q.AgeHours != now.Sub(end).Hours() {
		t.Errorf("newest %v, age %v", q.Newest, q.AgeHours)
	}
	if q.Fields["tax"] != 1 || fmt.Sprintf("%.4f", q.Fields["revenue"]) != "0.3333" || q.Fields["employees"] != 0 {
		t.Errorf("fields %v", q.Fields)
	}
	if z := by["park_monthly ziyang"]; z.Records != 1 || z.New != 0 || z.Fresh == nil || !*z.Fresh {
		t.Errorf("the other agency: %+v", z)
	}
	if q := by["tourism_flow dazu"]; q.Newest == nil || !q.Newest.Equal(time.Date(2025, 12, 31, 23, 55, 0, 0, shanghai)) {
		t.Errorf("an interval ends %v", q.Newest)
	}
	if q := by["air_daily dazu"]; q.Newest == nil || !q.Newest.Equal(time.Date(2026, 1, 1, 0, 0, 0, 0, shanghai)) {
		t.Errorf("a day ends %v", q.Newest)
	}
	one, err := f.Quality(t.Context(), "tourism_flow", window, now, everything)
	if err != nil || len(one) != 1 {
		t.Errorf("one dataset: %v %v", one, err)
	}
	if none, err := f.Quality(t.Context(), "", window, now, Reader{CanRead: func(string) bool { return false }}); err != nil || len(none) != 0 {
		t.Errorf("who may read nothing: %v %v", none, err)
	}
	if _, err := f.Quality(t.Context(), "nosuch", window, now, everything); err == nil {
		t.Error("a dataset that is not there")
	}
}

func shippedOnly(all []*schemas.Contract, ids ...string) []*schemas.Contract {
	var out []*schemas.Contract
	for _, c := range all {
		for _, id := range ids {
			if c.ID == id {
				out = append(out, c)
			}
		}
	}
	return out
}
