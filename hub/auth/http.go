package auth

import (
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// maxForm bounds the body of the token endpoint, in bytes: an assertion of 8 KiB
// and some parameters.
const maxForm = 32 << 10

// ServeToken is POST /oauth2/token. remote is the caller's address as the hub
// knows it, behind a proxy or not.
func (a *Authority) ServeToken(w http.ResponseWriter, r *http.Request, remote string) {
	form, cred, err := readForm(r, remote)
	if err != nil {
		err.Write(w)
		return
	}
	answer, failed := a.Grant(r.Context(), TokenRequest{Credentials: cred, GrantType: form.Get("grant_type"), Scope: form.Get("scope")})
	if failed != nil {
		a.writeError(w, failed)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

// ServeRevoke is POST /oauth2/revoke (RFC 7009).
func (a *Authority) ServeRevoke(w http.ResponseWriter, r *http.Request, remote, requestID string) {
	form, cred, err := readForm(r, remote)
	if err != nil {
		err.Write(w)
		return
	}
	if failed := a.Revoke(r.Context(), cred, form.Get("token"), requestID); failed != nil {
		a.writeError(w, failed)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
}

func (a *Authority) writeError(w http.ResponseWriter, err error) {
	e, ok := isOAuth(err)
	if !ok {
		a.log.Error("token service failed", "error", err)
		e = &OAuthError{Code: "server_error", Status: http.StatusInternalServerError, Description: "the hub could not decide: try again, and tell the operator the request id"}
	}
	e.Write(w)
}

// readForm reads the body and the client's credentials. Parameters in the URL
// are ignored, so that no secret ends in a log; a parameter twice is refused
// (RFC 6749 §3.2).
func readForm(r *http.Request, remote string) (url.Values, Credentials, *OAuthError) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, Credentials{}, badRequest("the body must be application/x-www-form-urlencoded")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	if err != nil || len(body) > maxForm {
		return nil, Credentials{}, badRequest("the body is cut short or longer than 32 KiB")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, Credentials{}, badRequest("the body is not a well-formed form")
	}
	for _, values := range form {
		if len(values) > 1 {
			return nil, Credentials{}, badRequest("a parameter is given twice")
		}
	}
	if form.Has("client_secret") {
		return nil, Credentials{}, badRequest("send client id and secret by HTTP Basic, not in the body")
	}
	c := Credentials{
		ClientID: form.Get("client_id"), AssertionType: form.Get("client_assertion_type"),
		Assertion: form.Get("client_assertion"), Remote: remote,
	}
	if r.Header.Get("Authorization") == "" {
		return form, c, nil
	}
	id, secret, ok := r.BasicAuth()
	if !ok {
		return nil, Credentials{}, badRequest("the Authorization header is not HTTP Basic")
	}
	// RFC 6749 §2.3.1 has both halves form-encoded first. Ours have only
	// characters that encode to themselves, so both kinds of caller are understood.
	id, err1 := url.QueryUnescape(id)
	secret, err2 := url.QueryUnescape(secret)
	if err1 != nil || err2 != nil || (c.ClientID != "" && c.ClientID != id) {
		return nil, Credentials{}, badRequest("the Authorization header and client_id do not fit together")
	}
	c.ClientID, c.Secret = id, secret
	if secret == "" {
		return nil, Credentials{}, errInvalidClient()
	}
	return form, c, nil
}

// Bearer takes the token out of an Authorization header (RFC 6750 §2.1). The
// error is a *TokenError.
func Bearer(header string) (string, error) {
	scheme, token, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", errMissing
	}
	return token, nil
}
