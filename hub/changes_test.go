package hub

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zida-hub/zida/hub/auth"
	"github.com/zida-hub/zida/hub/journal"
	"github.com/zida-hub/zida/hub/receipt"
)

func TestNobodyTakesTheOthersPlacesAtTheFeed(t *testing.T) {
	var f feed
	taken := 0
	for c := range 10 {
		for range 100 {
			if f.enter(fmt.Sprintf("dazu-%d", c), "dazu") {
				taken++
			}
		}
	}
	if taken != feedOfAgency {
		t.Errorf("one agency took %d places", taken)
	}
	if !f.enter("anyue-1", "anyue") {
		t.Error("the other agency finds no place")
	}
	f.leave("anyue-1", "anyue")
	for range feedOfClient {
		f.leave("dazu-0", "dazu")
	}
	if !f.enter("dazu-9", "dazu") || len(f.of) == 0 {
		t.Error("a place that was given back is not free")
	}
}

func TestTheFeedsMemoryIsBounded(t *testing.T) {
	var f feed
	if !f.enter("c", "a") {
		t.Fatal("no place")
	}
	for sequence := uint64(1); sequence <= 200; sequence++ {
		f.note(&journal.Block{Sequence: sequence, Submissions: make([]journal.Submission, 1000)})
	}
	if f.events > feedEvents+1000 {
		t.Errorf("%d events are kept", f.events)
	}
	if _, ok := f.at(200); !ok {
		t.Error("the newest block is not kept")
	}
	if _, ok := f.at(1); ok {
		t.Error("the oldest block is still kept")
	}
	f.note(&journal.Block{Sequence: 300, Submissions: make([]journal.Submission, 1)})
	if _, ok := f.at(200); ok {
		t.Error("blocks before a gap are kept")
	}
	f.leave("c", "a")
	f.note(&journal.Block{Sequence: 301, Submissions: make([]journal.Submission, 1)})
	if _, ok := f.at(300); ok {
		t.Error("blocks are kept for nobody")
	}
}

// told is an event as a reader sees it.
type told struct {
	id, dataset, submission string
}

// tells reads a stream until it has told of so many submissions; fewer end with the test's patience.
func (c *caller) tells(token, path, last string, count int) []told {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.hub.URL()+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Last-Event-ID", last)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(res.Body)
		c.t.Fatalf("%s: %s %s", path, res.Status, text)
	}
	var out []told
	var now told
	for lines := bufio.NewScanner(res.Body); len(out) < count && lines.Scan(); {
		if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
			now.id = id
		}
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			var e struct{ Submission, Dataset string }
			if err := json.Unmarshal([]byte(data), &e); err != nil {
				c.t.Fatal(err)
			}
			now.dataset, now.submission = e.Dataset, e.Submission
			out, now = append(out, now), told{}
		}
	}
	if len(out) < count {
		c.t.Fatalf("%s told of %v only", path, out)
	}
	return out
}

// narrow asks for a token that can do less.
func (c *caller) narrow(scope string) string {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.hub.URL()+"/oauth2/token", strings.NewReader(url.Values{"grant_type": {"client_credentials"}, "scope": {scope}}.Encode()))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(c.id, c.secret)
	status, body := c.do(r)
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusOK {
		c.t.Fatalf("%d %s %v", status, body, err)
	}
	return answer.Token
}

