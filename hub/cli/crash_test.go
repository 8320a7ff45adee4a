package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/zida-hub/zida/analytics/engine"
	"github.com/zida-hub/zida/schemas"
)

const (
	crashes      = 5
	crashPushers = 8
	crashPushes  = 200    // single rows acknowledged in a life before its bulk push begins
	crashBulk    = 20_000 // rows: several parts' worth of pieces, staged and committed
	crashReady   = 30 * time.Second
	crashLimit   = 4 * time.Minute
)

// Where in the bulk push of a life the program is killed.
var crashPoints = [crashes]string{"half of the body sent", "all of the body sent", "acknowledged", "all of the body sent", "half of the body sent"}

// TestEveryAcknowledgedRowOutlivesAKillOnceWithItsValue kills the whole program
// with SIGKILL in the middle of pushes, five times. Whatever was acknowledged is
// there, once, with its value and its receipt; whatever was not is pushed again
// under the same Idempotency-Key and is there once, too.
func TestEveryAcknowledgedRowOutlivesAKillOnceWithItsValue(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), crashLimit)
	defer cancel()
	v := newVictim(t)
	v.start(ctx)
	v.client = (&hubProcess{t: t, bin: v.bin, data: v.data, url: v.url, env: v.env}).register("anyue-wglj", "安岳县文化广播电视和旅游局", "512021")
	d := newDoor()
	v.open(ctx, d)

	pushers := make([]*crashPusher, crashPushers+1)
	var running sync.WaitGroup
	for i := range pushers {
		pushers[i] = &crashPusher{t: t, door: d, number: i, http: &http.Client{Transport: &http.Transport{}}}
		running.Go(func() {
			if i == crashPushers {
				pushers[i].bulks(ctx)
			} else {
				pushers[i].singles(ctx)
			}
		})
	}
	defer running.Wait()
	defer cancel()
	for life := range crashes {
		l := d.now()
		v.waitFor("single rows are acknowledged", time.Minute, func() error {
			if n := l.acked.Load(); n < crashPushes {
				return fmt.Errorf("%d acknowledged", n)
			}
			return ctx.Err()
		})
		close(l.bulk)
		select {
		case <-l.point:
		case <-ctx.Done():
			t.Fatalf("life %d: its bulk push never came to its point: %s", life+1, crashPoints[life])
		}
		v.kill()
		close(l.dead)
		v.start(ctx)
		v.open(ctx, d)
		for _, p := range pushers {
			p.again(ctx)
		}
	}
	d.close()
	running.Wait()
	v.waitQuiet()
	v.checkReceipts(pushers)
	v.checkRows(ctx, pushers)
	v.end()
}

// victim is a hub that is killed and started again on its data.
type victim struct {
	*hubProcess
	client as
	log    string
	ended  chan error
}

func newVictim(t *testing.T) *victim {
	t.Helper()
	dir := t.TempDir()
	v := &victim{hubProcess: &hubProcess{t: t, bin: program(t), data: filepath.Join(dir, "data")}, log: filepath.Join(dir, "log")}
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "ZIDA_") {
			v.env = append(v.env, e)
		}
	}
	v.env = append(v.env, "HOME="+dir, "XDG_CONFIG_HOME="+filepath.Join(dir, "config"))
	t.Cleanup(func() {
		if v.ended != nil {
			_ = v.cmd.Process.Kill()
			<-v.ended
		}
		if text, err := os.ReadFile(v.log); err == nil && t.Failed() {
			t.Logf("the hub's log:\n%s", tail(string(text), 6000))
		}
	})
	return v
}

// start runs the hub and waits until it is ready, for a bounded time.
func (v *victim) start(ctx context.Context) {
	v.t.Helper()
	library, err := engine.Locate()
	if err != nil {
		v.t.Fatalf("the engine is needed: %v (make engine)", err)
	}
	log, err := os.OpenFile(v.log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		v.t.Fatal(err)
	}
	defer log.Close()
	begin := time.Now()
	v.cmd = exec.CommandContext(ctx, v.bin, "serve", "--data", v.data, "--listen", "127.0.0.1:0", "--engine-library", library)
	v.cmd.Env, v.cmd.Stderr = v.env, log
	out, err := v.cmd.StdoutPipe()
	if err != nil {
		v.t.Fatal(err)
	}
	if err := v.cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	said, ended := make(chan string, 1), make(chan error, 1)
	v.ended = ended
	cmd := v.cmd
	go func() {
		var line [512]byte
		n, _ := out.Read(line[:])
		said <- string(line[:n])
		_, _ = io.Copy(io.Discard, out)
		ended <- cmd.Wait()
	}()
	select {
	case line := <-said:
		fields := strings.Fields(line)
		if len(fields) == 0 {
			v.t.Fatal("the hub ended before it listened")
		}
		v.url = fields[len(fields)-1]
	case <-time.After(crashReady):
		v.t.Fatalf("the hub does not listen after %v", crashReady)
	}
	v.waitFor("the hub is ready", crashReady, func() error {
		_, err := v.get("/readyz")
		return err
	})
	v.t.Logf("ready %v after the start", time.Since(begin).Round(time.Millisecond))
}

