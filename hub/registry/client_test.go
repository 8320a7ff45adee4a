package registry

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAgencyAdminStaysWithinItsAgencyAndClearance(t *testing.T) {
	w := newWorld(t)
	other := w.client(t, w.operator, ClientSpec{Agency: "anyue", Scopes: []string{"push:*"}})
	strong := w.client(t, w.operator, ClientSpec{Agency: "dazu", Scopes: []string{"read:*"}, Clearance: "sensitive"})
	own := w.client(t, w.dazu, ClientSpec{Scopes: []string{"push:tourism_flow"}})
	if own.Agency != "dazu" || own.Clearance != "internal" || !strings.HasPrefix(own.ID, "dazu-") {
		t.Errorf("own client %+v", own)
	}
	jwk := []byte(`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`)
	f := func(why string, act func() error) {
		t.Helper()
		err := act()
		if !errors.Is(err, ErrForbidden) {
			t.Errorf("%s: %v, want a refusal", why, err)
		}
	}
	f("make a client of another agency", func() error {
		_, _, err := w.CreateClient(t.Context(), w.dazu, ClientSpec{Agency: "anyue", Scopes: []string{"push:*"}})
		return err
	})
	f("make one for the operator", func() error {
		_, _, err := w.CreateClient(t.Context(), w.dazu, ClientSpec{Agency: Operator, Scopes: []string{"admin"}})
		return err
	})
	f("more clearance than its own, though its agency has it", func() error {
		_, _, err := w.CreateClient(t.Context(), w.dazu, ClientSpec{Scopes: []string{"read:*"}, Clearance: "sensitive"})
		return err
	})
	f("raise its own clearance", func() error {
		_, err := w.UpdateClient(t.Context(), w.dazu, w.dazu.Client, ClientUpdate{Clearance: new("sensitive")})
		return err
	})
	f("a new secret of a stronger client would be a ladder", func() error {
		_, _, err := w.RotateSecret(t.Context(), w.dazu, strong.ID, 0)
		return err
	})
	f("so would a key", func() error {
		_, err := w.AddKey(t.Context(), w.dazu, strong.ID, jwk)
		return err
	})
	f("change another agency's client", func() error {
		_, err := w.UpdateClient(t.Context(), w.dazu, other.ID, ClientUpdate{Name: new("x")})
		return err
	})
	f("disable another agency's client", func() error {
		_, err := w.SetClientDisabled(t.Context(), w.dazu, other.ID, true)
		return err
	})
	f("end the tokens of another agency's client", func() error {
		_, err := w.RevokeTokens(t.Context(), w.dazu, other.ID)
		return err
	})
	pusher := Actor{Client: own.ID, Agency: "dazu"}
	f("act without scope admin", func() error {
		_, err := w.UpdateClient(t.Context(), pusher, own.ID, ClientUpdate{Scopes: []string{"admin"}})
		return err
	})
	// Its agency does not hold query: named as a field, for the operator too.
	for _, by := range []Actor{w.dazu, w.operator} {
		_, _, err := w.CreateClient(t.Context(), by, ClientSpec{Agency: "dazu", Scopes: []string{"query"}})
		wantKind(t, err, ErrInvalid)
	}
	// Shutting out is always allowed at home; letting a stronger one in again is not.
	if _, err := w.SetClientDisabled(t.Context(), w.dazu, strong.ID, true); err != nil {
		t.Errorf("disable a stronger client of the own agency: %v", err)
	}
	f("enable a stronger client", func() error {
		_, err := w.SetClientDisabled(t.Context(), w.dazu, strong.ID, false)
		return err
	})
	if _, err := w.SetClientDisabled(t.Context(), w.operator, w.dazu.Client, true); err != nil {
		t.Fatal(err)
	}
	f("act while its own client is disabled", func() error {
		_, _, err := w.CreateClient(t.Context(), w.dazu, ClientSpec{Scopes: []string{"push:*"}})
		return err
	})
}

