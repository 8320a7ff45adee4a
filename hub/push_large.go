package hub

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"runtime"
	"time"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/gin-gonic/gin"

	"github.com/zida-hub/zida/hub/journal"
	"github.com/zida-hub/zida/schemas"
)

// A large body flows through three steps at once: one goroutine reads, hashes
// and cuts it, a few check the pieces into columns, and one puts those together,
// in order, into parts that are staged in the journal. What is in memory is a
// few pieces and one part, whatever the body's size.
const (
	chunkSize = 1 << 20
	partRows  = 131_072
	partBytes = 4 << 20 // of columns, before compression
)

// largeSlots is how many large bodies are read at once; the others wait.
const largeSlots = 4

// piece is one chunk on its way through the checks.
type piece struct {
	chunk []byte
	batch *schemas.Batch
	d     schemas.Decoded
	done  chan struct{}
}

// hashed counts and digests what is read through it.
type hashed struct {
	from io.Reader
	sum  hash.Hash
	n    uint64
}

func (r *hashed) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	r.sum.Write(p[:n])
	r.n += uint64(n)
	return n, err
}

// large is a large push under way.
type large struct {
	h     *Hub
	p     *push
	opt   schemas.DecodeOptions
	k     checked
	stage *journal.Stage

	pending []*schemas.Batch // batches of the part being gathered
	rows    int
	bytes   int
	begun   int // records before the part
	numbers []uint32
	rejects []byte
	raw     []byte
	lz4     *compress.Writer
}

// pushLarge checks a body as it flows in, stages it, and commits it whole.
func (h *Hub) pushLarge(c *gin.Context, p *push, from io.Reader) {
	ctx := c.Request.Context()
	select {
	case h.larges <- struct{}{}:
		defer func() { <-h.larges }()
	case <-ctx.Done():
		return
	case <-time.After(h.conf.ReadProgress):
		h.fail(c, refuse("overloaded", "同时进行的大批量推送过多，请稍后重试", "Too many large pushes are under way; try again in a moment").retryIn(10*time.Second))
		return
	}
	body := &hashed{from: from, sum: sha256.New()}
	l := h.newLarge(p)
	err := l.read(ctx, body)
	if err == nil {
		err = h.verdict(p, &l.k)
	}
	if err == nil && p.dryRun {
		h.answerDry(c, p, &l.k)
		return
	}
	var w *journal.Pending
	if err == nil {
		w, err = l.commit(ctx, body)
	}
	if err != nil && w == nil {
		l.stage.Drop()
		if ctx.Err() == nil {
			h.failPush(c, p, &l.k, err)
		}
		return
	}
	if err != nil && !errors.Is(err, journal.ErrOutcomeUnknown) {
		l.stage.Drop() // refused at the last look: its twin was there first, say
	}
	h.answerPush(c, p, w, &l.k, err)
}

func (h *Hub) newLarge(p *push) *large {
	lists := h.ledger.lists.Load()
	return &large{
		h: h, p: p, stage: h.journal.NewStage(),
		k: checked{lists: lists.Generation},
		opt: schemas.DecodeOptions{
			Sender:  schemas.Sender{Regions: p.who.Regions, Lists: lists},
			Partial: p.partial, MaxErrors: h.mostErrors(p), Unique: p.ds.plan.Unique(),
		},
		lz4: compress.NewWriter(compress.LevelZero, compress.LZ4),
	}
}

// read takes the whole body. Its goroutines have ended when it returns.
func (l *large) read(ctx context.Context, body io.Reader) error {
	ch := schemas.NewChunker(body, l.p.format, schemas.ChunkOptions{Size: chunkSize, MaxRecord: int(l.h.conf.RecordMax)})
	if l.p.format == schemas.FormatCSV {
		if err := readHeader(ch, l.p, &l.opt); err != nil {
			return err
		}
		l.k.lines = l.opt.Header.Lines
	}
	workers := min(runtime.NumCPU(), 8)
	work := make(chan *piece, workers)
	order := make(chan *piece, 2*workers)
	stop := make(chan struct{})
	var readErr error
	go func() {
		defer close(order)
		defer close(work)
		for {
			chunk, err := ch.Next()
			if err == io.EOF {
				return
			}
			if err != nil {
				readErr = bodyProblem(err)
				return
			}
			pc := &piece{chunk: chunk, done: make(chan struct{})}
			select {
			case order <- pc:
			case <-stop:
				return
			}
			work <- pc // workers drain it to the end
		}
	}()
	for range workers {
		go func() {
			for pc := range work {
				pc.batch = l.p.ds.plan.Batch()
				pc.d = l.p.ds.plan.Decode(pc.batch, pc.chunk, l.p.format, &l.opt)
				ch.Recycle(pc.chunk)
				pc.chunk = nil
				close(pc.done)
			}
		}()
	}
	var err error
	for pc := range order {
		<-pc.done
		if err == nil {
			if err = l.take(ctx, pc); err == nil {
				continue
			}
			close(stop) // and go on, until the goroutines have ended
		}
		pc.batch.Release()
	}
	if err == nil {
		err = readErr
	}
	if err == nil {
		err = l.flush(ctx)
	}
	l.releasePending()
	return err
}

