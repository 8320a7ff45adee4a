package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/zida-hub/zida/hub/cli/demo"
)

// The demo is started as a user does; its own words say when all of its data answers.
// deploy/lab/plan compares the answers.
func TestTheDemoFillsAHubOnceAndIsFoundAgain(t *testing.T) {
	h := &hubProcess{t: t, bin: program(t), data: filepath.Join(t.TempDir(), "demo"), env: os.Environ()}
	operator := as{hubProcess: h}
	var first, again struct {
		Logins []demoLogin `json:"logins"`
		First  string      `json:"first_reports_until"`
	}
	// One port for both starts: admin.json keeps the address of the first.
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	run := func(into any, asked func()) (messages string) {
		cmd := exec.Command(h.bin, "demo", "--data", h.data, "--listen", address, "--until", "2026-11-20", "--json")
		var errs bytes.Buffer
		cmd.Env, cmd.Stderr = h.env, &errs
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(line, into)
		}
		if err == nil {
			asked()
		}
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if ended := cmd.Wait(); err != nil || ended != nil {
			t.Fatalf("%v, %v, %q\n%s", err, ended, line, errs.String())
		}
		return errs.String()
	}
	visitors := func(args ...string) string {
		var a struct{ Rows [][]json.Number }
		operator.mustJSON(&a, append([]string{"query", "visitors", "--from", "2026-10-01", "--to", "2026-10-02", "--filter", "spot_id=500111-S01"}, args...)...)
		if len(a.Rows) != 1 {
			t.Fatalf("%v", a.Rows)
		}
		return a.Rows[0][0].String()
	}
	var now string
	run(&first, func() {
		now = visitors()
		if before := visitors("--as-of", first.First); before == now {
			t.Errorf("%s visitors before the revision, and after it", before)
		}
	})
	messages := run(&again, func() {
		if got := visitors(); got != now {
			t.Errorf("%s visitors, and %s after a second start", now, got)
		}
	})
	if len(first.Logins) != len(demo.Sides) || len(again.Logins) != len(demo.Sides) || first.Logins[0] != again.Logins[0] {
		t.Errorf("log-ins %+v, then %+v", first.Logins, again.Logins)
	}
	if !strings.Contains(messages, "from an earlier start") || strings.Contains(messages, "pushed") {
		t.Errorf("the second start says %s", messages)
	}
}
