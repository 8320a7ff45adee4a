package hub

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/zida-hub/zida/analytics"
	"github.com/zida-hub/zida/hub/auth"
	"github.com/zida-hub/zida/hub/journal"
	"github.com/zida-hub/zida/hub/receipt"
	"github.com/zida-hub/zida/schemas"
)

// States of a submission.
const (
	stateReceived = "received" // durable
	stateVisible  = "visible"  // every row answers
	stateHeld     = "held"     // ClickHouse refused it; it waits for repair
)

// stateOf says how far a submission has come.
func (h *Hub) stateOf(id string, sequence uint64) string {
	if h.heldOf(id) != nil {
		return stateHeld
	}
	if h.current.Watermark() >= sequence {
		return stateVisible
	}
	return stateReceived
}

// findSubmission reads a submission that the caller may see: its own agency's,
// or any with the audit scope.
func (h *Hub) findSubmission(c *gin.Context) (*journal.Block, int, error) {
	b, index, err := h.lookUp(c, c.Param("submission"))
	if err != nil {
		return nil, 0, err
	}
	who := callOf(c).Principal
	if who.Agency != b.Submissions[index].Agency && !who.CanAudit() {
		return nil, 0, refuse("unknown-submission", "", "") // whose it is is not told to strangers
	}
	return b, index, nil
}

// lookUp reads a submission, whoever may see it.
func (h *Hub) lookUp(c *gin.Context, id string) (*journal.Block, int, error) {
	sequence, index, err := receipt.ParseID(id)
	if err != nil {
		return nil, 0, refuse("unknown-submission", "", "")
	}
	b, err := h.journal.Read(c.Request.Context(), sequence)
	if errors.Is(err, journal.ErrNoBlock) || err == nil && index >= len(b.Submissions) {
		return nil, 0, refuse("unknown-submission", "", "")
	}
	if err != nil {
		return nil, 0, refuse("journal-unavailable", "", "").because(err)
	}
	return b, index, nil
}

// submissionView is a submission as GET answers it.
type submissionView struct {
	Submission string `json:"submission"`
	Dataset    string `json:"dataset"`
	Contract   string `json:"contract_version"`
	Agency     string `json:"agency"`
	Client     string `json:"client"`
	Kind       string `json:"kind"`
	Mode       string `json:"mode"`
	State      string `json:"state"`
	Received   uint32 `json:"received"`
	Accepted   uint32 `json:"accepted"`
	Rejected   uint32 `json:"rejected"`
	Superseded uint32 `json:"superseded"`
	Sequence   uint64 `json:"sequence"`
	SHA256     string `json:"sha256"`
	Bytes      uint64 `json:"bytes"`
	ReceivedAt string `json:"received_at"`
	Reason     string `json:"reason,omitempty"`
	HeldReason string `json:"held_reason,omitempty"`
	// Mends and MendedBy lead between a partial push and those that brought its
	// rejected records again.
	Mends    string   `json:"mends,omitempty"`
	MendedBy []string `json:"mended_by,omitempty"`
}

// getSubmission answers GET /v1/submissions/{submission}.
func (h *Hub) getSubmission(c *gin.Context) {
	b, i, err := h.findSubmission(c)
	if err != nil {
		h.fail(c, err)
		return
	}
	s := &b.Submissions[i]
	r := receipt.For(b, i)
	v := submissionView{
		Submission: r.Submission, Dataset: s.Dataset, Contract: s.Contract, Agency: s.Agency, Client: s.Client,
		Kind: s.Kind.String(), Mode: modeOf(s.Partial), State: h.stateOf(r.Submission, b.Sequence),
		Received: s.Received, Accepted: s.Accepted, Rejected: s.Rejected, Superseded: s.Superseded,
		Sequence: b.Sequence, SHA256: r.SHA256, Bytes: s.Bytes, ReceivedAt: b.ReceivedAt.Format("2006-01-02T15:04:05.000Z07:00"), Reason: s.Reason,
	}
	v.Mends = s.Mends
	if s.Rejected > 0 {
		// What the list of submissions does not know yet, or cannot say now, is left out.
		v.MendedBy, _ = h.analytics.MendedBy(c.Request.Context(), r.Submission)
	}
	if held := h.heldOf(r.Submission); held != nil {
		v.HeldReason = held.Code
	}
	writeJSON(c, http.StatusOK, v)
}

func modeOf(partial bool) string {
	if partial {
		return "partial"
	}
	return "atomic"
}

// getSubmissionProof answers GET /v1/submissions/{submission}/proof: the receipt again.
func (h *Hub) getSubmissionProof(c *gin.Context) {
	b, i, err := h.findSubmission(c)
	if err != nil {
		h.fail(c, err)
		return
	}
	header := c.Writer.Header()
	header.Set("Content-Type", "application/json; charset=utf-8")
	c.Writer.WriteHeader(http.StatusOK)
	_, _ = c.Writer.Write(receipt.AppendJSON(nil, b, i, noErrors))
}

