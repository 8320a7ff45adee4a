// Package writer takes blocks from the journal to ClickHouse. It acknowledges a
// block after ClickHouse has it, sends it again after any doubt, and leaves it
// to the tables, which keep one row a key and version, that nothing counts twice.
package writer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/zida-hub/zida/hub/journal"
)

// Options say which tables a writer fills.
type Options struct {
	Journal *journal.Journal
	Name    string // of its consumer: its place in the journal is kept under it
	// Insert sends a body of ClickHouse frames into a dataset's table.
	Insert func(ctx context.Context, dataset string, columns []string, body io.Reader) error
	// Submissions, when set, stores the blocks' submissions, after their rows.
	Submissions func(ctx context.Context, body io.Reader) error
	// One sends the rows of one submission of a body, the rest of it left out.
	One func(ctx context.Context, dataset string, columns []string, submission int, body io.Reader) error
	// Refused tells an error that says something of the rows (sending them again
	// cannot help) from trouble that will pass.
	Refused func(error) bool
	// Hold records that ClickHouse refused a submission.
	Hold func(ctx context.Context, sequence uint64, index int, cause error) error
	// Known, when not nil, is the sequence that ClickHouse holds; see journal.ConsumerOptions.
	Known *uint64
	// After, when set, is the writer that goes first: this one follows its watermark,
	// so that rows are visible before they are history.
	After *Writer
	// Sync, when set, puts what was written on the disk; blocks are acknowledged to
	// the journal after it, every SyncEvery. What is lost with the machine's power
	// before that is written again by the next run.
	Sync      func() error
	SyncEvery time.Duration // 0: 30 s
	Interval  time.Duration // least time between the beginnings of two rounds
	Busy      time.Duration // the same after a round of many rows of small pushes; 0: Interval
	MaxRows   int           // of a round; 0: 500,000
	Logger    *slog.Logger
}

// Writer is one running writer.
type Writer struct {
	o    Options
	log  *slog.Logger
	cons *journal.Consumer

	floor   atomic.Uint64
	trouble atomic.Pointer[Trouble]
	mu      sync.Mutex
	moved   chan struct{} // closed and replaced when the floor moves
	once    sync.Once

	submissions native // reused from round to round

	written journal.Delivery // the newest block that was written and not acknowledged yet
	synced  time.Time        // when blocks were last acknowledged

	ctx    context.Context
	cancel context.CancelFunc
	stop   chan struct{} // closed when the writer is to end after the try under way
	ended  chan struct{}
}

// Trouble says since when and why rows do not reach ClickHouse.
type Trouble struct {
	Since time.Time
	Err   error
}

// Start opens the consumer and begins to write.
func Start(ctx context.Context, o Options) (*Writer, error) {
	if o.MaxRows == 0 {
		o.MaxRows = 500_000
	}
	if o.SyncEvery == 0 {
		o.SyncEvery = 30 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	cons, err := o.Journal.Consume(ctx, journal.ConsumerOptions{Name: o.Name, Known: o.Known})
	if err != nil {
		return nil, err
	}
	floor, err := cons.Floor(ctx)
	if err != nil {
		cons.Close()
		return nil, err
	}
	w := &Writer{o: o, log: o.Logger.With("part", "writer", "writer", o.Name), cons: cons, moved: make(chan struct{}), stop: make(chan struct{}), ended: make(chan struct{})}
	w.floor.Store(floor)
	w.ctx, w.cancel = context.WithCancel(context.Background())
	go w.run()
	return w, nil
}

// Watermark is the sequence up to which every submission is in ClickHouse (or held).
func (w *Writer) Watermark() uint64 { return w.floor.Load() }

// Trouble returns what keeps rows from ClickHouse at present, nil when nothing does.
func (w *Writer) Trouble() *Trouble { return w.trouble.Load() }

// Moved is closed when the watermark next moves.
func (w *Writer) Moved() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.moved
}