func TestChangesOfSeveralDatasetsOnOneStream(t *testing.T) {
	v := openHouse(t, t.TempDir(), nil)
	anyue := v.client("anyue", "512021")
	event := `{"region":"512021","event_id":"2026-E01","name":"柠檬节","kind":"festival","level":"county","status":"planned","start_date":"2026-11-01","end_date":"2026-11-02"}` + "\n"
	first := anyue.push(http.StatusAccepted, "tourism_flow", "", "", day(anyueSpot, 1, 10))
	second := anyue.push(http.StatusAccepted, "festival_event", "", "", event)
	third := anyue.push(http.StatusAccepted, "tourism_flow", "", "", day(anyueSpot, 2, 20))

	sequence, _, err := receipt.ParseID(first.Submission)
	if err != nil {
		t.Fatal(err)
	}
	before := strconv.FormatUint(sequence-1, 10) // the lists that come with the hub lie before it
	want := func(what string, got []told, submissions ...string) {
		t.Helper()
		if len(got) != len(submissions) {
			t.Fatalf("%s: %v", what, got)
		}
		for i := range got {
			if got[i].submission != submissions[i] || got[i].id == "" {
				t.Errorf("%s: event %d is %+v, not of %s", what, i, got[i], submissions[i])
			}
		}
	}
	all := anyue.tells(anyue.token, "/v1/changes", before, 3)
	want("all", all, first.Submission, second.Submission, third.Submission)
	want("both by name", anyue.tells(anyue.token, "/v1/changes?datasets=tourism_flow,festival_event", before, 3), first.Submission, second.Submission, third.Submission)
	want("one by name", anyue.tells(anyue.token, "/v1/changes?datasets=tourism_flow", before, 2), first.Submission, third.Submission)
	want("from the second on", anyue.tells(anyue.token, "/v1/changes", all[1].id, 1), third.Submission)
	want("the dataset's own", anyue.tells(anyue.token, "/v1/datasets/tourism_flow/changes", before, 2), first.Submission, third.Submission)
	want("what this token may read", anyue.tells(anyue.narrow("read:festival_event"), "/v1/changes", before, 1), second.Submission)

	refused := func(token, path, name string, status int) {
		t.Helper()
		wide := anyue.token
		defer func() { anyue.token = wide }()
		anyue.token = token
		got, body := anyue.call(http.MethodGet, path, "", "", "")
		if got != status || !strings.Contains(string(body), "/problems/"+name) {
			t.Errorf("%s: %d %s", path, got, body)
		}
	}
	refused(anyue.token, "/v1/changes?datasets=tourism_flow,none_such", "unknown-dataset", http.StatusNotFound)
	refused(anyue.narrow("read:festival_event"), "/v1/changes?datasets=festival_event,tourism_flow", "missing-scope", http.StatusForbidden)
	refused(anyue.narrow("read:festival_event"), "/v1/datasets/tourism_flow/changes", "missing-scope", http.StatusForbidden)
	refused(anyue.token, "/v1/changes?after=x", "invalid-request", http.StatusBadRequest)
	var many []string
	for n := range feedMaxDatasets + 1 {
		many = append(many, fmt.Sprintf("d%d", n))
	}
	refused(anyue.token, "/v1/changes?datasets="+strings.Join(many, ","), "invalid-request", http.StatusBadRequest)
}

func TestChangesOfABlockEndWithItsId(t *testing.T) {
	h := testHub(t)
	events := []changeEvent{{Submission: "7-0", Dataset: "a"}, {Submission: "7-1", Dataset: "b"}, {Submission: "7-2", Dataset: "a"}, {Submission: "7-3", Dataset: "c"}}
	text := string(h.appendEvents(nil, 7, events, func(dataset string) bool { return dataset != "c" }))
	if strings.Count(text, "id: 7\n") != 1 || strings.Index(text, "id: 7\n") < strings.Index(text, `"7-1"`) || !strings.Contains(text, `"7-2"`) || strings.Contains(text, `"7-3"`) {
		t.Errorf("the block is told as %s", text)
	}
}

func TestChangesThatAreGoneSayWhereEachDatasetGoesOn(t *testing.T) {
	h := testHub(t)
	who := &auth.Principal{Scopes: []string{"read:air_daily", "read:tourism_flow"}}
	all := h.historyGone(who, feedScope{}, 5).Extra
	if cursors := all["cursors"].(map[string]string); len(cursors) != 2 || cursors["air_daily"] == "" || cursors["tourism_flow"] == "" || all["cursor"] != nil {
		t.Errorf("of all that may be read: %v", all)
	}
	one := h.historyGone(who, feedScope{[]string{"air_daily"}}, 5).Extra
	if one["cursor"] == "" || one["cursor"] != one["cursors"].(map[string]string)["air_daily"] {
		t.Errorf("of one: %v", one)
	}
}
