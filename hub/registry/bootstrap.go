package registry

import (
	"context"
	"errors"
)

// AdminClient is the id of the operator's first client. It is fixed so that two
// replicas that start at once cannot make two.
const AdminClient = Operator + "-admin"

// operatorRegions: Dazu in Chongqing and Ziyang in Sichuan, the two sides that
// the operator serves.
var operatorRegions = []string{"500111", "512000"}

// Bootstrap makes the operator and its admin client where they are missing. It
// returns true with the secret when it made the client just now: the caller
// keeps it (DATA/admin.json, mode 0600), for nobody can read it again.
func (r *Registry) Bootstrap(ctx context.Context) (Credentials, bool, error) {
	by := System("first start")
	at := r.now().UTC()
	if _, ok := r.Agency(Operator); !ok {
		a := Agency{
			ID: Operator, Name: "资大运营方", Regions: operatorRegions, Scopes: normalScopes(AllScopes),
			Clearance: "core", CreatedAt: at,
		}
		var c changes
		a.diff(&Agency{}, &c)
		act := NewAct(by, "agency.create", agencyPrefix+a.ID, a.ID, at, c)
		// Another replica may be starting too; whoever is first, the agency is there.
		if err := r.create(ctx, act, record{Agency: &a}); err != nil && !errors.Is(err, ErrExists) {
			return Credentials{}, false, err
		}
	}
	if _, ok := r.Client(AdminClient); ok {
		return Credentials{}, false, nil
	}
	c := &Client{
		ID: AdminClient, Agency: Operator, Name: "资大运营方管理员", Scopes: normalScopes(AllScopes),
		Clearance: "core", CreatedAt: at,
	}
	_, cred, err := r.createClient(ctx, by, c)
	if errors.Is(err, ErrExists) {
		return Credentials{}, false, nil
	}
	return cred, err == nil, err
}

// ResetAdmin gives the operator's first client a new secret and enables it. It
// is for whoever holds the data directory of a hub whose admin.json is lost, and
// ends all older secrets and tokens of that client.
func (r *Registry) ResetAdmin(ctx context.Context, reason string) (Credentials, error) {
	cred := Credentials{ClientID: AdminClient}
	_, err := r.changeClient(ctx, System(reason), AdminClient, "client.reset_admin", 0, func(c *Client, _ *Agency) error {
		var s Secret
		s, cred.ClientSecret = newSecret(r.now().UTC())
		c.Secrets = []Secret{s}
		c.Disabled, c.Scopes, c.Clearance = false, normalScopes(AllScopes), "core"
		c.NotBefore = r.nextSecond()
		return nil
	})
	if err != nil {
		return Credentials{}, err
	}
	return cred, nil
}
