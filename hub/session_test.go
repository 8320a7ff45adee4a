package hub

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/zida-hub/zida/hub/auth"
	"github.com/zida-hub/zida/hub/registry"
)

const goodPassword = "correct horse battery"

// browser makes requests as a page of the hub's own does: with the cookie that the
// log-in set.
type browser struct {
	*adminHub
	cookie string
	header map[string]string // of every request
}

func (a *adminHub) browser(header ...string) *browser {
	b := &browser{adminHub: a, header: map[string]string{"Sec-Fetch-Site": "same-origin"}}
	for i := 0; i < len(header); i += 2 {
		b.header[header[i]] = header[i+1]
	}
	return b
}

func (b *browser) ask(method, path, body string) *httptest.ResponseRecorder {
	b.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for name, value := range b.header {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	if b.cookie != "" {
		r.Header.Add("Cookie", b.cookie)
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return w
}

// must wants a status and, of a refusal, the problem.
func (b *browser) must(status int, problem, method, path, body string) *httptest.ResponseRecorder {
	b.t.Helper()
	w := b.ask(method, path, body)
	if w.Code != status || problem != "" && !strings.Contains(w.Body.String(), `"type":"/problems/`+problem+`"`) {
		b.t.Fatalf("%s %s: %d, want %d %s: %s", method, path, w.Code, status, problem, w.Body)
	}
	return w
}

func (b *browser) logIn(user, password string) map[string]any {
	b.t.Helper()
	w := b.must(201, "", http.MethodPost, "/v1/session", fmt.Sprintf(`{"user":%q,"password":%q}`, user, password))
	b.cookie, _, _ = strings.Cut(w.Header().Get("Set-Cookie"), ";")
	var s map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil {
		b.t.Fatal(err)
	}
	return s
}

// people makes an agency of each side with an admin each, and some users of one.
func (a *adminHub) people() {
	a.t.Helper()
	for _, body := range []string{`{"id":"dazu-wlj","name":"大足文旅","regions":["500111"]}`, `{"id":"anyue-wlj","name":"安岳文旅","regions":["512021"]}`} {
		a.call(a.chief, http.MethodPost, "/v1/admin/agencies", body, 201)
	}
	for id, rest := range map[string]string{
		"dazu.viewer": `"role":"viewer","agency":"dazu-wlj"`, "dazu.steward": `"role":"steward","agency":"dazu-wlj","clearance":"sensitive"`,
		"dazu.admin": `"role":"admin","agency":"dazu-wlj"`, "anyue.admin": `"role":"admin","agency":"anyue-wlj"`, "zida.root": `"role":"admin","agency":"zida"`,
	} {
		a.call(a.chief, http.MethodPost, "/v1/admin/users", `{"id":"`+id+`",`+rest+`,"password":"`+goodPassword+`","must_change":false}`, 201)
	}
}

func TestALogInAnswersWhoOneIs(t *testing.T) {
	a := openAdminHub(t)
	a.people()
	b := a.browser()
	s := b.logIn("dazu.viewer", goodPassword)
	for name, want := range map[string]any{"user": "dazu.viewer", "name": "dazu.viewer", "agency": "dazu-wlj", "agency_name": "大足文旅", "side": "大足",
		"role": "viewer", "clearance": "internal", "must_change": false} {
		if s[name] != want {
			t.Errorf("%s is %v, want %v", name, s[name], want)
		}
	}
	if got := fmt.Sprint(s["regions"], s["scopes"]); got != "[500111] [query read:*]" {
		t.Error(got)
	}
	w := b.ask(http.MethodPost, "/v1/session", `{"user":"dazu.viewer","password":"`+goodPassword+`"}`)
	name, rest, _ := strings.Cut(w.Header().Get("Set-Cookie"), "; ")
	if !strings.HasPrefix(name, "zida_session=") || rest != "Path=/; Max-Age=43200; HttpOnly; Secure; SameSite=Strict" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("cookie %s; %s", name, rest)
	}
	again := b.must(200, "", http.MethodGet, "/v1/session", "")
	if text, _ := json.Marshal(s); string(text) == "" || !strings.Contains(again.Body.String(), s["expires_at"].(string)) {
		t.Errorf("asked again: %s", again.Body)
	}
	b.must(200, "", http.MethodGet, "/v1/datasets", "")
	if s := a.browser().logIn("zida.root", goodPassword); s["side"] != "" {
		t.Errorf("the operator's side is %v", s["side"])
	}
}

// What a stranger, a former user and another site's page get.
func TestASessionCannotBeHadByOthers(t *testing.T) {
	a := openAdminHub(t)
	a.people()
	b := a.browser()
	b.logIn("dazu.steward", goodPassword)
	forged := b.cookie[:len(b.cookie)-1] + string(b.cookie[len(b.cookie)-1]^1)
	f := func(name, cookie, problem string, status int, method, path, body string, header ...string) {
		t.Helper()
		with := a.browser(header...)
		with.cookie = cookie
		w := with.ask(method, path, body)
		if w.Code != status || problem != "" && !strings.Contains(w.Body.String(), "/problems/"+problem+`"`) {
			t.Errorf("%s: %d %s, want %d %s", name, w.Code, w.Body, status, problem)
		}
		if status == 401 && w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s: a cookie is set", name)
		}
	}
	me, in := "/v1/session", func(user, password string) string { return fmt.Sprintf(`{"user":%q,"password":%q}`, user, password) }
	f("no cookie", "", "unauthorized", 401, "GET", me, "")
	f("a forged cookie", forged, "unauthorized", 401, "GET", me, "")
	f("an empty cookie", "zida_session=", "unauthorized", 401, "GET", me, "")
	f("two cookies", b.cookie+"; "+forged, "unauthorized", 401, "GET", me, "")
	f("a token as a cookie", "zida_session="+a.chief, "unauthorized", 401, "GET", me, "")
	f("a cookie as a token", "", "unauthorized", 401, "GET", me, "", "Authorization", "Bearer "+strings.TrimPrefix(b.cookie, "zida_session="))
	f("a wrong password", "", "login-failed", 401, "POST", me, in("dazu.steward", "wrong"))
	f("an unknown user", "", "login-failed", 401, "POST", me, in("dazu.nobody", "wrong"))
	f("no password", "", "login-failed", 401, "POST", me, in("dazu.steward", ""))
	f("a client's secret", "", "login-failed", 401, "POST", me, in(registry.AdminClient, goodPassword))
	f("a form", "", "unsupported-media-type", 415, "POST", me, "user=dazu.steward", "Content-Type", "application/x-www-form-urlencoded")
	f("more than is asked for", "", "invalid-request", 400, "POST", me, `{"user":"a","password":"b","role":"admin"}`)

	f("another site logs in", "", "cross-site", 403, "POST", me, in("dazu.steward", goodPassword), "Sec-Fetch-Site", "cross-site")
	push := "/v1/datasets/tourism_flow/records"
	for _, site := range []string{"cross-site", "same-site"} {
		f(site+" pushes", b.cookie, "cross-site", 403, "POST", push, "{}", "Sec-Fetch-Site", site)
		f(site+" logs out", b.cookie, "cross-site", 403, "DELETE", me, "", "Sec-Fetch-Site", site)
		f(site+" reads", b.cookie, "", 200, "GET", me, "", "Sec-Fetch-Site", site) // CORS keeps the answer from it
	}
	old := []string{"Sec-Fetch-Site", "", "Origin"} // a browser that sends no Sec-Fetch-Site
	f("an old browser, another site", b.cookie, "cross-site", 403, "DELETE", me, "", append(old, "https://evil.example")...)
	f("an old browser, no origin to tell", b.cookie, "cross-site", 403, "DELETE", me, "", append(old, "null")...)
	f("another site with a token", "", "", 401, "GET", me, "", "Sec-Fetch-Site", "cross-site", "Authorization", "Bearer "+a.chief)
	f("a token needs no origin", "", "", 200, "GET", "/v1/admin/users", "", "Sec-Fetch-Site", "cross-site", "Authorization", "Bearer "+a.chief)
	f("behind a proxy, an old browser on the hub's page", b.cookie, "", 204, "DELETE", me, "", append(old, "https://hub.example")...)
	f("a copy after the log-out", b.cookie, "unauthorized", 401, "GET", me, "")
}

