package hub

import (
	"context"
	"sync"
	"time"

	"github.com/zida-hub/zida/analytics"
)

// freshFor is how long a look at every dataset serves those who ask: the ages in it are
// worked out anew at each answer, only a newer period shows up so much later. The next look
// is taken meanwhile, from lookAgain on, so that of those who ask often nobody waits for it.
const (
	freshFor  = 20 * time.Second
	lookAgain = freshFor / 2
)

// freshness is the last look, for all readers of a wall or an overview.
type freshness struct {
	turn chan struct{} // a slot for the one that looks; those who wait for it may give up

	mu   sync.Mutex
	list []analytics.Freshness
	tail analytics.Tail
	at   time.Time

	meanwhile context.Context // of looks that nobody waits for
	looks     sync.WaitGroup
}

// openFreshness lets looks be taken until the hub closes.
func (h *Hub) openFreshness(context.Context) error {
	var cancel context.CancelFunc
	h.freshness.turn = make(chan struct{}, 1)
	h.freshness.meanwhile, cancel = context.WithCancel(context.Background())
	h.onClose(func() { cancel(); h.freshness.looks.Wait() })
	return nil
}

// writeFreshness answers an item of a batch that asks how new the data are.
func (h *Hub) writeFreshness(ctx context.Context, b *batch, out analytics.Encoder) error {
	list, tail, err := h.look(ctx, b)
	if err != nil {
		return err
	}
	if b.asOf == "" {
		tail.AsOf = b.position.Moment
	}
	return h.analytics.WriteFreshness(list, tail, b.reader, out)
}

func (h *Hub) look(ctx context.Context, b *batch) ([]analytics.Freshness, analytics.Tail, error) {
	if b.asOf != "" {
		return h.analytics.Freshness(ctx, b.asOf, b.position)
	}
	f := &h.freshness
	list, tail, good := f.last(b.position, freshFor)
	if _, _, better := f.last(b.position, lookAgain); good && !better {
		select {
		case f.turn <- struct{}{}:
			f.looks.Go(func() {
				defer func() { <-f.turn }()
				_, _, _ = h.lookAnew(f.meanwhile, b.position) // who asks when the last one is too old is told
			})
		default: // someone looks
		}
	}
	if good {
		return list, tail, nil
	}
	select { // one looks, those who come meanwhile share what it finds
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		return nil, analytics.Tail{}, ctx.Err()
	}
	if list, tail, good = f.last(b.position, freshFor); good {
		return list, tail, nil
	}
	return h.lookAnew(ctx, b.position)
}

// last is the last look, and whether it is no older than so long, or nothing has come since.
func (f *freshness) last(position analytics.Position, old time.Duration) ([]analytics.Freshness, analytics.Tail, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.list, f.tail, !f.at.IsZero() && (time.Since(f.at) < old || f.tail.Watermark == position.Watermark)
}

// lookAnew looks, and keeps what it finds.
func (h *Hub) lookAnew(ctx context.Context, position analytics.Position) ([]analytics.Freshness, analytics.Tail, error) {
	list, tail, err := h.analytics.Freshness(ctx, "", position)
	if err != nil {
		return nil, analytics.Tail{}, err
	}
	f := &h.freshness
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list, f.tail, f.at = list, tail, time.Now()
	return list, tail, nil
}
