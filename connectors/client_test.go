package connectors

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// ledger is a door that counts as a hub must: once a key. What it does with an
// answer is the test's choice; everything it is told is kept.
type ledger struct {
	mu       sync.Mutex
	counted  map[string]int // Idempotency-Key → records taken
	keys     []string       // of every attempt
	bodies   []string
	tokens   int
	answer   func(w http.ResponseWriter, r *http.Request, attempt int, commit func()) // nil: commit and answer
	tokenErr func(w http.ResponseWriter, n int) bool                                  // answers in place of a token
	seen     []*http.Request
}

func (l *ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.URL.Path == "/oauth2/token" {
		l.tokens++
		_ = r.ParseForm()
		l.seen = append(l.seen, r)
		if l.tokenErr != nil && l.tokenErr(w, l.tokens) {
			return
		}
		_, _ = fmt.Fprintf(w, `{"access_token":"t%d","token_type":"Bearer","expires_in":900}`, l.tokens)
		return
	}
	l.seen = append(l.seen, r)
	var body io.Reader = r.Body
	switch r.Header.Get("Content-Encoding") {
	case "gzip":
		body, _ = gzip.NewReader(r.Body)
	case "zstd":
		z, _ := zstd.NewReader(r.Body)
		defer z.Close()
		body = z
	}
	data, _ := io.ReadAll(body)
	key := r.Header.Get("Idempotency-Key")
	l.keys, l.bodies = append(l.keys, key), append(l.bodies, string(data))
	commit := func() { l.counted[key] = strings.Count(string(data), "\n") }
	if l.answer != nil {
		l.answer(w, r, len(l.keys), commit)
		return
	}
	commit()
	receipt(w)
}

func receipt(w http.ResponseWriter) {
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"submission":"42-7","accepted":2,"received":2}`)
}

// drop ends the connection without an answer.
func drop(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a reset, not an orderly end
	}
	_ = conn.Close()
}

func start(t *testing.T, l *ledger, change func(*Config)) *Client {
	t.Helper()
	l.counted = map[string]int{}
	srv := httptest.NewServer(l)
	t.Cleanup(srv.Close)
	cfg := Config{URL: srv.URL, ClientID: "c", ClientSecret: "s", RetryFor: 20 * time.Second}
	if change != nil {
		change(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

const twoRecords = "{\"a\":1}\n{\"a\":2}\n"

func push(c *Client, opt PushOptions) (*Receipt, error) {
	return c.Push(context.Background(), "tourism_flow", Bytes([]byte(twoRecords)), opt)
}

// wantOnce says that however many attempts were made, the records count once.
func (l *ledger) wantOnce(t *testing.T, attempts int) {
	t.Helper()
	if len(l.keys) != attempts {
		t.Fatalf("%d attempts, want %d", len(l.keys), attempts)
	}
	for i := range l.keys {
		if l.keys[i] != l.keys[0] || l.keys[i] == "" {
			t.Errorf("attempt %d has key %q, the first had %q", i+1, l.keys[i], l.keys[0])
		}
		if l.bodies[i] != twoRecords {
			t.Errorf("attempt %d sent %q", i+1, l.bodies[i])
		}
	}
	if len(l.counted) != 1 || l.counted[l.keys[0]] != 2 {
		t.Errorf("counted %v, want 2 records once", l.counted)
	}
}

func TestAnAnswerLostAfterTheCommitCountsOnce(t *testing.T) {
	l := &ledger{answer: func(w http.ResponseWriter, _ *http.Request, attempt int, commit func()) {
		commit()
		if attempt == 1 {
			drop(w)
			return
		}
		receipt(w)
	}}
	r, err := push(start(t, l, nil), PushOptions{})
	if err != nil || r.Submission != "42-7" {
		t.Fatalf("%+v, %v", r, err)
	}
	l.wantOnce(t, 2)
}

func TestAReceiptCutInTheMiddleIsFetchedAgainUnderTheSameKey(t *testing.T) {
	l := &ledger{answer: func(w http.ResponseWriter, _ *http.Request, attempt int, commit func()) {
		commit()
		if attempt == 1 {
			w.Header().Set("Content-Length", "500")
			_, _ = io.WriteString(w, `{"submission":"42-`)
			return
		}
		receipt(w)
	}}
	r, err := push(start(t, l, nil), PushOptions{Encoding: "zstd"})
	if err != nil || r.Submission != "42-7" {
		t.Fatalf("%+v, %v", r, err)
	}
	l.wantOnce(t, 2)
}

