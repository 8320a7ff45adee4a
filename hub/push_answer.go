package hub

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/zida-hub/zida/hub/journal"
	"github.com/zida-hub/zida/hub/receipt"
	"github.com/zida-hub/zida/schemas"
)

// answerPush answers a committed submission with its receipt, or says why there
// is none.
func (h *Hub) answerPush(c *gin.Context, p *push, w *journal.Pending, k *checked, err error) {
	b, index := w.Block, w.Index
	var twin *twinError
	if errors.As(err, &twin) { // accepted before under the same key: the same receipt again
		if b, err = h.journal.Read(c.Request.Context(), twin.sequence); err == nil {
			index = twin.index
		}
	}
	if err != nil {
		h.fail(c, commitProblem(err))
		return
	}
	var refused []schemas.RowError
	lang := languageOf(c.Request)
	if twin != nil { // its errors are in the journal, unmasked for who pushes it; those of a staged one at …/errors
		page := rejectPage{lang: lang, limit: int(h.conf.MaxErrors)}
		page.add(b.Submissions[index].Rejects)
		for _, q := range page.out {
			refused = append(refused, schemas.RowError{Row: q.Row, Field: q.Field, Code: q.Code, Message: q.Message, Value: q.Value})
		}
	} else if p.partial {
		for _, e := range k.errors[:min(len(k.errors), int(h.conf.MaxErrors))] {
			refused = append(refused, e.In(lang))
		}
	}
	refused = p.placed(refused)
	status := http.StatusAccepted
	id := receipt.ID(b.Sequence, index)
	if p.wait {
		ctx, cancel := context.WithTimeout(c.Request.Context(), h.conf.VisibleWait)
		defer cancel()
		if h.current.Wait(ctx, b.Sequence) == nil && h.heldOf(id) == nil {
			status = http.StatusOK
		}
	}
	errs := noErrors
	if len(refused) > 0 {
		errs, _ = json.Marshal(refused) // strings and numbers: it cannot fail
	}
	h.tellAge(c, p.ds)
	header := c.Writer.Header()
	header["Location"] = []string{"/v1/submissions/" + id}
	header["Content-Type"] = typeJSON
	room := smallBodies.Get().(*[]byte)
	*room = receipt.AppendJSON((*room)[:0], b, index, errs)
	c.Writer.WriteHeader(status)
	_, _ = c.Writer.Write(*room)
	smallBodies.Put(room)
}

var (
	noErrors = []byte("[]")
	typeJSON = []string{"application/json; charset=utf-8"} // shared by all answers, never written to
)

// commitProblem names why a submission did not become durable.
func commitProblem(err error) error {
	switch {
	case errors.Is(err, errKeyReused):
		return refuse("idempotency-key-reused", "", "")
	case errors.Is(err, errKeysFull):
		return refuse("journal-full", "七天内使用的 Idempotency-Key 过多，请稍后再试或合并推送", "Too many Idempotency-Keys within seven days; push larger submissions, or try later").retryIn(time.Minute)
	case errors.Is(err, errStaleLists):
		return refuse("overloaded", "检查期间参考列表有变动，请重新推送", "A reference list changed while the body was read; push it again").retryIn(time.Second)
	case errors.Is(err, journal.ErrFull):
		return refuse("journal-full", "", "").retryIn(time.Second)
	case errors.Is(err, journal.ErrClosed):
		return refuse("not-ready", "中心正在停机，请稍后重试", "The hub is shutting down; try again in a moment").retryIn(5 * time.Second)
	case errors.Is(err, journal.ErrOutcomeUnknown):
		return refuse("journal-unavailable", "日志长时间未确认，是否已接收尚不可知；请用同一 Idempotency-Key 重试，不会重复计数",
			"The journal has not confirmed in time and the outcome is unknown; retry under the same Idempotency-Key, nothing will count twice").retryIn(5 * time.Second).because(err)
	}
	return refuse("journal-unavailable", "", "").retryIn(5 * time.Second).because(err)
}

// answerDry answers a push that was only to be checked.
func (h *Hub) answerDry(c *gin.Context, p *push, k *checked) {
	lang := languageOf(c.Request)
	placed := p.placed(k.errors)
	if p.book != nil && len(placed) > 0 && h.answerMarked(c, p, k, placed, http.StatusOK) {
		return
	}
	errs := make([]schemas.RowError, min(len(placed), int(h.conf.MaxErrors)))
	for i := range errs {
		errs[i] = placed[i].In(lang)
	}
	accepted, rejected, count := k.kept(), k.rejected, k.errorCount
	if p.faulty() { // the whole workbook waits for its cells to be mended
		accepted, rejected, count = 0, wrongRows(k, placed), max(count, len(placed))
	}
	if rejected > 0 && !p.partial {
		accepted = 0
	}
	answer := map[string]any{
		"dry_run": true, "dataset": p.ds.contract.ID, "agency": p.who.Agency,
		"received": k.records, "accepted": accepted, "rejected": rejected, "superseded": k.superseded,
		"error_count": count, "errors": errs,
	}
	if p.book != nil {
		answer["sheet"], answer["notes"] = p.book.Sheet, p.book.Notes
	}
	writeJSON(c, http.StatusOK, answer)
}
