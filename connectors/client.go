// Package connectors is the agency's side of the exchange: a client that pushes
// records, asks and administers, and readers that turn the files agencies keep
// (CSV, workbooks, NDJSON, JSON) into records of a contract.
package connectors

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Bounds of one call. A body streams for as long as it makes progress, so there
// is no deadline over a whole request.
const (
	dialTimeout     = 10 * time.Second
	answerTimeout   = 2 * time.Minute // from the last byte sent to the first of the answer
	maxAnswer       = 64 << 20        // largest answer held in memory, bytes
	maxProblem      = 8 << 20         // largest problem document read, bytes
	defaultRetryFor = 5 * time.Minute
	askRetryFor     = 5 * time.Second // for calls a person waits for
)

// Config says how to reach a hub and who is calling.
type Config struct {
	URL          string // base URL of the hub, such as https://hub.example:8443
	ClientID     string
	ClientSecret string
	// PrivateKey (Ed25519, or ECDSA P-256) authenticates with private_key_jwt
	// (RFC 7523) in place of the secret; KeyID names it when the hub knows several.
	PrivateKey crypto.Signer
	KeyID      string
	// Token is a ready access token; it is used as it is and never renewed.
	Token string
	// Language is sent as Accept-Language: "zh" or "en".
	Language  string
	UserAgent string
	// RetryFor bounds how long a push is tried again; 0: five minutes, negative: once only.
	RetryFor time.Duration
	// Notify hears of each failed attempt and the wait before the next.
	Notify func(err error, wait time.Duration)
	// Transport replaces the default HTTP transport (own CAs, proxies).
	Transport http.RoundTripper
}

// Client talks to one hub. It is safe for concurrent use.
type Client struct {
	cfg    Config
	base   *url.URL
	http   *http.Client
	tokens tokenSource
}

// New makes a client. No call is made until the first request.
func New(cfg Config) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(cfg.URL, "/"))
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, fmt.Errorf("the hub's address %q is not a URL such as http://127.0.0.1:8080", cfg.URL)
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = "zida-connectors"
	}
	if cfg.RetryFor == 0 {
		cfg.RetryFor = defaultRetryFor
	}
	if cfg.Transport == nil {
		cfg.Transport = newTransport()
	}
	c := &Client{cfg: cfg, base: base}
	c.http = &http.Client{
		Transport: cfg.Transport,
		// A redirect would send the token to an address nobody configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c.tokens.client = c
	return c, nil
}

func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: answerTimeout,
		MaxIdleConnsPerHost:   8,
		IdleConnTimeout:       60 * time.Second,
		WriteBufferSize:       64 << 10,
		ForceAttemptHTTP2:     true,
	}
}

// URL is the hub's base address.
func (c *Client) URL() string { return c.base.String() }

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// call is one request; body is opened anew for every attempt.
type call struct {
	method, path string
	query        url.Values
	header       http.Header
	body         Body
	size         int64 // of the body, -1 when unknown
	public       bool  // sent without a token
	once         bool  // not sent again when no answer came: doing it twice would matter
}

