package hub

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"

	"github.com/zida-hub/zida/hub/auth"
	"github.com/zida-hub/zida/hub/journal"
	"github.com/zida-hub/zida/schemas"
)

// push is one push or retraction under way.
type push struct {
	who     *auth.Principal
	ds      *dataset
	older   []*dataset // versions to fall back on, newest first, when none was named
	format  schemas.Format
	partial bool
	dryRun  bool
	wait    bool
	key     [16]byte
	mends   string    // a partial push of before, whose rejected rows come again
	book    *sentBook // a workbook the records come from, else nil
}

// smallBody is the size up to which a body is checked and committed in one
// piece, together with others; a larger one is staged in parts.
const smallBody = 256 << 10

var smallBodies = sync.Pool{New: func() any { b := make([]byte, 0, 8<<10); return &b }}

// pushRecords answers POST /v1/datasets/{id}/records.
func (h *Hub) pushRecords(c *gin.Context) {
	p := push{}
	if err := h.readPush(c, &p); err != nil {
		h.fail(c, err)
		return
	}
	var err error
	if p.format, err = bodyFormat(c.Request.Header.Get("Content-Type")); err != nil {
		h.fail(c, err)
		return
	}
	body, err := h.openBody(c)
	if err != nil {
		h.fail(c, err)
		return
	}
	defer body.Close()
	room := smallBodies.Get().(*[]byte)
	defer func() { *room = (*room)[:0]; smallBodies.Put(room) }()
	whole, err := readUpTo(body, room, smallBody)
	switch {
	case err != nil:
		h.fail(c, err)
	case whole:
		h.pushSmall(c, &p, *room)
	default:
		h.guessVersion(&p, *room)
		h.pushLarge(c, &p, io.MultiReader(bytes.NewReader(*room), body))
	}
}

// readUpTo reads at most limit bytes, and tells whether that was the whole body.
func readUpTo(from io.Reader, into *[]byte, limit int) (whole bool, err error) {
	b := (*into)[:0]
	for len(b) <= limit {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := from.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			*into = b
			return true, nil
		}
		if err != nil {
			*into = b
			return false, err
		}
	}
	*into = b
	return false, nil
}

// readPush reads what a push says beside its body.
func (h *Hub) readPush(c *gin.Context, p *push) error {
	p.who = callOf(c).Principal
	id := c.Param("id")
	if err := h.chooseVersion(c, id, p); err != nil {
		return err
	}
	if err := h.accepting(); err != nil {
		return err
	}
	if keys := c.Request.Header["Idempotency-Key"]; len(keys) > 0 {
		if len(keys) > 1 || !saneKey(keys[0]) { // an empty one is a variable somebody forgot to fill
			return refuse("idempotency-key-invalid", "", "")
		}
		p.key = keyHash(p.who.ClientID, id, keys[0])
	}
	if c.Request.URL.RawQuery == "" {
		return nil
	}
	known := pushParameters
	if p.book != nil {
		known = append(slices.Clip(known), "sheet")
	}
	for name := range c.Request.URL.Query() {
		if !slices.Contains(known, name) { // a dry_run that is misspelt must not write
			return badParam(name, "unknown_field", "", "没有参数 "+name+"；可用 "+strings.Join(known, "、"), "There is no parameter "+name+"; there are "+strings.Join(known, ", "))
		}
	}
	switch mode := c.Query("mode"); mode {
	case "", "atomic":
	case "partial":
		p.partial = true
	default:
		return badParam("mode", "unknown_code", mode, "mode 只能是 atomic 或 partial", "mode is atomic or partial")
	}
	switch dry := c.Query("dry_run"); dry {
	case "", "false":
	case "true":
		p.dryRun = true
	default:
		return badParam("dry_run", "type", dry, "dry_run 只能是 true 或 false", "dry_run is true or false")
	}
	if id := c.Query("mends"); id != "" {
		if err := h.checkMends(c, p, id); err != nil {
			return err
		}
	}
	switch wait := c.Query("wait"); wait {
	case "":
	case "visible":
		p.wait = true
	default:
		return badParam("wait", "unknown_code", wait, "wait 只能是 visible", "wait is visible, or absent")
	}
	return nil
}

// pushParameters are what the query string of a push may hold.
var pushParameters = []string{"mode", "dry_run", "wait", "mends", "lang"}

// checkMends looks at the submission that a push says it mends.
func (h *Hub) checkMends(c *gin.Context, p *push, id string) error {
	b, i, err := h.lookUp(c, id)
	if err != nil {
		return err
	}
	s := &b.Submissions[i]
	switch {
	case s.Agency != p.who.Agency:
		return refuse("unknown-submission", "", "")
	case s.Dataset != p.ds.contract.ID:
		return badParam("mends", "dataset", id, "提交 "+id+" 属于数据集 "+s.Dataset+"，请推送到同一数据集", "Submission "+id+" is of dataset "+s.Dataset+"; push to that one")
	case s.Rejected == 0:
		return badParam("mends", "no_rejects", id, "提交 "+id+" 没有被拒的记录，无需改正；去掉 mends", "Submission "+id+" had no rejected records; leave mends out")
	}
	p.mends = id
	return nil
}

