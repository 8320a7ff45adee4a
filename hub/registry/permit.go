package registry

// MayManage refuses an actor who may not manage the clients and users of an
// agency: the operator's admins manage those of every agency, an agency's admin
// its own.
func (r *Registry) MayManage(by Actor, agency string) error {
	switch {
	case !by.Admin:
		return forbidden("此操作需要 admin 权限；请以管理员身份进行。", "this needs scope admin: act as an admin")
	case by.IsOperator() || by.Agency == agency:
		return nil
	}
	return forbidden(
		"机构 %[1]s 的管理员只能管理本机构的客户端和用户；请联系其所属机构或运营方。",
		"an admin of agency %[1]s manages the clients and users of that agency only: ask the agency they belong to, or the operator", by.Agency)
}

// mayGrant bounds every act that puts a client's powers into someone's hands:
// making it, widening it, giving it a new secret or key, enabling it. An
// agency's admin cannot hand out what lies above its agency's scopes or above
// its own clearance; otherwise a new secret for a stronger client would be a
// ladder.
func (r *Registry) mayGrant(by Actor, c *Client) error {
	return r.mayHandOut(by, c.Scopes, c.Clearance)
}

// mayGrantUser is mayGrant for a person. What a role holds beyond the agency's
// scopes is cut off wherever the user acts, so only the clearance is left to bound.
func (r *Registry) mayGrantUser(by Actor, u *User) error {
	return r.mayHandOut(by, nil, u.Clearance)
}

func (r *Registry) mayHandOut(by Actor, scopes []string, clearance string) error {
	if by.IsOperator() {
		return nil
	}
	own, ok := r.Grants(by.Client)
	if !ok {
		own, ok = r.UserGrants(by.Client) // no id is both a client's and a user's
	}
	if !ok {
		return forbidden("您自己的客户端或账号已停用；请联系运营方。", "your own client or account is disabled: ask the operator")
	}
	for _, s := range scopes {
		if !CoversScope(own.Agency.Scopes, s) {
			return forbidden("权限 %[1]s 超出本机构的权限；请联系运营方。", "scope %[1]s lies above what your agency holds: ask the operator", s)
		}
	}
	if above(clearance, own.Clearance) {
		return forbidden("密级 %[1]s 高于您自己的密级 %[2]s；请联系运营方。", "clearance %[1]s lies above your own, %[2]s: ask the operator", clearance, own.Clearance)
	}
	return nil
}

// keepsOperator refuses a change that would leave the hub without an enabled
// admin client of the operator. Users do not count: a password is more easily lost
// than admin.json.
func (r *Registry) keepsOperator(next *Client) error {
	if next.Agency != Operator {
		return nil
	}
	rules := func(c *Client) bool { return !c.Disabled && CoversScope(c.Scopes, ScopeAdmin) }
	if rules(next) {
		return nil
	}
	before, _ := r.Client(next.ID)
	if before == nil || !rules(before) {
		return nil
	}
	for _, c := range r.Clients(Operator) {
		if c.ID != next.ID && rules(c) {
			return nil
		}
	}
	return forbidden(
		"这是运营方最后一个可用的管理员；请先另建一个。",
		"this is the operator's last enabled admin: make another one first")
}
