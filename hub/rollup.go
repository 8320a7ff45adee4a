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
	mu    sync.Mutex // one bringing-up at a time
	upTo  atomic.Uint64
	noted time.Time // when upTo was last written down

	soon  sync.Mutex
	over  chan struct{} // closed when the bringing-up that is due or under way has ended
	until time.Time     // when that will be, by what the last one took
}

// The rollups are brought up whenever the tables have moved, and then left alone for three
// times as long as it took; where it takes long, for nine times and two seconds at least,
// and as long as blocks come by the dozen a second, for a quarter of a minute, so that
// nearly all of the time is left to others. It costs queries, not exactness, to wait: what
// was touched since is read from the records.
const (
	rollShare    = 4
	rollQuick    = 250 * time.Millisecond
	rollLong     = 10 // the share of what takes longer
	rollLongWait = 2 * time.Second
	rollAtMost   = 15 * time.Second
	rollFew      = 32 // blocks in a time of rollLook
	rollLook     = time.Second
	rollNoted    = 15 * time.Second
	rollPatience = 300 * time.Millisecond // of a question, for one that will soon have ended
)

// rollPause is how long the rollups are left alone after it took so long.
func rollPause(took time.Duration) time.Duration {
	if took <= rollQuick {
		return (rollShare - 1) * took
	}
	return min(max(rollLongWait, (rollLong-1)*took), rollAtMost)
}

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
	if !h.answers.settled(h.analytics.RolledUp(), from, sequence) {
		if err := h.analytics.Roll(ctx, from, sequence); err != nil {
			if ctx.Err() == nil {
				h.slog.Warn("rollups lag; queries read the records", "from", from, "to", sequence, "error", err)
			}
			return
		}
	}
	h.rollups.upTo.Store(sequence)
	if time.Since(h.rollups.noted) > rollNoted {
		h.noteRolled(ctx)
	}
}

// noteRolled writes down how far the rollups are; a start does again what was not.
func (h *Hub) noteRolled(ctx context.Context) {
	h.rollups.noted = time.Now()
	if err := h.analytics.NoteRolled(ctx, h.rollups.upTo.Load()); err != nil && ctx.Err() == nil {
		h.slog.Warn("the next start brings the rollups up from further back", "error", err)
	}
}

// rolled is the sequence up to which queries need not look beside the rollups.
func (h *Hub) rolled(watermark uint64) uint64 {
	upTo := h.rollups.upTo.Load()
	if upTo > 0 && upTo < watermark && h.answers.settled(h.analytics.RolledUp(), upTo, watermark) {
		return watermark // what came since is of other datasets
	}
	return upTo
}

// awaitRollups waits a moment where the rollups are about to be brought up: a page asks as
// soon as it is told of a submission, and to read the records beside them costs more.
func (h *Hub) awaitRollups(ctx context.Context) {
	mark := h.current.Watermark()
	r := &h.rollups
	if upTo := h.rolled(mark); upTo == 0 || upTo >= mark {
		return
	}
	over, left := r.next()
	if over == nil || left > rollPatience {
		return
	}
	t := time.NewTimer(rollPatience)
	defer t.Stop()
	select {
	case <-over:
	case <-t.C:
	case <-ctx.Done():
	}
}

// next is closed when the bringing-up that is due or under way has ended, in about so long.
func (r *rollups) next() (over <-chan struct{}, left time.Duration) {
	r.soon.Lock()
	defer r.soon.Unlock()
	return r.over, time.Until(r.until)
}

// expect says when a bringing-up will have ended: one that is known of, or the next.
func (r *rollups) expect(over chan struct{}, in time.Duration) chan struct{} {
	if over == nil {
		over = make(chan struct{})
	}
	r.soon.Lock()
	defer r.soon.Unlock()
	r.over, r.until = over, time.Now().Add(in)
	return over
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
		h.keepRolled(ctx)
	}()
	h.onClose(func() {
		cancel()
		<-done
		if h.tables.ready.Load() && h.rollups.upTo.Load() > 0 {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			h.rollups.mu.Lock()
			defer h.rollups.mu.Unlock()
			h.noteRolled(ctx)
		}
	})
	return nil
}

// keepRolled brings the rollups up as the tables move, until ctx ends.
func (h *Hub) keepRolled(ctx context.Context) {
	t := time.NewTimer(0)
	defer t.Stop()
	var took time.Duration
	var rolled time.Time
	seen := h.current.Watermark() // a moment ago
	over := h.rollups.expect(nil, 0)
	for {
		moved := h.current.Moved()
		from, to := h.rollups.upTo.Load(), h.current.Watermark()
		if to <= from {
			select {
			case <-moved:
				continue
			case <-ctx.Done():
				return
			}
		}
		if to-min(seen, to) > rollFew && time.Since(rolled) < rollAtMost { // pushes come by the hundred: theirs is the machine
			seen = to
			h.rollups.expect(over, rollLook+took)
			t.Reset(rollLook)
			select {
			case <-t.C:
				continue
			case <-ctx.Done():
				return
			}
		}
		h.rollups.expect(over, took)
		begin := time.Now()
		h.rollUp(ctx, to)
		took, rolled, seen = time.Since(begin), time.Now(), to
		pause := rollPause(took)
		if h.rollups.upTo.Load() < to { // it has said why
			pause = max(pause, rollLongWait)
		}
		close(over)
		over = h.rollups.expect(nil, pause+took)
		t.Reset(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
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
