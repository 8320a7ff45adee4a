package registry

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of the lists a request may carry.
const (
	maxName    = 100 // characters
	maxScopes  = 100
	maxRegions = 200
	maxKeys    = 5 // public keys a client
	maxSecrets = 2 // live at once: the old one and its successor
	maxClients = 500
	maxUsers   = 500
)

func (f *faults) agencyID(field, id string) {
	if !agencyPattern.MatchString(id) {
		f.add(field, "pattern", id,
			"编号须为 2–32 个小写字母、数字或连字符，以字母开头，例如 dazu-wlj。",
			"an id has 2 to 32 lower-case letters, digits and hyphens and begins with a letter, such as dazu-wlj")
	}
}

// IsUserID reports whether a text has the form of a user's id.
func IsUserID(id string) bool { return userPattern.MatchString(id) && !strings.Contains(id, "..") }

// userID allows what a key of the state can hold: dots part its tokens, so that no
// two may stand together.
func (f *faults) userID(field, id string) {
	if !IsUserID(id) {
		f.add(field, "pattern", id,
			"用户编号须为 3–40 个小写字母、数字、点或连字符，以字母开头，不含连续的点，例如 dazu.lin。",
			"a user's id has 3 to 40 lower-case letters, digits, dots and hyphens, begins with a letter and has no two dots in a row, such as dazu.lin")
	}
}

func (f *faults) name(field, name string) {
	n := utf8.RuneCountInString(name)
	switch {
	case strings.TrimSpace(name) == "":
		f.add(field, "required", name, "请填写名称。", "give a name")
	case n > maxName:
		f.add(field, "length", name, "名称有 %d 个字，最多 %d 个；请缩短。", "the name has %d characters, at most %d: shorten it", n, maxName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		f.add(field, "pattern", name, "名称须为 UTF-8 文本，不含控制字符。", "a name is UTF-8 text without control characters")
	}
}

func (f *faults) regions(field string, regions []string) {
	switch {
	case len(regions) == 0:
		f.add(field, "required", "", "至少需要一个六位行政区划代码，例如 500111。", "give at least one six-digit region code, such as 500111")
	case len(regions) > maxRegions:
		f.add(field, "too_many", "", "最多 %d 个行政区划代码；请改用上级代码，例如 512000。", "at most %d region codes: use a wider one, such as 512000", maxRegions)
	}
	for _, r := range regions {
		if !regionPattern.MatchString(r) {
			f.add(field, "pattern", r, "行政区划代码为六位数字（GB/T 2260），例如 500111 或 512000。", "a region is a six-digit code of GB/T 2260, such as 500111 or 512000")
		}
	}
}

func (f *faults) scopes(field string, scopes []string) {
	switch {
	case len(scopes) == 0:
		f.add(field, "required", "", "至少需要一个权限，例如 push:tourism_flow。", "give at least one scope, such as push:tourism_flow")
	case len(scopes) > maxScopes:
		f.add(field, "too_many", "", "最多 %d 个权限；请改用 push:* 或 read:*。", "at most %d scopes: use push:* or read:*", maxScopes)
	}
	for _, s := range scopes {
		if !scopePattern.MatchString(s) {
			f.add(field, "unknown_code", s,
				"权限只有 push:<数据集>、push:*、read:<数据集>、read:*、query、admin、audit。",
				"a scope is push:<dataset>, push:*, read:<dataset>, read:*, query, admin or audit")
		}
	}
}

func (f *faults) clearance(field, word string) {
	if _, ok := ParseClearance(word); !ok {
		f.add(field, "unknown_code", word, "密级只有 public、internal、sensitive、core。", "a clearance is public, internal, sensitive or core")
	}
}
