package auth

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zida-hub/zida/hub/registry"
)

// kids lists the key ids of a JWKS document.
func kids(t *testing.T, doc []byte) []string {
	t.Helper()
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal(doc, &set); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, k := range set.Keys {
		if k["use"] != "sig" || k["alg"] == nil || k["x"] == nil {
			t.Errorf("key %v", k)
		}
		for _, private := range []string{"d", "k", "sealed", "added_at"} {
			if _, ok := k[private]; ok {
				t.Errorf("the document publishes %q", private)
			}
		}
		out = append(out, k["kid"].(string))
	}
	return out
}

func TestTokenKeysRotateWithoutDowntime(t *testing.T) {
	w := newWorld(t)
	other, _ := w.replica(t)
	signs := func() string { return w.tokenKeys.Load().signer(w.clock.now()).jwk.KID }
	first := signs()
	old := w.token(t)
	if err := w.Rotate(t.Context(), RotateRequest{Use: UseToken, By: w.operator}); err != nil {
		t.Fatal(err)
	}
	published := kids(t, other.JWKS())
	if len(published) != 2 || published[0] != first || signs() != first {
		t.Fatalf("published %v, signing with %s: the new key must be seen before it signs", published, signs())
	}
	err := w.Rotate(t.Context(), RotateRequest{Use: UseToken, By: w.operator})
	if !errors.Is(err, registry.ErrConflict) {
		t.Errorf("a rotation within a rotation: %v", err)
	}
	w.clock.step(5 * time.Minute)
	second := signs()
	if second != published[1] {
		t.Fatalf("after the lead %s signs, want %s", second, published[1])
	}
	between := w.token(t)
	for name, token := range map[string]string{"old": old, "new": between} {
		if _, err := other.Verify(token); err != nil {
			t.Errorf("the %s key's token while rotating: %v", name, err)
		}
	}
	w.clock.step(MaxLifetime + Leeway)
	if got := kids(t, w.JWKS()); !slices.Equal(got, []string{second}) {
		t.Errorf("published %v once the old tokens have expired, want %s alone", got, second)
	}
	if err := w.Rotate(t.Context(), RotateRequest{Use: UseToken, By: w.operator}); err != nil {
		t.Fatal(err)
	}
	if n := len(w.tokenKeys.Load().keys); n != 2 {
		t.Errorf("%d keys in the ring: the one that is over must go", n)
	}
}

func TestCompromisedTokenKeyEndsItsTokens(t *testing.T) {
	w := newWorld(t)
	other, _ := w.replica(t)
	token := w.token(t)
	if _, err := other.Verify(token); err != nil {
		t.Fatal(err)
	}
	if err := w.Rotate(t.Context(), RotateRequest{Use: UseToken, Compromised: true, By: w.operator}); err != nil {
		t.Fatal(err)
	}
	_, err := other.Verify(token)
	wantReason(t, err, "key")
	if _, err := other.Verify(w.token(t)); err != nil {
		t.Errorf("a token of the new key: %v", err)
	}
}

func TestReceiptKeysStayPublishedForEver(t *testing.T) {
	w := newWorld(t)
	msg := []byte("zida-block-v1\n1\n")
	type signed struct {
		kid string
		sig []byte
	}
	var all []signed
	for i := range 4 {
		kid, sig := w.SignReceipt(msg)
		if kid != w.ReceiptKID() {
			t.Fatal("another key id")
		}
		all = append(all, signed{kid, sig})
		if err := w.Rotate(t.Context(), RotateRequest{Use: UseReceipt, Compromised: i == 2, By: w.operator}); err != nil {
			t.Fatal(err)
		}
		w.clock.step(24 * 365 * time.Hour)
	}
	late, _ := w.replica(t)
	published := kids(t, late.ReceiptKeys())
	if len(published) != 5 {
		t.Errorf("%d keys published, want 5", len(published))
	}
	for _, s := range all {
		i := slices.Index(published, s.kid)
		if i < 0 || slices.Index(published[i+1:], s.kid) >= 0 {
			t.Fatalf("key %s is not there once", s.kid)
		}
		if !ed25519.Verify(late.receiptKeys.Load().keys[i].jwk.Public().(ed25519.PublicKey), msg, s.sig) {
			t.Errorf("the signature of %s does not verify", s.kid)
		}
	}
	for _, kid := range published {
		if slices.Contains(kids(t, late.JWKS()), kid) {
			t.Error("a receipt key is among the token keys")
		}
	}
	private := 0
	for _, k := range late.receiptKeys.Load().stored {
		if len(k.Sealed) > 0 {
			private++
		}
	}
	if private > 2 {
		t.Errorf("%d private halves are kept: those that sign no more must go", private)
	}
}

