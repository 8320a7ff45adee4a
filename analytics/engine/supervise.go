package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"
)

const (
	backoffMin   = 50 * time.Millisecond
	backoffMax   = 10 * time.Second
	healthyAfter = 30 * time.Second // a child that lived so long starts the back-off anew
	startTries   = 3                // of the first start; later ones go on for ever
	startLimit   = 10 * time.Minute // of one start, a store of any size; then the child is taken for stuck
	killGrace    = 5 * time.Second  // between the end of the child's stdin and a kill
	probeEvery   = 10 * time.Millisecond
)

// child supervises the engine's process. One goroutine, run, starts it, waits for it and starts it again; the rest only reads the state.
type child struct {
	opts     Options
	settings settings
	lock     *os.File
	errors   *tailLog

	ctx   context.Context // ends with close
	stop  context.CancelFunc
	done  chan struct{} // closed when run has returned
	first chan error    // the outcome of the first start, once

	mu       sync.Mutex    // guards what follows
	up       chan struct{} // closed while the child serves; a fresh one while it does not
	serving  bool
	process  *os.Process // nil between two children
	tcp      uint16
	http     uint16
	restarts int
	failure  error // why the last child ended
}

func startChild(ctx context.Context, opts Options, users logins) (*child, error) {
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return nil, err
	}
	opts.Dir = dir
	if opts.Library, err = filepath.Abs(opts.Library); err != nil {
		return nil, err
	}
	if _, err := os.Stat(opts.Library); err != nil {
		return nil, fmt.Errorf("the engine's library cannot be read: %w", err)
	}
	lock, err := lockDirectory(ctx, opts.Dir)
	if err != nil {
		return nil, err
	}
	c := &child{
		opts: opts,
		lock: lock,
		settings: settings{
			Dir: opts.Dir, Host: loopbackHost(), Database: opts.Database, Limits: opts.Limits.onThisMachine(),
			Hub: users.hub, Reader: users.reader, Cluster: opts.Cluster, Shards: opts.Shards,
		},
		errors: newTailLog(filepath.Join(opts.Dir, logDir, "stderr.log")),
		done:   make(chan struct{}),
		first:  make(chan error, 1),
		up:     make(chan struct{}),
	}
	c.ctx, c.stop = context.WithCancel(context.Background())
	go c.run()
	select {
	case err = <-c.first:
	case <-ctx.Done():
		err = fmt.Errorf("waiting for the engine to start: %w", context.Cause(ctx))
	}
	if err != nil {
		return nil, errors.Join(err, c.close(context.WithoutCancel(ctx)))
	}
	return c, nil
}

// run keeps one OS thread for its whole life: the kernel's parent-death signal is tied to the thread that started the child.
func (c *child) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(c.done)
	wait, tries, started := backoffMin, 0, false
	for {
		begin := time.Now()
		err := c.runOnce(func() {
			c.opts.Logger.Info("engine serves", "pid", c.pid(), "took", time.Since(begin).Round(time.Millisecond), "restarts", c.restartCount())
			if !started {
				started = true
				c.first <- nil
			}
		})
		if c.ctx.Err() != nil {
			return
		}
		c.mu.Lock()
		c.failure = err
		c.mu.Unlock()
		if tries++; !started && tries == startTries {
			c.first <- fmt.Errorf("the engine did not start: %w", err)
			return
		}
		if time.Since(begin) > healthyAfter {
			wait = backoffMin
		}
		c.opts.Logger.Error("engine ended, starting it again", "error", err, "in", wait, "log", filepath.Join(c.opts.Dir, logDir))
		if !c.pause(wait + rand.N(wait/4)) {
			return
		}
		wait = min(2*wait, backoffMax)
		if started {
			c.mu.Lock()
			c.restarts++
			c.mu.Unlock()
		}
	}
}

func (c *child) pause(d time.Duration) (goOn bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.ctx.Done():
		return false
	}
}

// runOnce starts the child, calls ready when it serves, and returns why it ended.
func (c *child) runOnce(ready func()) error {
	tcp, http, err := freePorts(c.settings.Host)
	if err != nil {
		return err
	}
	c.settings.TCPPort, c.settings.HTTPPort = tcp, http
	if err := c.settings.write(); err != nil {
		return fmt.Errorf("writing the engine's configuration: %w", err)
	}
	if err := c.errors.open(c.opts.Logger); err != nil {
		return err
	}
	defer c.errors.close()

	// The child lives as long as the writing end stays open. It is closed by close, or by the kernel when this process is gone.
	stdin, alive, err := os.Pipe()
	if err != nil {
		return err
	}
	defer alive.Close()
	cmd, err := c.command()
	if err != nil {
		return errors.Join(err, stdin.Close())
	}
	cmd.Stdin, cmd.Stderr = stdin, c.errors
	err = cmd.Start()
	_ = stdin.Close()
	if err != nil {
		return fmt.Errorf("running this program again as the engine: %w", err)
	}

	c.begin(cmd.Process, tcp, http)
	ended := make(chan struct{})
	var watchers sync.WaitGroup
	watchers.Go(func() { c.attend(ended, cmd.Process, http, ready) })
	watchers.Go(func() { endWith(c.ctx, ended, alive, cmd.Process) })
	waitErr := cmd.Wait()
	close(ended)
	watchers.Wait()
	c.end()
	return fmt.Errorf("%w%s", describeExit(waitErr), c.errors.lastWords())
}