func TestABearerTokenWinsOverACookie(t *testing.T) {
	a := openAdminHub(t)
	a.people()
	b := a.browser()
	b.logIn("dazu.viewer", goodPassword)
	b.must(403, "missing-scope", http.MethodGet, "/v1/admin/users", "")
	b.header["Authorization"] = "Bearer " + a.chief
	b.must(200, "", http.MethodGet, "/v1/admin/users", "")
	b.must(401, "unauthorized", http.MethodGet, "/v1/session", "") // a token is no session
	b.header["Authorization"] = "Bearer broken"
	b.must(401, "unauthorized", http.MethodGet, "/v1/datasets", "") // and there is no falling back
}

func TestLogInsAreThrottledInOneWayForKnownAndUnknown(t *testing.T) {
	a := openAdminHub(t)
	a.people()
	b := a.browser()
	answers := map[string]string{}
	for _, user := range []string{"dazu.viewer", "dazu.nobody"} {
		body := fmt.Sprintf(`{"user":%q,"password":"wrong"}`, user)
		for range 10 {
			w := b.must(401, "login-failed", http.MethodPost, "/v1/session", body)
			_, answers[user], _ = strings.Cut(w.Body.String(), "detail")
			answers[user], _, _ = strings.Cut(answers[user], "request_id")
		}
		w := b.must(429, "login-throttled", http.MethodPost, "/v1/session", body)
		if s := w.Header().Get("Retry-After"); len(s) != 1 || s < "1" || s > "6" { // six seconds less what the log-ins took
			t.Errorf("%s: Retry-After %q", user, s)
		}
	}
	if answers["dazu.viewer"] != answers["dazu.nobody"] {
		t.Errorf("the answers differ:\n%s\n%s", answers["dazu.viewer"], answers["dazu.nobody"])
	}
	b.must(429, "login-throttled", http.MethodPost, "/v1/session", `{"user":"dazu.viewer","password":"`+goodPassword+`"}`)
}

