package registry

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
)

const goodPassword = "correct horse battery"

func (w *world) user(t testing.TB, by Actor, spec UserSpec) *User {
	t.Helper()
	if spec.Password == "" {
		spec.Password = goodPassword
	}
	u, _, err := w.CreateUser(t.Context(), by, spec)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func (w *world) opens(t testing.TB, u *User, password string) bool {
	t.Helper()
	ok, err := w.CheckPassword(t.Context(), u, password)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func TestAGeneratedPasswordOpensAndMustBeChanged(t *testing.T) {
	w := newWorld(t)
	u, password, err := w.CreateUser(t.Context(), w.dazu, UserSpec{ID: "dazu.lin", Role: RoleSteward})
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^([a-km-np-z2-9]{5}-){3}[a-km-np-z2-9]{5}$`).MatchString(password) {
		t.Errorf("password %q is not read aloud without doubt", password)
	}
	if !u.MustChange || u.Agency != "dazu" || u.Name != "dazu.lin" || u.Clearance != "internal" {
		t.Errorf("made %+v", u)
	}
	if !w.opens(t, u, password) || w.opens(t, u, password+"x") || w.opens(t, nil, password) || w.opens(t, nil, "") {
		t.Error("the wrong passwords open")
	}
	again, next, err := w.ResetPassword(t.Context(), w.dazu, u.ID, PasswordSpec{})
	if err != nil || w.opens(t, again, password) || !w.opens(t, again, next) || again.Epoch() == u.Epoch() {
		t.Errorf("after a reset: %v, %+v", err, again)
	}
}

func TestWhatAUserIs(t *testing.T) {
	w := newWorld(t)
	client := w.client(t, w.dazu, ClientSpec{Scopes: []string{"read:*"}})
	f := func(spec UserSpec, field string) {
		t.Helper()
		_, _, err := w.CreateUser(t.Context(), w.operator, spec)
		wantKind(t, err, ErrInvalid)
		var e *Error
		errors.As(err, &e)
		if len(e.Fields) != 1 || e.Fields[0].Field != field {
			t.Errorf("%+v: %v, want a fault of %s", spec, err, field)
		}
		if spec.Password != "" && strings.Contains(err.Error(), spec.Password) || e.Fields[0].Field == "password" && e.Fields[0].Value != "" {
			t.Errorf("the fault shows the password: %v", err)
		}
	}
	set := func(password string) PasswordSpec { return PasswordSpec{Password: password} }
	for _, id := range []string{"", "ab", "Lin.dazu", "1lin", "dazu..lin", "dazu.", ".dazu", "dazu lin", "dazu_lin", "林先生", "dazu.*", strings.Repeat("a", 41)} {
		f(UserSpec{ID: id, Agency: "dazu", Name: "林", Role: RoleViewer}, "id")
	}
	f(UserSpec{ID: "dazu.lin", Agency: "dazu", Role: "root"}, "role")
	f(UserSpec{ID: "dazu.lin", Agency: "dazu", Role: ""}, "role")
	f(UserSpec{ID: "dazu.lin", Agency: "dazu", Role: RoleViewer, Clearance: "top"}, "clearance")
	f(UserSpec{ID: "dazu.lin", Agency: "dazu", Role: RoleViewer, Clearance: "sensitive"}, "clearance") // a viewer reads internal
	f(UserSpec{ID: "dazu.lin", Agency: "dazu", Role: RoleAnalyst, Clearance: "core"}, "clearance")     // above the agency
	f(UserSpec{ID: "dazu.lin", Agency: "dazu", Role: RoleViewer, Name: "a\x00"}, "name")
	f(UserSpec{ID: "dazu.lin", Agency: "dazu", Role: RoleViewer, PasswordSpec: set("short")}, "password")
	f(UserSpec{ID: "dazu.lin", Agency: "dazu", Role: RoleViewer, PasswordSpec: set(strings.Repeat("长", 129))}, "password")
	f(UserSpec{ID: "dazu.lin.office", Agency: "dazu", Role: RoleViewer, PasswordSpec: set("DAZU.LIN.OFFICE")}, "password")
	f(UserSpec{ID: "dazu.lin", Agency: "dazu", Role: RoleViewer, PasswordSpec: set("a line\nof my own")}, "password")
	f(UserSpec{ID: "dazu.lin", Agency: "dazu", Role: RoleViewer, PasswordSpec: PasswordSpec{MustChange: new(bool)}}, "must_change")

	w.user(t, w.operator, UserSpec{ID: "dazu.lin", Agency: "dazu", Role: RoleViewer, PasswordSpec: set(strings.Repeat("长", 12))})
	w.user(t, w.operator, UserSpec{ID: strings.Repeat("a", 40), Agency: "dazu", Role: RoleViewer, PasswordSpec: set(strings.Repeat("长", 128))})
	_, _, err := w.CreateUser(t.Context(), w.operator, UserSpec{ID: "dazu.lin", Agency: "dazu", Role: RoleViewer})
	wantKind(t, err, ErrExists)
	for _, taken := range []string{client.ID, AdminClient, "system"} {
		_, _, err := w.CreateUser(t.Context(), w.operator, UserSpec{ID: taken, Agency: "dazu", Role: RoleViewer})
		wantKind(t, err, ErrExists)
	}
	_, _, err = w.CreateUser(t.Context(), w.operator, UserSpec{ID: "x.lin", Agency: "nowhere", Role: RoleViewer})
	wantKind(t, err, ErrNotFound)
}

func TestARoleIsCutToWhatTheAgencyHolds(t *testing.T) {
	w := newWorld(t) // agency dazu has no query and no audit, and is cleared for sensitive
	f := func(role, clearance, scopes, cleared string) {
		t.Helper()
		id := "dazu." + role
		w.user(t, w.operator, UserSpec{ID: id, Agency: "dazu", Role: role, Clearance: clearance})
		g, ok := w.UserGrants(id)
		if got := strings.Join(g.Scopes, " "); !ok || got != scopes || g.Clearance != cleared || g.Regions[0] != "500111" {
			t.Errorf("%s: %v %q %s", role, ok, got, g.Clearance)
		}
		if _, ok := w.Grants(id); ok {
			t.Errorf("%s counts as a client", id)
		}
	}
	f(RoleViewer, "", "read:*", "internal")
	f(RoleAnalyst, "sensitive", "read:*", "sensitive")
	f(RoleSteward, "sensitive", "push:* read:*", "sensitive")
	f(RoleAdmin, "public", "admin push:* read:*", "public")
	if _, err := w.UpdateAgency(t.Context(), w.operator, "dazu", AgencyUpdate{Clearance: new("public"), Scopes: []string{"read:region"}}); err != nil {
		t.Fatal(err)
	}
	if g, _ := w.UserGrants("dazu.steward"); g.Clearance != "public" || strings.Join(g.Scopes, " ") != "read:region" {
		t.Errorf("after the agency was narrowed: %v %s", g.Scopes, g.Clearance)
	}
	if _, err := w.SetAgencyDisabled(t.Context(), w.operator, "dazu", true); err != nil {
		t.Fatal(err)
	}
	if _, ok := w.UserGrants("dazu.steward"); ok {
		t.Error("a user of a disabled agency has grants")
	}
}

// Every verb is refused to an admin of the other side, and to who is no admin.
func TestAnAdminManagesTheUsersOfItsOwnAgencyOnly(t *testing.T) {
	w := newWorld(t)
	w.user(t, w.operator, UserSpec{ID: "anyue.admin", Agency: "anyue", Role: RoleAdmin, Clearance: "core"})
	target := w.user(t, w.operator, UserSpec{ID: "anyue.chen", Agency: "anyue", Role: RoleSteward})
	verbs := map[string]func(by Actor) error{
		"create": func(by Actor) error {
			_, _, err := w.CreateUser(t.Context(), by, UserSpec{ID: "anyue.spy", Agency: "anyue", Role: RoleViewer})
			return err
		},
		"update": func(by Actor) error {
			_, err := w.UpdateUser(t.Context(), by, target.ID, UserUpdate{Name: new("x")})
			return err
		},
		"disable": func(by Actor) error { _, err := w.SetUserDisabled(t.Context(), by, target.ID, true); return err },
		"enable":  func(by Actor) error { _, err := w.SetUserDisabled(t.Context(), by, target.ID, false); return err },
		"password": func(by Actor) error {
			_, _, err := w.ResetPassword(t.Context(), by, target.ID, PasswordSpec{})
			return err
		},
		"end sessions": func(by Actor) error { _, err := w.EndSessions(t.Context(), by, target.ID); return err },
	}
	person := Actor{Client: "dazu.admin", Agency: "dazu", Admin: true}
	w.user(t, w.operator, UserSpec{ID: person.Client, Agency: "dazu", Role: RoleAdmin})
	steward := Actor{Client: target.ID, Agency: "anyue"}
	for name, verb := range verbs {
		for _, by := range []Actor{w.dazu, person, steward} {
			if err := verb(by); !errors.Is(err, ErrForbidden) {
				t.Errorf("%s by %s of %s: %v", name, by.Client, by.Agency, err)
			}
		}
		if name != "create" { // its own admin, a person, may
			if err := verb(Actor{Client: "anyue.admin", Agency: "anyue", Admin: true}); err != nil {
				t.Errorf("%s by its own admin: %v", name, err)
			}
		}
	}
	if _, _, err := w.CreateClient(t.Context(), person, ClientSpec{Agency: "anyue", Scopes: []string{"read:*"}}); !errors.Is(err, ErrForbidden) {
		t.Errorf("a person of one side made a client of the other: %v", err)
	}
	if _, _, err := w.CreateClient(t.Context(), person, ClientSpec{Scopes: []string{"push:*"}}); err != nil {
		t.Errorf("a person who is an admin cannot make a client: %v", err)
	}
}

// An admin cleared for internal hands out no more than that, by whatever way.
func TestAnAdminIsNoLadder(t *testing.T) {
	w := newWorld(t)
	person := Actor{Client: "dazu.admin", Agency: "dazu", Admin: true}
	w.user(t, w.operator, UserSpec{ID: person.Client, Agency: "dazu", Role: RoleAdmin})
	w.user(t, w.operator, UserSpec{ID: "dazu.strong", Agency: "dazu", Role: RoleAnalyst, Clearance: "sensitive"})
	weak := w.user(t, w.operator, UserSpec{ID: "dazu.weak", Agency: "dazu", Role: RoleAnalyst})
	for _, by := range []Actor{w.dazu, person} {
		_, _, err := w.CreateUser(t.Context(), by, UserSpec{ID: "dazu.new", Role: RoleAnalyst, Clearance: "sensitive"})
		wantKind(t, err, ErrForbidden)
		_, _, err = w.ResetPassword(t.Context(), by, "dazu.strong", PasswordSpec{})
		wantKind(t, err, ErrForbidden)
		_, err = w.UpdateUser(t.Context(), by, weak.ID, UserUpdate{Clearance: new("sensitive")})
		wantKind(t, err, ErrForbidden)
		_, err = w.UpdateUser(t.Context(), by, person.Client, UserUpdate{Clearance: new("sensitive")}) // itself
		wantKind(t, err, ErrForbidden)
	}
	if _, err := w.SetUserDisabled(t.Context(), person, "dazu.strong", true); err != nil {
		t.Errorf("shutting out is no handing out: %v", err)
	}
	_, err := w.SetUserDisabled(t.Context(), person, "dazu.strong", false)
	wantKind(t, err, ErrForbidden)
	if _, err := w.SetUserDisabled(t.Context(), w.operator, person.Client, true); err != nil {
		t.Fatal(err)
	}
	_, err = w.UpdateUser(t.Context(), person, weak.ID, UserUpdate{Name: new("x")})
	wantKind(t, err, ErrForbidden) // its own account is disabled
}

func TestAnAdminUserOfTheOperatorDoesNotStandInForItsLastClient(t *testing.T) {
	w := newWorld(t)
	w.user(t, w.operator, UserSpec{ID: "zida.root", Agency: Operator, Role: RoleAdmin, Clearance: "core"})
	_, err := w.SetClientDisabled(t.Context(), Actor{Client: "zida.root", Agency: Operator, Admin: true}, AdminClient, true)
	wantKind(t, err, ErrForbidden)
}

func TestOnesOwnPasswordIsChangedByNobodyElse(t *testing.T) {
	w := newWorld(t)
	u := w.user(t, w.dazu, UserSpec{ID: "dazu.lin", Role: RoleViewer})
	own := Actor{Client: u.ID, Agency: "dazu"}
	change := func(by Actor, seen *User, next string) error {
		_, err := w.ChangePassword(t.Context(), by, seen, goodPassword, next)
		return err
	}
	wantKind(t, change(w.dazu, u, "another good one"), ErrForbidden)
	wantKind(t, change(own, u, "short"), ErrInvalid)
	wantKind(t, change(own, u, goodPassword), ErrInvalid)
	if err := change(own, u, "another good one"); err != nil {
		t.Fatal(err)
	}
	next, _ := w.User(u.ID)
	if next.MustChange || next.Epoch() == u.Epoch() || !w.opens(t, next, "another good one") {
		t.Errorf("after the change: %+v", next)
	}
	wantKind(t, change(own, u, "a third good one"), ErrConflict) // proved a password that is no longer its own
}

func TestActsOfUsersHoldNoSecret(t *testing.T) {
	w := newWorld(t)
	u := w.user(t, w.dazu, UserSpec{ID: "dazu.lin", Role: RoleViewer})
	shown := []string{goodPassword, u.password.String(), strings.Split(u.password.String(), "$")[5]}
	_, next, err := w.ResetPassword(t.Context(), w.dazu, u.ID, PasswordSpec{})
	if err == nil {
		_, err = w.UpdateUser(t.Context(), w.dazu, u.ID, UserUpdate{Role: new(RoleAnalyst), Name: new("林")})
	}
	for _, disabled := range []bool{true, false} {
		if err == nil {
			_, err = w.SetUserDisabled(t.Context(), w.dazu, u.ID, disabled)
		}
	}
	if err == nil {
		_, err = w.EndSessions(t.Context(), w.dazu, u.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	u, _ = w.User(u.ID)
	shown = append(shown, next, strings.Split(u.password.String(), "$")[5])
	acts, err := w.Acts(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var done []string
	for _, a := range acts {
		if a.Object == "user.dazu.lin" {
			done = append(done, a.Action)
		}
	}
	if got := strings.Join(done, " "); got != "user.create user.password user.update user.disable user.enable user.end_sessions" {
		t.Errorf("acts %s", got)
	}
	said, _ := json.Marshal(map[string]any{"acts": acts, "user": u})
	for _, secret := range shown {
		if strings.Contains(string(said), secret) {
			t.Errorf("%s is in %s", secret, said)
		}
	}
}

func TestUsersSurviveReopeningTheJournal(t *testing.T) {
	dir, c := t.TempDir(), &clock{}
	j := openJournal(t, dir)
	r := open(t, j, c)
	if _, _, err := r.Bootstrap(t.Context()); err != nil {
		t.Fatal(err)
	}
	by := Actor{Client: AdminClient, Agency: Operator, Admin: true}
	before, password, err := r.CreateUser(t.Context(), by, UserSpec{ID: "zida.lin", Role: RoleAdmin})
	if err == nil {
		before, err = r.EndSessions(t.Context(), by, before.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	j.Close()
	w := &world{Registry: open(t, openJournal(t, dir), c)}
	u, ok := w.User("zida.lin")
	if !ok || !w.opens(t, u, password) || u.Epoch() != before.Epoch() || len(w.Users("")) != 1 || len(w.Users("dazu")) != 0 {
		t.Errorf("after a restart: %+v", u)
	}
}

func TestHashesAreBoundedAndRefuseDamage(t *testing.T) {
	w := newWorld(t)
	u := w.user(t, w.dazu, UserSpec{ID: "dazu.lin", Role: RoleViewer})
	good := u.password.String()
	for _, text := range []string{"", "$", good + "$", good + "x", strings.Replace(good, "argon2id", "argon2i", 1), strings.Replace(good, "t=2", "t=0", 1), good[:len(good)-8]} {
		if _, err := parseHash(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	if h, err := parseHash(good); err != nil || h.memory != 19456 || h.passes != 2 || h.lanes != 1 {
		t.Errorf("%q: %+v, %v", good, h, err)
	}
	for range hashesAtOnce {
		w.hashing <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.CheckPassword(ctx, u, goodPassword); !errors.Is(err, ErrBusy) {
		t.Errorf("with every slot taken: %v", err)
	}
}
