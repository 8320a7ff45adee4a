package hub

import (
	"net/http"

	"github.com/zida-hub/zida/hub/auth"
)

// What the examples hold; no key signed the first.
const (
	exampleJWT = "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCIsImtpZCI6InQtMjAyNi0xIn0.…"
	exampleHub = "https://hub.example"
)

func (h *Hub) tokenRoutes() []route {
	form := object("grant_type", map[string]schema{
		"grant_type": oneWord("client_credentials"), "scope": text1, "client_id": text1,
		"client_assertion_type": oneWord(auth.AssertionType), "client_assertion": text1,
	})
	keys := object("keys", map[string]schema{"keys": list(ref("PublicKey"))})
	jwk := map[string]any{"kid": "t-2026-1", "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
	oauthError := jsonOf(object("error", map[string]schema{"error": text1, "error_description": text1}),
		map[string]any{"error": "invalid_client", "error_description": "client authentication failed"})
	return []route{
		{method: http.MethodPost, path: auth.TokenPath, name: "token", group: "token", handle: h.giveToken, basic: true,
			zh:   text{"申请令牌", "OAuth 2.0 客户端凭据：HTTP Basic 给出 client_id 与 client_secret，或以 private_key_jwt（RFC 7523）登录。令牌最长 15 分钟。错误按 RFC 6749 §5.2。"},
			en:   text{"Get a token", "OAuth 2.0 client credentials: client_id and client_secret by HTTP Basic, or private_key_jwt (RFC 7523). A token lives 15 minutes at most. Errors follow RFC 6749 §5.2."},
			body: []media{{"application/x-www-form-urlencoded", form, map[string]any{"grant_type": "client_credentials", "scope": "push:tourism_flow"}}},
			answers: []answer{
				{status: http.StatusOK, zh: "令牌", en: "The token", media: jsonOf(
					object("access_token token_type expires_in scope", map[string]schema{"access_token": text1, "token_type": oneWord("Bearer"), "expires_in": integer, "scope": text1}),
					map[string]any{"access_token": exampleJWT, "token_type": "Bearer", "expires_in": 900, "scope": "push:tourism_flow"})},
				{status: http.StatusBadRequest, zh: "请求有误", en: "The request is wrong", media: oauthError},
				{status: http.StatusUnauthorized, zh: "身份验证失败", en: "Client authentication failed", media: oauthError},
				{status: http.StatusTooManyRequests, zh: "失败次数过多", en: "Too many failed log-ins", headers: []string{"Retry-After"}, media: oauthError}}},
		{method: http.MethodPost, path: auth.RevokePath, name: "revokeToken", group: "token", handle: h.revokeToken, basic: true,
			zh: text{"交还令牌", "RFC 7009。5 秒内在所有副本失效。"}, en: text{"Give a token back", "RFC 7009. It ends within 5 s on every replica."},
			body: []media{{"application/x-www-form-urlencoded", object("token", map[string]schema{"token": text1}), map[string]any{"token": exampleJWT}}},
			answers: []answer{
				{status: http.StatusOK, zh: "已失效", en: "It is void"},
				{status: http.StatusBadRequest, zh: "请求有误", en: "The request is wrong", media: oauthError},
				{status: http.StatusUnauthorized, zh: "身份验证失败", en: "Client authentication failed", media: oauthError}}},
		{method: http.MethodGet, path: auth.JWKSPath, name: "tokenKeys", group: "token", handle: public("application/jwk-set+json", h.auth.JWKS),
			zh: text{summary: "令牌公钥（JWKS）"}, en: text{summary: "Token keys (JWKS)"},
			answers: ok("现行公钥，轮换期间有两个", "The present keys, two while rotating", []media{{"application/jwk-set+json", keys, map[string]any{"keys": []any{jwk}}}})},
		{method: http.MethodGet, path: "/.well-known/zida-receipt-keys.json", name: "receiptKeys", group: "token", handle: public("application/jwk-set+json", h.auth.ReceiptKeys),
			zh: text{"回执公钥（JWKS）", "曾用于签署回执的全部公钥，供离线验证。"}, en: text{"Receipt keys (JWKS)", "Every key a receipt was ever signed with, for verifying offline."},
			answers: ok("回执公钥", "The receipt keys", []media{{"application/jwk-set+json", keys, map[string]any{"keys": []any{jwk}}}})},
		{method: http.MethodGet, path: auth.MetadataPath, name: "tokenMetadata", group: "token", handle: public("application/json", h.auth.Metadata),
			zh: text{summary: "令牌服务元数据（RFC 8414）"}, en: text{summary: "Token service metadata (RFC 8414)"},
			answers: ok("元数据", "The metadata", jsonOf(schema{"type": "object"}, map[string]any{
				"issuer": exampleHub, "token_endpoint": exampleHub + auth.TokenPath, "jwks_uri": exampleHub + auth.JWKSPath}))},
	}
}

func (h *Hub) serviceRoutes() []route {
	state := object("status parts", map[string]schema{"status": oneWord("ready", "degraded", "not ready", "stopping"),
		"parts": list(object("name ok", map[string]schema{"name": text1, "ok": boolean, "detail": text1, "degraded": boolean}))})
	return []route{
		{method: http.MethodGet, path: "/healthz", name: "healthz", group: "service", handle: h.healthz,
			zh: text{summary: "进程是否存活"}, en: text{summary: "Is the process alive"},
			answers: ok("存活", "Alive", jsonOf(object("status", map[string]schema{"status": oneWord("ok")}), map[string]any{"status": "ok"}))},
		{method: http.MethodGet, path: "/readyz", name: "readyz", group: "service", handle: h.readyz,
			zh: text{summary: "各部分是否就绪"}, en: text{summary: "Is each part ready"},
			answers: []answer{
				{status: http.StatusOK, zh: "就绪；degraded 表示可用但需有人处理", en: "Ready; degraded works but someone must look",
					media: jsonOf(state, map[string]any{"status": "ready", "parts": []any{map[string]any{"name": "journal", "ok": true}, map[string]any{"name": "engine", "ok": true}}})},
				{status: http.StatusServiceUnavailable, zh: "未就绪", en: "Not ready", headers: []string{"Retry-After"},
					media: jsonOf(state, map[string]any{"status": "not ready", "parts": []any{map[string]any{"name": "engine", "ok": false, "detail": "starting"}}})}}},
		{method: http.MethodGet, path: "/metrics", name: "prometheus", group: "service", handle: h.scrape,
			zh: text{summary: "Prometheus 指标"}, en: text{summary: "Prometheus metrics"},
			answers:  ok("指标", "The metrics", []media{{"text/plain", text1, "zida_http_answers_total{method=\"GET\",route=\"/healthz\",status=\"200\"} 1\n"}}),
			problems: []string{"not-found"}},
		{method: http.MethodGet, path: "/openapi.json", name: "openapi", group: "service", handle: h.servePage,
			zh: text{summary: "本接口的 OpenAPI 3.1 描述"}, en: text{summary: "This API as OpenAPI 3.1"},
			params:  []param{{name: "lang", in: "query", schema: oneWord("zh", "en"), example: "zh", zh: "语言，缺省按 Accept-Language", en: "the language; otherwise by Accept-Language"}},
			answers: ok("描述", "The document", jsonOf(schema{"type": "object"}, map[string]any{"openapi": "3.1.0"}))},
	}
}
