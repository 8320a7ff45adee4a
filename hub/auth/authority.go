// Package auth tells who is calling: it gives access tokens to clients and
// sessions to people that prove themselves, checks the token or session of every
// request, takes them back, and keeps the keys with which tokens and receipts are
// signed.
//
// Tokens are JWTs in the shape of RFC 9068, signed with the hub's own keys.
// Keys, revocations, seen assertions and sessions live in the journal's state, so every
// replica trusts and refuses the same ones within the time the state takes to
// travel, which is milliseconds.
package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/zida-hub/zida/hub/journal"
	"github.com/zida-hub/zida/hub/registry"
)

// Bounds that callers may rely on.
const (
	MaxToken    = 8 << 10          // bytes; a longer token or assertion is refused unparsed
	MaxLifetime = 15 * time.Minute // of an access token
	// Leeway is how far the clocks of two machines may differ.
	Leeway = 30 * time.Second

	defaultLifetime = 10 * time.Minute
	maxAssertion    = 5 * time.Minute // lifetime of a client's assertion
)

// Options for New.
type Options struct {
	// Issuer is the hub's public URL, without a slash at the end; it is the
	// iss of every token and begins every address in the metadata.
	Issuer string
	// Audience is the aud of every token; "": the issuer.
	Audience string
	Registry *registry.Registry
	State    *journal.State
	// MasterKey seals the private keys in the state. Every replica needs the same.
	MasterKey [32]byte

	Lifetime      time.Duration // of a token; 0: 10 min, at most 15
	TokenAlg      string        // of new token keys: "EdDSA" (also ""), or "ES256"
	KeyPeriod     time.Duration // a token key signs for this long; 0: 30 days
	ReceiptPeriod time.Duration // a receipt key signs for this long; 0: 365 days
	KeyLead       time.Duration // a new key is published this long before it signs; 0: 5 min
	CacheSize     int           // verified tokens kept; 0: 8192
	Now           func() time.Time
	Logger        *slog.Logger
}

// Authority issues, checks and revokes tokens. Its methods may be called from
// many goroutines.
type Authority struct {
	o        Options
	reg      *registry.Registry
	state    *journal.State
	now      func() time.Time
	log      *slog.Logger
	seal     sealer
	parsers  map[string]*jwt.Parser // access tokens, one a signature algorithm
	cache    *cache
	throttle *throttle
	// Tries of passwords, by user and address, and by address alone.
	accounts, addresses *throttle

	tokenKeys   atomic.Pointer[keyring]
	receiptKeys atomic.Pointer[keyring]
	revoked     revocations
	sessions    sessions
	// generation grows after each change of keys or revocations can be read.
	generation atomic.Uint64

	asserting sync.Mutex // one log-in by assertion at a time: they write one key a client
	stop      context.CancelFunc
	done      chan struct{} // closed when the rotation goroutine has ended
}

