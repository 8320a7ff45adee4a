package hub

import (
	"context"
	"time"

	"github.com/zida-hub/zida/analytics"
)

// freshFor is how long a look at every dataset serves those who ask: the ages in it are
// worked out anew at each answer, only a newer period shows up so much later.
const freshFor = 20 * time.Second

// freshness is the last look, for all readers of a wall or an overview.
type freshness struct {
	turn chan struct{} // a slot for the one that looks; those who wait for it may give up
	list []analytics.Freshness
	tail analytics.Tail
	at   time.Time
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
	select { // one looks, those who come meanwhile share what it finds
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		return nil, analytics.Tail{}, ctx.Err()
	}
	if !f.at.IsZero() && (time.Since(f.at) < freshFor || f.tail.Watermark == b.position.Watermark) {
		return f.list, f.tail, nil
	}
	list, tail, err := h.analytics.Freshness(ctx, "", b.position)
	if err != nil {
		return nil, analytics.Tail{}, err
	}
	f.list, f.tail, f.at = list, tail, time.Now()
	return list, tail, nil
}
