package auth

import (
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/zida-hub/zida/hub/journal"
	"github.com/zida-hub/zida/hub/registry"
)

// What a key is for. Token keys and receipt keys never mix: a token lives for
// minutes, a receipt must be provable for as long as anybody keeps it.
const (
	UseToken   = "token"
	UseReceipt = "receipt"
)

const ringPrefix = "keyring."

// ringValue is all keys of one use, in the order in which they sign. One value
// holds them all, so that two replicas cannot rotate at once.
type ringValue struct {
	Act  registry.Act `json:"act"`
	Keys []ringKey    `json:"keys"`
}

type ringKey struct {
	Public   json.RawMessage `json:"public"` // a JWK
	Sealed   []byte          `json:"sealed,omitempty"`
	Created  time.Time       `json:"created"`
	SignFrom time.Time       `json:"sign_from"` // until the next key's
}

// keyring is a ringValue opened.
type keyring struct {
	revision uint64
	stored   []ringKey
	keys     []*key
}

type key struct {
	jwk      registry.PublicKey
	private  crypto.Signer // nil: retired, public part only
	signFrom time.Time
	// until is when a token signed by this key can no longer be alive; zero while
	// it has no successor.
	until time.Time
}

// signer is the key that signs now: the last one whose time has come. A clock
// that was set back finds the oldest.
func (r *keyring) signer(now time.Time) *key {
	var found *key
	for _, k := range r.keys {
		if k.private != nil && (found == nil || !k.signFrom.After(now)) {
			found = k
		}
	}
	return found
}

// trusted finds a key by id among those whose tokens may still live.
func (r *keyring) trusted(kid string, now time.Time) *key {
	for _, k := range r.keys {
		if k.jwk.KID == kid && k.live(now) {
			return k
		}
	}
	return nil
}

func (k *key) live(now time.Time) bool { return k.until.IsZero() || now.Before(k.until) }

// last is the key that signs now or is about to.
func (r *keyring) last() *key { return r.keys[len(r.keys)-1] }

func (a *Authority) ring(use string) *atomic.Pointer[keyring] {
	if use == UseReceipt {
		return &a.receiptKeys
	}
	return &a.tokenKeys
}

func (a *Authority) openRing(e journal.Entry) (*keyring, error) {
	var v ringValue
	if err := json.Unmarshal(e.Value, &v); err != nil {
		return nil, fmt.Errorf("auth: %s cannot be read: %w", e.Key, err)
	}
	if len(v.Keys) == 0 {
		return nil, fmt.Errorf("auth: %s holds no key", e.Key)
	}
	r := &keyring{revision: e.Revision, stored: v.Keys}
	for i, k := range v.Keys {
		jwk, err := registry.ParsePublicKey(k.Public)
		if err != nil {
			return nil, fmt.Errorf("auth: %s, key %d: %w", e.Key, i, err)
		}
		jwk.Use = "sig"
		next := &key{jwk: jwk, signFrom: k.SignFrom}
		if len(k.Sealed) > 0 {
			if next.private, err = a.seal.open(k.Sealed, e.Key, jwk); err != nil {
				return nil, err
			}
		}
		if i+1 < len(v.Keys) {
			next.until = v.Keys[i+1].SignFrom.Add(MaxLifetime + Leeway)
		}
		r.keys = append(r.keys, next)
	}
	if r.last().private == nil {
		return nil, fmt.Errorf("auth: %s: its last key has no private part", e.Key)
	}
	return r, nil
}

// firstKey makes the first key of a use. Another replica may be quicker: then
// its key is ours.
func (a *Authority) firstKey(ctx context.Context, use string) error {
	if a.ring(use).Load() != nil {
		return nil
	}
	err := a.addKey(ctx, registry.System("first start"), use, nil, a.now())
	if errors.Is(err, journal.ErrConflict) {
		err = a.awaitRing(ctx, use, 0)
	}
	if err == nil && a.ring(use).Load() == nil {
		err = fmt.Errorf("auth: the %s keys in the state cannot be used: see the log", use)
	}
	return err
}

