package journal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/ch-go/compress"

	"github.com/zida-hub/zida/schemas"
)

// Pending is a checked submission on its way into the journal. Its owner fills
// the first fields, hands it to Committer.Submit, and reads the outcome after
// Wait. The batches belong to the committer until then.
type Pending struct {
	Submission Submission
	Plan       *schemas.Plan
	Batches    []*schemas.Batch // none for a staged submission
	RowNumbers []uint32         // of the kept rows, when some were rejected
	Lists      uint64           // generation of the reference lists it was checked against
	Size       int              // bytes it occupies while it waits

	Block *Block // the block that holds it, once durable
	Index int    // its place there
	Err   error
	done  chan struct{}
}

// rows is how many rows the pending submission brings.
func (p *Pending) rows() int {
	n := 0
	for _, b := range p.Batches {
		n += b.Rows()
	}
	return n
}

// Wait blocks until the submission is durable or refused, or its outcome is not
// known (ErrOutcomeUnknown): the committer answers every submission.
func (p *Pending) Wait() error {
	<-p.done
	return p.Err
}

// What a Submit can meet.
var (
	ErrFull           = errors.New("journal: the queue is full")
	ErrClosed         = errors.New("journal: closed")
	ErrOutcomeUnknown = errors.New("journal: the outcome is not known yet")
)

// CommitterOptions connect the committer to what must be known at once. All
// functions are called from its one goroutine, in the order of the journal.
type CommitterOptions struct {
	// Admit has the last word on a submission, against the state as of the block
	// just before: nil takes it, an error is its answer.
	Admit func(*Pending) error
	// Seal signs the block's receipts.
	Seal func(*Block)
	// Apply takes a durable block into the state, our own or another replica's.
	Apply func(*Block) error
	// IsList tells reference lists from other datasets.
	IsList     func(dataset string) bool
	QueueBytes int64         // 0: 64 MiB
	Poll       time.Duration // how often a quiet replica looks for others' blocks; 0: 200 ms
	Logger     *slog.Logger
}

// Limits of one block: what waits together goes together, up to these.
const (
	maxGroup      = 2048
	maxGroupBytes = 1 << 20
	queueLength   = 8192
)

// Committer makes waiting submissions durable together: one message, one fsync,
// however many wait. There is no timer: while a block is on its way to the disk
// the next one gathers.
type Committer struct {
	j       *Journal
	o       CommitterOptions
	queue   chan *Pending
	waiting atomic.Int64
	last    atomic.Uint64 // sequence of the newest block in the state

	lastTime time.Time         // received_at of that block; never goes back
	crowd    int               // senders lately at once: those answered by a block, and those who waited behind it
	carry    []*Pending        // for the next block
	seen     map[[16]byte]bool // Idempotency-Keys in the block being made
	raw      []byte
	frame    []byte
	lz4      *compress.Writer

	ctx    context.Context
	cancel context.CancelFunc
	stop   chan struct{}
	once   sync.Once
	ended  chan struct{}
}

// NewCommitter starts the committer after the block at sequence last, which was
// received at lastTime.
func (j *Journal) NewCommitter(last uint64, lastTime time.Time, o CommitterOptions) *Committer {
	if o.QueueBytes == 0 {
		o.QueueBytes = 64 << 20
	}
	if o.Poll == 0 {
		o.Poll = 200 * time.Millisecond
	}
	if o.Logger == nil {
		o.Logger = j.log
	}
	c := &Committer{
		j: j, o: o, queue: make(chan *Pending, queueLength), lastTime: lastTime, seen: map[[16]byte]bool{},
		lz4:  compress.NewWriter(compress.LevelZero, compress.LZ4),
		stop: make(chan struct{}), ended: make(chan struct{}),
	}
	c.last.Store(last)
	c.ctx, c.cancel = context.WithCancel(context.Background())
	go c.run()
	return c
}

// Last is the sequence up to which the state is known.
func (c *Committer) Last() uint64 { return c.last.Load() }

// Submit queues a submission; ErrFull says that too much waits already.
func (c *Committer) Submit(p *Pending) error {
	p.done = make(chan struct{})
	if c.waiting.Add(int64(p.Size)) > c.o.QueueBytes {
		c.waiting.Add(-int64(p.Size))
		return ErrFull
	}
	select {
	case <-c.stop:
		c.waiting.Add(-int64(p.Size))
		return ErrClosed
	default:
	}
	select {
	case c.queue <- p:
		return nil
	default:
		c.waiting.Add(-int64(p.Size))
		return ErrFull
	}
}

