package registry

import (
	"slices"
	"strings"
	"testing"
)

func TestEveryActIsOnRecordInOrder(t *testing.T) {
	w := newWorld(t)
	by := w.dazu
	by.Reason = "新采集系统上线" + strings.Repeat("。", 1000)
	c := w.client(t, by, ClientSpec{Scopes: []string{"push:tourism_flow"}})
	if _, err := w.UpdateClient(t.Context(), by, c.ID, ClientUpdate{Scopes: []string{"push:*", "read:*"}}); err != nil {
		t.Fatal(err)
	}
	// State that is no act must not end the listing or show up in it.
	for range 3 {
		if _, err := w.state.Put(t.Context(), "other.thing", []byte(`[1]`), last(t, w, "other.thing")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.SetClientDisabled(t.Context(), w.operator, c.ID, true); err != nil {
		t.Fatal(err)
	}
	var acts []Act
	var after uint64
	for { // pages of two
		page, err := w.Acts(t.Context(), after, 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		acts, after = append(acts, page...), page[len(page)-1].Sequence
	}
	var names []string
	for _, a := range acts {
		names = append(names, a.Action)
	}
	want := []string{"agency.create", "client.create", "agency.create", "agency.create", "client.create", "client.create", "client.update", "client.disable"}
	if !slices.Equal(names, want) {
		t.Fatalf("acts %v, want %v", names, want)
	}
	update := acts[6]
	if update.Actor != w.dazu.Client || update.ActorAgency != "dazu" || update.Agency != "dazu" || update.Object != "client."+c.ID ||
		update.RequestID != "r-2" || !update.At.Equal(start) || !strings.HasPrefix(update.Reason, "新采集系统上线") || len(update.Reason) > maxReason {
		t.Errorf("act %+v", update)
	}
	if !slices.Contains(update.Changes, Change{Field: "scopes", From: "push:tourism_flow", To: "push:* read:*"}) {
		t.Errorf("changes %+v", update.Changes)
	}
	if acts[0].Actor != "system" || acts[0].ActorAgency != Operator {
		t.Errorf("first act %+v", acts[0])
	}
}

func last(t *testing.T, w *world, key string) uint64 {
	t.Helper()
	e, _ := w.state.Get(key)
	return e.Revision
}

func TestResetAdminOpensALostHub(t *testing.T) {
	w := newWorld(t)
	if _, err := w.UpdateClient(t.Context(), w.operator, AdminClient, ClientUpdate{Name: new("主管")}); err != nil {
		t.Fatal(err)
	}
	cred, err := w.ResetAdmin(t.Context(), "admin.json lost")
	if err != nil {
		t.Fatal(err)
	}
	c, _ := w.Client(AdminClient)
	if !CheckSecret(c, cred.ClientSecret, w.clock.now()) || len(c.Secrets) != 1 || c.NotBefore.IsZero() {
		t.Errorf("client after the reset: %+v", c)
	}
	acts, err := w.Acts(t.Context(), 0, 100)
	if err != nil || acts[len(acts)-1].Action != "client.reset_admin" {
		t.Errorf("the reset left no act: %v", err)
	}
}

func TestTwoReplicasStartingAtOnceMakeOneAdmin(t *testing.T) {
	c := &clock{}
	j := openJournal(t, t.TempDir())
	made := make(chan bool, 4)
	for range cap(made) {
		r := open(t, j, c)
		go func() {
			_, ok, err := r.Bootstrap(t.Context())
			if err != nil {
				t.Error(err)
			}
			made <- ok
		}()
	}
	n := 0
	for range cap(made) {
		if <-made {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d replicas made the admin, want 1", n)
	}
}
