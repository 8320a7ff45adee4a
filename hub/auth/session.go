package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zida-hub/zida/hub/journal"
	"github.com/zida-hub/zida/hub/registry"
)

const (
	// MaxSession is how long a session lives at most; nothing prolongs it.
	MaxSession = 12 * time.Hour

	sessionPrefix = "session."
	sessionToken  = 43 // characters: 256 random bits in base64url
	// maxSessions bounds the live sessions of one user; the oldest gives way.
	maxSessions = 20
)

// sessionsValue is the live sessions of one user, oldest first. One key a user
// keeps the state small, and lets compare-and-set hold the bound on every replica.
// It carries no act: logging in is none.
type sessionsValue struct {
	Sessions []storedSession `json:"sessions"`
}

// storedSession is a session as the state holds it. Of 256 random bits a plain hash
// is enough: whoever reads the state cannot turn it into a cookie.
type storedSession struct {
	Hash    string `json:"hash"`  // SHA-256 of the token, base64url
	Epoch   uint64 `json:"epoch"` // of the user when it began
	Began   int64  `json:"began"` // Unix seconds
	Expires int64  `json:"expires"`
}

// sum is a token's SHA-256.
type sum = [sha256.Size]byte

// session is a live one; what it allows is worked out again whenever the registry
// changes.
type session struct {
	user     string
	epoch    uint64
	exp      int64 // Unix seconds
	standing atomic.Pointer[standing]
}

// sessions is every session that has not expired, by the hash of its token.
type sessions struct {
	mu   sync.RWMutex
	live map[sum]*session
	of   map[string][]sum
}

// take puts a user's sessions in the place of those that were known.
func (s *sessions) take(user string, list []storedSession, now int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live == nil {
		s.live, s.of = map[sum]*session{}, map[string][]sum{}
	}
	for _, h := range s.of[user] {
		delete(s.live, h)
	}
	delete(s.of, user)
	for _, kept := range list {
		h, err := base64.RawURLEncoding.DecodeString(kept.Hash)
		if err != nil || len(h) != sha256.Size {
			return fmt.Errorf("auth: a session of %s is damaged", user)
		}
		if kept.Expires <= now {
			continue
		}
		s.live[sum(h)] = &session{user: user, epoch: kept.Epoch, exp: kept.Expires}
		s.of[user] = append(s.of[user], sum(h))
	}
	return nil
}

func (s *sessions) get(h sum) *session {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.live[h]
}

// forget drops what has expired.
func (s *sessions) forget(now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for user, list := range s.of {
		left := slices.DeleteFunc(list, func(h sum) bool {
			gone := s.live[h].exp <= now
			if gone {
				delete(s.live, h)
			}
			return gone
		})
		if s.of[user] = left; len(left) == 0 {
			delete(s.of, user)
		}
	}
}

// LogIn begins a session for a person who gives the right password. Refusals are
// ErrLogin, *ThrottledError and registry.ErrBusy; other errors mean that the hub
// could not decide. remote is the caller's address.
func (a *Authority) LogIn(ctx context.Context, user, password, remote string) (token string, p *Principal, err error) {
	u, err := a.prove(ctx, user, password, remote)
	if err != nil {
		return "", nil, err
	}
	return a.begin(ctx, u)
}

// prove finds the user whose password this is. It takes as long for one who does
// not exist, and counts the tries for him too.
func (a *Authority) prove(ctx context.Context, id, password, remote string) (*registry.User, error) {
	user, known := a.reg.User(id)
	account := "" // what cannot be an id shares one bucket an address
	if registry.IsUserID(id) {
		account = id
	}
	account += " " + remote
	now := a.now()
	if wait := max(a.accounts.try(account, now), a.addresses.try(remote, now)); wait > 0 {
		return nil, &ThrottledError{wait}
	}
	right, err := a.reg.CheckPassword(ctx, user, password)
	if err != nil {
		a.accounts.refund(account)
		a.addresses.refund(remote)
		return nil, err
	}
	reason := ""
	if _, enabled := a.reg.UserGrants(id); !known {
		reason = "unknown user"
	} else if !right {
		reason = "wrong password"
	} else if !enabled {
		reason = "disabled user or agency"
	}
	if reason != "" {
		shown := "" // an unknown id may be a password typed into the wrong field
		if known {
			shown = id
		}
		a.log.Warn("log-in refused", "user", shown, "remote", remote, "reason", reason)
		return nil, ErrLogin
	}
	a.accounts.forget(account)
	a.addresses.refund(remote) // not forgotten: one's own account would buy guesses at others
	return user, nil
}

