package hub

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/zida-hub/zida/hub/auth"
	"github.com/zida-hub/zida/schemas"
)

// sessionCookie carries a session's token. Scripts cannot read it, and no other site
// can have it sent along (SameSite=Strict).
const sessionCookie = "zida_session"

// identify says who is calling: by the bearer token or, where there is no
// Authorization header, by the session's cookie. Errors are *auth.TokenError.
func (s *shell) identify(r *http.Request) (*auth.Principal, error) {
	if len(r.Header["Authorization"]) == 0 && s.session != nil && len(r.Header["Cookie"]) > 0 {
		if token := sessionToken(r); token != "" {
			return s.session(token)
		}
	}
	token, err := bearer(r.Header)
	if err != nil {
		return nil, err
	}
	return s.verify(token)
}

// sessionToken is the one session cookie; of two, one is not the hub's own, and
// there is no telling which.
func sessionToken(r *http.Request) string {
	if found := r.CookiesNamed(sessionCookie); len(found) == 1 {
		return found[0].Value
	}
	return ""
}

// admitPerson refuses what a cookie alone must not do: act for another site's page,
// or for somebody who still has the password that an admin knows.
func (s *shell) admitPerson(c *gin.Context, k *call) bool {
	if !s.sameSite(c) {
		return false
	}
	if k.Principal.MustChange && k.route.needs != needSession {
		s.problem(c, "password-change-needed", "", "")
		return false
	}
	return true
}

// sameSite refuses an unsafe method that a browser sends for another site's page.
func (s *shell) sameSite(c *gin.Context) bool {
	if err := s.origins.Check(c.Request); err != nil {
		s.fail(c, refuse("cross-site", "", "").because(err))
		return false
	}
	return true
}

// setAddress takes the hub's public address for its own origin: a proxy may have
// changed the Host, by which browsers too old for Sec-Fetch-Site are judged.
func (s *shell) setAddress(public string) error {
	u, err := url.Parse(public)
	if err != nil {
		return err
	}
	s.secure = u.Scheme == "https"
	host := u.Host
	if name, port, err := net.SplitHostPort(host); err == nil && (u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80") {
		if host = name; strings.Contains(name, ":") {
			host = "[" + name + "]" // IPv6
		}
	}
	return s.origins.AddTrustedOrigin(u.Scheme + "://" + strings.ToLower(host)) // as browsers write it
}

// sessionAnswer is who has logged in and what that person may do.
type sessionAnswer struct {
	User       string    `json:"user"`
	Name       string    `json:"name"`
	Agency     string    `json:"agency"`
	AgencyName string    `json:"agency_name"`
	Side       string    `json:"side"`
	Regions    []string  `json:"regions"`
	Role       string    `json:"role"`
	Scopes     []string  `json:"scopes"`
	Clearance  string    `json:"clearance"`
	MustChange bool      `json:"must_change"`
	ExpiresAt  time.Time `json:"expires_at"`
}

var sideNames = map[string]string{schemas.SideChongqing: "大足", schemas.SideSichuan: "资阳"}

func (h *Hub) sessionOf(p *auth.Principal) sessionAnswer {
	a := sessionAnswer{
		User: p.ClientID, Agency: p.Agency, Side: sideNames[schemas.Side(p.Regions)], Regions: p.Regions, Role: p.Role, Scopes: p.Scopes,
		Clearance: p.Clearance.String(), MustChange: p.MustChange, ExpiresAt: p.Expires,
	}
	if u, ok := h.registry.User(p.ClientID); ok {
		a.Name = u.Name
	}
	if g, ok := h.registry.Agency(p.Agency); ok {
		a.AgencyName = g.Name
	}
	return a
}

func (h *Hub) logIn(c *gin.Context) {
	if !h.sameSite(c) {
		return
	}
	var in struct {
		User     string `json:"user"`
		Password string `json:"password"`
	}
	if err := readJSON(c, &in, false); err != nil {
		h.fail(c, err)
		return
	}
	token, p, err := h.auth.LogIn(c, in.User, in.Password, c.ClientIP())
	if err != nil {
		h.fail(c, loginProblem(err))
		return
	}
	h.setSession(c, token, auth.MaxSession)
	writeJSON(c, http.StatusCreated, h.sessionOf(p))
}

func (h *Hub) getSession(c *gin.Context) {
	writeJSON(c, http.StatusOK, h.sessionOf(callOf(c).Principal))
}

func (h *Hub) logOut(c *gin.Context) {
	if err := h.auth.LogOut(c, sessionToken(c.Request)); err != nil {
		h.fail(c, loginProblem(err))
		return
	}
	h.setSession(c, "", -time.Second)
	c.Writer.WriteHeader(http.StatusNoContent)
}

func (h *Hub) changePassword(c *gin.Context) {
	var in struct {
		Current string `json:"current"`
		New     string `json:"new"`
	}
	if err := readJSON(c, &in, false); err != nil {
		h.fail(c, err)
		return
	}
	token, _, err := h.auth.ChangePassword(c, actor(c), in.Current, in.New, c.ClientIP())
	switch {
	case errors.Is(err, auth.ErrLogin): // whoever asks is logged in: it is the field that is wrong
		h.fail(c, badParam("current", "mismatch", "", "当前密码不对", "The present password is wrong"))
	case err != nil:
		h.fail(c, loginProblem(err))
	default:
		h.setSession(c, token, auth.MaxSession)
		c.Writer.WriteHeader(http.StatusNoContent)
	}
}

// setSession sets the cookie, or takes it away.
func (h *Hub) setSession(c *gin.Context, token string, life time.Duration) {
	http.SetCookie(c.Writer, &http.Cookie{ //nolint:gosec // not Secure where the hub itself speaks plain HTTP, on loopback
		Name: sessionCookie, Value: token, Path: "/", MaxAge: int(life / time.Second),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: h.secure,
	})
	c.Header("Cache-Control", "no-store")
}

// loginProblem turns the refusals of a log-in into problems.
func loginProblem(err error) error {
	var throttled *auth.ThrottledError
	var ended *auth.TokenError
	switch {
	case errors.Is(err, auth.ErrLogin):
		return refuse("login-failed", "", "")
	case errors.As(err, &throttled):
		return refuse("login-throttled", "", "").retryIn(throttled.Wait)
	case errors.As(err, &ended): // by an admin, while the password was being checked
		return refuse("unauthorized", ended.ZH, ended.EN)
	}
	return registryProblem(err)
}
