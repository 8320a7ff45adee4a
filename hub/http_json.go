package hub

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/zida-hub/zida/hub/registry"
)

// fieldFault is one member or parameter of a request that cannot be taken; it
// answers in the shape of a record's errors, without a row.
type fieldFault struct {
	Field, Code, Value, ZH, EN string
}

func (f fieldFault) in(lang string) map[string]string {
	out := map[string]string{"field": f.Field, "code": f.Code, "message": either(lang, f.ZH, f.EN)}
	if f.Value != "" {
		out["value"] = f.Value
	}
	return out
}

// badParam refuses one parameter or member.
func badParam(field, code, value, zh, en string) *problemError {
	if len(value) > 200 {
		value = value[:200]
	}
	p := refuse("invalid-request", zh, en)
	p.Fields = []fieldFault{{field, code, strings.ToValidUTF8(value, ""), zh, en}}
	return p
}

// readJSON reads a small JSON body strictly: one value, known members only. An
// absent body is an empty object where optional says so.
func readJSON(c *gin.Context, into any, optional bool) error {
	kind, _, _ := mime.ParseMediaType(c.GetHeader("Content-Type"))
	data, err := io.ReadAll(c.Request.Body)
	if err != nil {
		return problemFor(err)
	}
	if len(bytes.TrimSpace(data)) == 0 && optional {
		return nil
	}
	if kind != "application/json" && kind != "" {
		return refuse("unsupported-media-type", "请以 application/json 发送请求体", "Send the body as application/json")
	}
	return decodeJSON(data, into)
}

// decodeJSON decodes one whole JSON value and refuses what a lenient reader would
// settle by guessing: members given twice or unknown, text after the value, bytes
// that are not UTF-8.
func decodeJSON(data []byte, into any) error {
	if err := plainJSON(data); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return jsonFault(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return refuse("invalid-request", "JSON 之后还有多余内容，请只发送一个 JSON 值", "There is more after the JSON value; send exactly one")
	}
	return nil
}

// plainJSON refuses bad UTF-8 and members given twice; other faults are left to the decoder.
func plainJSON(data []byte) error {
	if !utf8.Valid(data) {
		return refuse("invalid-request", "请求体不是 UTF-8，请以 UTF-8 编码发送", "The body is not UTF-8; send it as UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var open []map[string]bool // members seen, one a level; nil for an array
	name := false              // a member's name comes next
	for {
		t, err := d.Token()
		if err != nil {
			return nil //nolint:nilerr // the decoder proper names it
		}
		switch v := t.(type) {
		case json.Delim:
			switch v {
			case '{':
				open = append(open, map[string]bool{})
			case '[':
				open = append(open, nil)
			default:
				open = open[:len(open)-1]
			}
		case string:
			if name {
				seen := open[len(open)-1]
				if seen[v] {
					return badParam(v, "duplicate_field", "", "成员“"+v+"”出现了两次，请只保留一个", "The member “"+v+"” is given twice; keep one")
				}
				seen[v] = true
				name = false
				continue
			}
		}
		if len(open) == 0 {
			return nil
		}
		name = open[len(open)-1] != nil
	}
}

// jsonFault tells where a body is wrong, in words of ours: the library's own
// texts name Go types.
func jsonFault(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		want := jsonKind(wrong.Type)
		return badParam(wrong.Field, "type", wrong.Value, "此处应为 "+want, "A "+want+" belongs here").because(err)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		if plain, err := strconv.Unquote(name); err == nil {
			name = plain
		}
		if len(name) > 100 {
			name = strings.ToValidUTF8(name[:100], "") + "…"
		}
		return badParam(name, "unknown_field", "", "没有成员“"+name+"”，请核对拼写（见 /docs）", "There is no member “"+name+"”; check its spelling against /docs").because(err)
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		at := strconv.FormatInt(syntax.Offset, 10)
		return refuse("invalid-request", "JSON 在第 "+at+" 字节处有语法错误", "The JSON breaks off or is wrong at byte "+at).because(err)
	}
	return refuse("invalid-request", "请求体不是完整的 JSON", "The body is not a whole JSON value").because(err)
}

func jsonKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Slice, reflect.Array:
		return "array"
	case reflect.Map, reflect.Struct:
		return "object"
	case reflect.Pointer:
		return jsonKind(t.Elem())
	}
	return "number"
}

// writeJSON answers with a value. Answers are not for caches: they depend on who asks.
func writeJSON(c *gin.Context, status int, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // a type of ours that cannot be written is a fault of ours
	}
	header := c.Writer.Header()
	header.Set("Content-Type", "application/json; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	c.Writer.WriteHeader(status)
	_, _ = c.Writer.Write(text)
}

// queryInt reads a whole number between low and high from the query string.
func queryInt(c *gin.Context, name string, missing, low, high int64) (int64, error) {
	text := c.Query(name)
	if text == "" {
		return missing, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < low || n > high {
		l, h := strconv.FormatInt(low, 10), strconv.FormatInt(high, 10)
		return 0, badParam(name, "range", text, name+" 须为 "+l+" 到 "+h+" 的整数", name+" is a whole number from "+l+" to "+h)
	}
	return n, nil
}

// registryProblem turns the registry's refusals into problems; they are written
// for people and hold no secret.
func registryProblem(err error) error {
	if errors.Is(err, registry.ErrBusy) {
		return refuse("overloaded", "同时核对的密码过多，请稍后再试", "Too many passwords are being checked at once; try again in a moment").retryIn(2 * time.Second)
	}
	var refused *registry.Error
	if !errors.As(err, &refused) {
		return err
	}
	name := "invalid-request"
	switch {
	case errors.Is(err, registry.ErrNotFound):
		name = "not-found"
	case errors.Is(err, registry.ErrExists), errors.Is(err, registry.ErrConflict):
		name = "conflict"
	case errors.Is(err, registry.ErrForbidden):
		name = "forbidden"
	}
	p := refuse(name, refused.ZH, refused.EN)
	for _, f := range refused.Fields {
		p.Fields = append(p.Fields, fieldFault{f.Field, f.Code, f.Value, f.ZH, f.EN})
	}
	return p
}

// accepts picks the first offer the Accept header allows best; "" when none.
// No header means the first offer.
func accepts(r *http.Request, offers ...string) string {
	header := strings.Join(r.Header["Accept"], ",")
	if strings.TrimSpace(header) == "" {
		return offers[0]
	}
	best, choice := 0.0, ""
	for _, offer := range offers {
		if q := acceptWeight(header, offer); q > best {
			best, choice = q, offer
		}
	}
	return choice
}

// acceptWeight is the weight of the most specific range that matches (RFC 9110 §12.5.1).
func acceptWeight(header, offer string) float64 {
	weight, specific := 0.0, -1
	kind, _, _ := strings.Cut(offer, "/")
	for part := range strings.SplitSeq(header, ",") {
		name, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		q := 1.0
		if text, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(text, 64); err != nil {
				continue
			}
		}
		at := -1
		switch name {
		case offer:
			at = 2
		case kind + "/*":
			at = 1
		case "*/*":
			at = 0
		}
		if at > specific {
			weight, specific = q, at
		}
	}
	return weight
}
