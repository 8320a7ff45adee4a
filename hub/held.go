package hub

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/zida-hub/zida/analytics/engine"
	"github.com/zida-hub/zida/hub/journal"
	"github.com/zida-hub/zida/hub/receipt"
)

// heldPrefix begins the state keys of submissions that ClickHouse refused.
const heldPrefix = "held."

// heldNote is what is kept of a held submission.
type heldNote struct {
	Submission string    `json:"submission"`
	Code       string    `json:"code"`  // ClickHouse's name of the error
	Error      string    `json:"error"` // in its words, for the operator
	At         time.Time `json:"at"`
	Released   bool      `json:"released,omitempty"`
	By         string    `json:"by,omitempty"` // who released it
	revision   uint64
}

// held is the local view of the held submissions.
type held struct {
	mu    sync.Mutex
	notes map[string]*heldNote
}

// follow takes the notes in; changed hears of each: rows come or go without a submission.
func (v *held) follow(s *journal.State, changed func()) {
	v.notes = map[string]*heldNote{}
	s.Watch(heldPrefix, func(e journal.Entry) {
		n := &heldNote{revision: e.Revision}
		if json.Unmarshal(e.Value, n) != nil {
			return
		}
		defer changed()
		v.mu.Lock()
		defer v.mu.Unlock()
		v.notes[n.Submission] = n
	})
}

func (v *held) list() []*heldNote {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := []*heldNote{}
	for _, n := range v.notes {
		if !n.Released {
			out = append(out, n)
		}
	}
	sort.Slice(out, func(a, b int) bool { return out[a].At.Before(out[b].At) })
	return out
}

// heldOf returns the note of a held submission, nil when it is not held.
func (h *Hub) heldOf(submission string) *heldNote {
	h.held.mu.Lock()
	defer h.held.mu.Unlock()
	if n := h.held.notes[submission]; n != nil && !n.Released {
		return n
	}
	return nil
}

// hold notes that ClickHouse refused a submission. Both writers may.
func (h *Hub) hold(ctx context.Context, sequence uint64, index int, cause error) error {
	id := receipt.ID(sequence, index)
	if h.heldOf(id) != nil {
		return nil
	}
	n := heldNote{Submission: id, Error: cause.Error(), At: time.Now().UTC()}
	if e, ok := engine.AsError(cause); ok {
		n.Code = e.Name
	}
	value, err := json.Marshal(n)
	if err != nil {
		return err
	}
	var revision uint64
	if e, ok := h.journal.State().Get(heldPrefix + id); ok {
		revision = e.Revision
	}
	_, err = h.journal.State().Put(ctx, heldPrefix+id, value, revision)
	if errors.Is(err, journal.ErrConflict) { // the other writer was first
		return nil
	}
	return err
}

func (h *Hub) heldRoutes() []route {
	example := map[string]any{"submission": "42-7", "code": "VIOLATED_CONSTRAINT", "error": "…", "at": "2026-05-01T02:00:03.120Z"}
	return []route{
		{method: http.MethodGet, path: "/v1/admin/held", name: "listHeld", group: "admin", needs: needChief, handle: h.listHeld,
			zh: text{"列出挂起的提交", "ClickHouse 拒收的提交单独挂起，其余照常；修复后可放行。"}, en: text{"List held submissions", "A submission that ClickHouse refuses is held alone; release it after the repair."},
			answers: ok("挂起的提交", "The held submissions", jsonOf(object("held", map[string]schema{"held": list(schema{"type": "object"})}), map[string]any{"held": []any{example}}))},
		{method: http.MethodPost, path: "/v1/admin/held/:submission/release", name: "releaseHeld", group: "admin", needs: needChief, handle: h.releaseHeld,
			zh: text{summary: "放行挂起的提交"}, en: text{summary: "Release a held submission"}, params: []param{paramSubmit},
			answers:  ok("已写入", "It is written", jsonOf(schema{"type": "object"}, example)),
			problems: []string{"unknown-submission", "submission-held", "engine-unavailable"}},
	}
}

func (h *Hub) listHeld(c *gin.Context) {
	writeJSON(c, http.StatusOK, map[string]any{"held": h.held.list()})
}

// releaseHeld writes a held submission again, after a repair, to both tables.
func (h *Hub) releaseHeld(c *gin.Context) {
	id := c.Param("submission")
	n := h.heldOf(id)
	sequence, index, err := receipt.ParseID(id)
	if n == nil || err != nil {
		h.fail(c, refuse("unknown-submission", "没有挂起的提交 "+strconv.Quote(id), "There is no held submission "+strconv.Quote(id)))
		return
	}
	h.rollBack(sequence)
	for _, release := range []func(context.Context, uint64, int) error{h.current.Release, h.history.Release} {
		if err := release(c.Request.Context(), sequence, index); err != nil {
			if refusedRows(err) {
				h.fail(c, refuse("submission-held", "ClickHouse 仍拒收，详见日志", "ClickHouse still refuses it; see the log").because(err))
			} else {
				h.fail(c, refuse("engine-unavailable", "", "").because(err))
			}
			return
		}
	}
	done := *n
	done.Released, done.By = true, callOf(c).Principal.ClientID
	value, err := json.Marshal(done)
	if err == nil {
		_, err = h.journal.State().Put(c.Request.Context(), heldPrefix+id, value, n.revision)
	}
	if err != nil {
		h.fail(c, refuse("journal-unavailable", "", "").because(err))
		return
	}
	h.rollBack(sequence) // once more: a round may have ended in between
	h.rollUp(c.Request.Context(), h.current.Watermark())
	writeJSON(c, http.StatusOK, done)
}

// heldWords says how many submissions are held, for readiness.
func (h *Hub) heldWords() string {
	ids := []string{}
	for _, n := range h.held.list() {
		ids = append(ids, n.Submission)
	}
	return strings.Join(ids, " ")
}
