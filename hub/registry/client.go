package registry

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Client is a program that acts for an agency. It holds no secret: only the
// hashes of its secrets, which its JSON form leaves out.
type Client struct {
	ID        string      `json:"id"`
	Agency    string      `json:"agency"`
	Name      string      `json:"name"`
	Scopes    []string    `json:"scopes"`
	Clearance string      `json:"clearance"`
	Secrets   []Secret    `json:"secrets,omitempty"`
	Keys      []PublicKey `json:"keys,omitempty"`
	Disabled  bool        `json:"disabled"`
	// NotBefore ends every token issued before it.
	NotBefore time.Time `json:"not_before,omitzero"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	Revision  uint64    `json:"revision,omitempty"`
}

// storedClient is a client as the state holds it, with the hashes.
type storedClient struct {
	Client
	Hashes map[string]string `json:"secret_hashes,omitempty"` // secret id → hex SHA-256
}

func (c *Client) stored() *storedClient {
	s := &storedClient{Client: *c, Hashes: map[string]string{}}
	for _, secret := range c.Secrets {
		s.Hashes[secret.ID] = hex.EncodeToString(secret.hash[:])
	}
	return s
}

func (s *storedClient) open() (*Client, error) {
	c := s.Client
	for i := range c.Secrets {
		h, err := hex.DecodeString(s.Hashes[c.Secrets[i].ID])
		if err != nil || len(h) != len(c.Secrets[i].hash) {
			return nil, fmt.Errorf("the hash of secret %s is damaged", c.Secrets[i].ID)
		}
		copy(c.Secrets[i].hash[:], h)
	}
	for i := range c.Keys {
		if err := c.Keys[i].parse(); err != nil {
			return nil, fmt.Errorf("public key %s: %w", c.Keys[i].KID, err)
		}
	}
	return &c, nil
}

// ClientSpec is what an admin says about a new client.
type ClientSpec struct {
	Agency    string   `json:"agency"` // "": the admin's own
	Name      string   `json:"name,omitempty"`
	Scopes    []string `json:"scopes"`
	Clearance string   `json:"clearance,omitempty"` // "": internal
	// PublicKey, a JWK or PEM, makes a client that signs its log-ins
	// (private_key_jwt) and has no secret.
	PublicKey []byte `json:"public_key,omitempty"`
}

// ClientUpdate changes the fields that are not nil.
type ClientUpdate struct {
	Name      *string  `json:"name,omitempty"`
	Scopes    []string `json:"scopes,omitempty"`
	Clearance *string  `json:"clearance,omitempty"`
	Expect    uint64   `json:"expect,omitempty"`
}

// Credentials are shown once and kept nowhere.
type Credentials struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret,omitempty"`
}

// CreateClient makes a client and its first secret. An agency's admin makes
// clients of its own agency only.
func (r *Registry) CreateClient(ctx context.Context, by Actor, spec ClientSpec) (*Client, Credentials, error) {
	if spec.Agency == "" {
		spec.Agency = by.Agency
	}
	if spec.Clearance == "" {
		spec.Clearance = "internal"
	}
	if spec.Name == "" {
		spec.Name = spec.Agency
	}
	c := Client{
		Agency: spec.Agency, Name: spec.Name, Scopes: normalScopes(spec.Scopes), Clearance: spec.Clearance,
		CreatedAt: r.now().UTC(),
	}
	if err := r.MayManage(by, c.Agency); err != nil {
		return nil, Credentials{}, err
	}
	agency, err := r.agency(c.Agency)
	if err != nil {
		return nil, Credentials{}, err
	}
	var f faults
	f.client(&c, agency)
	if len(spec.PublicKey) > 0 {
		key, err := ParsePublicKey(spec.PublicKey)
		if err != nil {
			f.key("public_key", err)
		}
		key.AddedAt = c.CreatedAt
		c.Keys = []PublicKey{key}
	}
	if n := len(r.Clients(c.Agency)); n >= maxClients {
		f.add("agency", "too_many", c.Agency, "该机构已有 %d 个客户端；请修改已有的。", "the agency has %d clients already: change one of them", n)
	}
	if err := f.err(); err != nil {
		return nil, Credentials{}, err
	}
	if err := r.mayGrant(by, &c); err != nil {
		return nil, Credentials{}, err
	}
	return r.createClient(ctx, by, &c)
}

// createClient finds a free id when none is set. 40 random bits rarely meet,
// and compare-and-set tells when they do.
func (r *Registry) createClient(ctx context.Context, by Actor, c *Client) (*Client, Credentials, error) {
	cred := Credentials{ClientID: c.ID}
	if len(c.Keys) == 0 {
		var s Secret
		s, cred.ClientSecret = newSecret(c.CreatedAt)
		c.Secrets = []Secret{s}
	}
	named := c.ID != ""
	for attempt := 0; ; attempt++ {
		if !named {
			c.ID = c.Agency + "-" + randomName()
			cred.ClientID = c.ID
			if _, taken := r.User(c.ID); taken && attempt < 5 {
				continue
			}
		}
		var diff changes
		c.diff(&Client{}, &diff)
		act := NewAct(by, "client.create", clientPrefix+c.ID, c.Agency, c.CreatedAt, diff)
		err := r.create(ctx, act, record{Client: c.stored()})
		if errors.Is(err, ErrExists) && !named && attempt < 5 {
			continue
		}
		if err != nil {
			return nil, Credentials{}, err
		}
		made, err := r.client(c.ID)
		return made, cred, err
	}
}

