package engine

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// refusedWith fails the test unless the statement is refused with one of the names.
func refusedWith(t *testing.T, conn driver.Conn, statement string, names ...string) {
	t.Helper()
	refusedIn(t, t.Context(), conn, statement, names...)
}

func refusedIn(t *testing.T, ctx context.Context, conn driver.Conn, statement string, names ...string) { //nolint:revive // t first, as everywhere in tests
	t.Helper()
	err := drain(ctx, conn, statement)
	refusal, ok := AsError(err)
	if !ok {
		t.Errorf("%s: %v, want a refusal %v", statement, err, names)
		return
	}
	for _, name := range names {
		if refusal.Name == name {
			return
		}
	}
	t.Errorf("%s: %v, want one of %v", statement, err, names)
}

// drain runs a statement to its end.
func drain(ctx context.Context, conn driver.Conn, statement string) error {
	rows, err := conn.Query(ctx, statement)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}

func TestReaderCanOnlyReadTheHubsDatabase(t *testing.T) {
	store := database(t)
	mustExec(t, store, "CREATE TABLE t (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
	reader := store.Reader()
	for _, statement := range []string{
		"INSERT INTO t VALUES (1, 'x')",
		"INSERT INTO t SELECT 1, 'x'",
		"CREATE TABLE u (n UInt64) ENGINE = Memory",
		"CREATE TEMPORARY TABLE u (n UInt64)",
		"CREATE DATABASE zida_of_reader",
		"ALTER TABLE t DELETE WHERE 1",
		"TRUNCATE TABLE t",
		"DROP TABLE t",
		"OPTIMIZE TABLE t FINAL",
		"KILL QUERY WHERE 1 SYNC",
		"BACKUP TABLE t TO File('reader-backup')",
		"SYSTEM FLUSH LOGS",
		"SYSTEM START LISTEN TCP",
		"SELECT * FROM url('http://127.0.0.1:1/', 'RawBLOB', 'x String')",
		"SELECT * FROM file('config.xml', 'RawBLOB', 'x String')",
		"SELECT * FROM remote('127.0.0.1', system.one)",
		"SELECT * FROM executable('x', 'TSV', 'x String')",
		"SELECT * FROM system.users",
		"SELECT * FROM system.server_settings",
		"CREATE USER intruder",
		"GRANT SELECT ON *.* TO reader",
	} {
		refusedWith(t, reader, statement, "ACCESS_DENIED", "READONLY", "ACCESS_ENTITY_NOT_FOUND")
	}
	var rows uint64
	if err := store.Conn().QueryRow(t.Context(), "SELECT count() FROM t").Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d rows, %v", rows, err)
	}
}

