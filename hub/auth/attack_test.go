package auth

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/zida-hub/zida/hub/registry"
)

// attack is a token and the reason it must be refused for: a case cannot pass
// by failing somewhere else.
type attack struct{ name, reason, token string }

// attacksOnSignature change header, key or signature.
func (w *world) attacksOnSignature() []attack {
	h, c := w.goodHeader(), w.goodClaims()
	good := w.forge(h, c)
	parts := strings.Split(good, ".")
	signer := w.tokenKeys.Load().signer(w.clock.now())
	public := []byte(signer.jwk.Public().(ed25519.PublicKey))
	_, stranger, _ := ed25519.GenerateKey(rand.Reader)
	strangerJWK := object{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(stranger.Public().(ed25519.PublicKey))}
	none := func(alg string) string { return b64(h.with("alg", alg).text()) + "." + parts[1] + "." }
	return []attack{
		{"no token", "malformed", ""},
		{"alg none", "alg", none("none")},
		{"alg NoNe", "alg", none("NoNe")},
		{"alg NONE with the signature left on", "alg", none("NONE") + parts[2]},
		{"alg empty", "alg", none("")},
		{"alg missing", "alg", w.forge(h.without("alg"), c)},
		{"alg a number", "alg", w.forge(h.with("alg", 1), c)},
		{"null signature", "signature", parts[0] + "." + parts[1] + "."},
		{"signature of zeros", "signature", parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64))},
		{"signature cut", "signature", parts[0] + "." + parts[1] + "." + parts[2][:40]},
		{"signature of another token", "signature", parts[0] + "." + b64(c.with("agency", "zida").text()) + "." + parts[2]},
		{"signature of a stranger", "signature", compactOf(h.text(), c.text(), jwt.SigningMethodEdDSA, stranger)},
		{"HS256 with the public key as secret", "alg", compactOf(h.with("alg", "HS256").text(), c.text(), jwt.SigningMethodHS256, public)},
		{"HS256 with the public key, EdDSA said", "signature", compactOf(h.text(), c.text(), jwt.SigningMethodHS256, public)},
		{"HS256 with a blank key", "alg", compactOf(h.with("alg", "HS256").text(), c.text(), jwt.SigningMethodHS256, []byte{})},
		{"ES256 said of an Ed25519 key", "alg", w.forge(h.with("alg", "ES256"), c)},

		{"kid unknown", "key", w.forge(h.with("kid", "nobody"), c)},
		{"kid traversal", "key", w.forge(h.with("kid", "../../../../dev/null"), c)},
		{"kid SQL", "key", w.forge(h.with("kid", "x' UNION SELECT 'key'; --"), c)},
		{"kid command", "key", w.forge(h.with("kid", "$(id)"), c)},
		{"kid of the receipt key", "key", w.forge(h.with("kid", w.ReceiptKID()), c)},
		{"kid missing", "key", w.forge(h.without("kid"), c)},
		{"kid not text", "key", w.forge(h.with("kid", []string{signer.jwk.KID}), c)},
		{"kid null", "key", w.forge(h.with("kid", nil), c)},
		{"jku", "header", w.forge(h.with("jku", "https://evil.example/jwks.json"), c)},
		{"x5u", "header", w.forge(h.with("x5u", "https://evil.example/cert.pem"), c)},
		{"x5c", "header", w.forge(h.with("x5c", []string{"AAAA"}), c)},
		{"embedded jwk", "header", compactOf(h.with("jwk", strangerJWK).text(), c.text(), jwt.SigningMethodEdDSA, stranger)},
		{"crit", "header", w.forge(h.with("crit", []string{"exp"}), c)},
		{"crit empty", "header", w.forge(h.with("crit", nil), c)},
		{"b64", "header", w.forge(h.with("b64", false), c)},
		{"zip", "header", w.forge(h.with("zip", "DEF"), c)},
		{"typ missing", "type", w.forge(h.without("typ"), c)},
		{"typ JWT", "type", w.forge(h.with("typ", "JWT"), c)},
		{"typ of an assertion", "type", w.forge(h.with("typ", "client-authentication+jwt"), c)},
		{"typ not text", "type", w.forge(h.with("typ", []string{"at+jwt"}), c)},
	}
}