// begin writes a new session. It begins under the epoch whose password was proved:
// when the password has changed since, it is born dead.
func (a *Authority) begin(ctx context.Context, u *registry.User) (string, *Principal, error) {
	var b [32]byte
	_, _ = rand.Read(b[:])
	token := base64.RawURLEncoding.EncodeToString(b[:])
	h := sha256.Sum256([]byte(token))
	err := a.rewriteSessions(ctx, u.ID, func(list []storedSession, now time.Time) []storedSession {
		list = slices.DeleteFunc(list, func(s storedSession) bool { return s.Epoch < u.Epoch() })
		if n := len(list); n >= maxSessions {
			list = list[n-maxSessions+1:]
		}
		return append(list, storedSession{
			Hash: base64.RawURLEncoding.EncodeToString(h[:]), Epoch: u.Epoch(), Began: now.Unix(), Expires: now.Add(MaxSession).Unix(),
		})
	})
	if err != nil {
		return "", nil, err
	}
	p, err := a.VerifySession(token)
	return token, p, err
}

// VerifySession checks a session's token and says who is calling. It never
// computes a password's hash. Errors are *TokenError.
func (a *Authority) VerifySession(token string) (*Principal, error) {
	if len(token) != sessionToken {
		return nil, errSession
	}
	s := a.sessions.get(digest(token))
	if s == nil || a.now().Unix() >= s.exp {
		return nil, errSession
	}
	st := s.standing.Load()
	if at := a.at(); st == nil || st.generation != at {
		st = &standing{generation: at}
		st.principal, st.err = a.judgeSession(s)
		s.standing.Store(st)
	}
	return st.principal, st.err
}

func (a *Authority) judgeSession(s *session) (*Principal, error) {
	g, ok := a.reg.UserGrants(s.user)
	if !ok || g.User.Epoch() != s.epoch {
		return nil, errSession
	}
	clearance, _ := registry.ParseClearance(g.Clearance)
	return &Principal{
		ClientID: g.User.ID, Agency: g.Agency.ID, Regions: g.Regions, Scopes: g.Scopes, Clearance: clearance,
		Expires: time.Unix(s.exp, 0).UTC(), Role: g.User.Role, MustChange: g.User.MustChange,
	}, nil
}

// LogOut ends a session; one that is not alive is no error.
func (a *Authority) LogOut(ctx context.Context, token string) error {
	h := digest(token)
	s := a.sessions.get(h)
	if s == nil {
		return nil
	}
	hash := base64.RawURLEncoding.EncodeToString(h[:])
	return a.rewriteSessions(ctx, s.user, func(list []storedSession, _ time.Time) []storedSession {
		return slices.DeleteFunc(list, func(s storedSession) bool { return s.Hash == hash })
	})
}

// ChangePassword changes the password of a person who gives the present one, ends
// every session of that user and begins a new one. Errors are those of LogIn and
// *registry.Error.
func (a *Authority) ChangePassword(ctx context.Context, by registry.Actor, current, next, remote string) (token string, p *Principal, err error) {
	u, err := a.prove(ctx, by.Client, current, remote)
	if err != nil {
		return "", nil, err
	}
	if u, err = a.reg.ChangePassword(ctx, by, u, current, next); err != nil {
		return "", nil, err
	}
	return a.begin(ctx, u)
}

// rewriteSessions changes a user's list by compare-and-set, without those that have
// expired.
func (a *Authority) rewriteSessions(ctx context.Context, user string, fn func([]storedSession, time.Time) []storedSession) error {
	key := sessionPrefix + user
	for range 8 {
		e, _ := a.state.Get(key)
		var v sessionsValue
		if len(e.Value) > 0 {
			if err := json.Unmarshal(e.Value, &v); err != nil {
				return fmt.Errorf("auth: %s cannot be read: %w", key, err)
			}
		}
		now := a.now()
		v.Sessions = slices.DeleteFunc(v.Sessions, func(s storedSession) bool { return s.Expires <= now.Unix() })
		v.Sessions = fn(v.Sessions, now)
		value, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("auth: %w", err)
		}
		if _, err = a.state.Put(ctx, key, value, e.Revision); err == nil {
			return nil
		}
		if !errors.Is(err, journal.ErrConflict) {
			return fmt.Errorf("auth: session: %w", err)
		}
		if err := awaitView(ctx, func() bool { n, _ := a.state.Get(key); return n.Revision > e.Revision }); err != nil {
			return err
		}
	}
	return registry.ErrBusy
}
