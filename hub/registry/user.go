package registry

import (
	"context"
	"fmt"
	"time"
)

// User is a person who acts for an agency through the page. The hash of the
// password is left out of its JSON form.
type User struct {
	ID         string    `json:"id"`
	Agency     string    `json:"agency"`
	Name       string    `json:"name"`
	Role       string    `json:"role"` // viewer, analyst, steward, admin
	Clearance  string    `json:"clearance"`
	Disabled   bool      `json:"disabled"`
	MustChange bool      `json:"must_change"` // the password was set by someone else
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
	Revision   uint64    `json:"revision,omitempty"`

	// epoch grows with each act that ends the user's sessions: a session holds the
	// one it began under. Unlike an instant it cannot be blurred by two clocks.
	epoch    uint64
	password passwordHash
}

// Epoch is what a session must have begun under to be alive.
func (u *User) Epoch() uint64 { return u.epoch }

// storedUser is a user as the state holds it, with the hash.
type storedUser struct {
	User
	Epoch uint64 `json:"epoch"`
	Hash  string `json:"password_hash"`
}

func (u *User) stored() *storedUser {
	return &storedUser{User: *u, Epoch: u.epoch, Hash: u.password.String()}
}

func (s *storedUser) open() (*User, error) {
	u := s.User
	u.epoch = s.Epoch
	var err error
	u.password, err = parseHash(s.Hash)
	return &u, err
}

// UserSpec is what an admin says about a new user.
type UserSpec struct {
	ID        string `json:"id"`
	Agency    string `json:"agency"` // "": the admin's own
	Name      string `json:"name"`   // "": the id
	Role      string `json:"role"`
	Clearance string `json:"clearance,omitempty"` // "": internal
	PasswordSpec
}

// PasswordSpec is a password that an admin sets; without one it is generated.
type PasswordSpec struct {
	Password string `json:"password,omitempty"`
	// MustChange false spares the user the change at the first log-in; it takes a
	// password that was given.
	MustChange *bool `json:"must_change,omitempty"`
}

// UserUpdate changes the fields that are not nil.
type UserUpdate struct {
	Name      *string `json:"name,omitempty"`
	Role      *string `json:"role,omitempty"`
	Clearance *string `json:"clearance,omitempty"`
	Expect    uint64  `json:"expect,omitempty"`
}

// CreateUser makes a user and answers the password when it was generated. An
// agency's admin makes users of its own agency only.
func (r *Registry) CreateUser(ctx context.Context, by Actor, spec UserSpec) (*User, string, error) {
	if spec.Agency == "" {
		spec.Agency = by.Agency
	}
	if spec.Clearance == "" {
		spec.Clearance = "internal"
	}
	if spec.Name == "" {
		spec.Name = spec.ID
	}
	u := User{ID: spec.ID, Agency: spec.Agency, Name: spec.Name, Role: spec.Role, Clearance: spec.Clearance, CreatedAt: r.now().UTC()}
	if err := r.MayManage(by, u.Agency); err != nil {
		return nil, "", err
	}
	agency, err := r.agency(u.Agency)
	if err != nil {
		return nil, "", err
	}
	var f faults
	f.userID("id", u.ID)
	f.user(&u, agency)
	f.passwordSpec(spec.PasswordSpec, u.ID)
	if n := len(r.Users(u.Agency)); n >= maxUsers {
		f.add("agency", "too_many", u.Agency, "该机构已有 %d 个用户；请修改已有的。", "the agency has %d users already: change one of them", n)
	}
	if err := f.err(); err != nil {
		return nil, "", err
	}
	if err := r.mayGrantUser(by, &u); err != nil {
		return nil, "", err
	}
	// A user's id stands where a client's does, in acts, quotas and submissions.
	if _, taken := r.Client(u.ID); taken || u.ID == System("").Client {
		return nil, "", &Error{
			Kind: ErrExists,
			ZH:   fmt.Sprintf("编号 %s 已被占用；请换一个。", u.ID),
			EN:   fmt.Sprintf("the id %s is taken: choose another", u.ID),
		}
	}
	shown, err := r.setPassword(ctx, &u, spec.PasswordSpec)
	if err != nil {
		return nil, "", err
	}
	var c changes
	u.diff(&User{}, &c)
	if err := r.create(ctx, NewAct(by, "user.create", userPrefix+u.ID, u.Agency, u.CreatedAt, c), record{User: u.stored()}); err != nil {
		return nil, "", err
	}
	made, err := r.user(u.ID)
	return made, shown, err
}

// UpdateUser changes name, role or clearance; it binds sessions under way at once.
func (r *Registry) UpdateUser(ctx context.Context, by Actor, id string, change UserUpdate) (*User, error) {
	return r.changeUser(ctx, by, id, "user.update", change.Expect, func(u *User, agency *Agency) error {
		if change.Name != nil {
			u.Name = *change.Name
		}
		if change.Role != nil {
			u.Role = *change.Role
		}
		if change.Clearance != nil {
			u.Clearance = *change.Clearance
		}
		var f faults
		f.user(u, agency)
		if err := f.err(); err != nil {
			return err
		}
		return r.mayGrantUser(by, u)
	})
}

// SetUserDisabled shuts a user out; the sessions end and do not come back when the
// user is enabled again.
func (r *Registry) SetUserDisabled(ctx context.Context, by Actor, id string, disabled bool) (*User, error) {
	action := "user.enable"
	if disabled {
		action = "user.disable"
	}
	return r.changeUser(ctx, by, id, action, 0, func(u *User, _ *Agency) error {
		u.Disabled = disabled
		if disabled {
			u.epoch++
			return nil
		}
		return r.mayGrantUser(by, u)
	})
}

