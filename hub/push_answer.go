package hub

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
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
	r := receipt.For(b, index)
	lang := languageOf(c.Request)
	if twin != nil { // its errors are in the journal; those of a staged one at …/errors
		page := rejectPage{lang: lang, limit: int(h.conf.MaxErrors)}
		page.add(b.Submissions[index].Rejects)
		for _, q := range page.out {
			r.Errors = append(r.Errors, schemas.RowError{Row: q.Row, Field: q.Field, Code: q.Code, Message: q.Message, Value: q.Value})
		}
	} else if p.partial {
		for i := range k.errors {
			r.Errors = append(r.Errors, k.errors[i].In(lang))
		}
	}
	status := http.StatusAccepted
	if p.wait {
		ctx, cancel := context.WithTimeout(c.Request.Context(), h.conf.VisibleWait)
		defer cancel()
		if h.current.Wait(ctx, r.Sequence) == nil && h.heldOf(r.Submission) == nil {
			status = http.StatusOK
		}
	}
	header := c.Writer.Header()
	header.Set("Location", "/v1/submissions/"+r.Submission)
	header.Set("Content-Type", "application/json; charset=utf-8")
	room := smallBodies.Get().(*[]byte)
	*room = appendReceipt((*room)[:0], &r)
	c.Writer.WriteHeader(status)
	_, _ = c.Writer.Write(*room)
	smallBodies.Put(room)
}

// appendReceipt writes a receipt as JSON. All texts in it are the hub's own
// (ids, hex, base64) and need no escapes; encoding/json would cost the push path
// a tenth of its time.
func appendReceipt(dst []byte, r *schemas.Receipt) []byte {
	text := func(name, value string) {
		dst = append(append(append(append(dst, '"'), name...), `":"`...), value...)
		dst = append(dst, `",`...)
	}
	number := func(name string, value uint64) {
		dst = append(append(append(dst, '"'), name...), `":`...)
		dst = append(strconv.AppendUint(dst, value, 10), ',')
	}
	dst = append(dst, '{')
	text("submission", r.Submission)
	text("dataset", r.Dataset)
	text("agency", r.Agency)
	number("received", uint64(r.Received))
	number("accepted", uint64(r.Accepted))
	number("rejected", uint64(r.Rejected))
	number("superseded", uint64(r.Superseded))
	number("sequence", r.Sequence)
	text("sha256", r.SHA256)
	dst = append(dst, `"received_at":"`...)
	dst = r.ReceivedAt.AppendFormat(dst, "2006-01-02T15:04:05.000Z07:00")
	dst = append(dst, `",`...)
	text("kid", r.KID)
	text("signature", r.Signature)
	dst = append(dst, `"path":[`...)
	for i, step := range r.Path {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), step...), '"')
	}
	dst = append(dst, `],"errors":`...)
	if len(r.Errors) == 0 {
		return append(dst, "[]}"...)
	}
	errs, _ := json.Marshal(r.Errors) // strings and numbers: it cannot fail
	return append(append(dst, errs...), '}')
}

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
	errs := make([]schemas.RowError, len(k.errors))
	for i := range k.errors {
		errs[i] = k.errors[i].In(lang)
	}
	accepted := k.kept()
	if k.rejected > 0 && !p.partial {
		accepted = 0
	}
	writeJSON(c, http.StatusOK, map[string]any{
		"dry_run": true, "dataset": p.ds.contract.ID, "agency": p.who.Agency,
		"received": k.records, "accepted": accepted, "rejected": k.rejected, "superseded": k.superseded,
		"error_count": k.errorCount, "errors": errs,
	})
}
