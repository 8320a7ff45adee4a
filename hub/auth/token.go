package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/zida-hub/zida/hub/registry"
)

// tokenType is the typ of RFC 9068: nothing else the hub signs can pass for an
// access token.
const tokenType = "at+jwt"

// verified is a token whose signature and claims have been found good. What it
// allows is worked out again whenever registry, keys or revocations change.
type verified struct {
	sum       [sha256.Size]byte
	kid, jti  string
	client    string
	agency    string
	iat, exp  int64 // Unix seconds
	scopes    []string
	regions   []string
	clearance string
	standing  atomic.Pointer[standing]
}

// standing is what a token is worth at one generation.
type standing struct {
	generation uint64
	principal  *Principal
	err        error
}

// Verify checks an access token and says who is calling. It is cheap for a
// token seen before; expiry, revocation and the state of client and agency are
// looked at on every call. Errors are *TokenError.
func (a *Authority) Verify(token string) (*Principal, error) {
	if len(token) > MaxToken {
		return nil, errTooLong
	}
	now := a.now()
	sum := digest(token)
	v := a.cache.get(&sum)
	if v == nil {
		var err error
		if v, err = a.verify(token, now); err != nil {
			return nil, err
		}
		v.sum = sum
		a.cache.put(v)
	}
	if now.Unix() >= v.exp {
		return nil, errExpired
	}
	st := v.standing.Load()
	if at := a.at(); st == nil || st.generation != at {
		st = &standing{generation: at}
		st.principal, st.err = a.judge(v, now)
		v.standing.Store(st)
	}
	return st.principal, st.err
}

// digest is the SHA-256 of a token. Converting the string would allocate, so
// tokens of usual length are copied to the stack.
func digest(token string) [sha256.Size]byte {
	var buf [1536]byte
	if len(token) > len(buf) {
		return sha256.Sum256([]byte(token))
	}
	return sha256.Sum256(buf[:copy(buf[:], token)])
}

// verify is the whole check of a token not seen before, apart from what changes
// while it lives.
func (a *Authority) verify(token string, now time.Time) (*verified, error) {
	c, err := openCompact(token)
	if err != nil {
		return nil, err
	}
	if err := c.plain(); err != nil {
		return nil, err
	}
	if text(c.header, "typ") != tokenType {
		return nil, errType
	}
	k := a.tokenKeys.Load().trusted(text(c.header, "kid"), now)
	if k == nil {
		return nil, errKey
	}
	if text(c.header, "alg") != k.jwk.Alg {
		return nil, errAlg
	}
	_, err = a.parsers[k.jwk.Alg].Parse(token, func(*jwt.Token) (any, error) { return k.jwk.Public(), nil })
	if err != nil {
		return nil, refusal(err)
	}
	v := &verified{
		kid: k.jwk.KID, jti: text(c.claims, "jti"),
		client: text(c.claims, "client_id"), agency: text(c.claims, "agency"),
		iat: seconds(c.claims, "iat"), exp: seconds(c.claims, "exp"),
		scopes: strings.Fields(text(c.claims, "scope")), regions: texts(c.claims, "regions"),
		clearance: text(c.claims, "clearance"),
	}
	if _, ok := registry.ParseClearance(v.clearance); !ok || v.jti == "" || v.client == "" || v.agency == "" ||
		v.iat <= 0 || v.exp <= 0 || len(v.scopes) == 0 || len(v.regions) == 0 || text(c.claims, "sub") != v.client {
		return nil, errClaims
	}
	if v.exp <= v.iat || v.exp-v.iat > int64(MaxLifetime/time.Second) {
		return nil, errLifetime
	}
	return v, nil
}

// judge says what a good token is worth now.
func (a *Authority) judge(v *verified, now time.Time) (*Principal, error) {
	if a.tokenKeys.Load().trusted(v.kid, now) == nil {
		return nil, errKey
	}
	if a.revoked.has(v.jti) {
		return nil, errRevoked
	}
	g, ok := a.reg.Grants(v.client)
	if !ok || g.Agency.ID != v.agency {
		return nil, errClient
	}
	if v.iat < g.Client.NotBefore.Unix() {
		return nil, errRevoked
	}
	said, _ := registry.ParseClearance(v.clearance)
	held, _ := registry.ParseClearance(g.Clearance)
	p := &Principal{
		ClientID: v.client, Agency: v.agency,
		Regions:   narrow(v.regions, g.Regions),
		Scopes:    registry.IntersectScopes(v.scopes, g.Scopes),
		Clearance: min(said, held),
		TokenID:   v.jti, Expires: time.Unix(v.exp, 0).UTC(),
	}
	return p, nil
}

// mint makes a token for a client with some of its scopes.
func (a *Authority) mint(g registry.Grants, scopes []string) (token string, lifetime time.Duration, err error) {
	now := a.now()
	iat := now.Unix()
	// After "revoke all", tokens count from the next whole second on; one asked
	// for before that second must not be born dead.
	if nb := g.Client.NotBefore.Unix(); nb > iat && !g.Client.NotBefore.IsZero() {
		iat = nb
	}
	exp := now.Add(a.o.Lifetime).Unix()
	k := a.tokenKeys.Load().signer(now)
	var id [16]byte
	_, _ = rand.Read(id[:])
	t := jwt.NewWithClaims(jwt.GetSigningMethod(k.jwk.Alg), jwt.MapClaims{
		"iss": a.o.Issuer, "aud": a.o.Audience, "sub": g.Client.ID, "client_id": g.Client.ID,
		"iat": iat, "exp": exp, "jti": base64.RawURLEncoding.EncodeToString(id[:]),
		"agency": g.Agency.ID, "regions": g.Regions, "scope": strings.Join(scopes, " "), "clearance": g.Clearance,
	})
	t.Header["typ"], t.Header["kid"] = tokenType, k.jwk.KID
	token, err = t.SignedString(k.private)
	if err != nil {
		return "", 0, fmt.Errorf("auth: sign a token: %w", err)
	}
	if len(token) > MaxToken {
		return "", 0, &OAuthError{Code: "invalid_scope", Status: 400, Description: "the token would be longer than 8 KiB: ask for fewer scopes, or use push:* or read:*"}
	}
	return token, time.Duration(exp-now.Unix()) * time.Second, nil
}
