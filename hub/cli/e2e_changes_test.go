package cli

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
	"sync"
	"testing"
	"time"
)

// changeReader follows a change feed as a client would: it comes back with the id of
// the last event whenever the stream ends.
type changeReader struct {
	mu      sync.Mutex
	seen    map[string]int // submission → how often it was told
	order   []uint64       // sequences as they came
	lastID  string
	streams int
}

type changeTold struct {
	Submission, Dataset, State string
	Sequence                   uint64
}

// follow reads one stream to its end.
func (r *changeReader) follow(ctx context.Context, address, token string, told func(changeTold)) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	r.mu.Lock()
	if r.lastID != "" {
		request.Header.Set("Last-Event-ID", r.lastID)
	}
	r.mu.Unlock()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		text, _ := io.ReadAll(response.Body)
		return fmt.Errorf("%s %s", response.Status, text)
	}
	r.mu.Lock()
	r.streams++
	r.mu.Unlock()
	id, data := "", ""
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "id: "):
			id = line[4:]
		case strings.HasPrefix(line, "data: "):
			data = line[6:]
		case line == "" && data != "":
			var e changeTold
			if err := json.Unmarshal([]byte(data), &e); err != nil {
				return err
			}
			r.mu.Lock()
			r.seen[e.Submission]++
			r.order = append(r.order, e.Sequence)
			if id != "" {
				r.lastID = id
			}
			r.mu.Unlock()
			told(e)
			id, data = "", ""
		}
	}
	return lines.Err()
}

// Every submission that was acknowledged is told of, in order, once its rows answer,
// although the hub is killed twice while it is pushed to and the reader has to come back.
func TestTheChangeFeedMissesNothingAcrossRestarts(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	v := newVictim(t)
	v.start(ctx)
	v.client = (&hubProcess{t: t, bin: v.bin, data: v.data, url: v.url, env: v.env}).register("anyue-wglj", "安岳县文化广播电视和旅游局", "512021")
	type life struct{ url, token string }
	var mu sync.Mutex
	var now life
	begin := func() {
		token := strings.TrimSpace(as{hubProcess: &hubProcess{t: t, bin: v.bin, data: v.data, url: v.url, env: v.env}, id: v.client.id, secret: v.client.secret}.must("token"))
		mu.Lock()
		defer mu.Unlock()
		now = life{v.url, token}
	}
	begin()
	at := func() life {
		mu.Lock()
		defer mu.Unlock()
		return now
	}

	reader := &changeReader{seen: map[string]int{}, lastID: "0"}
	stop := make(chan struct{})
	var running sync.WaitGroup
	var lookErr error
	looks := 0
	running.Go(func() {
		told := 0
		for {
			select {
			case <-stop:
				return
			default:
			}
			l := at()
			within, end := context.WithCancel(ctx)
			go func() {
				select {
				case <-stop:
				case <-within.Done():
				}
				end()
			}()
			_ = reader.follow(within, l.url+"/v1/datasets/tourism_flow/changes", l.token, func(e changeTold) {
				if told++; told%20 != 1 || e.State != "visible" {
					return
				}
				// What is told answers at once.
				request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url+"/v1/datasets/tourism_flow/records?fields=_submission&filter=_version:gte:"+strconv.FormatUint(e.Sequence<<24, 10)+"&limit=5000", nil)
				if err != nil {
					return
				}
				request.Header.Set("Authorization", "Bearer "+l.token)
				response, err := http.DefaultClient.Do(request)
				if err != nil {
					return // killed in between
				}
				defer response.Body.Close()
				text, err := io.ReadAll(response.Body)
				if err != nil || response.StatusCode != http.StatusOK {
					return
				}
				looks++
				if !strings.Contains(string(text), `"`+e.Submission+`"`) && lookErr == nil {
					lookErr = fmt.Errorf("submission %s was told and does not answer", e.Submission)
				}
			})
			end()
		}
	})

	var acked []string
	push := func(n int) {
		l := at()
		day := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n%3000)
		body := fmt.Sprintf(`{"spot_id":"512021-S%02d","observed_at":%q,"interval_minutes":1440,"entries":%d}`, 1+n/3000, day.Format("2006-01-02"), n)
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url+"/v1/datasets/tourism_flow/records", strings.NewReader(body))
		if err != nil {
			return
		}
		request.Header.Set("Authorization", "Bearer "+l.token)
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return
		}
		defer response.Body.Close()
		var receipt struct{ Submission string }
		if json.NewDecoder(response.Body).Decode(&receipt) == nil && response.StatusCode == http.StatusAccepted {
			mu.Lock()
			acked = append(acked, receipt.Submission)
			mu.Unlock()
		}
	}
	numbers := make(chan int)
	for range 6 {
		running.Go(func() {
			for n := range numbers {
				push(n)
			}
		})
	}
	n := 0
	feed := func(count int) {
		for range count {
			numbers <- n
			n++
		}
	}
	for range 2 {
		feed(300)
		v.kill()
		v.start(ctx)
		begin()
	}
	feed(300)
	close(numbers)
	v.waitFor("all that was acknowledged was told of", time.Minute, func() error {
		mu.Lock()
		defer mu.Unlock()
		reader.mu.Lock()
		defer reader.mu.Unlock()
		missing := 0
		for _, id := range acked {
			if reader.seen[id] == 0 {
				missing++
			}
		}
		if missing > 0 || len(acked) < 600 {
			return fmt.Errorf("%d of %d are missing", missing, len(acked))
		}
		return ctx.Err()
	})
	close(stop)
	running.Wait()
	if lookErr != nil || looks == 0 {
		t.Errorf("%d looks: %v", looks, lookErr)
	}
	if reader.streams < 3 {
		t.Errorf("the reader opened %d streams, the hub lived three times", reader.streams)
	}
	again := 0
	for i := 1; i < len(reader.order); i++ {
		if reader.order[i] < reader.order[i-1] {
			again++
		}
	}
	if again > 0 {
		t.Errorf("%d events came before one of a lower sequence", again)
	}
	t.Logf("%d acknowledged, %d events, %d streams, %d looks", len(acked), len(reader.order), reader.streams, looks)
	v.end()
}

