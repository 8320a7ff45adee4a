package hub

import (
	"cmp"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/zida-hub/zida/schemas"
)

// problemError is a refusal on its way to the caller: a problem of the catalogue
// (schemas.Problems) with what is particular to this case. Handlers return or
// build one and hand it to fail; nothing else of an error reaches a stranger.
type problemError struct {
	Name       string
	ZH, EN     string // detail; empty: the catalogue's explanation
	DoZH, DoEN string // remedy; empty: the catalogue's
	Errors     []schemas.RowError
	Fields     []fieldFault   // errors of a request that is not made of records
	Extra      map[string]any // further members, RFC 9457 §3.2
	RetryAfter time.Duration  // with 429 and 503
	Cause      error          // for the log only
}

// refuse makes a problemError.
func refuse(name, zh, en string) *problemError {
	return &problemError{Name: name, ZH: zh, EN: en}
}

// Error is for logs.
func (e *problemError) Error() string {
	s := e.Name
	if e.EN != "" {
		s += ": " + e.EN
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *problemError) Unwrap() error { return e.Cause }

// because notes what was behind it, for the log.
func (e *problemError) because(err error) *problemError { e.Cause = err; return e }

// retryIn says when to try again; the answer's Retry-After, in whole seconds, rounded up.
func (e *problemError) retryIn(d time.Duration) *problemError { e.RetryAfter = d; return e }

// with adds a member to the answer.
func (e *problemError) with(name string, value any) *problemError {
	if e.Extra == nil {
		e.Extra = map[string]any{}
	}
	e.Extra[name] = value
	return e
}

// rows adds the errors of records.
func (e *problemError) rows(errs []schemas.RowError) *problemError { e.Errors = errs; return e }

// problem answers with a problem of the catalogue. zh and en say what is
// particular to this case; both empty means the catalogue's explanation.
func (s *shell) problem(c *gin.Context, name, zh, en string) {
	s.fail(c, refuse(name, zh, en))
}

// fail answers with the problem in err, or with a 500 that says nothing of it.
func (s *shell) fail(c *gin.Context, err error) {
	k := callOf(c)
	entry, p := s.known(c, err)
	if k.Written() {
		// The answer had begun: cut it, so that it cannot be taken for a whole one.
		panic(http.ErrAbortHandler)
	}
	lang := languageOf(c.Request)
	header := k.Header()
	header.Set("Content-Type", "application/problem+json; charset=utf-8")
	header.Set("Content-Language", contentLanguage(lang))
	header.Set("Vary", "Accept-Language")
	header.Set("Cache-Control", "no-store")
	header.Del("Content-Disposition")
	if p.RetryAfter > 0 {
		header.Set("Retry-After", strconv.FormatInt(int64((p.RetryAfter+time.Second-1)/time.Second), 10))
	}
	k.WriteHeader(entry.Status)
	_, _ = k.Write(problemJSON(entry, p, lang, c.Request.URL.Path, k.ID))
}

// known is the problem of the catalogue in err, put into the log where it is the hub's own.
func (s *shell) known(c *gin.Context, err error) (schemas.Problem, *problemError) {
	k := callOf(c)
	var p *problemError
	if !errors.As(err, &p) {
		p = problemFor(err)
	}
	entry, known := schemas.ProblemByName(p.Name)
	if !known {
		s.slog.Error("problem missing from the catalogue", "name", p.Name, "request_id", k.ID)
		p = &problemError{Name: "internal", Cause: p}
		entry, _ = schemas.ProblemByName(p.Name)
	}
	if entry.Status >= http.StatusInternalServerError {
		level := slog.LevelError
		if entry.Status == http.StatusServiceUnavailable {
			level = slog.LevelWarn
		}
		s.slog.Log(c.Request.Context(), level, "request failed", "request_id", k.ID, "route", k.route.path, "problem", p.Name, "cause", p.Cause, "detail", p.EN)
	}
	return entry, p
}

// problemText is a problem's title, detail and remedy.
func problemText(entry schemas.Problem, p *problemError, lang string) []string {
	return []string{
		either(lang, entry.TitleZH, entry.TitleEN),
		cmp.Or(either(lang, p.ZH, p.EN), either(lang, entry.ExplainZH, entry.ExplainEN)),
		cmp.Or(either(lang, p.DoZH, p.DoEN), either(lang, entry.RemedyZH, entry.RemedyEN)),
	}
}

// problemJSON writes the members in the order people read them.
func problemJSON(entry schemas.Problem, p *problemError, lang, path, id string) []byte {
	text := problemText(entry, p, lang)
	out := []byte{'{'}
	member := func(name string, value any) {
		written, err := json.Marshal(value)
		if err != nil {
			return
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = strconv.AppendQuote(out, name)
		out = append(out, ':')
		out = append(out, written...)
	}
	member("type", "/problems/"+entry.Name)
	member("title", text[0])
	member("status", entry.Status)
	member("detail", text[1])
	member("remedy", text[2])
	member("instance", path)
	member("request_id", id)
	for _, name := range slices.Sorted(maps.Keys(p.Extra)) {
		member(name, p.Extra[name])
	}
	if len(p.Errors) > 0 {
		rows := make([]schemas.RowError, len(p.Errors))
		for i := range p.Errors {
			rows[i] = p.Errors[i].In(lang)
		}
		member("errors", rows)
	} else if len(p.Fields) > 0 {
		fields := make([]map[string]string, len(p.Fields))
		for i := range p.Fields {
			fields[i] = p.Fields[i].in(lang)
		}
		member("errors", fields)
	}
	return append(out, '}')
}

// languageOf is "zh" or "en": ?lang= first, then Accept-Language; Chinese unless
// English is preferred.
func languageOf(r *http.Request) string {
	if strings.Contains(r.URL.RawQuery, "lang=") {
		switch r.URL.Query().Get("lang") {
		case "en":
			return "en"
		case "zh":
			return "zh"
		}
	}
	best, lang := 0.0, "zh"
	for _, header := range r.Header["Accept-Language"] {
		for part := range strings.SplitSeq(header, ",") {
			tag, params, _ := strings.Cut(part, ";")
			weight := 1.0
			if q, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
				w, err := strconv.ParseFloat(q, 64)
				if err != nil || w < 0 || w > 1 {
					continue
				}
				weight = w
			}
			primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
			if (primary == "en" || primary == "zh") && weight > best {
				best, lang = weight, primary
			}
		}
	}
	return lang
}

func contentLanguage(lang string) string {
	if lang == "en" {
		return "en"
	}
	return "zh-CN"
}
