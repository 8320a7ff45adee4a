package auth

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/zida-hub/zida/hub/registry"
)

// AssertionType is the client_assertion_type of private_key_jwt, RFC 7523 §2.2.
const AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// Credentials are what a client shows at the token endpoint: a secret (HTTP
// Basic), or an assertion signed with its own key.
type Credentials struct {
	ClientID      string // with an assertion: may be empty
	Secret        string
	AssertionType string
	Assertion     string
	// Remote is the caller's address. Failures are counted by client and address,
	// so that a stranger's guesses do not lock the client itself out.
	Remote string
}

// TokenRequest is a request for an access token.
type TokenRequest struct {
	Credentials
	GrantType string
	Scope     string // wanted scopes, parted by spaces; "": all the client has
}

// TokenResponse is the answer, RFC 6749 §5.1.
type TokenResponse struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"` // seconds
	Scope       string `json:"scope"`
}

// Grant gives an access token to a client that proves itself. Refusals are
// *OAuthError; other errors mean that the hub could not decide.
func (a *Authority) Grant(ctx context.Context, req TokenRequest) (TokenResponse, error) {
	switch req.GrantType {
	case "client_credentials":
	case "":
		return TokenResponse{}, badRequest("grant_type is missing: it is client_credentials")
	default:
		return TokenResponse{}, &OAuthError{Code: "unsupported_grant_type", Status: http.StatusBadRequest, Description: "the only grant_type is client_credentials"}
	}
	g, err := a.authenticate(ctx, req.Credentials)
	if err != nil {
		return TokenResponse{}, err
	}
	scopes := g.Scopes
	if wanted := strings.Fields(req.Scope); len(wanted) > 0 {
		for _, s := range wanted {
			if !registry.CoversScope(g.Scopes, s) {
				return TokenResponse{}, &OAuthError{Code: "invalid_scope", Status: http.StatusBadRequest, Description: "a wanted scope is not granted to this client: leave scope out to get all it has, or ask your admin"}
			}
		}
		scopes = registry.IntersectScopes(wanted, g.Scopes)
	}
	if len(scopes) == 0 {
		return TokenResponse{}, &OAuthError{Code: "invalid_scope", Status: http.StatusBadRequest, Description: "the client has no scope left that its agency holds too: ask your admin"}
	}
	token, lifetime, err := a.mint(g, scopes)
	if err != nil {
		return TokenResponse{}, err
	}
	return TokenResponse{
		AccessToken: token, TokenType: "Bearer", ExpiresIn: int(lifetime / time.Second), Scope: strings.Join(scopes, " "),
	}, nil
}

// errInvalidClient is one answer for an unknown client, a wrong secret or
// assertion and a disabled client: which it was is nobody's business who cannot
// log in. The log tells the operator.
func errInvalidClient() *OAuthError {
	return &OAuthError{
		Code: "invalid_client", Status: http.StatusUnauthorized,
		Description: "client authentication failed: check the client id and its secret or signed assertion, and that the client is enabled",
	}
}

// authenticate finds out which client is asking.
func (a *Authority) authenticate(ctx context.Context, c Credentials) (registry.Grants, error) {
	bySecret, byAssertion := c.Secret != "", c.Assertion != "" || c.AssertionType != ""
	switch {
	case bySecret && byAssertion:
		return registry.Grants{}, badRequest("use one way to authenticate: a secret or a client_assertion, not both")
	case byAssertion && c.AssertionType != AssertionType:
		return registry.Grants{}, badRequest("client_assertion_type must be " + AssertionType)
	case !bySecret && !byAssertion:
		return registry.Grants{}, errInvalidClient()
	}
	id := c.ClientID
	var opened compact
	if byAssertion {
		var err error
		if opened, err = openAssertion(c.Assertion); err != nil {
			a.throttle.fail(c.Remote, a.now())
			return registry.Grants{}, errInvalidClient()
		}
		said := text(opened.claims, "sub")
		if id != "" && id != said {
			return registry.Grants{}, badRequest("client_id and the assertion's sub name two clients")
		}
		id = said
	}
	client, known := a.reg.Client(id)
	bucket := c.Remote // guesses at ids that do not exist share one bucket an address
	if known {
		bucket = id + " " + c.Remote
	}
	if wait := a.throttle.wait(bucket, a.now()); wait > 0 {
		return registry.Grants{}, &OAuthError{
			Code: "invalid_client", Status: http.StatusTooManyRequests, RetryAfter: wait,
			Description: "too many failed log-ins of this client from this address: wait as long as Retry-After says, then try the right credentials",
		}
	}
	var reason string
	if byAssertion {
		var err error
		if reason, err = a.checkAssertion(ctx, client, c.Assertion, opened); err != nil {
			return registry.Grants{}, err
		}
	} else if !registry.CheckSecret(client, c.Secret, a.now()) {
		reason = "wrong secret"
	}
	g, enabled := a.reg.Grants(id)
	switch {
	case !known:
		reason = "unknown client"
	case reason == "" && !enabled:
		reason = "disabled client or agency"
	}
	if reason != "" {
		a.throttle.fail(bucket, a.now())
		shown := "" // an unknown id may be a secret typed into the wrong field
		if known {
			shown = id
		}
		a.log.Warn("log-in refused", "client", shown, "remote", c.Remote, "reason", reason)
		return registry.Grants{}, errInvalidClient()
	}
	a.throttle.forget(bucket)
	return g, nil
}

// isOAuth finds an OAuthError in an error.
func isOAuth(err error) (*OAuthError, bool) {
	var e *OAuthError
	ok := errors.As(err, &e)
	return e, ok
}
