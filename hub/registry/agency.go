package registry

import (
	"context"
	"slices"
	"time"
)

// Agency is an institution of one of the two sides. Scopes and Clearance are
// the most that its clients can have.
type Agency struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Regions   []string  `json:"regions"` // GB/T 2260; 512000 covers 5120xx
	Scopes    []string  `json:"scopes"`
	Clearance string    `json:"clearance"`
	Disabled  bool      `json:"disabled"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	Revision  uint64    `json:"revision,omitempty"`
}

// AgencySpec is what an operator says about a new agency.
type AgencySpec struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Regions   []string `json:"regions"`
	Scopes    []string `json:"scopes,omitempty"`    // none: everything; its regions bound it still
	Clearance string   `json:"clearance,omitempty"` // "": core; what each client gets is less unless said
}

// AgencyUpdate changes the fields that are not nil.
type AgencyUpdate struct {
	Name      *string  `json:"name,omitempty"`
	Regions   []string `json:"regions,omitempty"`
	Scopes    []string `json:"scopes,omitempty"`
	Clearance *string  `json:"clearance,omitempty"`
	Expect    uint64   `json:"expect,omitempty"` // the revision the caller read; 0: whatever is there
}

// CreateAgency registers an agency. Only the operator can.
func (r *Registry) CreateAgency(ctx context.Context, by Actor, spec AgencySpec) (*Agency, error) {
	if err := mustOperator(by, "登记机构", "register an agency"); err != nil {
		return nil, err
	}
	if len(spec.Scopes) == 0 {
		spec.Scopes = AllScopes
	}
	if spec.Clearance == "" {
		spec.Clearance = "core"
	}
	a := Agency{
		ID: spec.ID, Name: spec.Name, Regions: normal(spec.Regions), Scopes: normalScopes(spec.Scopes),
		Clearance: spec.Clearance, CreatedAt: r.now().UTC(),
	}
	var f faults
	f.agencyID("id", a.ID)
	f.agency(&a)
	if err := f.err(); err != nil {
		return nil, err
	}
	var c changes
	a.diff(&Agency{}, &c)
	act := NewAct(by, "agency.create", agencyPrefix+a.ID, a.ID, a.CreatedAt, c)
	if err := r.create(ctx, act, record{Agency: &a}); err != nil {
		return nil, err
	}
	return r.agency(a.ID)
}

// UpdateAgency changes an agency. Narrower scopes, regions or clearance bind
// its clients at once, tokens already given out included.
func (r *Registry) UpdateAgency(ctx context.Context, by Actor, id string, u AgencyUpdate) (*Agency, error) {
	if err := mustOperator(by, "修改机构", "change an agency"); err != nil {
		return nil, err
	}
	return r.changeAgency(ctx, by, id, "agency.update", u.Expect, func(a *Agency) error {
		if u.Name != nil {
			a.Name = *u.Name
		}
		if u.Regions != nil {
			a.Regions = normal(u.Regions)
		}
		if u.Scopes != nil {
			a.Scopes = normalScopes(u.Scopes)
		}
		if u.Clearance != nil {
			a.Clearance = *u.Clearance
		}
		if id == Operator && (!CoversScope(a.Scopes, ScopeAdmin) || a.Clearance != "core") {
			return forbidden("运营方不能失去 admin 权限或 core 密级，否则无人能管理本平台。",
				"the operator keeps scope admin and clearance core: without them nobody could manage the hub")
		}
		var f faults
		f.agency(a)
		return f.err()
	})
}

// SetAgencyDisabled shuts an agency out, with all its clients and their tokens,
// or lets it in again.
func (r *Registry) SetAgencyDisabled(ctx context.Context, by Actor, id string, disabled bool) (*Agency, error) {
	if err := mustOperator(by, "停用或启用机构", "disable or enable an agency"); err != nil {
		return nil, err
	}
	if id == Operator && disabled {
		return nil, forbidden("不能停用运营方。", "the operator cannot be disabled")
	}
	action := "agency.enable"
	if disabled {
		action = "agency.disable"
	}
	return r.changeAgency(ctx, by, id, action, 0, func(a *Agency) error {
		a.Disabled = disabled
		return nil
	})
}

func (f *faults) agency(a *Agency) {
	f.name("name", a.Name)
	f.regions("regions", a.Regions)
	f.scopes("scopes", a.Scopes)
	f.clearance("clearance", a.Clearance)
}

func (a *Agency) diff(old *Agency, c *changes) {
	c.text("name", old.Name, a.Name)
	c.list("regions", old.Regions, a.Regions)
	c.list("scopes", old.Scopes, a.Scopes)
	c.text("clearance", old.Clearance, a.Clearance)
	c.flag("disabled", old.Disabled, a.Disabled)
}

func (r *Registry) changeAgency(ctx context.Context, by Actor, id, action string, expect uint64, fn func(*Agency) error) (*Agency, error) {
	err := r.change(ctx, agencyPrefix+id, expect, func() (record, uint64, error) {
		old, err := r.agency(id)
		if err != nil {
			return record{}, 0, err
		}
		next := *old
		if err := fn(&next); err != nil {
			return record{}, 0, err
		}
		var c changes
		next.diff(old, &c)
		return record{
			Act:    NewAct(by, action, agencyPrefix+id, id, r.now(), c),
			Agency: &next,
		}, old.Revision, nil
	})
	if err != nil {
		return nil, err
	}
	return r.agency(id)
}

func (r *Registry) agency(id string) (*Agency, error) {
	if a, ok := r.Agency(id); ok {
		return a, nil
	}
	return nil, notFound("agency", "机构", id)
}

func mustOperator(by Actor, zh, en string) error {
	if by.IsOperator() {
		return nil
	}
	return &Error{
		Kind: ErrForbidden,
		ZH:   "只有运营方管理员可以" + zh + "；请联系运营方。",
		EN:   "only an admin of the operator can " + en + ": ask the operator",
	}
}

// normal sorts and drops repeats.
func normal(in []string) []string {
	out := slices.Clone(in)
	slices.Sort(out)
	return slices.Compact(out)
}
