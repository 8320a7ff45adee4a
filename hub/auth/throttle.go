package auth

import (
	"sync"
	"time"
)

// Failed log-ins: a burst, then one each so many seconds. Secrets of clients have
// 256 bits, so for them this is about noise and about the cost of checking
// signatures; for passwords it is what keeps guesses few.
const (
	failBurst  = 10
	failRefill = 6 * time.Second
	maxBuckets = 16384

	// An address may stand for a whole office, and for somebody who tries one
	// password with many users.
	addressBurst  = 60
	addressRefill = 2 * time.Second
)

// throttle counts failures in token buckets, by client or user and address. A
// bucket exists only while it is not full, and their number is bounded.
type throttle struct {
	burst   int
	refill  time.Duration
	mu      sync.Mutex
	buckets map[string]time.Time // when the bucket will be full again
}

func newThrottle(burst int, refill time.Duration) *throttle {
	return &throttle{burst: burst, refill: refill, buckets: map[string]time.Time{}}
}

// wait is how long the next try has to wait, 0 for not at all.
func (t *throttle) wait(id string, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lacks(id, now)
}

func (t *throttle) lacks(id string, now time.Time) time.Duration {
	full, ok := t.buckets[id]
	if !ok {
		return 0
	}
	// A bucket that fills up in n refills lacks n tokens.
	return max(0, full.Sub(now)-time.Duration(t.burst-1)*t.refill)
}

func (t *throttle) fail(id string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count(id, now)
}

// try counts a failure before it is one, so that many tries at once do not all pass
// before the first has failed: forget or refund takes it back.
func (t *throttle) try(id string, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if wait := t.lacks(id, now); wait > 0 {
		return wait
	}
	t.count(id, now)
	return 0
}

func (t *throttle) refund(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if full, ok := t.buckets[id]; ok {
		t.buckets[id] = full.Add(-t.refill)
	}
}

func (t *throttle) count(id string, now time.Time) {
	if len(t.buckets) >= maxBuckets {
		t.drop(now)
	}
	full := t.buckets[id]
	if full.Before(now) {
		full = now
	}
	t.buckets[id] = full.Add(t.refill)
}

// drop makes room: the full buckets say nothing; when there are none, any one goes.
func (t *throttle) drop(now time.Time) {
	before := len(t.buckets)
	for id, full := range t.buckets {
		if !full.After(now) {
			delete(t.buckets, id)
		}
	}
	if len(t.buckets) < before {
		return
	}
	for id := range t.buckets {
		delete(t.buckets, id)
		return
	}
}

func (t *throttle) forget(id string) {
	t.mu.Lock()
	delete(t.buckets, id)
	t.mu.Unlock()
}
