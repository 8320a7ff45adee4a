package registry

import (
	"regexp"
	"slices"
	"strings"

	"github.com/zida-hub/zida/schemas"
)

// The scopes that name no dataset.
const (
	ScopeQuery = "query"
	ScopeAdmin = "admin"
	ScopeAudit = "audit"
)

// AllScopes is everything there is to grant.
var AllScopes = []string{"push:*", "read:*", ScopeQuery, ScopeAdmin, ScopeAudit}

// The roles that a user can have.
const (
	RoleViewer  = "viewer"
	RoleAnalyst = "analyst"
	RoleSteward = "steward"
	RoleAdmin   = "admin"
)

// roleScopes is what each role holds at most; its agency's scopes bound it. What a
// viewer and an analyst may read differs by clearance.
var roleScopes = map[string][]string{
	RoleViewer:  {ScopeQuery, "read:*"},
	RoleAnalyst: {ScopeQuery, "read:*"},
	RoleSteward: {ScopeQuery, "read:*", "push:*", ScopeAudit},
	RoleAdmin:   {ScopeQuery, "read:*", "push:*", ScopeAudit, ScopeAdmin},
}

var (
	userPattern   = regexp.MustCompile(`^[a-z][a-z0-9.-]{1,38}[a-z0-9]$`)
	scopePattern  = regexp.MustCompile(`^(?:(?:push|read):(?:\*|[a-z][a-z0-9_]{0,63})|query|admin|audit)$`)
	agencyPattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}[a-z0-9]$`)
	regionPattern = regexp.MustCompile(`^[1-9][0-9]{5}$`)
)

// CoversScope reports whether one of the held scopes gives the wanted one:
// push:* gives every push:<dataset>.
func CoversScope(held []string, want string) bool {
	for _, h := range held {
		if h == want {
			return true
		}
		if kind, ok := strings.CutSuffix(h, "*"); ok && strings.HasPrefix(want, kind) {
			return true
		}
	}
	return false
}

// IntersectScopes gives what both lists hold, sorted, with no scope that
// another one covers.
func IntersectScopes(a, b []string) []string {
	var out []string
	for _, s := range a {
		if CoversScope(b, s) {
			out = append(out, s)
		}
	}
	for _, s := range b {
		if CoversScope(a, s) {
			out = append(out, s)
		}
	}
	return normalScopes(out)
}

// normalScopes sorts, and drops what another scope covers.
func normalScopes(in []string) []string {
	out := make([]string, 0, len(in))
	for _, s := range in {
		others := slices.DeleteFunc(slices.Clone(in), func(o string) bool { return o == s })
		if !CoversScope(others, s) && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return out
}

// clearances in the order of 分类分级, lowest first; the index is the
// schemas.Classification.
var clearances = []string{"public", "internal", "sensitive", "core"}

// ParseClearance turns the word into its level.
func ParseClearance(word string) (schemas.Classification, bool) {
	i := slices.Index(clearances, word)
	return schemas.Classification(max(i, 0)), i >= 0
}

// lower gives the lower of two clearances; a word that is none counts as public.
func lower(a, b string) string {
	return clearances[max(0, min(slices.Index(clearances, a), slices.Index(clearances, b)))]
}

func above(a, b string) bool { return lower(a, b) != a }