// saneKey takes what an HTTP header can carry without doubt: 1 to 255 visible
// ASCII characters.
func saneKey(key string) bool {
	if key == "" || len(key) > 255 {
		return false
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return false
		}
	}
	return true
}

func bodyFormat(kind string) (schemas.Format, error) {
	if kind != "application/json" && kind != "application/x-ndjson" {
		if media, params, err := mime.ParseMediaType(kind); err == nil {
			kind = media
			if cs := params["charset"]; cs != "" && cs != "utf-8" && cs != "UTF-8" {
				return 0, refuse("unsupported-media-type", "请求体须为 UTF-8；GB18030 文件请用 zida push，它会转换", "Bodies are UTF-8; zida push converts GB18030 files")
			}
		}
	}
	switch kind {
	case "application/json":
		return schemas.FormatJSON, nil
	case "application/x-ndjson", "application/ndjson", "application/jsonl":
		return schemas.FormatNDJSON, nil
	case "text/csv":
		return schemas.FormatCSV, nil
	}
	return 0, refuse("unsupported-media-type", "Content-Type 须为 application/json、application/x-ndjson 或 text/csv",
		"Content-Type is application/json, application/x-ndjson or text/csv")
}

// checked is what a body came to.
type checked struct {
	batches    []*schemas.Batch
	numbers    []uint32 // of the kept rows, nil while none was rejected
	records    int
	rejected   int
	superseded int
	errors     []schemas.RowError
	errorCount int
	rejects    []byte
	list       listChange
	lists      uint64 // generation it was checked against
	lines      int
	foreign    bool // an entry of the other side's list was touched
	keys       schemas.HashSet
}

func (k *checked) kept() int { return k.records - k.rejected }

func (k *checked) release() {
	for _, b := range k.batches {
		b.Release()
	}
	k.batches = nil
}

// pushSmall checks a whole body and commits it together with what waits beside it.
func (h *Hub) pushSmall(c *gin.Context, p *push, body []byte) {
	for attempt := 0; ; attempt++ {
		k, err := h.checkVersions(p, body)
		if err == nil {
			err = h.verdict(p, k)
		}
		if err != nil {
			k.release()
			h.failPush(c, p, k, err)
			return
		}
		if p.dryRun {
			h.answerDry(c, p, k)
			k.release()
			return
		}
		sum, size := p.digest(body)
		w := &journal.Pending{
			Submission: journal.Submission{
				Bytes: size, SHA256: sum, Rejects: k.rejects,
			},
			Plan: p.ds.plan, Batches: k.batches, RowNumbers: k.numbers, Lists: k.lists, Size: len(body) + len(k.rejects) + 256,
		}
		p.describe(&w.Submission, k)
		err = h.commit(w)
		if errors.Is(err, errStaleLists) && attempt < 3 {
			k.release()
			continue // a code was withdrawn between the check and the commit: check again
		}
		k.release()
		h.answerPush(c, p, w, k, err)
		return
	}
}

// describe fills in what is known of the submission once its rows are checked.
func (p *push) describe(s *journal.Submission, k *checked) {
	s.Dataset, s.Contract = p.ds.contract.ID, p.ds.contract.Version
	s.Agency, s.Client, s.Partial, s.KeyHash = p.who.Agency, p.who.ClientID, p.partial, p.key
	s.Received, s.Rejected = uint32(k.records), uint32(k.rejected)
	s.Accepted, s.Superseded = uint32(k.kept()), uint32(k.superseded)
	s.Mends = p.mends
	if len(k.list.Set)+len(k.list.Drop) > 0 {
		s.List, _ = json.Marshal(k.list) // strings only: it cannot fail
	}
}

func (h *Hub) commit(w *journal.Pending) error {
	if err := h.committer.Submit(w); err != nil {
		return err
	}
	return w.Wait()
}

// check decodes and checks a whole body.
func (h *Hub) check(p *push, body []byte) (*checked, error) {
	lists := h.ledger.lists.Load()
	k := &checked{lists: lists.Generation}
	opt := schemas.DecodeOptions{
		Sender:  schemas.Sender{Regions: p.who.Regions, Lists: lists},
		Partial: p.partial, MaxErrors: h.mostErrors(p),
	}
	if p.format != schemas.FormatCSV { // Decode takes whole JSON and NDJSON bodies as they are
		return k, h.take(p, k, body, &opt)
	}
	ch := schemas.NewChunker(bytes.NewReader(body), p.format, schemas.ChunkOptions{Size: len(body) + 1, MaxRecord: int(h.conf.RecordMax)})
	if err := readHeader(ch, p, &opt); err != nil {
		return k, err
	}
	k.lines = opt.Header.Lines
	opt.Unique = p.ds.plan.Unique()
	for {
		chunk, err := ch.Next()
		if err == io.EOF {
			return k, nil
		}
		if err != nil {
			return k, bodyProblem(err)
		}
		if err := h.take(p, k, chunk, &opt); err != nil {
			return k, err
		}
		ch.Recycle(chunk)
	}
}

