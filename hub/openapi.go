package hub

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/zida-hub/zida/schemas"
)

// openapi makes the OpenAPI 3.1 document of the table, in one language.
func openapi(table []route, lang, server string) ([]byte, error) {
	paths := map[string]map[string]any{}
	for i := range table {
		r := &table[i]
		if r.hidden {
			continue
		}
		at := openapiPath(r.path)
		if paths[at] == nil {
			paths[at] = map[string]any{}
		}
		paths[at][strings.ToLower(r.method)] = operation(r, lang)
	}
	var tags []map[string]any
	for _, g := range routeGroups {
		tags = append(tags, map[string]any{"name": g.name, "description": either(lang, g.zh, g.en)})
	}
	document := map[string]any{
		"openapi":           "3.1.0",
		"jsonSchemaDialect": "https://spec.openapis.org/oas/3.1/dialect/base",
		"info": map[string]any{
			"title": either(lang, "资大数据交换平台接口", "zida data exchange"),
			"description": either(lang,
				"两地文旅机构之间的数据交换：推送、回执、查询。错误一律为 RFC 9457 的 application/problem+json，其 type 为本平台 /problems/ 下的页面。",
				"Data exchange between agencies of two governments: pushes, receipts, queries. Every error is RFC 9457 application/problem+json, its type a page of this hub under /problems/."),
			"version": "1",
		},
		"servers": []any{map[string]any{"url": server}},
		"tags":    tags,
		"paths":   paths,
		"components": map[string]any{
			"schemas": openapiSchemas(),
			"headers": openapiHeaders(lang),
			"securitySchemes": map[string]any{
				"token": map[string]any{"type": "http", "scheme": "bearer", "bearerFormat": "JWT",
					"description": either(lang, "由 POST /oauth2/token 取得的访问令牌", "An access token from POST /oauth2/token")},
				"session": map[string]any{"type": "apiKey", "in": "cookie", "name": sessionCookie,
					"description": either(lang, "由 POST /v1/session 登录得到的会话 Cookie；除 GET、HEAD 外，请求须来自本平台的页面",
						"The cookie of a session begun by POST /v1/session; calls other than GET and HEAD must come from the hub's own page")},
				"client": map[string]any{"type": "http", "scheme": "basic",
					"description": either(lang, "client_id 与 client_secret", "client_id and client_secret")},
			},
		},
	}
	return json.Marshal(document)
}

// openapiPath turns gin's :name into {name}.
func openapiPath(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if name, ok := strings.CutPrefix(p, ":"); ok {
			parts[i] = "{" + name + "}"
		}
	}
	return strings.Join(parts, "/")
}

func operation(r *route, lang string) map[string]any {
	op := map[string]any{
		"operationId": r.name,
		"tags":        []string{r.group},
		"summary":     either(lang, r.zh.summary, r.en.summary),
		"responses":   responses(r, lang),
	}
	if d := either(lang, r.zh.description, r.en.description); d != "" {
		op["description"] = d
	}
	op["security"] = []any{}
	switch {
	case r.needs == needSession:
		op["security"] = []any{map[string]any{"session": []string{}}}
		op["x-scope"] = r.needs.words
	case r.needs != nil:
		op["security"] = []any{map[string]any{"token": []string{}}, map[string]any{"session": []string{}}}
		op["x-scope"] = r.needs.words
	case r.basic:
		op["security"] = []any{map[string]any{"client": []string{}}, map[string]any{}} // none: private_key_jwt is in the form
	}
	var params []any
	for _, p := range r.params {
		params = append(params, map[string]any{
			"name": p.name, "in": p.in, "required": p.required || p.in == "path",
			"description": either(lang, p.zh, p.en), "schema": p.schema, "example": p.example,
		})
	}
	if params != nil {
		op["parameters"] = params
	}
	if len(r.body) > 0 {
		op["requestBody"] = map[string]any{"required": true, "content": content(r.body)}
	}
	return op
}

func content(list []media) map[string]any {
	out := map[string]any{}
	for _, m := range list {
		out[m.kind] = map[string]any{"schema": m.schema, "example": m.example}
	}
	return out
}