func TestSecretsRotateWithAnOverlap(t *testing.T) {
	w := newWorld(t)
	c, first, err := w.CreateClient(t.Context(), w.dazu, ClientSpec{Scopes: []string{"push:*"}})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(first.ClientSecret, SecretPrefix) || len(first.ClientSecret) != len(SecretPrefix)+43 {
		t.Errorf("secret has %d characters: want the prefix and 256 bits", len(first.ClientSecret))
	}
	works := func(secret string) bool {
		c, _ := w.Client(c.ID)
		return CheckSecret(c, secret, w.clock.now())
	}
	_, second, err := w.RotateSecret(t.Context(), w.dazu, c.ID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if !works(first.ClientSecret) || !works(second.ClientSecret) {
		t.Error("during the overlap both secrets must work")
	}
	w.clock.step(59 * time.Minute)
	if !works(first.ClientSecret) {
		t.Error("the old secret ended before the overlap did")
	}
	w.clock.step(time.Minute)
	if works(first.ClientSecret) || !works(second.ClientSecret) {
		t.Error("after the overlap only the new secret works")
	}
	_, third, err := w.RotateSecret(t.Context(), w.dazu, c.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	if works(second.ClientSecret) || !works(third.ClientSecret) {
		t.Error("without an overlap the old secret ends now")
	}
	for range 3 {
		if c, _, err = w.RotateSecret(t.Context(), w.dazu, c.ID, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.Secrets) != maxSecrets {
		t.Errorf("%d secrets are kept, want %d", len(c.Secrets), maxSecrets)
	}
	_, _, err = w.RotateSecret(t.Context(), w.dazu, c.ID, MaxOverlap+1)
	wantKind(t, err, ErrInvalid)
	c, err = w.RemoveSecret(t.Context(), w.dazu, c.ID, c.Secrets[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.RemoveSecret(t.Context(), w.dazu, c.ID, c.Secrets[0].ID)
	wantKind(t, err, ErrForbidden)
	_, err = w.RemoveSecret(t.Context(), w.dazu, c.ID, "s-none")
	wantKind(t, err, ErrNotFound)
}

func TestCheckSecretRefusesTheUnknownAndTheEmpty(t *testing.T) {
	w := newWorld(t)
	admin, _ := w.Client(AdminClient)
	for _, c := range []*Client{nil, admin, {}} {
		for _, s := range []string{"", "zs_", strings.Repeat("x", 10000)} {
			if CheckSecret(c, s, w.clock.now()) {
				t.Errorf("client %v takes %.10q", c, s)
			}
		}
	}
}

func TestKeysAreAddedAndRemoved(t *testing.T) {
	w := newWorld(t)
	jwk := func(kid string) []byte {
		return []byte(`{"kty":"OKP","crv":"Ed25519","kid":"` + kid + `","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`)
	}
	c, cred, err := w.CreateClient(t.Context(), w.dazu, ClientSpec{Scopes: []string{"push:*"}, PublicKey: jwk("k0")})
	if err != nil || cred.ClientSecret != "" || len(c.Secrets) != 0 {
		t.Fatalf("a client with a key needs no secret: %+v, %v", cred, err)
	}
	for _, kid := range []string{"k1", "k2", "k3", "k4"} {
		if c, err = w.AddKey(t.Context(), w.dazu, c.ID, jwk(kid)); err != nil {
			t.Fatal(err)
		}
	}
	_, err = w.AddKey(t.Context(), w.dazu, c.ID, jwk("k5"))
	wantKind(t, err, ErrInvalid)
	for _, kid := range []string{"k1", "k2", "k3", "k4"} {
		if c, err = w.RemoveKey(t.Context(), w.dazu, c.ID, kid); err != nil {
			t.Fatal(err)
		}
	}
	_, err = w.AddKey(t.Context(), w.dazu, c.ID, jwk("k0"))
	wantKind(t, err, ErrInvalid)
	_, err = w.RemoveKey(t.Context(), w.dazu, c.ID, "k0")
	wantKind(t, err, ErrForbidden)
	_, err = w.RemoveKey(t.Context(), w.dazu, c.ID, "k9")
	wantKind(t, err, ErrNotFound)
	_, err = w.AddKey(t.Context(), w.dazu, c.ID, []byte("{}"))
	wantKind(t, err, ErrInvalid)
	_, _, err = w.CreateClient(t.Context(), w.dazu, ClientSpec{Scopes: []string{"push:*"}, PublicKey: []byte("x")})
	wantKind(t, err, ErrInvalid)
}

func TestNothingPrintedHoldsASecretOrItsHash(t *testing.T) {
	w := newWorld(t)
	c, cred, err := w.CreateClient(t.Context(), w.dazu, ClientSpec{Scopes: []string{"push:*"}})
	if err != nil {
		t.Fatal(err)
	}
	hash := c.stored().Hashes[c.Secrets[0].ID]
	acts, err := w.Acts(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]any{"client": c, "acts": acts} {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), hash) || strings.Contains(string(data), cred.ClientSecret) {
			t.Errorf("the JSON of %s gives the secret away", name)
		}
	}
	if e, _ := w.state.Get("client." + c.ID); strings.Contains(string(e.Value), cred.ClientSecret) {
		t.Error("the state holds the secret")
	}
}

func TestDisablingEndsTokensForGood(t *testing.T) {
	w := newWorld(t)
	c := w.client(t, w.dazu, ClientSpec{Scopes: []string{"push:*"}})
	c, err := w.SetClientDisabled(t.Context(), w.dazu, c.ID, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := w.Grants(c.ID); ok {
		t.Error("a disabled client has grants")
	}
	c, err = w.SetClientDisabled(t.Context(), w.dazu, c.ID, false)
	if err != nil {
		t.Fatal(err)
	}
	if want := start.Truncate(time.Second).Add(time.Second); !c.NotBefore.Equal(want) {
		t.Errorf("tokens count from %s, want %s", c.NotBefore, want)
	}
	if c, err = w.RevokeTokens(t.Context(), w.dazu, c.ID); err != nil || c.NotBefore.IsZero() {
		t.Errorf("%v, %v", c, err)
	}
}

func TestClientFieldsAreChecked(t *testing.T) {
	w := newWorld(t)
	for _, spec := range []ClientSpec{
		{Agency: "dazu"},
		{Agency: "dazu", Scopes: []string{"push:"}},
		{Agency: "dazu", Scopes: []string{"push:*"}, Clearance: "CORE"},
		{Agency: "dazu", Scopes: []string{"push:*"}, Clearance: "core"}, // above the agency's
		{Agency: "dazu", Scopes: []string{"push:*"}, Name: "\n"},
		{Agency: "dazu", Scopes: slices.Repeat([]string{"push:x"}, 1)[:0]},
	} {
		_, _, err := w.CreateClient(t.Context(), w.operator, spec)
		wantKind(t, err, ErrInvalid)
	}
	c := w.client(t, w.operator, ClientSpec{Agency: "dazu", Scopes: []string{"push:x", "push:*", "push:x", "admin"}})
	if !slices.Equal(c.Scopes, []string{"admin", "push:*"}) {
		t.Errorf("scopes %v", c.Scopes)
	}
}