// Wait blocks until the watermark reaches the sequence.
func (w *Writer) Wait(ctx context.Context, sequence uint64) error {
	for {
		w.mu.Lock()
		ch := w.moved
		w.mu.Unlock()
		if w.floor.Load() >= sequence {
			return nil
		}
		select {
		case <-ch:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// follow waits for another writer's watermark; false: this one is to end.
func (w *Writer) follow(first *Writer, sequence uint64) bool {
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	done := make(chan bool, 1)
	go func() { done <- first.Wait(ctx, sequence) == nil }()
	select {
	case reached := <-done:
		return reached
	case <-w.stop:
		cancel()
		<-done // the waiter has ended; what it says is of no matter any more
		return false
	}
}

// Close stops after the try under way, or at once when ctx ends: what was not
// acknowledged is written again at the next start.
func (w *Writer) Close(ctx context.Context) {
	w.once.Do(func() { close(w.stop) })
	w.cons.Close()
	select {
	case <-w.ended:
	case <-ctx.Done():
	}
	w.cancel()
	<-w.ended
}

func (w *Writer) move(to uint64) {
	if to <= w.floor.Load() {
		return
	}
	w.floor.Store(to)
	w.mu.Lock()
	close(w.moved)
	w.moved = make(chan struct{})
	w.mu.Unlock()
}

func (w *Writer) run() {
	defer close(w.ended)
	defer w.sync()
	idle := time.NewTicker(w.o.SyncEvery)
	defer idle.Stop()
	var poll <-chan time.Time
	if !w.o.Journal.Embedded() { // other replicas acknowledge too
		t := time.NewTicker(250 * time.Millisecond)
		defer t.Stop()
		poll = t.C
	}
	began, interval := time.Time{}, w.o.Interval
	for {
		var first journal.Delivery
		var ok bool
		select {
		case first, ok = <-w.cons.C():
			if !ok {
				return
			}
		case <-idle.C: // what the last rounds left, when no further one comes
			w.sync()
			continue
		case <-poll:
			w.ask()
			continue
		case <-w.ctx.Done():
			return
		}
		round := w.gather(first, began.Add(interval))
		began, interval = time.Now(), w.o.Interval
		if n := rowsIn(round); n >= busyRows && n < w.o.MaxRows {
			interval = max(interval, w.o.Busy)
		}
		if !w.round(round) {
			return
		}
	}
}

// ask reads the common floor of all replicas.
func (w *Writer) ask() {
	if floor, err := w.cons.Floor(w.ctx); err == nil {
		w.move(floor)
	}
}

// gather takes what has come, and what comes until the given time: at low load
// a row waits for nobody, at high load inserts stay large and few.
func (w *Writer) gather(first journal.Delivery, until time.Time) []journal.Delivery {
	round := []journal.Delivery{first}
	rows, bytes := rowsOf(&first), first.Bytes
	var timer <-chan time.Time
	if d := time.Until(until); d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		timer = t.C
	}
	for rows < w.o.MaxRows && bytes < 16<<20 {
		if timer == nil {
			select {
			case d, ok := <-w.cons.C():
				if !ok {
					return round
				}
				round, rows, bytes = append(round, d), rows+rowsOf(&d), bytes+d.Bytes
				continue
			default:
				return round
			}
		}
		select {
		case d, ok := <-w.cons.C():
			if !ok {
				return round
			}
			round, rows, bytes = append(round, d), rows+rowsOf(&d), bytes+d.Bytes
		case <-timer:
			return round
		case <-w.ctx.Done():
			return round
		}
	}
	return round
}

// busyRows is the size of a round from which on the next one waits longer: each
// insert has its fixed price, which a hub under load can spend on answers.
const busyRows = 4096

func rowsIn(round []journal.Delivery) (n int) {
	for i := range round {
		n += rowsOf(&round[i])
	}
	return n
}

func rowsOf(d *journal.Delivery) int {
	if d.Block == nil {
		return 0
	}
	n := 0
	for i := range d.Block.Submissions {
		n += int(d.Block.Submissions[i].Accepted)
	}
	return n
}

// round writes the deliveries, again and again until it is done, and
// acknowledges them. It returns false when the writer is to end.
func (w *Writer) round(round []journal.Delivery) bool {
	stop := w.keepAlive(round)
	defer stop()
	if w.o.After != nil && !w.follow(w.o.After, round[len(round)-1].Sequence) {
		return false
	}
	var blocks []*journal.Block
	for i := range round {
		if err := round[i].Err; err != nil {
			// Nothing can be made of a damaged block; the hub refuses to go on past it.
			w.fail(fmt.Errorf("block %d cannot be read: %w", round[i].Sequence, err))
			w.log.Error("a journal block is damaged; the writer stops here: restore the journal from a backup or another replica", "sequence", round[i].Sequence, "error", err)
			<-w.stop
			return false
		}
		blocks = append(blocks, round[i].Block)
	}
	began := time.Now()
	for attempt := 0; ; attempt++ {
		err := w.write(blocks)
		if err == nil {
			break
		}
		if w.ctx.Err() != nil {
			return false
		}
		w.fail(err)
		w.log.Warn("rows do not reach ClickHouse; the journal keeps them, trying again", "error", err, "first", round[0].Sequence, "last", round[len(round)-1].Sequence, "attempt", attempt+1)
		select {
		case <-time.After(min(100*time.Millisecond<<min(attempt, 6), 5*time.Second)):
		case <-w.stop:
			return false
		case <-w.ctx.Done():
			return false
		}
	}
	w.trouble.Store(nil)
	w.log.Debug("written", "blocks", len(blocks), "last", round[len(round)-1].Sequence, "took_ms", time.Since(began).Milliseconds())
	w.acknowledge(round)
	w.forget(blocks)
	if w.o.Journal.Embedded() {
		w.move(round[len(round)-1].Sequence)
	} else {
		w.ask()
	}
	return true
}

// acknowledge tells the journal what is written. An acknowledgement that is lost
// costs nothing but the block's being written again.
func (w *Writer) acknowledge(round []journal.Delivery) {
	if !w.cons.Cumulative {
		for i := range round {
			if err := round[i].Ack(w.ctx); err != nil {
				w.log.Debug("acknowledgement lost; the block comes again", "sequence", round[i].Sequence, "error", err)
			}
		}
		return
	}
	w.written = round[len(round)-1]
	w.written.Block = nil
	if w.o.Sync == nil || time.Since(w.synced) >= w.o.SyncEvery {
		w.sync()
	}
}

// sync puts on the disk what was written, and acknowledges it.
func (w *Writer) sync() {
	if w.written.Sequence == 0 {
		return
	}
	w.synced = time.Now()
	if w.o.Sync != nil {
		if err := w.o.Sync(); err != nil {
			w.log.Warn("the tables' files could not be synced; what is not will be written again", "error", err)
			return
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := w.written.Ack(ctx); err != nil {
		w.log.Debug("acknowledgement lost; the blocks come again", "sequence", w.written.Sequence, "error", err)
		return
	}
	w.written = journal.Delivery{}
}

func (w *Writer) fail(err error) {
	since := time.Now()
	if t := w.trouble.Load(); t != nil {
		since = t.Since
	}
	w.trouble.Store(&Trouble{Since: since, Err: err})
}

// forget lets go of staged parts that the last writer to need them has written.
func (w *Writer) forget(blocks []*journal.Block) {
	if w.o.Submissions == nil {
		return // the history's writer comes after
	}
	for _, b := range blocks {
		for i := range b.Submissions {
			for _, p := range b.Submissions[i].Parts {
				w.o.Journal.ForgetPart(p.Sequence)
			}
		}
	}
}

// keepAlive tells the journal that the deliveries are being worked on.
func (w *Writer) keepAlive(round []journal.Delivery) (stop func()) {
	if w.cons.Cumulative { // nothing comes again in this run
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(20 * time.Second)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				for i := range round {
					round[i].InProgress()
				}
			case <-done:
				return
			}
		}
	}()
	return func() { close(done); <-ended }
}

// batch is what goes into one INSERT.
type batch struct {
	dataset string
	columns []string
	sets    []rowset
	rows    int
}

func batches(blocks []*journal.Block) []batch {
	var out []batch
	at := map[string]int{}
	for _, b := range blocks {
		for _, s := range rowsets(b) {
			key := s.dataset + "\x00" + strings.Join(s.columns, "\x00")
			i, ok := at[key]
			if !ok {
				i = len(out)
				at[key] = i
				out = append(out, batch{dataset: s.dataset, columns: s.columns})
			}
			out[i].sets = append(out[i].sets, s)
			out[i].rows += s.rows
		}
	}
	return out
}

// A batch of splitRows or more goes as several INSERTs side by side, since the
// server reads, sorts and writes each on its own.
const (
	splitRows = 200_000
	inserts   = 2
)

// write sends all rows of the blocks, then the list of their submissions.
func (w *Writer) write(blocks []*journal.Block) error {
	g, ctx := errgroup.WithContext(w.ctx)
	g.SetLimit(inserts)
	for _, b := range batches(blocks) {
		for _, piece := range b.split() {
			g.Go(func() error { return w.insert(ctx, piece) })
		}
	}
	if err := g.Wait(); err != nil {
		if !w.o.Refused(err) {
			return err
		}
		if err := w.isolate(blocks, err); err != nil {
			return err
		}
	}
	if w.o.Submissions == nil {
		return nil
	}
	body, err := submissionRows(&w.submissions, blocks)
	if err != nil {
		return err
	}
	return w.o.Submissions(w.ctx, bytes.NewReader(body))
}

// split cuts a large batch into inserts of about equal size.
func (b batch) split() []batch {
	if b.rows < splitRows || len(b.sets) < inserts {
		return []batch{b}
	}
	var out []batch
	for k := range inserts {
		piece := b
		piece.sets = b.sets[k*len(b.sets)/inserts : (k+1)*len(b.sets)/inserts]
		out = append(out, piece)
	}
	return out
}

func (w *Writer) insert(ctx context.Context, b batch) error {
	return w.o.Insert(ctx, b.dataset, b.columns, &stream{ctx: ctx, w: w, sets: b.sets})
}

// isolate sends what a refused round holds in ever smaller pieces, and holds
// only those submissions that ClickHouse refuses by themselves.
func (w *Writer) isolate(blocks []*journal.Block, cause error) error {
	w.log.Warn("ClickHouse refused rows; finding whose", "error", cause)
	for _, b := range blocks {
		for _, part := range batches([]*journal.Block{b}) {
			if err := w.insert(w.ctx, part); err == nil {
				continue
			} else if !w.o.Refused(err) {
				return err
			}
			if err := w.oneByOne(b, part); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *Writer) oneByOne(b *journal.Block, part batch) error {
	var owners []int
	for _, s := range part.sets {
		for _, o := range s.owners {
			if o.rows > 0 && !slices.Contains(owners, o.submission) {
				owners = append(owners, o.submission)
			}
		}
	}
	for _, i := range owners {
		err := w.o.One(w.ctx, part.dataset, part.columns, i, &stream{ctx: w.ctx, w: w, sets: part.sets})
		if err == nil {
			continue
		}
		if !w.o.Refused(err) {
			return err
		}
		w.log.Error("a submission is held: ClickHouse refuses its rows", "sequence", b.Sequence, "submission", i, "dataset", part.dataset, "error", err)
		if err := w.o.Hold(w.ctx, b.Sequence, i, err); err != nil {
			return errors.Join(errors.New("writer: a refused submission could not be noted as held"), err)
		}
	}
	return nil
}

// Release writes one held submission again, after a repair.
func (w *Writer) Release(ctx context.Context, sequence uint64, index int) error {
	b, err := w.o.Journal.Read(ctx, sequence)
	if err != nil {
		return err
	}
	for _, part := range batches([]*journal.Block{b}) {
		if err := w.o.One(ctx, part.dataset, part.columns, index, &stream{ctx: ctx, w: w, sets: part.sets}); err != nil {
			return err
		}
	}
	return nil
}
