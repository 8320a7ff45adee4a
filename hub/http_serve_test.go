package hub

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/zida-hub/zida/hub/auth"
)

// logBuffer is a log that a test can read while the server writes it.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func testConfig(t *testing.T) (*Config, *logBuffer) {
	t.Helper()
	conf, log := DefaultConfig(), &logBuffer{}
	conf.Listen = "127.0.0.1:0"
	conf.DrainTimeout = 5 * time.Second
	conf.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return conf, log
}

// testVerify knows two tokens.
func testVerify(token string) (*auth.Principal, error) {
	switch token {
	case "good":
		return &auth.Principal{ClientID: "anyue-1", Agency: "anyue", Scopes: []string{"push:tourism_flow"}}, nil
	case "broken":
		return nil, errors.New("the state is gone: /var/lib/secret")
	}
	return nil, &auth.TokenError{Reason: token, ZH: "令牌无效", EN: "the token is no good"}
}

// serveTable starts a real server on the table and gives its address.
func serveTable(t *testing.T, conf *Config, table ...route) (*shell, string) {
	t.Helper()
	s := newShell(conf, testVerify)
	e, err := s.engine(table)
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.listen(e)
	if err != nil {
		t.Fatal(err)
	}
	v.run(nil)
	t.Cleanup(func() {
		if err := v.shutdown(t.Context()); err != nil {
			t.Log("shutdown:", err)
		}
	})
	return &s, v.addr()
}

func get(path string, handle gin.HandlerFunc) route {
	return route{method: http.MethodGet, path: path, handle: handle, answers: ok("", "", nil)}
}

func post(path string, handle gin.HandlerFunc) route {
	return route{method: http.MethodPost, path: path, handle: handle, answers: ok("", "", nil)}
}

// ask makes a request of the table's engine without a network.
func ask(t *testing.T, conf *Config, r *http.Request, table ...route) *httptest.ResponseRecorder {
	t.Helper()
	s := newShell(conf, testVerify)
	e, err := s.engine(table)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w
}

func decodeProblem(t *testing.T, w *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	if kind := w.Header().Get("Content-Type"); !strings.HasPrefix(kind, "application/problem+json") {
		t.Fatalf("content type %q, body %s", kind, w.Body)
	}
	var p map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
	return p
}

func TestRequestIDIsKeptWhenSaneAndMadeOtherwise(t *testing.T) {
	conf, _ := testConfig(t)
	f := func(sent string, kept bool) {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, "/x", nil)
		if sent != "" {
			r.Header.Set("X-Request-Id", sent)
		}
		w := ask(t, conf, r, get("/x", func(c *gin.Context) { writeJSON(c, 200, callOf(c).ID) }))
		got := w.Header().Get("X-Request-Id")
		if (got == sent) != kept || got == "" {
			t.Errorf("sent %q, got %q", sent, got)
		}
		if want, _ := json.Marshal(got); w.Body.String() != string(want) {
			t.Errorf("the handler saw %s, the header says %s", w.Body, want)
		}
	}
	f("abc-123_X.y:z", true)
	f("", false)
	f("a b", false)                     // a space
	f("a\"b", false)                    // a quote would break a log line
	f(strings.Repeat("a", 64), true)    // the longest
	f(strings.Repeat("a", 65), false)   // one more
	f("编号", false)                      // not ASCII
	f("x=1;y", false)                   // other punctuation
	f(strings.Repeat("0123", 16), true) // digits
	f(strings.Repeat("01234", 13), false)
}

func TestRequestIDsDoNotRepeat(t *testing.T) {
	ids, seen := newRequestIDs(), map[string]bool{}
	for range 10_000 {
		id := ids.id()
		if seen[id] || !saneRequestID(id) {
			t.Fatalf("id %q is a repeat or not sane", id)
		}
		seen[id] = true
	}
	if other := newRequestIDs(); other.prefix == ids.prefix {
		t.Error("two processes would share a prefix")
	}
}