// Close commits what waits and ends; with an ended ctx it gives up on a journal
// that does not answer.
func (c *Committer) Close(ctx context.Context) {
	c.once.Do(func() { close(c.stop) })
	select {
	case <-c.ended:
	case <-ctx.Done():
		c.cancel()
		<-c.ended
	}
	c.cancel()
}

func (c *Committer) run() {
	defer close(c.ended)
	var poll <-chan time.Time
	if !c.j.Embedded() {
		t := time.NewTicker(c.o.Poll)
		defer t.Stop()
		poll = t.C
	}
	for {
		if len(c.carry) > 0 {
			c.commit(c.gather(nil))
			continue
		}
		select {
		case p := <-c.queue:
			c.yield()
			c.commit(c.gather(p))
		case <-poll:
			if err := c.catchUp(); err != nil && c.ctx.Err() == nil {
				c.o.Logger.Warn("cannot read other hubs' blocks", "error", err)
			}
		case <-c.stop:
			for { // nobody may be left waiting
				select {
				case p := <-c.queue:
					c.commit(c.gather(p))
					continue
				default:
				}
				if len(c.carry) == 0 {
					return
				}
				c.commit(c.gather(nil))
			}
		}
	}
}

// yield lets those who are about to submit do so, as long as more come: larger
// blocks, without a timer and at no delay where nobody else is at work.
func (c *Committer) yield() {
	for before := -1; len(c.queue) > before && before < maxGroup; {
		before = len(c.queue)
		runtime.Gosched()
	}
	// A crowd of senders, each waiting for its answer, falls into halves that wait for
	// each other's block. A crowd is worth a moment: fewer blocks, each of more. Not for
	// all of them, or nobody would be at work while a block goes to the disk.
	if c.crowd < crowded {
		return
	}
	for range crowdPolls {
		if len(c.queue)+1 >= c.crowd*2/3 {
			return
		}
		time.Sleep(crowdPoll)
	}
}

// What counts as a crowd, and how long it is waited for.
const (
	crowded    = 16
	crowdPoll  = 100 * time.Microsecond
	crowdPolls = 15
)

// gather takes what waits. A staged submission gets a block of its own: its
// rows' index counts in the submission, not in the message.
func (c *Committer) gather(first *Pending) []*Pending {
	group := c.carry
	c.carry = nil
	if first != nil {
		group = append(group, first)
	}
	size := 0
	for _, p := range group {
		size += p.Size
	}
	for len(group) < maxGroup && size < maxGroupBytes {
		select {
		case p := <-c.queue:
			group = append(group, p)
			size += p.Size
			continue
		default:
		}
		break
	}
	for i, p := range group {
		if len(p.Submission.Parts) == 0 {
			continue
		}
		if i > 0 {
			c.carry = append(c.carry, group[i:]...)
			return group[:i]
		}
		c.carry = append(c.carry, group[1:]...)
		return group[:1]
	}
	return group
}

func (c *Committer) finish(p *Pending, b *Block, index int, err error) {
	p.Block, p.Index, p.Err = b, index, err
	c.waiting.Add(-int64(p.Size))
	close(p.done)
}

// commit makes one group durable and answers it.
func (c *Committer) commit(group []*Pending) {
	for len(group) > 0 {
		group = c.admit(group)
		if len(group) == 0 {
			return
		}
		b, err := c.build(group)
		if err == nil {
			err = c.append(b)
		}
		if errors.Is(err, errBehind) {
			if err = c.catchUp(); err == nil {
				continue // judged anew against what the other hub committed
			}
		}
		if err == nil {
			err = c.apply(b)
		}
		c.crowd = min(len(group)+len(c.queue), maxGroup)
		for i, p := range group {
			c.finish(p, b, i, err)
		}
		return
	}
}

// patience bounds the wait for the journal to take a block; beyond it the
// outcome is not known. The next block begins by looking what became of it.
const patience = 60 * time.Second

func (c *Committer) append(b *Block) error {
	ctx, cancel := context.WithTimeout(c.ctx, patience)
	defer cancel()
	err := c.j.append(ctx, b, b.subject(c.o.IsList), c.frame)
	if err != nil && !errors.Is(err, errBehind) {
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	}
	return err
}

