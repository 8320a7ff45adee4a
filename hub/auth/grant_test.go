package auth

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/zida-hub/zida/hub/registry"
)

func TestGrantGivesWhatIsAskedForAndHeld(t *testing.T) {
	w := newWorld(t)
	r, err := w.grant(t.Context(), w.client, "")
	if err != nil || r.TokenType != "Bearer" || r.ExpiresIn != 600 || r.Scope != "push:tourism_flow query read:*" {
		t.Errorf("%+v, %v", r, err)
	}
	r, err = w.grant(t.Context(), w.client, "read:park_monthly")
	if err != nil || r.Scope != "read:park_monthly" {
		t.Errorf("%+v, %v", r, err)
	}
	p, err := w.Verify(r.AccessToken)
	if err != nil || !p.CanRead("park_monthly") || p.CanRead("tourism_flow") || p.CanPush("tourism_flow") {
		t.Errorf("%+v, %v", p, err)
	}
	for _, scope := range []string{"admin", "push:*", "push:park_monthly", "query admin", "nonsense"} {
		_, err = w.grant(t.Context(), w.client, scope)
		wantOAuth(t, err, 400, "invalid_scope")
	}
	if _, err := w.reg.UpdateAgency(t.Context(), w.operator, "dazu", registry.AgencyUpdate{Scopes: []string{"audit"}}); err != nil {
		t.Fatal(err)
	}
	_, err = w.grant(t.Context(), w.client, "")
	wantOAuth(t, err, 400, "invalid_scope")
}

func TestGrantRefusesWhoeverCannotProve(t *testing.T) {
	w := newWorld(t)
	id, secret := w.client.ClientID, w.client.ClientSecret
	f := func(why string, status int, code string, req TokenRequest) {
		t.Helper()
		if req.GrantType == "" {
			req.GrantType = "client_credentials"
		}
		req.Remote = why // a bucket of its own
		_, err := w.Grant(t.Context(), req)
		wantOAuth(t, err, status, code)
	}
	f("nothing", 401, "invalid_client", TokenRequest{})
	f("no secret", 401, "invalid_client", TokenRequest{Credentials: Credentials{ClientID: id}})
	f("wrong secret", 401, "invalid_client", TokenRequest{Credentials: Credentials{ClientID: id, Secret: secret + "x"}})
	f("unknown client", 401, "invalid_client", TokenRequest{Credentials: Credentials{ClientID: "dazu-none", Secret: secret}})
	f("another's secret", 401, "invalid_client", TokenRequest{Credentials: Credentials{ClientID: w.signer, Secret: secret}})
	f("a client that must sign", 401, "invalid_client", TokenRequest{Credentials: Credentials{ClientID: w.signer, Secret: "zs_"}})
	f("grant type", 400, "unsupported_grant_type", TokenRequest{GrantType: "password", Credentials: Credentials{ClientID: id, Secret: secret}})
	f("two ways", 400, "invalid_request", TokenRequest{Credentials: Credentials{ClientID: id, Secret: secret, AssertionType: AssertionType, Assertion: "a.b.c"}})
	f("assertion type", 400, "invalid_request", TokenRequest{Credentials: Credentials{ClientID: id, AssertionType: "saml", Assertion: "a.b.c"}})
	f("assertion without type", 400, "invalid_request", TokenRequest{Credentials: Credentials{ClientID: id, Assertion: "a.b.c"}})
	_, err := w.Grant(t.Context(), TokenRequest{Credentials: Credentials{ClientID: id, Secret: secret}})
	wantOAuth(t, err, 400, "invalid_request")
	if _, err := w.reg.SetClientDisabled(t.Context(), w.operator, id, true); err != nil {
		t.Fatal(err)
	}
	f("disabled client", 401, "invalid_client", TokenRequest{Credentials: Credentials{ClientID: id, Secret: secret}})
}

func TestFailedLogInsAreThrottledByClientAndAddress(t *testing.T) {
	w := newWorld(t)
	try := func(remote, secret string) error {
		_, err := w.Grant(t.Context(), TokenRequest{GrantType: "client_credentials", Credentials: Credentials{ClientID: w.client.ClientID, Secret: secret, Remote: remote}})
		return err
	}
	for range failBurst {
		wantOAuth(t, try("198.51.100.9", "zs_guess"), 401, "invalid_client")
	}
	e := wantOAuth(t, try("198.51.100.9", w.client.ClientSecret), 429, "invalid_client")
	if e.RetryAfter <= 0 || e.RetryAfter > failRefill {
		t.Errorf("Retry-After %s", e.RetryAfter)
	}
	if err := try("192.0.2.1", w.client.ClientSecret); err != nil {
		t.Errorf("a stranger's guesses lock the client itself out: %v", err)
	}
	w.clock.step(e.RetryAfter)
	wantOAuth(t, try("198.51.100.9", "zs_guess"), 401, "invalid_client")
	wantOAuth(t, try("198.51.100.9", "zs_guess"), 429, "invalid_client")
	w.clock.step(failRefill)
	if err := try("198.51.100.9", w.client.ClientSecret); err != nil {
		t.Errorf("after the wait: %v", err)
	}
	wantOAuth(t, try("198.51.100.9", "zs_guess"), 401, "invalid_client") // a log-in emptied the count
}

