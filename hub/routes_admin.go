package hub

import (
	"net/http"

	"github.com/zida-hub/zida/hub/auth"
)

var (
	exampleAgency = map[string]any{
		"id": "dazu-wlj", "name": "大足区文化和旅游发展委员会", "regions": []string{"500111"},
		"scopes": []string{"push:*", "read:*", "query"}, "clearance": "core", "disabled": false,
		"created_at": "2026-01-05T01:00:00Z", "updated_at": "2026-01-05T01:00:00Z", "revision": 12,
	}
	exampleClient = map[string]any{
		"id": "dazu-wlj-k3v7a2nq", "agency": "dazu-wlj", "name": "票务系统", "scopes": []string{"push:tourism_flow"},
		"clearance": "internal", "secrets": []any{map[string]any{"id": "s1", "created_at": "2026-01-05T01:00:00Z"}},
		"disabled": false, "created_at": "2026-01-05T01:00:00Z", "updated_at": "2026-01-05T01:00:00Z", "revision": 13,
	}
	exampleKey = map[string]any{
		"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
	}
	exampleCredentials = map[string]any{
		"client_id": "dazu-wlj-k3v7a2nq", "client_secret": "zida_…", "client": exampleClient,
	}

	paramReason = param{name: "reason", in: "query", schema: text1, example: "新票务系统上线",
		zh: "事由，记入双方可查的审计记录", en: "why, kept in the audit record both sides can read"}
	paramAgency = param{name: "id", in: "path", schema: text1, example: "dazu-wlj", zh: "机构编号", en: "the agency's id"}
	paramClient = param{name: "id", in: "path", schema: text1, example: "dazu-wlj-k3v7a2nq", zh: "客户端编号", en: "the client's id"}

	adminProblems = []string{"not-found", "conflict", "forbidden", "invalid-request", "unsupported-media-type", "journal-unavailable"}
)

func jsonOf(s schema, example any) []media {
	return []media{{"application/json", s, example}}
}

func ok(zh, en string, m []media) []answer {
	return []answer{{status: http.StatusOK, zh: zh, en: en, media: m}}
}

func created(zh, en string, m []media) []answer {
	return []answer{{status: http.StatusCreated, zh: zh, en: en, media: m}}
}

func (h *Hub) agencyRoutes() []route {
	one := ok("机构", "The agency", jsonOf(ref("Agency"), exampleAgency))
	return []route{
		{method: http.MethodGet, path: "/v1/admin/agencies", name: "listAgencies", group: "admin", needs: needAudit, handle: h.listAgencies,
			zh: text{summary: "列出机构"}, en: text{summary: "List the agencies"},
			answers: ok("全部机构", "Every agency", jsonOf(object("agencies", map[string]schema{"agencies": list(ref("Agency"))}),
				map[string]any{"agencies": []any{exampleAgency}}))},
		{method: http.MethodPost, path: "/v1/admin/agencies", name: "addAgency", group: "admin", needs: needChief, handle: h.addAgency,
			zh:     text{"登记机构", "只有运营方可以登记机构。省略 scopes 表示不限，省略 clearance 表示 core；客户端另行授权。"},
			en:     text{"Register an agency", "Only the operator can. Without scopes there is no bound, without clearance it is core; clients are granted less."},
			params: []param{paramReason},
			body: jsonOf(object("id name regions", map[string]schema{"id": text1, "name": text1, "regions": list(text1),
				"scopes": list(text1), "clearance": oneWord("public", "internal", "sensitive", "core")}),
				map[string]any{"id": "dazu-wlj", "name": "大足区文化和旅游发展委员会", "regions": []string{"500111"}}),
			answers: created("已登记", "Registered", jsonOf(ref("Agency"), exampleAgency)), problems: adminProblems},
		{method: http.MethodGet, path: "/v1/admin/agencies/:id", name: "getAgency", group: "admin", needs: needAudit, handle: h.getAgency,
			zh: text{summary: "查看机构"}, en: text{summary: "Show an agency"}, params: []param{paramAgency}, answers: one, problems: adminProblems},
		{method: http.MethodPatch, path: "/v1/admin/agencies/:id", name: "changeAgency", group: "admin", needs: needChief, handle: h.changeAgency,
			zh:     text{"修改机构", "只改给出的成员；expect 为读到的 revision，他人已改则拒绝。收窄立即生效，已发出的令牌同样受限。"},
			en:     text{"Change an agency", "Only what is given changes; with expect, the revision read, a change made meanwhile is a conflict. Less binds at once, tokens already issued included."},
			params: []param{paramAgency, paramReason},
			body: jsonOf(object("", map[string]schema{"name": text1, "regions": list(text1), "scopes": list(text1),
				"clearance": oneWord("public", "internal", "sensitive", "core"), "expect": integer}),
				map[string]any{"regions": []string{"500111", "500153"}, "expect": 12}),
			answers: one, problems: adminProblems},
		{method: http.MethodPost, path: "/v1/admin/agencies/:id/disable", name: "disableAgency", group: "admin", needs: needChief, handle: h.disableAgency,
			zh: text{"停用机构", "其全部客户端与令牌随即失效。"}, en: text{"Disable an agency", "All its clients and their tokens end with it."},
			params: []param{paramAgency, paramReason}, answers: one, problems: adminProblems},
		{method: http.MethodPost, path: "/v1/admin/agencies/:id/enable", name: "enableAgency", group: "admin", needs: needChief, handle: h.enableAgency,
			zh: text{summary: "启用机构"}, en: text{summary: "Enable an agency"},
			params: []param{paramAgency, paramReason}, answers: one, problems: adminProblems},
	}
}

