package analytics

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zida-hub/zida/analytics/engine"
	"github.com/zida-hub/zida/schemas"
)

var update = flag.Bool("update", false, "write golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	wanted, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(wanted) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, wanted)
	}
}

func TestTablesDDL(t *testing.T) {
	for name, layout := range map[string]tables{
		"server.sql":  {database: "zida"},
		"cluster.sql": {database: "zida", cluster: "gov"},
		"shards.sql":  {database: "zida", cluster: "gov", unreplicated: true},
	} {
		var all []string
		for _, c := range shipped(t) {
			if c.ID != "tourism_flow" && c.ID != "park_monthly" && c.ID != "scenic_spot" {
				continue
			}
			for _, want := range datasetTables(c, columnsOf(t, c)) {
				all = append(all, layout.create(want)...)
			}
		}
		all = append(all, layout.create(submissionTable())...)
		all = append(all, layout.addColumn("tourism_flow", schemas.Column{Name: "weather", Type: "Nullable(String)"})...)
		all = append(all, layout.widenColumn("tourism_flow", schemas.Column{Name: "entries", Type: "Nullable(Int64)"})...)
		golden(t, name, strings.Join(all, ";\n\n")+";\n")
	}
	golden(t, "insert.sql", InsertQuery("tourism_flow", false, []string{"spot_id", "entries"})+"\n"+InsertQuery("tourism_flow", true, []string{"spot_id"})+"\n")
}

func TestTablesFollowTheContract(t *testing.T) {
	f := newFixture(t, "scenic_spot")
	f.push("scenic_spot", row{"spot_id": "500111-S01", "name": "宝顶山", "region": "500111"})
	var c *schemas.Contract
	for _, c = range f.contracts {
		if c.ID == "scenic_spot" {
			break
		}
	}
	c.Properties = append(c.Properties, schemas.Property{Name: "phone", Label: "电话", Type: schemas.TypeString})
	f.ensure(c)
	f.ensure(c) // again changes nothing
	f.push("scenic_spot", row{"spot_id": "500111-S02", "name": "北山", "region": "500111", "phone": text2("023")})
	want(t, f.records(RecordsQuery{Dataset: c.ID, Fields: []string{"name", "phone"}}), "宝顶山 null\n北山 023\n")

	columns := columnsOf(t, c)
	change := func(name, kind string) []schemas.Column {
		changed := append([]schemas.Column{}, columns...)
		for i := range changed {
			if changed[i].Name == name {
				changed[i].Type = kind
			}
		}
		return changed
	}
	for _, ok := range [][]schemas.Column{change("ticket_price", "Nullable(Decimal(20, 3))"), change("ticket_price", "Nullable(Decimal(18, 2))"), change("name", "Nullable(String)"), change("name", "String")} {
		if err := f.EnsureTables(t.Context(), c, ok); err != nil {
			t.Errorf("%v: %v", ok, err)
		}
	}
	for _, bad := range [][]schemas.Column{change("ticket_price", "Nullable(Float64)"), change("instant_capacity", "Nullable(String)"), change("name", "Int64")} {
		var incompatible *IncompatibleError
		if err := f.EnsureTables(t.Context(), c, bad); !errors.As(err, &incompatible) {
			t.Errorf("%v: %v", bad, err)
		}
	}
	c.Key = append([]int{1}, c.Key...)
	var incompatible *IncompatibleError
	if err := f.EnsureTables(t.Context(), c, columns); !errors.As(err, &incompatible) || incompatible.Column != "" {
		t.Errorf("another key: %v", err)
	}
	c.ID = submissionsTable
	if err := f.EnsureTables(t.Context(), c, columns); err == nil {
		t.Error("a dataset takes the name of the hub's own table")
	}
}

func TestTheHighestSequenceIsFoundInEveryTable(t *testing.T) {
	f := newFixture(t, "tourism_flow", "scenic_spot")
	check := func(wanted uint64) {
		t.Helper()
		if got, err := f.MaxVersion(t.Context()); err != nil || got != wanted {
			t.Errorf("got %d, %v, want %d", got, err, wanted)
		}
	}
	check(0)
	f.push("tourism_flow", flow("500111-S01", "2024-05-01 09:00", 5, 1))
	f.push("tourism_flow", flow("500111-S01", "2024-05-01 09:00", 5, 1))
	check(2)
	c := f.catalogue()["scenic_spot"]
	f.insert(c, batch{dataset: c.ID, rows: []row{{"spot_id": "500111-S01", "name": "x", "region": "500111"}}, seq: 900, at: f.last}, true)
	check(900) // history alone knows it: the pass over submissions had not come
}