func TestReaderRunsWithinItsLimits(t *testing.T) {
	store := database(t)
	mustExec(t, store, "CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
	mustExec(t, store, "INSERT INTO t SELECT number FROM numbers(100000)")
	reader := store.Reader()
	with := func(settings clickhouse.Settings) context.Context {
		return clickhouse.Context(t.Context(), clickhouse.WithSettings(settings))
	}
	limits := DefaultLimits()

	// A query may tighten its limits, and then meets them.
	refusedIn(t, with(clickhouse.Settings{"max_rows_to_read": 10}), reader, "SELECT sum(n) FROM t WHERE n % 2 = 0", "TOO_MANY_ROWS")
	refusedIn(t, with(clickhouse.Settings{"max_result_rows": 10}), reader, "SELECT n FROM t", "TOO_MANY_ROWS_OR_BYTES")
	refusedIn(t, with(clickhouse.Settings{"max_execution_time": 1}), reader, "SELECT sum(sleepEachRow(0.001)) FROM t SETTINGS max_block_size = 100", "TIMEOUT_EXCEEDED", "TOO_SLOW")
	refusedIn(t, with(clickhouse.Settings{"max_memory_usage": 1 << 20}), reader, "SELECT groupArray(n), groupArray(toString(n)) FROM t", "MEMORY_LIMIT_EXCEEDED")
	refusedIn(t, t.Context(), reader, "SELECT number FROM numbers(3000000)", "TOO_MANY_ROWS_OR_BYTES")

	// It may not widen them, nor put them off.
	for name, value := range map[string]any{
		"readonly": 0, "max_execution_time": 0, "max_memory_usage": limits.ReaderMemory + 1, "max_rows_to_read": 0,
		"max_result_rows": limits.ReaderRows + 1, "max_concurrent_queries_for_user": 0, "max_threads": limits.QueryThreads() + 1,
		"result_overflow_mode": "break",
	} {
		refusedIn(t, with(clickhouse.Settings{name: value}), reader, "SELECT 1", "SETTING_CONSTRAINT_VIOLATION", "READONLY")
	}
}

func TestHubUserHasItsDatabaseAndNoMore(t *testing.T) {
	store := database(t)
	hub := store.Conn()
	mustExec(t, store, "CREATE TABLE t (n UInt64, s String) ENGINE = ReplacingMergeTree ORDER BY n")
	mustExec(t, store, "ALTER TABLE t ADD COLUMN added Nullable(String)")
	mustExec(t, store, "BACKUP TABLE t TO File('"+store.Database()+"')")
	mustExec(t, store, "DROP TABLE t SYNC")
	mustExec(t, store, "RESTORE TABLE t FROM File('"+store.Database()+"')")
	for _, statement := range []string{
		"CREATE DATABASE elsewhere",
		"CREATE USER intruder",
		"SELECT * FROM url('http://127.0.0.1:1/', 'RawBLOB', 'x String')",
		"SELECT * FROM file('x', 'RawBLOB', 'x String')",
		"SELECT * FROM s3('http://127.0.0.1:1/bucket/key', 'RawBLOB', 'x String')",
	} {
		refusedWith(t, hub, statement, "ACCESS_DENIED", "ACCESS_STORAGE_READONLY", "ACCESS_STORAGE_FOR_INSERTION_NOT_FOUND")
	}
}

// as opens a connection of a stranger on this machine.
func as(t *testing.T, user login) driver.Conn {
	t.Helper()
	_, port := shared.child.ports()
	address := hostPort(shared.child.settings.Host, port)
	transport := newTransport((&net.Dialer{}).DialContext, nil, 1)
	t.Cleanup(transport.CloseIdleConnections)
	conn, err := pool{addresses: []string{address}, user: user, size: 1, transport: transport}.open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestUsersNeedTheirPasswords(t *testing.T) {
	for _, user := range []string{"hub", "reader", "nobody"} {
		for _, password := range []string{"", "guess"} {
			refusedWith(t, as(t, login{user, password}), "SELECT 1", "AUTHENTICATION_FAILED", "REQUIRED_PASSWORD")
		}
	}
	if shared.Restarts() != 0 {
		t.Error("a wrong password ended the engine")
	}
}

// The command line's own session has no password, so it must have no rights either.
func TestDefaultUserCanDoNothing(t *testing.T) {
	store := database(t)
	mustExec(t, store, "CREATE TABLE t (n UInt64) ENGINE = Memory")
	stranger := as(t, login{User: "default"})
	for _, statement := range []string{
		"SELECT * FROM " + store.Database() + ".t", "SELECT * FROM system.users", "CREATE TABLE default.x (n UInt8) ENGINE = Memory",
		"KILL QUERY WHERE 1 SYNC", "SYSTEM FLUSH LOGS", "SYSTEM SHUTDOWN",
	} {
		refusedWith(t, stranger, statement, "ACCESS_DENIED")
	}
}

// Passwords live in the hub's memory: the files hold hashes, and are the owner's alone.
func TestFilesHoldNoPasswords(t *testing.T) {
	dir := shared.child.opts.Dir
	for _, name := range []string{usersFile, configFile} {
		path := filepath.Join(dir, name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, user := range []login{shared.logins.hub, shared.logins.reader} {
			if strings.Contains(string(text), user.Password) {
				t.Errorf("%s holds the password of %s", name, user.User)
			}
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
	}
}

// Landlock, where the kernel has it, is what keeps the scalar file() from reading the machine.
func TestFileFunctionReadsNothingOfTheMachine(t *testing.T) {
	store := database(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/etc/passwd", "/etc/hostname", secret, "/proc/1/status", "/proc/" + pidText(os.Getpid()) + "/environ"} {
		for name, conn := range map[string]driver.Conn{"hub": store.Conn(), "reader": store.Reader()} {
			err := drain(t.Context(), conn, "SELECT file('"+path+"')")
			if confined := landlockVersion() > 0; confined != (err != nil) {
				t.Errorf("file(%q) as %s: %v, confined %v", path, name, err, confined)
			}
		}
	}
	if err := drain(t.Context(), store.Conn(), "SELECT file('/proc/self/environ')"); err != nil {
		t.Logf("not even its own environment: %v", err)
	}
}
