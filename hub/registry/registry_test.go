package registry

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zida-hub/zida/hub/journal"
)

// start is the instant tests begin at; with a fraction of a second, as clocks have.
var start = time.Date(2026, 3, 2, 9, 30, 15, 400_000_000, time.UTC)

// clock is a time that tests move by hand.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time        { return start.Add(time.Duration(c.offset.Load())) }
func (c *clock) step(by time.Duration) { c.offset.Add(int64(by)) }

func openJournal(t testing.TB, dir string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(t.Context(), journal.Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(j.Close)
	return j
}

func open(t testing.TB, j *journal.Journal, c *clock) *Registry {
	t.Helper()
	r, err := Open(t.Context(), Options{State: j.State(), Now: c.now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// world is a registry with the operator, an agency of each side, and an admin of one.
type world struct {
	*Registry
	clock    *clock
	journal  *journal.Journal
	operator Actor
	dazu     Actor // admin of agency dazu, cleared for internal
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{clock: &clock{}, journal: openJournal(t, t.TempDir())}
	w.Registry = open(t, w.journal, w.clock)
	cred, made, err := w.Bootstrap(t.Context())
	if err != nil || !made {
		t.Fatalf("bootstrap: made %v, %v", made, err)
	}
	w.operator = Actor{Client: cred.ClientID, Agency: Operator, Admin: true, RequestID: "r-1"}
	for _, a := range []AgencySpec{
		{ID: "dazu", Name: "大足区文化和旅游委员会", Regions: []string{"500111"}, Scopes: []string{"push:*", "read:*", "admin"}, Clearance: "sensitive"},
		{ID: "anyue", Name: "安岳县文化广播电视和旅游局", Regions: []string{"512021"}},
	} {
		if _, err := w.CreateAgency(t.Context(), w.operator, a); err != nil {
			t.Fatal(err)
		}
	}
	admin := w.client(t, w.operator, ClientSpec{Agency: "dazu", Scopes: []string{"admin"}})
	w.dazu = Actor{Client: admin.ID, Agency: "dazu", Admin: true, RequestID: "r-2"}
	return w
}

func (w *world) client(t testing.TB, by Actor, spec ClientSpec) *Client {
	t.Helper()
	c, _, err := w.CreateClient(t.Context(), by, spec)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func wantKind(t *testing.T, err, kind error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, kind) {
		t.Fatalf("error %v, want one of kind %q", err, kind)
	}
	if e.ZH == "" || e.EN == "" {
		t.Errorf("%v: the text of one language is missing", err)
	}
}

func TestViewSurvivesRestartAndReachesEveryReplica(t *testing.T) {
	w := newWorld(t)
	other := open(t, w.journal, w.clock)
	c := w.client(t, w.dazu, ClientSpec{Scopes: []string{"push:tourism_flow"}})
	// Put returns once the watchers of this process have the change.
	got, ok := other.Client(c.ID)
	if !ok || got.Agency != "dazu" || got.Revision != c.Revision {
		t.Fatalf("the other replica has %+v, %v", got, ok)
	}
	if n := len(other.Clients("dazu")); n != 2 {
		t.Errorf("dazu has %d clients, want 2", n)
	}
	if n := len(other.Agencies()); n != 3 {
		t.Errorf("%d agencies, want 3", n)
	}
	late := open(t, w.journal, w.clock)
	if _, ok := late.Grants(c.ID); !ok {
		t.Error("a replica that started later does not know the client")
	}
}

func TestRegistrySurvivesReopeningTheJournal(t *testing.T) {
	dir, c := t.TempDir(), &clock{}
	j := openJournal(t, dir)
	r := open(t, j, c)
	cred, _, err := r.Bootstrap(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	j.Close()
	r = open(t, openJournal(t, dir), c)
	if _, made, err := r.Bootstrap(t.Context()); made || err != nil {
		t.Fatalf("second start made the admin again: %v, %v", made, err)
	}
	admin, _ := r.Client(cred.ClientID)
	if !CheckSecret(admin, cred.ClientSecret, c.now()) {
		t.Error("the secret is lost after a restart")
	}
}

func TestLostRaceIsTriedOnceMoreAndThenReported(t *testing.T) {
	w := newWorld(t)
	c := w.client(t, w.dazu, ClientSpec{Scopes: []string{"push:*"}})
	intrude := func() {
		if _, err := w.UpdateClient(t.Context(), w.operator, c.ID, ClientUpdate{Name: new(time.Now().String())}); err != nil {
			t.Fatal(err)
		}
	}
	run := func(races int, expect uint64) error {
		_, err := w.changeClient(t.Context(), w.dazu, c.ID, "client.update", expect, func(c *Client, _ *Agency) error {
			if races > 0 {
				races--
				intrude()
			}
			c.Scopes = []string{"read:*"}
			return nil
		})
		return err
	}
	if err := run(1, 0); err != nil {
		t.Errorf("one lost race: %v", err)
	}
	if got, _ := w.Client(c.ID); got.Scopes[0] != "read:*" {
		t.Errorf("scopes %v after the retry", got.Scopes)
	}
	wantKind(t, run(2, 0), ErrConflict)
	now, _ := w.Client(c.ID)
	wantKind(t, run(0, now.Revision-1), ErrConflict)
	// A change meant for one revision is not tried on another.
	wantKind(t, run(1, now.Revision), ErrConflict)
}

func TestDamagedEntryLeavesTheLastGoodOne(t *testing.T) {
	w := newWorld(t)
	a, _ := w.Agency("dazu")
	for i, value := range []string{"{", `{"act":{}}`, `{"agency":{"id":"anyue"}}`, `{"client":{"id":"dazu"}}`} {
		revision := a.Revision
		if i > 0 {
			e, _ := w.state.Get("agency.dazu")
			revision = e.Revision
		}
		if _, err := w.state.Put(t.Context(), "agency.dazu", []byte(value), revision); err != nil {
			t.Fatal(err)
		}
		if got, ok := w.Agency("dazu"); !ok || got != a {
			t.Errorf("after %s the agency is %+v", value, got)
		}
	}
}

func TestOpenRefusesWhatItCannotWorkWith(t *testing.T) {
	if _, err := Open(t.Context(), Options{}); err == nil {
		t.Error("no state, no error")
	}
	j := openJournal(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, Options{State: j.State()}); err == nil {
		t.Error("a cancelled context, no error")
	}
}

func BenchmarkGrants(b *testing.B) {
	w := newWorld(b)
	c := w.client(b, w.dazu, ClientSpec{Scopes: []string{"push:*"}})
	for b.Loop() {
		if _, ok := w.Grants(c.ID); !ok {
			b.Fatal("lost")
		}
	}
}