func TestEveryProblemAnswerCarriesItsRequestID(t *testing.T) {
	conf, _ := testConfig(t)
	r := httptest.NewRequest(http.MethodGet, "/nowhere", nil)
	r.Header.Set("X-Request-Id", "my-id")
	w := ask(t, conf, r)
	p := decodeProblem(t, w)
	if w.Code != 404 || p["request_id"] != "my-id" || p["type"] != "/problems/not-found" || p["instance"] != "/nowhere" || p["status"] != 404.0 {
		t.Errorf("%d %v", w.Code, p)
	}
}

func TestWrongMethodNamesTheRightOnes(t *testing.T) {
	conf, _ := testConfig(t)
	w := ask(t, conf, httptest.NewRequest(http.MethodDelete, "/x", nil), get("/x", func(*gin.Context) {}))
	if p := decodeProblem(t, w); w.Code != 405 || p["type"] != "/problems/method-not-allowed" || !strings.Contains(w.Header().Get("Allow"), "GET") {
		t.Errorf("%d %v %v", w.Code, p, w.Header())
	}
}

func TestPanicAnswersAProblemAndTellsOnlyTheLog(t *testing.T) {
	conf, log := testConfig(t)
	w := ask(t, conf, httptest.NewRequest(http.MethodGet, "/x", nil), get("/x", func(*gin.Context) { panic("the secret thing") }))
	p := decodeProblem(t, w)
	if w.Code != 500 || p["type"] != "/problems/internal" {
		t.Errorf("%d %v", w.Code, p)
	}
	for _, leak := range []string{"secret", "goroutine", ".go:", "gin"} {
		if strings.Contains(w.Body.String(), leak) {
			t.Errorf("the answer says %q: %s", leak, w.Body)
		}
	}
	if !strings.Contains(log.String(), "the secret thing") || !strings.Contains(log.String(), p["request_id"].(string)) {
		t.Errorf("the log lacks the cause or the request id: %s", log)
	}
}

func TestPanicAfterTheAnswerBeganCutsTheConnection(t *testing.T) {
	conf, _ := testConfig(t)
	_, addr := serveTable(t, conf, get("/x", func(c *gin.Context) {
		_, _ = c.Writer.Write([]byte(`{"rows":[`))
		c.Writer.Flush()
		panic("half way")
	}))
	resp, err := http.Get("http://" + addr + "/x")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("half an answer looked whole: %s", body)
	}
}

func TestUnknownErrorsAreInternalAndSilent(t *testing.T) {
	conf, log := testConfig(t)
	var s *shell
	sh := newShell(conf, testVerify)
	s = &sh
	e, err := s.engine([]route{get("/x", func(c *gin.Context) { s.fail(c, errors.New("dial tcp 10.0.0.3:9000: refused")) })})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/x", nil))
	if w.Code != 500 || strings.Contains(w.Body.String(), "10.0.0.3") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), "10.0.0.3") {
		t.Errorf("the log lacks the cause: %s", log)
	}
}

func TestNoAnswerNamesTheSoftware(t *testing.T) {
	conf, _ := testConfig(t)
	conf.Version = "9.8.7"
	w := ask(t, conf, httptest.NewRequest(http.MethodGet, "/none", nil))
	for name, values := range w.Header() {
		if name == "Server" || name == "X-Powered-By" || strings.Contains(strings.Join(values, " "), "9.8.7") {
			t.Errorf("%s: %v", name, values)
		}
	}
}

