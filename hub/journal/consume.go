package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Consumer reads blocks for one writer, which acknowledges what it has done
// with; what it has not is delivered again, also after a restart. Replicas that
// open the same name share the work.
type Consumer struct {
	// Cumulative: one writer alone reads it, in order, so that acknowledging a
	// block acknowledges those before it.
	Cumulative bool

	c    jetstream.Consumer
	iter jetstream.MessagesContext
	msgs chan Delivery
}

// Delivery is one block to be written, or the error that made it unreadable.
type Delivery struct {
	Sequence uint64
	Block    *Block
	Bytes    int
	Err      error
	msg      jetstream.Msg
}

// Ack says that the block is where it belongs; of an embedded journal's consumer
// (Consumer.Cumulative), all blocks before it as well.
func (d *Delivery) Ack(ctx context.Context) error { return d.msg.DoubleAck(ctx) }

// InProgress asks for more time.
func (d *Delivery) InProgress() { _ = d.msg.InProgress() }

// ConsumerOptions bound what a consumer holds at once.
type ConsumerOptions struct {
	Name    string
	Pending int           // unacknowledged blocks; 0: 2,048
	AckWait time.Duration // 0: one minute
	// Known, when not nil, is the highest sequence that the store behind the
	// consumer holds. One that acknowledged more begins at the journal's start: the
	// store was lost, or is an older copy. Only for an embedded journal.
	Known *uint64
}

// Consume opens a durable consumer.
func (j *Journal) Consume(ctx context.Context, o ConsumerOptions) (*Consumer, error) {
	if o.Pending == 0 {
		o.Pending = 2048
		if j.Embedded() {
			o.Pending = 1 << 20 // acknowledged seldom; what is in memory the writer bounds
		}
	}
	if o.AckWait == 0 {
		o.AckWait = time.Minute
	}
	cfg := jetstream.ConsumerConfig{
		Durable:       o.Name,
		DeliverPolicy: jetstream.DeliverAllPolicy,
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       o.AckWait,
		MaxDeliver:    -1,
		MaxAckPending: o.Pending,
	}
	if j.Embedded() {
		// Delivered again only to the next run, which begins after the floor.
		cfg.AckPolicy, cfg.AckWait = jetstream.AckAllPolicy, 30*24*time.Hour
		if err := j.startAfterFloor(ctx, &cfg, o.Known); err != nil {
			return nil, err
		}
	}
	c, err := j.main.CreateOrUpdateConsumer(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("journal: consumer %s: %w", o.Name, err)
	}
	iter, err := c.Messages(jetstream.PullMaxMessages(256))
	if err != nil {
		return nil, fmt.Errorf("journal: consumer %s: %w", o.Name, err)
	}
	w := &Consumer{Cumulative: j.Embedded(), c: c, iter: iter, msgs: make(chan Delivery, 64)}
	go w.pump()
	return w, nil
}

// startAfterFloor drops what the journal remembers of the last run but its floor.
// What a killed run was given and did not acknowledge would otherwise come
// only after AckWait, behind newer blocks, and a writer that goes by the order
// would pass over it. A kill between the two calls makes the next run begin at
// the journal's start, which costs time and changes nothing.
func (j *Journal) startAfterFloor(ctx context.Context, cfg *jetstream.ConsumerConfig, known *uint64) error {
	old, err := j.main.Consumer(ctx, cfg.Durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("journal: consumer %s: %w", cfg.Durable, err)
	}
	floor := old.CachedInfo().AckFloor.Stream
	if err := j.main.DeleteConsumer(ctx, cfg.Durable); err != nil {
		return fmt.Errorf("journal: consumer %s: %w", cfg.Durable, err)
	}
	if known != nil && *known < floor {
		j.log.Warn("the store holds less than was written to it: everything is written again", "consumer", cfg.Durable, "written", floor, "held", *known)
		return nil
	}
	cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, floor+1
	return nil
}

func (w *Consumer) pump() {
	defer close(w.msgs)
	for {
		m, err := w.iter.Next()
		if errors.Is(err, jetstream.ErrMsgIteratorClosed) {
			return
		}
		if err != nil {
			continue // a missed heartbeat while the journal restarts; the iterator recovers
		}
		md, err := m.Metadata()
		if err != nil {
			continue
		}
		d := Delivery{Sequence: md.Sequence.Stream, Bytes: len(m.Data()), msg: m}
		d.Block, d.Err = blockAt(m.Data(), d.Sequence)
		w.msgs <- d
	}
}

// C delivers blocks in order until the consumer is closed.
func (w *Consumer) C() <-chan Delivery { return w.msgs }

// Floor returns the sequence up to which everything is acknowledged.
func (w *Consumer) Floor(ctx context.Context) (uint64, error) {
	i, err := w.c.Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("journal: %w", err)
	}
	return i.AckFloor.Stream, nil
}

// Close stops the delivery; what was delivered and not acknowledged comes again
// to whoever opens the consumer next.
func (w *Consumer) Close() {
	w.iter.Stop()
	for range w.msgs { //nolint:revive // drained so that the pump can end
	}
}