// awaitRing waits until the view holds a later revision than one that lost.
func (a *Authority) awaitRing(ctx context.Context, use string, than uint64) error {
	return awaitView(ctx, func() bool {
		r := a.ring(use).Load()
		return r != nil && r.revision > than
	})
}

// awaitView polls for a change that is on its way from another replica.
func awaitView(ctx context.Context, seen func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !seen() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("auth: a change made elsewhere has not arrived: %w", ctx.Err())
		case <-tick.C:
		}
	}
	return nil
}

// RotateRequest asks for a new key of one use.
type RotateRequest struct {
	Use string // UseToken or UseReceipt
	// Compromised ends the old token keys this moment, with every token they
	// signed; a receipt key stays published but signs no more.
	Compromised bool
	By          registry.Actor
}

// Rotate makes the next key: published now, signing after the lead time, so
// that nobody meets a signature whose key they could not have seen. The old
// token key stays published until its last token has expired; a receipt key for
// ever.
func (a *Authority) Rotate(ctx context.Context, req RotateRequest) error {
	if !req.By.IsOperator() {
		return &registry.Error{Kind: registry.ErrForbidden, ZH: "只有运营方管理员可以轮换密钥。", EN: "only an admin of the operator can rotate keys"}
	}
	if req.Use != UseToken && req.Use != UseReceipt {
		return &registry.Error{Kind: registry.ErrInvalid, ZH: "用途只有 token 与 receipt。", EN: "the use is token or receipt"}
	}
	now := a.now()
	ring := a.ring(req.Use).Load()
	from := now.Add(a.o.KeyLead)
	var kept []ringKey
	if req.Compromised {
		from = now
	} else if pending := ring.last().signFrom; pending.After(now) {
		return &registry.Error{
			Kind: registry.ErrConflict,
			ZH:   "上一次轮换尚未完成；请在 " + pending.UTC().Format(time.RFC3339) + " 之后再试。",
			EN:   "the last rotation is still under way: try again after " + pending.UTC().Format(time.RFC3339),
		}
	}
	for i, k := range ring.stored {
		switch {
		case req.Use == UseReceipt:
			// The private half of a key that will not sign again is better forgotten.
			if req.Compromised || (i+1 < len(ring.stored) && !ring.stored[i+1].SignFrom.After(now)) {
				k.Sealed = nil
			}
			kept = append(kept, k)
		case !req.Compromised && ring.keys[i].live(now):
			kept = append(kept, k)
		}
	}
	err := a.addKey(ctx, req.By, req.Use, kept, from)
	if errors.Is(err, journal.ErrConflict) {
		return &registry.Error{Kind: registry.ErrConflict, ZH: "另一个副本正在轮换；请稍后再试。", EN: "another replica is rotating: try again in a moment"}
	}
	return err
}

// addKey writes the ring with one more key at its end, if nobody else has
// changed it since we read it.
func (a *Authority) addKey(ctx context.Context, by registry.Actor, use string, kept []ringKey, from time.Time) error {
	var revision uint64
	if ring := a.ring(use).Load(); ring != nil {
		revision = ring.revision
	}
	alg := registry.AlgEdDSA // receipts are Ed25519, whatever tokens are
	if use == UseToken {
		alg = a.o.TokenAlg
	}
	name := ringPrefix + use
	next, err := a.seal.generate(alg, name)
	if err != nil {
		return err
	}
	next.Created, next.SignFrom = a.now().UTC(), from.UTC()
	keys := append(slices.Clone(kept), next)
	var jwk registry.PublicKey
	if err := json.Unmarshal(next.Public, &jwk); err != nil {
		return fmt.Errorf("auth: new key: %w", err)
	}
	value, err := json.Marshal(ringValue{
		Act: registry.NewAct(by, "key.rotate", name, registry.Operator, next.Created, []registry.Change{
			{Field: "kid", To: jwk.KID}, {Field: "sign_from", To: next.SignFrom.Format(time.RFC3339)},
		}),
		Keys: keys,
	})
	if err != nil {
		return fmt.Errorf("auth: new key: %w", err)
	}
	if _, err := a.state.Put(ctx, name, value, revision); err != nil {
		return fmt.Errorf("auth: write the %s keys: %w", use, err)
	}
	return nil
}