func (h *Hub) clientRoutes() []route {
	one := ok("客户端", "The client", jsonOf(ref("Client"), exampleClient))
	act := func(verb, name string, zh, en text, r route) route {
		r.method, r.path, r.name, r.group, r.needs = http.MethodPost, "/v1/admin/clients/:id/"+verb, name, "admin", needAdmin
		r.zh, r.en, r.problems = zh, en, adminProblems
		r.params = append([]param{paramClient, paramReason}, r.params...)
		if r.answers == nil {
			r.answers = one
		}
		return r
	}
	return []route{
		{method: http.MethodGet, path: "/v1/admin/clients", name: "listClients", group: "admin", needs: needAdmin, handle: h.listClients,
			zh: text{"列出客户端", "机构管理员只能看到本机构的客户端。"}, en: text{"List clients", "An agency's admin sees those of its own agency."},
			params: []param{{name: "agency", in: "query", schema: text1, example: "dazu-wlj", zh: "只列此机构", en: "of this agency only"}},
			answers: ok("客户端", "The clients", jsonOf(object("clients", map[string]schema{"clients": list(ref("Client"))}),
				map[string]any{"clients": []any{exampleClient}}))},
		{method: http.MethodPost, path: "/v1/admin/clients", name: "addClient", group: "admin", needs: needAdmin, handle: h.addClient,
			zh:     text{"新建客户端", "client_secret 只显示这一次，平台只存其散列。给出 public_key（JWK 或 PEM）则改用 private_key_jwt，不生成密钥。"},
			en:     text{"Make a client", "client_secret is shown this once; only its hash is kept. With public_key (a JWK or PEM) the client logs in by private_key_jwt and has no secret."},
			params: []param{paramReason},
			body: jsonOf(object("scopes", map[string]schema{"agency": text1, "name": text1, "scopes": list(text1),
				"clearance": oneWord("public", "internal", "sensitive", "core"), "public_key": {"type": []string{"object", "string"}}}),
				map[string]any{"agency": "dazu-wlj", "name": "票务系统", "scopes": []string{"push:tourism_flow"}}),
			answers: created("已新建", "Made", jsonOf(ref("Credentials"), exampleCredentials)), problems: adminProblems},
		{method: http.MethodGet, path: "/v1/admin/clients/:id", name: "getClient", group: "admin", needs: needAdmin, handle: h.getClient,
			zh: text{summary: "查看客户端"}, en: text{summary: "Show a client"}, params: []param{paramClient}, answers: one, problems: adminProblems},
		{method: http.MethodPatch, path: "/v1/admin/clients/:id", name: "changeClient", group: "admin", needs: needAdmin, handle: h.changeClient,
			zh: text{"修改客户端", "只改给出的成员。收窄立即生效，放宽随下一个令牌生效。"}, en: text{"Change a client", "Only what is given changes. Less binds at once, more comes with the next token."},
			params: []param{paramClient, paramReason},
			body: jsonOf(object("", map[string]schema{"name": text1, "scopes": list(text1),
				"clearance": oneWord("public", "internal", "sensitive", "core"), "expect": integer}),
				map[string]any{"scopes": []string{"push:tourism_flow", "push:ticket_recognition"}}),
			answers: one, problems: adminProblems},
		act("disable", "disableClient", text{"停用客户端", "其令牌在 5 秒内失效，再启用也不恢复。"}, text{"Disable a client", "Its tokens end within 5 s and do not come back when it is enabled again."},
			route{handle: h.disableClient}),
		act("enable", "enableClient", text{summary: "启用客户端"}, text{summary: "Enable a client"},
			route{handle: h.enableClient}),
		act("revoke-tokens", "revokeClientTokens", text{summary: "吊销客户端的全部令牌"}, text{summary: "End every token of a client"},
			route{handle: h.revokeClientTokens}),
		act("secret", "rotateSecret", text{"更换密钥", "新密钥只显示这一次；overlap_hours 内旧密钥仍可用。"}, text{"Rotate the secret", "The new one is shown this once; the old one works on for overlap_hours."},
			route{handle: h.rotateSecret,
				params:  []param{{name: "overlap_hours", in: "query", schema: integer, example: 24, zh: "旧密钥继续有效的小时数，默认 0", en: "hours the old secret works on, 0 by default"}},
				answers: ok("新密钥", "The new secret", jsonOf(ref("Credentials"), exampleCredentials))}),
		{method: http.MethodDelete, path: "/v1/admin/clients/:id/secrets/:secret", name: "removeSecret", group: "admin", needs: needAdmin, handle: h.removeSecret,
			zh: text{summary: "删除一个密钥"}, en: text{summary: "Remove one secret"},
			params:  []param{paramClient, {name: "secret", in: "path", schema: text1, example: "s1", zh: "密钥编号", en: "the secret's id"}, paramReason},
			answers: one, problems: adminProblems},
		act("keys", "addKey", text{"登记公钥", "Ed25519 或 P-256，JWK 或 PEM，用于 private_key_jwt。"}, text{"Add a public key", "Ed25519 or P-256, a JWK or PEM, for private_key_jwt."},
			route{handle: h.addKey,
				body: jsonOf(object("public_key", map[string]schema{"public_key": {"type": []string{"object", "string"}}}), map[string]any{"public_key": exampleKey})}),
		{method: http.MethodDelete, path: "/v1/admin/clients/:id/keys/:kid", name: "removeKey", group: "admin", needs: needAdmin, handle: h.removeKey,
			zh: text{summary: "删除公钥"}, en: text{summary: "Remove a public key"},
			params:  []param{paramClient, {name: "kid", in: "path", schema: text1, example: "2026-1", zh: "公钥编号", en: "the key's id"}, paramReason},
			answers: one, problems: adminProblems},
	}
}

