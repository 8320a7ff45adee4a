package journal

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// Stage collects the parts of one large submission: durable, and unseen by
// readers until a block commits them.
type Stage struct {
	j     *Journal
	id    string
	parts []Part
	acks  []jetstream.PubAckFuture
	keep  [][]byte
}

// NewStage begins a stage.
func (j *Journal) NewStage() *Stage { return &Stage{j: j, id: nuid.Next()} }

// stageWindow bounds the parts on their way to the disk at once.
const stageWindow = 4

// Add writes a part; it may return before the part is durable. The frame
// belongs to the journal afterwards.
func (s *Stage) Add(ctx context.Context, frame []byte, rows, rejects uint32) error {
	if len(s.acks)-len(s.keepDone()) >= stageWindow {
		if err := s.settle(ctx, len(s.acks)-stageWindow+1); err != nil {
			return err
		}
	}
	ack, err := s.j.js.PublishAsync(subjectStage+s.id, frame)
	if err != nil {
		return fmt.Errorf("journal: stage: %w", err)
	}
	s.acks = append(s.acks, ack)
	s.parts = append(s.parts, Part{Rows: rows, Rejects: rejects})
	s.keep = append(s.keep, frame)
	return nil
}

// keepDone lists the parts known to be durable.
func (s *Stage) keepDone() []Part {
	for i := range s.parts {
		if s.parts[i].Sequence == 0 {
			return s.parts[:i]
		}
	}
	return s.parts
}

// settle waits until the first n parts are durable, and keeps their frames for
// the writer, who will want them in a moment.
func (s *Stage) settle(ctx context.Context, n int) error {
	for i := len(s.keepDone()); i < n; i++ {
		select {
		case a := <-s.acks[i].Ok():
			s.parts[i].Sequence = a.Sequence
			s.j.cache.put(a.Sequence, s.keep[i])
			s.keep[i] = nil
		case err := <-s.acks[i].Err():
			return fmt.Errorf("journal: stage: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("journal: stage: %w", ctx.Err())
		}
	}
	return nil
}

// Parts waits until all parts are durable and returns their places.
func (s *Stage) Parts(ctx context.Context) ([]Part, error) {
	if err := s.settle(ctx, len(s.acks)); err != nil {
		return nil, err
	}
	return s.parts, nil
}

// Rows is how many rows were added so far.
func (s *Stage) Rows() int {
	n := 0
	for _, p := range s.parts {
		n += int(p.Rows)
	}
	return n
}

// Drop takes the parts away; they were never committed.
func (s *Stage) Drop() {
	if len(s.acks) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_ = s.settle(ctx, len(s.acks)) // a part that arrives after the purge would stay
	for _, p := range s.parts {
		s.j.cache.drop(p.Sequence)
	}
	if err := s.j.stage.Purge(ctx, jetstream.WithPurgeSubject(subjectStage+s.id)); err != nil {
		s.j.log.Warn("a stage without a commit could not be dropped; the next start drops it", "error", err)
	}
}

// ReadPart returns a staged part's frame, from memory if it is still there.
func (j *Journal) ReadPart(ctx context.Context, sequence uint64) ([]byte, error) {
	if b := j.cache.get(sequence); b != nil {
		return b, nil
	}
	m, err := j.stage.GetMsg(ctx, sequence)
	if err != nil {
		return nil, fmt.Errorf("journal: staged part %d: %w", sequence, err)
	}
	return m.Data, nil
}

// ForgetPart says that nobody will read the part soon.
func (j *Journal) ForgetPart(sequence uint64) { j.cache.drop(sequence) }

// DropOrphans purges the stages that no block commits, left by a hub that was
// killed in the middle of a push. committed holds the sequences of all parts
// that blocks name; only for an embedded journal, before pushes are taken.
func (j *Journal) DropOrphans(ctx context.Context, committed func(sequence uint64) bool) (int, error) {
	info, err := j.stage.Info(ctx, jetstream.WithSubjectFilter(subjectStage+">"))
	if err != nil {
		return 0, fmt.Errorf("journal: stage: %w", err)
	}
	n := 0
	for subject := range info.State.Subjects {
		m, err := j.stage.GetLastMsgForSubject(ctx, subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return n, fmt.Errorf("journal: stage: %w", err)
		}
		if !strings.HasPrefix(subject, subjectStage) || committed(m.Sequence) {
			continue
		}
		if err := j.stage.Purge(ctx, jetstream.WithPurgeSubject(subject)); err != nil {
			return n, fmt.Errorf("journal: stage: %w", err)
		}
		n++
	}
	return n, nil
}

// partCache keeps the newest staged parts in memory, so that the writer need
// not read back what was just written.
type partCache struct {
	mu    sync.Mutex
	max   int
	size  int
	order list.List // of cached, oldest first
	byKey map[uint64]*list.Element
}

type cached struct {
	sequence uint64
	frame    []byte
}

func (c *partCache) put(sequence uint64, frame []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey == nil {
		c.byKey = map[uint64]*list.Element{}
	}
	c.byKey[sequence] = c.order.PushBack(cached{sequence, frame})
	c.size += len(frame)
	for c.size > c.max && c.order.Len() > 0 {
		c.remove(c.order.Front())
	}
}

func (c *partCache) remove(e *list.Element) {
	v := c.order.Remove(e).(cached)
	delete(c.byKey, v.sequence)
	c.size -= len(v.frame)
}

func (c *partCache) get(sequence uint64) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.byKey[sequence]; e != nil {
		return e.Value.(cached).frame
	}
	return nil
}

func (c *partCache) drop(sequence uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.byKey[sequence]; e != nil {
		c.remove(e)
	}
}
