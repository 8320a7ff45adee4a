package auth

import (
	"slices"
	"time"

	"github.com/zida-hub/zida/hub/registry"
	"github.com/zida-hub/zida/schemas"
)

// Principal is the caller of a request: what its token or session says, cut down
// to what the registry grants at this moment. It is shared between requests and
// must not be changed.
type Principal struct {
	ClientID  string // a client's id or a user's; no two are alike
	Agency    string
	Regions   []string // GB/T 2260; 512000 covers 5120xx
	Scopes    []string
	Clearance schemas.Classification
	TokenID   string // jti; "" for a session
	Expires   time.Time
	// Role is that of a person with a session; "" for a program with a token.
	Role string
	// MustChange bars a person from everything but a change of the password.
	MustChange bool
}

// IsPerson tells a person with a session from a program with a token.
func (p *Principal) IsPerson() bool { return p.Role != "" }

// CanPush reports whether the caller may push and retract records of a dataset;
// the rows' regions are checked apart.
func (p *Principal) CanPush(dataset string) bool {
	return p.has("push:*") || holds(p.Scopes, "push:", dataset)
}

// CanRead reports whether the caller may read a dataset.
func (p *Principal) CanRead(dataset string) bool {
	return p.has("read:*") || holds(p.Scopes, "read:", dataset)
}

// CanQuery reports whether the caller may ask for metrics.
func (p *Principal) CanQuery() bool { return p.has(registry.ScopeQuery) }

// IsAdmin reports whether the caller manages clients: its own agency's, or all
// when it is the operator's.
func (p *Principal) IsAdmin() bool { return p.has(registry.ScopeAdmin) }

// IsOperator reports whether the caller is an admin of the operator.
func (p *Principal) IsOperator() bool { return p.IsAdmin() && p.Agency == registry.Operator }

// CanAudit reports whether the caller may read the acts of all admins, those of
// the other side included.
func (p *Principal) CanAudit() bool { return p.has(registry.ScopeAudit) }

// Actor names the caller in an act.
func (p *Principal) Actor(requestID, reason string) registry.Actor {
	return registry.Actor{Client: p.ClientID, Agency: p.Agency, Admin: p.IsAdmin(), RequestID: requestID, Reason: reason}
}

// has looks through the list: a client has a handful of scopes.
func (p *Principal) has(scope string) bool { return slices.Contains(p.Scopes, scope) }

// holds is CoversScope without building the scope's text.
func holds(scopes []string, kind, dataset string) bool {
	for _, s := range scopes {
		if len(s) == len(kind)+len(dataset) && s[:len(kind)] == kind && s[len(kind):] == dataset {
			return true
		}
	}
	return false
}

// narrow gives the regions both lists cover.
func narrow(token, now []string) []string {
	var out []string
	for _, r := range token {
		if schemas.CoversRegion(now, r) {
			out = append(out, r)
		}
	}
	for _, r := range now {
		if !slices.Contains(out, r) && schemas.CoversRegion(token, r) {
			out = append(out, r)
		}
	}
	return out
}
