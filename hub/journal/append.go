package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// subject says which subject a block goes to.
func (b *Block) subject(isList func(dataset string) bool) string {
	subject := subjectBlock
	for i := range b.Submissions {
		if isList(b.Submissions[i].Dataset) {
			return subjectList
		}
		if len(b.Submissions[i].Parts) > 0 {
			subject = subjectBulk
		}
	}
	return subject
}

// errBehind is returned by append when another block took the sequence.
var errBehind = errors.New("journal: another block was there first")

// append makes the frame of block b durable at exactly b.Sequence: the journal
// must end just before it. After a doubt (a time-out, a lost connection) it
// looks which block is there, and tries again until it knows.
func (j *Journal) append(ctx context.Context, b *Block, subject string, frame []byte) error {
	for attempt := 0; ; attempt++ {
		ack, err := j.publish(ctx, subject, frame, b.Sequence-1)
		switch {
		case err == nil && ack.Sequence == b.Sequence:
			return nil
		case err == nil:
			return fmt.Errorf("journal: block %d was stored as %d", b.Sequence, ack.Sequence)
		case isWrongSequence(err) && attempt == 0:
			return errBehind
		}
		// In doubt: the message may be stored although nobody said so.
		for {
			there, lookErr := j.Read(ctx, b.Sequence)
			if lookErr == nil {
				if there.ID == b.ID {
					return nil
				}
				return errBehind
			}
			if errors.Is(lookErr, ErrNoBlock) {
				break // not stored: publish again; the compare-and-set keeps it single
			}
			if ctx.Err() != nil {
				return fmt.Errorf("journal: block %d: outcome unknown: %w", b.Sequence, errors.Join(err, lookErr))
			}
			j.log.Warn("journal does not answer; a block's outcome is unknown yet", "sequence", b.Sequence, "error", err)
			if !pause(ctx, 200*time.Millisecond) {
				return fmt.Errorf("journal: block %d: outcome unknown: %w", b.Sequence, err)
			}
		}
		if !pause(ctx, min(time.Duration(attempt+1)*50*time.Millisecond, time.Second)) {
			return fmt.Errorf("journal: block %d was not stored: %w", b.Sequence, err)
		}
	}
}

// answerTime bounds one request to a cluster. One that has just lost a server
// drops requests while it chooses a leader, so they are asked again.
const answerTime = 3 * time.Second

// ask makes a request that changes nothing, again and again until it is answered
// or ctx ends.
func (j *Journal) ask(ctx context.Context, request func(context.Context) error) error {
	if j.Embedded() {
		return request(ctx)
	}
	for {
		try, cancel := context.WithTimeout(ctx, answerTime)
		err := request(try)
		cancel()
		var answer *jetstream.APIError
		if err == nil || errors.Is(err, jetstream.ErrMsgNotFound) || errors.As(err, &answer) && answer.Code < 500 {
			return err
		}
		if !pause(ctx, 100*time.Millisecond) {
			return err
		}
	}
}

func (j *Journal) publish(ctx context.Context, subject string, frame []byte, after uint64) (*jetstream.PubAck, error) {
	if !j.Embedded() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, answerTime)
		defer cancel()
	}
	return j.js.Publish(ctx, subject, frame, jetstream.WithExpectLastSequence(after))
}

// info reads the journal's stream, the newest there is.
func (j *Journal) info(ctx context.Context, opts ...jetstream.StreamInfoOpt) (info *jetstream.StreamInfo, err error) {
	err = j.ask(ctx, func(ctx context.Context) (err error) {
		info, err = j.main.Info(ctx, opts...)
		return err
	})
	return info, err
}

// First is the sequence of the oldest block there is, of the next one when there is none.
func (j *Journal) First(ctx context.Context) (uint64, error) {
	info, err := j.info(ctx)
	if err != nil {
		return 0, fmt.Errorf("journal: %w", err)
	}
	return info.State.FirstSeq, nil
}