// attacksOnClaims say things the hub would never sign, with its own key.
func (w *world) attacksOnClaims(t *testing.T) []attack {
	h, c := w.goodHeader(), w.goodClaims()
	now := w.clock.now().Unix()
	disabled := w.newClient(t, "query")
	if _, err := w.reg.SetClientDisabled(t.Context(), w.operator, disabled.ClientID, true); err != nil {
		t.Fatal(err)
	}
	return []attack{
		{"expired", "expired", w.forge(h, c.with("iat", now-700).with("exp", now-100))},
		{"expired this second, no leeway", "expired", w.forge(h, c.with("iat", now-600).with("exp", now))},
		{"not valid yet", "early", w.forge(h, c.with("nbf", now+120))},
		{"issued in the future", "early", w.forge(h, c.with("iat", now+120).with("exp", now+300))},
		{"lives too long", "lifetime", w.forge(h, c.with("exp", now+901))},
		{"lives for ever", "lifetime", w.forge(h, c.with("exp", int64(1)<<53))},
		{"ends before it begins", "lifetime", w.forge(h, c.with("iat", now+20).with("exp", now+10))},
		{"another audience", "audience", w.forge(h, c.with("aud", "https://other.example"))},
		{"audience empty", "claims", w.forge(h, c.with("aud", ""))},
		{"another issuer", "audience", w.forge(h, c.with("iss", "https://hub.example.evil"))},
		{"sub is another client", "claims", w.forge(h, c.with("sub", w.signer))},
		{"clearance unknown", "claims", w.forge(h, c.with("clearance", "top"))},
		{"exp a fraction", "claims", w.forge(h, c.with("exp", float64(now)+0.5))},
		{"exp text", "claims", w.forge(h, c.with("exp", strconv.FormatInt(now+600, 10)))},
		{"regions text", "claims", w.forge(h, c.with("regions", "500111"))},

		{"client unknown", "client", w.forge(h, c.with("client_id", "dazu-none").with("sub", "dazu-none"))},
		{"client of another agency", "client", w.forge(h, c.with("agency", "zida"))},
		{"client disabled", "client", w.forge(h, c.with("client_id", disabled.ClientID).with("sub", disabled.ClientID))},
	}
}

// attacksOnForm are not what a token looks like, or look like two.
func (w *world) attacksOnForm() []attack {
	h, c := w.goodHeader(), w.goodClaims()
	good := w.forge(h, c)
	parts := strings.Split(good, ".")
	private := w.tokenKeys.Load().signer(w.clock.now()).private
	raw := func(header, claims string) string {
		return compactOf(header, claims, jwt.SigningMethodEdDSA, private)
	}
	return []attack{
		{"claim twice", "malformed", raw(h.text(), strings.Replace(c.text(), "{", `{"agency":"zida",`, 1))},
		{"claim twice, escaped", "malformed", raw(h.text(), strings.Replace(c.text(), "{", `{"\u0061gency":"zida",`, 1))},
		{"header twice", "malformed", raw(strings.Replace(h.text(), "{", `{"alg":"none",`, 1), c.text())},
		{"claim twice deeper", "malformed", raw(h.text(), strings.Replace(c.text(), "{", `{"x":{"a":1,"a":2},`, 1))},
		{"claims in other case do not count", "claims", raw(h.text(), strings.Replace(c.text(), `"jti"`, `"JTI"`, 1))},
		{"claims not an object", "malformed", raw(h.text(), `[1]`)},
		{"claims null", "malformed", raw(h.text(), `null`)},
		{"claims with bad UTF-8", "malformed", raw(h.text(), strings.Replace(c.text(), "{", "{\"x\":\"\xff\",", 1))},
		{"claims cut", "malformed", raw(h.text(), c.text()[:40])},
		{"something after the claims", "malformed", raw(h.text(), c.text()+"{}")},
		{"deep claims", "malformed", raw(h.text(), strings.Replace(c.text(), "{", `{"x":`+strings.Repeat("[", 500)+strings.Repeat("]", 500)+",", 1))},
		{"header not base64", "malformed", "!!." + parts[1] + "." + parts[2]},
		{"padded", "malformed", parts[0] + "=." + parts[1] + "." + parts[2]},
		{"line end inside", "malformed", parts[0] + ".\n" + parts[1] + "." + parts[2]},
		{"two parts", "malformed", parts[0] + "." + parts[1]},
		{"four parts", "malformed", good + "." + parts[2]},
		{"five parts, as JWE", "malformed", good + ".a.b"},
		{"a million dots", "too_long", strings.Repeat(".", 1_000_000)},
		{"dots below the limit", "malformed", strings.Repeat(".", MaxToken)},
		{"over 8 KiB", "too_long", w.forge(h, c.with("x", strings.Repeat("y", MaxToken)))},
		{"zero bytes", "malformed", strings.Repeat("\x00", 100)},
	}
}

// TestAttacksOnTokensAreRefused holds every attack on JWTs we know of.
func TestAttacksOnTokensAreRefused(t *testing.T) {
	w := newWorld(t)
	h, c := w.goodHeader(), w.goodClaims()
	if _, err := w.Verify(w.forge(h, c)); err != nil {
		t.Fatalf("the untouched token: %v", err)
	}
	attacks := append(w.attacksOnSignature(), w.attacksOnForm()...)
	for _, attack := range append(attacks, w.attacksOnClaims(t)...) {
		t.Run(attack.name, func(t *testing.T) {
			p, err := w.Verify(attack.token)
			if p != nil {
				t.Errorf("it gives a principal: %+v", p)
			}
			wantReason(t, err, attack.reason)
			var e *TokenError
			if errors.As(err, &e) && (e.In("zh") == "" || e.In("en") == "" || !strings.HasPrefix(e.Challenge(), `Bearer error="invalid_token"`)) {
				t.Errorf("%+v lacks a text", e)
			}
		})
	}
	for name := range c {
		if _, err := w.Verify(w.forge(h, c.without(name))); err == nil {
			t.Errorf("a token without %s is taken", name)
		}
	}
}

