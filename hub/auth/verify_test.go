package auth

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/zida-hub/zida/hub/registry"
	"github.com/zida-hub/zida/schemas"
)

func TestTokenSaysWhatTheClientMay(t *testing.T) {
	w := newWorld(t)
	p, err := w.Verify(w.token(t))
	if err != nil {
		t.Fatal(err)
	}
	if p.ClientID != w.client.ClientID || p.Agency != "dazu" || !slices.Equal(p.Regions, []string{"500111"}) || p.Clearance != schemas.Internal ||
		p.TokenID == "" || p.Expires.Sub(w.clock.now()).Round(time.Second) != 10*time.Minute {
		t.Errorf("principal %+v", p)
	}
	for name, is := range map[string]bool{
		"push its dataset": p.CanPush("tourism_flow"), "read anything": p.CanRead("park_monthly"), "query": p.CanQuery(),
		"not push another": !p.CanPush("park_monthly"), "not push a longer name": !p.CanPush("tourism_flow_x"), "not push none": !p.CanPush(""),
		"no admin": !p.IsAdmin(), "no operator": !p.IsOperator(), "no audit": !p.CanAudit(),
	} {
		if !is {
			t.Errorf("wrong: %s", name)
		}
	}
	admin := w.newClient(t, "admin", "audit", "push:*")
	r, err := w.grant(t.Context(), admin, "")
	if err != nil {
		t.Fatal(err)
	}
	p, err = w.Verify(r.AccessToken)
	if err != nil || !p.IsAdmin() || p.IsOperator() || !p.CanAudit() || !p.CanPush("anything") || p.CanRead("anything") || p.CanQuery() {
		t.Errorf("an agency's admin: %+v, %v", p, err)
	}
	if by := p.Actor("r-1", "why"); by.Client != admin.ClientID || by.Agency != "dazu" || !by.Admin || by.IsOperator() || by.RequestID != "r-1" {
		t.Errorf("actor %+v", by)
	}
}

func TestChangesBindTokensAlreadyGiven(t *testing.T) {
	w := newWorld(t)
	token := w.token(t)
	verify := func() *Principal {
		t.Helper()
		p, err := w.Verify(token)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	verify()
	must(w.reg.UpdateClient(t.Context(), w.operator, w.client.ClientID, registry.ClientUpdate{Scopes: []string{"read:*", "admin"}, Clearance: new("public")}))
	if p := verify(); p.CanPush("tourism_flow") || p.CanQuery() || p.Clearance != schemas.Public || !p.CanRead("x") {
		t.Errorf("after a narrower grant: %+v", p)
	}
	if p := verify(); p.IsAdmin() {
		t.Error("a token given before has gained a scope")
	}
	must(w.reg.UpdateClient(t.Context(), w.operator, w.client.ClientID, registry.ClientUpdate{Clearance: new("core")}))
	if p := verify(); p.Clearance != schemas.Internal {
		t.Errorf("a token given before has gained clearance: %+v", p)
	}
	must(w.reg.UpdateAgency(t.Context(), w.operator, "dazu", registry.AgencyUpdate{Regions: []string{"512000"}}))
	if p := verify(); len(p.Regions) != 0 {
		t.Errorf("regions %v after the agency lost them", p.Regions)
	}
	must(w.reg.UpdateAgency(t.Context(), w.operator, "dazu", registry.AgencyUpdate{Regions: []string{"500000"}}))
	if p := verify(); !slices.Equal(p.Regions, []string{"500111"}) {
		t.Errorf("regions %v: the token says 500111, the agency holds all of 500000", p.Regions)
	}
	must(w.reg.SetAgencyDisabled(t.Context(), w.operator, "dazu", true))
	_, err := w.Verify(token)
	wantReason(t, err, "client")
	must(w.reg.SetAgencyDisabled(t.Context(), w.operator, "dazu", false))
	verify()
	must(w.reg.SetClientDisabled(t.Context(), w.operator, w.client.ClientID, true))
	_, err = w.Verify(token)
	wantReason(t, err, "client")
	must(w.reg.SetClientDisabled(t.Context(), w.operator, w.client.ClientID, false))
	_, err = w.Verify(token)
	wantReason(t, err, "revoked")
}

func TestTokenEndsWithItsTime(t *testing.T) {
	w := newWorld(t)
	token := w.token(t)
	w.clock.step(10*time.Minute - time.Second)
	if _, err := w.Verify(token); err != nil {
		t.Errorf("a second early: %v", err)
	}
	w.clock.step(time.Second)
	_, err := w.Verify(token) // from the cache
	wantReason(t, err, "expired")
}

func TestRevokingAllTokensSparesTheNextOne(t *testing.T) {
	w := newWorld(t)
	before := w.token(t)
	if err := w.RevokeClient(t.Context(), w.operator, w.client.ClientID); err != nil {
		t.Fatal(err)
	}
	// The same second: whole-second claims cannot tell the two apart by themselves.
	after := w.token(t)
	_, err := w.Verify(before)
	wantReason(t, err, "revoked")
	if _, err := w.Verify(after); err != nil {
		t.Errorf("a token asked for after the revocation: %v", err)
	}
}

func TestRevocationReachesOtherReplicas(t *testing.T) {
	w := newWorld(t)
	other, _ := w.replica(t)
	kinds := map[string]func(p *Principal) error{
		"token": func(p *Principal) error { return w.RevokeToken(t.Context(), w.operator, p.ClientID, p.TokenID) },
		"all":   func(p *Principal) error { return w.RevokeClient(t.Context(), w.operator, p.ClientID) },
		"disabled": func(p *Principal) error {
			_, err := w.reg.SetClientDisabled(t.Context(), w.operator, p.ClientID, true)
			return err
		},
	}
	for name, revoke := range kinds {
		c := w.newClient(t, "query")
		r, err := w.grant(t.Context(), c, "")
		if err != nil {
			t.Fatal(err)
		}
		p, err := other.Verify(r.AccessToken)
		if err != nil {
			t.Fatalf("%s: a token of one replica at the other: %v", name, err)
		}
		if err := revoke(p); err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(5 * time.Second)
		for {
			if _, err = other.Verify(r.AccessToken); err != nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: five seconds later the token is still good", name)
			}
		}
	}
	late, _ := w.replica(t) // a replica that starts now knows too
	n := 0
	late.revoked.tokens.Range(func(_, _ any) bool { n++; return true })
	if n != 1 {
		t.Errorf("a late replica knows of %d revoked tokens, want 1", n)
	}
}