func TestThrottleIsBounded(t *testing.T) {
	th, now := newThrottle(failBurst, failRefill), start
	for i := range maxBuckets + 100 {
		th.fail(strings.Repeat("x", i%7)+time.Duration(i).String(), now)
	}
	if len(th.buckets) > maxBuckets {
		t.Errorf("%d buckets", len(th.buckets))
	}
	th.fail("new", now.Add(time.Hour)) // all others are full by then
	if len(th.buckets) != 1 {
		t.Errorf("%d buckets are kept though they are full", len(th.buckets))
	}
}

// assertion signs one as the key client would.
func (w *world) assertion(claims object) string {
	return compactOf(object{"alg": "EdDSA", "kid": "ed", "typ": "JWT"}.text(), claims.text(), jwt.SigningMethodEdDSA, w.ed)
}

func (w *world) assertionClaims(jti string) object {
	now := w.clock.now().Unix()
	return object{"iss": w.signer, "sub": w.signer, "aud": issuer + "/oauth2/token", "iat": now, "exp": now + 120, "jti": jti}
}

func (w *world) present(t *testing.T, a *Authority, assertion, id string) error {
	t.Helper()
	r, err := a.Grant(t.Context(), TokenRequest{GrantType: "client_credentials", Credentials: Credentials{
		ClientID: id, AssertionType: AssertionType, Assertion: assertion, Remote: t.Name(),
	}})
	if err == nil {
		if _, err := a.Verify(r.AccessToken); err != nil {
			t.Errorf("the token is not good: %v", err)
		}
	}
	w.throttle.forget(w.signer + " " + t.Name())
	return err
}

func TestAssertionsOfBothAlgorithmsLogIn(t *testing.T) {
	w := newWorld(t)
	f := func(why, assertion string) {
		t.Helper()
		if err := w.present(t, w.Authority, assertion, ""); err != nil {
			t.Errorf("%s: %v", why, err)
		}
	}
	c := w.assertionClaims
	f("EdDSA", w.assertion(c("1")))
	f("ES256", compactOf(`{"alg":"ES256","kid":"ec"}`, c("2").text(), jwt.SigningMethodES256, w.ec))
	f("the issuer as audience", w.assertion(c("3").with("aud", issuer)))
	f("an array of one", w.assertion(c("4").with("aud", []string{issuer})))
	f("no iat", w.assertion(c("5").without("iat")))
	f("the full five minutes", w.assertion(c("6").with("exp", w.clock.now().Unix()+300)))
	if err := w.present(t, w.Authority, w.assertion(c("7")), w.signer); err != nil {
		t.Errorf("with its client_id: %v", err)
	}
	if _, err := w.reg.RemoveKey(t.Context(), w.operator, w.signer, "ec"); err != nil {
		t.Fatal(err)
	}
	f("the only key need not be named", compactOf(`{"alg":"EdDSA"}`, c("8").text(), jwt.SigningMethodEdDSA, w.ed))
}

