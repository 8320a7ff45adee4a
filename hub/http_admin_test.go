package hub

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/zida-hub/zida/hub/auth"
	"github.com/zida-hub/zida/hub/journal"
	"github.com/zida-hub/zida/hub/registry"
)

// adminHub has a real journal, registry and token service below the HTTP side.
type adminHub struct {
	t       *testing.T
	handler http.Handler
	chief   string // a token of the operator's admin
}

func openAdminHub(t *testing.T) *adminHub {
	t.Helper()
	h := testHub(t)
	j, err := journal.Open(t.Context(), journal.Options{Dir: t.TempDir(), Logger: h.slog})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(j.Close)
	h.journal = j
	h.followMap(j.State())
	if h.registry, err = registry.Open(t.Context(), registry.Options{State: j.State(), Logger: h.slog}); err != nil {
		t.Fatal(err)
	}
	h.auth, err = auth.New(t.Context(), auth.Options{Issuer: "https://hub.example", Registry: h.registry, State: j.State(), MasterKey: [32]byte{1}, Logger: h.slog})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.auth.Close)
	h.verify, h.session = h.auth.Verify, h.auth.VerifySession
	first, _, err := h.registry.Bootstrap(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a := &adminHub{t: t}
	if a.handler, err = h.handler("https://hub.example"); err != nil {
		t.Fatal(err)
	}
	a.chief = a.token(first.ClientID, first.ClientSecret)
	return a
}

func (a *adminHub) token(id, secret string) string {
	a.t.Helper()
	w := a.form(auth.TokenPath, id, secret, url.Values{"grant_type": {"client_credentials"}})
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.AccessToken == "" {
		a.t.Fatalf("no token: %d %s", w.Code, w.Body)
	}
	if w.Header().Get("Cache-Control") != "no-store" {
		a.t.Error("a token may be cached")
	}
	return answer.AccessToken
}

func (a *adminHub) form(path, id, secret string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(id, secret)
	w := httptest.NewRecorder()
	a.handler.ServeHTTP(w, r)
	return w
}

// call makes an admin call that must answer with the status.
func (a *adminHub) call(token, method, path, body string, status int) map[string]any {
	a.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	a.handler.ServeHTTP(w, r)
	if w.Code != status {
		a.t.Fatalf("%s %s %s: %d, want %d: %s", method, path, body, w.Code, status, w.Body)
	}
	var answer map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		a.t.Fatalf("%s %s: %v in %s", method, path, err, w.Body)
	}
	return answer
}

func TestAnAgencysAdminManagesItsOwnClientsOnly(t *testing.T) {
	a := openAdminHub(t)
	for _, body := range []string{
		`{"id":"dazu-wlj","name":"大足文旅","regions":["500111"]}`,
		`{"id":"anyue-wlj","name":"安岳文旅","regions":["512021"]}`,
	} {
		a.call(a.chief, http.MethodPost, "/v1/admin/agencies?reason=start", body, 201)
	}
	a.call(a.chief, http.MethodPost, "/v1/admin/agencies", `{"id":"dazu-wlj","name":"大足文旅","regions":["500111"]}`, 409)
	made := a.call(a.chief, http.MethodPost, "/v1/admin/clients", `{"agency":"dazu-wlj","scopes":["admin","push:*"]}`, 201)
	dazu := a.token(made["client_id"].(string), made["client_secret"].(string))
	other := a.call(a.chief, http.MethodPost, "/v1/admin/clients", `{"agency":"anyue-wlj","scopes":["push:*"]}`, 201)["client_id"].(string)

	own := a.call(dazu, http.MethodPost, "/v1/admin/clients", `{"scopes":["push:tourism_flow"]}`, 201)
	if client := own["client"].(map[string]any); client["agency"] != "dazu-wlj" {
		t.Errorf("made for %v", client["agency"])
	}
	a.call(dazu, http.MethodPost, "/v1/admin/clients", `{"agency":"anyue-wlj","scopes":["push:*"]}`, 403)
	a.call(dazu, http.MethodPost, "/v1/admin/agencies", `{"id":"x-wlj","name":"x","regions":["500111"]}`, 403)
	a.call(dazu, http.MethodGet, "/v1/admin/clients/"+other, "", 404) // not told from one that does not exist
	a.call(dazu, http.MethodGet, "/v1/admin/clients?agency=anyue-wlj", "", 403)
	a.call(dazu, http.MethodPost, "/v1/admin/clients/"+other+"/disable", "", 403)
	if list := a.call(dazu, http.MethodGet, "/v1/admin/clients", "", 200)["clients"].([]any); len(list) != 2 {
		t.Errorf("sees %d clients", len(list))
	}
	if list := a.call(a.chief, http.MethodGet, "/v1/admin/clients", "", 200)["clients"].([]any); len(list) != 4 {
		t.Errorf("the operator sees %d clients", len(list))
	}
	pusher := a.token(own["client_id"].(string), own["client_secret"].(string))
	a.call(pusher, http.MethodGet, "/v1/admin/clients", "", 403)
}

