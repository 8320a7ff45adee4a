package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// bench is a run: the three sides, and what was measured so far.
type bench struct {
	settings
	dir     string
	hub     *hub
	direct  *direct
	noop    *process
	results results
	tasks   []readTask // what the round in progress got acknowledged
}

// run measures all rounds and reports. Whatever it started has ended, and its
// directory is gone, when it returns.
func run(ctx context.Context, s settings) (err error) {
	dir, err := os.MkdirTemp("", "zida-bench-")
	if err != nil {
		return err
	}
	if s.keep {
		fmt.Fprintln(os.Stderr, "bench: keeping", dir)
	} else {
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	b := &bench{settings: s, dir: dir, results: results{}}
	defer b.stop()
	if err := b.start(ctx); err != nil {
		return err
	}
	for round := range s.rounds {
		fmt.Fprintf(os.Stderr, "bench: round %d of %d\n", round+1, s.rounds)
		if err := b.round(ctx, round); err != nil {
			return fmt.Errorf("round %d: %w", round+1, err)
		}
	}
	if err := b.finish(ctx); err != nil {
		return err
	}
	return b.report()
}

func (b *bench) start(ctx context.Context) (err error) {
	if b.hub, err = startHub(ctx, b.binary, filepath.Join(b.dir, "hub"), filepath.Join(b.dir, "hub.log")); err != nil {
		return err
	}
	b.results.add("start_ready_ms", ms(b.hub.ready))
	if err := b.hub.register(ctx); err != nil {
		return err
	}
	if b.direct, err = startDirect(ctx, filepath.Join(b.dir, "direct")); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if b.noop, err = startProcess(filepath.Join(b.dir, "noop.log"), self, noopCommand); err != nil {
		return err
	}
	if err := b.rest(ctx); err != nil {
		return err
	}
	return b.memory("idle", "VmRSS")
}

func (b *bench) stop() {
	if b.noop != nil {
		b.noop.stop()
	}
	if b.hub != nil {
		b.hub.stop()
	}
	if b.direct != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = b.direct.store.Close(ctx)
	}
}

// rest waits until every side is idle.
func (b *bench) rest(ctx context.Context) error {
	if err := b.hub.rest(ctx); err != nil {
		return err
	}
	return settle(ctx, append(b.direct.pids(), b.noop.pid())...)
}

func (b *bench) memory(when, field string) error {
	for _, p := range []struct {
		name string
		pid  int
	}{{"hub", b.hub.pid()}, {"engine", b.hub.engine}} {
		mib, err := status(p.pid, field)
		if err != nil {
			return err
		}
		b.results.add(p.name+"_rss_"+when+"_mib", mib)
	}
	return nil
}

// step is one measurement of a round.
type step func(ctx context.Context, round int) error

// round takes every measurement once, the sides in turn, and reads back what
// was acknowledged.
func (b *bench) round(ctx context.Context, round int) error {
	b.tasks = nil
	for _, group := range []struct {
		name  string
		sides []step // which take turns
		after []step
	}{
		{groupBulk, b.bulkSteps(round), []step{b.dryRun}},
		{groupSmall, []step{b.burstHub, b.burstDirect, b.burstNoop}, []step{b.single}},
		{groupPace, nil, []step{b.paced}},
	} {
		if !b.groups[group.name] {
			continue
		}
		steps := turned(group.sides, round)
		for _, do := range append(steps, group.after...) {
			if err := b.rest(ctx); err != nil {
				return err
			}
			if err := do(ctx, round); err != nil {
				return err
			}
		}
	}
	b.ratios(round)
	if err := b.hub.rest(ctx); err != nil {
		return err
	}
	token, err := b.hub.token(ctx, b.hub.client)
	if err != nil {
		return err
	}
	for i := range b.tasks {
		b.tasks[i].URL, b.tasks[i].Token = b.hub.url, token
	}
	if err := readback(ctx, b.tasks); err != nil {
		return err
	}
	for _, t := range b.tasks {
		if err := os.Remove(t.File); err != nil {
			return err
		}
	}
	return nil
}

// turned is the order of a round: forward, then backward, and so on.
func turned(steps []step, round int) []step {
	out := append([]step(nil), steps...)
	if round%2 == 1 {
		for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
			out[i], out[j] = out[j], out[i]
		}
	}
	return out
}

func (b *bench) month(round, phase int) month { return month(round*monthsPerRound + phase) }

// expect remembers a file whose records must be what a month holds.
func (b *bench) expect(m month, file string) {
	b.tasks = append(b.tasks, readTask{From: m.from(), To: m.to(), File: file})
}

// path is a file of the run's own directory.
func (b *bench) path(name string, m month) string {
	return filepath.Join(b.dir, fmt.Sprintf("%s-%d.ndjson", name, m))
}

// finish reads what counts over the whole run, and starts the hub once more on
// all that it took.
func (b *bench) finish(ctx context.Context) error {
	if err := b.memory("max", "VmHWM"); err != nil {
		return err
	}
	b.hub.stop()
	again, err := startHub(ctx, b.binary, b.hub.data, b.hub.log)
	if err != nil {
		return err
	}
	again.client = b.hub.client
	b.hub = again
	b.results.add("restart_ready_ms", ms(again.ready))
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