func TestSubmissionsAreListedNewestFirst(t *testing.T) {
	f := newFixture(t, "tourism_flow")
	for n := range 5 {
		f.push("tourism_flow", flow("500111-S01", "2024-05-01 09:00", 5, int64(n)))
	}
	var ids []string
	cursor := ""
	for {
		page, next, err := f.Submissions(t.Context(), SubmissionFilter{Agency: "dazu"}, 2, cursor)
		if err != nil {
			t.Fatal(err)
		}
		for i := range page {
			ids = append(ids, page[i].ID())
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	if got := strings.Join(ids, " "); got != "5-0 4-0 3-0 2-0 1-0" {
		t.Errorf("got %s", got)
	}
	if none, _, err := f.Submissions(t.Context(), SubmissionFilter{Agency: "ziyang"}, 2, ""); err != nil || len(none) != 0 {
		t.Errorf("got %v, %v", none, err)
	}
	one, err := f.Submission(t.Context(), "3-0")
	if err != nil || one == nil || one.Sequence != 3 || one.Accepted != 1 {
		t.Errorf("got %+v, %v", one, err)
	}
}

// TestTwoShardsAnswerAsOneServer puts the current and history tables of two engines behind
// Distributed ones and asks what a single server is asked.
func TestTwoShardsAnswerAsOneServer(t *testing.T) {
	ctx := context.WithoutCancel(t.Context())
	other, err := engine.Start(ctx, engine.Options{Dir: filepath.Join(t.TempDir(), "peer"), Cluster: "pair", Shards: []engine.Shard{{}}})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(ctx)
	front, err := engine.Start(ctx, engine.Options{Dir: filepath.Join(t.TempDir(), "front"), Cluster: "pair", Shards: []engine.Shard{{}, other.Shard()}})
	if err != nil {
		t.Fatal(err)
	}
	defer front.Close(ctx)
	f := &fixture{t: t, contracts: shipped(t), last: epoch}
	if f.Analytics, err = New(front, func() []*schemas.Contract { return f.contracts }); err != nil {
		t.Fatal(err)
	}
	f.tables.unreplicated = true
	if err := f.EnsureOwn(ctx); err != nil {
		t.Fatal(err)
	}
	for _, c := range f.contracts {
		if c.ID != "tourism_flow" && c.ID != "scenic_spot" {
			continue
		}
		f.ensure(c)
		for _, want := range datasetTables(c, columnsOf(t, c)) { // without Keeper each server is told by itself
			if err := other.Conn().Exec(ctx, f.tables.create(want)[0]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := other.Conn().Exec(ctx, f.tables.create(submissionTable())[0]); err != nil {
		t.Fatal(err)
	}
	capacity := int64(100)
	f.push("scenic_spot", row{"spot_id": "500111-S01", "name": "宝顶山", "region": "500111", "instant_capacity": &capacity})
	var rows []row
	for n := range 60 {
		rows = append(rows, flow("500111-S01", fmt.Sprintf("2024-05-01 09:%02d", n), 5, 1))
	}
	first := f.push("tourism_flow", rows...)
	f.push("tourism_flow", flow("500111-S01", "2024-05-01 09:00", 5, 100))
	var here, there uint64
	for conn, n := range map[*engine.Store]*uint64{front: &here, other: &there} {
		if err := conn.Conn().QueryRow(ctx, "SELECT count() FROM "+f.tables.qualify("tourism_flow"+localSuffix)).Scan(n); err != nil {
			t.Fatal(err)
		}
	}
	if here == 0 || there == 0 || here+there < 60 {
		t.Errorf("%d rows here, %d there", here, there)
	}
	q := Query{Metrics: []string{"visitors"}, Dimensions: []string{"spot_name"}}
	want(t, f.ask(q), "宝顶山 159\n")
	q.AsOf = first.at.Format("2006-01-02T15:04:05Z07:00")
	want(t, f.ask(q), "宝顶山 60\n")
	if got, err := f.MaxVersion(ctx); err != nil || got != 3 {
		t.Errorf("highest sequence %d, %v", got, err)
	}
}