// pause waits, and tells whether the context is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// ErrNoBlock is returned for a sequence that holds no block.
var ErrNoBlock = errors.New("journal: no block at that sequence")

// Read returns the block at a sequence.
func (j *Journal) Read(ctx context.Context, sequence uint64) (*Block, error) {
	if sequence == 0 {
		return nil, ErrNoBlock
	}
	var m *jetstream.RawStreamMsg
	err := j.ask(ctx, func(ctx context.Context) (err error) {
		m, err = j.main.GetMsg(ctx, sequence)
		return err
	})
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, ErrNoBlock
	}
	if err != nil {
		return nil, fmt.Errorf("journal: read %d: %w", sequence, err)
	}
	return blockAt(m.Data, sequence)
}

func blockAt(frame []byte, sequence uint64) (*Block, error) {
	b, err := ParseBlock(frame)
	if err != nil {
		return nil, fmt.Errorf("block %d: %w", sequence, err)
	}
	if b.Sequence != sequence {
		return nil, fmt.Errorf("block %d: %w: it says it is block %d", sequence, ErrCorrupt, b.Sequence)
	}
	return b, nil
}

// Class is a set of blocks to replay.
type Class int

// All blocks, or just those that hold reference lists, or staged submissions.
const (
	All Class = iota
	Lists
	Bulk
)

// Replay calls fn for every block of a class from the given sequence (0: the
// first) or from an instant (when since is not zero) up to the present end, in
// order, and returns the last sequence of the journal at its beginning.
func (j *Journal) Replay(ctx context.Context, class Class, from uint64, since time.Time, fn func(*Block) error) (uint64, error) {
	info, err := j.info(ctx, jetstream.WithSubjectFilter(subjectAll))
	if err != nil {
		return 0, fmt.Errorf("journal: replay: %w", err)
	}
	last := info.State.LastSeq
	// How many blocks there must be, and where they must end: a cluster without a
	// leader answers with nothing, which must not pass for the end.
	expected := uint64(0)
	if info.State.Msgs == 0 || from > last || !since.IsZero() && info.State.LastTime.Before(since) {
		return last, nil
	}
	cfg := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverAllPolicy}
	switch class {
	case Lists:
		cfg.FilterSubjects = []string{subjectList}
		expected = info.State.Subjects[subjectList]
	case Bulk:
		cfg.FilterSubjects = []string{subjectBulk, subjectList}
		expected = info.State.Subjects[subjectBulk] + info.State.Subjects[subjectList]
	}
	if from > 0 {
		cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, from
	} else if !since.IsZero() {
		cfg.DeliverPolicy, cfg.OptStartTime = jetstream.DeliverByStartTimePolicy, &since
	}
	c, err := j.main.OrderedConsumer(ctx, cfg)
	if err != nil {
		return last, fmt.Errorf("journal: replay: %w", err)
	}
	reached, seen := uint64(0), uint64(0)
	for {
		batch, err := c.FetchNoWait(256)
		if err != nil {
			return last, fmt.Errorf("journal: replay: %w", err)
		}
		n := 0
		for m := range batch.Messages() {
			n++
			md, err := m.Metadata()
			if err != nil {
				return last, fmt.Errorf("journal: replay: %w", err)
			}
			if md.Sequence.Stream > last {
				return last, nil
			}
			b, err := blockAt(m.Data(), md.Sequence.Stream)
			if err != nil {
				return last, err
			}
			if err := fn(b); err != nil {
				return last, err
			}
			reached, seen = b.Sequence, seen+1
		}
		if err := batch.Error(); err != nil && ctx.Err() != nil {
			return last, fmt.Errorf("journal: replay: %w", err)
		}
		switch {
		case n > 0:
		case class == All && reached == last, class != All && seen >= expected:
			return last, nil
		case !pause(ctx, 50*time.Millisecond):
			return last, fmt.Errorf("journal: replay stopped at %d of %d: %w", reached, last, ctx.Err())
		}
	}
}
