package hub

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/zida-hub/zida/analytics"
	"github.com/zida-hub/zida/hub/auth"
	"github.com/zida-hub/zida/hub/journal"
	"github.com/zida-hub/zida/hub/receipt"
)

// The change feed tells a reader of each submission once its rows answer, in the
// order of the journal: nothing is missed, since what it says comes from the journal
// and where a reader stands is a sequence. The newest blocks are kept in memory, so
// that readers who keep up cost the journal nothing.

const (
	feedBlocks    = 4096             // kept in memory …
	feedEvents    = 65_536           // … of so many submissions
	feedReaders   = 512              // streams at once …
	feedOfAgency  = 128              // … of one agency …
	feedOfClient  = 32               // … and of one client
	feedHeartbeat = 15 * time.Second // a comment, so that proxies and clients see life
	feedRecheck   = 4 * time.Second  // a revoked token ends its streams within 5 s
)

// changeEvent is what the feed says of a submission.
type changeEvent struct {
	Submission string    `json:"submission"`
	Dataset    string    `json:"dataset"`
	Sequence   uint64    `json:"sequence"`
	Agency     string    `json:"agency"`
	Kind       string    `json:"kind"` // push or retraction
	Contract   string    `json:"contract_version"`
	Accepted   int       `json:"accepted"`
	State      string    `json:"state"` // visible, or held
	ReceivedAt time.Time `json:"received_at"`
}

// feed is the newest blocks, each as the events of its submissions, while anybody reads.
type feed struct {
	mu      sync.Mutex
	blocks  [feedBlocks][]changeEvent
	events  int    // in them
	first   uint64 // sequence of the oldest block kept, 0 for none
	last    uint64
	readers int
	of      map[string]int // readers by client
}

// note takes a block in; blocks come in the order of the journal.
func (f *feed) note(b *journal.Block) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.readers == 0 {
		f.first = 0
		return
	}
	if f.first == 0 || b.Sequence != f.last+1 { // begins anew, or after a gap
		f.first, f.events = b.Sequence, 0
		f.blocks = [feedBlocks][]changeEvent{}
	}
	f.last = b.Sequence
	for f.first < f.last && (f.last-f.first >= feedBlocks || f.events > feedEvents) {
		oldest := &f.blocks[f.first%feedBlocks]
		f.events -= len(*oldest)
		*oldest = nil
		f.first++
	}
	events := changesOf(b)
	f.blocks[b.Sequence%feedBlocks] = events
	f.events += len(events)
}

// at gives a block's events; false when it is not in memory.
func (f *feed) at(sequence uint64) ([]changeEvent, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.first == 0 || sequence < f.first || sequence > f.last {
		return nil, false
	}
	return f.blocks[sequence%feedBlocks], true
}

// enter counts a reader in: nobody may take the others' places.
func (f *feed) enter(client, agency string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.of == nil {
		f.of = map[string]int{}
	}
	if f.readers >= feedReaders || f.of["c "+client] >= feedOfClient || f.of["a "+agency] >= feedOfAgency {
		return false
	}
	f.readers++
	f.of["c "+client]++
	f.of["a "+agency]++
	return true
}

func (f *feed) leave(client, agency string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readers--
	for _, who := range []string{"c " + client, "a " + agency} {
		if f.of[who]--; f.of[who] == 0 {
			delete(f.of, who)
		}
	}
}

func changesOf(b *journal.Block) []changeEvent {
	events := make([]changeEvent, len(b.Submissions))
	for i := range b.Submissions {
		s := &b.Submissions[i]
		events[i] = changeEvent{
			Submission: receipt.ID(b.Sequence, i), Dataset: s.Dataset, Sequence: b.Sequence, Agency: s.Agency, Kind: s.Kind.String(),
			Contract: s.Contract, Accepted: int(s.Accepted), State: "visible", ReceivedAt: b.ReceivedAt,
		}
	}
	return events
}

// feedMaxDatasets bounds the datasets that a stream names.
const feedMaxDatasets = 200

// feedScope is what a stream tells of: the datasets that were named, or every one that
// the reader may read, with those that are published while it lasts.
type feedScope struct {
	named []string
}