func (l *large) releasePending() {
	for _, b := range l.pending {
		b.Release()
	}
	l.pending = nil
}

// take adds a checked piece to the part being gathered.
func (l *large) take(ctx context.Context, pc *piece) error {
	l.k.batches = l.k.batches[:0]
	l.k.rejects = nil
	before := l.k.records
	err := l.h.count(l.p, &l.k, pc.batch, &pc.d, &l.opt)
	if err != nil {
		return err
	}
	if l.k.records > journal.MaxRows {
		return refuse("too-many-rows", "", "")
	}
	l.rejects = append(l.rejects, l.k.rejects...)
	if hopeless := l.p.dryRun || l.p.faulty() || l.k.foreign || l.k.rejected > 0 && !l.p.partial; hopeless {
		l.stage.Drop() // nothing will be taken: go on only to name all errors
		l.stage = l.h.journal.NewStage()
		l.releasePending()
		l.rows, l.bytes, l.rejects = 0, 0, nil
		pc.batch.Release()
		return nil
	}
	l.note(pc.batch, before)
	l.pending = append(l.pending, pc.batch)
	l.rows += pc.batch.Rows()
	l.bytes += pc.batch.Bytes()
	if l.rows >= partRows || l.bytes >= partBytes || len(l.rejects) >= partBytes {
		return l.flush(ctx)
	}
	return nil
}

// note keeps the part's row numbers where they are not simply 1, 2, 3 …
func (l *large) note(b *schemas.Batch, before int) {
	if l.numbers == nil && b.RowNumbers() == nil && before-l.begun == l.rows {
		return
	}
	if l.numbers == nil {
		l.numbers = firstNumbers(l.rows)
	}
	l.numbers = appendNumbers(l.numbers, b, before-l.begun)
}

// flush stages what was gathered as one part.
func (l *large) flush(ctx context.Context) error {
	records := l.k.records - l.begun
	if records == 0 {
		return nil
	}
	c := l.p.ds.contract
	sec := journal.Section{Dataset: c.ID, Contract: c.Version, Columns: journal.ColumnNames(l.p.ds.plan, false), Rows: uint32(l.rows), RowNumbers: l.numbers}
	if l.rows > 0 {
		l.raw, _ = l.p.ds.plan.AppendColumns(l.raw[:0], false, l.pending...)
		if err := l.lz4.Compress(l.raw); err != nil {
			return fmt.Errorf("compress a part: %w", err)
		}
		sec.Frames = l.lz4.Data
	}
	frame := journal.AppendPart(make([]byte, 0, len(sec.Frames)+len(l.rejects)+5*len(l.numbers)+512), &sec, l.rejects)
	if len(frame) > journal.MaxMessage-1024 {
		return refuse("record-too-large", "记录过大，无法分块写入；请拆分后推送", "The records are too large to be staged; split the body")
	}
	err := l.stage.Add(ctx, frame, uint32(l.rows), uint32(records-l.rows))
	l.releasePending()
	l.rows, l.bytes, l.begun, l.numbers, l.rejects = 0, 0, l.k.records, nil, l.rejects[:0]
	return err
}

// commit waits for the parts to be durable and commits them as one submission.
func (l *large) commit(ctx context.Context, body *hashed) (*journal.Pending, error) {
	parts, err := l.stage.Parts(ctx)
	if err != nil {
		return nil, commitProblem(err)
	}
	w := &journal.Pending{
		Submission: journal.Submission{Bytes: body.n, Parts: parts, Columns: journal.ColumnNames(l.p.ds.plan, false)},
		Plan:       l.p.ds.plan, Lists: l.k.lists, Size: 4096,
	}
	body.sum.Sum(w.Submission.SHA256[:0])
	if l.p.book != nil {
		w.Submission.SHA256, w.Submission.Bytes = l.p.digest(nil)
	}
	l.p.describe(&w.Submission, &l.k)
	return w, l.h.commit(w)
}
