package registry

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestAgencyFieldsAreNamedWithTheirRemedy(t *testing.T) {
	w := newWorld(t)
	good := AgencySpec{ID: "lezhi", Name: "乐至县文旅局", Regions: []string{"512022"}}
	f := func(why, field, code string, change func(*AgencySpec)) {
		t.Helper()
		spec := good
		change(&spec)
		_, err := w.CreateAgency(t.Context(), w.operator, spec)
		wantKind(t, err, ErrInvalid)
		var e *Error
		errors.As(err, &e)
		i := slices.IndexFunc(e.Fields, func(f FieldError) bool { return f.Field == field && f.Code == code })
		if i < 0 {
			t.Fatalf("%s: %v names not %s/%s", why, err, field, code)
		}
		if e.Fields[i].ZH == "" || e.Fields[i].EN == "" || len(e.Fields[i].Value) > 200 {
			t.Errorf("%s: %+v", why, e.Fields[i])
		}
		if strings.Contains(e.Fields[i].EN+e.Fields[i].ZH, "%!") {
			t.Errorf("%s: broken text %q", why, e.Fields[i])
		}
	}
	f("no id", "id", "pattern", func(s *AgencySpec) { s.ID = "" })
	f("upper case", "id", "pattern", func(s *AgencySpec) { s.ID = "Dazu" })
	f("a dot would be another key", "id", "pattern", func(s *AgencySpec) { s.ID = "a.b" })
	f("hyphen at the end", "id", "pattern", func(s *AgencySpec) { s.ID = "dazu-" })
	f("long", "id", "pattern", func(s *AgencySpec) { s.ID = strings.Repeat("a", 3000) })
	f("no name", "name", "required", func(s *AgencySpec) { s.Name = " " })
	f("long name", "name", "length", func(s *AgencySpec) { s.Name = strings.Repeat("局", 101) })
	f("control character", "name", "pattern", func(s *AgencySpec) { s.Name = "a\x1b[2J" })
	f("bad UTF-8", "name", "pattern", func(s *AgencySpec) { s.Name = "a\xff" })
	f("no region", "regions", "required", func(s *AgencySpec) { s.Regions = nil })
	f("short region", "regions", "pattern", func(s *AgencySpec) { s.Regions = []string{"5120"} })
	f("unknown scope", "scopes", "unknown_code", func(s *AgencySpec) { s.Scopes = []string{"write:*"} })
	f("scope with a pattern", "scopes", "unknown_code", func(s *AgencySpec) { s.Scopes = []string{"push:tour*"} })
	f("clearance", "clearance", "unknown_code", func(s *AgencySpec) { s.Clearance = "secret" })
	if _, err := w.CreateAgency(t.Context(), w.operator, good); err != nil {
		t.Fatal(err)
	}
	_, err := w.CreateAgency(t.Context(), w.operator, good)
	wantKind(t, err, ErrExists)
}

func TestOnlyTheOperatorManagesAgencies(t *testing.T) {
	w := newWorld(t)
	notAdmin := w.operator
	notAdmin.Admin = false
	for _, by := range []Actor{w.dazu, notAdmin, {}} {
		_, err := w.CreateAgency(t.Context(), by, AgencySpec{ID: "lezhi", Name: "乐至", Regions: []string{"512022"}})
		wantKind(t, err, ErrForbidden)
		_, err = w.UpdateAgency(t.Context(), by, "dazu", AgencyUpdate{Clearance: new("core")})
		wantKind(t, err, ErrForbidden)
		_, err = w.SetAgencyDisabled(t.Context(), by, "anyue", true)
		wantKind(t, err, ErrForbidden)
	}
}

func TestOperatorCannotLockItselfOut(t *testing.T) {
	w := newWorld(t)
	_, err := w.SetAgencyDisabled(t.Context(), w.operator, Operator, true)
	wantKind(t, err, ErrForbidden)
	_, err = w.UpdateAgency(t.Context(), w.operator, Operator, AgencyUpdate{Scopes: []string{"query"}})
	wantKind(t, err, ErrForbidden)
	_, err = w.SetClientDisabled(t.Context(), w.operator, AdminClient, true)
	wantKind(t, err, ErrForbidden)
	_, err = w.UpdateClient(t.Context(), w.operator, AdminClient, ClientUpdate{Scopes: []string{"query"}})
	wantKind(t, err, ErrForbidden)
	second := w.client(t, w.operator, ClientSpec{Scopes: []string{"admin"}, Clearance: "core"})
	if _, err = w.SetClientDisabled(t.Context(), w.operator, AdminClient, true); err != nil {
		t.Errorf("with a second admin: %v", err)
	}
	_, err = w.SetClientDisabled(t.Context(), w.operator, second.ID, true)
	wantKind(t, err, ErrForbidden)
}

func TestNarrowerAgencyBindsItsClientsAtOnce(t *testing.T) {
	w := newWorld(t)
	c := w.client(t, w.operator, ClientSpec{Agency: "anyue", Scopes: []string{"push:*", "query"}, Clearance: "core"})
	_, err := w.UpdateAgency(t.Context(), w.operator, "anyue", AgencyUpdate{
		Scopes: []string{"push:tourism_flow", "read:*"}, Clearance: new("internal"), Regions: []string{"512021", "512022", "512021"},
	})
	if err != nil {
		t.Fatal(err)
	}
	g, ok := w.Grants(c.ID)
	if !ok || !slices.Equal(g.Scopes, []string{"push:tourism_flow"}) || g.Clearance != "internal" || !slices.Equal(g.Regions, []string{"512021", "512022"}) {
		t.Errorf("grants %+v", g)
	}
	if _, err := w.SetAgencyDisabled(t.Context(), w.operator, "anyue", true); err != nil {
		t.Fatal(err)
	}
	if _, ok := w.Grants(c.ID); ok {
		t.Error("a client of a disabled agency has grants")
	}
	if _, err := w.SetAgencyDisabled(t.Context(), w.operator, "anyue", false); err != nil {
		t.Fatal(err)
	}
	if _, ok := w.Grants(c.ID); !ok {
		t.Error("a client of an agency enabled again has none")
	}
}

func TestUnknownIDsAreNotFound(t *testing.T) {
	w := newWorld(t)
	_, err := w.UpdateAgency(t.Context(), w.operator, "nobody", AgencyUpdate{})
	wantKind(t, err, ErrNotFound)
	_, err = w.UpdateClient(t.Context(), w.operator, "nobody", ClientUpdate{})
	wantKind(t, err, ErrNotFound)
	_, _, err = w.CreateClient(t.Context(), w.operator, ClientSpec{Agency: "nobody", Scopes: []string{"query"}})
	wantKind(t, err, ErrNotFound)
	if _, ok := w.Grants("nobody"); ok {
		t.Error("grants for nobody")
	}
}

func TestScopesIntersect(t *testing.T) {
	f := func(a, b, want string) {
		t.Helper()
		for _, in := range [][2]string{{a, b}, {b, a}} {
			if got := strings.Join(IntersectScopes(strings.Fields(in[0]), strings.Fields(in[1])), " "); got != want {
				t.Errorf("%q ∩ %q = %q, want %q", in[0], in[1], got, want)
			}
		}
	}
	f("push:*", "push:a push:b read:a", "push:a push:b")
	f("push:* push:a", "push:*", "push:*")
	f("query admin", "admin audit", "admin")
	f("push:a", "push:ab", "")
	f("push:*", "read:*", "")
	f("", "query", "")
}