// admit asks for the last word on each and answers those who do not go in.
func (c *Committer) admit(group []*Pending) []*Pending {
	kept := group[:0:len(group)]
	clear(c.seen)
	for _, p := range group {
		if p.Submission.HasKey() {
			if c.seen[p.Submission.KeyHash] { // its twin is in this block; the next finds it there
				c.carry = append(c.carry, p)
				continue
			}
		}
		if err := c.o.Admit(p); err != nil {
			c.finish(p, nil, 0, err)
			continue
		}
		if p.Submission.HasKey() {
			c.seen[p.Submission.KeyHash] = true
		}
		kept = append(kept, p)
	}
	return kept
}

func (c *Committer) apply(b *Block) error {
	if err := c.o.Apply(b); err != nil {
		return err
	}
	c.lastTime = b.ReceivedAt
	c.last.Store(b.Sequence)
	return nil
}

// catchUp takes the blocks of other hubs into the state.
func (c *Committer) catchUp() error {
	end, err := c.j.Last(c.ctx)
	if err != nil {
		return err
	}
	for seq := c.last.Load() + 1; seq <= end; seq++ {
		b, err := c.j.Read(c.ctx, seq)
		if errors.Is(err, ErrNoBlock) {
			continue
		}
		if err != nil {
			return err
		}
		if err := c.apply(b); err != nil {
			return err
		}
	}
	return nil
}

// build makes the block and its frame. The sequence is the one the
// compare-and-set will give it, so that receipts are signed before the write
// and lie in the journal with what they prove.
func (c *Committer) build(group []*Pending) (*Block, error) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	if now.Before(c.lastTime) {
		now = c.lastTime
	}
	b := &Block{Sequence: c.last.Load() + 1, ReceivedAt: now, Submissions: make([]Submission, len(group))}
	_, _ = rand.Read(b.ID[:])
	type slot struct {
		plan     *schemas.Plan
		kind     Kind
		batches  []*schemas.Batch
		explicit bool
		members  []*Pending
	}
	var slots []slot
	for i, p := range group {
		s := &p.Submission
		if len(s.Parts) > 0 {
			s.Section = -1
			b.Submissions[i] = *s
			continue
		}
		at := -1
		for k := range slots {
			if slots[k].plan == p.Plan && slots[k].kind == s.Kind {
				at = k
				break
			}
		}
		if at < 0 {
			slots = append(slots, slot{plan: p.Plan, kind: s.Kind})
			at = len(slots) - 1
		}
		slots[at].batches = append(slots[at].batches, p.Batches...)
		slots[at].members = append(slots[at].members, p)
		slots[at].explicit = slots[at].explicit || p.RowNumbers != nil
		s.Section = at
		b.Submissions[i] = *s
	}
	for _, s := range slots {
		sec := Section{Dataset: s.plan.Contract().ID, Contract: s.plan.Contract().Version, Deleted: s.kind == Retraction}
		for _, m := range s.members {
			n := m.rows()
			sec.Rows += uint32(n)
			if s.explicit {
				sec.RowNumbers = appendRowNumbers(sec.RowNumbers, m.RowNumbers, n)
			}
		}
		var err error
		sec.Columns = ColumnNames(s.plan, sec.Deleted)
		if sec.Frames, err = c.encode(s.plan, sec.Deleted, s.batches); err != nil {
			return nil, err
		}
		b.Sections = append(b.Sections, sec)
	}
	c.o.Seal(b)
	c.frame = AppendBlock(c.frame[:0], b)
	if len(c.frame) > MaxMessage-1024 {
		return nil, fmt.Errorf("journal: a block of %d bytes is over the message limit", len(c.frame))
	}
	return b, nil
}

// ColumnNames are the columns of a plan's rows, or of its retractions.
func ColumnNames(p *schemas.Plan, retraction bool) []string {
	columns := p.Columns()
	if retraction {
		columns = p.KeyColumns()
	}
	names := make([]string, len(columns))
	for i := range columns {
		names[i] = columns[i].Name
	}
	return names
}

func appendRowNumbers(dst, numbers []uint32, rows int) []uint32 {
	if numbers != nil {
		return append(dst, numbers...)
	}
	for i := range rows {
		dst = append(dst, uint32(i+1))
	}
	return dst
}

func (c *Committer) encode(p *schemas.Plan, keysOnly bool, batches []*schemas.Batch) ([]byte, error) {
	c.raw, _ = p.AppendColumns(c.raw[:0], keysOnly, batches...)
	// Always lz4: ClickHouse takes one method a stream, and the writer strings
	// the frames of many blocks together.
	if err := c.lz4.Compress(c.raw); err != nil {
		return nil, fmt.Errorf("journal: compress: %w", err)
	}
	// A copy: the writer's buffer is used again for the next section.
	return append([]byte(nil), c.lz4.Data...), nil
}
