package hub

import (
	"maps"
	"net/http"
)

var (
	exampleSession = map[string]any{
		"user": "dazu.lin", "name": "林", "agency": "dazu-wlj", "agency_name": "大足区文化和旅游发展委员会", "side": "大足", "regions": []string{"500111"},
		"role": "steward", "scopes": []string{"audit", "push:*", "query", "read:*"}, "clearance": "internal", "must_change": false,
		"expires_at": "2026-01-05T13:00:00Z",
	}
	exampleUser = map[string]any{
		"id": "dazu.lin", "agency": "dazu-wlj", "name": "林", "role": "steward", "clearance": "internal", "disabled": false, "must_change": true,
		"created_at": "2026-01-05T01:00:00Z", "updated_at": "2026-01-05T01:00:00Z", "revision": 14,
	}
	exampleUserPassword = map[string]any{"user": exampleUser, "password": "…"}

	paramUser = param{name: "id", in: "path", schema: text1, example: "dazu.lin", zh: "用户编号", en: "the user's id"}
)

func (h *Hub) sessionRoutes() []route {
	one := jsonOf(ref("Session"), exampleSession)
	cookie := []string{"Set-Cookie"}
	return []route{
		{method: http.MethodPost, path: "/v1/session", name: "logIn", group: "token", handle: h.logIn,
			zh: text{"登录", "以用户编号与密码登录，会话在 Cookie 中，最长 12 小时，之后凡令牌能做的均可凭此 Cookie 进行。用户不存在与密码错误的回答相同。"},
			en: text{"Log in", "With a user's id and password. The session is in the cookie, for 12 h at most; from then on the cookie stands in for a token in every call. An unknown user and a wrong password get the same answer."},
			body: jsonOf(object("user password", map[string]schema{"user": text1, "password": text1}),
				map[string]any{"user": "dazu.lin", "password": "…"}),
			answers:  []answer{{status: http.StatusCreated, zh: "已登录", en: "Logged in", headers: cookie, media: one}},
			problems: []string{"login-failed", "login-throttled", "cross-site", "overloaded", "invalid-request", "unsupported-media-type", "journal-unavailable"}},
		{method: http.MethodGet, path: "/v1/session", name: "getSession", group: "token", needs: needSession, handle: h.getSession,
			zh: text{summary: "查看会话"}, en: text{summary: "Show the session"}, answers: ok("会话", "The session", one)},
		{method: http.MethodDelete, path: "/v1/session", name: "logOut", group: "token", needs: needSession, handle: h.logOut,
			zh: text{"退出登录", "会话在服务器端结束，Cookie 即使被复制也不再有效。"}, en: text{"Log out", "The session ends on the server: a copy of the cookie is void too."},
			answers: []answer{{status: http.StatusNoContent, zh: "已退出", en: "Logged out", headers: cookie}}, problems: []string{"journal-unavailable"}},
		{method: http.MethodPut, path: "/v1/session/password", name: "changePassword", group: "token", needs: needSession, handle: h.changePassword,
			zh: text{"修改自己的密码", "12–128 个字符，不能与用户编号或原密码相同。该用户的其他会话随之结束，本会话换用新的 Cookie。"},
			en: text{"Change one's own password", "12 to 128 characters, neither the user's id nor the present password. Every other session of the user ends; this one goes on under a new cookie."},
			body: jsonOf(object("current new", map[string]schema{"current": text1, "new": text1}),
				map[string]any{"current": "…", "new": "…"}),
			answers:  []answer{{status: http.StatusNoContent, zh: "已修改", en: "Changed", headers: cookie}},
			problems: []string{"login-throttled", "overloaded", "conflict", "forbidden", "invalid-request", "unsupported-media-type", "journal-unavailable"}},
	}
}

