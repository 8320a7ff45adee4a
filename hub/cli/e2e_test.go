package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/zida-hub/zida/analytics/engine"
)

// The end-to-end tests start the very program that ships, built once, as a process
// of its own on port 0 with a directory of its own, and speak to it as its users do.

var shippedBinary struct {
	once sync.Once
	dir  string
	path string
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shippedBinary.dir != "" {
		_ = os.RemoveAll(shippedBinary.dir)
	}
	os.Exit(code)
}

// program builds zida as make build does, but for -trimpath: so the packages are
// those that the test itself was compiled from, and only linking is left.
func program(t *testing.T) string {
	t.Helper()
	b := &shippedBinary
	b.once.Do(func() {
		if b.dir, b.err = os.MkdirTemp("", "zida-e2e-"); b.err != nil {
			return
		}
		b.path = filepath.Join(b.dir, "zida")
		build := exec.Command("go", "build", "-o", b.path, "../..")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			b.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if b.err != nil {
		t.Fatal(b.err)
	}
	return b.path
}

// realData is the folder of real input; its absence is a failure, never a pass.
func realData(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("ZIDA_REAL_DATA")
	if dir == "" {
		dir = "../../../shared/data" // beside the checkout
	}
	path, err := filepath.Abs(filepath.Join(dir, name))
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Fatalf("the real input is missing: %v (set ZIDA_REAL_DATA to its folder)", err)
	}
	return path
}

// hubProcess is a running zida serve.
type hubProcess struct {
	t         *testing.T
	bin, data string
	url       string
	cmd       *exec.Cmd
	log       *bytes.Buffer
	env       []string // of the commands that run against it
}

// startHub starts a hub on an empty directory and waits until it is ready.
func startHub(t *testing.T, args ...string) *hubProcess {
	t.Helper()
	library, err := engine.Locate()
	if err != nil {
		t.Fatalf("the engine is needed: %v (make engine)", err)
	}
	home := t.TempDir()
	h := &hubProcess{t: t, bin: program(t), data: filepath.Join(t.TempDir(), "data"), log: &bytes.Buffer{}}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ZIDA_") && !strings.HasPrefix(v, "LANG=") && !strings.HasPrefix(v, "LC_") {
			h.env = append(h.env, v)
		}
	}
	h.env = append(h.env, "HOME="+home, "XDG_CONFIG_HOME="+filepath.Join(home, "config"))
	h.cmd = exec.Command(h.bin, append([]string{"serve", "--data", h.data, "--listen", "127.0.0.1:0", "--engine-library", library}, args...)...)
	h.cmd.Env, h.cmd.Stderr = h.env, h.log
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := make(chan string, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var b [512]byte
		n, _ := out.Read(b[:])
		said <- string(b[:n])
		for {
			if _, err := out.Read(b[:]); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { h.stop(ended) })
	select {
	case line := <-said:
		fields := strings.Fields(line)
		if len(fields) == 0 {
			t.Fatal("the hub ended before it listened")
		}
		h.url = fields[len(fields)-1]
	case <-time.After(2 * time.Minute):
		t.Fatal("the hub does not listen after two minutes")
	}
	h.waitFor("the hub is ready", time.Minute, func() error {
		resp, err := http.Get(h.url + "/readyz")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("readyz is %d", resp.StatusCode)
		}
		return nil
	})
	return h
}

// stop ends the hub as an operator would and fails the test when it does not go.
func (h *hubProcess) stop(ended chan struct{}) {
	_ = h.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(time.Minute):
		h.t.Error("the hub does not stop a minute after SIGTERM")
		_ = h.cmd.Process.Kill()
	}
	if err := h.cmd.Wait(); err != nil {
		h.t.Errorf("the hub ended with %v", err)
	}
	if h.t.Failed() {
		h.t.Logf("the hub's log:\n%s", tail(h.log.String(), 6000))
	}
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

func (h *hubProcess) waitFor(what string, limit time.Duration, try func() error) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			h.t.Fatalf("%s: %v after %v", what, err, limit)
		case <-tick.C:
		}
	}
}

// as is somebody's use of the command line against the hub.
type as struct {
	*hubProcess
	id, secret string // empty: the operator, by --data
}

// zida runs one command to its end.
func (a as) zida(args ...string) (code int, out, errs string) {
	a.t.Helper()
	cmd := exec.Command(a.bin, args...)
	cmd.Env = a.env
	if a.id != "" {
		cmd.Env = append(cmd.Env, envURL+"="+a.url, envID+"="+a.id, envSecret+"="+a.secret)
	} else {
		cmd.Args = append(cmd.Args, "--data", a.data)
	}
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		a.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), o.String(), e.String()
}

// must runs a command that has to succeed.
func (a as) must(args ...string) string {
	a.t.Helper()
	code, out, errs := a.zida(args...)
	if code != exitOK {
		a.t.Fatalf("zida %s: exit %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// mustJSON decodes what such a command printed.
func (a as) mustJSON(into any, args ...string) {
	a.t.Helper()
	out := a.must(append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), into); err != nil {
		a.t.Fatalf("zida %s: %v in %s", strings.Join(args, " "), err, out)
	}
}

// register makes an agency with one client that may push and ask.
func (h *hubProcess) register(id, name, region string) as {
	h.t.Helper()
	operator := as{hubProcess: h}
	operator.must("admin", "agency", "add", "--id", id, "--name", name, "--region", region)
	var c credentials
	operator.mustJSON(&c, "admin", "client", "add", "--agency", id, "--scope", "push:*", "--scope", "query", "--scope", "read:*")
	if c.ClientID == "" || c.ClientSecret == "" {
		h.t.Fatal("no client was made")
	}
	return as{hubProcess: h, id: c.ClientID, secret: c.ClientSecret}
}

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
