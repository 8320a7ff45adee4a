package hub

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/zida-hub/zida/hub/auth"
)

// shell is the HTTP side of a hub, embedded in it: what every request passes
// through before and after its handler.
type shell struct {
	conf    *Config
	slog    *slog.Logger
	ids     *requestIDs
	metrics *metrics
	verify  func(token string) (*auth.Principal, error)
	session func(token string) (*auth.Principal, error) // of a cookie; nil: no sessions
	origins *http.CrossOriginProtection
	secure  bool               // cookies go over TLS only
	quotas  [quotaKinds]*quota // nil where there is no limit
	pages   atomic.Pointer[pages]
	front   *front // nil when no page of the joint picture is built in
	// stopping is closed when the shutdown begins: what waits by right (a stream,
	// ?wait=visible) ends then, instead of holding the shutdown up.
	stopping chan struct{}
}

// newShell makes the HTTP side. verify checks access tokens (auth.Authority.Verify).
func newShell(conf *Config, verify func(string) (*auth.Principal, error)) shell {
	return shell{
		conf: conf, slog: conf.logger(), ids: newRequestIDs(), metrics: newMetrics(conf.Version), verify: verify,
		origins:  http.NewCrossOriginProtection(),
		quotas:   [quotaKinds]*quota{pushQuota: newQuota(conf.PushRate), queryQuota: newQuota(conf.QueryRate)},
		front:    builtFront(),
		stopping: make(chan struct{}),
	}
}

// handler makes the HTTP side of a hub whose parts are up. server is its public
// address (Config.Issuer).
func (h *Hub) handler(server string) (http.Handler, error) {
	if err := h.setAddress(server); err != nil {
		return nil, err
	}
	table := h.routes()
	render := func() error {
		made, err := renderPages(table, h.catalog.contracts(), server)
		if err == nil {
			h.pages.Store(made)
		}
		return err
	}
	if err := render(); err != nil {
		return nil, err
	}
	h.catalog.onChange(func() {
		if err := render(); err != nil {
			h.slog.Error("the documents could not be made anew", "error", err)
		}
	})
	return h.engine(table)
}

// engine makes the gin engine from the table of routes. gin's logger and its
// trust in every proxy stay out; what is not in the table is a problem answer.
func (s *shell) engine(table []route) (*gin.Engine, error) {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.RedirectTrailingSlash = false // a redirect would be built from X-Forwarded-Prefix
	e.RedirectFixedPath = false
	e.HandleMethodNotAllowed = true
	e.ContextWithFallback = true
	proxies := s.conf.BehindProxy
	if len(proxies) == 0 {
		proxies = nil
	}
	if err := e.SetTrustedProxies(proxies); err != nil {
		return nil, err
	}
	for i := range table {
		r := &table[i]
		e.Handle(r.method, r.path, s.serve(r))
		if r.method == http.MethodGet && !r.streams {
			e.Handle(http.MethodHead, r.path, s.serve(r))
		}
	}
	e.NoRoute(s.serve(&route{method: "*", path: "unknown", handle: func(c *gin.Context) {
		s.problem(c, "not-found", "没有这个地址："+c.Request.URL.Path, "There is nothing at "+c.Request.URL.Path)
	}}))
	e.NoMethod(s.serve(&route{method: "*", path: "unknown", handle: func(c *gin.Context) {
		s.problem(c, "method-not-allowed",
			"此地址不接受 "+c.Request.Method+"，可用方法见 Allow 头", "This address does not take "+c.Request.Method+"; the Allow header lists what it takes")
	}}))
	return e, nil
}

