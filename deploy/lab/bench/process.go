package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is a child of the bench. It is ended by its own id, and waited for.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
	first string // the first line it wrote
	log   string
	ended chan struct{}
}

// startProcess runs a program and waits for its first line.
func startProcess(log, name string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(name, args...), log: log, ended: make(chan struct{})}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	stderr, err := os.OpenFile(log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer stderr.Close()
	p.cmd.Stderr = stderr
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	lines := make(chan string, 1)
	go func() {
		defer close(p.ended)
		r := bufio.NewReader(out)
		line, _ := r.ReadString('\n')
		lines <- strings.TrimSpace(line)
		_, _ = io.Copy(io.Discard, r)
		_ = p.cmd.Wait()
	}()
	select {
	case p.first = <-lines:
	case <-time.After(time.Minute):
	}
	if p.first == "" {
		p.stop()
		return nil, fmt.Errorf("%s said nothing; its log ends with:\n%s", name, p.tail())
	}
	return p, nil
}

// stop asks the process to end, and ends it when it does not.
func (p *process) stop() {
	_ = p.stdin.Close()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// tail is the end of the process's log, for errors.
func (p *process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}

// status reads a size of /proc/PID/status, in MiB.
func status(pid int, field string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("process %d tells no %s", pid, field)
}

// children lists the processes whose parent is pid.
func children(pid int) []int {
	var found []int
	paths, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range paths {
		fields := statFields(path)
		if len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			if child, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
				found = append(found, child)
			}
		}
	}
	return found
}

// statFields are those of /proc/PID/stat after the name, which may hold spaces.
func statFields(path string) []string {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return strings.Fields(rest)
}

// ticks is the processor time the processes have used, in hundredths of a second.
func ticks(pids []int) (sum int) {
	for _, pid := range pids {
		if f := statFields(fmt.Sprintf("/proc/%d/stat", pid)); len(f) > 12 {
			user, _ := strconv.Atoi(f[11])
			system, _ := strconv.Atoi(f[12])
			sum += user + system
		}
	}
	return sum
}

// spent runs f and tells the processor time, in ms, that each process used
// meanwhile. Unlike a duration it says little of what else the machine did.
func spent(f func() error, pids ...int) ([]float64, error) {
	before := make([]int, len(pids))
	for i, pid := range pids {
		before[i] = ticks([]int{pid})
	}
	err := f()
	used := make([]float64, len(pids))
	for i, pid := range pids {
		used[i] = float64(ticks([]int{pid})-before[i]) * 10
	}
	return used, err
}

// What counts as idle: all processes together use less than a tenth of one
// processor. Merges after a large insert take a while.
const (
	idleSpan     = 400 * time.Millisecond
	idleTicks    = 4
	idlePatience = 2 * time.Minute
)

var errBusy = errors.New("a side that should be idle keeps the processor busy")

// settle writes dirty pages out, and waits until none of the processes works.
func settle(ctx context.Context, pids ...int) error {
	unix.Sync()
	deadline := time.Now().Add(idlePatience)
	for time.Now().Before(deadline) {
		before := ticks(pids)
		select {
		case <-time.After(idleSpan):
		case <-ctx.Done():
			return ctx.Err()
		}
		if ticks(pids)-before < idleTicks {
			return nil
		}
	}
	return errBusy
}
