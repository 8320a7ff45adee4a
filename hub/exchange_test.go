package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zida-hub/zida/hub/registry"
	"github.com/zida-hub/zida/schemas"
)

// house is a whole hub on a directory of its own, as `zida serve` runs it.
type house struct {
	t    *testing.T
	dir  string
	hub  *Hub
	stop func()
}

func openHouse(t *testing.T, dir string, change func(*Config)) *house {
	t.Helper()
	conf := DefaultConfig()
	conf.Listen, conf.Data = "127.0.0.1:0", dir
	conf.Logger = slog.New(slog.DiscardHandler)
	if change != nil {
		change(conf)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	h, err := New(ctx, *conf)
	if err != nil {
		t.Fatal(err)
	}
	run, end := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := h.Run(run); err != nil {
			t.Errorf("run: %v", err)
		}
	}()
	v := &house{t: t, dir: dir, hub: h, stop: sync.OnceFunc(func() { end(); <-ended; h.Close(context.Background()) })}
	t.Cleanup(v.stop)
	return v
}

// client makes an agency with one client and returns a token's bearer.
func (v *house) client(agency string, regions ...string) *caller {
	v.t.Helper()
	ctx, by := v.t.Context(), registry.System("test")
	if _, ok := v.hub.registry.Agency(agency); !ok {
		if _, err := v.hub.registry.CreateAgency(ctx, by, registry.AgencySpec{ID: agency, Name: agency, Regions: regions}); err != nil {
			v.t.Fatal(err)
		}
	}
	_, cred, err := v.hub.registry.CreateClient(ctx, by, registry.ClientSpec{Agency: agency, Name: "gate", Scopes: []string{"push:*", "read:*", "query"}})
	if err != nil {
		v.t.Fatal(err)
	}
	c := &caller{house: v, id: cred.ClientID, secret: cred.ClientSecret}
	c.login()
	return c
}

type caller struct {
	*house
	id, secret, token string
}

func (c *caller) login() {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.hub.URL()+"/oauth2/token", strings.NewReader("grant_type=client_credentials"))
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
	c.token = answer.Token
}

func (c *caller) do(r *http.Request) (int, []byte) {
	c.t.Helper()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return res.StatusCode, body
}

func (c *caller) call(method, path, kind, key, body string) (int, []byte) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.hub.URL()+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	return c.do(r)
}

// push sends NDJSON and wants the given status.
func (c *caller) push(want int, dataset, query, key, body string) *answered {
	c.t.Helper()
	status, text := c.call(http.MethodPost, "/v1/datasets/"+dataset+"/records"+query, "application/x-ndjson", key, body)
	if status != want {
		c.t.Fatalf("push: %d, wanted %d: %s", status, want, text)
	}
	a := &answered{text: text}
	if err := json.Unmarshal(text, a); err != nil {
		c.t.Fatalf("%s: %v", text, err)
	}
	if status < 300 && !strings.Contains(query, "dry_run") {
		c.verify(text)
	}
	return a
}

// verify checks a receipt offline with the hub's published keys.
func (c *caller) verify(text []byte) {
	c.t.Helper()
	keys, err := schemas.ParseKeySet(c.hub.auth.ReceiptKeys())
	if err != nil {
		c.t.Fatal(err)
	}
	var r schemas.Receipt
	if err := json.Unmarshal(text, &r); err != nil {
		c.t.Fatal(err)
	}
	if err := schemas.VerifyReceipt(&r, keys); err != nil {
		c.t.Fatalf("%v: %s", err, text)
	}
}

type answered struct {
	schemas.Receipt
	Type       string `json:"type"`
	ErrorCount int    `json:"error_count"`
	text       []byte
}

