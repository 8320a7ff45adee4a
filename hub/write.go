package hub

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zida-hub/zida/analytics"
	"github.com/zida-hub/zida/analytics/engine"
	"github.com/zida-hub/zida/hub/writer"
)

// Least time between two rounds of a writer: with it the tables get few parts,
// and a row is still visible well within a second.
const (
	currentInterval = 500 * time.Millisecond
	currentBusy     = 1500 * time.Millisecond
	historyInterval = 3 * time.Second
)

// tables remembers that ClickHouse has the tables: they are made at the first
// write after a start, so that a hub starts, and takes pushes, without ClickHouse.
type tables struct {
	mu    sync.Mutex
	ready atomic.Bool
	known uint64 // highest sequence that ClickHouse held when it was first asked
}

// openWriters starts both writers, and looks whether the journal holds all that
// ClickHouse has.
func (h *Hub) openWriters(ctx context.Context) error {
	if err := h.ensureTables(ctx); err != nil {
		if h.store.Embedded() {
			return err
		}
		h.slog.Warn("ClickHouse does not answer; pushes are taken once it has been asked how far it is", "error", err)
		h.behind.Store(true)
	}
	var err error
	now := h.writerOptions("current", false, currentInterval)
	now.Busy = currentBusy
	if h.current, err = writer.Start(ctx, now); err != nil {
		return err
	}
	h.onClose(func() { h.closeWriter(h.current) })
	past := h.writerOptions("history", true, historyInterval)
	past.After = h.current
	if h.history, err = writer.Start(ctx, past); err != nil {
		return err
	}
	h.onClose(func() { h.closeWriter(h.history) })
	if h.behind.Load() && !h.tables.ready.Load() {
		h.retryTables()
	}
	return nil
}

func (h *Hub) closeWriter(w *writer.Writer) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	w.Close(ctx)
}

// ensureTables makes the tables, and compares ClickHouse with the journal: a
// sequence that ClickHouse knows must never be given again.
func (h *Hub) ensureTables(ctx context.Context) error {
	if h.tables.ready.Load() {
		return nil
	}
	h.tables.mu.Lock()
	defer h.tables.mu.Unlock()
	if h.tables.ready.Load() {
		return nil
	}
	if err := h.analytics.EnsureOwn(ctx); err != nil {
		return fmt.Errorf("own tables: %w", err)
	}
	for _, c := range h.catalog.contracts() {
		if err := h.analytics.EnsureTables(ctx, c, h.catalog.get(c.ID).plan.Columns()); err != nil {
			return fmt.Errorf("tables of %s: %w", c.ID, err)
		}
	}
	known, err := h.analytics.MaxVersion(ctx)
	if err != nil {
		return err
	}
	last := h.committer.Last()
	h.behind.Store(known > last)
	if known > last {
		h.slog.Error("the journal ends below what ClickHouse knows: pushes are refused until it is restored, or opened anew with first-sequence above it",
			"journal", last, "clickhouse", known)
	}
	h.tables.known = known
	h.tables.ready.Store(true)
	return nil
}

// retryTables asks again in the background until ClickHouse answers.
func (h *Hub) retryTables() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTicker(time.Second)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				if h.ensureTables(ctx) == nil {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	h.onClose(func() { cancel(); <-done })
}

func (h *Hub) writerOptions(name string, history bool, interval time.Duration) writer.Options {
	o := writer.Options{
		Journal: h.journal, Name: name, Interval: interval, Logger: h.slog,
		Insert: func(ctx context.Context, dataset string, columns []string, body io.Reader) error {
			if err := h.ensureTables(ctx); err != nil {
				return err
			}
			return h.store.Insert(ctx, analytics.InsertQuery(dataset, history, columns), body)
		},
		One: func(ctx context.Context, dataset string, columns []string, submission int, body io.Reader) error {
			d := h.catalog.get(dataset)
			if d == nil {
				return fmt.Errorf("hub: no contract of dataset %s", dataset)
			}
			query, err := analytics.InsertOneQuery(dataset, history, columns, d.plan.Columns(), submission)
			if err != nil {
				return err
			}
			return h.store.Insert(ctx, query, body)
		},
		Refused: refusedRows,
		Hold:    h.hold,
	}
	if h.journal.Embedded() && h.tables.ready.Load() { // with replicas, another may be ahead by right
		o.Known = &h.tables.known
	}
	if h.store.Embedded() {
		o.Sync = func() error { return syncFiles(h.conf.Data) }
	}
	if history {
		o.Submissions = func(ctx context.Context, body io.Reader) error {
			return h.store.Insert(ctx, analytics.InsertSubmissionsQuery(), body)
		}
	}
	return o
}

// dataCodes are the errors of ClickHouse that say something of the rows; any
// other (a missing table or column, a limit, a lost connection) is trouble of
// the hub's own, and every submission waits until it is over.
var dataCodes = map[int32]bool{
	6: true, 27: true, 32: true, 33: true, // cannot parse text, input or the end of it
	38: true, 41: true, 53: true, // cannot parse a date or time; type mismatch
	69: true, 70: true, 72: true, // out of bound, cannot convert, cannot parse a number
	117: true, 131: true, 191: true, // incorrect data, too large a string, set limit
	321: true, 349: true, 407: true, 469: true, // value is null, null into a column that takes none, decimal overflow, a violated constraint
}

func refusedRows(err error) bool {
	e, ok := engine.AsError(err)
	return ok && dataCodes[e.Code]
}