// serve wraps a route's handler. It is the whole middleware, one function, since
// the push path is measured against a handler that does nothing.
func (s *shell) serve(r *route) gin.HandlerFunc {
	seen := s.metrics.route(r)
	limit := s.conf.BodySmall
	if r.maxBody > 0 {
		limit = r.maxBody
	}
	debugging := s.slog.Enabled(context.Background(), slog.LevelDebug)
	return func(c *gin.Context) {
		k := calls.Get().(*call)
		k.ResponseWriter, k.raw, k.route = c.Writer, rawWriter(c.Writer), r
		k.Began = time.Now()
		k.writeProgress, k.writeSet = s.conf.WriteProgress, k.Began // the server set the first one
		c.Writer = k
		header := k.Header()
		if id := c.Request.Header.Get("X-Request-Id"); saneRequestID(id) {
			k.ID = id
		} else {
			k.ID = s.ids.id()
		}
		header.Set("X-Request-Id", k.ID)
		header.Set("X-Content-Type-Options", "nosniff")
		if r.streams || c.Request.ProtoMajor > 1 {
			// An HTTP/2 stream whose deadline passed is gone for good, even when it
			// passed while the body was still coming in.
			k.liftWriteDeadline()
		}
		if c.Request.Body != nil && c.Request.Body != http.NoBody {
			k.body = progressBody{ReadCloser: c.Request.Body, call: k, limit: limit, progress: s.conf.ReadProgress}
			c.Request.Body = &k.body
		}
		s.answer(c, k)
		k.WriteHeaderNow()
		seen.observe(k.Status(), time.Since(k.Began))
		if debugging {
			s.slog.Debug("request", "request_id", k.ID, "method", c.Request.Method, "route", r.path,
				"status", k.Status(), "bytes", k.Size(), "elapsed", time.Since(k.Began))
		}
		c.Writer = k.ResponseWriter
		*k = call{}
		calls.Put(k)
	}
}

// rawWriter is the server's own writer below gin's.
func rawWriter(w gin.ResponseWriter) http.ResponseWriter {
	if u, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {
		return u.Unwrap()
	}
	return w
}

// answer admits and handles one request, and turns a panic into a problem.
func (s *shell) answer(c *gin.Context, k *call) {
	defer func() {
		if p := recover(); p != nil {
			s.recovered(c, k, p)
		}
	}()
	if k.route.needs != nil && !s.admit(c, k) {
		return
	}
	k.route.handle(c)
}

func (s *shell) recovered(c *gin.Context, k *call, p any) {
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p) // an answer cut on purpose: the server hangs up
	}
	s.metrics.panics.Inc()
	s.slog.Error("panic in a handler", "request_id", k.ID, "route", k.route.path, "panic", p, "stack", string(debug.Stack()))
	if k.Written() {
		// Half an answer must not look whole.
		panic(http.ErrAbortHandler)
	}
	s.problem(c, "internal", "", "")
}

// admit checks the bearer token or the session, what the route needs of it, and the
// quota.
func (s *shell) admit(c *gin.Context, k *call) bool {
	var err error
	if k.Principal, err = s.identify(c.Request); err != nil {
		s.refuseToken(c, k, err)
		return false
	}
	if k.Principal.IsPerson() && !s.admitPerson(c, k) {
		return false
	}
	r := k.route
	if !r.needs.allow(k.Principal, c) {
		if r.needs == needSession {
			k.Header().Set("WWW-Authenticate", `Bearer realm="zida"`)
			s.problem(c, "unauthorized", "此调用须由登录的用户进行，令牌不是会话", "This call is for a user who has logged in; a token is no session")
			return false
		}
		p := lacksScope(c, r.needs.scope(c))
		if r.needs == needChief {
			p.DoZH, p.DoEN = "只有运营方可以这样做；在中心所在机器上用 --data DIR 以运营方身份执行", "Only the operator can; on the hub's machine act as the operator with --data DIR"
		}
		s.fail(c, p)
		return false
	}
	if q := s.quotas[r.quota]; q != nil {
		if wait := q.take(k.Principal.ClientID, k.Began); wait > 0 {
			s.fail(c, refuse("quota-exceeded", "", "").retryIn(wait))
			return false
		}
	}
	return true
}

// lacksScope refuses a token that is good, but not for this.
func lacksScope(c *gin.Context, scope string) *problemError {
	c.Header("WWW-Authenticate", `Bearer realm="zida", error="insufficient_scope"`)
	return refuse("missing-scope", "令牌没有所需权限："+scope, "The token lacks the scope this call needs: "+scope)
}

func (s *shell) refuseToken(c *gin.Context, k *call, err error) {
	var refused *auth.TokenError
	if !errors.As(err, &refused) {
		s.fail(c, err)
		return
	}
	k.Header().Set("WWW-Authenticate", refused.Challenge())
	name := "unauthorized"
	if refused.Reason == "expired" {
		name = "token-expired"
	}
	s.problem(c, name, refused.ZH, refused.EN)
}

// bearer takes the one token out of the headers.
func bearer(h http.Header) (string, error) {
	values := h["Authorization"]
	if len(values) != 1 {
		return auth.Bearer("")
	}
	return auth.Bearer(values[0])
}
