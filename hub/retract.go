package hub

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/zida-hub/zida/hub/journal"
	"github.com/zida-hub/zida/schemas"
)

// maxRetraction bounds the body of a retraction; more keys go in several.
const maxRetraction = 4 << 20

// retractRecords answers POST /v1/datasets/{id}/retractions. A retraction is a
// submission like any other: it writes a version that says the record is gone.
func (h *Hub) retractRecords(c *gin.Context) {
	p := push{format: schemas.FormatJSON}
	if err := h.readPush(c, &p); err != nil {
		h.fail(c, err)
		return
	}
	body, err := h.openBody(c)
	if err != nil {
		h.fail(c, err)
		return
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, maxRetraction+1))
	if err == nil && len(text) > maxRetraction {
		err = refuse("payload-too-large", "一次撤回不超过 4 MiB，请分次提交", "A retraction is 4 MiB at most; send several")
	}
	if err != nil {
		h.fail(c, err)
		return
	}
	var request struct {
		Reason string          `json:"reason"`
		Keys   json.RawMessage `json:"keys"`
	}
	if err := decodeJSON(text, &request); err != nil {
		h.fail(c, err)
		return
	}
	reason := strings.TrimSpace(request.Reason)
	if n := utf8.RuneCountInString(reason); n == 0 || n > 500 {
		h.fail(c, badParam("reason", "required", "", "请说明撤回事由（1 至 500 字）", "Say why, in 1 to 500 characters"))
		return
	}
	h.retract(c, &p, reason, text, request.Keys)
}

func (h *Hub) retract(c *gin.Context, p *push, reason string, text, keys []byte) {
	for attempt := 0; ; attempt++ {
		lists := h.ledger.lists.Load()
		k := &checked{lists: lists.Generation}
		err := h.take(p, k, keys, &schemas.DecodeOptions{
			Sender: schemas.Sender{Regions: p.who.Regions, Lists: lists}, KeysOnly: true, MaxErrors: int(h.conf.MaxErrors),
		})
		if err == nil {
			err = h.verdict(p, k)
		}
		if err != nil {
			k.release()
			h.fail(c, err)
			return
		}
		if p.dryRun {
			h.answerDry(c, p, k)
			k.release()
			return
		}
		w := &journal.Pending{
			Submission: journal.Submission{Kind: journal.Retraction, Reason: reason, Bytes: uint64(len(text)), SHA256: sha256.Sum256(text)},
			Plan:       p.ds.plan, Batches: k.batches, Lists: k.lists, Size: len(text) + 256,
		}
		p.describe(&w.Submission, k)
		err = h.commit(w)
		if errors.Is(err, errStaleLists) && attempt < 3 {
			k.release()
			continue
		}
		k.release()
		h.answerPush(c, p, w, k, err)
		return
	}
}
