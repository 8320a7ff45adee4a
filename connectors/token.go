package connectors

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Token is an access token with the time it stops being accepted.
type Token struct {
	AccessToken string    `json:"access_token"`
	TokenType   string    `json:"token_type"`
	ExpiresIn   int       `json:"expires_in"` // seconds
	Scope       string    `json:"scope,omitempty"`
	Expires     time.Time `json:"-"`
}

// renewBefore keeps a token from expiring between the client's clock and the hub's check.
const renewBefore = 30 * time.Second

// assertionLife is that of a private_key_jwt assertion; it is used at once.
const assertionLife = 2 * time.Minute

type tokenSource struct {
	client *Client
	mu     sync.Mutex // also makes concurrent calls share one fetch
	token  Token
	issuer string
}

// get answers a token that is still good, fetching one when there is none or renew asks for it.
func (s *tokenSource) get(ctx context.Context, renew bool) (string, error) {
	if s.client.cfg.Token != "" {
		return s.client.cfg.Token, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !renew && s.token.AccessToken != "" && time.Until(s.token.Expires) > renewBefore {
		return s.token.AccessToken, nil
	}
	t, err := s.fetch(ctx, nil)
	if err != nil {
		return "", err
	}
	s.token = t
	return t.AccessToken, nil
}

// Token fetches a new access token, narrowed to scopes when any are given.
func (c *Client) Token(ctx context.Context, scopes ...string) (Token, error) {
	c.tokens.mu.Lock()
	defer c.tokens.mu.Unlock()
	return c.tokens.fetch(ctx, scopes)
}

func (s *tokenSource) fetch(ctx context.Context, scopes []string) (Token, error) {
	cfg := &s.client.cfg
	if cfg.ClientID == "" {
		return Token{}, errors.New("no client id is set, so no token can be asked for")
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	if len(scopes) > 0 {
		form.Set("scope", strings.Join(scopes, " "))
	}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}}
	if cfg.PrivateKey != nil {
		assertion, err := s.assertion(ctx)
		if err != nil {
			return Token{}, err
		}
		form.Set("client_id", cfg.ClientID)
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion)
	} else {
		// RFC 6749 §2.3.1: both parts are form-encoded before they are joined.
		pair := url.QueryEscape(cfg.ClientID) + ":" + url.QueryEscape(cfg.ClientSecret)
		header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
	}
	data := []byte(form.Encode())
	asked := time.Now()
	resp, err := s.client.sendOnce(ctx, &call{
		method: http.MethodPost, path: "/oauth2/token", header: header,
		body: Bytes(data), size: int64(len(data)),
	}, "")
	if err != nil {
		return Token{}, err
	}
	if resp.StatusCode != http.StatusOK {
		return Token{}, tokenRefusal(resp)
	}
	defer drain(resp)
	var t Token
	if err := json.NewDecoder(resp.Body).Decode(&t); err != nil || t.AccessToken == "" {
		return Token{}, fmt.Errorf("the answer of %s/oauth2/token holds no token (is it a zida hub?)", s.client.base)
	}
	t.Expires = asked.Add(time.Duration(t.ExpiresIn) * time.Second)
	return t, nil
}

// tokenRefusal turns RFC 6749 §5.2 errors into the problem that callers know.
func tokenRefusal(resp *http.Response) *Problem {
	p := readProblem(resp)
	if p.oauth.Error != "" {
		p.Title = p.oauth.Error
		p.Detail = p.oauth.Description
		if p.oauth.Error == "invalid_client" || p.oauth.Error == "invalid_scope" || p.oauth.Error == "unauthorized_client" {
			p.denied = true
		}
	}
	return p
}

// assertion signs a private_key_jwt (RFC 7523 §3). Its audience is the issuer's
// identifier, a single value, as the hub's metadata states it.
func (s *tokenSource) assertion(ctx context.Context) (string, error) {
	cfg := &s.client.cfg
	if s.issuer == "" {
		var meta struct {
			Issuer string `json:"issuer"`
		}
		err := s.client.do(ctx, &call{method: http.MethodGet, path: "/.well-known/oauth-authorization-server", public: true}, &meta)
		if err != nil {
			return "", err
		}
		if meta.Issuer == "" {
			return "", errors.New("the hub's metadata names no issuer")
		}
		s.issuer = meta.Issuer
	}
	var method jwt.SigningMethod
	switch cfg.PrivateKey.Public().(type) {
	case ed25519.PublicKey:
		method = jwt.SigningMethodEdDSA
	case *ecdsa.PublicKey:
		method = jwt.SigningMethodES256
	default:
		return "", fmt.Errorf("a key of type %T cannot sign here; use Ed25519 or ECDSA P-256", cfg.PrivateKey)
	}
	var id [16]byte
	_, _ = rand.Read(id[:])
	now := time.Now()
	t := jwt.NewWithClaims(method, jwt.MapClaims{
		"iss": cfg.ClientID, "sub": cfg.ClientID, "aud": s.issuer,
		"iat": now.Unix(), "exp": now.Add(assertionLife).Unix(),
		"jti": base64.RawURLEncoding.EncodeToString(id[:]),
	})
	if cfg.KeyID != "" {
		t.Header["kid"] = cfg.KeyID
	}
	return t.SignedString(cfg.PrivateKey)
}
