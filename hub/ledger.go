package hub

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/zida-hub/zida/hub/journal"
	"github.com/zida-hub/zida/schemas"
)

// ledger is what a push must know at once, folded from the journal in its
// order: the reference lists and the Idempotency-Keys. Only the committer's
// goroutine changes it; the lists are read by everybody.
type ledger struct {
	lists  atomic.Pointer[schemas.Lists]
	isList func(dataset string) bool
	uses   func(dataset string) []string // the lists a contract's codes come from

	// brokenAt is the generation at which a list last lost an entry or changed
	// what an entry says: what was checked before must be checked again.
	brokenAt map[string]uint64
	keys     map[[16]byte]keyEntry
	order    []keyAge // of keys, oldest first
	head     int      // of order: what lies before has expired
	maxKeys  int
	last     uint64
	lastTime time.Time
}

// keyEntry says which submission an Idempotency-Key belongs to.
type keyEntry struct {
	sequence uint64
	index    uint32
	digest   [16]byte // first half of the body's SHA-256
}

type keyAge struct {
	key [16]byte
	at  int64 // Unix seconds
}

// keyLife is how long an Idempotency-Key is remembered.
const keyLife = 7 * 24 * time.Hour

// maxKeys bounds the remembered keys: about 100 bytes each.
const maxKeys = 1_000_000

// Verdicts of the ledger, besides nil.
var (
	errStaleLists = errors.New("hub: a reference list changed since the rows were checked")
	errKeyReused  = errors.New("hub: the Idempotency-Key was used with another body")
	errKeysFull   = errors.New("hub: too many Idempotency-Keys within seven days")
)

// twinError says that the submission was accepted before.
type twinError struct {
	sequence uint64
	index    int
}

func (e *twinError) Error() string {
	return fmt.Sprintf("hub: accepted before as %d-%d", e.sequence, e.index)
}

// keyHash names an Idempotency-Key of a client for a dataset.
func keyHash(client, dataset, key string) (h [16]byte) {
	sum := sha256.Sum256([]byte(client + "\x00" + dataset + "\x00" + key))
	copy(h[:], sum[:])
	return h
}

func newLedger(isList func(string) bool, uses func(string) []string) *ledger {
	l := &ledger{isList: isList, uses: uses, brokenAt: map[string]uint64{}, keys: map[[16]byte]keyEntry{}, maxKeys: maxKeys}
	l.lists.Store(schemas.NewLists(1))
	return l
}

// open folds the journal: the lists from the beginning, the keys of seven days.
func (l *ledger) open(ctx context.Context, j *journal.Journal) error {
	if _, err := j.Replay(ctx, journal.Lists, 0, time.Time{}, l.applyLists); err != nil {
		return err
	}
	last, err := j.Replay(ctx, journal.All, 0, time.Now().Add(-keyLife), func(b *journal.Block) error {
		l.applyKeys(b)
		l.lastTime = b.ReceivedAt
		return nil
	})
	if err != nil {
		return err
	}
	l.last = last
	if l.lastTime.IsZero() && last > 0 { // nothing within seven days
		b, err := j.Read(ctx, last)
		if err != nil && !errors.Is(err, journal.ErrNoBlock) {
			return err
		}
		if b != nil {
			l.lastTime = b.ReceivedAt
		}
	}
	return nil
}

// admit is the committer's last look at a submission.
func (l *ledger) admit(p *journal.Pending) error {
	s := &p.Submission
	if s.HasKey() {
		if e, ok := l.keys[s.KeyHash]; ok {
			if e.digest != [16]byte(s.SHA256[:16]) {
				return errKeyReused
			}
			return &twinError{e.sequence, int(e.index)}
		}
		if len(l.keys) >= l.maxKeys {
			return errKeysFull
		}
	}
	if p.Lists != l.lists.Load().Generation {
		for _, id := range l.uses(s.Dataset) {
			if l.brokenAt[id] > p.Lists {
				return errStaleLists
			}
		}
	}
	return nil
}

func (l *ledger) apply(b *journal.Block) error {
	l.applyKeys(b)
	l.last, l.lastTime = b.Sequence, b.ReceivedAt
	return l.applyLists(b)
}

func (l *ledger) applyKeys(b *journal.Block) {
	for i := range b.Submissions {
		s := &b.Submissions[i]
		if !s.HasKey() {
			continue
		}
		l.keys[s.KeyHash] = keyEntry{sequence: b.Sequence, index: uint32(i), digest: [16]byte(s.SHA256[:16])}
		l.order = append(l.order, keyAge{s.KeyHash, b.ReceivedAt.Unix()})
	}
	expired := b.ReceivedAt.Add(-keyLife).Unix()
	for l.head < len(l.order) && l.order[l.head].at < expired {
		delete(l.keys, l.order[l.head].key)
		l.head++
	}
	if l.head > len(l.order)/2 { // copied seldom enough to cost nothing a key
		l.order = append([]keyAge(nil), l.order[l.head:]...)
		l.head = 0
	}
}

// listChange is how a block carries the entries of a reference list.
type listChange struct {
	Set  []schemas.ListEntry `json:"set,omitempty"`
	Drop []string            `json:"drop,omitempty"`
}

func (l *ledger) applyLists(b *journal.Block) error {
	for i := range b.Submissions {
		s := &b.Submissions[i]
		if len(s.List) == 0 {
			continue
		}
		var c listChange
		if err := json.Unmarshal(s.List, &c); err != nil {
			return fmt.Errorf("block %d: entries of %s: %w", b.Sequence, s.Dataset, err)
		}
		l.change(s.Dataset, c)
	}
	return nil
}

func (l *ledger) change(id string, c listChange) {
	now := l.lists.Load()
	var entries []schemas.ListEntry
	at := map[string]int{}
	if old := now.List(id); old != nil {
		entries = append(entries, old.Entries()...)
		for i := range entries {
			at[entries[i].Code] = i
		}
	}
	broken := false
	for _, e := range c.Set {
		i, ok := at[e.Code]
		if !ok {
			at[e.Code] = len(entries)
			entries = append(entries, e)
			continue
		}
		broken = broken || !sameEntry(entries[i], e)
		entries[i] = e
	}
	if len(c.Drop) > 0 {
		gone := map[string]bool{}
		for _, code := range c.Drop {
			gone[code] = true
		}
		kept := entries[:0]
		for _, e := range entries {
			if !gone[e.Code] {
				kept = append(kept, e)
			}
		}
		broken = broken || len(kept) < len(entries)
		entries = kept
	}
	next := now.With(schemas.NewList(id, entries))
	if broken {
		l.brokenAt[id] = next.Generation
	}
	l.lists.Store(next)
}

func sameEntry(a, b schemas.ListEntry) bool {
	if a.Region != b.Region || len(a.Attrs) != len(b.Attrs) {
		return false
	}
	for k, v := range a.Attrs {
		if b.Attrs[k] != v {
			return false
		}
	}
	return true
}