// tells says whether the stream of a reader tells of a dataset.
func (s feedScope) tells(who *auth.Principal, dataset string) bool {
	if s.named == nil {
		return who.CanRead(dataset)
	}
	return slices.Contains(s.named, dataset)
}

// allowed says whether the reader may go on with the stream.
func (s feedScope) allowed(who *auth.Principal) bool {
	return !slices.ContainsFunc(s.named, func(id string) bool { return !who.CanRead(id) })
}

// streamChanges answers GET /v1/datasets/{id}/changes.
func (h *Hub) streamChanges(c *gin.Context) {
	h.stream(c, feedScope{[]string{c.Param("id")}})
}

// streamAllChanges answers GET /v1/changes.
func (h *Hub) streamAllChanges(c *gin.Context) {
	var scope feedScope
	for _, text := range c.QueryArray("datasets") {
		for id := range strings.SplitSeq(text, ",") {
			if id = strings.TrimSpace(id); id != "" && !slices.Contains(scope.named, id) {
				scope.named = append(scope.named, id)
			}
		}
		if len(scope.named) > feedMaxDatasets {
			most := strconv.Itoa(feedMaxDatasets)
			h.fail(c, badParam("datasets", "range", text, "一次最多列出 "+most+" 个数据集；省略 datasets 则为全部可读的数据集", "At most "+most+" datasets are named at once; without datasets it is all that may be read"))
			return
		}
	}
	h.stream(c, scope)
}

