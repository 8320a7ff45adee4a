package registry

// MayManage refuses an actor who may not manage the clients of an agency: the
// operator's admins manage those of every agency, an agency's admin its own.
func (r *Registry) MayManage(by Actor, agency string) error {
	switch {
	case !by.Admin:
		return forbidden("此操作需要 admin 权限；请使用管理员客户端。", "this needs scope admin: use an admin's client")
	case by.IsOperator() || by.Agency == agency:
		return nil
	}
	return forbidden(
		"机构 %[1]s 的管理员只能管理本机构的客户端；请联系该客户端所属机构或运营方。",
		"an admin of agency %[1]s manages the clients of that agency only: ask the client's own agency or the operator", by.Agency)
}

// mayGrant bounds every act that puts a client's powers into someone's hands:
// making it, widening it, giving it a new secret or key, enabling it. An
// agency's admin cannot hand out what lies above its agency's scopes or above
// its own clearance; otherwise a new secret for a stronger client would be a
// ladder.
func (r *Registry) mayGrant(by Actor, c *Client) error {
	if by.IsOperator() {
		return nil
	}
	own, ok := r.Grants(by.Client)
	if !ok {
		return forbidden("您的客户端已停用；请联系运营方。", "your own client is disabled: ask the operator")
	}
	for _, s := range c.Scopes {
		if !CoversScope(own.Agency.Scopes, s) {
			return forbidden("权限 %[1]s 超出本机构的权限；请联系运营方。", "scope %[1]s lies above what your agency holds: ask the operator", s)
		}
	}
	if above(c.Clearance, own.Clearance) {
		return forbidden("密级 %[1]s 高于您自己的密级 %[2]s；请联系运营方。", "clearance %[1]s lies above your own, %[2]s: ask the operator", c.Clearance, own.Clearance)
	}
	return nil
}

// keepsOperator refuses a change that would leave the hub without an enabled
// admin of the operator.
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
