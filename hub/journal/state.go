package journal

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrConflict is returned when a key was changed by somebody else in between.
var ErrConflict = errors.New("journal: the key has changed since it was read")

// Entry is one revision of a key.
type Entry struct {
	Key      string
	Value    []byte
	Revision uint64 // sequence in the state stream: order over all keys
	Time     time.Time
}

// State is a durable key-value map with compare-and-set. Every revision is
// kept: read in order they are the record of who changed what.
type State struct {
	js     jetstream.JetStream
	stream jetstream.Stream
	cons   jetstream.ConsumeContext

	mu      sync.Mutex // guards what follows; watchers are called under order, not under mu
	entries map[string]Entry
	applied uint64
	changed chan struct{} // closed and replaced at each change
	// order is held while watchers are called, so that each sees every change
	// once and in order. Taken before mu.
	order    sync.Mutex
	watchers []watcher
}

type watcher struct {
	prefix string
	fn     func(Entry)
}

var keyShape = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

func openState(ctx context.Context, j *Journal) (*State, error) {
	stream, err := j.js.Stream(ctx, streamState)
	if err != nil {
		return nil, fmt.Errorf("journal: state: %w", err)
	}
	info, err := stream.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("journal: state: %w", err)
	}
	s := &State{js: j.js, stream: stream, entries: map[string]Entry{}, changed: make(chan struct{})}
	c, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverAllPolicy})
	if err != nil {
		return nil, fmt.Errorf("journal: state: %w", err)
	}
	s.cons, err = c.Consume(func(m jetstream.Msg) {
		md, err := m.Metadata()
		if err != nil {
			return
		}
		s.apply(Entry{
			Key:      strings.TrimPrefix(m.Subject(), subjectState),
			Value:    m.Data(),
			Revision: md.Sequence.Stream,
			Time:     md.Timestamp.UTC(),
		})
	})
	if err != nil {
		return nil, fmt.Errorf("journal: state: %w", err)
	}
	if err := s.wait(ctx, info.State.LastSeq); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *State) stop() {
	if s.cons != nil {
		s.cons.Stop()
		<-s.cons.Closed()
	}
}

func (s *State) apply(e Entry) {
	s.order.Lock()
	defer s.order.Unlock()
	s.mu.Lock()
	if e.Revision <= s.applied {
		s.mu.Unlock()
		return
	}
	s.entries[e.Key] = e
	ws := s.watchers
	s.mu.Unlock()
	for _, w := range ws {
		if strings.HasPrefix(e.Key, w.prefix) {
			w.fn(e)
		}
	}
	// Only now is the change seen by those who wait for it: a Put returns after
	// the watchers have taken the change in.
	s.mu.Lock()
	s.applied = e.Revision
	close(s.changed)
	s.changed = make(chan struct{})
	s.mu.Unlock()
}

// wait blocks until the local view holds the given revision.
func (s *State) wait(ctx context.Context, revision uint64) error {
	for {
		s.mu.Lock()
		done, ch := s.applied >= revision, s.changed
		s.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-ch:
		case <-ctx.Done():
			return fmt.Errorf("journal: state is behind: %w", ctx.Err())
		}
	}
}

// Put stores a value if the key is still at revision expect (0: it must not
// exist), durably, and returns once the local view and its watchers have it.
// Another value in between gives ErrConflict.
func (s *State) Put(ctx context.Context, key string, value []byte, expect uint64) (uint64, error) {
	if !keyShape.MatchString(key) || len(key) > 200 {
		return 0, fmt.Errorf("journal: %q is not a key", key)
	}
	ack, err := s.js.Publish(ctx, subjectState+key, value, jetstream.WithExpectLastSequencePerSubject(expect))
	if err != nil {
		if isWrongSequence(err) {
			return 0, fmt.Errorf("%w: %s", ErrConflict, key)
		}
		return 0, fmt.Errorf("journal: put %s: %w", key, err)
	}
	return ack.Sequence, s.wait(ctx, ack.Sequence)
}

// Get returns the key's newest entry in the local view.
func (s *State) Get(key string) (Entry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.entries[key]
	return e, ok
}

// Keys lists the keys with a prefix, sorted.
func (s *State) Keys(prefix string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []string
	for k := range s.entries {
		if strings.HasPrefix(k, prefix) {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	return keys
}

// Watch calls fn for every present entry with the prefix, in order of revision,
// before it returns, and then for each change, always one call at a time. fn
// must not call Put or Watch.
func (s *State) Watch(prefix string, fn func(Entry)) {
	s.order.Lock()
	defer s.order.Unlock()
	s.mu.Lock()
	var present []Entry
	for k, e := range s.entries {
		if strings.HasPrefix(k, prefix) {
			present = append(present, e)
		}
	}
	s.watchers = append(s.watchers[:len(s.watchers):len(s.watchers)], watcher{prefix, fn})
	s.mu.Unlock()
	sort.Slice(present, func(a, b int) bool { return present[a].Revision < present[b].Revision })
	for _, e := range present {
		fn(e)
	}
}

// Log returns up to limit revisions after the given one, of all keys, in order.
func (s *State) Log(ctx context.Context, after uint64, limit int) ([]Entry, error) {
	var out []Entry
	info, err := s.stream.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("journal: state log: %w", err)
	}
	for seq := max(after+1, info.State.FirstSeq); seq <= info.State.LastSeq && len(out) < limit; seq++ {
		m, err := s.stream.GetMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("journal: state log: %w", err)
		}
		out = append(out, Entry{Key: strings.TrimPrefix(m.Subject, subjectState), Value: m.Data, Revision: seq, Time: m.Time.UTC()})
	}
	return out, nil
}

// isWrongSequence tells a lost compare-and-set from other failures.
func isWrongSequence(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) &&
		(api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}
