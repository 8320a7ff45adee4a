// Package registry knows who takes part in the exchange: agencies, the clients
// and people that act for them, what each may do, and the act by which every one of these
// facts came to be. It is kept in the journal's key-value state, so every
// replica holds the same view and the history of that state is the audit log.
//
// Reads come from an immutable snapshot and take no lock. Writes compare and
// set one key; a write whose reader lost the race is tried once more.
package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zida-hub/zida/hub/journal"
)

// Operator is the id of the agency that runs the hub (资大运营方). Its admins
// register agencies and may manage the clients of all of them.
const Operator = "zida"

// Keys of the state that belong to the registry.
const (
	agencyPrefix = "agency."
	clientPrefix = "client."
	userPrefix   = "user."
)

// Options for Open.
type Options struct {
	State  *journal.State
	Now    func() time.Time // nil: time.Now
	Logger *slog.Logger     // nil: slog.Default
}

// Registry is the view of all agencies, clients and users, and the only writer of it.
type Registry struct {
	state   *journal.State
	now     func() time.Time
	log     *slog.Logger
	hashing chan struct{} // a slot for each password hash under way

	view       atomic.Pointer[view]
	generation atomic.Uint64

	// mu orders the watches, which may call from several goroutines. While
	// loading is set the snapshot is changed in place: nobody has seen it yet,
	// and copying it for each of n entries would cost n².
	mu      sync.Mutex
	loading *view
}

// view is one immutable snapshot.
type view struct {
	agencies map[string]*Agency
	clients  map[string]*Client
	users    map[string]*User
}

