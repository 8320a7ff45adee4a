package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/zida-hub/zida/hub/journal"
	"github.com/zida-hub/zida/hub/registry"
)

const (
	revokedPrefix = "revoked."
	// maxRevoked bounds the living tokens of one client that are revoked one by one.
	maxRevoked = 256
)

var jtiPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// revokedValue is the revoked tokens of one client that have not expired: jti
// and expiry in Unix seconds. One key a client keeps the state small.
type revokedValue struct {
	Act    registry.Act     `json:"act"`
	Tokens map[string]int64 `json:"tokens"`
}

// revocations is every revoked token that could still be shown.
type revocations struct{ tokens sync.Map } // jti → expiry

func (r *revocations) add(tokens map[string]int64, now int64) {
	for jti, exp := range tokens {
		if exp >= now {
			r.tokens.Store(jti, exp)
		}
	}
}

func (r *revocations) has(jti string) bool {
	_, ok := r.tokens.Load(jti)
	return ok
}

// forget drops what has expired anyway.
func (r *revocations) forget(now int64) {
	r.tokens.Range(func(jti, exp any) bool {
		if exp.(int64) < now {
			r.tokens.Delete(jti)
		}
		return true
	})
}

// Revoke is RFC 7009: a client that proves itself gives one of its own tokens
// back. A token that is no longer good is no error.
func (a *Authority) Revoke(ctx context.Context, c Credentials, token, requestID string) error {
	g, err := a.authenticate(ctx, c)
	if err != nil {
		return err
	}
	if token == "" {
		return badRequest("token is missing")
	}
	if len(token) > MaxToken {
		return nil
	}
	v, err := a.verify(token, a.now())
	if err != nil {
		return nil //nolint:nilerr // RFC 7009 §2.2: an invalid token needs no revoking
	}
	if v.client != g.Client.ID {
		return &OAuthError{Code: "unauthorized_client", Status: http.StatusBadRequest, Description: "the token is another client's: its own client or an admin can revoke it"}
	}
	by := registry.Actor{Client: g.Client.ID, Agency: g.Agency.ID, RequestID: requestID}
	return a.revoke(ctx, by, v.client, v.agency, v.jti, v.exp)
}

// RevokeToken revokes one token of a client by its jti, as an admin of the
// client's agency or of the operator.
func (a *Authority) RevokeToken(ctx context.Context, by registry.Actor, client, jti string) error {
	c, ok := a.reg.Client(client)
	if !ok {
		return &registry.Error{Kind: registry.ErrNotFound, ZH: "没有这个客户端；请检查编号。", EN: "there is no such client: check the id"}
	}
	if err := a.reg.MayManage(by, c.Agency); err != nil {
		return err
	}
	if !jtiPattern.MatchString(jti) {
		return &registry.Error{Kind: registry.ErrInvalid, ZH: "jti 不是本平台令牌的编号。", EN: "the jti is not that of a token of this hub"}
	}
	return a.revoke(ctx, by, c.ID, c.Agency, jti, a.now().Add(MaxLifetime+Leeway).Unix())
}

// RevokeClient ends all tokens of a client, as an admin.
func (a *Authority) RevokeClient(ctx context.Context, by registry.Actor, client string) error {
	_, err := a.reg.RevokeTokens(ctx, by, client)
	return err
}

func (a *Authority) revoke(ctx context.Context, by registry.Actor, client, agency, jti string, exp int64) error {
	stateKey := revokedPrefix + client
	for range 8 {
		e, _ := a.state.Get(stateKey)
		v := revokedValue{}
		if len(e.Value) > 0 {
			if err := json.Unmarshal(e.Value, &v); err != nil {
				return fmt.Errorf("auth: %s cannot be read: %w", stateKey, err)
			}
		}
		if _, done := v.Tokens[jti]; done {
			return nil
		}
		now := a.now()
		next := map[string]int64{jti: exp}
		for old, until := range v.Tokens {
			if until >= now.Unix() {
				next[old] = until
			}
		}
		if len(next) > maxRevoked {
			return &registry.Error{
				Kind: registry.ErrConflict,
				ZH:   "该客户端已逐个撤销太多令牌；请一次撤销其全部令牌。",
				EN:   "too many tokens of this client are revoked one by one: revoke all of the client's tokens at once",
			}
		}
		value, err := json.Marshal(revokedValue{
			Act:    registry.NewAct(by, "token.revoke", stateKey, agency, now, []registry.Change{{Field: "jti", To: jti}}),
			Tokens: next,
		})
		if err != nil {
			return fmt.Errorf("auth: %w", err)
		}
		_, err = a.state.Put(ctx, stateKey, value, e.Revision)
		if !errors.Is(err, journal.ErrConflict) {
			if err != nil {
				return fmt.Errorf("auth: revoke: %w", err)
			}
			return nil
		}
		if err := awaitView(ctx, func() bool { n, _ := a.state.Get(stateKey); return n.Revision > e.Revision }); err != nil {
			return err
		}
	}
	return &OAuthError{Code: "temporarily_unavailable", Status: http.StatusServiceUnavailable, RetryAfter: time.Second, Description: "many revocations at once: try again"}
}
