package auth

import (
	"sync"
	"time"
)

// Failed log-ins: a burst, then one each so many seconds. Secrets have 256 bits,
// so this is about noise and about the cost of checking signatures.
const (
	failBurst  = 10
	failRefill = 6 * time.Second
	maxBuckets = 16384
)

// throttle counts failures by client and address in token buckets. A bucket
// exists only while it is not full, and their number is bounded.
type throttle struct {
	mu      sync.Mutex
	buckets map[string]time.Time // when the bucket will be full again
}

func newThrottle() *throttle { return &throttle{buckets: map[string]time.Time{}} }

// wait is how long the next try has to wait, 0 for not at all.
func (t *throttle) wait(id string, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	full, ok := t.buckets[id]
	if !ok {
		return 0
	}
	// A bucket that fills up in n refills lacks n tokens.
	return max(0, full.Sub(now)-(failBurst-1)*failRefill)
}

func (t *throttle) fail(id string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.buckets) >= maxBuckets {
		t.drop(now)
	}
	full := t.buckets[id]
	if full.Before(now) {
		full = now
	}
	t.buckets[id] = full.Add(failRefill)
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
