package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// The direct way's settings: ClickHouse's own for a bulk insert, the same
// without sorting the block's equal keys out, and one row at a time with the
// server gathering what waits together.
const (
	bulkSettings  = "async_insert=0"
	tunedSettings = "async_insert=0, optimize_on_insert=0"
	rowSettings   = "async_insert=1, wait_for_async_insert=1"
)

const (
	connections       = 64
	paceRate          = 1000 // requests a second
	sampleConnections = 64
	sampleRate        = 40 // of pushes that wait until they are visible, beside the others
	sampleRead        = 20 // one in so many of those is read
)

// bulkSteps push the same file by both ways, and another of the same size to
// see when it is acknowledged.
func (b *bench) bulkSteps(int) []step {
	return []step{
		func(ctx context.Context, round int) error {
			return b.bulkHub(ctx, round, monthVisible, "?wait=visible", 200, "bulk_visible_ms")
		},
		func(ctx context.Context, round int) error {
			return b.bulkDirect(ctx, round, bulkSettings, "bulk_direct_ms")
		},
		func(ctx context.Context, round int) error {
			return b.bulkHub(ctx, round, monthAck, "", 202, "bulk_ack_ms")
		},
		func(ctx context.Context, round int) error {
			return b.bulkDirect(ctx, round, tunedSettings, "bulk_direct_tuned_ms")
		},
	}
}

func (b *bench) bulkHub(ctx context.Context, round, phase int, query string, status int, name string) error {
	m := b.month(round, phase)
	body, err := bulkFile(b.path("bulk", m), m, b.rows)
	if err != nil {
		return err
	}
	if err := b.rest(ctx); err != nil { // the file's pages are written out, too
		return err
	}
	door, err := b.hub.push(ctx, query, status)
	if err != nil {
		return err
	}
	var took time.Duration
	used, err := spent(func() (err error) {
		took, _, err = door.post(body)
		return err
	}, b.hub.pids()...)
	if err != nil {
		return err
	}
	b.expect(m, b.path("bulk", m))
	b.results.add(name, ms(took))
	if phase == monthVisible {
		b.results.add("bulk_hub_cpu_ms", used[0])
		b.results.add("bulk_engine_cpu_ms", used[1])
		b.results.add("bulk_rows_per_s", float64(b.rows)/took.Seconds())
		b.results.add("bulk_bytes_per_row", float64(len(body))/float64(b.rows))
	}
	return nil
}

func (b *bench) bulkDirect(ctx context.Context, round int, settings, name string) error {
	m := b.month(round, monthVisible)
	w := m.rows()
	body := make([]byte, 0, b.rows*176)
	for n := range b.rows {
		body = w.bulk(body, n)
	}
	table := fmt.Sprintf("%s_%d", name, m)
	if err := b.direct.table(ctx, table); err != nil {
		return err
	}
	if err := b.rest(ctx); err != nil {
		return err
	}
	var took time.Duration
	used, err := spent(func() (err error) {
		took, _, err = b.direct.insert(table, settings).post(body)
		return err
	}, b.direct.pids()...)
	if err != nil {
		return err
	}
	b.results.add(name, ms(took))
	b.results.add(strings.TrimSuffix(name, "_ms")+"_cpu_ms", used[0])
	return b.direct.drop(ctx, table, b.rows)
}

// dryRun has a file read, digested and checked, and nothing taken: the first
// part of a push by itself.
func (b *bench) dryRun(ctx context.Context, round int) error {
	w := b.month(round, monthVisible).rows()
	body := make([]byte, 0, b.rows*176)
	for n := range b.rows {
		body = w.bulk(body, n)
	}
	door, err := b.hub.push(ctx, "?dry_run=true", 200)
	if err != nil {
		return err
	}
	took, _, err := door.post(body)
	b.results.add("bulk_check_ms", ms(took))
	return err
}

// acknowledged writes down what a phase got acknowledged.
func (b *bench) acknowledged(l *load) error {
	file := b.path("rows", l.month)
	if err := l.file(file); err != nil {
		return err
	}
	b.expect(l.month, file)
	return nil
}

func (b *bench) burstHub(ctx context.Context, round int) error {
	door, err := b.hub.push(ctx, "", 202)
	if err != nil {
		return err
	}
	var l *load
	used, err := spent(func() (err error) {
		l, err = door.burst(ctx, b.month(round, monthBurst), connections, b.duration)
		return err
	}, b.hub.pids()...)
	if err != nil {
		return err
	}
	b.results.add("small_push_per_s", l.rate)
	b.results.add("small_hub_cpu_us_per_push", 1000*used[0]/float64(l.total()))
	b.results.add("small_engine_cpu_us_per_push", 1000*used[1]/float64(l.total()))
	b.results.add("ack_64_p50_ms", l.quantile(0.5))
	b.results.add("ack_64_p99_ms", l.quantile(0.99))
	return b.acknowledged(l)
}

