package hub

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zida-hub/zida/hub/receipt"
)

// rollups is how far the rollups are complete. They are kept by a hub that is the only
// writer; behind a cluster's journal, queries read the records themselves.
type rollups struct {
	mu   sync.Mutex // one bringing-up at a time
	upTo atomic.Uint64
}

// The rollups are brought up every two seconds while that takes little, else less often, so
// that most of the time is left to others. It costs queries, not exactness, to wait: what
// was touched since is read from the records.
const (
	rollEvery  = 2 * time.Second
	rollAtMost = 15 * time.Second
	rollShare  = 10 // a tenth of the time
)

// rollUp brings the rollups up to a sequence that the tables have reached. What it does
// not get done, queries read from the records, and the next call brings it up.
func (h *Hub) rollUp(ctx context.Context, sequence uint64) {
	if !h.journal.Embedded() || !h.tables.ready.Load() {
		return
	}
	h.rollups.mu.Lock()
	defer h.rollups.mu.Unlock()
	from := h.rollups.upTo.Load()
	if sequence <= from {
		return
	}
	if err := h.analytics.Roll(ctx, from, sequence); err != nil {
		if ctx.Err() == nil {
			h.slog.Warn("rollups lag; queries read the records", "from", from, "to", sequence, "error", err)
		}
		return
	}
	h.rollups.upTo.Store(sequence)
}

// openRollups finds out how far they were brought by the last run.
func (h *Hub) openRollups(ctx context.Context) error {
	if !h.journal.Embedded() {
		return nil
	}
	var upTo uint64
	if h.tables.ready.Load() { // else ClickHouse is away: they are made anew when it is back
		var err error
		if upTo, err = h.analytics.Rolled(ctx); err != nil {
			return err
		}
	}
	// A submission that was released after a repair has old versions: the days it
	// touched may have been left out when the hub ended before it brought them up.
	h.held.mu.Lock()
	for id, n := range h.held.notes {
		if sequence, _, err := receipt.ParseID(id); err == nil && n.Released && sequence <= upTo {
			upTo = sequence - 1
		}
	}
	h.held.mu.Unlock()
	h.rollups.upTo.Store(min(upTo, h.current.Watermark()))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTimer(0)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				begin := time.Now()
				h.rollUp(ctx, h.current.Watermark())
				t.Reset(min(max(rollEvery, (rollShare-1)*time.Since(begin)), rollAtMost))
			case <-ctx.Done():
				return
			}
		}
	}()
	h.onClose(func() { cancel(); <-done })
	return nil
}

// rollBack has queries read the records of what came from a sequence on, and the next
// bringing-up take it in: rows of a submission of before are about to be written.
func (h *Hub) rollBack(sequence uint64) {
	h.rollups.mu.Lock()
	defer h.rollups.mu.Unlock()
	if sequence <= h.rollups.upTo.Load() {
		h.rollups.upTo.Store(sequence - 1)
	}
}
