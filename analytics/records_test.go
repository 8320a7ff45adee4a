package analytics

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/zida-hub/zida/schemas"
)

func (f *fixture) records(q RecordsQuery) *Answer {
	f.t.Helper()
	answer := &Answer{}
	if _, err := f.WriteRecords(f.t.Context(), q, everything, f.position(), answer); err != nil {
		f.t.Fatalf("%+v: %v", q, err)
	}
	return answer
}

func TestPagesMissNothingWhilePushesGoOn(t *testing.T) {
	f := newFixture(t, "tourism_flow")
	for n := range 5 {
		f.push("tourism_flow", flow("500111-S01", fmt.Sprintf("2024-05-01 09:%02d", n), 5, int64(n)), flow("512021-S01", fmt.Sprintf("2024-05-01 09:%02d", n), 5, int64(n)))
	}
	q := RecordsQuery{Dataset: "tourism_flow", Fields: []string{"spot_id", "observed_at", "_submission"}, Limit: 3}
	seen := map[string]int{}
	for page := 0; ; page++ {
		got := f.records(q)
		for _, r := range got.Rows {
			seen[r[0].Text+r[1].Text]++
		}
		if page == 1 { // a record of the first page is revised, one of the last retracted and one comes new
			revised, retracted := flow("500111-S01", "2024-05-01 09:00", 5, 99), flow("512021-S01", "2024-05-01 09:04", 5, 0)
			retracted["_deleted"] = true
			f.push("tourism_flow", revised, retracted, flow("512021-S01", "2024-05-01 10:00", 5, 1))
		}
		if q.Cursor = got.NextCursor; q.Cursor == "" {
			break
		}
	}
	if len(seen) != 10 || seen["500111-S01"+"1714525200000"] != 2 {
		t.Errorf("saw %v", seen)
	}
}

func TestPagesOfAnEarlierDayAreOfOneState(t *testing.T) {
	f := newFixture(t, "tourism_flow")
	first := f.push("tourism_flow", flow("500111-S01", "2024-05-01 09:00", 5, 1), flow("500111-S01", "2024-05-01 09:05", 5, 2), flow("500111-S01", "2024-05-01 09:10", 5, 3))
	q := RecordsQuery{Dataset: "tourism_flow", Fields: []string{"entries", "_submission", "_row"}, Limit: 2, AsOf: first.at.Format("2006-01-02T15:04:05Z07:00")}
	page := f.records(q)
	f.push("tourism_flow", flow("500111-S01", "2024-05-01 09:10", 5, 33), flow("500111-S01", "2024-05-01 09:15", 5, 4))
	q.Cursor = page.NextCursor
	rest := f.records(q)
	if got := page.table() + rest.table(); got != "1 1-0 1\n2 1-0 2\n3 1-0 3\n" || rest.NextCursor != "" || rest.Watermark != 1 {
		t.Errorf("got %s cursor %q watermark %d", got, rest.NextCursor, rest.Watermark)
	}
	now := f.records(RecordsQuery{Dataset: "tourism_flow", Fields: []string{"entries", "_submission"}})
	want(t, now, "1 1-0\n2 1-0\n33 2-0\n4 2-0\n")
}

func TestHistoryShowsEveryVersionOnce(t *testing.T) {
	f := newFixture(t, "tourism_flow")
	b := f.push("tourism_flow", flow("500111-S01", "2024-05-01 09:00", 5, 1))
	gone := flow("500111-S01", "2024-05-01 09:00", 5, 2)
	f.push("tourism_flow", gone)
	gone = flow("500111-S01", "2024-05-01 09:00", 5, 0)
	gone["_deleted"] = true
	f.push("tourism_flow", gone)
	f.deliver(b) // again
	q := RecordsQuery{Dataset: "tourism_flow", Fields: []string{"entries", "_deleted", "_agency", "_submission"}, History: true}
	want(t, f.records(q), "1 false dazu 1-0\n2 false dazu 2-0\n0 true dazu 3-0\n")
	want(t, f.records(RecordsQuery{Dataset: "tourism_flow", Fields: []string{"entries"}}), "")
	q.AsOf = b.at.Format("2006-01-02T15:04:05Z07:00")
	want(t, f.records(q), "1 false dazu 1-0\n")
}