func (b *bench) burstDirect(ctx context.Context, round int) error {
	m := b.month(round, monthBurst)
	table := fmt.Sprintf("rows_%d", m)
	if err := b.direct.table(ctx, table); err != nil {
		return err
	}
	if err := b.rest(ctx); err != nil {
		return err
	}
	l, err := b.direct.insert(table, rowSettings).burst(ctx, m, connections, b.duration)
	if err != nil {
		return err
	}
	b.results.add("small_direct_per_s", l.rate)
	b.results.add("small_direct_p99_ms", l.quantile(0.99))
	return b.direct.drop(ctx, table, l.total())
}

// burstNoop sends the very requests of burstHub, token included, to the handler
// that does nothing.
func (b *bench) burstNoop(ctx context.Context, round int) error {
	door, err := b.hub.push(ctx, "", 202)
	if err != nil {
		return err
	}
	door.address = b.noop.first
	var l *load
	used, err := spent(func() (err error) {
		l, err = door.burst(ctx, b.month(round, monthBurst), connections, b.duration)
		return err
	}, b.noop.pid())
	if err != nil {
		return err
	}
	b.results.add("small_noop_per_s", l.rate)
	b.results.add("small_noop_cpu_us_per_push", 1000*used[0]/float64(l.total()))
	b.results.add("small_noop_p99_ms", l.quantile(0.99))
	return nil
}

// single pushes rows one after another over one connection.
func (b *bench) single(ctx context.Context, round int) error {
	door, err := b.hub.push(ctx, "", 202)
	if err != nil {
		return err
	}
	l, err := door.burst(ctx, b.month(round, monthSingle), 1, b.duration/2)
	if err != nil {
		return err
	}
	b.results.add("ack_1_p50_ms", l.quantile(0.5))
	b.results.add("ack_1_p99_ms", l.quantile(0.99))
	return b.acknowledged(l)
}

// paced pushes rows at a constant rate, and beside them, on connections of
// their own, some that wait until they are visible; of those a few are read.
func (b *bench) paced(ctx context.Context, round int) error {
	door, err := b.hub.push(ctx, "", 202)
	if err != nil {
		return err
	}
	waiting, err := b.hub.push(ctx, "?wait=visible", 200)
	if err != nil {
		return err
	}
	see := b.hub.seer(waiting.token, b.month(round, monthSample))
	waiting.after = func(n int) error {
		if n/sampleConnections%sampleRead != n%sampleConnections%sampleRead {
			return nil
		}
		return see(ctx, n)
	}
	var paced, sampled *load
	g, within := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		paced, err = door.pace(within, b.month(round, monthPace), connections, paceRate, 2*b.duration)
		return err
	})
	g.Go(func() (err error) {
		sampled, err = waiting.pace(within, b.month(round, monthSample), sampleConnections, sampleRate, 2*b.duration)
		return err
	})
	if err := g.Wait(); err != nil {
		return err
	}
	b.results.add("small_push_p99_ms", paced.quantile(0.99))
	b.results.add("small_push_p50_ms", paced.quantile(0.5))
	b.results.add("small_push_max_ms", paced.quantile(1))
	b.results.add("visible_p50_ms", sampled.quantile(0.5))
	b.results.add("visible_p99_ms", sampled.quantile(0.99))
	b.results.add("visible_max_ms", sampled.quantile(1))
	if lacking := float64(paceRate)*(2*b.duration).Seconds() - float64(paced.total()); lacking > float64(paceRate) {
		return fmt.Errorf("the constant rate was not kept: %.0f pushes are missing", lacking)
	}
	if err := b.acknowledged(paced); err != nil {
		return err
	}
	return b.acknowledged(sampled)
}

// seer makes the look at one record that its push said is visible.
func (h *hub) seer(token string, m month) func(ctx context.Context, n int) error {
	rows := m.rows()
	return func(ctx context.Context, n int) error {
		var want tally
		row := rows.single(nil, n)
		if err := want.add(row); err != nil {
			return err
		}
		second := m.start().Add(time.Duration(n/spotCount) * time.Second)
		got, err := h.look(ctx, token, spots[n%spotCount], second)
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("record %d of %s was said to be visible, and %d are read that differ from it: %s", n, m.from(), got.count, row)
		}
		return nil
	}
}
