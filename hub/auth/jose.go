package auth

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// compact is a JWS in compact form, taken apart but not yet believed.
type compact struct {
	header map[string]json.RawMessage
	claims map[string]json.RawMessage
}

// openCompact takes a token apart with more care than a JWT library does: no
// byte outside base64url (Go's decoder skips line ends), exactly three parts, a
// header and a body that are objects with no member twice. Two readers of one
// token must not be able to see two different things.
func openCompact(token string) (compact, error) {
	for i := range len(token) {
		c := token[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return compact{}, errMalformed
		}
	}
	head, rest, ok := strings.Cut(token, ".")
	body, sig, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 || strings.Contains(sig, ".") {
		return compact{}, errMalformed
	}
	var c compact
	var err error
	if c.header, err = openPart(head); err != nil {
		return compact{}, err
	}
	c.claims, err = openPart(body)
	return c, err
}

func openPart(part string) (map[string]json.RawMessage, error) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil || !utf8.Valid(data) || onceOnly(data) != nil {
		return nil, errMalformed
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil || members == nil {
		return nil, errMalformed
	}
	return members, nil
}

// maxDepth of the JSON in a token; ours has an array of strings at depth 2.
const maxDepth = 8

// onceOnly walks JSON text and refuses an object that has a member twice, at any depth.
func onceOnly(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return walk(dec, 0)
}

func walk(dec *json.Decoder, depth int) error {
	t, err := dec.Token()
	if err != nil {
		return err
	}
	d, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	if depth == maxDepth {
		return errors.New("too deep")
	}
	seen := map[string]bool{}
	for dec.More() {
		if d == '{' {
			name, err := dec.Token()
			if err != nil {
				return err
			}
			s, _ := name.(string)
			if seen[s] {
				return errors.New("a member twice")
			}
			seen[s] = true
		}
		if err := walk(dec, depth+1); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

// forbiddenHeaders would have us take a key from the token, understand an
// extension, or read the body some other way (RFC 7515 §4.1, RFC 7797, RFC 8725 §3).
var forbiddenHeaders = []string{"crit", "jku", "jwk", "x5u", "x5c", "b64", "zip", "enc"}

func (c compact) plain() error {
	for _, name := range forbiddenHeaders {
		if _, ok := c.header[name]; ok {
			return errHeader
		}
	}
	return nil
}

// text reads a member that must be a string; "" when it is anything else.
func text(members map[string]json.RawMessage, name string) string {
	var s *string
	if json.Unmarshal(members[name], &s) != nil || s == nil {
		return ""
	}
	return *s
}

// seconds reads a NumericDate that must be a whole number; 0 when it is not.
func seconds(members map[string]json.RawMessage, name string) int64 {
	var n *int64
	if json.Unmarshal(members[name], &n) != nil || n == nil {
		return 0
	}
	return *n
}

// texts reads a member that must be an array of strings.
func texts(members map[string]json.RawMessage, name string) []string {
	var out []string
	if json.Unmarshal(members[name], &out) != nil {
		return nil
	}
	return out
}