func responses(r *route, lang string) map[string]any {
	out := map[string]any{}
	for _, a := range r.answers {
		headers := map[string]any{"X-Request-Id": map[string]any{"$ref": "#/components/headers/X-Request-Id"}}
		for _, name := range a.headers {
			headers[name] = map[string]any{"$ref": "#/components/headers/" + name}
		}
		answer := map[string]any{"description": either(lang, a.zh, a.en), "headers": headers}
		if len(a.media) > 0 {
			answer["content"] = content(a.media)
		}
		out[strconv.Itoa(a.status)] = answer
	}
	byStatus := map[int][]schemas.Problem{}
	for _, name := range r.allProblems() {
		if p, ok := schemas.ProblemByName(name); ok {
			byStatus[p.Status] = append(byStatus[p.Status], p)
		}
	}
	for status, list := range byStatus {
		key := strconv.Itoa(status)
		if _, taken := out[key]; taken {
			continue // the route documents its own answer with this status
		}
		out[key] = problemResponse(list, lang)
	}
	return out
}

func problemResponse(list []schemas.Problem, lang string) map[string]any {
	var words []string
	examples := map[string]any{}
	headers := map[string]any{"X-Request-Id": map[string]any{"$ref": "#/components/headers/X-Request-Id"}}
	for _, p := range list {
		title := either(lang, p.TitleZH, p.TitleEN)
		words = append(words, title+" (/problems/"+p.Name+")")
		examples[p.Name] = map[string]any{"value": json.RawMessage(problemJSON(p, &problemError{Name: p.Name}, lang, "/v1/…", "kq3v7a2n-1f"))}
		if p.Status == http.StatusTooManyRequests || p.Status == http.StatusServiceUnavailable {
			headers["Retry-After"] = map[string]any{"$ref": "#/components/headers/Retry-After"}
		}
	}
	sort.Strings(words)
	return map[string]any{
		"description": strings.Join(words, either(lang, "；", "; ")),
		"headers":     headers,
		"content": map[string]any{"application/problem+json": map[string]any{
			"schema": ref("Problem"), "examples": examples,
		}},
	}
}

// allProblems adds to a route's own problems those that follow from its shape.
func (r *route) allProblems() []string {
	set := map[string]bool{"internal": true}
	if r.needs != nil {
		set["unauthorized"], set["missing-scope"], set["not-ready"] = true, true, true
		if r.method != http.MethodGet {
			set["cross-site"] = true
		}
		if r.needs == needSession {
			delete(set, "missing-scope")
		} else {
			set["password-change-needed"] = true
		}
	}
	if len(r.body) > 0 {
		for _, name := range []string{"payload-too-large", "body-incomplete", "request-timeout"} {
			set[name] = true
		}
	}
	for _, name := range r.problems {
		set[name] = true
	}
	return slices.Sorted(maps.Keys(set))
}

func openapiHeaders(lang string) map[string]any {
	header := func(zh, en string, s schema, example any) map[string]any {
		return map[string]any{"description": either(lang, zh, en), "schema": s, "example": example}
	}
	return map[string]any{
		"X-Request-Id":     header("本次请求的编号，反馈问题时请附上", "The id of this request; name it when asking for help", text1, "kq3v7a2n-1f"),
		"Retry-After":      header("多少秒后可重试", "Seconds after which to try again", integer, 2),
		"Set-Cookie":       header("会话的 Cookie", "The session's cookie", text1, "zida_session=…; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"),
		"Location":         header("提交的地址", "Where the submission is", text1, "/v1/submissions/42-7"),
		"Zida-Received":    header("工作簿中的记录数", "Records in the workbook", integer, 120),
		"Zida-Rejected":    header("有错的记录数", "Records that cannot be taken", integer, 3),
		"Zida-Error-Count": header("错误数", "Errors that are marked", integer, 4),
		"Link":             header("下一页", "The next page", text1, `</v1/submissions?cursor=MTI>; rel="next"`),
	}
}

func either(lang, zh, en string) string {
	if lang == "en" {
		return en
	}
	return zh
}
