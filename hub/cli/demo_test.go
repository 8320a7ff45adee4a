package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	var first, again, earlier struct {
		URL    string      `json:"url"`
		Logins []demoLogin `json:"logins"`
		Users  []demoUser  `json:"users"`
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
	logIn := func(url string, u demoUser) {
		t.Helper()
		body, _ := json.Marshal(map[string]string{"user": u.User, "password": u.Password})
		res, err := http.Post(url+"/v1/session", "application/json", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var who struct {
			Agency, Role string
			MustChange   bool `json:"must_change"`
		}
		err = json.NewDecoder(res.Body).Decode(&who)
		if err != nil || res.StatusCode != http.StatusCreated || who.Agency != u.Agency || who.Role != u.Role || who.MustChange {
			t.Errorf("%s logs in: %s %+v %v", u.User, res.Status, who, err)
		}
	}
	var now string
	run(&first, func() {
		now = visitors()
		if before := visitors("--as-of", first.First); before == now {
			t.Errorf("%s visitors before the revision, and after it", before)
		}
		for _, u := range first.Users {
			logIn(first.URL, u)
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
	if len(first.Users) != len(demo.Sides)*len(demoRoles) || !slices.Equal(first.Users, again.Users) || first.Users[0].User != "dazu.viewer" {
		t.Errorf("users %+v, then %+v", first.Users, again.Users)
	}
	if !strings.Contains(messages, "from an earlier start") || strings.Contains(messages, "pushed") {
		t.Errorf("the second start says %s", messages)
	}
	// An earlier version kept its clients alone.
	text, err := json.Marshal(first.Logins)
	if err == nil {
		err = os.WriteFile(filepath.Join(h.data, "demo.json"), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	run(&earlier, func() { logIn(earlier.URL, earlier.Users[7]) })
	if !slices.Equal(earlier.Logins, first.Logins) || earlier.Users[7].User != "ziyang.admin" || earlier.Users[7].Password == first.Users[7].Password {
		t.Errorf("of an earlier version's: %+v", earlier)
	}
}

func TestTheWelcomeNamesThePagesLogIns(t *testing.T) {
	var out bytes.Buffer
	s := &session{out: &out, data: "zida-demo"}
	logins := &demoLogins{
		Clients: []demoLogin{{Agency: "dazu-wlj", Name: "大足", ClientID: "dazu-wlj-1", ClientSecret: "zs_1"}},
		Users:   []demoUser{{User: "dazu.viewer", Password: "abcdefgh", Role: "viewer", Agency: "dazu-wlj", Name: "演示浏览员"}},
	}
	if err := s.welcome("http://127.0.0.1:8440", logins, ""); err != nil {
		t.Fatal(err)
	}
	_, page, ok := strings.Cut(out.String(), "zs_1")
	if !ok || !strings.Contains(page, "PAGE LOG-INS\nUSER         PASSWORD  ROLE    AGENCY    NAME\ndazu.viewer  abcdefgh  viewer  dazu-wlj  演示浏览员\n") {
		t.Error(out.String())
	}
}