func (c *child) command() (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args := []string{childCommand, childSubcommand, "--library", c.opts.Library, "--dir", c.opts.Dir}
	ports := []uint16{c.settings.TCPPort, c.settings.HTTPPort}
	if c.opts.Cluster != "" {
		args = append(args, "--native")
	}
	for _, shard := range c.opts.Shards {
		if shard.Port != 0 {
			ports = append(ports, shard.Port)
		}
	}
	for _, port := range ports {
		args = append(args, "--port", strconv.Itoa(int(port)))
	}
	cmd := exec.Command(self, args...)
	cmd.Dir = c.opts.Dir
	cmd.Env = []string{} // /proc/self/environ is readable by SQL
	cmd.SysProcAttr = childAttributes()
	cmd.WaitDelay = killGrace
	return cmd, nil
}

// attend waits until the child answers /ping, says so, and watches it from then on.
func (c *child) attend(ended <-chan struct{}, process *os.Process, port uint16, ready func()) {
	if !c.awaitServing(ended, process, port) {
		return
	}
	c.mu.Lock()
	c.serving = true
	close(c.up)
	c.mu.Unlock()
	ready()
	c.watch(c.ctx, ended, process, port)
}

// awaitServing asks for /ping until the child answers; false where it ended or close was called.
func (c *child) awaitServing(ended <-chan struct{}, process *os.Process, port uint16) bool {
	ctx, cancel := context.WithTimeout(c.ctx, startLimit)
	defer cancel()
	transport := newTransport((&net.Dialer{Timeout: watchTimeout}).DialContext, nil, 1)
	defer transport.CloseIdleConnections()
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ended:
			return false
		case <-ctx.Done():
			if c.ctx.Err() == nil {
				c.opts.Logger.Error("engine does not answer, killing it", "after", startLimit)
				_ = process.Kill()
			}
			return false
		case <-ticker.C:
		}
		if ping(ctx, transport, c.settings.Host, port) {
			return true
		}
	}
}

// endWith ends the child when ctx does: its stdin first, a kill if that is not enough.
func endWith(ctx context.Context, ended <-chan struct{}, alive *os.File, process *os.Process) {
	select {
	case <-ended:
		return
	case <-ctx.Done():
	}
	_ = alive.Close()
	timer := time.NewTimer(killGrace)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
		_ = process.Kill()
	}
}

func (c *child) begin(process *os.Process, tcp, http uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.process, c.tcp, c.http = process, tcp, http
}

func (c *child) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.process = nil
	if c.serving {
		c.serving, c.up = false, make(chan struct{})
	}
}

// close ends the child, waits for it, and gives the directory free. When ctx ends first the child is killed.
func (c *child) close(ctx context.Context) error {
	c.stop()
	select {
	case <-c.done:
	case <-ctx.Done():
		c.mu.Lock()
		if c.process != nil {
			_ = c.process.Kill()
		}
		c.mu.Unlock()
		<-c.done
	}
	return c.lock.Close()
}

// dial connects to the child's HTTP port where it is now, waiting for it while it is down.
func (c *child) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c.mu.Lock()
	up := c.up
	c.mu.Unlock()
	select {
	case <-up:
	case <-c.ctx.Done():
		return nil, errClosed
	case <-ctx.Done():
		return nil, errors.Join(fmt.Errorf("the engine is down: %w", ctx.Err()), c.state())
	}
	c.mu.Lock()
	address := hostPort(c.settings.Host, c.http)
	c.mu.Unlock()
	var dialer net.Dialer
	return dialer.DialContext(ctx, network, address)
}

var errClosed = errors.New("the engine is closed")

// state is nil while the child serves.
func (c *child) state() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.serving:
		return nil
	case c.failure != nil:
		return fmt.Errorf("the engine is being started again: %w", c.failure)
	default:
		return errors.New("the engine is starting")
	}
}

func (c *child) pid() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil {
		return 0
	}
	return c.process.Pid
}

func (c *child) restartCount() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.restarts
}

func (c *child) ports() (tcp, http uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tcp, c.http
}

func describeExit(err error) error {
	if err == nil {
		return errors.New("the engine exited")
	}
	return fmt.Errorf("the engine exited: %w", err)
}