func (v *victim) get(path string) ([]byte, error) {
	resp, err := http.Get(v.url + path)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %d %s", path, resp.StatusCode, text)
	}
	return text, err
}

// kill ends the hub as a power cut would, and waits for its engine to follow.
func (v *victim) kill() {
	v.t.Helper()
	engines := childrenOf(v.cmd.Process.Pid)
	if len(engines) != 1 {
		v.t.Fatalf("the hub has %d children, want its engine alone", len(engines))
	}
	if err := v.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		v.t.Fatal(err)
	}
	if err := <-v.ended; err == nil {
		v.t.Fatal("the hub ended by itself")
	}
	v.ended = nil
	v.waitFor("the engine dies with the hub", 10*time.Second, func() error {
		if state, _ := procStat(engines[0]); state != "" && state != "Z" && state != "X" {
			return fmt.Errorf("process %d is in state %s", engines[0], state)
		}
		return nil
	})
}

// procStat is the state and the parent of a process, empty when there is none.
func procStat(pid int) (state, parent string) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", ""
	}
	_, rest, _ := strings.Cut(string(text), ") ") // the name before it may hold anything
	fields := strings.Fields(rest)
	if len(fields) < 2 {
		return "", ""
	}
	return fields[0], fields[1]
}

func childrenOf(pid int) (children []int) {
	paths, _ := filepath.Glob("/proc/[0-9]*")
	for _, path := range paths {
		child, err := strconv.Atoi(filepath.Base(path))
		if err != nil {
			continue
		}
		if _, parent := procStat(child); parent == strconv.Itoa(pid) {
			children = append(children, child)
		}
	}
	return children
}

// end stops the hub as an operator does.
func (v *victim) end() {
	v.t.Helper()
	if err := v.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		v.t.Fatal(err)
	}
	select {
	case err := <-v.ended:
		v.ended = nil
		if err != nil {
			v.t.Errorf("the hub ended with %v", err)
		}
	case <-time.After(time.Minute):
		v.t.Error("the hub does not stop a minute after SIGTERM")
	}
}

// open lets the pushers through to a hub that has just started.
func (v *victim) open(ctx context.Context, d *door) {
	v.t.Helper()
	v.client.hubProcess = &hubProcess{t: v.t, bin: v.bin, data: v.data, url: v.url, env: v.env}
	token := strings.TrimSpace(v.client.must("token"))
	if ctx.Err() != nil {
		v.t.Fatal(ctx.Err())
	}
	d.next(&life{url: v.url, token: token, bulk: make(chan struct{}), point: make(chan struct{}), dead: make(chan struct{}), successor: make(chan struct{})})
}

func (v *victim) waitQuiet() {
	v.t.Helper()
	v.waitFor("both watermarks reach the journal's end", time.Minute, func() error {
		page, err := v.get("/metrics")
		if err != nil {
			return err
		}
		end, current, history := gauge(page, "zida_journal_sequence"), gauge(page, "zida_watermark"), gauge(page, "zida_history_watermark")
		if end == "" || current != end || history != end {
			return fmt.Errorf("journal %s, current %s, history %s", end, current, history)
		}
		return nil
	})
}

