package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zida-hub/zida/hub/registry"
	"github.com/zida-hub/zida/schemas"
)

const goodPassword = "correct horse battery"

func (w *world) newUser(t testing.TB, id, role, clearance string) {
	t.Helper()
	_, _, err := w.reg.CreateUser(t.Context(), w.operator, registry.UserSpec{ID: id, Agency: "dazu", Role: role, Clearance: clearance,
		PasswordSpec: registry.PasswordSpec{Password: goodPassword, MustChange: new(bool)}})
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) logIn(t testing.TB, id string) string {
	t.Helper()
	token, _, err := w.LogIn(t.Context(), id, goodPassword, "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (w *world) alive(token string) bool {
	_, err := w.VerifySession(token)
	return err == nil
}

func TestASessionSaysWhoIsCalling(t *testing.T) {
	w := newWorld(t)
	w.newUser(t, "dazu.lin", registry.RoleSteward, "sensitive")
	token, p, err := w.LogIn(t.Context(), "dazu.lin", goodPassword, "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	if p.ClientID != "dazu.lin" || p.Agency != "dazu" || p.Regions[0] != "500111" || p.Clearance != schemas.Sensitive || p.Role != "steward" ||
		!p.IsPerson() || p.IsAdmin() || !p.CanPush("tourism_flow") || p.MustChange || p.Expires.Sub(w.clock.now()).Round(time.Second) != MaxSession {
		t.Errorf("principal %+v", p)
	}
	again, err := w.VerifySession(token)
	if err != nil || again != p {
		t.Errorf("asked again: %+v, %v", again, err)
	}
	// Less binds at once.
	if _, err := w.reg.UpdateUser(t.Context(), w.operator, "dazu.lin", registry.UserUpdate{Role: new("viewer"), Clearance: new("public")}); err != nil {
		t.Fatal(err)
	}
	if p, err = w.VerifySession(token); err != nil || p.CanPush("tourism_flow") || p.Clearance != schemas.Public || p.Role != "viewer" {
		t.Errorf("after the role was changed: %+v, %v", p, err)
	}
	if bearer, err := w.Verify(w.token(t)); err != nil || bearer.IsPerson() {
		t.Errorf("a program counts as a person: %+v, %v", bearer, err)
	}
}

func TestNothingButTheTokenOpensASession(t *testing.T) {
	w := newWorld(t)
	w.newUser(t, "dazu.lin", registry.RoleViewer, "internal")
	token := w.logIn(t, "dazu.lin")
	e, _ := w.state.Get("session.dazu.lin")
	if strings.Contains(string(e.Value), token) {
		t.Fatal("the state holds the token")
	}
	hash := strings.Split(string(e.Value), `"`)[5]
	if raw, err := base64.RawURLEncoding.DecodeString(hash); err != nil || len(raw) != 32 {
		t.Fatalf("%q is no hash in %s", hash, e.Value)
	}
	for _, forged := range []string{"", hash, token[1:], token + "A", strings.Repeat("A", sessionToken), strings.ToUpper(token), w.token(t)} {
		_, err := w.VerifySession(forged)
		wantReason(t, err, "session")
	}
	if _, err := w.Verify(token); err == nil {
		t.Error("a session's token passes for an access token")
	}
	// A user cannot log in where clients do.
	_, err := w.Grant(t.Context(), TokenRequest{GrantType: "client_credentials", Credentials: Credentials{ClientID: "dazu.lin", Secret: goodPassword, Remote: t.Name()}})
	wantOAuth(t, err, 401, "invalid_client")
}

func TestWhatEndsASession(t *testing.T) {
	w := newWorld(t)
	other, _ := w.replica(t)
	f := func(name string, end func(id, token string) error, others bool) {
		t.Helper()
		id := "dazu." + name
		w.newUser(t, id, registry.RoleViewer, "internal")
		token, second := w.logIn(t, id), w.logIn(t, id)
		if _, err := other.VerifySession(token); err != nil {
			t.Errorf("%s: the other replica does not know the session: %v", name, err)
		}
		if err := end(id, token); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if w.alive(token) || w.alive(second) == others {
			t.Errorf("%s: alive %v, the second %v", name, w.alive(token), w.alive(second))
		}
		// Put returns once the watchers of this process have the change.
		_, err := other.VerifySession(token)
		wantReason(t, err, "session")
	}
	by := w.operator
	f("out", func(_, token string) error { return w.LogOut(t.Context(), token) }, false)
	f("outs", func(_, token string) error {
		return errors.Join(w.LogOut(t.Context(), token), w.LogOut(t.Context(), token))
	}, false)
	f("ended", func(id, _ string) error { _, err := w.reg.EndSessions(t.Context(), by, id); return err }, true)
	f("reset", func(id, _ string) error {
		_, _, err := w.reg.ResetPassword(t.Context(), by, id, registry.PasswordSpec{})
		return err
	}, true)
	f("disabled", func(id, _ string) error { _, err := w.reg.SetUserDisabled(t.Context(), by, id, true); return err }, true)
	f("back", func(id, _ string) error { // enabling does not bring it back
		_, err := w.reg.SetUserDisabled(t.Context(), by, id, true)
		if err == nil {
			_, err = w.reg.SetUserDisabled(t.Context(), by, id, false)
		}
		return err
	}, true)
	f("changed", func(id, _ string) error {
		token, p, err := w.ChangePassword(t.Context(), registry.Actor{Client: id, Agency: "dazu"}, goodPassword, "another good one", "192.0.2.1")
		if err == nil && (!w.alive(token) || p.ClientID != id) {
			err = errors.New("whoever changed it is out too")
		}
		return err
	}, true)
	f("shut", func(string, string) error {
		_, err := w.reg.SetAgencyDisabled(t.Context(), by, "dazu", true)
		return err
	}, true)
}

func TestASessionEndsTwelveHoursAfterTheLogIn(t *testing.T) {
	w := newWorld(t)
	w.newUser(t, "dazu.lin", registry.RoleViewer, "internal")
	token := w.logIn(t, "dazu.lin")
	for range 11 {
		w.clock.step(time.Hour)
		if !w.alive(token) { // use does not prolong it
			t.Fatal("ended early")
		}
	}
	w.clock.step(time.Hour - time.Second)
	if !w.alive(token) {
		t.Error("ended a second early")
	}
	w.clock.step(time.Second)
	_, err := w.VerifySession(token)
	wantReason(t, err, "session")
	w.tidy(t.Context())
	if len(w.sessions.live)+len(w.sessions.of) != 0 {
		t.Error("an expired session stays in memory")
	}
	w.logIn(t, "dazu.lin")
	if e, _ := w.state.Get("session.dazu.lin"); strings.Count(string(e.Value), "hash") != 1 {
		t.Errorf("an expired session stays in the state: %s", e.Value)
	}
}

func TestAUserHasTwentySessionsAtMost(t *testing.T) {
	w := newWorld(t)
	other, _ := w.replica(t)
	w.newUser(t, "dazu.lin", registry.RoleViewer, "internal")
	u, _ := w.reg.User("dazu.lin")
	tokens := make([]string, maxSessions+3)
	for i := range tokens {
		var err error
		if tokens[i], _, err = []*Authority{w.Authority, other}[i%2].begin(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	for i, token := range tokens {
		if w.alive(token) != (i >= 3) {
			t.Errorf("session %d: alive %v", i, w.alive(token))
		}
	}
	if len(w.sessions.live) != maxSessions || len(other.sessions.live) != maxSessions {
		t.Errorf("%d and %d live", len(w.sessions.live), len(other.sessions.live))
	}
}

func TestOneAnswerForWhoeverCannotLogIn(t *testing.T) {
	w := newWorld(t)
	w.newUser(t, "dazu.lin", registry.RoleViewer, "internal")
	w.newUser(t, "dazu.gone", registry.RoleViewer, "internal")
	if _, err := w.reg.SetUserDisabled(t.Context(), w.operator, "dazu.gone", true); err != nil {
		t.Fatal(err)
	}
	for id, password := range map[string]string{
		"dazu.lin": goodPassword + "x", "dazu.gone": goodPassword, "dazu.nobody": goodPassword, "": "", "a b": goodPassword, w.client.ClientID: w.client.ClientSecret,
	} {
		if _, _, err := w.LogIn(t.Context(), id, password, t.Name()); !errors.Is(err, ErrLogin) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// A user who does not exist is throttled like one who does, and one address cannot
// try one password with everybody.
func TestGuessesAreThrottled(t *testing.T) {
	w := newWorld(t)
	w.newUser(t, "dazu.lin", registry.RoleViewer, "internal")
	throttled := func(id, password, remote string) time.Duration {
		t.Helper()
		_, _, err := w.LogIn(t.Context(), id, password, remote)
		var e *ThrottledError
		if errors.As(err, &e) {
			return e.Wait
		}
		return 0
	}
	for _, id := range []string{"dazu.lin", "dazu.nobody"} {
		for range failBurst {
			if throttled(id, "wrong", "192.0.2.9") != 0 {
				t.Fatalf("%s: throttled early", id)
			}
		}
		if wait := throttled(id, goodPassword, "192.0.2.9"); wait <= 0 || wait > failRefill {
			t.Errorf("%s: wait %v", id, wait)
		}
	}
	w.logIn(t, "dazu.lin") // from its own address
	w.clock.step(failRefill)
	if throttled("dazu.lin", goodPassword, "192.0.2.9") != 0 {
		t.Error("the right password is refused after the wait")
	}
	for i := range addressBurst {
		throttled(fmt.Sprint("dazu.u", i), "wrong", "192.0.2.66")
	}
	if throttled("dazu.lin", goodPassword, "192.0.2.66") == 0 {
		t.Error("an address tries everybody")
	}
}

// Tries at once are counted before they fail.
func TestParallelGuessesAreCounted(t *testing.T) {
	w := newWorld(t)
	w.newUser(t, "dazu.lin", registry.RoleViewer, "internal")
	var tried sync.Map
	var all sync.WaitGroup
	for i := range 4 * failBurst {
		all.Go(func() {
			_, _, err := w.LogIn(context.WithoutCancel(t.Context()), "dazu.lin", "wrong", "192.0.2.9")
			if errors.Is(err, ErrLogin) {
				tried.Store(i, true)
			}
		})
	}
	all.Wait()
	n := 0
	tried.Range(func(any, any) bool { n++; return true })
	if n > failBurst {
		t.Errorf("%d guesses were looked at, %d are allowed", n, failBurst)
	}
}

func TestASessionOfAnOldPasswordIsBornDead(t *testing.T) {
	w := newWorld(t)
	w.newUser(t, "dazu.lin", registry.RoleViewer, "internal")
	proved, _ := w.reg.User("dazu.lin")
	if _, _, err := w.reg.ResetPassword(t.Context(), w.operator, "dazu.lin", registry.PasswordSpec{}); err != nil {
		t.Fatal(err)
	}
	token, _, err := w.begin(t.Context(), proved)
	wantReason(t, err, "session")
	if w.alive(token) {
		t.Error("it is alive")
	}
}

func TestADamagedSessionEntryIsNamedAndOpensNothing(t *testing.T) {
	w := newWorld(t)
	w.newUser(t, "dazu.lin", registry.RoleViewer, "internal")
	token := w.logIn(t, "dazu.lin")
	e, _ := w.state.Get("session.dazu.lin")
	if _, err := w.state.Put(t.Context(), e.Key, []byte("{"), e.Revision); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.LogIn(t.Context(), "dazu.lin", goodPassword, "192.0.2.1"); err == nil || !strings.Contains(err.Error(), "session.dazu.lin") {
		t.Errorf("log-in: %v", err)
	}
	if !w.alive(token) {
		t.Error("what was known before the damage is lost")
	}
}

func BenchmarkVerifySession(b *testing.B) {
	w := newWorld(b)
	w.newUser(b, "dazu.lin", registry.RoleViewer, "internal")
	token := w.logIn(b, "dazu.lin")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.VerifySession(token); err != nil {
			b.Fatal(err)
		}
	}
}