func TestAPasswordThatAnAdminKnowsMustBeChangedFirst(t *testing.T) {
	a := openAdminHub(t)
	a.people()
	made := a.call(a.chief, http.MethodPost, "/v1/admin/users", `{"id":"dazu.lin","agency":"dazu-wlj","role":"admin"}`, 201)
	b, second := a.browser(), a.browser()
	password := made["password"].(string)
	if s := b.logIn("dazu.lin", password); s["must_change"] != true {
		t.Errorf("session %v", s)
	}
	second.logIn("dazu.lin", password)
	b.must(403, "password-change-needed", http.MethodGet, "/v1/datasets", "")
	b.must(403, "password-change-needed", http.MethodPost, "/v1/admin/users", `{"id":"dazu.spy","role":"viewer"}`)
	b.must(200, "", http.MethodGet, "/v1/session", "")
	change := func(current, next string) string { return fmt.Sprintf(`{"current":%q,"new":%q}`, current, next) }
	b.must(400, "invalid-request", http.MethodPut, "/v1/session/password", change("wrong", goodPassword))
	for _, bad := range []string{"short", "dazu.lin", password, strings.Repeat("x", 129)} {
		b.must(400, "invalid-request", http.MethodPut, "/v1/session/password", change(password, bad))
	}
	before := b.cookie
	w := b.must(204, "", http.MethodPut, "/v1/session/password", change(password, goodPassword))
	b.cookie, _, _ = strings.Cut(w.Header().Get("Set-Cookie"), ";")
	if b.cookie == before || b.cookie == "" {
		t.Error("the session keeps its old cookie")
	}
	b.must(200, "", http.MethodGet, "/v1/admin/users", "")
	second.must(401, "unauthorized", http.MethodGet, "/v1/session", "")
	b.must(401, "login-failed", http.MethodPost, "/v1/session", `{"user":"dazu.lin","password":"`+password+`"}`)
}

func TestADisabledUserIsOutAtOnce(t *testing.T) {
	a := openAdminHub(t)
	a.people()
	b, admin := a.browser(), a.browser()
	b.logIn("dazu.steward", goodPassword)
	admin.logIn("dazu.admin", goodPassword)
	b.must(200, "", http.MethodGet, "/v1/session", "")
	a.call(a.chief, http.MethodPost, "/v1/admin/users/dazu.steward/disable", "", 200)
	b.must(401, "unauthorized", http.MethodGet, "/v1/session", "")
	b.must(401, "login-failed", http.MethodPost, "/v1/session", `{"user":"dazu.steward","password":"`+goodPassword+`"}`)
	admin.must(200, "", http.MethodGet, "/v1/admin/users/dazu.viewer", "")
	a.call(a.chief, http.MethodPost, "/v1/admin/users/dazu.admin/end-sessions", "", 200)
	admin.must(401, "unauthorized", http.MethodGet, "/v1/admin/users/dazu.viewer", "")
}