func (h *Hub) userRoutes() []route {
	one := ok("用户", "The user", jsonOf(ref("User"), exampleUser))
	once := jsonOf(ref("UserPassword"), exampleUserPassword)
	fields := map[string]schema{"name": text1, "role": oneWord("viewer", "analyst", "steward", "admin"), "clearance": oneWord("public", "internal", "sensitive", "core")}
	with := func(required string, more map[string]schema) schema {
		all := maps.Clone(fields)
		maps.Copy(all, more)
		return object(required, all)
	}
	chosen := map[string]schema{
		"password":    described(text1, "12 to 128 characters; generated when left out"),
		"must_change": described(boolean, "false, with a password: it need not be changed at the first log-in"),
	}
	problems := append([]string{"overloaded"}, adminProblems...)
	act := func(verb, name string, zh, en text, r route) route {
		r.method, r.path, r.name, r.group, r.needs = http.MethodPost, "/v1/admin/users/:id/"+verb, name, "admin", needAdmin
		r.zh, r.en, r.problems, r.params = zh, en, problems, []param{paramUser, paramReason}
		if r.answers == nil {
			r.answers = one
		}
		return r
	}
	return []route{
		{method: http.MethodGet, path: "/v1/admin/users", name: "listUsers", group: "admin", needs: needAdmin, handle: h.listUsers,
			zh: text{"列出用户", "机构管理员只能看到本机构的用户。"}, en: text{"List users", "An agency's admin sees those of its own agency."},
			params: []param{{name: "agency", in: "query", schema: text1, example: "dazu-wlj", zh: "只列此机构", en: "of this agency only"}},
			answers: ok("用户", "The users", jsonOf(object("users", map[string]schema{"users": list(ref("User"))}),
				map[string]any{"users": []any{exampleUser}})), problems: []string{"forbidden"}},
		{method: http.MethodPost, path: "/v1/admin/users", name: "addUser", group: "admin", needs: needAdmin, handle: h.addUser,
			zh:     text{"新建用户", "供人在网页上登录。密码自动生成，只显示这一次，首次登录须修改；也可给出 password，此时不再显示。角色的权限以机构所有的为限，viewer 的密级最高为 internal。"},
			en:     text{"Make a user", "A person who logs in on the page. The password is generated, shown this once, and must be changed at the first log-in; one that is given is not shown. A role's scopes are cut down to the agency's, and a viewer's clearance is internal at most."},
			params: []param{paramReason},
			body: jsonOf(with("id role", map[string]schema{"id": described(text1, "3 to 40 small letters, digits, dots and hyphens"), "agency": text1,
				"password": chosen["password"], "must_change": chosen["must_change"]}),
				map[string]any{"id": "dazu.lin", "agency": "dazu-wlj", "name": "林", "role": "steward"}),
			answers: created("已新建", "Made", once), problems: problems},
		{method: http.MethodGet, path: "/v1/admin/users/:id", name: "getUser", group: "admin", needs: needAdmin, handle: h.getUser,
			zh: text{summary: "查看用户"}, en: text{summary: "Show a user"}, params: []param{paramUser}, answers: one, problems: adminProblems},
		{method: http.MethodPatch, path: "/v1/admin/users/:id", name: "changeUser", group: "admin", needs: needAdmin, handle: h.changeUser,
			zh: text{"修改用户", "只改给出的成员，随即生效，已有会话同样受限。"}, en: text{"Change a user", "Only what is given changes; it binds at once, sessions under way included."},
			params:  []param{paramUser, paramReason},
			body:    jsonOf(with("", map[string]schema{"expect": integer}), map[string]any{"role": "analyst", "clearance": "sensitive"}),
			answers: one, problems: adminProblems},
		act("disable", "disableUser", text{"停用用户", "其会话在 5 秒内结束，再启用也不恢复。"}, text{"Disable a user", "The sessions end within 5 s and do not come back when the user is enabled again."},
			route{handle: h.disableUser}),
		act("enable", "enableUser", text{summary: "启用用户"}, text{summary: "Enable a user"}, route{handle: h.enableUser}),
		act("end-sessions", "endSessions", text{summary: "结束用户的全部会话"}, text{summary: "End every session of a user"}, route{handle: h.endSessions}),
		act("password", "resetPassword", text{"重置密码", "新密码自动生成，只显示这一次，登录后须修改；其全部会话随之结束。"}, text{"Set a new password", "It is generated, shown this once, and must be changed at the log-in; every session of the user ends."},
			route{handle: h.resetPassword, body: jsonOf(object("", chosen), map[string]any{}), answers: ok("新密码", "The new password", once)}),
	}
}
