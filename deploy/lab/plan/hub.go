package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// hub is `zida demo`, as anybody starts it.
type hub struct {
	cmd    *exec.Cmd
	binary string
	data   string
	first  string // the moment up to which it had first reports only
}

// startDemo starts it on a free port, and waits until all of its data answers.
func startDemo(ctx context.Context, binary, data string) (*hub, error) {
	h := &hub{binary: binary, data: data}
	h.cmd = exec.CommandContext(ctx, binary, "demo", "--data", data, "--listen", "127.0.0.1:0", "--until", untilDay, "--json") //nolint:gosec // the binary under test
	h.cmd.Cancel = func() error { return h.cmd.Process.Signal(syscall.SIGTERM) }
	h.cmd.WaitDelay = time.Minute
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	var messages bytes.Buffer
	h.cmd.Stderr = &messages
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := h.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: build it with make build", err)
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		h.stop()
		return nil, fmt.Errorf("%s demo did not come up: %w\n%s", binary, err, messages.String())
	}
	var ready struct {
		First string `json:"first_reports_until"`
	}
	if err := json.Unmarshal(line, &ready); err != nil || ready.First == "" {
		h.stop()
		return nil, fmt.Errorf("%s demo said %q: %w", binary, line, errors.Join(err, errors.New("no moment of the first reports")))
	}
	h.first = ready.First
	return h, nil
}

func (h *hub) stop() {
	_ = h.cmd.Process.Signal(syscall.SIGTERM)
	_ = h.cmd.Wait()
}

// firstReports stands in commands for the moment before anything was revised: it
// differs from run to run.
const firstReports = "$FIRST"

// query runs a command line of the document.
func (h *hub) query(ctx context.Context, command string) (*answer, error) {
	args := append([]string{"query"}, strings.Fields(strings.ReplaceAll(command, firstReports, h.first))...)
	cmd := exec.CommandContext(ctx, h.binary, append(args, "--json", "--lang", "zh", "--data", h.data)...) //nolint:gosec // as above
	var messages bytes.Buffer
	cmd.Stderr = &messages
	cmd.Env = os.Environ()
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, strings.TrimSpace(messages.String()))
	}
	dec := json.NewDecoder(bytes.NewReader(out))
	dec.UseNumber()
	a := &answer{}
	return a, dec.Decode(a)
}

// answer is the hub's, as far as it is compared.
type answer struct {
	Columns []column `json:"columns"`
	Rows    [][]any  `json:"rows"`
}

type column struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Unit  string `json:"unit"`
	Label string `json:"label"`
}