// UpdateClient changes name, scopes or clearance. Less binds at once; more comes
// with the next token.
func (r *Registry) UpdateClient(ctx context.Context, by Actor, id string, u ClientUpdate) (*Client, error) {
	return r.changeClient(ctx, by, id, "client.update", u.Expect, func(c *Client, agency *Agency) error {
		if u.Name != nil {
			c.Name = *u.Name
		}
		if u.Scopes != nil {
			c.Scopes = normalScopes(u.Scopes)
		}
		if u.Clearance != nil {
			c.Clearance = *u.Clearance
		}
		var f faults
		f.client(c, agency)
		if err := f.err(); err != nil {
			return err
		}
		if err := r.mayGrant(by, c); err != nil {
			return err
		}
		return r.keepsOperator(c)
	})
}

// SetClientDisabled shuts a client out; its tokens end within seconds on every
// replica and do not come back when it is enabled again.
func (r *Registry) SetClientDisabled(ctx context.Context, by Actor, id string, disabled bool) (*Client, error) {
	action := "client.enable"
	if disabled {
		action = "client.disable"
	}
	return r.changeClient(ctx, by, id, action, 0, func(c *Client, _ *Agency) error {
		if !disabled {
			if err := r.mayGrant(by, c); err != nil {
				return err
			}
		}
		c.Disabled = disabled
		if disabled {
			c.NotBefore = r.nextSecond()
		}
		return r.keepsOperator(c)
	})
}

// RevokeTokens ends every token the client holds now; it can log in again.
func (r *Registry) RevokeTokens(ctx context.Context, by Actor, id string) (*Client, error) {
	return r.changeClient(ctx, by, id, "client.revoke_tokens", 0, func(c *Client, _ *Agency) error {
		c.NotBefore = r.nextSecond()
		return nil
	})
}

// nextSecond is the first instant whose whole-second "iat" tells a later token
// from those issued in the second that is running.
func (r *Registry) nextSecond() time.Time {
	return r.now().UTC().Truncate(time.Second).Add(time.Second)
}

func (f *faults) client(c *Client, agency *Agency) {
	f.name("name", c.Name)
	f.scopes("scopes", c.Scopes)
	f.clearance("clearance", c.Clearance)
	if len(*f) > 0 {
		return
	}
	for _, s := range c.Scopes {
		if !CoversScope(agency.Scopes, s) {
			f.add("scopes", "range", s, "机构 %s 没有此权限；请运营方先授予该机构。", "agency %s does not hold this scope: the operator must grant it to the agency first", agency.ID)
		}
	}
	if above(c.Clearance, agency.Clearance) {
		f.add("clearance", "range", c.Clearance, "机构 %s 的密级为 %s；请选择不高于它的密级。", "agency %s is cleared for %s: choose no more than that", agency.ID, agency.Clearance)
	}
}

func (c *Client) diff(old *Client, out *changes) {
	out.text("name", old.Name, c.Name)
	out.list("scopes", old.Scopes, c.Scopes)
	out.text("clearance", old.Clearance, c.Clearance)
	out.flag("disabled", old.Disabled, c.Disabled)
	out.list("secrets", secretIDs(old.Secrets), secretIDs(c.Secrets))
	out.list("keys", keyIDs(old.Keys), keyIDs(c.Keys))
	if !old.NotBefore.Equal(c.NotBefore) {
		out.text("not_before", stamp(old.NotBefore), stamp(c.NotBefore))
	}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func (r *Registry) client(id string) (*Client, error) {
	if c, ok := r.Client(id); ok {
		return c, nil
	}
	return nil, notFound("client", "客户端", id)
}

func (r *Registry) changeClient(ctx context.Context, by Actor, id, action string, expect uint64, fn func(*Client, *Agency) error) (*Client, error) {
	err := r.change(ctx, clientPrefix+id, expect, func() (record, uint64, error) {
		old, err := r.client(id)
		if err != nil {
			return record{}, 0, err
		}
		if err := r.MayManage(by, old.Agency); err != nil {
			return record{}, 0, err
		}
		agency, err := r.agency(old.Agency)
		if err != nil {
			return record{}, 0, err
		}
		next := *old
		next.Secrets, next.Keys = slices.Clone(old.Secrets), slices.Clone(old.Keys)
		if err := fn(&next, agency); err != nil {
			return record{}, 0, err
		}
		var c changes
		next.diff(old, &c)
		return record{
			Act:    NewAct(by, action, clientPrefix+id, old.Agency, r.now(), c),
			Client: next.stored(),
		}, old.Revision, nil
	})
	if err != nil {
		return nil, err
	}
	return r.client(id)
}

// randomName is 8 characters of an alphabet that is read aloud without doubt.
func randomName() string {
	var b [5]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
}
