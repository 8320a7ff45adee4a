package hub

import (
	"errors"
	"testing"
)

func TestASmallJSONBodyIsReadStrictly(t *testing.T) {
	type inner struct {
		C int `json:"c"`
	}
	var into struct {
		A int     `json:"a"`
		B []inner `json:"b"`
	}
	for text, field := range map[string]string{
		`{"a":1,"b":[{"c":1},{"c":2}]}`: "-",
		`{"a":1,"a":2}`:                 "a",
		`{"b":[{"c":1,"c":2}]}`:         "c",
		`{"b":[{"c":1}],"b":[]}`:        "b",
		`{"a":1} {"a":2}`:               "",
		`{"a":"x"}`:                     "a",
		`{"d":1}`:                       "d",
		"{\"a\":1,\"\xff\":2}":          "",
		`{"a":1`:                        "",
		`[{"a":1,"a":2}]`:               "a",
		``:                              "",
	} {
		err := decodeJSON([]byte(text), &into)
		if field == "-" {
			if err != nil {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		var p *problemError
		if !errors.As(err, &p) || p.Name != "invalid-request" {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := append(p.Fields, fieldFault{})[0].Field; got != field {
			t.Errorf("%s: field %q, want %q", text, got, field)
		}
	}
}
