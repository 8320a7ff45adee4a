package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/zida-hub/zida/connectors"
	"github.com/zida-hub/zida/hub/cli/demo"
)

// hub is `zida serve`, as anybody starts it.
type hub struct {
	cmd  *exec.Cmd
	data string
	url  string
}

func startHub(ctx context.Context, binary, data, log string) (*hub, error) {
	h := &hub{cmd: exec.Command(binary, "serve", "--data", data, "--listen", "127.0.0.1:0"), data: data}
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	errs, err := os.OpenFile(log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer errs.Close()
	h.cmd.Stderr = errs
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := h.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: build it with make build", err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	go func() { _, _ = io.Copy(io.Discard, out) }()
	at := strings.Index(line, "http://")
	if at < 0 {
		h.stop()
		return nil, fmt.Errorf("the hub said %q; %s says why", line, log)
	}
	h.url = strings.TrimSpace(line[at:])
	ready := func() (bool, error) {
		answer, err := http.Get(h.url + "/readyz")
		if err != nil {
			return false, nil //nolint:nilerr // it may not listen yet
		}
		return answer.StatusCode == http.StatusOK, answer.Body.Close()
	}
	if err := until(ctx, ready); err != nil {
		h.stop()
		return nil, err
	}
	return h, nil
}

func (h *hub) stop() {
	_ = h.cmd.Process.Signal(syscall.SIGTERM)
	_ = h.cmd.Wait()
}

// until asks again and again whether something is so.
func until(ctx context.Context, so func() (bool, error)) error {
	for {
		if is, err := so(); is || err != nil {
			return err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// rest waits until all that was pushed is in the tables, in history and in the rollups.
func (h *hub) rest(ctx context.Context) error {
	return until(ctx, func() (bool, error) {
		answer, err := http.Get(h.url + "/metrics")
		if err != nil {
			return false, err
		}
		page, err := io.ReadAll(answer.Body)
		if err = errors.Join(err, answer.Body.Close()); err != nil {
			return false, err
		}
		end := gauge(page, "zida_journal_sequence")
		for _, name := range []string{"zida_watermark", "zida_history_watermark", "zida_rolled"} {
			if gauge(page, name) != end {
				return false, nil
			}
		}
		return end > 0, nil
	})
}

// gauge reads one value of a Prometheus page, -1 where there is none.
func gauge(page []byte, name string) float64 {
	for line := range bytes.Lines(page) {
		if rest, ok := bytes.CutPrefix(line, []byte(name+" ")); ok {
			if value, err := strconv.ParseFloat(string(bytes.TrimSpace(rest)), 64); err == nil {
				return value
			}
		}
	}
	return -1
}

// account is a client of the hub.
type account struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
}

func (h *hub) as(a account) (*connectors.Client, error) {
	return connectors.New(connectors.Config{URL: h.url, ClientID: a.ID, ClientSecret: a.Secret})
}

// register makes both sides' agencies, and a client of each.
func (h *hub) register(ctx context.Context) ([]account, error) {
	text, err := os.ReadFile(filepath.Join(h.data, "admin.json"))
	if err != nil {
		return nil, err
	}
	var operator account
	if err := json.Unmarshal(text, &operator); err != nil {
		return nil, err
	}
	admin, err := h.as(operator)
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	accounts := make([]account, len(demo.Sides))
	for i, side := range demo.Sides {
		if _, err := admin.Admin(ctx, http.MethodPost, "/agencies", nil, map[string]any{"id": side.ID, "name": side.Name, "regions": []string{side.Region}}); err != nil {
			return nil, err
		}
		text, err := admin.Admin(ctx, http.MethodPost, "/clients", nil, map[string]any{
			"agency": side.ID, "name": "lab", "scopes": []string{"push:*", "read:*", "query"}, "clearance": "sensitive",
		})
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, &accounts[i]); err != nil {
			return nil, err
		}
	}
	return accounts, nil
}

// memory is how much the hub and its engine have had resident at most, in MiB.
func (h *hub) memory() (ours, engine float64, err error) {
	pid := h.cmd.Process.Pid
	if ours, err = peak(pid); err != nil {
		return 0, 0, err
	}
	children, err := childrenOf(pid)
	if err != nil || len(children) != 1 {
		return ours, 0, errors.Join(err, fmt.Errorf("the hub has %d children, not its engine alone", len(children)))
	}
	engine, err = peak(children[0])
	return ours, engine, err
}

// childrenOf lists a process's children: those of each of its threads.
func childrenOf(pid int) (pids []int, err error) {
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return nil, err
	}
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // the thread has ended
		}
		for field := range strings.FieldsSeq(string(text)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				return nil, err
			}
			pids = append(pids, child)
		}
	}
	return pids, nil
}

// forget sets the highest resident sizes back to those of now, proc(5).
func (h *hub) forget() error {
	children, err := childrenOf(h.cmd.Process.Pid)
	if err != nil {
		return err
	}
	for _, pid := range append(children, h.cmd.Process.Pid) {
		if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func peak(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("process %d tells no VmHWM", pid)
}