func TestABusyHubIsWaitedForAsLongAsItSays(t *testing.T) {
	var waits []time.Duration
	for _, status := range []int{http.StatusServiceUnavailable, http.StatusTooManyRequests} {
		waits = nil
		l := &ledger{answer: func(w http.ResponseWriter, _ *http.Request, attempt int, commit func()) {
			if attempt < 3 {
				w.Header().Set("Retry-After", "1")
				w.WriteHeader(status)
				return
			}
			commit()
			receipt(w)
		}}
		c := start(t, l, func(cfg *Config) {
			cfg.Notify = func(_ error, wait time.Duration) { waits = append(waits, wait) }
		})
		if _, err := push(c, PushOptions{Encoding: "gzip", IdempotencyKey: "mine"}); err != nil {
			t.Fatal(err)
		}
		l.wantOnce(t, 3)
		if len(waits) != 2 || waits[0] != time.Second || waits[1] != time.Second {
			t.Errorf("waited %v, want what Retry-After said: 1s twice", waits)
		}
	}
}

func TestAConnectionResetInTheMiddleOfTheBodyIsTriedAgain(t *testing.T) {
	l := &ledger{answer: func(w http.ResponseWriter, _ *http.Request, attempt int, commit func()) {
		if attempt == 1 {
			drop(w) // nothing was committed
			return
		}
		commit()
		receipt(w)
	}}
	if _, err := push(start(t, l, nil), PushOptions{}); err != nil {
		t.Fatal(err)
	}
	l.wantOnce(t, 2)
}

func TestARefusalIsATypedProblemAndIsNotTriedAgain(t *testing.T) {
	l := &ledger{answer: func(w http.ResponseWriter, _ *http.Request, _ int, _ func()) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("X-Request-Id", "r1")
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = io.WriteString(w, `{"type":"/problems/records-rejected","title":"refused","status":422,"detail":"1 of 2","errors":[{"row":2,"field":"a","code":"range","message":"too large","value":"2"}]}`)
	}}
	_, err := push(start(t, l, nil), PushOptions{})
	var p *Problem
	if !errors.As(err, &p) {
		t.Fatalf("%v", err)
	}
	if p.Name() != "records-rejected" || p.RequestID != "r1" || len(p.Errors) != 1 || p.Errors[0].Row != 2 || p.Errors[0].Code != "range" {
		t.Errorf("%+v", p)
	}
	if len(l.keys) != 1 {
		t.Errorf("%d attempts", len(l.keys))
	}
}

func TestARevokedTokenIsRenewedOnce(t *testing.T) {
	l := &ledger{answer: func(w http.ResponseWriter, r *http.Request, _ int, commit func()) {
		if r.Header.Get("Authorization") != "Bearer t2" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		commit()
		receipt(w)
	}}
	c := start(t, l, nil)
	if _, err := push(c, PushOptions{}); err != nil {
		t.Fatal(err)
	}
	l.wantOnce(t, 2)
	l.answer = func(w http.ResponseWriter, _ *http.Request, _ int, _ func()) { w.WriteHeader(http.StatusUnauthorized) }
	_, err := push(c, PushOptions{})
	var p *Problem
	if !errors.As(err, &p) || !p.Denied() {
		t.Errorf("%v, want a denied problem", err)
	}
}

func TestAWrongSecretIsDeniedAtOnceAndABusyTokenEndpointIsWaitedFor(t *testing.T) {
	l := &ledger{tokenErr: func(w http.ResponseWriter, n int) bool {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":"invalid_client","error_description":"no"}`)
		return true
	}}
	_, err := push(start(t, l, nil), PushOptions{})
	var p *Problem
	if !errors.As(err, &p) || !p.Denied() || l.tokens != 1 {
		t.Errorf("%v after %d tries", err, l.tokens)
	}
	l = &ledger{tokenErr: func(w http.ResponseWriter, n int) bool {
		if n > 1 {
			return false
		}
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}}
	if _, err := push(start(t, l, nil), PushOptions{}); err != nil {
		t.Error(err)
	}
}

