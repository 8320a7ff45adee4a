package hub

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zida-hub/zida/hub/registry"
)

// A page asks the same again and again while figures of all kinds come in: whatever was
// kept, its answers must be those of a question put alone.
func TestAnswersThatAreKeptAreNeverOld(t *testing.T) {
	v := openHouse(t, t.TempDir(), nil)
	c := v.client("anyue", "512021")
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 1))
	queries := []string{
		`{"metrics":["visitors"],"dimensions":["spot_id","spot_name"]}`,
		`{"metrics":["visitors"],"time":{"from":"2026-05-01","to":"2026-06-01","grain":"day"},"dimensions":["region"]}`,
		`{"metrics":["recognitions","amount_owed"],"dimensions":["issuer_region","region"]}`,
		`{"metrics":["date_note_records"]}`,
	}
	items := make([]string, len(queries))
	for i, q := range queries {
		items[i] = fmt.Sprintf(`{"id":"q%d","query":%s}`, i, q)
	}
	body := `{"queries":[` + strings.Join(items, ",") + `]}`
	for round := range 30 {
		switch n := 1 + random.IntN(5); n {
		case 1, 2:
			c.push(http.StatusOK, "tourism_flow", "?wait=visible", "", day(anyueSpot, 1+random.IntN(28), random.IntN(1000)))
		case 3:
			c.push(http.StatusOK, "ticket_recognition", "?wait=visible", "", fmt.Sprintf(`{"spot_id":%q,"day":"2026-05-%02d","issuer_region":"500111","ticket_type":"adult","count":%d,"settlement_price":"20.50"}`, anyueSpot, 1+random.IntN(28), random.IntN(50)))
		case 4: // a list that answers are told apart by
			c.push(http.StatusOK, "scenic_spot", "?wait=visible", "", fmt.Sprintf(`{"spot_id":%q,"name":"圆觉洞%d","region":"512021"}`, anyueSpot, round))
		case 5: // a key that may not be there is taken back, which is a submission too
			status, text := c.call(http.MethodPost, "/v1/datasets/tourism_flow/retractions?wait=visible", "application/json", "",
				fmt.Sprintf(`{"reason":"重复","keys":[{"spot_id":%q,"observed_at":"2026-05-%02d","interval_minutes":1440}]}`, anyueSpot, 1+random.IntN(28)))
			if status != http.StatusOK && status != http.StatusAccepted {
				t.Fatalf("%d %s", status, text)
			}
		}
		for range 1 + random.IntN(2) {
			got, text := c.batch(http.StatusOK, "", body)
			for i, q := range queries {
				status, alone := c.call(http.MethodPost, "/v1/query", "application/json", "", q)
				var want struct {
					Rows      [][]any
					Watermark uint64
				}
				if status != http.StatusOK || json.Unmarshal(alone, &want) != nil {
					t.Fatalf("%d %s", status, alone)
				}
				a := got.Answers[i].Answer
				if a == nil || fmt.Sprint(a.Rows) != fmt.Sprint(numbers(want.Rows)) || a.Watermark != want.Watermark {
					t.Fatalf("seed %d, round %d, %s:\nin the batch %s\nalone %s", seed, round, q, text, alone)
				}
			}
		}
	}
	if v.hub.answers.reused() == 0 {
		t.Error("nothing was kept: this test has tested nothing")
	}
}

// numbers writes whole numbers as the batch's decoder does.
func numbers(rows [][]any) [][]any {
	for _, row := range rows {
		for i, cell := range row {
			if f, ok := cell.(float64); ok {
				row[i] = json.Number(fmt.Sprintf("%.0f", f))
			}
		}
	}
	return rows
}

// What one reader may see is never given to another who may not.
func TestAnswersThatAreKeptAreToldByRight(t *testing.T) {
	v := openHouse(t, t.TempDir(), nil)
	c := v.client("anyue", "512021")
	c.push(http.StatusOK, "park_monthly", "?wait=visible", "", `{"park_id":"512021-P01","month":"2026-04","output_value":"100.00","revenue":"77.00"}`)
	const body = `{"queries":[{"id":"a","query":{"metrics":["revenue","output_value"]}}]}`
	cleared := v.cleared("anyue", "sensitive")
	for range 2 {
		if got, text := cleared.batch(http.StatusOK, "", body); fmt.Sprint(got.Answers[0].Answer.Rows) != "[[77.00 100.00]]" {
			t.Fatal(text)
		}
		if got, text := c.batch(http.StatusOK, "", body); fmt.Sprint(got.Answers[0].Answer.Rows) != "[[<nil> 100.00]]" {
			t.Fatal(text)
		}
	}
}

// cleared is another client of an agency, who may read more.
func (v *house) cleared(agency, clearance string) *caller {
	v.t.Helper()
	_, cred, err := v.hub.registry.CreateClient(v.t.Context(), registry.System("test"), registry.ClientSpec{Agency: agency, Name: "cleared", Scopes: []string{"read:*", "query"}, Clearance: clearance})
	if err != nil {
		v.t.Fatal(err)
	}
	c := &caller{house: v, id: cred.ClientID, secret: cred.ClientSecret}
	c.login()
	return c
}
