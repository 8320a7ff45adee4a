package engine

import (
	"bytes"
	"net/url"
	"strings"
	"testing"
)

func TestConnectUsesAServerThatIsThere(t *testing.T) {
	embedded := database(t)
	mustExec(t, embedded, "CREATE TABLE t (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
	store, err := Connect(t.Context(), embedded.DSN()+"&cluster=both_sides", discard())
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, store)
	if err := store.Insert(t.Context(), "INSERT INTO t (n, s) FORMAT Native", bytes.NewReader(frames(t, 1, 2))); err != nil {
		t.Fatal(err)
	}
	var sum uint64
	if err := store.Reader().QueryRow(t.Context(), "SELECT sum(n) FROM t").Scan(&sum); err != nil || sum != 3 {
		t.Errorf("sum %d, %v", sum, err)
	}
	refusedWith(t, store.Reader(), "INSERT INTO t VALUES (1, '')", "ACCESS_DENIED", "READONLY")
	if store.Embedded() || store.PID() != 0 || store.Memory() != 0 || store.Restarts() != 0 {
		t.Error("a server that is not ours has no child")
	}
	if store.Database() != embedded.Database() || store.Cluster() != "both_sides" {
		t.Errorf("database %q, cluster %q", store.Database(), store.Cluster())
	}
	if _, err := store.In(t.Context(), "zida_other"); err == nil {
		t.Error("another database of an existing server was opened")
	}
}

func TestConnectWithoutAReaderReadsOnlyAllTheSame(t *testing.T) {
	embedded := database(t)
	mustExec(t, embedded, "CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
	dsn, err := url.Parse(embedded.DSN())
	if err != nil {
		t.Fatal(err)
	}
	query := dsn.Query()
	query.Del("reader_user")
	query.Del("reader_password")
	dsn.RawQuery = query.Encode()
	store, err := Connect(t.Context(), dsn.String(), discard())
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, store)
	refusedWith(t, store.Reader(), "INSERT INTO t VALUES (1)", "READONLY")
	refusedWith(t, store.Reader(), "SELECT number FROM numbers(3000000)", "TOO_MANY_ROWS_OR_BYTES")
}

func TestDSNErrorsNameWhatIsWrongAndNoPassword(t *testing.T) {
	for dsn, want := range map[string]string{
		"":                                                  "form clickhouse://",
		"postgres://u:topsecret@h/db":                       "form clickhouse://",
		"clickhouse://u:topsecret@h:9000":                   "names no database",
		"clickhouse://u:topsecret@h/a;b":                    "no name for a database",
		"clickhouse://u:topsecret@h/a-b":                    "no name for a database",
		"clickhouse://u:topsecret@h/a?cluster=x%20y":        "no name for a cluster",
		"clickhouse://u:topsecret@h/a?http_port=eighty":     "http_port=eighty is not a port",
		"clickhouse://u:topsecret@127.0.0.1/a?secure=maybe": "secure",
	} {
		store, err := Connect(t.Context(), dsn, discard())
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%q: %v, want something about %q", dsn, err, want)
		}
		if store != nil {
			_ = store.Close(t.Context())
		}
	}
}

func TestDSNIsTakenApart(t *testing.T) {
	server, err := parseDSN("clickhouse://hub:a%3Fb@one:9000,two:9000/zida?http_port=9123&cluster=c&reader_user=r&reader_password=p%26q&max_threads=3")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(server.bases, " "); got != "http://one:9123 http://two:9123" {
		t.Errorf("bases %s", got)
	}
	if server.cluster != "c" || server.reader != (login{"r", "p&q"}) || server.options.Auth.Password != "a?b" {
		t.Errorf("got %+v", server)
	}
	if len(server.options.Settings) != 1 || server.options.Settings["max_threads"] != 3 {
		t.Errorf("settings %v", server.options.Settings)
	}
	if server, err = parseDSN("clickhouse://one/zida?secure=true"); err != nil || server.bases[0] != "https://one:8443" || server.secure == nil {
		t.Errorf("secure: %v, %v", server.bases, err)
	}
}

func TestStatsTellWhatAQueryRead(t *testing.T) {
	store := database(t)
	mustExec(t, store, "CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
	mustExec(t, store, "INSERT INTO t SELECT number FROM numbers(12345)")
	var stats Stats
	if err := drain(WithStats(t.Context(), &stats), store.Reader(), "SELECT sum(n) FROM t WHERE n % 2 = 0"); err != nil {
		t.Fatal(err)
	}
	if stats.ReadRows != 12345 || stats.ReadBytes == 0 || stats.ElapsedNS == 0 {
		t.Errorf("got %+v", stats)
	}
}

// Two engines and a Distributed table over both: what a cluster's shards look like to the hub.
func TestDistributedTableSpansTwoEngines(t *testing.T) {
	second := start(t, Options{Cluster: "sides", Shards: []Shard{{}}})
	first := start(t, Options{Cluster: "sides", Shards: []Shard{{}, second.Shard()}})
	for i, store := range []*Store{first, second} {
		mustExec(t, store, "CREATE TABLE t (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
		if err := insert(t, store, uint64(i+1), uint64(10*(i+1))); err != nil {
			t.Fatal(err)
		}
	}
	mustExec(t, first, "CREATE TABLE everywhere AS t ENGINE = Distributed(sides, "+first.Database()+", t, rand())")
	var sum uint64
	if err := first.Reader().QueryRow(t.Context(), "SELECT sum(n) FROM everywhere").Scan(&sum); err != nil || sum != 33 {
		t.Errorf("sum %d, %v", sum, err)
	}
	if first.Cluster() != "sides" {
		t.Errorf("cluster %q", first.Cluster())
	}
}
