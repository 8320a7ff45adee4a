package auth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/zida-hub/zida/hub/journal"
	"github.com/zida-hub/zida/hub/registry"
)

const (
	seenPrefix = "assertion."
	// maxSeen bounds the assertions of one client that are remembered, so also
	// how many it may use within their lifetime.
	maxSeen = 256
)

// openAssertion takes a client's assertion apart; nothing in it is believed yet.
func openAssertion(assertion string) (compact, error) {
	if len(assertion) > MaxToken {
		return compact{}, errTooLong
	}
	c, err := openCompact(assertion)
	if err != nil {
		return compact{}, err
	}
	// The forms in use: none, "JWT", and the one RFC 7523's revision asks for. An
	// access token (at+jwt) is none of them.
	if typ, ok := c.header["typ"]; ok && !slices.Contains([]string{`"JWT"`, `"jwt"`, `"client-authentication+jwt"`}, string(typ)) {
		return compact{}, errType
	}
	return c, c.plain()
}

// checkAssertion gives the reason to refuse, "" for none. An error means that
// the hub cannot say, or an answer other than invalid_client.
func (a *Authority) checkAssertion(ctx context.Context, client *registry.Client, assertion string, c compact) (string, error) {
	if client == nil {
		return "unknown client", nil
	}
	k := assertionKey(client, text(c.header, "kid"))
	switch {
	case k == nil:
		return "assertion names no registered key", nil
	case text(c.header, "alg") != k.Alg:
		return "assertion's algorithm is not its key's", nil
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{k.Alg}), jwt.WithStrictDecoding(),
		jwt.WithIssuer(client.ID), jwt.WithSubject(client.ID), jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(), jwt.WithLeeway(Leeway), jwt.WithTimeFunc(a.now))
	if _, err := parser.Parse(assertion, func(*jwt.Token) (any, error) { return k.Public(), nil }); err != nil {
		return "assertion: " + refusal(err).Reason, nil
	}
	if !a.isForUs(c.claims["aud"]) {
		return "assertion is for another audience", nil
	}
	now := a.now()
	exp, iat, jti := seconds(c.claims, "exp"), seconds(c.claims, "iat"), text(c.claims, "jti")
	switch {
	case exp <= 0 || time.Unix(exp, 0).After(now.Add(maxAssertion+Leeway)):
		return "assertion lives longer than 5 minutes", nil
	case c.claims["iat"] != nil && (iat <= 0 || exp-iat > int64(maxAssertion/time.Second)):
		return "assertion lives longer than 5 minutes", nil
	case jti == "" || len(jti) > 512:
		return "assertion has no jti", nil
	}
	return a.firstUse(ctx, client.ID, jti, exp)
}

// assertionKey finds the key an assertion is signed with among those the client
// registered. A client with one key need not name it.
func assertionKey(client *registry.Client, kid string) *registry.PublicKey {
	for i := range client.Keys {
		if k := &client.Keys[i]; k.KID == kid || (kid == "" && len(client.Keys) == 1) {
			return k
		}
	}
	return nil
}

// isForUs: the audience is the token endpoint or the issuer, alone. An array
// with others beside us would let one of them use the assertion here.
func (a *Authority) isForUs(aud json.RawMessage) bool {
	var one string
	if json.Unmarshal(aud, &one) != nil {
		var many []string
		if json.Unmarshal(aud, &many) != nil || len(many) != 1 {
			return false
		}
		one = many[0]
	}
	return one != "" && (one == a.o.Issuer || one == a.tokenEndpoint())
}

// seenValue is the client's assertions that could still be replayed: a hash of
// the jti, and until when. It carries no act: logging in is none.
type seenValue struct {
	Seen map[string]int64 `json:"seen"`
}

// firstUse marks an assertion as used, by compare-and-set in the state, so that
// of all replicas only one can take it. What is marked is durable before the
// token exists; a hub that dies in between costs the client a new assertion.
func (a *Authority) firstUse(ctx context.Context, client, jti string, exp int64) (string, error) {
	a.asserting.Lock()
	defer a.asserting.Unlock()
	sum := sha256.Sum256([]byte(jti))
	id := base64.RawURLEncoding.EncodeToString(sum[:16])
	stateKey := seenPrefix + client
	busy := &OAuthError{Code: "temporarily_unavailable", Status: http.StatusServiceUnavailable, RetryAfter: time.Second, Description: "the hub cannot record the assertion now: try again with a new one"}
	for range 8 {
		e, _ := a.state.Get(stateKey)
		v := seenValue{}
		if len(e.Value) > 0 {
			if err := json.Unmarshal(e.Value, &v); err != nil {
				return "", fmt.Errorf("auth: %s cannot be read: %w", stateKey, err)
			}
		}
		now := a.now().Unix()
		if v.Seen == nil {
			v.Seen = map[string]int64{}
		}
		if _, used := v.Seen[id]; used {
			return "assertion was used before", nil
		}
		for old, until := range v.Seen {
			if until < now {
				delete(v.Seen, old)
			}
		}
		if len(v.Seen) >= maxSeen {
			return "", &OAuthError{Code: "invalid_client", Status: http.StatusTooManyRequests, RetryAfter: time.Minute, Description: "too many log-ins: use an access token until it expires"}
		}
		v.Seen[id] = exp + int64(Leeway/time.Second)
		value, err := json.Marshal(v)
		if err != nil {
			return "", fmt.Errorf("auth: %w", err)
		}
		_, err = a.state.Put(ctx, stateKey, value, e.Revision)
		if err == nil {
			return "", nil
		}
		if !errors.Is(err, journal.ErrConflict) {
			a.log.Error("assertion cannot be recorded", "client", client, "error", err)
			return "", busy
		}
		if awaitView(ctx, func() bool { n, _ := a.state.Get(stateKey); return n.Revision > e.Revision }) != nil {
			return "", busy
		}
	}
	return "", busy
}