func TestTokenIsAskedForAndChecked(t *testing.T) {
	conf, _ := testConfig(t)
	table := post("/v1/datasets/:id/records", func(c *gin.Context) { writeJSON(c, 200, callOf(c).Principal.ClientID) })
	table.needs = needPush
	f := func(dataset, authorization string, status int, problem string) {
		t.Helper()
		r := httptest.NewRequest(http.MethodPost, "/v1/datasets/"+dataset+"/records", nil)
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		w := ask(t, conf, r, table)
		if w.Code != status {
			t.Errorf("%s %q: %d %s", dataset, authorization, w.Code, w.Body)
			return
		}
		if problem == "" {
			return
		}
		if p := decodeProblem(t, w); p["type"] != "/problems/"+problem {
			t.Errorf("%s %q: %v", dataset, authorization, p)
		}
		if (status == 401 || status == 403) && w.Header().Get("WWW-Authenticate") == "" {
			t.Errorf("%d without a challenge", status)
		}
	}
	f("tourism_flow", "Bearer good", 200, "")
	f("tourism_flow", "bearer good", 200, "") // the scheme's case does not matter
	f("tourism_flow", "", 401, "unauthorized")
	f("tourism_flow", "Basic Zm9v", 401, "unauthorized")
	f("tourism_flow", "Bearer forged", 401, "unauthorized")
	f("tourism_flow", "Bearer expired", 401, "token-expired")
	f("park_monthly", "Bearer good", 403, "missing-scope")
	f("tourism_flow", "Bearer broken", 500, "internal") // the hub's fault is not the caller's
	r := httptest.NewRequest(http.MethodPost, "/v1/datasets/tourism_flow/records", nil)
	r.Header["Authorization"] = []string{"Bearer good", "Bearer good"} // two are one too many
	if w := ask(t, conf, r, table); w.Code != 401 {
		t.Errorf("two tokens: %d", w.Code)
	}
}

func TestQuotaAnswers429WithATrueRetryAfter(t *testing.T) {
	conf, _ := testConfig(t)
	conf.PushRate = 2
	s := newShell(conf, testVerify)
	r := post("/v1/datasets/:id/records", func(c *gin.Context) { writeJSON(c, 200, nil) })
	r.needs, r.quota = needPush, pushQuota
	e, err := s.engine([]route{r})
	if err != nil {
		t.Fatal(err)
	}
	var last *httptest.ResponseRecorder
	for range 3 {
		q := httptest.NewRequest(http.MethodPost, "/v1/datasets/tourism_flow/records", nil)
		q.Header.Set("Authorization", "Bearer good")
		last = httptest.NewRecorder()
		e.ServeHTTP(last, q)
	}
	if p := decodeProblem(t, last); last.Code != 429 || p["type"] != "/problems/quota-exceeded" || last.Header().Get("Retry-After") != "1" {
		t.Errorf("%d %v %v", last.Code, p, last.Header())
	}
	now := time.Now()
	q := newQuota(2)
	q.take("a", now)
	q.take("a", now)
	if wait := q.take("a", now); wait != 500*time.Millisecond {
		t.Errorf("wait %v", wait)
	}
	if wait := q.take("a", now.Add(500*time.Millisecond)); wait != 0 {
		t.Errorf("refused after the wait it was told: %v", wait)
	}
	if wait := q.take("b", now); wait != 0 {
		t.Errorf("another client paid: %v", wait)
	}
}

func TestOnlyTrustedProxiesSayWhoTheClientIs(t *testing.T) {
	f := func(proxies []string, from, want string) {
		t.Helper()
		conf, _ := testConfig(t)
		conf.BehindProxy = proxies
		r := httptest.NewRequest(http.MethodGet, "/x", nil)
		r.RemoteAddr = from + ":1234"
		r.Header.Set("X-Forwarded-For", "203.0.113.9")
		r.Header.Set("X-Real-Ip", "203.0.113.9")
		w := ask(t, conf, r, get("/x", func(c *gin.Context) { _, _ = c.Writer.WriteString(c.ClientIP()) }))
		if w.Body.String() != want {
			t.Errorf("behind %v, from %s: client %s, want %s", proxies, from, w.Body, want)
		}
	}
	f(nil, "127.0.0.1", "127.0.0.1")
	f([]string{"10.0.0.0/8"}, "127.0.0.1", "127.0.0.1")
	f([]string{"10.0.0.0/8"}, "10.1.2.3", "203.0.113.9")
}

func TestHeadersOverTheLimitAreRefused(t *testing.T) {
	conf, _ := testConfig(t)
	_, addr := serveTable(t, conf, get("/x", func(c *gin.Context) { writeJSON(c, 200, nil) }))
	r, _ := http.NewRequest(http.MethodGet, "http://"+addr+"/x", nil)
	r.Header.Set("X-Big", strings.Repeat("a", 2*maxHeaderBytes))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// dial opens a bare connection whose reads end after a while, so that a test fails instead of hanging.
func dial(t *testing.T, addr string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn, bufio.NewReader(conn)
}
