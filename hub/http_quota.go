package hub

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// The quotas a route can count against.
const (
	noQuota = iota
	pushQuota
	queryQuota
	quotaKinds
)

// quota is a token bucket a client: one second's worth may come at once.
type quota struct {
	perSecond int
	clients   sync.Map // client id → *rate.Limiter; only clients that logged in are in it
}

// newQuota gives nil for 0, no limit.
func newQuota(perSecond int64) *quota {
	if perSecond <= 0 {
		return nil
	}
	return &quota{perSecond: int(perSecond)}
}

// take counts one call; a wait above zero refuses it and is the true time until
// the next would pass.
func (q *quota) take(client string, now time.Time) time.Duration {
	l, ok := q.clients.Load(client)
	if !ok {
		l, _ = q.clients.LoadOrStore(client, rate.NewLimiter(rate.Limit(q.perSecond), q.perSecond))
	}
	limiter := l.(*rate.Limiter)
	r := limiter.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now) // a refused call costs nothing
	}
	return wait
}