func TestCacheIsBoundedAndForgetsTheOldest(t *testing.T) {
	c := newCache(20)
	if len(c.slots) != 32 {
		t.Fatalf("%d slots", len(c.slots))
	}
	for i := range 1000 {
		v := &verified{exp: int64(i)}
		v.sum[8], v.sum[9] = byte(i), byte(i>>8) // all in one set
		c.put(v)
		if c.get(&v.sum) != v {
			t.Fatal("what was put is not there")
		}
	}
	held := 0
	for i := range c.slots {
		if v := c.slots[i].Load(); v != nil {
			held++
			if v.exp < 1000-ways {
				t.Errorf("token expiring at %d outlived a later one", v.exp)
			}
		}
	}
	if held != ways {
		t.Errorf("%d held, want one set of %d", held, ways)
	}
}

func TestVerifyFromManyGoroutinesWhileThingsChange(t *testing.T) {
	w := newWorld(t)
	token := w.token(t)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if p, err := w.Verify(token); err != nil || p.Agency != "dazu" {
					t.Errorf("%+v, %v", p, err)
					return
				}
			}
		})
	}
	for i := range 20 {
		scopes := [][]string{{"query"}, {"push:*"}}[i%2]
		if _, err := w.reg.UpdateClient(t.Context(), w.operator, w.client.ClientID, registry.ClientUpdate{Scopes: scopes}); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	wg.Wait()
}

func TestCachedVerifyMakesNoGarbage(t *testing.T) {
	w := newWorld(t)
	token := w.token(t)
	if _, err := w.Verify(token); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(1000, func() { _, _ = w.Verify(token) }); n != 0 {
		t.Errorf("%v allocations a call, want 0", n)
	}
}

func BenchmarkVerifyCached(b *testing.B) {
	w := newWorld(b, func(o *Options) { o.Now = time.Now })
	token := w.token(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := w.Verify(token); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkVerifyNew(b *testing.B) {
	w := newWorld(b)
	token := w.token(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.verify(token, w.clock.now()); err != nil {
			b.Fatal(err)
		}
	}
}