// A reader whose place the journal no longer has is told so, and where to catch up.
func TestTheChangeFeedSaysWhenItsPlaceIsGone(t *testing.T) {
	h := startHub(t, "--first-sequence", "1000")
	dazu := h.register("dazu-wlj", "大足区文化和旅游发展委员会", "500111")
	row := write(t, "row.ndjson", []byte(`{"spot_id":"500111-S01","observed_at":"2025-10-01","interval_minutes":1440,"entries":5}`+"\n"))
	dazu.must("push", "tourism_flow", row, "--wait")
	token := strings.TrimSpace(dazu.must("token"))
	ask := func(last string) (int, string) {
		request, err := http.NewRequest(http.MethodGet, h.url+"/v1/datasets/tourism_flow/changes", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("Last-Event-ID", last)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		return response.StatusCode, string(text)
	}
	status, text := ask("5")
	var gone struct {
		Type, Cursor string
		First        uint64
	}
	if err := json.Unmarshal([]byte(text), &gone); err != nil || status != http.StatusGone || gone.Type != "/problems/history-gone" || gone.Cursor == "" || gone.First < 1000 {
		t.Fatalf("%d %s", status, text)
	}
	if page := get(t, h.url+"/v1/datasets/tourism_flow/records?cursor="+gone.Cursor, token); !strings.Contains(string(page), "500111-S01") {
		t.Errorf("its cursor leads past the record: %s", page)
	}
	for _, wrong := range []string{"99999999", "x", "-1"} {
		if status, text := ask(wrong); status != http.StatusBadRequest && status != http.StatusUnprocessableEntity {
			t.Errorf("Last-Event-ID %s: %d %s", wrong, status, text)
		}
	}
}

// Who goes on from the moment that a diff answers as of, and pushes meanwhile, is shown
// every change once.
func TestDiffsThatFollowEachOtherMissNothing(t *testing.T) {
	h := startHub(t)
	dazu := h.register("dazu-wlj", "大足区文化和旅游发展委员会", "500111")
	token := strings.TrimSpace(dazu.must("token"))
	type page struct {
		AsOf    string `json:"as_of"`
		Records []struct {
			Entries int `json:"entries_after"`
		}
	}
	from := time.Now().Add(-time.Hour).Format(time.RFC3339)
	seen := map[int]int{}
	look := func() {
		var p page
		text := get(t, h.url+"/v1/datasets/tourism_flow/diff?from="+url.QueryEscape(from), token)
		if err := json.Unmarshal(text, &p); err != nil || p.AsOf == "" {
			t.Fatalf("%v %s", err, text)
		}
		for _, r := range p.Records {
			seen[r.Entries]++
		}
		from = p.AsOf
	}
	const pushes = 8
	for n := range pushes {
		row := fmt.Sprintf(`{"spot_id":"500111-S01","observed_at":"2025-%02d-%02d","interval_minutes":1440,"entries":%d}`+"\n", 1+n/20, 1+n%20, 1000+n)
		dazu.must("push", "tourism_flow", write(t, "row.ndjson", []byte(row)), "--wait")
		look()
	}
	look()
	for n := range pushes {
		if seen[1000+n] != 1 {
			t.Errorf("the change of push %d was shown %d times", n, seen[1000+n])
		}
	}
}
