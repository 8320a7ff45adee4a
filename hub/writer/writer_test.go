package writer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zida-hub/zida/analytics"
	"github.com/zida-hub/zida/analytics/engine"
	"github.com/zida-hub/zida/hub/journal"
	"github.com/zida-hub/zida/schemas"
)

var shared struct {
	sync.Mutex
	store *engine.Store
	dir   string
}

func TestMain(m *testing.M) {
	engine.ChildMain()
	code := m.Run()
	if shared.store != nil {
		_ = shared.store.Close(context.Background())
		_ = os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}

// testStore gives a test a database of its own in the one engine of this binary.
func testStore(t *testing.T) *engine.Store {
	t.Helper()
	ctx := testContext(t)
	shared.Lock()
	defer shared.Unlock()
	if shared.store == nil {
		dir, err := os.MkdirTemp("", "zida-writer-")
		if err != nil {
			t.Fatal(err)
		}
		store, err := engine.Start(ctx, engine.Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		shared.store, shared.dir = store, dir
	}
	store, err := shared.store.In(ctx, fmt.Sprintf("zida_t%d", time.Now().UnixNano()))
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// rig is a journal, a committer and a writer over a table of counts.
type rig struct {
	t         *testing.T
	store     *engine.Store
	journal   *journal.Journal
	committer *journal.Committer
	plan      *schemas.Plan
	held      sync.Map
	fault     atomic.Pointer[func(query string, body io.Reader) error] // stands between the writer and ClickHouse
}

func newRig(t *testing.T) *rig {
	t.Helper()
	ctx := testContext(t)
	plan, err := schemas.Compile(&schemas.Contract{
		ID: "counts", Version: "1.0.0", Key: []int{0}, Region: -1, RegionFrom: -1, Time: -1, Partition: -1,
		Properties: []schemas.Property{
			{Name: "id", Type: schemas.TypeString, Required: true, KeyPosition: 1},
			{Name: "n", Type: schemas.TypeInteger, Required: true},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, store: testStore(t), plan: plan}
	contracts := shippedAnd(t, plan.Contract())
	a, err := analytics.New(r.store, func() []*schemas.Contract { return contracts })
	if err != nil {
		t.Fatal(err)
	}
	if err := a.EnsureTables(ctx, plan.Contract(), plan.Columns()); err != nil {
		t.Fatal(err)
	}
	if r.journal, err = journal.Open(ctx, journal.Options{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	r.committer = r.journal.NewCommitter(0, time.Time{}, journal.CommitterOptions{
		Admit: func(*journal.Pending) error { return nil }, Seal: func(*journal.Block) {},
		Apply: func(*journal.Block) error { return nil }, IsList: func(string) bool { return false },
	})
	t.Cleanup(func() { r.committer.Close(context.Background()); r.journal.Close() })
	return r
}

func shippedAnd(t *testing.T, c *schemas.Contract) []*schemas.Contract {
	t.Helper()
	all, err := schemas.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	return append(all, c)
}

func (r *rig) start() *Writer {
	r.t.Helper()
	send := func(ctx context.Context, query string, body io.Reader) error {
		if f := r.fault.Load(); f != nil {
			if err := (*f)(query, body); err != nil {
				return err
			}
		}
		return r.store.Insert(ctx, query, body)
	}
	w, err := Start(testContext(r.t), Options{
		Journal: r.journal, Name: "current", Logger: slog.New(slog.DiscardHandler),
		Insert: func(ctx context.Context, dataset string, columns []string, body io.Reader) error {
			return send(ctx, analytics.InsertQuery(dataset, false, columns), body)
		},
		One: func(ctx context.Context, dataset string, columns []string, i int, body io.Reader) error {
			query, err := analytics.InsertOneQuery(dataset, false, columns, r.plan.Columns(), i)
			if err != nil {
				return err
			}
			return send(ctx, query, body)
		},
		Refused: func(err error) bool {
			e, ok := engine.AsError(err)
			return ok && e.Code == 469
		},
		Hold: func(_ context.Context, sequence uint64, index int, _ error) error {
			r.held.Store(fmt.Sprint(sequence, "-", index), true)
			return nil
		},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { w.Close(context.Background()) })
	return w
}

// push commits one submission a call of rows and returns the last sequence.
func (r *rig) push(kind journal.Kind, bodies ...string) (last uint64) {
	r.t.Helper()
	var all []*journal.Pending
	for _, body := range bodies {
		b := r.plan.Batch()
		d := r.plan.Decode(b, []byte(body), schemas.FormatNDJSON, &schemas.DecodeOptions{KeysOnly: kind == journal.Retraction})
		if d.ErrorCount > 0 || d.Body != nil {
			r.t.Fatalf("%+v", d)
		}
		n := uint32(b.Rows())
		p := &journal.Pending{
			Submission: journal.Submission{Dataset: "counts", Contract: "1.0.0", Agency: "dazu", Client: "c1", Kind: kind, Received: n, Accepted: n},
			Plan:       r.plan, Batches: []*schemas.Batch{b}, Size: 64,
		}
		if err := r.committer.Submit(p); err != nil {
			r.t.Fatal(err)
		}
		all = append(all, p)
	}
	for _, p := range all {
		if err := p.Wait(); err != nil {
			r.t.Fatal(err)
		}
		last = max(last, p.Block.Sequence)
	}
	return last
}

func (r *rig) rows() string {
	r.t.Helper()
	ctx := testContext(r.t)
	rows, err := r.store.Conn().Query(ctx, "SELECT id, n, _agency, _row FROM counts FINAL WHERE _deleted = 0 ORDER BY id")
	if err != nil {
		r.t.Fatal(err)
	}
	defer rows.Close()
	var out strings.Builder
	for rows.Next() {
		var id, agency string
		var n int64
		var row uint32
		if err := rows.Scan(&id, &n, &agency, &row); err != nil {
			r.t.Fatal(err)
		}
		fmt.Fprintf(&out, "%s=%d/%s/%d ", id, n, agency, row)
	}
	if err := rows.Err(); err != nil {
		r.t.Fatal(err)
	}
	return out.String()
}

func (r *rig) wait(w *Writer, sequence uint64) {
	r.t.Helper()
	if err := w.Wait(testContext(r.t), sequence); err != nil {
		r.t.Fatalf("watermark %d, wanted %d: %v; %+v", w.Watermark(), sequence, err, w.Trouble())
	}
}

func TestTheNewestOfEqualKeysAnswersAndARetractionTakesItAway(t *testing.T) {
	r := newRig(t)
	w := r.start()
	r.push(journal.Push, "{\"id\":\"a\",\"n\":1}\n{\"id\":\"b\",\"n\":2}\n{\"id\":\"a\",\"n\":3}")
	last := r.push(journal.Push, `{"id":"b","n":5}`)
	r.wait(w, last)
	if got := r.rows(); got != "a=3/dazu/3 b=5/dazu/1 " {
		t.Fatal(got)
	}
	r.wait(w, r.push(journal.Retraction, `{"id":"a"}`))
	if got := r.rows(); got != "b=5/dazu/1 " {
		t.Fatal(got)
	}
}

// Each failure comes twice: "failed, and not written" and "failed, but written";
// after the writer's second try the table is the same.
func TestADoubtfulInsertIsSentAgainAndCountsOnce(t *testing.T) {
	for _, written := range []bool{false, true} {
		t.Run(fmt.Sprint("written=", written), func(t *testing.T) {
			r := newRig(t)
			tries := 0
			fault := func(query string, body io.Reader) error {
				tries++
				if tries > 2 {
					return nil
				}
				if written {
					if err := r.store.Insert(context.Background(), query, body); err != nil {
						return err
					}
				}
				return errors.New("connection reset by peer")
			}
			r.fault.Store(&fault)
			w := r.start()
			r.wait(w, r.push(journal.Push, "{\"id\":\"a\",\"n\":1}\n{\"id\":\"b\",\"n\":2}"))
			if got := r.rows(); got != "a=1/dazu/1 b=2/dazu/2 " {
				t.Fatal(got)
			}
			if tries != 3 {
				t.Fatalf("%d tries", tries)
			}
			if w.Trouble() != nil {
				t.Fatal("the trouble is over and still told")
			}
		})
	}
}

func TestARestartCatchesUp(t *testing.T) {
	r := newRig(t)
	w := r.start()
	r.wait(w, r.push(journal.Push, `{"id":"a","n":1}`))
	w.Close(context.Background())
	last := r.push(journal.Push, `{"id":"b","n":2}`, `{"id":"c","n":3}`)
	w = r.start()
	r.wait(w, last)
	if got := r.rows(); got != "a=1/dazu/1 b=2/dazu/1 c=3/dazu/1 " {
		t.Fatal(got)
	}
}

func TestWhatClickHouseRefusesIsHeldAlone(t *testing.T) {
	r := newRig(t)
	if err := r.store.Conn().Exec(testContext(t), "ALTER TABLE counts ADD CONSTRAINT small CHECK n < 100"); err != nil {
		t.Fatal(err)
	}
	var bodies []string
	for i := range 40 {
		n := i
		if i == 17 {
			n = 666
		}
		bodies = append(bodies, fmt.Sprintf(`{"id":"r%02d","n":%d}`, i, n))
	}
	last := r.push(journal.Push, bodies...)
	w := r.start()
	r.wait(w, last)
	var rows, bad uint64
	if err := r.store.Conn().QueryRow(testContext(t), "SELECT count(), countIf(n = 666) FROM counts FINAL").Scan(&rows, &bad); err != nil {
		t.Fatal(err)
	}
	if rows != 39 || bad != 0 {
		t.Fatalf("%d rows, %d of the refused submission", rows, bad)
	}
	held := 0
	var id string
	r.held.Range(func(k, _ any) bool { held++; id = k.(string); return true })
	if held != 1 {
		t.Fatalf("%d submissions are held", held)
	}
	if err := r.store.Conn().Exec(testContext(t), "ALTER TABLE counts DROP CONSTRAINT small"); err != nil {
		t.Fatal(err)
	}
	var sequence uint64
	var index int
	if _, err := fmt.Sscanf(id, "%d-%d", &sequence, &index); err != nil {
		t.Fatal(err)
	}
	if err := w.Release(testContext(t), sequence, index); err != nil {
		t.Fatal(err)
	}
	if err := r.store.Conn().QueryRow(testContext(t), "SELECT count(), countIf(n = 666) FROM counts FINAL").Scan(&rows, &bad); err != nil || rows != 40 || bad != 1 {
		t.Fatalf("after the release %d rows, %d of it, %v", rows, bad, err)
	}
}

func TestStagedPartsKeepTheirOrderAndRowNumbers(t *testing.T) {
	r := newRig(t)
	ctx := testContext(t)
	s := r.journal.NewStage()
	add := func(rejects uint32, numbers []uint32, body string) {
		b := r.plan.Batch()
		defer b.Release()
		if d := r.plan.Decode(b, []byte(body), schemas.FormatNDJSON, nil); d.ErrorCount > 0 {
			t.Fatalf("%+v", d)
		}
		raw, _ := r.plan.AppendColumns(nil, false, b)
		var n native
		n.b = raw
		frames, err := n.frame()
		if err != nil {
			t.Fatal(err)
		}
		sec := journal.Section{Dataset: "counts", Contract: "1.0.0", Columns: journal.ColumnNames(r.plan, false), Rows: uint32(b.Rows()), RowNumbers: numbers, Frames: frames}
		if err := s.Add(ctx, journal.AppendPart(nil, &sec, nil), sec.Rows, rejects); err != nil {
			t.Fatal(err)
		}
	}
	add(1, []uint32{1, 3}, "{\"id\":\"a\",\"n\":1}\n{\"id\":\"b\",\"n\":2}")
	add(0, nil, "{\"id\":\"a\",\"n\":3}\n{\"id\":\"c\",\"n\":4}")
	parts, err := s.Parts(ctx)
	if err != nil {
		t.Fatal(err)
	}
	p := &journal.Pending{
		Submission: journal.Submission{Dataset: "counts", Contract: "1.0.0", Agency: "ziyang", Client: "c", Parts: parts, Columns: journal.ColumnNames(r.plan, false), Received: 5, Accepted: 4, Rejected: 1},
		Plan:       r.plan, Size: 64,
	}
	if err := r.committer.Submit(p); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	w := r.start()
	r.wait(w, p.Block.Sequence)
	if got := r.rows(); got != "a=3/ziyang/4 b=2/ziyang/3 c=4/ziyang/5 " {
		t.Fatal(got)
	}
}