func TestKeysRotateByThemselvesWhenTheirPeriodIsOver(t *testing.T) {
	w := newWorld(t)
	w.tidy(t.Context())
	if n := len(kids(t, w.JWKS())); n != 1 {
		t.Fatalf("%d keys before the period is over", n)
	}
	w.clock.step(30 * 24 * time.Hour)
	other, _ := w.replica(t)
	w.tidy(t.Context())
	other.tidy(t.Context()) // the other replica sees that it has been done
	if n := len(kids(t, w.JWKS())); n != 2 {
		t.Errorf("%d keys, want the old and the new", n)
	}
	if n := len(kids(t, w.ReceiptKeys())); n != 1 {
		t.Errorf("%d receipt keys, want 1", n)
	}
	w.clock.step(365 * 24 * time.Hour)
	w.tidy(t.Context())
	if n := len(kids(t, w.ReceiptKeys())); n != 2 {
		t.Errorf("%d receipt keys after a year, want 2", n)
	}
	acts, err := w.reg.Acts(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	last := acts[len(acts)-1]
	if last.Action != "key.rotate" || last.Actor != "system" {
		t.Errorf("act %+v", last)
	}
}

func TestOnlyTheOperatorRotates(t *testing.T) {
	w := newWorld(t)
	for _, by := range []registry.Actor{{}, {Client: "x", Agency: "dazu", Admin: true}, {Client: "x", Agency: registry.Operator}} {
		if err := w.Rotate(t.Context(), RotateRequest{Use: UseToken, By: by}); !errors.Is(err, registry.ErrForbidden) {
			t.Errorf("%+v: %v", by, err)
		}
	}
	if err := w.Rotate(t.Context(), RotateRequest{Use: "tls", By: w.operator}); !errors.Is(err, registry.ErrInvalid) {
		t.Errorf("another use: %v", err)
	}
}

func TestReplicasStartingAtOnceShareTheirKeys(t *testing.T) {
	w := newWorld(t)
	a, _ := w.replica(t)
	b, _ := w.replica(t)
	if !slices.Equal(kids(t, a.JWKS()), kids(t, b.JWKS())) || !slices.Equal(kids(t, a.ReceiptKeys()), kids(t, b.ReceiptKeys())) {
		t.Error("two replicas have different keys")
	}
	// One that lost the race to make a key finds the winner's.
	lost := a.tokenKeys.Load().revision
	a.tokenKeys.Store(nil)
	go a.follow(must(w.state.Get(ringPrefix + UseToken))) //nolint:errcheck // the test fails below
	if err := a.firstKey(t.Context(), UseToken); err != nil || a.tokenKeys.Load().revision != lost {
		t.Errorf("after a lost race: %v", err)
	}
}

func must[T any](v T, ok bool) T {
	if !ok {
		panic("missing")
	}
	return v
}

func TestAnotherMasterKeyIsNamed(t *testing.T) {
	w := newWorld(t)
	reg := w.reg
	o := Options{Issuer: issuer, Registry: reg, State: w.journal.State(), MasterKey: [32]byte{2}, Now: w.clock.now, Logger: quiet()}
	_, err := New(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "master key") {
		t.Errorf("error %v", err)
	}
}

func TestSealedKeysAreBoundToTheirPlace(t *testing.T) {
	w := newWorld(t)
	k := w.tokenKeys.Load()
	sealed, jwk := k.stored[0].Sealed, k.keys[0].jwk
	if _, err := w.seal.open(sealed, ringPrefix+UseToken, jwk); err != nil {
		t.Fatal(err)
	}
	if _, err := w.seal.open(sealed, ringPrefix+UseReceipt, jwk); err == nil {
		t.Error("a token key opens as a receipt key")
	}
	if _, err := w.seal.open(sealed, ringPrefix+UseToken, w.receiptKeys.Load().keys[0].jwk); err == nil {
		t.Error("a key opens under another's id")
	}
	e, _ := w.state.Get(ringPrefix + UseToken)
	seed := k.keys[0].private.(ed25519.PrivateKey).Seed()
	if strings.Contains(string(e.Value), string(seed)) {
		t.Error("the state holds the private key")
	}
}

func TestDamagedRingLeavesTheKeysOfBefore(t *testing.T) {
	w := newWorld(t)
	token := w.token(t)
	for _, value := range []string{"{", "{}", `{"keys":[{"public":{}}]}`, `{"keys":[{"public":` + string(jwkOf(t, "x", w.ed.Public())) + `}]}`} {
		e, _ := w.state.Get(ringPrefix + UseToken)
		if _, err := w.state.Put(t.Context(), ringPrefix+UseToken, []byte(value), e.Revision); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Verify(token); err != nil {
			t.Errorf("after %s: %v", value, err)
		}
		_ = w.token(t)
	}
	o := Options{Issuer: issuer, Registry: w.reg, State: w.journal.State(), MasterKey: [32]byte{1}, Now: w.clock.now, Logger: quiet()}
	if _, err := New(t.Context(), o); err == nil {
		t.Error("a hub starts on a damaged ring")
	}
}

func TestOptionsAreChecked(t *testing.T) {
	w := newWorld(t)
	good := Options{Issuer: issuer + "/", Registry: w.reg, State: w.journal.State(), MasterKey: [32]byte{1}}
	for name, change := range map[string]func(*Options){
		"registry": func(o *Options) { o.Registry = nil }, "state": func(o *Options) { o.State = nil }, "issuer": func(o *Options) { o.Issuer = "/" },
		"master key": func(o *Options) { o.MasterKey = [32]byte{} }, "alg": func(o *Options) { o.TokenAlg = "HS256" },
		"long": func(o *Options) { o.Lifetime = 16 * time.Minute }, "short": func(o *Options) { o.Lifetime = time.Millisecond },
		"negative": func(o *Options) { o.KeyLead = -1 },
	} {
		o := good
		change(&o)
		if err := o.complete(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := good.complete(); err != nil || good.Issuer != issuer || good.Audience != issuer {
		t.Errorf("%+v, %v", good, err)
	}
}