// readHeader reads the heading of a CSV body.
func readHeader(ch *schemas.Chunker, p *push, opt *schemas.DecodeOptions) error {
	header, faults := ch.Header(p.ds.plan)
	if len(faults) > 0 {
		return invalidRecords(faults, len(faults))
	}
	opt.Header = header
	return nil
}

// take decodes one chunk of whole records into k.
func (h *Hub) take(p *push, k *checked, chunk []byte, opt *schemas.DecodeOptions) error {
	b := p.ds.plan.Batch()
	k.batches = append(k.batches, b)
	d := p.ds.plan.Decode(b, chunk, p.format, opt)
	return h.count(p, k, b, &d, opt)
}

// count adds a decoded chunk to what came before it.
func (h *Hub) count(p *push, k *checked, b *schemas.Batch, d *schemas.Decoded, opt *schemas.DecodeOptions) error {
	d.Shift(k.records, k.lines)
	if d.Body != nil {
		return bodyProblem(d.Body)
	}
	if k.numbers == nil && (d.Rejected > 0 || k.rejected > 0) {
		k.numbers = firstNumbers(k.kept())
	}
	if k.numbers != nil {
		k.numbers = appendNumbers(k.numbers, b, k.records)
	}
	if p.ds.contract.Reference {
		h.ownEntries(p, k, b, d, opt)
	}
	k.records += d.Records
	k.rejected += d.Rejected
	k.errorCount += d.ErrorCount
	if room := h.mostErrors(p) - len(k.errors); room > 0 {
		k.errors = append(k.errors, d.Errors[:min(room, len(d.Errors))]...)
	}
	k.rejects = appendRejects(k.rejects, d.Quarantine)
	k.lines += d.Lines
	k.supersede(b)
	return nil
}

// supersede counts rows whose key an earlier row of the submission has: the last
// one in the order of the body wins.
func (k *checked) supersede(b *schemas.Batch) {
	if k.keys.Len() == 0 && k.kept() <= 1 && len(k.batches) <= 1 {
		return // the common push of one record
	}
	for _, hash := range b.KeyHashes() {
		if !k.keys.Add(hash) {
			k.superseded++
		}
	}
}

func firstNumbers(n int) []uint32 {
	numbers := make([]uint32, n)
	for i := range numbers {
		numbers[i] = uint32(i + 1)
	}
	return numbers
}

func appendNumbers(numbers []uint32, b *schemas.Batch, base int) []uint32 {
	own := b.RowNumbers()
	for i := range b.Rows() {
		n := i + 1
		if own != nil {
			n = int(own[i])
		}
		numbers = append(numbers, uint32(base+n))
	}
	return numbers
}

// reject is how a quarantined row is kept: with its reason in both languages.
type reject struct {
	Row   uint32 `json:"row"`
	Field string `json:"field,omitempty"`
	Code  string `json:"code"`
	Value string `json:"value,omitempty"`
	ZH    string `json:"zh"`
	EN    string `json:"en"`
	Raw   string `json:"raw"`
}

func appendRejects(dst []byte, rows []schemas.QuarantinedRow) []byte {
	for i := range rows {
		q := &rows[i]
		zh, en := q.Reason.In("zh"), q.Reason.In("en")
		line, _ := json.Marshal(reject{q.Row, q.Reason.Field, q.Reason.Code, q.Reason.Value, zh.Message, en.Message, string(q.Raw)}) // strings only
		dst = append(append(dst, line...), '\n')
	}
	return dst
}

// verdict says whether a checked body can be taken.
func (h *Hub) verdict(p *push, k *checked) error {
	switch {
	case k.records == 0:
		return refuse("body-empty", "", "")
	case k.records > journal.MaxRows:
		return refuse("too-many-rows", "", "")
	case p.dryRun:
		return nil
	case p.faulty(), k.foreign, k.rejected > 0 && (!p.partial || k.kept() == 0):
		h.metrics.rows.vec.WithLabelValues(p.ds.contract.ID, p.who.Agency, "refused").Add(float64(k.rejected))
		return invalidRecords(k.errors, k.errorCount)
	}
	return nil
}

// invalidRecords refuses a body because of its records.
func invalidRecords(errs []schemas.RowError, count int) error {
	return refuse("validation-failed",
		fmt.Sprintf("有 %d 处错误，未接收任何记录；请按 errors 逐条改正后重新推送", count),
		counted(count, "error")+", nothing was taken; mend what errors lists and push again").rows(errs).with("error_count", count)
}

// counted is a number with its noun.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// bodyProblem names what is wrong with a body whose records cannot be told apart.
func bodyProblem(err error) error {
	var b *schemas.BodyError
	if !errors.As(err, &b) {
		return err // of the connection or the decompression; it names itself
	}
	if b.Code == schemas.CodeTooLarge {
		return refuse("record-too-large", b.In("zh").Message, b.In("en").Message).rows([]schemas.RowError{b.RowError})
	}
	return refuse("malformed-body", b.In("zh").Message, b.In("en").Message).rows([]schemas.RowError{b.RowError})
}