func gauge(page []byte, name string) string {
	for line := range strings.Lines(string(page)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// checkReceipts verifies every receipt with nothing but the hub's public keys.
func (v *victim) checkReceipts(pushers []*crashPusher) {
	v.t.Helper()
	text, err := v.get("/.well-known/zida-receipt-keys.json")
	if err != nil {
		v.t.Fatal(err)
	}
	keys, err := schemas.ParseKeySet(text)
	if err != nil {
		v.t.Fatal(err)
	}
	checked, again := 0, 0
	for _, p := range pushers {
		again += p.repeated
		for _, a := range p.acked {
			var r schemas.Receipt
			if err := json.Unmarshal(a.receipt, &r); err != nil {
				v.t.Fatal(err)
			}
			if err := schemas.VerifyReceipt(&r, keys); err != nil {
				v.t.Errorf("receipt %s: %v", r.Submission, err)
			}
			if r.Accepted != a.rows || r.Rejected != 0 || r.Agency != "anyue-wglj" || r.Dataset != "tourism_flow" {
				v.t.Errorf("receipt %s says %+v of %d rows", r.Submission, r, a.rows)
			}
			checked++
		}
	}
	v.t.Logf("%d receipts verify; %d pushes were sent again and got theirs", checked, again)
}

// crashRow is a record as it is read back.
type crashRow struct {
	At         time.Time `json:"observed_at"`
	Spot       string    `json:"spot_id"`
	Entries    int       `json:"entries"`
	Submission string    `json:"_submission"`
	Row        int       `json:"_row"`
}

// checkRows reads every version that was ever taken, and every record as it is
// now: both are exactly the rows that were pushed, each once, from the
// submission that its receipt names.
func (v *victim) checkRows(ctx context.Context, pushers []*crashPusher) {
	v.t.Helper()
	want := map[crashRow]bool{}
	sum := 0
	for _, p := range pushers {
		for _, a := range p.acked {
			var r schemas.Receipt
			if err := json.Unmarshal(a.receipt, &r); err != nil {
				v.t.Fatal(err)
			}
			for i := range a.rows {
				row := crashRow{At: crashInstant(a.first + i).UTC(), Spot: p.spot(), Entries: crashEntries(a.first + i), Submission: r.Submission, Row: i + 1}
				want[row] = true
				sum += row.Entries
			}
		}
	}
	for _, history := range []string{"false", "true"} {
		left := make(map[crashRow]bool, len(want))
		for row := range want {
			left[row] = true
		}
		n := 0
		v.read(ctx, history, func(row crashRow) {
			n++
			if !left[row] && !v.t.Failed() {
				v.t.Errorf("history=%s: a row that was not pushed, or comes twice: %+v", history, row)
			}
			delete(left, row)
		})
		if len(left) > 0 || n != len(want) {
			v.t.Errorf("history=%s: %d rows were acknowledged, %d are read, %d are missing", history, len(want), n, len(left))
		}
	}
	var answer struct {
		Rows [][]json.Number `json:"rows"`
	}
	v.client.mustJSON(&answer, "query", "visitors", "--from", "2025-01-01", "--to", "2026-01-01")
	if len(answer.Rows) != 1 || len(answer.Rows[0]) != 1 || answer.Rows[0][0].String() != strconv.Itoa(sum) {
		v.t.Errorf("visitors are %v, want one row of %d", answer.Rows, sum)
	}
}

// read calls fn for every record, page by page.
func (v *victim) read(ctx context.Context, history string, fn func(crashRow)) {
	v.t.Helper()
	l := v.client
	token := strings.TrimSpace(l.must("token"))
	for cursor := ""; ; {
		address := v.url + "/v1/datasets/tourism_flow/records?format=ndjson&limit=50000&fields=observed_at,spot_id,entries,_submission,_row&history=" + history + "&cursor=" + cursor
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			v.t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			v.t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			v.t.Fatalf("records: %v, %d %s", err, resp.StatusCode, tail(string(text), 500))
		}
		for line := range bytes.Lines(text) {
			var row crashRow
			if err := json.Unmarshal(line, &row); err != nil {
				v.t.Fatalf("%v in %s", err, line)
			}
			row.At = row.At.UTC()
			fn(row)
		}
		if cursor = resp.Trailer.Get("X-Next-Cursor"); cursor == "" {
			return
		}
	}
}

// life is one run of the hub, from its start to its kill.
type life struct {
	url, token string
	acked      atomic.Int64  // pushes of single rows
	bulk       chan struct{} // closed when the bulk push may begin
	point      chan struct{} // closed when it is where the program is to be killed
	dead       chan struct{} // closed after the kill
	successor  chan struct{} // closed when the next life has begun, or there is none
	number     int
}

// door leads pushers to the life at present.
type door struct {
	mu   sync.Mutex
	life *life
	shut bool
}

func newDoor() *door { return &door{} }

func (d *door) now() *life {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.life
}

func (d *door) next(l *life) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.life != nil {
		l.number = d.life.number + 1
		close(d.life.successor)
	}
	d.life = l
}

// close tells the pushers to begin nothing new.
func (d *door) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shut = true
	close(d.life.bulk)
	close(d.life.successor)
}

func (d *door) closed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.shut
}
