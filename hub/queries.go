package hub

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/zida-hub/zida/analytics"
)

func (h *Hub) listViews(c *gin.Context) {
	writeJSON(c, http.StatusOK, map[string]any{"views": h.analytics.Views(reader(c))})
}

// What a batch may hold.
const (
	maxBatch      = 40
	maxBatchID    = 64
	maxBatchTitle = 200
	maxBatchRows  = 100_000  // of an item, in JSON
	maxBatchSum   = 200_000  // rows of all answers together, in JSON: they are in memory at once
	maxBatchBytes = 64 << 20 // and bytes
	batchesOfOne  = 4        // batches of one caller under way at a time
	batchWorkers  = 4        // questions of one batch under way at a time
)

// batchItem is one question of POST /v1/queries.
type batchItem struct {
	ID      string          `json:"id"`
	Title   string          `json:"title"` // of its sheet in a workbook
	Query   json.RawMessage `json:"query"`
	Records json.RawMessage `json:"records"`
	// Freshness asks how new each agency's data are; it takes no parameters.
	Freshness *struct{} `json:"freshness"`
}

// kinds counts what an item asks for.
func (i *batchItem) kinds() (n int) {
	for _, there := range []bool{i.Query != nil, i.Records != nil, i.Freshness != nil} {
		if there {
			n++
		}
	}
	return n
}

// batch is the questions of a view, answered from one position at one moment.
type batch struct {
	items    []batchItem
	asOf     string // for those that do not say
	reader   analytics.Reader
	position analytics.Position
}

func (h *Hub) postQueries(c *gin.Context) {
	b, err := readBatch(c)
	if err != nil {
		h.fail(c, err)
		return
	}
	who := callOf(c).Principal.ClientID
	if !h.batches.enter(who) {
		h.fail(c, refuse("overloaded", fmt.Sprintf("同一调用方同时进行的批量查询最多 %d 个", batchesOfOne), fmt.Sprintf("One caller has at most %d batches of queries under way at once", batchesOfOne)).retryIn(2*time.Second))
		return
	}
	defer h.batches.leave(who)
	encoding, err := h.encodingOf(c, false)
	if err != nil {
		h.fail(c, err)
		return
	}
	if b.asOf == "" {
		h.awaitRollups(c.Request.Context())
	}
	b.reader, b.position = reader(c), h.position()
	b.position.Moment, b.position.Memo = time.Now(), &analytics.Memo{}
	switch encoding.Format {
	case analytics.FormatJSON:
		h.answerBatch(c, b)
	case analytics.FormatXLSX:
		if err := h.exportBatch(c, b, encoding); err != nil {
			h.failQuery(c, err)
		}
	default:
		h.fail(c, refuse("not-acceptable", "一批查询只有 json 与 xlsx 两种应答", "A batch of queries answers in json or xlsx"))
	}
}

// turns counts each caller's batches under way.
type turns struct {
	mu sync.Mutex
	of map[string]int
}

func (t *turns) enter(who string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of[who] >= batchesOfOne {
		return false
	}
	if t.of == nil {
		t.of = map[string]int{}
	}
	t.of[who]++
	return true
}

func (t *turns) leave(who string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of[who]--; t.of[who] == 0 {
		delete(t.of, who)
	}
}

// readBatch reads the body. What is wrong with one question is for that question to say.
func readBatch(c *gin.Context) (*batch, error) {
	text, err := io.ReadAll(c.Request.Body)
	if err != nil {
		return nil, problemFor(err)
	}
	var body struct {
		Queries []batchItem `json:"queries"`
		AsOf    string      `json:"as_of"`
	}
	if err := decodeJSON(text, &body); err != nil {
		return nil, err
	}
	if n := len(body.Queries); n == 0 || n > maxBatch {
		return nil, badParam("queries", "range", "", fmt.Sprintf("queries 须有 1 至 %d 项", maxBatch), fmt.Sprintf("queries holds 1 to %d entries", maxBatch))
	}
	seen := map[string]bool{}
	for i := range body.Queries {
		item := &body.Queries[i]
		at := fmt.Sprintf("queries/%d", i)
		switch {
		case item.ID == "" || len(item.ID) > maxBatchID:
			return nil, badParam(at+"/id", "length", item.ID, fmt.Sprintf("id 须为 1 至 %d 个字节的文本", maxBatchID), fmt.Sprintf("id is a text of 1 to %d bytes", maxBatchID))
		case seen[item.ID]:
			return nil, badParam(at+"/id", "duplicate", item.ID, "id "+item.ID+" 出现了两次", "The id "+item.ID+" is given twice")
		case utf8.RuneCountInString(item.Title) > maxBatchTitle:
			return nil, badParam(at+"/title", "length", "", fmt.Sprintf("title 最多 %d 个字符", maxBatchTitle), fmt.Sprintf("title has at most %d characters", maxBatchTitle))
		case item.kinds() != 1:
			return nil, badParam(at, "required", "", "每项须有 query、records、freshness 之一", "Each entry has one of query, records and freshness")
		}
		seen[item.ID] = true
	}
	return &batch{items: body.Queries, asOf: body.AsOf}, nil
}

