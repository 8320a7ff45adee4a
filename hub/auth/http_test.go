package auth

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// post sends a form to the token or revocation endpoint.
func (w *world) post(t *testing.T, path string, form string, change func(*http.Request)) (int, http.Header, map[string]any) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	r.SetBasicAuth(w.client.ClientID, w.client.ClientSecret)
	if change != nil {
		change(r)
	}
	rec := httptest.NewRecorder()
	if path == RevokePath {
		w.ServeRevoke(rec, r, "192.0.2.1", "r-1")
	} else {
		w.ServeToken(rec, r, "192.0.2.1")
	}
	body := map[string]any{}
	if rec.Body.Len() > 0 {
		if err := json.Unmarshal(rec.Body.Bytes(), &body); err != nil {
			t.Fatalf("%s: %v", rec.Body, err)
		}
	}
	if rec.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("Cache-Control %q", rec.Header().Get("Cache-Control"))
	}
	return rec.Code, rec.Header(), body
}

func TestTokenEndpoint(t *testing.T) {
	w := newWorld(t)
	status, _, body := w.post(t, TokenPath, "grant_type=client_credentials&scope=query", nil)
	if status != 200 || body["token_type"] != "Bearer" || body["expires_in"] != 600.0 || body["scope"] != "query" {
		t.Errorf("%d %v", status, body)
	}
	token := body["access_token"].(string)
	bearer, err := Bearer("bearer " + token)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Verify(bearer); err != nil {
		t.Error(err)
	}
	if status, _, _ := w.post(t, RevokePath, url.Values{"token": {token}}.Encode(), nil); status != 200 {
		t.Errorf("revoke: %d", status)
	}
	_, err = w.Verify(token)
	wantReason(t, err, "revoked")
	assertion := url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {AssertionType}, "client_assertion": {w.assertion(w.assertionClaims("h"))}}
	status, _, body = w.post(t, TokenPath, assertion.Encode(), func(r *http.Request) { r.Header.Del("Authorization") })
	if status != 200 {
		t.Errorf("assertion: %d %v", status, body)
	}
}

func TestTokenEndpointErrors(t *testing.T) {
	w := newWorld(t)
	const form = "grant_type=client_credentials"
	f := func(why string, status int, code, form string, change func(*http.Request)) {
		t.Helper()
		got, header, body := w.post(t, TokenPath, form, change)
		if got != status || body["error"] != code || body["error_description"] == "" {
			t.Errorf("%s: %d %v", why, got, body)
		}
		if (got == 401) != (header.Get("WWW-Authenticate") != "") {
			t.Errorf("%s: WWW-Authenticate %q", why, header.Get("WWW-Authenticate"))
		}
	}
	f("JSON", 400, "invalid_request", "{}", func(r *http.Request) { r.Header.Set("Content-Type", "application/json") })
	f("no grant type", 400, "invalid_request", "scope=query", nil)
	f("another grant type", 400, "unsupported_grant_type", "grant_type=password", nil)
	f("twice", 400, "invalid_request", form+"&scope=query&scope=admin", nil)
	f("broken form", 400, "invalid_request", "%zz", nil)
	f("very long", 400, "invalid_request", form+"&x="+strings.Repeat("y", maxForm), nil)
	f("secret in the body", 400, "invalid_request", form+"&client_id=a&client_secret=b", func(r *http.Request) { r.Header.Del("Authorization") })
	f("no credentials", 401, "invalid_client", form, func(r *http.Request) { r.Header.Del("Authorization") })
	f("Bearer", 400, "invalid_request", form, func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") })
	f("empty secret", 401, "invalid_client", form, func(r *http.Request) { r.SetBasicAuth("a", "") })
	f("wrong secret", 401, "invalid_client", form, func(r *http.Request) { r.SetBasicAuth(w.client.ClientID, "zs_x") })
	f("two ids", 400, "invalid_request", form+"&client_id=other", nil)
	f("bad escape", 400, "invalid_request", form, func(r *http.Request) { r.SetBasicAuth("%zz", "x") })
	f("scope", 400, "invalid_scope", form+"&scope=admin", nil)
	for range failBurst {
		_, _, _ = w.post(t, TokenPath, form, func(r *http.Request) { r.SetBasicAuth(w.client.ClientID, "zs_x") })
	}
	status, header, _ := w.post(t, TokenPath, form, nil)
	if status != 429 || header.Get("Retry-After") == "" || header.Get("Retry-After") == "0" {
		t.Errorf("throttled: %d, Retry-After %q", status, header.Get("Retry-After"))
	}
}

func TestBearerHeader(t *testing.T) {
	for _, header := range []string{"", "Bearer", "Bearer ", "Basic abc", "BearerX abc"} {
		_, err := Bearer(header)
		wantReason(t, err, "missing")
	}
}

func TestMetadata(t *testing.T) {
	w := newWorld(t)
	var m map[string]any
	if err := json.Unmarshal(w.Metadata(), &m); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"issuer": issuer, "token_endpoint": issuer + "/oauth2/token", "jwks_uri": issuer + "/.well-known/jwks.json", "revocation_endpoint": issuer + "/oauth2/revoke",
	} {
		if m[name] != want {
			t.Errorf("%s is %v, want %s", name, m[name], want)
		}
	}
	if _, ok := m["response_types_supported"].([]any); !ok {
		t.Error("response_types_supported is required by RFC 8414")
	}
}