func (h *Hub) contractRoutes() []route {
	example := map[string]any{
		"dataset": "tourism_flow", "version": "1.1.0", "previous": "1.0.0", "published": true, "affected": []any{},
		"changes": []any{map[string]any{"kind": "compatible", "path": "vehicles", "text": "was added; it may be left out", "text_zh": "新增，可不填"}},
	}
	return []route{
		{method: http.MethodPost, path: "/v1/admin/contracts", name: "publishContract", group: "admin", needs: needChief, handle: h.publishContract, maxBody: maxContractBody,
			zh: text{"发布数据契约", "ODCS v3.1 文件，随即生效，无需停机。新增可选字段提高次版本号；不兼容的改动须提高主版本号，旧的主版本继续受理至 retire 之日。dry_run=true 只说明会改变什么、影响谁。"},
			en: text{"Publish a data contract", "An ODCS v3.1 document; it is in force at once. An optional property raises the minor version; a breaking change needs a higher major one, and older major versions are taken until retire. dry_run=true only says what would change, and for whom."},
			params: []param{paramReason,
				{name: "dry_run", in: "query", schema: boolean, example: true, zh: "只检查，不发布", en: "check only"},
				{name: "retire", in: "query", schema: schema{"type": "string", "format": "date"}, example: "2027-01-01", zh: "旧的主版本停用之日", en: "the day on which older major versions end"}},
			body: []media{{"application/yaml", text1, "apiVersion: v3.1.0\nkind: DataContract\nid: tourism_flow\nversion: 1.1.0\n"}},
			answers: []answer{
				{status: http.StatusCreated, zh: "已发布", en: "Published", media: jsonOf(schema{"type": "object"}, example)},
				{status: http.StatusOK, zh: "仅作检查，或此前已生效", en: "Only checked, or in force already", media: jsonOf(schema{"type": "object"}, example)}},
			problems: []string{"contract-invalid", "contract-breaking", "contract-conflict", "invalid-request", "payload-too-large", "journal-unavailable", "engine-unavailable"}},
	}
}

