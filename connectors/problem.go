package connectors

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// RowError is one record's fault as the hub names it, with the place in the
// sender's own file added by whoever read that file.
type RowError struct {
	Row     int    `json:"row"` // record number, from 1
	Field   string `json:"field,omitempty"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Value   string `json:"value,omitempty"`
	File    string `json:"file,omitempty"`
	Sheet   string `json:"sheet,omitempty"`
	Line    int    `json:"line,omitempty"`   // line of a text file, row number of a sheet
	Cell    string `json:"cell,omitempty"`   // of a sheet, such as B7
	Column  string `json:"column,omitempty"` // the heading
}

// Problem is an error answer: RFC 9457's members, ours, and what the headers add.
type Problem struct { //nolint:errname // RFC 9457's own word
	Type       string        `json:"type"`
	Title      string        `json:"title"`
	Status     int           `json:"status"`
	Detail     string        `json:"detail,omitempty"`
	Instance   string        `json:"instance,omitempty"`
	Remedy     string        `json:"remedy,omitempty"`
	Errors     []RowError    `json:"errors,omitempty"`
	ErrorCount int           `json:"error_count,omitempty"` // Errors may name fewer
	RequestID  string        `json:"request_id,omitempty"`
	RetryAfter time.Duration `json:"-"`
	// Body is the document as it came, for --json.
	Body   json.RawMessage `json:"-"`
	oauth  oauthError
	denied bool
}

type oauthError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

func (p *Problem) Error() string {
	text := p.Title
	if p.Detail != "" && p.Detail != p.Title {
		text += ": " + p.Detail
	}
	if text == "" {
		text = fmt.Sprintf("the hub answered %d %s", p.Status, http.StatusText(p.Status))
	}
	return text
}

// Name is the last part of the problem's type, such as "record-refused".
func (p *Problem) Name() string { return p.Type[strings.LastIndexByte(p.Type, '/')+1:] }

// Denied says that the caller is not known or not allowed.
func (p *Problem) Denied() bool {
	return p.denied || p.Status == http.StatusUnauthorized || p.Status == http.StatusForbidden
}

// temporary tells what the same request may succeed with later.
func (p *Problem) temporary() bool {
	switch p.Status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusBadGateway,
		http.StatusGatewayTimeout, http.StatusRequestTimeout:
		return true
	}
	return false
}

// Temporary says that the hub, not the request, was at fault when tries ran out.
func (p *Problem) Temporary() bool { return p.temporary() }

// laterError is a refusal that says when to come back.
type laterError struct {
	problem *Problem
	wait    *backoff.RetryAfterError
}

func (e *laterError) Error() string   { return e.problem.Error() }
func (e *laterError) Unwrap() []error { return []error{e.problem, e.wait} }

// again wraps a refusal for the retry library: for good, at a time, or with back-off.
func (p *Problem) again() error {
	switch {
	case !p.temporary():
		return backoff.Permanent(p)
	case p.RetryAfter > 0:
		return &laterError{problem: p, wait: &backoff.RetryAfterError{Duration: p.RetryAfter}}
	}
	return p
}

// readProblem consumes an error answer, whatever shape a proxy gave it.
func readProblem(resp *http.Response) *Problem {
	defer drain(resp)
	data, _ := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	p := &Problem{}
	if json.Unmarshal(data, p) == nil {
		p.Body = data
		_ = json.Unmarshal(data, &p.oauth)
	} else if text := strings.TrimSpace(string(data)); text != "" && len(text) < 300 && !strings.HasPrefix(text, "<") {
		p.Detail = text
	}
	if p.Status == 0 {
		p.Status = resp.StatusCode
	}
	if p.Title == "" {
		p.Title = fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	if to := resp.Header.Get("Location"); to != "" && resp.StatusCode < 400 {
		p.Detail = "the address leads on to " + to + "; a token is not sent there: use the hub's own address"
	}
	if id := resp.Header.Get("X-Request-Id"); id != "" {
		p.RequestID = id
	}
	p.RetryAfter = retryAfter(resp.Header.Get("Retry-After"))
	return p
}

// retryAfter reads RFC 9110 §10.2.3's two forms; 0 when there is none.
func retryAfter(v string) time.Duration {
	if v == "" {
		return 0
	}
	if s, err := strconv.Atoi(v); err == nil {
		// 0 means at once; a millisecond keeps it apart from "not said".
		return max(time.Duration(s)*time.Second, time.Millisecond)
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(time.Until(at), time.Millisecond)
	}
	return 0
}
