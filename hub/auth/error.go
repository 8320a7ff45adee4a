package auth

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// TokenError says why a token was refused; always 401 with invalid_token
// (RFC 6750 §3.1). The texts name the remedy and nothing an attacker could use.
type TokenError struct {
	Reason string // stable: malformed, expired, revoked, …
	ZH, EN string
}

func (e *TokenError) Error() string { return e.EN }

// In gives the text in "zh" or "en".
func (e *TokenError) In(lang string) string {
	if lang == "zh" {
		return e.ZH
	}
	return e.EN
}

// Challenge is the WWW-Authenticate value of the 401 answer.
func (e *TokenError) Challenge() string {
	return `Bearer error="invalid_token", error_description="` + e.EN + `"`
}

const again = "：请从 /oauth2/token 重新获取令牌。"

var (
	errTooLong   = &TokenError{"too_long", "令牌超过 8 KiB" + again, "the token is longer than 8 KiB: get one from /oauth2/token"}
	errMalformed = &TokenError{"malformed", "令牌不是本平台签发的格式" + again, "the token is not well formed: get one from /oauth2/token"}
	errHeader    = &TokenError{"header", "令牌头含有不允许的参数" + again, "the token's header has a parameter that is not allowed: get one from /oauth2/token"}
	errType      = &TokenError{"type", "这不是访问令牌（typ 须为 at+jwt）" + again, "this is not an access token (typ must be at+jwt): get one from /oauth2/token"}
	errKey       = &TokenError{"key", "令牌不是用本平台现行密钥签名的" + again, "the token is not signed with a present key of this hub: get a new one from /oauth2/token"}
	errAlg       = &TokenError{"alg", "令牌的签名算法与密钥不符" + again, "the token's algorithm is not that of its key: get one from /oauth2/token"}
	errSignature = &TokenError{"signature", "令牌签名无效" + again, "the token's signature is wrong: get one from /oauth2/token"}
	errExpired   = &TokenError{"expired", "令牌已过期" + again, "the token has expired: get a new one from /oauth2/token"}
	errEarly     = &TokenError{"early", "令牌尚未生效；请检查系统时钟。", "the token is not valid yet: check the clocks"}
	errAudience  = &TokenError{"audience", "令牌的签发者或受众不是本平台" + again, "the token is of another issuer or for another audience: get one from this hub's /oauth2/token"}
	errClaims    = &TokenError{"claims", "令牌缺少必需的声明" + again, "the token lacks a claim: get one from /oauth2/token"}
	errLifetime  = &TokenError{"lifetime", "令牌有效期超过 15 分钟" + again, "the token lives longer than 15 minutes: get one from /oauth2/token"}
	errRevoked   = &TokenError{"revoked", "令牌已被撤销" + again, "the token has been revoked: get a new one from /oauth2/token"}
	errClient    = &TokenError{"client", "客户端或其机构已停用；请联系管理员。", "the client or its agency is disabled: ask your admin"}
	errSession   = &TokenError{"session", "会话已结束；请重新登录。", "the session has ended: log in again"}
	errMissing   = &TokenError{"missing", "请求缺少令牌：请在 Authorization 头中以 Bearer 方式提供，令牌来自 /oauth2/token。", "the request has no token: send Authorization: Bearer with one from /oauth2/token"}
)

// ErrLogin is one answer for an unknown user, a wrong password and a disabled
// account: which it was is nobody's business who cannot log in.
var ErrLogin = errors.New("auth: the user or the password is wrong")

// ThrottledError says that too many log-ins have failed.
type ThrottledError struct{ Wait time.Duration }

func (e *ThrottledError) Error() string {
	return "auth: too many failed log-ins: wait " + e.Wait.String()
}

// refusal turns the JWT library's verdict into ours.
func refusal(err error) *TokenError {
	for _, m := range []struct {
		from error
		to   *TokenError
	}{
		{jwt.ErrTokenSignatureInvalid, errSignature},
		{jwt.ErrTokenExpired, errExpired},
		{jwt.ErrTokenUsedBeforeIssued, errEarly},
		{jwt.ErrTokenNotValidYet, errEarly},
		{jwt.ErrTokenInvalidAudience, errAudience},
		{jwt.ErrTokenInvalidIssuer, errAudience},
		{jwt.ErrTokenInvalidClaims, errClaims},
	} {
		if errors.Is(err, m.from) {
			return m.to
		}
	}
	return errMalformed
}

// OAuthError is an error answer of the token endpoint, RFC 6749 §5.2.
type OAuthError struct {
	Code        string
	Description string // English, ASCII, as the RFC wants it
	Status      int
	RetryAfter  time.Duration // with 429 and 503
}

func (e *OAuthError) Error() string { return e.Code + ": " + e.Description }

// Write sends the error as the RFC shapes it.
func (e *OAuthError) Write(w http.ResponseWriter) {
	h := w.Header()
	if e.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Basic realm="zida", charset="UTF-8"`)
	}
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((e.RetryAfter+time.Second-1)/time.Second)))
	}
	writeJSON(w, e.Status, map[string]string{"error": e.Code, "error_description": e.Description})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a caller that went away cannot be told
}

func badRequest(text string) *OAuthError {
	return &OAuthError{Code: "invalid_request", Status: http.StatusBadRequest, Description: text}
}
