package engine

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/ClickHouse/ch-go/proto"
)

var shared *Store // one engine for the tests that do not harm it; a database for each

func TestMain(m *testing.M) {
	ChildMain()
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "zida-engine-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	begin := time.Now()
	if shared, err = Start(ctx, Options{Dir: dir}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("started in", time.Since(begin), "rss", shared.Memory()>>20)
	code := m.Run()
	if err := shared.Close(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// frames is a block of (n UInt64, s String) in Native format, compressed, as the journal holds it.
func frames(t testing.TB, numbers ...uint64) []byte {
	t.Helper()
	var n proto.ColUInt64
	var s proto.ColStr
	for _, number := range numbers {
		n.Append(number)
		s.Append(fmt.Sprint("row ", number))
	}
	block := proto.Block{Columns: 2, Rows: len(numbers)}
	var raw proto.Buffer
	if err := block.EncodeRawBlock(&raw, 0, proto.Input{{Name: "n", Data: n}, {Name: "s", Data: s}}); err != nil {
		t.Fatal(err)
	}
	writer := compress.NewWriter(compress.LevelZero, compress.LZ4)
	if err := writer.Compress(raw.Buf); err != nil {
		t.Fatal(err)
	}
	return writer.Data
}

func TestInsertedFramesAnswerToBothUsers(t *testing.T) {
	ctx := t.Context()
	store := database(t)
	mustExec(t, store, "CREATE TABLE t (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
	if err := store.Insert(ctx, "INSERT INTO t (n, s) FORMAT Native", bytes.NewReader(frames(t, 1, 2, 3))); err != nil {
		t.Fatal(err)
	}
	var sum uint64
	if err := store.Conn().QueryRow(ctx, "SELECT sum(n) FROM t").Scan(&sum); err != nil || sum != 6 {
		t.Fatalf("hub: sum %d, %v", sum, err)
	}
	if err := store.Reader().QueryRow(ctx, "SELECT sum(n) FROM t WHERE s != 'row 2'").Scan(&sum); err != nil || sum != 4 {
		t.Fatalf("reader: sum %d, %v", sum, err)
	}
}

func database(t *testing.T) *Store {
	t.Helper()
	store, err := shared.In(t.Context(), fmt.Sprintf("zida_%x", time.Now().UnixNano()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return store
}

func mustExec(t *testing.T, store *Store, statement string) {
	t.Helper()
	if err := store.Conn().Exec(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