// stream tells a reader of the changes in scope.
func (h *Hub) stream(c *gin.Context, scope feedScope) {
	who := callOf(c).Principal
	for _, id := range scope.named {
		if h.catalog.get(id) == nil {
			h.fail(c, unknownDataset(id))
			return
		}
		if !who.CanRead(id) {
			h.fail(c, lacksScope(c, "read:"+id))
			return
		}
	}
	next, err := h.feedStart(c, scope)
	if err != nil {
		h.fail(c, err)
		return
	}
	if !h.feed.enter(who.ClientID, who.Agency) {
		h.fail(c, refuse("overloaded", "订阅变更的连接过多，请先关闭不用的连接", "Too many streams are open; close those that are not needed").retryIn(30*time.Second))
		return
	}
	defer h.feed.leave(who.ClientID, who.Agency)
	header := c.Writer.Header()
	header.Set("Content-Type", "text/event-stream; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // nginx would hold events back
	c.Writer.WriteHeader(http.StatusOK)
	if _, err := c.Writer.WriteString("retry: 2000\n: from " + strconv.FormatUint(next, 10) + "\n\n"); err != nil {
		return
	}
	c.Writer.Flush()
	h.follow(c, scope, next)
}

// feedStart is the first sequence that the reader has not seen.
func (h *Hub) feedStart(c *gin.Context, scope feedScope) (uint64, error) {
	after := c.Request.Header.Get("Last-Event-ID")
	if after == "" {
		after = c.Query("after")
	}
	if after == "" {
		return h.current.Watermark() + 1, nil
	}
	seen, err := strconv.ParseUint(after, 10, 40)
	if err != nil {
		return 0, badParam("Last-Event-ID", "type", after, "Last-Event-ID 须为此前收到的事件 id（序号）", "Last-Event-ID is the id of an event received before, a sequence")
	}
	if seen > h.committer.Last() {
		return 0, badParam("Last-Event-ID", "range", after, "序号 "+after+" 尚未出现；请核对是否为本中心给出的 id", "Sequence "+after+" has not been given yet; is it an id of this hub?")
	}
	first, err := h.journal.First(c.Request.Context())
	if err != nil {
		return 0, refuse("journal-unavailable", "", "").retryIn(2 * time.Second).because(err)
	}
	if seen+1 < first { // what came between has left the journal; the records have it still
		return 0, h.historyGone(callOf(c).Principal, scope, seen).with("first", first)
	}
	return seen + 1, nil
}

// historyGone says from where each dataset's records go on instead.
func (h *Hub) historyGone(who *auth.Principal, scope feedScope, seen uint64) *problemError {
	p, cursors := refuse("history-gone", "", ""), map[string]string{}
	for _, contract := range h.catalog.contracts() {
		if scope.tells(who, contract.ID) {
			cursors[contract.ID] = analytics.CursorAfter(contract.ID, seen)
		}
	}
	if len(scope.named) == 1 {
		p = p.with("cursor", cursors[scope.named[0]])
	}
	return p.with("cursors", cursors)
}

// follow writes events until the reader, its token or session, or the hub goes.
func (h *Hub) follow(c *gin.Context, scope feedScope, next uint64) {
	ctx, who := c.Request.Context(), callOf(c).Principal
	beat := time.NewTicker(feedHeartbeat)
	defer beat.Stop()
	check := time.NewTicker(feedRecheck)
	defer check.Stop()
	var out []byte
	for {
		out = out[:0]
		moved := h.current.Moved() // asked for before the look: nothing can come in between unseen
		for ; next <= h.current.Watermark() && len(out) < 64<<10; next++ {
			events, err := h.eventsAt(c, next)
			if err != nil {
				h.slog.Warn("a stream of changes ends: the journal cannot be read", "sequence", next, "error", err)
				return
			}
			out = h.appendEvents(out, next, events, func(dataset string) bool { return scope.tells(who, dataset) })
		}
		if len(out) > 0 {
			if _, err := c.Writer.Write(out); err != nil {
				return
			}
			c.Writer.Flush()
			continue
		}
		select {
		case <-moved:
		case <-beat.C:
			if _, err := c.Writer.WriteString(": \n\n"); err != nil {
				return
			}
			c.Writer.Flush()
		case <-check.C:
			p, err := h.identify(c.Request)
			if err != nil || !scope.allowed(p) {
				return // the reader comes back with a new token and its Last-Event-ID
			}
			who = p
		case <-h.stopping:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (h *Hub) eventsAt(c *gin.Context, sequence uint64) ([]changeEvent, error) {
	if events, ok := h.feed.at(sequence); ok {
		return events, nil
	}
	b, err := h.journal.Read(c.Request.Context(), sequence)
	if errors.Is(err, journal.ErrNoBlock) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return changesOf(b), nil
}

// appendEvents writes the block's events of the datasets that tells picks. The id
// stands on the last of them: a reader cut off in the middle of a block is told of the
// whole block again.
func (h *Hub) appendEvents(out []byte, sequence uint64, events []changeEvent, tells func(dataset string) bool) []byte {
	last := -1
	for i := range events {
		if tells(events[i].Dataset) {
			last = i
		}
	}
	for i := range events {
		if !tells(events[i].Dataset) {
			continue
		}
		e := events[i]
		if h.heldOf(e.Submission) != nil {
			e.State = "held"
		}
		if i == last {
			out = strconv.AppendUint(append(out, "id: "...), sequence, 10)
			out = append(out, '\n')
		}
		text, _ := json.Marshal(e) // strings and numbers: it cannot fail
		out = append(append(append(out, "event: submission\ndata: "...), text...), "\n\n"...)
	}
	return out
}

// historyPatience bounds the wait for the history to hold what is visible.
const historyPatience = 5 * time.Second

// awaitHistory lets the history come up to what queries answer already, so that who has
// just been told that a push is visible finds it there too. What it does not reach in
// time, the answer's watermark says.
func (h *Hub) awaitHistory(c *gin.Context) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), historyPatience)
	defer cancel()
	_ = h.history.Wait(ctx, h.current.Watermark())
}

// readDiff answers GET /v1/datasets/{id}/diff.
func (h *Hub) readDiff(c *gin.Context) {
	id := c.Param("id")
	if h.catalog.get(id) == nil {
		h.fail(c, unknownDataset(id))
		return
	}
	q, err := analytics.ParseDiffParameters(id, c.Request.URL.Query())
	h.awaitHistory(c)
	if err == nil {
		err = h.write(c, true, id+"-diff", h.catalog.get(id).contract.Name, func(out analytics.Encoder, format analytics.Format) (analytics.Tail, error) {
			if format.File() && q.Limit == 0 {
				q.Limit = analytics.MaxRecords
			}
			return h.analytics.WriteDiff(c.Request.Context(), q, reader(c), h.position(), out)
		})
	}
	if err != nil {
		h.failQuery(c, err)
	}
}