// A person who is an admin of one side can do nothing to the other's users.
func TestTheOtherSidesAdminIsRefusedEveryVerb(t *testing.T) {
	a := openAdminHub(t)
	a.people()
	b := a.browser()
	b.logIn("anyue.admin", goodPassword)
	b.must(404, "not-found", http.MethodGet, "/v1/admin/users/dazu.viewer", "") // not told from one that does not exist
	b.must(403, "forbidden", http.MethodGet, "/v1/admin/users?agency=dazu-wlj", "")
	b.must(403, "forbidden", http.MethodPost, "/v1/admin/users", `{"id":"dazu.spy","agency":"dazu-wlj","role":"admin"}`)
	b.must(403, "forbidden", http.MethodPatch, "/v1/admin/users/dazu.viewer", `{"role":"admin"}`)
	for _, verb := range []string{"disable", "enable", "password", "end-sessions"} {
		b.must(403, "forbidden", http.MethodPost, "/v1/admin/users/dazu.viewer/"+verb, "")
	}
	b.must(403, "forbidden", http.MethodPost, "/v1/admin/clients", `{"agency":"dazu-wlj","scopes":["read:*"]}`)
	b.must(403, "missing-scope", http.MethodPost, "/v1/admin/agencies", `{"id":"x-wlj","name":"x","regions":["512021"]}`)
	if text := b.must(200, "", http.MethodGet, "/v1/admin/users", "").Body.String(); strings.Contains(text, "dazu") {
		t.Errorf("the other side's users are listed: %s", text)
	}
	b.must(201, "", http.MethodPost, "/v1/admin/users", `{"id":"anyue.chen","role":"viewer"}`)
	b.must(200, "", http.MethodPatch, "/v1/admin/users/anyue.chen", `{"role":"analyst","name":"陈"}`)

	steward := a.browser()
	steward.logIn("dazu.steward", goodPassword)
	steward.must(403, "missing-scope", http.MethodGet, "/v1/admin/users", "")
	viewer := a.browser()
	viewer.logIn("dazu.viewer", goodPassword)
	viewer.must(403, "missing-scope", http.MethodPost, "/v1/datasets/tourism_flow/records", "{}")
	viewer.must(403, "missing-scope", http.MethodGet, "/v1/admin/acts", "")
	// What anyue's admin did, dazu reads, and no secret with it.
	acts := steward.must(200, "", http.MethodGet, "/v1/admin/acts", "").Body.String()
	for _, want := range []string{`"actor":"anyue.admin"`, "user.create", "user.update", `"to":"陈"`} {
		if !strings.Contains(acts, want) {
			t.Errorf("the acts lack %s: %s", want, acts)
		}
	}
	for _, secret := range []string{goodPassword, "argon2id", "hash"} {
		if strings.Contains(acts, secret) {
			t.Errorf("the acts hold %s", secret)
		}
	}
}

func TestTheHubsOwnOriginIsThatOfItsAddress(t *testing.T) {
	f := func(public, origin string, secure, own bool) {
		t.Helper()
		conf, _ := testConfig(t)
		s := newShell(conf, testVerify)
		if err := s.setAddress(public); err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodPost, "http://inside:8440/v1/session", nil)
		r.Header.Set("Origin", origin)
		if got := s.origins.Check(r) == nil; got != own || s.secure != secure {
			t.Errorf("%s on %s: own %v, secure %v", origin, public, got, s.secure)
		}
	}
	f("https://hub.example", "https://hub.example", true, true)
	f("https://Hub.example:443", "https://hub.example", true, true)
	f("https://hub.example/zida", "https://hub.example", true, true)
	f("https://hub.example", "http://hub.example", true, false)
	f("https://hub.example", "https://hub.example:8443", true, false)
	f("https://hub.example", "https://evil.hub.example", true, false)
	f("http://127.0.0.1:8440", "http://127.0.0.1:8440", false, true)
	f("http://hub.example:80", "http://hub.example", false, true)
	f("https://[2001:db8::1]:443", "https://[2001:db8::1]", true, true)
	f("https://hub.example", "http://inside:8440", true, true) // the Host itself
}

// seat makes requests to a real hub with a session.
type seat struct {
	*house
	cookie string
}

