package hub

import (
	lru "container/list"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/zida-hub/zida/analytics"
	"github.com/zida-hub/zida/hub/journal"
)

// An answer stays true until a submission touches what it is made of. A page and a wall ask
// the same of each other's datasets every time that one of them moves, so answers of
// batches are kept, each until its own datasets move on.

// Bounds of what is kept.
const (
	keptMost  = 2048
	keptCells = 2 << 20 // in all answers together
	keptOfOne = 20_000  // cells of one; a larger answer is not kept
)

// keptAnswers is the answers that are kept, and the newest submission of every dataset.
type keptAnswers struct {
	mu     sync.Mutex
	newest map[string]uint64 // sequence of the newest submission by dataset, after since
	since  uint64
	upTo   uint64 // the newest block that newest knows of
	of     map[string]*lru.Element
	used   lru.List // of *keptAnswer, the one used last first
	cells  int
	again  uint64 // answers given from what was kept
}

type keptAnswer struct {
	key    string
	from   uint64 // the watermark that it was worked out at
	head   analytics.Head
	rows   [][]analytics.Cell
	tail   analytics.Tail
	cells  int
	failed error
	done   chan struct{} // closed when it has been worked out
}

// note takes a committed block in, in the order of the journal.
func (a *keptAnswers) note(b *journal.Block) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.newest == nil {
		a.newest = map[string]uint64{}
	}
	for i := range b.Submissions {
		a.newest[b.Submissions[i].Dataset] = b.Sequence
	}
	a.upTo = b.Sequence
}

// begin is where the journal stood when this hub began to look.
func (a *keptAnswers) begin(sequence uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.since, a.upTo = sequence, sequence
}

// settled says that no submission after one sequence and up to another is of these datasets.
func (a *keptAnswers) settled(datasets []string, from, to uint64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.since <= from && to <= a.upTo && a.unmoved(datasets, from)
}

// forget drops everything: a contract has changed, or rows have come that no new
// submission brought.
func (a *keptAnswers) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.of, a.cells = nil, 0
	a.used.Init()
}

// find gives the answer to a key that holds at a watermark, or one to be worked out by the
// caller (mine), or nil when nothing can be told.
func (a *keptAnswers) find(key string, datasets []string, watermark uint64) (k *keptAnswer, mine bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.upTo < watermark {
		return nil, false // another hub's submissions are ahead of what this one has been told
	}
	if e := a.of[key]; e != nil {
		k := e.Value.(*keptAnswer)
		if k.from <= watermark && a.unmoved(datasets, k.from) {
			a.used.MoveToFront(e)
			a.again++
			return k, false
		}
		a.drop(e)
	}
	k = &keptAnswer{key: key, from: watermark, done: make(chan struct{})}
	if a.of == nil {
		a.of = map[string]*lru.Element{}
	}
	a.of[key] = a.used.PushFront(k)
	for a.used.Len() > keptMost {
		a.drop(a.used.Back())
	}
	return k, true
}

// unmoved says that no submission after a sequence is of these datasets.
func (a *keptAnswers) unmoved(datasets []string, from uint64) bool {
	for _, d := range datasets {
		if a.newest[d] > from {
			return false
		}
	}
	return true
}

func (a *keptAnswers) drop(e *lru.Element) {
	k := a.used.Remove(e).(*keptAnswer)
	a.cells -= k.cells
	if a.of[k.key] == e {
		delete(a.of, k.key)
	}
}

// work works an answer out and tells those who wait, whatever becomes of it.
func (a *keptAnswers) work(k *keptAnswer, f func() error) (err error) {
	err = errNotKept
	defer func() { a.finish(k, err) }()
	err = f()
	return err
}

// finish tells those who wait what became of an answer, and keeps it if it is small.
func (a *keptAnswers) finish(k *keptAnswer, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	k.failed = err
	close(k.done)
	e := a.of[k.key]
	if e == nil || e.Value.(*keptAnswer) != k {
		return // dropped meanwhile
	}
	if k.failed != nil {
		a.drop(e)
		return
	}
	k.cells = len(k.rows)*max(1, len(k.head.Columns)) + len(k.head.Columns)
	a.cells += k.cells
	for a.cells > keptCells && a.used.Len() > 1 {
		a.drop(a.used.Back())
	}
}

// errNotKept says that an answer was too large to be kept: each works it out alone.
var errNotKept = errors.New("the answer is too large to be kept")

// Begin, Row, End and Close take an answer in.
func (k *keptAnswer) Begin(head analytics.Head) error { k.head = head; return nil }

// Row keeps a copy of the cells.
func (k *keptAnswer) Row(cells []analytics.Cell) error {
	if len(k.rows)*len(cells) > keptOfOne {
		return errNotKept
	}
	k.rows = append(k.rows, append([]analytics.Cell(nil), cells...))
	return nil
}

// End keeps the tail.
func (k *keptAnswer) End(tail analytics.Tail) error { k.tail = tail; return nil }

// Close has nothing to give back.
func (k *keptAnswer) Close() error { return nil }

// tell writes the answer as of now: nothing that it is made of has moved since.
func (k *keptAnswer) tell(out analytics.Encoder, position analytics.Position) error {
	if err := out.Begin(k.head); err != nil {
		return err
	}
	for _, row := range k.rows {
		if err := out.Row(row); err != nil {
			return err
		}
	}
	tail := k.tail
	tail.Watermark = position.Watermark
	tail.AsOf = position.Moment.Truncate(time.Second)
	return out.End(tail)
}

// writeKept answers a query of a batch, from what is kept where that still holds.
func (h *Hub) writeKept(ctx context.Context, q analytics.Query, b *batch, out analytics.Encoder) error {
	datasets, err := h.analytics.Involved(q, b.reader) // and whether the reader may ask it
	if err != nil {
		return err
	}
	text, err := json.Marshal(q)
	if err != nil {
		return err
	}
	key := fmt.Appendf(nil, "%s %d %t %s", b.position.Moment.In(china).Format(time.DateOnly), b.reader.Clearance, b.reader.English, text)
	for _, c := range h.catalog.contracts() {
		if c.Reference {
			datasets = append(datasets, c.ID)
		}
		if slices.Contains(datasets, c.ID) { // a new version may say something else about the same records
			key = append(append(append(append(key, ' '), c.ID...), ' '), c.Version...)
		}
	}
	k, mine := h.answers.find(string(key), datasets, b.position.Watermark)
	switch {
	case k == nil:
		_, err = h.analytics.WriteQuery(ctx, q, b.reader, b.position, out)
		return err
	case mine:
		err = h.answers.work(k, func() error {
			_, err := h.analytics.WriteQuery(ctx, q, b.reader, b.position, k)
			return err
		})
	default:
		select {
		case <-k.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if k.failed != nil { // another's request may have ended, which says nothing about this one
		if mine && !errors.Is(err, errNotKept) {
			return err
		}
		_, err = h.analytics.WriteQuery(ctx, q, b.reader, b.position, out)
		return err
	}
	return k.tell(out, b.position)
}

// reused counts the answers given from what was kept.
func (a *keptAnswers) reused() float64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return float64(a.again)
}
