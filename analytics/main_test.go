package analytics

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/zida-hub/zida/analytics/engine"
	"github.com/zida-hub/zida/schemas"
)

// One engine serves the whole test binary, started by the first test that needs it (fuzz
// workers do not), and each test has a database of its own.
var (
	shared    = sync.OnceValues(startShared)
	sharedDir string // "" until it is started
	databases atomic.Int32
)

func TestMain(m *testing.M) {
	engine.ChildMain()
	os.Exit(runTests(m))
}

func startShared() (store *engine.Store, err error) {
	if sharedDir, err = os.MkdirTemp("", "zida-analytics-"); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	return engine.Start(ctx, engine.Options{Dir: filepath.Join(sharedDir, "engine"), Logger: slog.New(slog.DiscardHandler)})
}

func runTests(m *testing.M) int {
	code := m.Run()
	if sharedDir == "" {
		return code
	}
	defer os.RemoveAll(sharedDir)
	store, err := shared()
	if err == nil {
		err = store.Close(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// fixture is an Analytics on a database of its own with the shipped contracts, and the
// tables of some of them.
type fixture struct {
	*Analytics
	t         testing.TB
	contracts []*schemas.Contract
	sequence  uint64
	last      time.Time
}

func newFixture(t testing.TB, datasets ...string) *fixture {
	t.Helper()
	contracts := shipped(t)
	f := &fixture{t: t, contracts: contracts, last: epoch}
	server, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	store, err := server.In(t.Context(), fmt.Sprintf("%s_t%d", server.Database(), databases.Add(1)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	f.Analytics, err = New(store, func() []*schemas.Contract { return f.contracts })
	if err != nil {
		t.Fatal(err)
	}
	if err := f.EnsureOwn(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range contracts {
		if len(datasets) == 0 || slices.Contains(datasets, c.ID) {
			f.ensure(c)
		}
	}
	return f
}

// shipped is copies of the shipped contracts, which a test may change.
func shipped(t testing.TB) []*schemas.Contract {
	t.Helper()
	contracts, err := schemas.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range contracts {
		changed := *c
		changed.Properties = slices.Clone(c.Properties)
		contracts[i] = &changed
	}
	return contracts
}

// epoch is a minute before the first push of a test is received.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (f *fixture) ensure(c *schemas.Contract) {
	f.t.Helper()
	if err := f.EnsureTables(f.t.Context(), c, columnsOf(f.t, c)); err != nil {
		f.t.Fatal(err)
	}
}

func columnsOf(t testing.TB, c *schemas.Contract) []schemas.Column {
	t.Helper()
	plan, err := schemas.Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	return plan.Columns()
}

// row is a record: property to value as clickhouse-go takes it; "_deleted": true retracts.
type row map[string]any

// batch is what was pushed, kept so that it can be delivered again.
type batch struct {
	dataset string
	rows    []row
	seq     uint64
	at      time.Time
}

// push writes rows as the writer does, as one submission, and returns it.
func (f *fixture) push(dataset string, rows ...row) batch {
	f.t.Helper()
	f.sequence++
	f.last = f.last.Add(time.Minute)
	b := batch{dataset, rows, f.sequence, f.last}
	f.deliver(b)
	return b
}

func (f *fixture) deliver(b batch) {
	f.t.Helper()
	c := f.catalogue()[b.dataset]
	for _, history := range []bool{false, true} {
		f.insert(c, b, history)
	}
	err := f.InsertSubmissions(f.t.Context(), []Submission{{Sequence: b.seq, Dataset: b.dataset, Agency: "dazu", Client: "c-1", Kind: "push", Mode: "atomic", Accepted: uint32(len(b.rows)), ReceivedAt: b.at}})
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) insert(c *schemas.Contract, b batch, history bool) {
	f.t.Helper()
	var names []string
	for i := range c.Properties {
		names = append(names, c.Properties[i].Name)
	}
	query := strings.TrimSuffix(InsertQuery(c.ID, history, names), " FORMAT Native")
	query, _, _ = strings.Cut(query, " SETTINGS ")
	ctx := clickhouse.Context(f.t.Context(), clickhouse.WithSettings(insertSettingsMap()))
	into, err := f.store.Conn().PrepareBatch(ctx, query)
	if err != nil {
		f.t.Fatal(err)
	}
	for i, r := range b.rows {
		deleted := uint8(0)
		if r["_deleted"] == true {
			deleted = 1
		}
		agency := "dazu"
		if a, ok := r["_agency"].(string); ok {
			agency = a
		}
		values := []any{b.seq<<sequenceBits | uint64(i), deleted, agency, "c-1", uint32(0), uint32(i + 1), b.at}
		for _, name := range names {
			value := r[name]
			if value == nil {
				value = zero(c, name)
			}
			values = append(values, value)
		}
		if err := into.Append(values...); err != nil {
			f.t.Fatal(err)
		}
	}
	if err := into.Send(); err != nil {
		f.t.Fatal(err)
	}
}

// zero is what stands for a property that the row does not have.
func zero(c *schemas.Contract, name string) any {
	p, _ := property(c, name)
	if p.KeyPosition == 0 && !p.Required {
		if i := c.Region; i < 0 || c.Properties[i].Name != name {
			return nil
		}
	}
	switch p.Type {
	case schemas.TypeString:
		return ""
	case schemas.TypeInteger:
		return int64(0)
	case schemas.TypeBoolean:
		return false
	case schemas.TypeNumber:
		return "0"
	}
	return time.Unix(0, 0).UTC()
}

func (f *fixture) position() Position {
	return Position{Watermark: f.sequence, HistoryWatermark: f.sequence}
}

var everything = Reader{Clearance: schemas.Core}

func (f *fixture) ask(q Query) *Answer {
	f.t.Helper()
	answer, err := f.Query(f.t.Context(), q, everything, f.position())
	if err != nil {
		f.t.Fatalf("%+v: %v", q, err)
	}
	return answer
}

// table writes an answer as lines, for comparing.
func (a *Answer) table() string {
	var b strings.Builder
	for _, row := range a.Rows {
		for i, cell := range row {
			if i > 0 {
				b.WriteByte(' ')
			}
			if cell.Null {
				b.WriteString("null")
			} else {
				b.WriteString(cell.Text)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func instant(text string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04", text, shanghai)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

func flow(spot, at string, minutes, entries int64) row {
	return row{"spot_id": spot, "observed_at": instant(at), "interval_minutes": minutes, "region": spot[:6], "entries": &entries}
}