// Open reads the registry from the state and follows it from then on. The
// watches live as long as the journal does.
func Open(ctx context.Context, o Options) (*Registry, error) {
	if o.State == nil {
		return nil, fmt.Errorf("registry: Options.State is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r := &Registry{state: o.State, now: o.Now, log: o.Logger, hashing: make(chan struct{}, hashesAtOnce)}
	r.loading = &view{agencies: map[string]*Agency{}, clients: map[string]*Client{}, users: map[string]*User{}}
	r.view.Store(&view{})
	o.State.Watch(agencyPrefix, r.apply)
	o.State.Watch(clientPrefix, r.apply)
	o.State.Watch(userPrefix, r.apply)
	r.mu.Lock()
	r.view.Store(r.loading)
	r.loading = nil
	r.generation.Add(1)
	r.mu.Unlock()
	return r, nil
}

// record is the value of an agency's, client's or user's key: the thing as it is
// after the act that wrote it.
type record struct {
	Act    Act           `json:"act"`
	Agency *Agency       `json:"agency,omitempty"`
	Client *storedClient `json:"client,omitempty"`
	User   *storedUser   `json:"user,omitempty"`
}

// apply takes one entry of the state into the view. A value that cannot be read
// leaves the last good one in place: half the registry is worse than an old one.
func (r *Registry) apply(e journal.Entry) {
	var rec record
	if err := json.Unmarshal(e.Value, &rec); err != nil {
		r.log.Error("registry entry cannot be read", "key", e.Key, "revision", e.Revision, "error", err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	next := r.loading
	if next == nil {
		now := r.view.Load()
		next = &view{agencies: now.agencies, clients: now.clients, users: now.users}
		switch {
		case rec.Agency != nil:
			next.agencies = maps.Clone(now.agencies)
		case rec.Client != nil:
			next.clients = maps.Clone(now.clients)
		case rec.User != nil:
			next.users = maps.Clone(now.users)
		}
	}
	switch {
	case rec.Agency != nil && agencyPrefix+rec.Agency.ID == e.Key:
		rec.Agency.Revision, rec.Agency.UpdatedAt = e.Revision, rec.Act.At
		next.agencies[rec.Agency.ID] = rec.Agency
	case rec.Client != nil && clientPrefix+rec.Client.ID == e.Key:
		c, err := rec.Client.open()
		if err != nil {
			r.log.Error("client entry cannot be read", "key", e.Key, "revision", e.Revision, "error", err)
			return
		}
		c.Revision, c.UpdatedAt = e.Revision, rec.Act.At
		next.clients[c.ID] = c
	case rec.User != nil && userPrefix+rec.User.ID == e.Key:
		u, err := rec.User.open()
		if err != nil {
			r.log.Error("user entry cannot be read", "key", e.Key, "revision", e.Revision, "error", err)
			return
		}
		u.Revision, u.UpdatedAt = e.Revision, rec.Act.At
		next.users[u.ID] = u
	default:
		r.log.Error("registry entry holds no agency, client or user of its key", "key", e.Key, "revision", e.Revision)
		return
	}
	if r.loading == nil {
		r.view.Store(next)
		r.generation.Add(1)
	}
}

// Generation grows with every change of the view, after the change can be read:
// what was decided at a generation still holds while the number is the same.
func (r *Registry) Generation() uint64 { return r.generation.Load() }

// Agency finds an agency. The value is shared and must not be changed.
func (r *Registry) Agency(id string) (*Agency, bool) {
	a, ok := r.view.Load().agencies[id]
	return a, ok
}

// Client finds a client. The value is shared and must not be changed.
func (r *Registry) Client(id string) (*Client, bool) {
	c, ok := r.view.Load().clients[id]
	return c, ok
}

// User finds a user. The value is shared and must not be changed.
func (r *Registry) User(id string) (*User, bool) {
	u, ok := r.view.Load().users[id]
	return u, ok
}

// Agencies lists every agency by id. Names and regions are no secret between
// the two sides, so every reader of the admin API may see them.
func (r *Registry) Agencies() []*Agency {
	return slices.SortedFunc(maps.Values(r.view.Load().agencies), func(a, b *Agency) int { return strings.Compare(a.ID, b.ID) })
}

// Clients lists the clients of an agency by id; agency "" lists all.
func (r *Registry) Clients(agency string) []*Client {
	var out []*Client
	for _, c := range r.view.Load().clients {
		if agency == "" || c.Agency == agency {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b *Client) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// Users lists the users of an agency by id; agency "" lists all.
func (r *Registry) Users(agency string) []*User {
	var out []*User
	for _, u := range r.view.Load().users {
		if agency == "" || u.Agency == agency {
			out = append(out, u)
		}
	}
	slices.SortFunc(out, func(a, b *User) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// Grants is what a client or user may do at this moment: what it was given, cut
// down to what its agency holds.
type Grants struct {
	Client    *Client // nil for a user
	User      *User   // nil for a client
	Agency    *Agency
	Scopes    []string
	Regions   []string
	Clearance string
}

// Grants answers for a client that exists and is enabled, as its agency is.
func (r *Registry) Grants(id string) (Grants, bool) {
	v := r.view.Load()
	c, ok := v.clients[id]
	if !ok || c.Disabled {
		return Grants{}, false
	}
	a, ok := v.agencies[c.Agency]
	if !ok || a.Disabled {
		return Grants{}, false
	}
	return Grants{
		Client: c, Agency: a, Regions: a.Regions,
		Scopes:    IntersectScopes(c.Scopes, a.Scopes),
		Clearance: lower(c.Clearance, a.Clearance),
	}, true
}

// UserGrants answers for a user who is enabled, as the agency is. A viewer reads
// up to internal whatever the account says.
func (r *Registry) UserGrants(id string) (Grants, bool) {
	v := r.view.Load()
	u, ok := v.users[id]
	if !ok || u.Disabled {
		return Grants{}, false
	}
	a, ok := v.agencies[u.Agency]
	if !ok || a.Disabled {
		return Grants{}, false
	}
	clearance := lower(u.Clearance, a.Clearance)
	if u.Role == RoleViewer {
		clearance = lower(clearance, "internal")
	}
	return Grants{
		User: u, Agency: a, Regions: a.Regions,
		Scopes:    IntersectScopes(roleScopes[u.Role], a.Scopes),
		Clearance: clearance,
	}, true
}