func TestBothSidesReadEveryAct(t *testing.T) {
	a := openAdminHub(t)
	a.call(a.chief, http.MethodPost, "/v1/admin/agencies?reason="+url.QueryEscape("新系统上线"), `{"id":"dazu-wlj","name":"大足文旅","regions":["500111"]}`, 201)
	made := a.call(a.chief, http.MethodPost, "/v1/admin/clients", `{"agency":"dazu-wlj","scopes":["audit"]}`, 201)
	auditor := a.token(made["client_id"].(string), made["client_secret"].(string))
	text, _ := json.Marshal(a.call(auditor, http.MethodGet, "/v1/admin/acts", "", 200))
	for _, want := range []string{"agency.create", "新系统上线", "client.create", "zida-admin"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the acts lack %s: %s", want, text)
		}
	}
	if strings.Contains(string(text), made["client_secret"].(string)) {
		t.Error("the acts hold a secret")
	}
	first := a.call(auditor, http.MethodGet, "/v1/admin/acts?limit=1", "", 200)
	after := first["next_after"].(float64)
	next := a.call(auditor, http.MethodGet, "/v1/admin/acts?limit=1&after="+strings.TrimSuffix(pretty(after), ".0"), "", 200)
	if next["acts"].([]any)[0].(map[string]any)["sequence"].(float64) <= after {
		t.Error("the second page begins before the first ends")
	}
	a.call(auditor, http.MethodGet, "/v1/admin/acts?limit=0", "", 400)
}

func TestARotatedSecretAndADisabledClientEndAtOnce(t *testing.T) {
	a := openAdminHub(t)
	a.call(a.chief, http.MethodPost, "/v1/admin/agencies", `{"id":"dazu-wlj","name":"大足文旅","regions":["500111"]}`, 201)
	made := a.call(a.chief, http.MethodPost, "/v1/admin/clients", `{"agency":"dazu-wlj","scopes":["audit"]}`, 201)
	id, secret := made["client_id"].(string), made["client_secret"].(string)
	next := a.call(a.chief, http.MethodPost, "/v1/admin/clients/"+id+"/secret", "", 200)["client_secret"].(string)
	if w := a.form(auth.TokenPath, id, secret, url.Values{"grant_type": {"client_credentials"}}); w.Code != 401 {
		t.Errorf("the old secret answers %d", w.Code)
	}
	token := a.token(id, next)
	a.call(token, http.MethodGet, "/v1/admin/acts", "", 200)
	a.call(a.chief, http.MethodPost, "/v1/admin/clients/"+id+"/disable", "", 200)
	a.call(token, http.MethodGet, "/v1/admin/acts", "", 401)
}

func TestARevokedTokenIsRefused(t *testing.T) {
	a := openAdminHub(t)
	a.call(a.chief, http.MethodPost, "/v1/admin/agencies", `{"id":"dazu-wlj","name":"大足文旅","regions":["500111"]}`, 201)
	made := a.call(a.chief, http.MethodPost, "/v1/admin/clients", `{"agency":"dazu-wlj","scopes":["audit"]}`, 201)
	id, secret := made["client_id"].(string), made["client_secret"].(string)
	token := a.token(id, secret)
	if w := a.form(auth.RevokePath, id, secret, url.Values{"token": {token}}); w.Code != 200 {
		t.Fatalf("revoke: %d %s", w.Code, w.Body)
	}
	a.call(token, http.MethodGet, "/v1/admin/acts", "", 401)
}

func TestPublicDocumentsOfTheTokenService(t *testing.T) {
	a := openAdminHub(t)
	for path, want := range map[string]string{
		auth.JWKSPath: `"keys":[{`, auth.MetadataPath: `"token_endpoint":"https://hub.example/oauth2/token"`, "/.well-known/zida-receipt-keys.json": `"keys":[{`,
	} {
		w := getPage(a.handler, path, "")
		if w.Code != 200 || !strings.Contains(w.Body.String(), want) || strings.Contains(w.Body.String(), `"d":`) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestDatasetsAnswerInTheFormAskedFor(t *testing.T) {
	a := openAdminHub(t)
	f := func(accept string, status int, kind, want string) {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, "/v1/datasets/tourism_flow", nil)
		r.Header.Set("Authorization", "Bearer "+a.chief)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		a.handler.ServeHTTP(w, r)
		if w.Code != status || !strings.HasPrefix(w.Header().Get("Content-Type"), kind) || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s %.200s", accept, w.Code, w.Header().Get("Content-Type"), w.Body)
		}
	}
	f("*/*", 200, "application/json", `"id":"tourism_flow"`)
	f("application/yaml", 200, "application/yaml", "kind: DataContract")
	f("application/schema+json", 200, "application/schema+json", "2020-12")
	f("image/png", 406, "application/problem+json", "/problems/not-acceptable")
	a.call(a.chief, http.MethodGet, "/v1/datasets/none", "", 404)
	if list := a.call(a.chief, http.MethodGet, "/v1/datasets", "", 200)["datasets"].([]any); len(list) < 5 {
		t.Errorf("%d datasets", len(list))
	}
}
