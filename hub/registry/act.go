package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Actor is who acts: the client of a verified token, the user of a session, or
// the hub itself.
type Actor struct {
	Client    string // a client's id or a user's
	Agency    string
	Admin     bool // the token or session carries scope admin
	RequestID string
	Reason    string
}

// System is the hub acting by itself: first start, automatic rotation.
func System(reason string) Actor {
	return Actor{Client: "system", Agency: Operator, Admin: true, Reason: reason}
}

// IsOperator reports whether the actor is an admin of the operator.
func (a Actor) IsOperator() bool { return a.Admin && a.Agency == Operator }

// Act is one deed of an admin or of the hub itself, as it stands in the journal.
// It never holds a secret, a hash of one or a private key, so both sides can
// read every act.
type Act struct {
	Sequence    uint64    `json:"sequence,omitempty"` // its revision in the state; the cursor of Acts
	Actor       string    `json:"actor"`              // client or user id
	ActorAgency string    `json:"actor_agency"`
	Action      string    `json:"action"` // such as client.create
	Object      string    `json:"object"` // such as client.c-0123
	Agency      string    `json:"agency,omitempty"`
	At          time.Time `json:"at"`
	RequestID   string    `json:"request_id,omitempty"`
	Reason      string    `json:"reason,omitempty"`
	Changes     []Change  `json:"changes,omitempty"`
}

// Change is one field an act changed, in text.
type Change struct {
	Field string `json:"field"`
	From  string `json:"from,omitempty"`
	To    string `json:"to,omitempty"`
}

// maxReason bounds the text an admin may give with an act, in bytes.
const maxReason = 1000

// NewAct states an act. Object is the state key the act writes, agency the one
// whose affair it is. Other rooms of the hub whose state values carry such an
// "act" member appear in Acts too.
func NewAct(by Actor, action, object, agency string, at time.Time, changes []Change) Act {
	reason := strings.ToValidUTF8(by.Reason, "")
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "")
	}
	return Act{
		Actor: by.Client, ActorAgency: by.Agency, Action: action, Object: object, Agency: agency,
		At: at.UTC(), RequestID: by.RequestID, Reason: reason, Changes: changes,
	}
}

// actPage is how many revisions one step of Acts reads; most are acts.
const actPage = 256

// Acts lists up to limit acts after a sequence, oldest first, from the whole
// history of the state: nothing that was ever done is missing. The last act's
// Sequence is the next after.
func (r *Registry) Acts(ctx context.Context, after uint64, limit int) ([]Act, error) {
	acts := []Act{}
	for len(acts) < limit {
		entries, err := r.state.Log(ctx, after, actPage)
		if err != nil {
			return nil, fmt.Errorf("read the acts: %w", err)
		}
		for _, e := range entries {
			after = e.Revision
			var v struct {
				Act *Act `json:"act"`
			}
			// A value without an act is state that no admin made, such as a seen assertion.
			if json.Unmarshal(e.Value, &v) != nil || v.Act == nil {
				continue
			}
			v.Act.Sequence = e.Revision
			if acts = append(acts, *v.Act); len(acts) == limit {
				return acts, nil
			}
		}
		if len(entries) < actPage {
			break
		}
	}
	return acts, nil
}

// changes collects the fields that differ.
type changes []Change

func (c *changes) text(field, from, to string) {
	if from != to {
		*c = append(*c, Change{Field: field, From: from, To: to})
	}
}

func (c *changes) list(field string, from, to []string) {
	if !slices.Equal(from, to) {
		c.text(field, strings.Join(from, " "), strings.Join(to, " "))
	}
}

func (c *changes) flag(field string, from, to bool) {
	if from != to {
		*c = append(*c, Change{Field: field, From: strconv.FormatBool(from), To: strconv.FormatBool(to)})
	}
}