func (v *house) seat(user string) *seat {
	v.t.Helper()
	p := &seat{house: v}
	res := p.send(http.MethodPost, "/v1/session", "application/json", fmt.Sprintf(`{"user":%q,"password":%q}`, user, goodPassword))
	defer res.Body.Close()
	if res.StatusCode != http.StatusCreated || len(res.Cookies()) != 1 {
		v.t.Fatalf("log-in of %s: %s", user, res.Status)
	}
	p.cookie = res.Cookies()[0].Value
	return p
}

func (p *seat) send(method, path, kind, body string) *http.Response {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	p.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, p.hub.URL()+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Origin", p.hub.URL())
	if p.cookie != "" {
		r.AddCookie(&http.Cookie{Name: sessionCookie, Value: p.cookie})
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	return res
}

func (p *seat) text(status int, method, path, kind, body string) string {
	p.t.Helper()
	res := p.send(method, path, kind, body)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != status {
		p.t.Fatalf("%s %s: %s %v %s", method, path, res.Status, err, text)
	}
	return string(text)
}

func (v *house) user(id, role, clearance string) {
	v.t.Helper()
	_, _, err := v.hub.registry.CreateUser(v.t.Context(), registry.System("test"), registry.UserSpec{ID: id, Agency: "dazu", Role: role, Clearance: clearance,
		PasswordSpec: registry.PasswordSpec{Password: goodPassword, MustChange: new(bool)}})
	if err != nil {
		v.t.Fatal(err)
	}
}

// A steward pushes on the page, what each may see follows from the clearance, a
// stream ends with the session, and sessions outlive the hub.
func TestAPersonWorksOnThePage(t *testing.T) {
	dir := t.TempDir()
	v := openHouse(t, dir, nil)
	v.client("dazu", "500111")
	v.user("dazu.steward", registry.RoleSteward, "sensitive")
	v.user("dazu.viewer", registry.RoleViewer, "")
	steward, viewer := v.seat("dazu.steward"), v.seat("dazu.viewer")

	receipt := steward.text(200, http.MethodPost, "/v1/datasets/park_monthly/records?wait=visible", "application/x-ndjson",
		`{"park_id":"500111-P01","month":"2026-05","output_value":"10.50","revenue":"7.25"}`)
	var made struct{ Submission string }
	if err := json.Unmarshal([]byte(receipt), &made); err != nil {
		t.Fatal(err)
	}
	if text := steward.text(200, http.MethodGet, "/v1/submissions/"+made.Submission, "", ""); !strings.Contains(text, `"client":"dazu.steward"`) {
		t.Errorf("recorded as %s", text)
	}
	query := `{"metrics":["output_value","revenue"]}`
	if text := steward.text(200, http.MethodPost, "/v1/query", "application/json", query); !strings.Contains(text, `"rows":[["10.50","7.25"]]`) {
		t.Errorf("the steward sees %s", text)
	}
	if text := viewer.text(200, http.MethodPost, "/v1/query", "application/json", query); !strings.Contains(text, `"rows":[["10.50",null]]`) {
		t.Errorf("the viewer sees %s", text)
	}
	if text := viewer.text(403, http.MethodPost, "/v1/datasets/park_monthly/records", "application/x-ndjson", `{}`); !strings.Contains(text, "missing-scope") {
		t.Errorf("the viewer pushes: %s", text)
	}

	stream := viewer.send(http.MethodGet, "/v1/datasets/park_monthly/changes?after=0", "", "")
	defer stream.Body.Close()
	lines := bufio.NewScanner(stream.Body)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "data:") {
	}
	if !strings.Contains(lines.Text(), made.Submission) {
		t.Fatalf("stream %d: %q", stream.StatusCode, lines.Text())
	}
	viewer.text(204, http.MethodDelete, "/v1/session", "", "")
	began := time.Now()
	for lines.Scan() { // until the hub hangs up
	}
	if took := time.Since(began); lines.Err() != nil || took > 2*feedRecheck {
		t.Errorf("the stream of a session that has ended: %v after %v", lines.Err(), took)
	}
	v.stop()

	v = openHouse(t, dir, nil)
	steward.house, viewer.house = v, v
	if text := steward.text(200, http.MethodGet, "/v1/session", "", ""); !strings.Contains(text, `"user":"dazu.steward"`) {
		t.Errorf("after a restart: %s", text)
	}
	viewer.text(401, http.MethodGet, "/v1/session", "", "")
	if p, err := v.hub.auth.VerifySession(steward.cookie); err != nil || time.Until(p.Expires) > auth.MaxSession {
		t.Errorf("after a restart it ends at %v, %v", p, err)
	}
}