// TestES256TokensAndTheirForgeries holds CVE-2022-21449 and its kin, on a hub whose tokens
// are ES256.
func TestES256TokensAndTheirForgeries(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.TokenAlg = registry.AlgES256 })
	token := w.token(t)
	if _, err := w.Verify(token); err != nil {
		t.Fatal(err)
	}
	signing := token[:strings.LastIndexByte(token, '.')]
	order := "_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE" // n of P-256 in base64url, as r or s
	n, err := base64.RawURLEncoding.DecodeString(order)
	if err != nil || len(n) != 32 {
		t.Fatal(err, len(n))
	}
	zero, one := make([]byte, 32), append(make([]byte, 31), 1)
	for name, sig := range map[string][]byte{
		"r and s zero": append(zero, zero...), "s zero": append(one, zero...), "r zero": append(zero, one...),
		"r and s the order": append(n, n...), "empty": nil, "short": one, "long": append(append(n, n...), 0),
	} {
		_, err := w.Verify(signing + "." + base64.RawURLEncoding.EncodeToString(sig))
		if err == nil {
			t.Errorf("%s is taken", name)
		}
		wantReason(t, err, "signature")
	}
	_, err = w.Verify(compactOf(w.goodHeader().text(), w.goodClaims().text(), jwt.SigningMethodEdDSA, w.ed))
	wantReason(t, err, "alg")
}

func TestRevokedTokenIsRefused(t *testing.T) {
	w := newWorld(t)
	token, other := w.token(t), w.token(t)
	cred := Credentials{ClientID: w.client.ClientID, Secret: w.client.ClientSecret}
	if err := w.Revoke(t.Context(), cred, token, "r-7"); err != nil {
		t.Fatal(err)
	}
	_, err := w.Verify(token)
	wantReason(t, err, "revoked")
	if _, err := w.Verify(other); err != nil {
		t.Errorf("the client's other token: %v", err)
	}
	for _, gone := range []string{token, "rubbish", strings.Repeat("x", MaxToken+1)} {
		if err := w.Revoke(t.Context(), cred, gone, ""); err != nil {
			t.Errorf("a token that is no longer good is no error: %v", err)
		}
	}
	wantOAuth(t, w.Revoke(t.Context(), cred, "", ""), 400, "invalid_request")
	wantOAuth(t, w.Revoke(t.Context(), Credentials{ClientID: w.client.ClientID, Secret: "zs_wrong"}, other, ""), 401, "invalid_client")
	stranger := w.newClient(t, "query")
	wantOAuth(t, w.Revoke(t.Context(), Credentials{ClientID: stranger.ClientID, Secret: stranger.ClientSecret}, other, ""), 400, "unauthorized_client")

	p, _ := w.Verify(other)
	if err := w.RevokeToken(t.Context(), w.operator, p.ClientID, p.TokenID); err != nil {
		t.Fatal(err)
	}
	_, err = w.Verify(other)
	wantReason(t, err, "revoked")
	outsider := registry.Actor{Client: "x", Agency: "anyue", Admin: true}
	if err := w.RevokeToken(t.Context(), outsider, p.ClientID, p.TokenID); !errors.Is(err, registry.ErrForbidden) {
		t.Errorf("another agency's admin: %v", err)
	}
	if err := w.RevokeToken(t.Context(), w.operator, p.ClientID, "a.b"); !errors.Is(err, registry.ErrInvalid) {
		t.Errorf("not a jti: %v", err)
	}
	if err := w.RevokeToken(t.Context(), w.operator, "nobody", p.TokenID); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("no client: %v", err)
	}
	acts, err := w.reg.Acts(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if last := acts[len(acts)-1]; last.Action != "token.revoke" || last.Changes[0].To != p.TokenID {
		t.Errorf("act %+v", last)
	}
	// Once it has expired a revocation takes no room.
	w.clock.step(time.Hour)
	w.revoked.forget(w.clock.now().Unix())
	if w.revoked.has(p.TokenID) {
		t.Error("an expired revocation is kept")
	}
}

func FuzzVerify(f *testing.F) {
	w := newWorld(f)
	h, c := w.goodHeader(), w.goodClaims()
	good := w.forge(h, c)
	f.Add(good)
	f.Add(w.forge(h.with("crit", []string{"x"}), c))
	f.Add(w.forge(h, c.with("aud", []string{issuer, "x"})))
	f.Add("a.b.c")
	f.Add(strings.Repeat(".", 100))
	f.Add(b64(`{"alg":"none"}`) + "." + b64(`{}`) + ".")
	f.Fuzz(func(t *testing.T, token string) {
		p, err := w.Verify(token)
		if (p == nil) == (err == nil) {
			t.Fatalf("%q: %v, %v", token, p, err)
		}
		var e *TokenError
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("%q: %v is no token error", token, err)
		}
		// The fuzzer cannot sign: only what was signed above may get in.
		if p != nil && p.Agency != "dazu" {
			t.Fatalf("%q gives %+v", token, p)
		}
	})
}
