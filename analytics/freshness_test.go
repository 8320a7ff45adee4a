package analytics

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// freshness asks as a batch does.
func (f *fixture) freshness(asOf string, reader Reader) *Answer {
	f.t.Helper()
	list, tail, err := f.Freshness(f.t.Context(), asOf, f.position())
	if err != nil {
		f.t.Fatal(err)
	}
	answer := &Answer{}
	if err := f.WriteFreshness(list, tail, reader, answer); err != nil {
		f.t.Fatal(err)
	}
	return answer
}

func TestFreshnessIsThatOfTheNewestPeriodThatARecordCovers(t *testing.T) {
	f := newFixture(t)
	now := time.Now().In(shanghai)
	yesterday := now.AddDate(0, 0, -1).Format(time.DateOnly)
	f.push("tourism_flow", flow("500111-S01", yesterday+" 09:00", 5, 10), flow("500111-S01", yesterday+" 10:00", 60, 10))
	f.push("ticket_recognition", row{"spot_id": "500111-S01", "day": now.AddDate(-3, 0, 0), "issuer_region": "512021", "ticket_type": "adult", "region": "500111", "count": int64(3), "settlement_price": dec("20.50")})
	tell := func(a *Answer) map[string][]string {
		told := map[string][]string{}
		for _, r := range a.Rows {
			var cells []string
			for _, c := range r[2:] {
				cells = append(cells, c.Text)
			}
			told[r[0].Text] = cells
		}
		return told
	}
	got := tell(f.freshness("", everything))
	end, err := time.ParseInLocation("2006-01-02 15:04", yesterday+" 11:00", shanghai)
	if err != nil {
		t.Fatal(err)
	}
	flowed := got["tourism_flow"]
	if len(got) != 2 || len(flowed) != 4 || flowed[0] != itoa(int(end.UnixMilli())) || flowed[3] != "true" {
		t.Errorf("told: %v; the newest interval ends at %s and a quarter of an hour is promised", got, end)
	}
	if old := got["ticket_recognition"]; len(old) != 4 || old[3] != "true" {
		t.Errorf("a dataset without anything lately: %v", old)
	}
	if rows := f.freshness("", Reader{CanRead: func(id string) bool { return id == "ticket_recognition" }}).Rows; len(rows) != 1 {
		t.Errorf("told to one who may read one dataset: %v", rows)
	}
	// What is retracted covers nothing any more, and what was known before is still answered.
	before := f.last.Format(time.RFC3339)
	gone := flow("500111-S01", yesterday+" 10:00", 60, 10)
	gone["_deleted"] = true
	f.push("tourism_flow", gone)
	if flowed := tell(f.freshness("", everything))["tourism_flow"]; slices.Equal(flowed, got["tourism_flow"]) || flowed[0] != itoa(int(end.Add(-115*time.Minute).UnixMilli())) {
		t.Errorf("after the retraction: %v", flowed)
	}
	if flowed := tell(f.freshness(before, everything))["tourism_flow"]; flowed[0] != got["tourism_flow"][0] {
		t.Errorf("as of before it: %s", strings.Join(flowed, " "))
	}
}