func TestAPrivateKeySignsAnAssertionForTheIssuer(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	l := &ledger{}
	l.answer = func(w http.ResponseWriter, r *http.Request, _ int, commit func()) {
		if r.URL.Path == "/.well-known/oauth-authorization-server" {
			_, _ = io.WriteString(w, `{"issuer":"https://hub.example"}`)
			return
		}
		commit()
		receipt(w)
	}
	c := start(t, l, func(cfg *Config) { cfg.ClientSecret, cfg.PrivateKey, cfg.KeyID = "", private, "k1" })
	if _, err := push(c, PushOptions{}); err != nil {
		t.Fatal(err)
	}
	var form *http.Request
	for _, r := range l.seen {
		if r.URL.Path == "/oauth2/token" {
			form = r
		}
	}
	token, err := jwt.Parse(form.Form.Get("client_assertion"), func(tok *jwt.Token) (any, error) {
		if tok.Header["kid"] != "k1" {
			t.Errorf("kid %v", tok.Header["kid"])
		}
		return public, nil
	}, jwt.WithAudience("https://hub.example"), jwt.WithIssuer("c"), jwt.WithSubject("c"), jwt.WithExpirationRequired())
	if err != nil || !token.Valid {
		t.Error(err)
	}
	if form.Header.Get("Authorization") != "" || form.Form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		t.Errorf("form %v", form.Form)
	}
}

func TestANotReachableHubIsSaidSo(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String()
	_ = l.Close()
	c, err := New(Config{URL: url, ClientID: "c", ClientSecret: "s", RetryFor: -1})
	if err != nil {
		t.Fatal(err)
	}
	_, err = push(c, PushOptions{})
	var u *UnreachableError
	if !errors.As(err, &u) || !strings.Contains(err.Error(), url) {
		t.Errorf("%v", err)
	}
}

func TestATokenIsNotSentAfterARedirect(t *testing.T) {
	l := &ledger{answer: func(w http.ResponseWriter, r *http.Request, _ int, _ func()) {
		http.Redirect(w, r, "http://127.0.0.1:1/elsewhere", http.StatusTemporaryRedirect)
	}}
	c := start(t, l, nil)
	_, err := c.Records(context.Background(), "tourism_flow", nil)
	if err == nil || len(l.keys) != 1 {
		t.Errorf("%v after %d calls", err, len(l.keys))
	}
}

func TestAnActThatGotNoAnswerIsNotDoneTwice(t *testing.T) {
	l := &ledger{answer: func(w http.ResponseWriter, _ *http.Request, _ int, _ func()) { drop(w) }}
	_, err := start(t, l, nil).Admin(context.Background(), http.MethodPost, "/clients", nil, map[string]string{"agency": "a"})
	var u *UnreachableError
	if !errors.As(err, &u) || len(l.keys) != 1 {
		t.Errorf("%v after %d calls", err, len(l.keys))
	}
}

func TestABodyThatCannotBeReadIsNotAnUnreachableHub(t *testing.T) {
	broken := errors.New("disk gone")
	for _, encoding := range []string{"", "gzip"} {
		c := start(t, &ledger{}, nil)
		_, err := c.Push(context.Background(), "d", func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader("{}\n"), failing{broken, strings.NewReader("x")})), nil
		}, PushOptions{Encoding: encoding})
		if !errors.Is(err, broken) {
			t.Errorf("%q: %v", encoding, err)
		}
	}
}

func TestStoppingEndsARetryAtOnce(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	l := &ledger{answer: func(w http.ResponseWriter, _ *http.Request, _ int, _ func()) {
		w.Header().Set("Retry-After", "15")
		w.WriteHeader(http.StatusServiceUnavailable)
	}}
	c := start(t, l, func(cfg *Config) { cfg.Notify = func(error, time.Duration) { stop() } })
	began := time.Now()
	_, err := c.Push(ctx, "d", Bytes([]byte(twoRecords)), PushOptions{})
	if !errors.Is(err, context.Canceled) || time.Since(began) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}

func TestRetryAfterIsReadInBothForms(t *testing.T) {
	if d := retryAfter("3"); d != 3*time.Second {
		t.Error(d)
	}
	if d := retryAfter(time.Now().Add(10 * time.Second).UTC().Format(http.TimeFormat)); d < 8*time.Second || d > 10*time.Second {
		t.Error(d)
	}
	if d := retryAfter("soon"); d != 0 {
		t.Error(d)
	}
}

func TestDatasetsAreDecoded(t *testing.T) {
	l := &ledger{answer: func(w http.ResponseWriter, _ *http.Request, _ int, _ func()) {
		_ = json.NewEncoder(w).Encode(map[string]any{"datasets": []Dataset{{ID: "tourism_flow", Name: "景区客流"}}})
	}}
	list, err := start(t, l, nil).Datasets(context.Background())
	if err != nil || len(list) != 1 || list[0].ID != "tourism_flow" {
		t.Errorf("%v, %v", list, err)
	}
}