// keepKeys rotates keys when their period is over and forgets what has expired,
// once a minute until Close.
func (a *Authority) keepKeys(ctx context.Context) {
	defer close(a.done)
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			a.tidy(ctx)
		}
	}
}

func (a *Authority) tidy(ctx context.Context) {
	now := a.now()
	a.revoked.forget(now.Unix())
	a.sessions.forget(now.Unix())
	for use, period := range map[string]time.Duration{UseToken: a.o.KeyPeriod, UseReceipt: a.o.ReceiptPeriod} {
		if now.Before(a.ring(use).Load().last().signFrom.Add(period)) {
			continue
		}
		err := a.Rotate(ctx, RotateRequest{Use: use, By: registry.System("period over")})
		if err != nil && !errors.Is(err, registry.ErrConflict) && ctx.Err() == nil {
			a.log.Error("automatic key rotation failed; the present key goes on signing", "use", use, "error", err)
		}
	}
}

// SignReceipt signs with the receipt key of the moment.
func (a *Authority) SignReceipt(msg []byte) (kid string, sig []byte) {
	k := a.receiptKeys.Load().signer(a.now())
	return k.jwk.KID, ed25519.Sign(k.private.(ed25519.PrivateKey), msg)
}

// ReceiptKID is the key SignReceipt would use now.
func (a *Authority) ReceiptKID() string { return a.receiptKeys.Load().signer(a.now()).jwk.KID }

// sealer keeps private keys closed with the master key. The ring's name and the
// key id are authenticated with it, so that a sealed key cannot pass for another.
type sealer struct{ aead cipher.AEAD }

func newSealer(master [32]byte) (sealer, error) {
	block, err := aes.NewCipher(master[:])
	if err != nil {
		return sealer{}, fmt.Errorf("auth: master key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return sealer{}, fmt.Errorf("auth: master key: %w", err)
	}
	return sealer{aead}, nil
}

func (s sealer) generate(alg, ring string) (ringKey, error) {
	var private crypto.Signer
	var err error
	if alg == registry.AlgES256 {
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		_, private, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		return ringKey{}, fmt.Errorf("auth: new key: %w", err)
	}
	jwk, err := registry.NewPublicKey("", private.Public())
	if err != nil {
		return ringKey{}, fmt.Errorf("auth: new key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return ringKey{}, fmt.Errorf("auth: new key: %w", err)
	}
	public, err := json.Marshal(jwk)
	if err != nil {
		return ringKey{}, fmt.Errorf("auth: new key: %w", err)
	}
	sealed := s.aead.Seal(nil, nil, der, bound(ring, jwk.KID)) //nolint:gosec // NewGCMWithRandomNonce makes the nonce and refuses to be given one
	return ringKey{Public: public, Sealed: sealed}, nil
}

func (s sealer) open(sealed []byte, ring string, jwk registry.PublicKey) (crypto.Signer, error) {
	der, err := s.aead.Open(nil, nil, sealed, bound(ring, jwk.KID))
	if err != nil {
		return nil, fmt.Errorf("auth: key %s of %s does not open with this master key: start the hub with the master key its journal was made with", jwk.KID, ring)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("auth: key %s of %s: %w", jwk.KID, ring, err)
	}
	private, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("auth: key %s of %s cannot sign", jwk.KID, ring)
	}
	if public, ok := jwk.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(private.Public()) {
		return nil, fmt.Errorf("auth: key %s of %s: its halves do not belong together", jwk.KID, ring)
	}
	return private, nil
}

func bound(ring, kid string) []byte { return []byte("zida " + ring + " " + kid) }