// flow reads the rows of tourism_flow as "spot day entries region" lines.
func (c *caller) flow() string {
	c.t.Helper()
	status, body := c.call(http.MethodGet, "/v1/datasets/tourism_flow/records?limit=100000&format=ndjson", "", "", "")
	if status != http.StatusOK {
		c.t.Fatalf("%d %s", status, body)
	}
	var out []string
	for line := range strings.SplitSeq(strings.TrimSpace(string(body)), "\n") {
		var r struct {
			Spot    string    `json:"spot_id"`
			At      time.Time `json:"observed_at"`
			Region  string    `json:"region"`
			Entries int       `json:"entries"`
		}
		if line == "" {
			continue
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			c.t.Fatalf("%s: %v", line, err)
		}
		out = append(out, fmt.Sprintf("%s %s %d %s", r.Spot, r.At.In(time.FixedZone("", 8*3600)).Format("01-02"), r.Entries, r.Region))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

const anyueSpot, dazuSpot = "512021-S01", "500111-S01"

func day(spot string, n, entries int) string {
	return fmt.Sprintf(`{"spot_id":%q,"observed_at":"2026-05-%02d","interval_minutes":1440,"entries":%d}`+"\n", spot, n, entries)
}

func TestAPushIsReceiptedVisibleAndRevised(t *testing.T) {
	c := openHouse(t, t.TempDir(), nil).client("anyue", "512021")
	a := c.push(http.StatusOK, "tourism_flow", "?wait=visible", "", day(anyueSpot, 1, 10)+day(anyueSpot, 2, 20)+day(anyueSpot, 1, 11))
	if a.Received != 3 || a.Accepted != 3 || a.Superseded != 1 {
		t.Fatalf("%s", a.text)
	}
	// The region came from the list, and the last of equal keys in the body won.
	if got := c.flow(); got != "512021-S01 05-01 11 512021\n512021-S01 05-02 20 512021" {
		t.Fatal(got)
	}
	c.push(http.StatusOK, "tourism_flow", "?wait=visible", "", day(anyueSpot, 2, 22))
	status, body := c.call(http.MethodPost, "/v1/datasets/tourism_flow/retractions", "application/json", "",
		`{"reason":"闸机重复计数","keys":[{"spot_id":"512021-S01","observed_at":"2026-05-01","interval_minutes":1440}]}`)
	if status != http.StatusAccepted {
		t.Fatalf("%d %s", status, body)
	}
	c.verify(body)
	c.push(http.StatusOK, "tourism_flow", "?wait=visible", "", day(anyueSpot, 3, 30)) // visible means that all before it is, too
	if got := c.flow(); got != "512021-S01 05-02 22 512021\n512021-S01 05-03 30 512021" {
		t.Fatal(got)
	}
}

func TestOneKeyIsOneSubmissionAcrossRetriesTwinsAndRestarts(t *testing.T) {
	dir := t.TempDir()
	v := openHouse(t, dir, nil)
	c := v.client("anyue", "512021")
	first := c.push(http.StatusAccepted, "tourism_flow", "", "k1", day(anyueSpot, 1, 10))
	again := c.push(http.StatusAccepted, "tourism_flow", "", "k1", day(anyueSpot, 1, 10))
	if !bytes.Equal(first.text, again.text) {
		t.Fatalf("%s\n%s", first.text, again.text)
	}
	if a := c.push(http.StatusUnprocessableEntity, "tourism_flow", "", "k1", day(anyueSpot, 1, 99)); a.Type != "/problems/idempotency-key-reused" {
		t.Fatalf("%s", a.text)
	}
	var wg sync.WaitGroup
	texts := make([]string, 24)
	for i := range texts {
		wg.Go(func() {
			_, body := c.call(http.MethodPost, "/v1/datasets/tourism_flow/records", "application/x-ndjson", "twins", day(anyueSpot, 2, 20))
			texts[i] = string(body)
		})
	}
	wg.Wait()
	for _, text := range texts {
		if text != texts[0] || !strings.Contains(text, `"submission"`) {
			t.Fatalf("twins differ:\n%s\n%s", texts[0], text)
		}
	}
	v.stop()

	v = openHouse(t, dir, nil)
	c = &caller{house: v, id: c.id, secret: c.secret}
	c.login()
	again = c.push(http.StatusAccepted, "tourism_flow", "", "k1", day(anyueSpot, 1, 10))
	if !bytes.Equal(first.text, again.text) {
		t.Fatalf("after a restart:\n%s\n%s", first.text, again.text)
	}
	status, body := c.call(http.MethodGet, "/v1/submissions/"+first.Submission+"/proof", "", "", "")
	if status != http.StatusOK || !bytes.Equal(body, first.text) {
		t.Fatalf("proof: %d %s", status, body)
	}
}

func TestNeitherSideWritesTheOthersRows(t *testing.T) {
	v := openHouse(t, t.TempDir(), nil)
	anyue, dazu := v.client("anyue", "512021"), v.client("dazu", "500111")
	for _, bad := range []struct{ body, code string }{
		{day(dazuSpot, 1, 1), "region_not_allowed"},
		{`{"spot_id":"500111-S01","observed_at":"2026-05-01","interval_minutes":1440,"entries":1,"region":"512021"}`, "region_mismatch"},
		{`{"spot_id":"512021-S77","observed_at":"2026-05-01","interval_minutes":1440,"entries":1}`, "unknown_code"},
	} {
		a := anyue.push(http.StatusUnprocessableEntity, "tourism_flow", "", "", bad.body)
		if len(a.Errors) == 0 || a.Errors[0].Code != bad.code {
			t.Fatalf("%s: %s", bad.code, a.text)
		}
	}
	a := anyue.push(http.StatusUnprocessableEntity, "scenic_spot", "", "", `{"spot_id":"500111-S01","name":"改名","region":"512021"}`)
	if len(a.Errors) == 0 {
		t.Fatalf("%s", a.text)
	}
	dazu.push(http.StatusOK, "tourism_flow", "?wait=visible", "", day(dazuSpot, 1, 7))
	status, body := anyue.call(http.MethodPost, "/v1/datasets/tourism_flow/retractions", "application/json", "",
		`{"reason":"x","keys":[{"spot_id":"500111-S01","observed_at":"2026-05-01","interval_minutes":1440}]}`)
	if status != http.StatusUnprocessableEntity || !strings.Contains(string(body), "region_not_allowed") {
		t.Fatalf("retraction of the other side's row: %d %s", status, body)
	}
	status, body = anyue.call(http.MethodPost, "/v1/datasets/scenic_spot/retractions", "application/json", "",
		`{"reason":"x","keys":[{"spot_id":"500111-S01","region":"512021"}]}`)
	if status != http.StatusUnprocessableEntity {
		t.Fatalf("retraction of the other side's spot: %d %s", status, body)
	}
	if got := anyue.flow(); got != "500111-S01 05-01 7 500111" { // each side reads both
		t.Fatal(got)
	}
}

func TestAPartialPushKeepsTheGoodRowsAndTheReasonsOfTheOthers(t *testing.T) {
	c := openHouse(t, t.TempDir(), nil).client("ziyang", "512000")
	// Large enough to be staged in several parts, with a bad row in each.
	var body strings.Builder
	const rows = 30_000
	bad := map[int]bool{3: true, 15_001: true, rows: true}
	for i := 1; i <= rows; i++ {
		entries := i
		if bad[i] {
			entries = -1
		}
		fmt.Fprintf(&body, `{"spot_id":"512021-S01","observed_at":%q,"interval_minutes":1,"entries":%d}`+"\n",
			time.Date(2026, 5, 1, 0, i, 0, 0, time.UTC).Format(time.RFC3339), entries)
	}
	if a := c.push(http.StatusUnprocessableEntity, "tourism_flow", "", "", body.String()); a.ErrorCount != 3 || a.Errors[2].Row != rows {
		t.Fatalf("%s", a.text)
	}
	a := c.push(http.StatusOK, "tourism_flow", "?mode=partial&wait=visible", "", body.String())
	if a.Received != rows || a.Rejected != 3 || a.Accepted != rows-3 || len(a.Errors) != 3 {
		t.Fatalf("%s", a.text)
	}
	status, text := c.call(http.MethodGet, "/v1/submissions/"+a.Submission+"/errors?limit=2", "", "", "")
	var page struct {
		Errors []quarantined `json:"errors"`
		Next   string        `json:"next_cursor"`
	}
	if err := json.Unmarshal(text, &page); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s %v", status, text, err)
	}
	if len(page.Errors) != 2 || page.Errors[0].Row != 3 || page.Errors[1].Row != 15_001 || page.Next == "" || !strings.Contains(page.Errors[0].Record, `"entries":-1`) {
		t.Fatalf("%s", text)
	}
	status, text = c.call(http.MethodGet, "/v1/datasets/tourism_flow/records?limit=100000&format=ndjson", "", "", "")
	if n := strings.Count(string(text), "\n"); status != http.StatusOK || n != rows-3 {
		t.Fatalf("%d: %d rows, wanted %d", status, n, rows-3)
	}
	if a := c.push(http.StatusUnprocessableEntity, "tourism_flow", "?mode=partial", "", day(anyueSpot, 1, -5)); a.Type != "/problems/validation-failed" {
		t.Fatalf("no good row: %s", a.text)
	}
	if a := c.push(http.StatusOK, "tourism_flow", "?dry_run=true", "", day(anyueSpot, 1, -5)+day(anyueSpot, 2, 5)); a.Rejected != 1 || a.ErrorCount != 1 {
		t.Fatalf("%s", a.text)
	}
}

// Who pushed them, and colleagues who may push, see rejected records as they came; all
// others what their clearance reaches.
func TestRejectedRecordsAreMaskedAboveTheReadersClearance(t *testing.T) {
	v := openHouse(t, t.TempDir(), nil)
	sender := v.client("dazu", "500111")
	v.client("ziyang", "512000")
	reader := func(agency, clearance string, scopes ...string) *caller {
		t.Helper()
		_, cred, err := v.hub.registry.CreateClient(t.Context(), registry.System("test"), registry.ClientSpec{Agency: agency, Name: "r", Scopes: scopes, Clearance: clearance})
		if err != nil {
			t.Fatal(err)
		}
		c := &caller{house: v, id: cred.ClientID, secret: cred.ClientSecret}
		c.login()
		return c
	}
	row := `{"park_id":"500111-P01","month":"2026-0%d",%s}` + "\n"
	lines := []string{
		fmt.Sprintf(row, 1, `"revenue":"-7654321.25"`),
		fmt.Sprintf(row, 2, `"output_value":"-1111.25","revenue":"8765432.25"`),
		fmt.Sprintf(row, 3, `"9876543.25":1,"revenue":"5.25"`),
		`{"park_id":"500111-P01","month":"2026-04","revenue":6543210.25` + "\n", // no JSON
	}
	good := fmt.Sprintf(row, 5, `"output_value":"10.50","revenue":"7.25"`)
	a := sender.push(http.StatusOK, "park_monthly", "?mode=partial&wait=visible", "k", good+strings.Join(lines, ""))
	if a.Rejected != 4 || !strings.Contains(string(a.text), "-7654321.25") {
		t.Fatalf("%s", a.text)
	}
	if again := sender.push(http.StatusOK, "park_monthly", "?mode=partial&wait=visible", "k", good+strings.Join(lines, "")); again.Submission != a.Submission || !strings.Contains(string(again.text), "-7654321.25") {
		t.Errorf("the sender's receipt again: %s", again.text)
	}
	secrets := []string{"7654321", "8765432", "9876543", "6543210"}
	for name, f := range map[string]struct {
		who    *caller
		all    bool
		output bool // the value of the public field
	}{
		"the sender":                         {sender, true, true},
		"a colleague who may push":           {reader("dazu", "public", "push:park_monthly"), true, true},
		"a colleague who pushes another":     {reader("dazu", "internal", "push:tourism_flow", "read:*"), false, true},
		"a colleague who may not read":       {reader("dazu", "sensitive", "query"), false, false},
		"the other side's auditor":           {reader("ziyang", "internal", "audit", "read:*", "push:*"), false, true},
		"a cleared auditor":                  {reader("ziyang", "sensitive", "audit", "read:*"), true, true},
		"a cleared auditor who may not read": {reader("ziyang", "core", "audit"), false, false},
	} {
		for _, lang := range []string{"zh", "en"} {
			status, text := f.who.call(http.MethodGet, "/v1/submissions/"+a.Submission+"/errors?lang="+lang, "", "", "")
			var page struct{ Errors []quarantined }
			if err := json.Unmarshal(text, &page); err != nil || status != http.StatusOK || len(page.Errors) != 4 {
				t.Fatalf("%s: %d %s %v", name, status, text, err)
			}
			for i, e := range page.Errors {
				if e.Masked == f.all || (e.Record == strings.TrimSpace(lines[i])) != f.all || e.Message == "" || e.Code == "" {
					t.Errorf("%s: %+v", name, e)
				}
			}
			for _, secret := range secrets {
				if strings.Contains(string(text), secret) != f.all {
					t.Errorf("%s: %s in %s", name, secret, text)
				}
			}
			if e := page.Errors[1]; (e.Value == "-1111.25") != f.output {
				t.Errorf("%s: %+v", name, e)
			}
		}
	}
}

// A journal that was lost or rolled back must not give sequences again that
// ClickHouse knows: the hub runs, answers queries, and refuses pushes.
func TestAHubWhoseJournalIsBehindRefusesPushes(t *testing.T) {
	dir := t.TempDir()
	v := openHouse(t, dir, nil)
	c := v.client("anyue", "512021")
	for i := range 8 { // beyond what a new journal's starter rows reach
		c.push(http.StatusOK, "tourism_flow", "?wait=visible", "", day(anyueSpot, i+1, 10))
	}
	v.stop()
	if err := os.RemoveAll(filepath.Join(dir, "journal")); err != nil {
		t.Fatal(err)
	}
	v = openHouse(t, dir, nil)
	c = v.client("anyue", "512021")
	if a := c.push(http.StatusServiceUnavailable, "tourism_flow", "", "", day(anyueSpot, 9, 1)); a.Type != "/problems/journal-behind" {
		t.Fatalf("%s", a.text)
	}
	v.stop()
	if err := os.RemoveAll(filepath.Join(dir, "journal")); err != nil {
		t.Fatal(err)
	}
	v = openHouse(t, dir, func(c *Config) { c.FirstSequence = 1_000_000 })
	c = v.client("anyue", "512021")
	if a := c.push(http.StatusOK, "tourism_flow", "?wait=visible", "", day(anyueSpot, 1, 77)); a.Sequence < 1_000_000 {
		t.Fatalf("%s", a.text)
	}
	if got := c.flow(); !strings.Contains(got, "512021-S01 05-01 77") {
		t.Fatalf("the revision under the new range does not win:\n%s", got)
	}
}

func TestBelowTheDisksFloorNothingIsTaken(t *testing.T) {
	v := openHouse(t, t.TempDir(), nil)
	c := v.client("anyue", "512021")
	before := v.hub.committer.Last()
	v.hub.conf.DiskFloor = 1 << 60
	if err := v.hub.lookAtDisk(); err != nil {
		t.Fatal(err)
	}
	a := c.push(http.StatusServiceUnavailable, "tourism_flow", "", "", day(anyueSpot, 1, 1))
	if a.Type != "/problems/disk-low" || v.hub.committer.Last() != before {
		t.Fatalf("%s, journal %d → %d", a.text, before, v.hub.committer.Last())
	}
}

// The tables are made from the journal: when they are lost, a start fills them again.
func TestALostEngineIsFilledAgainFromTheJournal(t *testing.T) {
	dir := t.TempDir()
	v := openHouse(t, dir, nil)
	c := v.client("anyue", "512021")
	c.push(http.StatusOK, "tourism_flow", "?wait=visible", "", day(anyueSpot, 1, 10)+day(anyueSpot, 2, 20))
	c.push(http.StatusOK, "tourism_flow", "?wait=visible", "", day(anyueSpot, 2, 21))
	want := c.flow()
	v.stop()
	if err := os.RemoveAll(filepath.Join(dir, "engine")); err != nil {
		t.Fatal(err)
	}
	v = openHouse(t, dir, nil)
	c = &caller{house: v, id: c.id, secret: c.secret}
	c.login()
	if err := v.hub.current.Wait(t.Context(), v.hub.committer.Last()); err != nil {
		t.Fatal(err)
	}
	if got := c.flow(); got != want {
		t.Fatalf("%s\nwanted\n%s", got, want)
	}
}
