package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// load is what a phase of single-row pushes came to.
type load struct {
	pushed
	latencies []float64 // ms, sorted
	rate      float64   // acknowledged a second
}

func (l *load) quantile(q float64) float64 {
	if len(l.latencies) == 0 {
		return 0
	}
	return l.latencies[min(int(q*float64(len(l.latencies))), len(l.latencies)-1)]
}

// pusher sends single rows on one connection.
type pusher struct {
	w         *wire
	t         *target
	request   []byte
	head      int
	rows      *rowWriter
	n, step   int
	latencies []uint32 // µs
}

func (t *target) pusher(m month, c, connections int) (*pusher, error) {
	w, err := dial(t.address)
	if err != nil {
		return nil, err
	}
	rows := m.rows()
	head := t.head(len(rows.single(nil, 0)))
	p := &pusher{w: w, t: t, head: len(head), rows: rows, n: c, step: connections, latencies: make([]uint32, 0, 1<<16)}
	p.request = append(make([]byte, 0, len(head)+256), head...)
	return p, nil
}

// push sends the next row, and counts from begin to its answer.
func (p *pusher) push(begin time.Time) error {
	p.request = p.rows.single(p.request[:p.head], p.n)
	status, answer, err := p.w.ask(p.request)
	if err != nil {
		return err
	}
	if status != p.t.status {
		return fmt.Errorf("a push of one row was answered %d: %s", status, answer)
	}
	p.latencies = append(p.latencies, uint32(time.Since(begin).Microseconds()))
	n := p.n
	p.n += p.step
	if p.t.after != nil {
		return p.t.after(n)
	}
	return nil
}

// burst pushes single rows over the connections, each as fast as it is answered.
func (t *target) burst(ctx context.Context, m month, connections int, d time.Duration) (*load, error) {
	return t.drive(ctx, m, connections, d, func(_ int, begin, end time.Time, p *pusher) error {
		for now := begin; now.Before(end); now = time.Now() {
			if err := p.push(now); err != nil {
				return err
			}
		}
		return nil
	})
}

// pace pushes single rows at a constant rate. Each has an instant at which it
// is due, whatever happened to those before it, and its time counts from there:
// a hub that stalls is charged for all that should have been sent meanwhile.
func (t *target) pace(ctx context.Context, m month, connections, rate int, d time.Duration) (*load, error) {
	gap := time.Second / time.Duration(rate)
	return t.drive(ctx, m, connections, d, func(c int, begin, end time.Time, p *pusher) error {
		for k := c; ; k += connections {
			due := begin.Add(time.Duration(k) * gap)
			if !due.Before(end) {
				return nil
			}
			if wait := time.Until(due); wait > 0 {
				time.Sleep(wait)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err := p.push(due); err != nil {
				return err
			}
		}
	})
}

func (t *target) drive(ctx context.Context, m month, connections int, d time.Duration, each func(c int, begin, end time.Time, p *pusher) error) (*load, error) {
	pushers := make([]*pusher, connections)
	for c := range pushers {
		p, err := t.pusher(m, c, connections)
		if err != nil {
			return nil, err
		}
		defer p.w.close()
		p.w.patience(d + answerPatience)
		pushers[c] = p
	}
	begin := time.Now()
	end := begin.Add(d)
	g, _ := errgroup.WithContext(ctx)
	for c, p := range pushers {
		g.Go(func() error { return each(c, begin, end, p) })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	took := time.Since(begin)
	l := &load{pushed: pushed{month: m}}
	for _, p := range pushers {
		l.counts = append(l.counts, len(p.latencies))
		for _, us := range p.latencies {
			l.latencies = append(l.latencies, float64(us)/1000)
		}
	}
	slices.Sort(l.latencies)
	l.rate = float64(len(l.latencies)) / took.Seconds()
	return l, nil
}