func TestCursorsOfOtherRequestsAreRefused(t *testing.T) {
	f := newFixture(t, "tourism_flow")
	f.push("tourism_flow", flow("500111-S01", "2024-05-01 09:00", 5, 1), flow("500111-S01", "2024-05-01 09:05", 5, 2))
	good := f.records(RecordsQuery{Dataset: "tourism_flow", Limit: 1}).NextCursor
	for name, q := range map[string]RecordsQuery{
		"other filter": {Filters: []Filter{{Dimension: "region", Op: "eq", Values: []Value{"500111"}}}, Cursor: good},
		"history":      {History: true, Cursor: good},
		"as of":        {AsOf: "2026-02-01", Cursor: good},
		"not base64":   {Cursor: "!!"},
		"not JSON":     {Cursor: "QUJD"},
		"cut":          {Cursor: good[:len(good)-3]},
	} {
		q.Dataset = "tourism_flow"
		_, err := f.WriteRecords(t.Context(), q, everything, f.position(), &Answer{})
		var wrong *QueryError
		if !errors.As(err, &wrong) || wrong.Problem != ProblemCursor {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFieldsAboveTheClearanceAreNullAndCannotBeFiltered(t *testing.T) {
	f := newFixture(t, "tourism_flow", "scenic_spot")
	for _, c := range f.contracts {
		if c.ID == "tourism_flow" {
			for i := range c.Properties {
				switch c.Properties[i].Name {
				case "in_park":
					c.Properties[i].Classification = schemas.Sensitive
				case "source":
					c.Properties[i].Classification = schemas.Core
				}
			}
		}
	}
	inside := int64(7)
	r := flow("500111-S01", "2024-05-01 09:00", 5, 1)
	r["in_park"] = &inside
	f.push("tourism_flow", r)
	public := Reader{Clearance: schemas.Internal}
	got := &Answer{}
	if _, err := f.WriteRecords(t.Context(), RecordsQuery{Dataset: "tourism_flow", Fields: []string{"entries", "in_park"}}, public, f.position(), got); err != nil {
		t.Fatal(err)
	}
	want(t, got, "1 null\n")
	metrics, err := f.Query(t.Context(), Query{Metrics: []string{"visitors", "in_park_now"}, Dimensions: []string{"region"}}, public, f.position())
	if err != nil {
		t.Fatal(err)
	}
	want(t, metrics, "500111 1 null\n")
	refused := func(name string, err error) {
		t.Helper()
		var forbidden *ForbiddenError
		if !errors.As(err, &forbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = f.WriteRecords(t.Context(), RecordsQuery{Dataset: "tourism_flow", Filters: []Filter{{Dimension: "in_park", Op: "eq", Values: []Value{"7"}}}}, public, f.position(), got)
	refused("filter records", err)
	for name, q := range map[string]Query{
		"group":  {Metrics: []string{"peak_in_park"}, Order: []Order{{By: "peak_in_park"}}},
		"scoped": {Metrics: []string{"recognitions"}},
	} {
		reader := public
		reader.CanRead = func(dataset string) bool { return dataset == "tourism_flow" }
		_, err = f.Query(t.Context(), q, reader, f.position())
		refused(name, err)
	}
	reader := public
	reader.CanRead = func(string) bool { return false }
	_, err = f.WriteRecords(t.Context(), RecordsQuery{Dataset: "tourism_flow"}, reader, f.position(), got)
	refused("scope", err)
}

func TestRecordsInEachFormat(t *testing.T) {
	f := newFixture(t, "scenic_spot")
	price, capacity := dec("115.00"), int64(-5)
	f.push("scenic_spot", row{"spot_id": "500111-S01", "name": "=1+1", "region": "500111", "instant_capacity": &capacity, "ticket_price": price, "ticket_reporting": text2("daily")},
		row{"spot_id": "500111-S02", "name": "a \"b\",\n中文", "region": "500111"})
	q := RecordsQuery{Dataset: "scenic_spot", Fields: []string{"spot_id", "name", "instant_capacity", "ticket_price", "_received_at"}}
	for format, wanted := range map[Format]string{
		FormatJSON: `{"records":[{"spot_id":"500111-S01","name":"=1+1","instant_capacity":-5,"ticket_price":"115.00","_received_at":"2026-01-01T08:01:00+08:00"},` +
			`{"spot_id":"500111-S02","name":"a \"b\",\n中文","instant_capacity":null,"ticket_price":null,"_received_at":"2026-01-01T08:01:00+08:00"}],"next_cursor":""`,
		FormatNDJSON: `{"spot_id":"500111-S01","name":"=1+1","instant_capacity":-5,"ticket_price":"115.00","_received_at":"2026-01-01T08:01:00+08:00"}` + "\n" +
			`{"spot_id":"500111-S02","name":"a \"b\",\n中文","instant_capacity":null,"ticket_price":null,"_received_at":"2026-01-01T08:01:00+08:00"}` + "\n",
		FormatCSV: "spot_id,name,instant_capacity,ticket_price,_received_at\r\n500111-S01,'=1+1,-5,115.00,2026-01-01T08:01:00+08:00\r\n500111-S02,\"a \"\"b\"\",\n中文\",,,2026-01-01T08:01:00+08:00\r\n",
	} {
		var out bytes.Buffer
		if _, err := f.WriteRecords(t.Context(), q, everything, f.position(), NewEncoder(&out, Encoding{Format: format, Records: true, Unmarked: true})); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(out.String(), wanted) {
			t.Errorf("%s: got %s want %s", format, out.String(), wanted)
		}
		if format == FormatJSON && !json.Valid(out.Bytes()) {
			t.Errorf("not JSON: %s", out.String())
		}
	}
}

func text2(s string) *string { return &s }

func TestRecordsParameters(t *testing.T) {
	q, err := ParseRecordsParameters("tourism_flow", url.Values{"region": {"500111", "512021"}, "fields": {"spot_id,_row"}, "history": {"true"}, "limit": {"5"}, "filter": {`spot_id:starts_with:50\,0`}})
	if err != nil || !q.History || q.Limit != 5 || len(q.Fields) != 2 || len(q.Filters) != 2 || q.Filters[0].Values[0] != "50,0" || len(q.Filters[1].Values) != 2 {
		t.Errorf("%+v %v", q, err)
	}
	for _, bad := range []url.Values{{"limit": {"-1"}}, {"limit": {"x"}}, {"history": {"maybe"}}, {"filter": {"x"}}, {"cursor": {"a", "b"}}} {
		if _, err := ParseRecordsParameters("tourism_flow", bad); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
}
