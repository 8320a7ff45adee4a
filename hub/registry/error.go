package registry

import (
	"errors"
	"fmt"
	"strings"
)

// The kinds of refusal; errors.Is finds them in an *Error.
var (
	ErrInvalid   = errors.New("invalid")
	ErrNotFound  = errors.New("not found")
	ErrExists    = errors.New("exists already")
	ErrConflict  = errors.New("changed by someone else meanwhile")
	ErrForbidden = errors.New("not allowed")
)

// Error is a refusal a person reads: what is wrong and what to do about it, in
// both languages. Kind is one of the errors above.
type Error struct {
	Kind   error
	ZH, EN string
	Fields []FieldError // of ErrInvalid: every field that is wrong, in the order of the request
}

// FieldError is one field that cannot be taken, with the remedy in its text.
type FieldError struct {
	Field string
	Code  string // required, pattern, range, unknown_code, too_many, duplicate
	Value string // as given, cut to 200 bytes; never a secret
	ZH    string
	EN    string
}

func (e *Error) Error() string {
	if len(e.Fields) == 0 {
		return e.EN
	}
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		parts[i] = f.Field + ": " + f.EN
	}
	return strings.Join(parts, "; ")
}

func (e *Error) Unwrap() error { return e.Kind }

// In gives the text in "zh" or "en".
func (e *Error) In(lang string) string {
	if lang == "zh" {
		return e.ZH
	}
	return e.EN
}

func forbidden(zh, en string, args ...any) error {
	return &Error{Kind: ErrForbidden, ZH: fmt.Sprintf(zh, args...), EN: fmt.Sprintf(en, args...)}
}

func notFound(what, whatZH, id string) error {
	return &Error{
		Kind: ErrNotFound,
		ZH:   fmt.Sprintf("没有%s“%s”；请检查编号。", whatZH, cut(id)),
		EN:   fmt.Sprintf("there is no %s %q: check the id", what, cut(id)),
	}
}

func conflict(object string) error {
	return &Error{
		Kind: ErrConflict,
		ZH:   fmt.Sprintf("%s 已被他人修改；请重新读取后再试。", object),
		EN:   fmt.Sprintf("%s was changed by someone else meanwhile: read it again and repeat the change", object),
	}
}

// faults gathers what is wrong with a request, so that one answer names it all.
type faults []FieldError

func (f *faults) add(field, code, value, zh, en string, args ...any) {
	*f = append(*f, FieldError{
		Field: field, Code: code, Value: cut(value),
		ZH: fmt.Sprintf(zh, args...), EN: fmt.Sprintf(en, args...),
	})
}

func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return &Error{Kind: ErrInvalid, ZH: "请求中有不合要求的字段。", EN: "the request has fields that cannot be taken", Fields: f}
}

// cut bounds a value that is echoed, in bytes, on a rune's edge.
func cut(s string) string {
	const most = 200
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "")
}