// New reads the keys from the state, makes the first ones where there are none,
// and starts the goroutine that rotates them. Close ends it.
func New(ctx context.Context, o Options) (*Authority, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	a := &Authority{
		o: o, reg: o.Registry, state: o.State, now: o.Now, log: o.Logger,
		cache: newCache(o.CacheSize), throttle: newThrottle(failBurst, failRefill), done: make(chan struct{}),
		accounts: newThrottle(failBurst, failRefill), addresses: newThrottle(addressBurst, addressRefill),
	}
	var err error
	if a.seal, err = newSealer(o.MasterKey); err != nil {
		return nil, err
	}
	a.parsers = map[string]*jwt.Parser{}
	for _, alg := range []string{registry.AlgEdDSA, registry.AlgES256} {
		a.parsers[alg] = jwt.NewParser(
			jwt.WithValidMethods([]string{alg}), jwt.WithStrictDecoding(),
			jwt.WithIssuer(o.Issuer), jwt.WithAudience(o.Audience),
			jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(Leeway), jwt.WithTimeFunc(o.Now))
	}
	if err := a.watch(); err != nil {
		return nil, err
	}
	for _, use := range []string{UseToken, UseReceipt} {
		if err := a.firstKey(ctx, use); err != nil {
			return nil, err
		}
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	a.stop = stop
	go a.keepKeys(background)
	return a, nil
}

// watch takes in what the state holds and follows it. What cannot be read is an
// error at the start; later the keys of before go on working: better old keys
// than none.
func (a *Authority) watch() error {
	var mu sync.Mutex // the state calls from its own goroutine as soon as the first watch stands
	var broken error
	loading := true
	follow := func(e journal.Entry) {
		err := a.follow(e)
		if err == nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if loading {
			broken = errors.Join(broken, err)
			return
		}
		a.log.Error("state entry of the token service cannot be used", "key", e.Key, "revision", e.Revision, "error", err)
	}
	a.state.Watch(ringPrefix, follow)
	a.state.Watch(revokedPrefix, follow)
	a.state.Watch(sessionPrefix, follow)
	mu.Lock()
	defer mu.Unlock()
	loading = false
	return broken
}

func (o *Options) complete() error {
	if o.Registry == nil || o.State == nil {
		return errors.New("auth: Options.Registry and Options.State are needed")
	}
	if o.Issuer = strings.TrimRight(o.Issuer, "/"); o.Issuer == "" {
		return errors.New("auth: Options.Issuer is needed: the hub's public URL")
	}
	if o.MasterKey == [32]byte{} {
		return errors.New("auth: Options.MasterKey is all zero: give 32 random bytes")
	}
	if o.Audience == "" {
		o.Audience = o.Issuer
	}
	if o.TokenAlg == "" {
		o.TokenAlg = registry.AlgEdDSA
	}
	if o.TokenAlg != registry.AlgEdDSA && o.TokenAlg != registry.AlgES256 {
		return fmt.Errorf("auth: tokens are signed with EdDSA or ES256, not %s", o.TokenAlg)
	}
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{{&o.Lifetime, defaultLifetime}, {&o.KeyPeriod, 30 * 24 * time.Hour}, {&o.ReceiptPeriod, 365 * 24 * time.Hour}, {&o.KeyLead, 5 * time.Minute}} {
		if *d.value == 0 {
			*d.value = d.standard
		}
		if *d.value < 0 {
			return errors.New("auth: durations cannot be negative")
		}
	}
	if o.Lifetime < time.Second || o.Lifetime > MaxLifetime {
		return fmt.Errorf("auth: a token lives between 1 s and %s, not %s", MaxLifetime, o.Lifetime)
	}
	if o.CacheSize <= 0 {
		o.CacheSize = 8192
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return nil
}

// Close ends the rotation goroutine and waits for it.
func (a *Authority) Close() {
	a.stop()
	<-a.done
}

// follow takes one entry of the state in.
func (a *Authority) follow(e journal.Entry) error {
	switch {
	case e.Key == ringPrefix+UseToken, e.Key == ringPrefix+UseReceipt:
		ring, err := a.openRing(e)
		if err != nil {
			return err
		}
		a.ring(strings.TrimPrefix(e.Key, ringPrefix)).Store(ring)
	case strings.HasPrefix(e.Key, revokedPrefix):
		var v revokedValue
		if err := json.Unmarshal(e.Value, &v); err != nil {
			return fmt.Errorf("auth: %s cannot be read: %w", e.Key, err)
		}
		a.revoked.add(v.Tokens, a.now().Unix())
	case strings.HasPrefix(e.Key, sessionPrefix):
		var v sessionsValue
		if err := json.Unmarshal(e.Value, &v); err != nil {
			return fmt.Errorf("auth: %s cannot be read: %w", e.Key, err)
		}
		// No judgement of a token or session rests on the others.
		return a.sessions.take(strings.TrimPrefix(e.Key, sessionPrefix), v.Sessions, a.now().Unix())
	default:
		return nil
	}
	a.generation.Add(1)
	return nil
}

// at is the generation of everything a decision about a token rests on. Both
// numbers only grow, so an equal sum means that neither has changed.
func (a *Authority) at() uint64 { return a.generation.Load() + a.reg.Generation() }
