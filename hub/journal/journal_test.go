package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/zida-hub/zida/schemas"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// nats-server keeps these for the process once JetStream ran.
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.init.0.func1"),
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/pse.periodic"),
	)
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func openAt(t *testing.T, dir string) *Journal {
	t.Helper()
	j, err := Open(testContext(t), Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(j.Close)
	return j
}

func TestStateIsComparedAndSet(t *testing.T) {
	ctx := testContext(t)
	dir := t.TempDir()
	j := openAt(t, dir)
	s := j.State()
	var seen []string
	s.Watch("agency.", func(e Entry) { seen = append(seen, string(e.Value)) })
	one, err := s.Put(ctx, "agency.dazu", []byte("1"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(ctx, "agency.dazu", []byte("x"), 0); !errors.Is(err, ErrConflict) {
		t.Fatalf("a second first value: %v", err)
	}
	two, err := s.Put(ctx, "agency.dazu", []byte("2"), one)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(ctx, "agency.dazu", []byte("x"), one); !errors.Is(err, ErrConflict) {
		t.Fatalf("a lost race: %v", err)
	}
	if _, err := s.Put(ctx, "client.c1", []byte("c"), 0); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(seen); got != "[1 2]" { // Put returns after the watchers have it
		t.Fatalf("watched %s", got)
	}
	j.Close()

	s = openAt(t, dir).State()
	if e, ok := s.Get("agency.dazu"); !ok || string(e.Value) != "2" || e.Revision != two {
		t.Fatalf("after a restart: %+v", e)
	}
	log, err := s.Log(ctx, 0, 10)
	if err != nil || len(log) != 3 || string(log[0].Value) != "1" || log[2].Key != "client.c1" {
		t.Fatalf("log %+v, %v", log, err)
	}
}

func TestADirectoryIsOpenedOnce(t *testing.T) {
	dir := t.TempDir()
	openAt(t, dir)
	if _, err := Open(testContext(t), Options{Dir: dir}); !errors.Is(err, ErrLocked) {
		t.Fatalf("second open: %v", err)
	}
}

// testCommitter runs a committer whose state is the list of what it applied.
type testCommitter struct {
	*Committer
	mu      sync.Mutex
	applied []*Block
}

func startCommitter(t *testing.T, j *Journal, last uint64) *testCommitter {
	t.Helper()
	c := &testCommitter{}
	keys := map[[16]byte]uint64{}
	c.Committer = j.NewCommitter(last, time.Time{}, CommitterOptions{
		Admit: func(p *Pending) error {
			if seq, ok := keys[p.Submission.KeyHash]; ok && p.Submission.HasKey() {
				return fmt.Errorf("twin of %d", seq)
			}
			return nil
		},
		Seal: func(b *Block) { b.KID = "k" },
		Apply: func(b *Block) error {
			for i := range b.Submissions {
				keys[b.Submissions[i].KeyHash] = b.Sequence
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			c.applied = append(c.applied, b)
			return nil
		},
		IsList: func(string) bool { return false },
	})
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func testPlan(t testing.TB) *schemas.Plan {
	t.Helper()
	p, err := schemas.Compile(&schemas.Contract{
		ID: "counts", Version: "1.0.0", Key: []int{0}, Region: -1, RegionFrom: -1, Time: -1, Partition: -1,
		Properties: []schemas.Property{
			{Name: "id", Type: schemas.TypeString, Required: true, KeyPosition: 1},
			{Name: "n", Type: schemas.TypeInteger, Required: true},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func pending(t testing.TB, p *schemas.Plan, id string, n int) *Pending {
	t.Helper()
	b := p.Batch()
	d := p.Decode(b, fmt.Appendf(nil, `{"id":%q,"n":%d}`, id, n), schemas.FormatNDJSON, nil)
	if d.ErrorCount > 0 || d.Body != nil {
		t.Fatalf("%+v", d)
	}
	return &Pending{
		Submission: Submission{Dataset: "counts", Contract: "1.0.0", Agency: "a", Client: "c", Received: 1, Accepted: 1},
		Plan:       p, Batches: []*schemas.Batch{b}, Size: 64,
	}
}

func TestWaitingSubmissionsShareABlock(t *testing.T) {
	ctx := testContext(t)
	j := openAt(t, t.TempDir())
	c := startCommitter(t, j, 0)
	plan := testPlan(t)
	const n = 500
	all := make([]*Pending, n)
	for i := range all {
		all[i] = pending(t, plan, fmt.Sprint("row-", i), i)
	}
	for _, p := range all {
		if err := c.Submit(p); err != nil {
			t.Fatal(err)
		}
	}
	places := map[string]bool{}
	for _, p := range all {
		if err := p.Wait(); err != nil {
			t.Fatal(err)
		}
		places[fmt.Sprint(p.Block.Sequence, "-", p.Index)] = true
	}
	if len(places) != n {
		t.Fatalf("%d places for %d submissions", len(places), n)
	}
	last, err := j.Last(ctx)
	if err != nil || last >= n/2 {
		t.Fatalf("%d blocks for %d submissions: %v", last, n, err)
	}
	rows := 0
	if _, err := j.Replay(ctx, All, 0, time.Time{}, func(b *Block) error {
		rows += int(b.Sections[0].Rows)
		return nil
	}); err != nil || rows != n {
		t.Fatalf("%d rows in the journal: %v", rows, err)
	}
}

func TestATwinInTheSameBlockWaitsForTheNext(t *testing.T) {
	j := openAt(t, t.TempDir())
	c := startCommitter(t, j, 0)
	plan := testPlan(t)
	var all []*Pending
	for range 20 {
		p := pending(t, plan, "same", 1)
		p.Submission.KeyHash = [16]byte{1}
		all = append(all, p)
		if err := c.Submit(p); err != nil {
			t.Fatal(err)
		}
	}
	taken := 0
	for _, p := range all {
		if p.Wait() == nil {
			taken++
		}
	}
	if taken != 1 {
		t.Fatalf("%d of 20 twins were taken", taken)
	}
}

func TestAnotherHubsBlockIsAppliedBeforeOurs(t *testing.T) {
	j := openAt(t, t.TempDir())
	a, b := startCommitter(t, j, 0), startCommitter(t, j, 0)
	plan := testPlan(t)
	for i := range 20 {
		c := []*testCommitter{a, b}[i%2]
		p := pending(t, plan, fmt.Sprint("row-", i), i)
		if err := c.Submit(p); err != nil {
			t.Fatal(err)
		}
		if err := p.Wait(); err != nil {
			t.Fatal(err)
		}
		if p.Block.Sequence != uint64(i+1) {
			t.Fatalf("submission %d got sequence %d", i, p.Block.Sequence)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, blk := range b.applied {
		if blk.Sequence != uint64(i+1) {
			t.Fatalf("applied %d as number %d", blk.Sequence, i+1)
		}
	}
	if len(b.applied) != 20 {
		t.Fatalf("the second hub knows %d blocks", len(b.applied))
	}
}

// In doubt, the publisher looks whose block is there: its own counts as success,
// also when the first answer was lost; another's is judged anew.
func TestADoubtIsSettledByLooking(t *testing.T) {
	ctx := testContext(t)
	j := openAt(t, t.TempDir())
	b := sample()
	b.Sequence = 1
	frame := AppendBlock(nil, b)
	if err := j.append(ctx, b, subjectBlock, frame); err != nil {
		t.Fatal(err)
	}
	other := sample()
	other.ID, other.Sequence = [16]byte{8}, 1
	if err := j.append(ctx, other, subjectBlock, AppendBlock(nil, other)); !errors.Is(err, errBehind) {
		t.Fatalf("another block at the same place: %v", err)
	}
	last, err := j.Last(ctx)
	if err != nil || last != 1 {
		t.Fatalf("%d blocks, %v", last, err)
	}
}

func TestAStageIsSeenOnlyThroughItsCommit(t *testing.T) {
	ctx := testContext(t)
	dir := t.TempDir()
	j := openAt(t, dir)
	kept, lost := j.NewStage(), j.NewStage()
	for i := range 6 {
		for _, s := range []*Stage{kept, lost} {
			if err := s.Add(ctx, AppendPart(nil, &Section{Dataset: "d", Rows: uint32(i)}, nil), uint32(i), 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	parts, err := kept.Parts(ctx)
	if err != nil || len(parts) != 6 {
		t.Fatalf("%v %v", parts, err)
	}
	if _, err := lost.Parts(ctx); err != nil {
		t.Fatal(err)
	}
	j.Close() // killed before the second one's commit

	j = openAt(t, dir)
	committed := map[uint64]bool{}
	for _, p := range parts {
		committed[p.Sequence] = true
	}
	if n, err := j.DropOrphans(ctx, func(seq uint64) bool { return committed[seq] }); err != nil || n != 1 {
		t.Fatalf("dropped %d, %v", n, err)
	}
	for i, p := range parts {
		frame, err := j.ReadPart(ctx, p.Sequence)
		if err != nil {
			t.Fatal(err)
		}
		if s, _, err := ParsePart(frame); err != nil || s.Rows != uint32(i) {
			t.Fatalf("part %d: %+v %v", i, s, err)
		}
	}
}

func TestWhatIsNotAcknowledgedComesAgain(t *testing.T) {
	ctx := testContext(t)
	dir := t.TempDir()
	j := openAt(t, dir)
	c := startCommitter(t, j, 0)
	plan := testPlan(t)
	for i := range 3 {
		p := pending(t, plan, strconv.Itoa(i), i)
		if err := c.Submit(p); err != nil {
			t.Fatal(err)
		}
		if err := p.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	c.Close(ctx)
	w, err := j.Consume(ctx, ConsumerOptions{Name: "w"})
	if err != nil {
		t.Fatal(err)
	}
	first := <-w.C()
	if err := first.Ack(ctx); err != nil || first.Sequence != 1 {
		t.Fatalf("%d, %v", first.Sequence, err)
	}
	second := <-w.C() // taken, not acknowledged
	w.Close()
	j.Close()

	j = openAt(t, dir)
	w, err = j.Consume(ctx, ConsumerOptions{Name: "w"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	again := map[uint64]bool{}
	for len(again) < 2 {
		select {
		case d := <-w.C():
			again[d.Sequence] = true
		case <-ctx.Done():
			t.Fatalf("only %v came again", again)
		}
	}
	if !again[second.Sequence] || again[1] {
		t.Fatalf("came again: %v", again)
	}
}

func TestANewJournalOpensAHigherRange(t *testing.T) {
	ctx := testContext(t)
	j, err := Open(ctx, Options{Dir: t.TempDir(), FirstSequence: 5000, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	last, err := j.Last(ctx)
	if err != nil {
		t.Fatal(err)
	}
	c := startCommitter(t, j, last)
	p := pending(t, testPlan(t), "x", 1)
	if err := c.Submit(p); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil || p.Block.Sequence != 5000 {
		t.Fatalf("%v %+v", err, p.Block)
	}
	c.Close(ctx)
}
