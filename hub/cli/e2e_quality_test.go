package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The rejected rows of a partial push are listed with their reasons, mended, and pushed
// again; both submissions lead to each other, both receipts verify, and the quality of
// the data is measured for each side.
func TestRejectedRowsAreMendedAndLinked(t *testing.T) {
	h := startHub(t, "--quality-every", "1s")
	dazu := h.register("dazu-wlj", "大足区文化和旅游发展委员会", "500111")
	other := h.register("anyue-wglj", "安岳县文化广播电视和旅游局", "512021")
	token := strings.TrimSpace(dazu.must("token"))
	post := func(path, token, body string) (int, map[string]any) {
		request, err := http.NewRequest(http.MethodPost, h.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("Content-Type", "application/x-ndjson")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var out map[string]any
		if err := json.NewDecoder(response.Body).Decode(&out); err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, out
	}
	records := "/v1/datasets/tourism_flow/records"
	row := func(day string, entries int) string {
		return fmt.Sprintf(`{"spot_id":"500111-S01","observed_at":%q,"interval_minutes":1440,"entries":%d}`, day, entries)
	}
	today := time.Now().In(chinaTime).Format("2006-01-02") // has not ended, so it is not late
	status, first := post(records+"?mode=partial", token, row(today, 10)+"\n"+row("2025-10-02", -5)+"\n"+row("2025-10-03", -7)+"\n")
	if status != http.StatusAccepted || first["rejected"] != 2.0 {
		t.Fatalf("%d %v", status, first)
	}
	id := first["submission"].(string)
	var listed struct {
		Errors []struct{ Field, Message, Record string }
	}
	if err := json.Unmarshal(get(t, h.url+"/v1/submissions/"+id+"/errors", token), &listed); err != nil || len(listed.Errors) != 2 {
		t.Fatalf("%v %+v", err, listed)
	}
	var mended bytes.Buffer
	for _, e := range listed.Errors {
		if e.Field != "entries" || e.Message == "" {
			t.Errorf("%+v", e)
		}
		mended.WriteString(strings.Replace(e.Record, ":-", ":", 1) + "\n")
	}
	if status, out := post(records+"?mends="+id, strings.TrimSpace(other.must("token")), mended.String()); status != http.StatusNotFound {
		t.Errorf("another agency mends it: %d %v", status, out)
	}
	if status, out := post("/v1/datasets/visitor_origin/records?mends="+id, token, mended.String()); status != http.StatusBadRequest && status != http.StatusUnprocessableEntity {
		t.Errorf("another dataset mends it: %d %v", status, out)
	}
	// As a clerk does it: the records from one command into the next.
	_, fetched, said := dazu.zida("submission", "errors", id)
	if strings.Count(fetched, "\n") != 2 || !strings.Contains(said, "entries") {
		t.Fatalf("%s\n%s", fetched, said)
	}
	var second struct{ Submission string }
	dazu.mustJSON(&second, "push", "tourism_flow", write(t, "mended.ndjson", []byte(strings.ReplaceAll(fetched, ":-", ":"))), "--mends", id)
	again := second.Submission
	h.waitFor("it is listed", time.Minute, func() error {
		if list := dazu.must("submission", "list"); again == "" || !strings.Contains(list, again) {
			return fmt.Errorf("%+v is not in\n%s", second, list)
		}
		return nil
	})
	if status, out := post(records+"?mends="+again, token, row("2025-10-05", 1)); status != http.StatusBadRequest && status != http.StatusUnprocessableEntity {
		t.Errorf("one without rejected rows is mended: %d %v", status, out)
	}
	h.waitFor("both lead to each other", time.Minute, func() error {
		before, after := get(t, h.url+"/v1/submissions/"+id, token), get(t, h.url+"/v1/submissions/"+again, token)
		if !bytes.Contains(before, []byte(`"mended_by":["`+again+`"]`)) || !bytes.Contains(after, []byte(`"mends":"`+id+`"`)) {
			return fmt.Errorf("%s\n%s", before, after)
		}
		return nil
	})
	for _, s := range []string{id, again} {
		file := write(t, s+".json", []byte(dazu.must("receipt", "get", s)))
		dazu.must("receipt", "verify", file)
	}

	if status, _ := post(records, token, row("2025-10-09", -1)); status != http.StatusUnprocessableEntity {
		t.Errorf("a bad row is taken: %d", status)
	}
	h.waitFor("the quality is measured", time.Minute, func() error {
		var q struct {
			Quality []struct {
				Dataset, Agency                                              string
				Records, New, Late, Revised, Received, Rejected, Submissions uint64
				RejectedShare                                                *float64 `json:"rejected_share"`
				Fresh                                                        *bool
			}
		}
		if err := json.Unmarshal(get(t, h.url+"/v1/quality?dataset=tourism_flow", token), &q); err != nil {
			return err
		}
		if len(q.Quality) != 1 || q.Quality[0].Records != 3 || q.Quality[0].New != 3 || q.Quality[0].Late != 2 || q.Quality[0].Received != 5 ||
			q.Quality[0].Rejected != 2 || q.Quality[0].RejectedShare == nil || *q.Quality[0].RejectedShare != 0.4 {
			return fmt.Errorf("%+v", q)
		}
		return nil
	})
	h.waitFor("the gauges of quality are measured", time.Minute, func() error {
		page := string(get(t, h.url+"/metrics", token))
		for _, line := range []string{
			`zida_quality_rejected_share{agency="dazu-wlj",dataset="tourism_flow"} 0.4`,
			`zida_quality_fresh{agency="dazu-wlj",dataset="tourism_flow"} 1`,
			`zida_quality_age_seconds{agency="dazu-wlj",dataset="tourism_flow"} 0`,
		} {
			if !strings.Contains(page, line) {
				return fmt.Errorf("no %s", line)
			}
		}
		return nil
	})
	page := string(get(t, h.url+"/metrics", token))
	for _, line := range []string{
		`zida_rows_total{agency="dazu-wlj",dataset="tourism_flow",outcome="accepted"} 3`,
		`zida_rows_total{agency="dazu-wlj",dataset="tourism_flow",outcome="rejected"} 2`,
		`zida_rows_total{agency="dazu-wlj",dataset="tourism_flow",outcome="refused"} 1`,
	} {
		if !strings.Contains(page, line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
	if table := string(get(t, h.url+"/v1/classification", token)); !strings.Contains(table, `"field":"ticket_hash"`) || !strings.Contains(table, `"classification":"sensitive","readable":false`) {
		t.Error("the table of classifications lacks the digest of tickets")
	}
}