// EndSessions ends every session the user has now; the user can log in again.
func (r *Registry) EndSessions(ctx context.Context, by Actor, id string) (*User, error) {
	return r.changeUser(ctx, by, id, "user.end_sessions", 0, func(u *User, _ *Agency) error {
		u.epoch++
		return nil
	})
}

// ResetPassword gives a user another password and ends the sessions. The password
// is answered when it was generated.
func (r *Registry) ResetPassword(ctx context.Context, by Actor, id string, spec PasswordSpec) (*User, string, error) {
	var f faults
	f.passwordSpec(spec, id)
	if err := f.err(); err != nil {
		return nil, "", err
	}
	// Asked before the costly hash too: who may not, should not make the hub work.
	old, err := r.user(id)
	if err != nil {
		return nil, "", err
	}
	if err := r.MayManage(by, old.Agency); err != nil {
		return nil, "", err
	}
	var set User
	shown, err := r.setPassword(ctx, &set, spec)
	if err != nil {
		return nil, "", err
	}
	u, err := r.changeUser(ctx, by, id, "user.password", 0, func(u *User, _ *Agency) error {
		u.password, u.MustChange = set.password, set.MustChange
		u.epoch++
		return r.mayGrantUser(by, u)
	})
	return u, shown, err
}

// ChangePassword is the user's own: seen is the user whose present password was
// just proved. It ends every session.
func (r *Registry) ChangePassword(ctx context.Context, by Actor, seen *User, current, next string) (*User, error) {
	var f faults
	f.password("new", next, seen.ID)
	if next == current && len(f) == 0 {
		f.add("new", "duplicate", "", "新密码须与现在的不同。", "the new password must differ from the present one")
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	hash, err := r.newHash(ctx, next)
	if err != nil {
		return nil, err
	}
	return r.rewriteUser(ctx, by, seen.ID, "user.password", 0, func(u *User, _ *Agency) error {
		switch {
		case by.Client != u.ID:
			return forbidden("只能修改自己的密码。", "you can change your own password only")
		case u.epoch != seen.epoch || u.Disabled: // someone ended the sessions meanwhile, for a reason
			return conflict(userPrefix + u.ID)
		}
		u.password, u.MustChange = hash, false
		u.epoch++
		return nil
	})
}

// setPassword gives u the password asked for, or a generated one, which it answers.
func (r *Registry) setPassword(ctx context.Context, u *User, spec PasswordSpec) (shown string, err error) {
	u.MustChange = spec.MustChange == nil || *spec.MustChange
	if spec.Password == "" {
		spec.Password = newPassword()
		shown = spec.Password
	}
	u.password, err = r.newHash(ctx, spec.Password)
	return shown, err
}

func (f *faults) passwordSpec(spec PasswordSpec, id string) {
	switch {
	case spec.Password != "":
		f.password("password", spec.Password, id)
	case spec.MustChange != nil && !*spec.MustChange:
		f.add("must_change", "required", "false", "平台生成的密码须在首次登录时修改；如不要求，请同时给出 password。",
			"a generated password must be changed at the first log-in: give a password to go without")
	}
}

func (f *faults) user(u *User, agency *Agency) {
	f.name("name", u.Name)
	if _, ok := roleScopes[u.Role]; !ok {
		f.add("role", "unknown_code", u.Role, "角色只有 viewer、analyst、steward、admin。", "a role is viewer, analyst, steward or admin")
	}
	f.clearance("clearance", u.Clearance)
	if len(*f) > 0 {
		return
	}
	if above(u.Clearance, agency.Clearance) {
		f.add("clearance", "range", u.Clearance, "机构 %s 的密级为 %s；请选择不高于它的密级。", "agency %s is cleared for %s: choose no more than that", agency.ID, agency.Clearance)
	}
	if u.Role == RoleViewer && above(u.Clearance, "internal") {
		f.add("clearance", "range", u.Clearance, "viewer 的密级最高为 internal；请降低密级，或改为 analyst。", "a viewer is cleared for internal at most: lower it, or choose analyst")
	}
}

func (u *User) diff(old *User, out *changes) {
	out.text("name", old.Name, u.Name)
	out.text("role", old.Role, u.Role)
	out.text("clearance", old.Clearance, u.Clearance)
	out.flag("disabled", old.Disabled, u.Disabled)
	out.flag("must_change", old.MustChange, u.MustChange)
}

func (r *Registry) user(id string) (*User, error) {
	if u, ok := r.User(id); ok {
		return u, nil
	}
	return nil, notFound("user", "用户", id)
}

// changeUser is an admin's change.
func (r *Registry) changeUser(ctx context.Context, by Actor, id, action string, expect uint64, fn func(*User, *Agency) error) (*User, error) {
	return r.rewriteUser(ctx, by, id, action, expect, func(u *User, agency *Agency) error {
		if err := r.MayManage(by, u.Agency); err != nil {
			return err
		}
		return fn(u, agency)
	})
}

func (r *Registry) rewriteUser(ctx context.Context, by Actor, id, action string, expect uint64, fn func(*User, *Agency) error) (*User, error) {
	err := r.change(ctx, userPrefix+id, expect, func() (record, uint64, error) {
		old, err := r.user(id)
		if err != nil {
			return record{}, 0, err
		}
		agency, err := r.agency(old.Agency)
		if err != nil {
			return record{}, 0, err
		}
		next := *old
		if err := fn(&next, agency); err != nil {
			return record{}, 0, err
		}
		var c changes
		next.diff(old, &c)
		return record{Act: NewAct(by, action, userPrefix+id, old.Agency, r.now(), c), User: next.stored()}, old.Revision, nil
	})
	if err != nil {
		return nil, err
	}
	return r.user(id)
}