// UnreachableError says that no answer came from the hub, or none but "later".
type UnreachableError struct {
	URL string
	Err error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("the hub at %s is not reachable: %v", e.URL, e.Err)
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// send makes one attempt, renewing the token once when the hub refuses it.
func (c *Client) send(ctx context.Context, in *call) (*http.Response, error) {
	for renewed := false; ; renewed = true {
		token := ""
		if !in.public {
			var err error
			if token, err = c.tokens.get(ctx, renewed); err != nil {
				return nil, err
			}
		}
		resp, err := c.sendOnce(ctx, in, token)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode == http.StatusUnauthorized && !in.public && !renewed && c.cfg.Token == "" {
			drain(resp)
			continue
		}
		return resp, nil
	}
}

func (c *Client) sendOnce(ctx context.Context, in *call, token string) (*http.Response, error) {
	u := c.base.JoinPath(in.path)
	u.RawQuery = in.query.Encode()
	var body io.ReadCloser
	if in.body != nil {
		var err error
		if body, err = in.body(); err != nil {
			return nil, backoff.Permanent(err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, in.method, u.String(), body)
	if err != nil {
		return nil, backoff.Permanent(err)
	}
	if in.body != nil {
		req.ContentLength = in.size
	}
	for k, v := range in.header {
		req.Header[k] = v
	}
	req.Header.Set("User-Agent", c.cfg.UserAgent)
	if c.cfg.Language != "" {
		req.Header.Set("Accept-Language", c.cfg.Language)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.networkError(ctx, err)
	}
	return resp, nil
}

// networkError tells what a second attempt may mend from what it cannot.
func (c *Client) networkError(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return backoff.Permanent(cause)
	}
	var bodyErr *bodyError
	if errors.As(err, &bodyErr) {
		return backoff.Permanent(bodyErr.err)
	}
	var urlErr *url.Error
	if errors.As(err, &urlErr) {
		err = urlErr.Err
	}
	out := &UnreachableError{URL: c.base.String(), Err: err}
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	if errors.As(err, &unknown) || errors.As(err, &host) || errors.As(err, &invalid) {
		return backoff.Permanent(out)
	}
	return out
}

// retry makes attempts until one is answered for good, or the budget is spent.
func (c *Client) retry(ctx context.Context, budget time.Duration, in *call) (*http.Response, error) {
	attempt := func() (*http.Response, error) {
		resp, err := c.send(ctx, in)
		if err != nil {
			var problem *Problem
			var unreachable *UnreachableError
			switch {
			case errors.As(err, &problem): // no token was given
				return nil, problem.again()
			case errors.As(err, &unreachable) && !in.once:
				return nil, err
			}
			return nil, backoff.Permanent(err)
		}
		if resp.StatusCode < 300 {
			return resp, nil
		}
		return nil, readProblem(resp).again()
	}
	opts := []backoff.RetryOption{backoff.WithMaxElapsedTime(budget)}
	if budget < 0 {
		opts = append(opts, backoff.WithMaxTries(1))
	}
	if c.cfg.Notify != nil {
		opts = append(opts, backoff.WithNotify(backoff.Notify(c.cfg.Notify)))
	}
	resp, err := backoff.Retry(ctx, attempt, opts...)
	return resp, withoutBackoff(err)
}

// withoutBackoff takes the retry library's wrapping off an error, for callers to see.
func withoutBackoff(err error) error {
	var later *laterError
	if errors.As(err, &later) {
		return later.problem
	}
	var permanent *backoff.PermanentError
	if errors.As(err, &permanent) {
		return permanent.Err
	}
	return err
}

// do makes a call and decodes its JSON answer into out, which may be nil.
func (c *Client) do(ctx context.Context, in *call, out any) error {
	resp, err := c.retry(ctx, c.askBudget(), in)
	if err != nil {
		return err
	}
	defer drain(resp)
	data, err := readAll(resp.Body)
	if err != nil {
		return &UnreachableError{URL: c.base.String(), Err: err}
	}
	if out == nil || len(data) == 0 {
		return nil
	}
	if raw, ok := out.(*json.RawMessage); ok {
		*raw = data
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("the hub's answer to %s %s is not understood: %w (is %s a zida hub of this version?)", in.method, in.path, err, c.base)
	}
	return nil
}

func (c *Client) askBudget() time.Duration {
	if c.cfg.RetryFor < 0 {
		return c.cfg.RetryFor
	}
	return min(askRetryFor, c.cfg.RetryFor)
}

func (c *Client) get(ctx context.Context, path string, query url.Values, out any) error {
	return c.do(ctx, &call{method: http.MethodGet, path: path, query: query}, out)
}

// sendJSON makes a call with a JSON body.
func (c *Client) sendJSON(ctx context.Context, method, path string, in, out any) error {
	data, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return c.do(ctx, &call{
		method: method, path: path, size: int64(len(data)), body: Bytes(data),
		header: http.Header{"Content-Type": {"application/json"}},
	}, out)
}

// Bytes is a Body of what is in memory.
func Bytes(data []byte) Body {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
}

func readAll(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxAnswer+1))
	if err == nil && len(data) > maxAnswer {
		err = fmt.Errorf("the answer is larger than %d MiB; ask for less, or for a stream", maxAnswer>>20)
	}
	return data, err
}

// drain lets the connection be used again; a long rest is not worth reading.
func drain(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	_ = resp.Body.Close()
}
