package hub

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/zida-hub/zida/schemas"
)

// docGroup is a chapter of /docs.
type docGroup struct {
	Title      string
	Operations []docOperation
}

// docOperation is one call as /docs shows it, in one language.
type docOperation struct {
	Name, Method, Path, Summary, Description, Scope, Curl string
	Params                                                []docParam
	Bodies                                                []docBody
	Answers                                               []docAnswer
	Problems                                              []docProblem
}

type docParam struct {
	Name, In, Meaning, Words, Example string
	Required                          bool
}

type docBody struct{ Kind, Example string }

type docAnswer struct {
	Status        int
	Text, Headers string
	Bodies        []docBody
}

type docProblem struct {
	Name, Title string
	Status      int
}

func docGroups(table []route, lang, server string) []docGroup {
	var groups []docGroup
	for _, g := range routeGroups {
		group := docGroup{Title: either(lang, g.zh, g.en)}
		for i := range table {
			if r := &table[i]; r.group == g.name && !r.hidden {
				group.Operations = append(group.Operations, docOf(r, lang, server))
			}
		}
		groups = append(groups, group)
	}
	return groups
}

func docOf(r *route, lang, server string) docOperation {
	op := docOperation{
		Name: r.name, Method: r.method, Path: openapiPath(r.path),
		Summary: either(lang, r.zh.summary, r.en.summary), Description: either(lang, r.zh.description, r.en.description),
		Curl: curl(r, server), Bodies: docBodies(r.body),
	}
	if r.needs != nil {
		op.Scope = r.needs.words
	}
	for _, p := range r.params {
		d := docParam{Name: p.name, In: p.in, Meaning: either(lang, p.zh, p.en), Example: fmt.Sprint(p.example), Required: p.required || p.in == "path"}
		if words, ok := p.schema["enum"].([]string); ok {
			d.Words = strings.Join(words, " | ")
		}
		op.Params = append(op.Params, d)
	}
	for _, a := range r.answers {
		op.Answers = append(op.Answers, docAnswer{Status: a.status, Text: either(lang, a.zh, a.en), Headers: strings.Join(a.headers, ", "), Bodies: docBodies(a.media)})
	}
	for _, name := range r.allProblems() {
		if p, ok := schemas.ProblemByName(name); ok {
			op.Problems = append(op.Problems, docProblem{Name: p.Name, Title: either(lang, p.TitleZH, p.TitleEN), Status: p.Status})
		}
	}
	return op
}

func docBodies(list []media) []docBody {
	var out []docBody
	for _, m := range list {
		out = append(out, docBody{Kind: m.kind, Example: pretty(m.wire())})
	}
	return out
}

// callsWith lists the operations that can answer with a problem.
func callsWith(groups []docGroup, name string) []docOperation {
	var out []docOperation
	for _, g := range groups {
		for _, op := range g.Operations {
			for _, p := range op.Problems {
				if p.Name == name {
					out = append(out, op)
				}
			}
		}
	}
	return out
}

// curl is the call as one can paste it, with the token in $TOKEN.
func curl(r *route, server string) string {
	path, query := openapiPath(r.path), url.Values{}
	var headers []string
	for _, p := range r.params {
		switch {
		case p.in == "path":
			path = strings.ReplaceAll(path, "{"+p.name+"}", url.PathEscape(fmt.Sprint(p.example)))
		case p.in == "query" && p.required:
			query.Set(p.name, fmt.Sprint(p.example))
		case p.in == "header" && p.name == "Idempotency-Key":
			headers = append(headers, p.name+": "+fmt.Sprint(p.example))
		}
	}
	address := server + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	parts := []string{"curl"}
	if r.method != "GET" && (r.method != "POST" || len(r.body) == 0) {
		parts = append(parts, "-X "+r.method)
	}
	parts = append(parts, shellQuote(address))
	if r.needs != nil {
		parts = append(parts, `-H "Authorization: Bearer $TOKEN"`)
	}
	if r.basic {
		parts = append(parts, `-u "$ZIDA_CLIENT_ID:$ZIDA_CLIENT_SECRET"`)
	}
	for _, h := range headers {
		parts = append(parts, "-H "+shellQuote(h))
	}
	if len(r.body) > 0 {
		parts = append(parts, "-H "+shellQuote("Content-Type: "+r.body[0].kind), "--data "+shellQuote(compact(r.body[0].wire())))
	}
	return strings.Join(parts, " \\\n  ")
}

// wire is the example as it is sent: a form is text on the wire and an object to
// its schema (OpenAPI 3.1, "Support for x-www-form-urlencoded Request Bodies").
func (m media) wire() any {
	fields, ok := m.example.(map[string]any)
	if !ok || m.kind != "application/x-www-form-urlencoded" {
		return m.example
	}
	form := url.Values{}
	for name, value := range fields {
		form.Set(name, fmt.Sprint(value))
	}
	return form.Encode()
}

func compact(example any) string {
	if s, ok := example.(string); ok {
		return s
	}
	text, err := json.Marshal(example)
	if err != nil {
		return ""
	}
	return string(text)
}

// shellQuote makes one word of a POSIX shell.
func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