// quarantined is a rejected record as GET …/errors answers it.
type quarantined struct {
	Row     int    `json:"row"`
	Field   string `json:"field,omitempty"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Value   string `json:"value,omitempty"`
	Record  string `json:"record"` // as it came
	// Masked says that what the reader's clearance does not reach was left out.
	Masked bool `json:"masked,omitempty"`
}

// sight is what a reader may see of a dataset's rejected records.
type sight struct {
	clearance schemas.Classification // below Public: nothing
	highest   schemas.Classification
	fields    map[string]schemas.Classification
}

// sightOf is nil for who sees everything: those who push the dataset for the agency
// that sent it, which holds what it sent. All others are bound as readers of records
// are. Every version of the contract counts, since the record follows the one it was
// sent under.
func (h *Hub) sightOf(who *auth.Principal, s *journal.Submission) *sight {
	if who.Agency == s.Agency && who.CanPush(s.Dataset) {
		return nil
	}
	v := &sight{clearance: who.Clearance, highest: schemas.Public, fields: map[string]schemas.Classification{}}
	if !who.CanRead(s.Dataset) {
		v.clearance = schemas.Public - 1
	}
	versions := h.catalog.versions(s.Dataset)
	if len(versions) == 0 {
		v.highest = schemas.Core
	}
	for _, d := range versions {
		v.highest = max(v.highest, d.contract.Classification())
		for i := range d.contract.Properties {
			p := &d.contract.Properties[i]
			v.fields[p.Name] = max(v.fields[p.Name], p.Classification)
		}
	}
	return v
}

// mask leaves out of q what v does not reach. A message may quote the value, and a field
// that the contract does not have may itself be a value that went astray.
func (v *sight) mask(q *quarantined, lang string) {
	if v == nil || v.clearance >= v.highest {
		return
	}
	q.Record, q.Masked = "", true
	level, known := v.fields[q.Field]
	if known && level <= v.clearance {
		return
	}
	if !known {
		q.Field = ""
	}
	q.Value = ""
	q.Message = either(lang, "不符合契约（"+q.Code+"）；内容超出您的数据级别或读取权限，不予显示",
		"The record breaks the contract ("+q.Code+"); what it holds is above your clearance or not yours to read, and is not shown")
}

// getSubmissionErrors answers GET /v1/submissions/{submission}/errors: the
// quarantined records of a partial push, page by page.
func (h *Hub) getSubmissionErrors(c *gin.Context) {
	b, i, err := h.findSubmission(c)
	if err != nil {
		h.fail(c, err)
		return
	}
	limit, err := queryInt(c, "limit", 100, 1, 1000)
	if err != nil {
		h.fail(c, err)
		return
	}
	after := 0
	if cursor := c.Query("cursor"); cursor != "" {
		if after, err = strconv.Atoi(cursor); err != nil || after < 0 {
			h.fail(c, refuse("cursor-invalid", "", "").because(err))
			return
		}
	}
	s := &b.Submissions[i]
	page := rejectPage{lang: languageOf(c.Request), skip: after, limit: int(limit), out: []quarantined{}, sight: h.sightOf(callOf(c).Principal, s)}
	page.add(s.Rejects)
	for _, part := range s.Parts {
		if part.Rejects > 0 && !page.full() {
			frame, err := h.journal.ReadPart(c.Request.Context(), part.Sequence)
			if err == nil {
				var rejects []byte
				if _, rejects, err = journal.ParsePart(frame); err == nil {
					page.add(rejects)
				}
			}
			if err != nil {
				h.fail(c, refuse("journal-unavailable", "", "").because(err))
				return
			}
		}
	}
	next := ""
	if page.more {
		next = strconv.Itoa(after + len(page.out))
	}
	writeJSON(c, http.StatusOK, map[string]any{"errors": page.out, "next_cursor": next})
}

type rejectPage struct {
	lang        string
	skip, limit int
	out         []quarantined
	more        bool
	sight       *sight // nil: everything
}

func (p *rejectPage) full() bool { return p.more }

func (p *rejectPage) add(lines []byte) {
	for line := range strings.SplitSeq(string(lines), "\n") {
		if line == "" || p.more {
			continue
		}
		if p.skip > 0 {
			p.skip--
			continue
		}
		if len(p.out) == p.limit {
			p.more = true
			return
		}
		var r reject
		if json.Unmarshal([]byte(line), &r) != nil {
			continue // written by us; a fault of ours would show in the tests of quarantine
		}
		q := quarantined{Row: int(r.Row), Field: r.Field, Code: r.Code, Value: r.Value, Message: either(p.lang, r.ZH, r.EN), Record: r.Raw}
		p.sight.mask(&q, p.lang)
		p.out = append(p.out, q)
	}
}

// listSubmissions answers GET /v1/submissions, newest first. It reads the list
// that the history's writer keeps, which follows the journal within seconds.
func (h *Hub) listSubmissions(c *gin.Context) {
	who := callOf(c).Principal
	filter := analytics.SubmissionFilter{Agency: who.Agency, Dataset: c.Query("dataset")}
	if who.CanAudit() {
		filter.Agency = c.Query("agency")
	}
	limit, err := queryInt(c, "limit", 100, 1, analytics.MaxSubmissions)
	if err != nil {
		h.fail(c, err)
		return
	}
	h.awaitHistory(c) // which brings the list
	rows, next, err := h.analytics.Submissions(c.Request.Context(), filter, int(limit), c.Query("cursor"))
	if err != nil {
		h.failQuery(c, err)
		return
	}
	views := make([]submissionView, len(rows))
	for i := range rows {
		s := &rows[i]
		views[i] = submissionView{
			Submission: s.ID(), Dataset: s.Dataset, Contract: s.ContractVersion, Agency: s.Agency, Client: s.Client,
			Kind: s.Kind, Mode: s.Mode, State: h.stateOf(s.ID(), s.Sequence),
			Received: s.Received, Accepted: s.Accepted, Rejected: s.Rejected, Superseded: s.Superseded,
			Sequence: s.Sequence, SHA256: s.SHA256, Bytes: s.Bytes,
			ReceivedAt: s.ReceivedAt.UTC().Format("2006-01-02T15:04:05.000Z07:00"), Reason: s.Reason, Mends: s.Mends,
		}
	}
	writeJSON(c, http.StatusOK, map[string]any{"submissions": views, "next_cursor": next})
}