func (h *Hub) auditRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "/v1/admin/keys/:use/rotate", name: "rotateKey", group: "admin", needs: needChief, handle: h.rotateKey,
			zh: text{"轮换签名密钥", "新密钥先公布后启用，旧的留到其令牌全部过期；compromised=true 则旧令牌密钥立即作废。"},
			en: text{"Rotate a signing key", "The new one is published before it signs and the old one stays until its last token has expired; compromised=true ends the old token key at once."},
			params: []param{
				{name: "use", in: "path", schema: oneWord(auth.UseToken, auth.UseReceipt), example: auth.UseToken, zh: "令牌密钥或回执密钥", en: "the token key or the receipt key"},
				{name: "compromised", in: "query", schema: boolean, example: false, zh: "旧密钥已泄露", en: "the old key has leaked"}, paramReason},
			answers:  ok("已轮换", "Rotated", jsonOf(object("rotated", map[string]schema{"rotated": text1}), map[string]any{"rotated": auth.UseToken})),
			problems: adminProblems},
		{method: http.MethodGet, path: "/v1/admin/acts", name: "listActs", group: "admin", needs: needAudit, handle: h.listActs,
			zh: text{"审计记录", "管理员的每一项操作，双方都能查看，旧的在前。"}, en: text{"The audit record", "Every act of every admin, oldest first; both sides can read all of it."},
			params: []param{
				{name: "after", in: "query", schema: integer, example: 0, zh: "从此序号之后开始", en: "start after this sequence"},
				{name: "limit", in: "query", schema: integer, example: 100, zh: "条数，1 到 1000，默认 100", en: "how many, 1 to 1000, 100 by default"}},
			answers: ok("操作", "Acts", jsonOf(object("acts next_after", map[string]schema{"acts": list(ref("Act")), "next_after": integer}),
				map[string]any{"acts": []any{map[string]any{
					"sequence": 12, "actor": "zida-admin", "actor_agency": "zida", "action": "agency.create", "object": "agency.dazu-wlj", "agency": "dazu-wlj",
					"at": "2026-01-05T01:00:00Z", "request_id": "kq3v7a2n-1f", "reason": "新票务系统上线",
					"changes": []any{map[string]any{"field": "name", "to": "大足区文化和旅游发展委员会"}}}}, "next_after": 12})),
			problems: []string{"invalid-request"}},
	}
}