// writeItem answers one item. whole: as much as an export holds, in the place of a page.
func (h *Hub) writeItem(c *gin.Context, b *batch, item *batchItem, whole bool, out analytics.Encoder) error {
	ctx := c.Request.Context()
	if item.Records != nil {
		q, err := analytics.ParseRecordsQuery(item.Records)
		if err != nil {
			return err
		}
		if q.AsOf == "" {
			q.AsOf = b.asOf
		}
		if !whole && q.Limit > maxBatchRows {
			return tooManyInBatch()
		}
		q.All = whole && q.Limit == 0
		_, err = h.analytics.WriteRecords(ctx, q, b.reader, b.position, out)
		return err
	}
	if item.Freshness != nil {
		return h.writeFreshness(ctx, b, out)
	}
	q, err := analytics.ParseQuery(item.Query)
	if err != nil {
		return err
	}
	if q.AsOf == "" {
		q.AsOf = b.asOf
	}
	switch {
	case !whole && q.Limit > maxBatchRows:
		return tooManyInBatch()
	case whole && q.Limit == 0:
		q.Limit = analytics.MaxLimit
	}
	if !whole && q.AsOf == "" {
		return h.writeKept(ctx, q, b, out)
	}
	_, err = h.analytics.WriteQuery(ctx, q, b.reader, b.position, out)
	return err
}

func tooManyInBatch() *problemError {
	p := refuse("query-invalid", fmt.Sprintf("批量查询每项的 limit 最多 %d", maxBatchRows), fmt.Sprintf("in a batch the limit of an entry is at most %d", maxBatchRows))
	p.Fields = []fieldFault{{Field: "/limit", Code: "query-invalid", ZH: p.ZH, EN: p.EN}}
	return p
}

// answerBatch asks a few at a time and answers in the order of the questions.
func (h *Hub) answerBatch(c *gin.Context, b *batch) {
	type result struct {
		answer bytes.Buffer
		err    error
	}
	results := make([]result, len(b.items))
	left, rows := &atomic.Int64{}, &atomic.Int64{}
	left.Store(maxBatchBytes)
	rows.Store(maxBatchSum)
	next := &atomic.Int64{}
	var workers sync.WaitGroup
	for range min(batchWorkers, len(b.items)) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(b.items); i = int(next.Add(1)) - 1 {
				r := &results[i]
				r.err = h.caught(func() error {
					out := analytics.NewEncoder(&bounded{&r.answer, left}, analytics.Encoding{Format: analytics.FormatJSON})
					return h.writeItem(c, b, &b.items[i], false, &countedRows{out, rows})
				})
			}
		})
	}
	workers.Wait()
	if c.Request.Context().Err() != nil {
		h.failQuery(c, c.Request.Context().Err())
		return
	}
	type answered struct {
		ID      string          `json:"id"`
		Answer  json.RawMessage `json:"answer,omitempty"`
		Problem json.RawMessage `json:"problem,omitempty"`
	}
	answers := make([]answered, len(results))
	for i := range results {
		answers[i].ID = b.items[i].ID
		if err := results[i].err; err != nil {
			entry, p := h.known(c, h.queryProblem(c, err))
			answers[i].Problem = problemJSON(entry, p, languageOf(c.Request), c.Request.URL.Path, callOf(c).ID)
			continue
		}
		answers[i].Answer = bytes.TrimRight(results[i].answer.Bytes(), "\n")
	}
	c.Header("Vary", "Accept, Accept-Language")
	writeJSON(c, http.StatusOK, map[string]any{"answers": answers})
}

// caught turns a panic in a goroutine of ours into an error: net/http looks after its own only.
func (h *Hub) caught(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			h.metrics.panics.Inc()
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}

// bounded is a buffer that takes from what is left for all.
type bounded struct {
	*bytes.Buffer
	left *atomic.Int64
}

func (w *bounded) Write(p []byte) (int, error) {
	if w.left.Add(-int64(len(p))) < 0 {
		return 0, refuse("query-too-expensive", fmt.Sprintf("一批应答合计超过 %d MiB；请减少各项的行数或分批查询", maxBatchBytes>>20),
			fmt.Sprintf("The answers of the batch are more than %d MiB together; ask for fewer rows, or in several batches", maxBatchBytes>>20))
	}
	return w.Buffer.Write(p)
}

// countedRows is an encoder that takes from the rows left for all.
type countedRows struct {
	analytics.Encoder
	left *atomic.Int64
}

func (e *countedRows) Row(cells []analytics.Cell) error {
	if e.left.Add(-1) < 0 {
		return refuse("query-too-expensive", fmt.Sprintf("一批应答合计超过 %d 行；请减少各项的行数或分批查询", maxBatchSum),
			fmt.Sprintf("The answers of the batch are more than %d rows together; ask for fewer rows, or in several batches", maxBatchSum))
	}
	return e.Encoder.Row(cells)
}

// exportBatch puts the answers on the sheets of one workbook, one after another: a
// workbook is written by one hand. A question that is refused has a sheet that says why;
// what goes wrong in the middle of a sheet leaves no workbook at all.
func (h *Hub) exportBatch(c *gin.Context, b *batch, encoding analytics.Encoding) error {
	book, err := analytics.NewWorkbook(c.Writer, encoding.TempDir)
	if err != nil {
		return err
	}
	defer func() {
		if err := book.Close(); err != nil {
			h.slog.Warn("export", "error", err)
		}
	}()
	for i := range b.items {
		item := &b.items[i]
		title := item.Title
		if strings.TrimSpace(title) == "" {
			title = item.ID
		}
		sheet := book.Sheet(title)
		err := h.writeItem(c, b, item, true, sheet)
		if err == nil {
			continue
		}
		if sheet.Begun() || c.Request.Context().Err() != nil {
			return err
		}
		entry, p := h.known(c, h.queryProblem(c, err))
		if err := book.Refused(title, b.reader, problemText(entry, p, languageOf(c.Request))...); err != nil {
			return err
		}
	}
	header := c.Writer.Header()
	header.Set("Content-Type", encoding.Format.ContentType())
	header.Set("Cache-Control", "no-store")
	header.Set("Vary", "Accept, Accept-Language")
	header.Set("Content-Disposition", disposition("queries", "", string(encoding.Format), time.Now()))
	return book.Send()
}