func TestAttacksOnAssertionsAreRefused(t *testing.T) {
	w := newWorld(t)
	now := w.clock.now().Unix()
	c := w.assertionClaims("x")
	own := w.token(t)
	edHeader := object{"alg": "EdDSA", "kid": "ed"}
	signed := func(h, c object) string { return compactOf(h.text(), c.text(), jwt.SigningMethodEdDSA, w.ed) }
	for name, assertion := range map[string]string{
		"rubbish":                     "a.b.c",
		"over 8 KiB":                  w.assertion(c.with("x", strings.Repeat("y", MaxToken))),
		"a million dots":              strings.Repeat(".", 1_000_000),
		"another audience":            w.assertion(c.with("aud", "https://other.example/oauth2/token")),
		"two audiences":               w.assertion(c.with("aud", []string{issuer, "https://other.example"})),
		"no audience":                 w.assertion(c.without("aud")),
		"audience empty":              w.assertion(c.with("aud", "")),
		"audience with a path more":   w.assertion(c.with("aud", issuer+"/oauth2/token/")),
		"iss is not sub":              w.assertion(c.with("iss", w.client.ClientID)),
		"sub is another client":       w.assertion(c.with("sub", w.client.ClientID)),
		"both name another client":    w.assertion(c.with("sub", w.client.ClientID).with("iss", w.client.ClientID)),
		"both name nobody":            w.assertion(c.with("sub", "nobody").with("iss", "nobody")),
		"no sub":                      w.assertion(c.without("sub")),
		"no iss":                      w.assertion(c.without("iss")),
		"no exp":                      w.assertion(c.without("exp")),
		"no jti":                      w.assertion(c.without("jti")),
		"jti not text":                w.assertion(c.with("jti", 7)),
		"jti very long":               w.assertion(c.with("jti", strings.Repeat("j", 600))),
		"expired":                     w.assertion(c.with("iat", now-200).with("exp", now-100)),
		"lives six minutes":           w.assertion(c.with("exp", now+360)),
		"lives six minutes, no iat":   w.assertion(c.without("iat").with("exp", now+360)),
		"lives longer than it may":    w.assertion(c.with("iat", now-200).with("exp", now+200)),
		"issued in the future":        w.assertion(c.with("iat", now+100)),
		"not valid yet":               w.assertion(c.with("nbf", now+100)),
		"claim twice":                 compactOf(edHeader.text(), strings.Replace(c.text(), "{", `{"sub":"zida-admin",`, 1), jwt.SigningMethodEdDSA, w.ed),
		"no kid among two keys":       signed(edHeader.without("kid"), c),
		"unknown kid":                 signed(edHeader.with("kid", "../x"), c),
		"the other key's kid":         signed(edHeader.with("kid", "ec"), c),
		"ES256 said of the Ed25519":   signed(edHeader.with("alg", "ES256"), c),
		"alg none":                    b64(`{"alg":"none","kid":"ed"}`) + "." + b64(c.text()) + ".",
		"HS256 with the public key":   compactOf(`{"alg":"HS256","kid":"ed"}`, c.text(), jwt.SigningMethodHS256, []byte(w.ed[32:])),
		"crit":                        signed(edHeader.with("crit", []string{"exp"}), c),
		"jwk":                         signed(edHeader.with("jwk", object{"kty": "OKP"}), c),
		"typ of an access token":      signed(edHeader.with("typ", "at+jwt"), c),
		"an access token of the hub":  own,
		"signed by the hub's own key": w.forge(w.goodHeader().with("typ", "JWT"), c),
	} {
		t.Run(name, func(t *testing.T) {
			err := w.present(t, w.Authority, assertion, "")
			wantOAuth(t, err, 401, "invalid_client")
		})
	}
	wantOAuth(t, w.present(t, w.Authority, w.assertion(c), w.client.ClientID), 400, "invalid_request")
	if _, ok := w.state.Get(seenPrefix + w.signer); ok {
		t.Error("a refused assertion was recorded as used")
	}
}

func TestAssertionIsGoodOnceOnAllReplicas(t *testing.T) {
	w := newWorld(t)
	other, _ := w.replica(t)
	a := w.assertion(w.assertionClaims("once"))
	if err := w.present(t, w.Authority, a, ""); err != nil {
		t.Fatal(err)
	}
	wantOAuth(t, w.present(t, w.Authority, a, ""), 401, "invalid_client")
	wantOAuth(t, w.present(t, other, a, ""), 401, "invalid_client")

	// Both replicas at once: one of them takes it.
	b := w.assertion(w.assertionClaims("race"))
	results := make(chan error, 8)
	for i := range cap(results) {
		replica := []*Authority{w.Authority, other}[i%2]
		go func() {
			_, err := replica.Grant(t.Context(), TokenRequest{GrantType: "client_credentials", Credentials: Credentials{AssertionType: AssertionType, Assertion: b}})
			results <- err
		}()
	}
	taken := 0
	for range cap(results) {
		if err := <-results; err == nil {
			taken++
		} else {
			wantOAuth(t, err, 401, "invalid_client")
		}
	}
	if taken != 1 {
		t.Errorf("%d of the replays were taken, want 1", taken)
	}
	// What is remembered ends with the assertions' lifetimes.
	w.clock.step(10 * time.Minute)
	if err := w.present(t, w.Authority, w.assertion(w.assertionClaims("later")), ""); err != nil {
		t.Fatal(err)
	}
	if e, _ := w.state.Get(seenPrefix + w.signer); bytes.Count(e.Value, []byte(":")) != 2 {
		t.Errorf("expired assertions are kept: %s", e.Value)
	}
}

func TestTooManyAssertionsAreHeldBack(t *testing.T) {
	w := newWorld(t)
	value := []byte(`{"seen":{`)
	for i := range maxSeen {
		if i > 0 {
			value = append(value, ',')
		}
		value = append(value, `"`+time.Duration(i).String()+`":9999999999`...)
	}
	if _, err := w.state.Put(t.Context(), seenPrefix+w.signer, append(value, `}}`...), 0); err != nil {
		t.Fatal(err)
	}
	e := wantOAuth(t, w.present(t, w.Authority, w.assertion(w.assertionClaims("more")), ""), 429, "invalid_client")
	if e.RetryAfter == 0 {
		t.Error("no Retry-After")
	}
}

func TestLogHoldsNoSecrets(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	secret := w.client.ClientSecret
	for _, c := range []Credentials{
		{ClientID: w.client.ClientID, Secret: secret + "x"}, {ClientID: secret, Secret: "y"},
		{AssertionType: AssertionType, Assertion: w.assertion(w.assertionClaims("x").with("aud", "y"))},
	} {
		if _, err := w.Grant(t.Context(), TokenRequest{GrantType: "client_credentials", Credentials: c}); err == nil {
			t.Error("granted")
		}
	}
	if strings.Contains(log.String(), secret) || !strings.Contains(log.String(), "log-in refused") {
		t.Errorf("log: %s", log.String())
	}
}
