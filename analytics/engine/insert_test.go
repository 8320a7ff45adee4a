package engine

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestInsertedFramesAnswerToBothUsers(t *testing.T) {
	store := database(t)
	mustExec(t, store, "CREATE TABLE t (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
	if err := insert(t, store, 1, 2, 3); err != nil {
		t.Fatal(err)
	}
	var sum uint64
	if err := store.Conn().QueryRow(t.Context(), "SELECT sum(n) FROM t").Scan(&sum); err != nil || sum != 6 {
		t.Fatalf("hub: sum %d, %v", sum, err)
	}
	if err := store.Reader().QueryRow(t.Context(), "SELECT sum(n) FROM t WHERE s != 'row 2'").Scan(&sum); err != nil || sum != 4 {
		t.Fatalf("reader: sum %d, %v", sum, err)
	}
}

func TestInsertKeepsItsConnection(t *testing.T) {
	store := database(t)
	mustExec(t, store, "CREATE TABLE t (n UInt64, s String) ENGINE = Null")
	connections := func() (total uint64) {
		t.Helper()
		if err := store.Conn().QueryRow(t.Context(), "SELECT toUInt64(sum(value)) FROM system.metrics WHERE metric = 'HTTPConnection'").Scan(&total); err != nil {
			t.Fatal(err)
		}
		return total
	}
	if err := insert(t, store, 1); err != nil {
		t.Fatal(err)
	}
	before := connections()
	for range 50 {
		if err := insert(t, store, 1); err != nil {
			t.Fatal(err)
		}
	}
	// The pools may open one of their few in between, and the server counts a closed
	// one for a moment; one an insert would be fifty.
	if after := connections(); after > before+insertConnections {
		t.Errorf("%d HTTP connections after 50 inserts in a row, %d before", after, before)
	}
}

// What ClickHouse refuses for the data's sake is told apart from everything that may pass by itself.
func TestInsertErrorsSayWhetherTheDataIsToBlame(t *testing.T) {
	store := database(t)
	mustExec(t, store, "CREATE TABLE t (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
	mustExec(t, store, "CREATE TABLE picky (n UInt64, s String, CONSTRAINT small CHECK n < 10) ENGINE = MergeTree ORDER BY n")

	refused := func(name, query string, body []byte, code int32, codeName string) {
		t.Helper()
		err := store.Insert(t.Context(), query, bytes.NewReader(body))
		refusal, ok := AsError(err)
		if !ok || refusal.Code != code || refusal.Name != codeName || refusal.Message == "" {
			t.Errorf("%s: %v, want code %d %s", name, err, code, codeName)
		}
		if Temporary(err) {
			t.Errorf("%s: taken for temporary: %v", name, err)
		}
	}
	good := frames(t, 11)
	broken := bytes.Clone(good)
	broken[len(broken)-1] ^= 1
	refused("no such table", "INSERT INTO absent (n, s) FORMAT Native", good, 60, "UNKNOWN_TABLE")
	refused("no such column", "INSERT INTO t (n, z) FORMAT Native", good, 16, "NO_SUCH_COLUMN_IN_TABLE")
	refused("constraint", "INSERT INTO picky (n, s) FORMAT Native", good, 469, "VIOLATED_CONSTRAINT")
	refused("damaged frame", "INSERT INTO t (n, s) FORMAT Native", broken, 271, "CANNOT_DECOMPRESS")
	refused("not SQL", "INSERT WHERE t", good, 62, "SYNTAX_ERROR")

	mustExec(t, store, "CREATE TABLE crowded (n UInt64, s String) ENGINE = MergeTree ORDER BY n SETTINGS parts_to_throw_insert = 1, parts_to_delay_insert = 1")
	mustExec(t, store, "SYSTEM STOP MERGES crowded")
	var err error
	for range 5 {
		err = errors.Join(err, store.Insert(t.Context(), "INSERT INTO crowded (n, s) FORMAT Native", bytes.NewReader(good)))
	}
	if refusal, ok := AsError(err); !ok || refusal.Name != "TOO_MANY_PARTS" || !Temporary(err) {
		t.Errorf("too many parts: %v, temporary %v", err, Temporary(err))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := store.Insert(ctx, "INSERT INTO t (n, s) FORMAT Native", bytes.NewReader(good)); !errors.Is(err, context.Canceled) || !Temporary(err) {
		t.Errorf("cancelled: %v", err)
	}
	var rows uint64
	if err := store.Conn().QueryRow(t.Context(), "SELECT count() FROM t").Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d rows of refused inserts, %v", rows, err)
	}
}

// A body whose source fails midway must not become a shorter insert.
func TestInsertOfABodyThatBreaksOffTakesNothing(t *testing.T) {
	store := database(t)
	mustExec(t, store, "CREATE TABLE t (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
	whole := frames(t, 1)
	broken := errors.New("the journal broke off")
	body := io.MultiReader(bytes.NewReader(whole), &failingReader{broken})
	if err := store.Insert(t.Context(), "INSERT INTO t (n, s) FORMAT Native", body); !errors.Is(err, broken) || !Temporary(err) {
		t.Fatalf("got %v", err)
	}
	var rows uint64
	if err := store.Conn().QueryRow(t.Context(), "SELECT count() FROM t").Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d rows, %v", rows, err)
	}
}

type failingReader struct{ err error }

func (r *failingReader) Read([]byte) (int, error) { return 0, r.err }

func TestErrorsOfTheNativeConnectionAreTyped(t *testing.T) {
	store := database(t)
	err := store.Conn().Exec(t.Context(), "SELECT * FROM absent")
	refusal, ok := AsError(err)
	if !ok || refusal.Code != 60 || refusal.Name != "UNKNOWN_TABLE" || !strings.Contains(refusal.Message, "absent") {
		t.Errorf("got %v", err)
	}
	if Temporary(nil) {
		t.Error("no error is not a temporary one")
	}
	if !Temporary(&Error{Code: 252}) || Temporary(&Error{Code: 60}) {
		t.Error("TOO_MANY_PARTS passes by itself, UNKNOWN_TABLE does not")
	}
}
