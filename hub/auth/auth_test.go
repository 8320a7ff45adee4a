package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/zida-hub/zida/hub/journal"
	"github.com/zida-hub/zida/hub/registry"
)

const issuer = "https://hub.example"

// start is the instant tests begin at; with a fraction of a second, as clocks have.
var start = time.Date(2026, 3, 2, 9, 30, 15, 400_000_000, time.UTC)

// clock is a time that tests move by hand.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time        { return start.Add(time.Duration(c.offset.Load())) }
func (c *clock) step(by time.Duration) { c.offset.Add(int64(by)) }

// world is one journal with a replica of the hub's registry and authority, an
// agency and two clients: one with a secret, one with keys.
type world struct {
	*Authority
	clock    *clock
	journal  *journal.Journal
	reg      *registry.Registry
	operator registry.Actor
	client   registry.Credentials // of agency dazu, scopes push:tourism_flow read:* query
	signer   string               // id of the client that signs assertions
	ed       ed25519.PrivateKey   // kid "ed"
	ec       *ecdsa.PrivateKey    // kid "ec"
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func newWorld(t testing.TB, change ...func(*Options)) *world {
	t.Helper()
	j, err := journal.Open(t.Context(), journal.Options{Dir: t.TempDir(), Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(j.Close)
	w := &world{clock: &clock{}, journal: j}
	w.Authority, w.reg = w.replica(t, change...)
	cred, _, err := w.reg.Bootstrap(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.operator = registry.Actor{Client: cred.ClientID, Agency: registry.Operator, Admin: true}
	if _, err := w.reg.CreateAgency(t.Context(), w.operator, registry.AgencySpec{ID: "dazu", Name: "大足区文旅委", Regions: []string{"500111"}}); err != nil {
		t.Fatal(err)
	}
	w.client = w.newClient(t, "push:tourism_flow", "read:*", "query")
	var pub ed25519.PublicKey
	pub, w.ed, _ = ed25519.GenerateKey(rand.Reader)
	w.ec, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	c, _, err := w.reg.CreateClient(t.Context(), w.operator, registry.ClientSpec{Agency: "dazu", Scopes: []string{"push:*"}, PublicKey: jwkOf(t, "ed", pub)})
	if err != nil {
		t.Fatal(err)
	}
	w.signer = c.ID
	if _, err := w.reg.AddKey(t.Context(), w.operator, c.ID, jwkOf(t, "ec", &w.ec.PublicKey)); err != nil {
		t.Fatal(err)
	}
	return w
}

// replica starts another registry and authority on the same journal.
func (w *world) replica(t testing.TB, change ...func(*Options)) (*Authority, *registry.Registry) {
	t.Helper()
	reg, err := registry.Open(t.Context(), registry.Options{State: w.journal.State(), Now: w.clock.now, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Issuer: issuer, Registry: reg, State: w.journal.State(), MasterKey: [32]byte{1}, Now: w.clock.now, Logger: quiet()}
	for _, f := range change {
		f(&o)
	}
	a, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a, reg
}

func (w *world) newClient(t testing.TB, scopes ...string) registry.Credentials {
	t.Helper()
	_, cred, err := w.reg.CreateClient(t.Context(), w.operator, registry.ClientSpec{Agency: "dazu", Scopes: scopes})
	if err != nil {
		t.Fatal(err)
	}
	return cred
}

func jwkOf(t testing.TB, kid string, pub crypto.PublicKey) []byte {
	t.Helper()
	k, err := registry.NewPublicKey(kid, pub)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func (w *world) grant(ctx context.Context, c registry.Credentials, scope string) (TokenResponse, error) {
	return w.Grant(ctx, TokenRequest{GrantType: "client_credentials", Scope: scope, Credentials: Credentials{ClientID: c.ClientID, Secret: c.ClientSecret, Remote: "192.0.2.1"}})
}

func (w *world) token(t testing.TB) string {
	t.Helper()
	r, err := w.grant(t.Context(), w.client, "")
	if err != nil {
		t.Fatal(err)
	}
	return r.AccessToken
}

// object is JSON members with a way to change some.
type object map[string]any

func (o object) with(name string, value any) object {
	o = maps.Clone(o)
	o[name] = value
	return o
}

func (o object) without(name string) object {
	o = maps.Clone(o)
	delete(o, name)
	return o
}

func (o object) text() string {
	data, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return string(data)
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// compactOf signs header and claims, given as text, with any key.
func compactOf(header, claims string, method jwt.SigningMethod, key any) string {
	signing := b64(header) + "." + b64(claims)
	sig, err := method.Sign(signing, key)
	if err != nil {
		panic(err)
	}
	return signing + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// goodHeader and goodClaims are what the hub itself would write.
func (w *world) goodHeader() object {
	return object{"typ": "at+jwt", "alg": "EdDSA", "kid": w.tokenKeys.Load().signer(w.clock.now()).jwk.KID}
}

func (w *world) goodClaims() object {
	now := w.clock.now().Unix()
	return object{
		"iss": issuer, "aud": issuer, "sub": w.client.ClientID, "client_id": w.client.ClientID, "iat": now, "exp": now + 600,
		"jti": "AAAAAAAAAAAAAAAAAAAAAA", "agency": "dazu", "regions": []string{"500111"}, "scope": "push:tourism_flow", "clearance": "internal",
	}
}

// forge signs with the hub's own key, as an attacker never could: what is then
// refused is refused for what it says.
func (w *world) forge(header, claims object) string {
	return compactOf(header.text(), claims.text(), jwt.SigningMethodEdDSA, w.tokenKeys.Load().signer(w.clock.now()).private)
}

func wantReason(t testing.TB, err error, reason string) {
	t.Helper()
	var e *TokenError
	if !errors.As(err, &e) || e.Reason != reason {
		t.Errorf("error %v, want reason %q", err, reason)
	}
}

func wantOAuth(t testing.TB, err error, status int, code string) *OAuthError {
	t.Helper()
	e, ok := isOAuth(err)
	if !ok || e.Status != status || e.Code != code {
		t.Errorf("error %v, want %d %s", err, status, code)
	}
	return e
}
