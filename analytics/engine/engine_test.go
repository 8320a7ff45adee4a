package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/ClickHouse/ch-go/proto"
	"go.uber.org/goleak"
)

var (
	shared    *Store // one engine for the tests that do it no harm; a database for each
	databases atomic.Int32
)

func TestMain(m *testing.M) {
	ChildMain()
	if len(os.Args) == 3 && os.Args[1] == parentCommand {
		parentMain(os.Args[2])
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) (code int) {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, "engine tests:", err)
		return 1
	}
	dir, err := os.MkdirTemp("", "zida-engine-test-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if shared, err = Start(ctx, Options{Dir: dir, Logger: discard()}); err != nil {
		return fail(err)
	}
	code = m.Run()
	pid := shared.PID()
	if err := shared.Close(context.Background()); err != nil {
		return fail(err)
	}
	if alive(pid) {
		return fail(fmt.Errorf("the engine %d outlives Close", pid))
	}
	if err := goleak.Find(); err != nil {
		return fail(err)
	}
	return code
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// database opens a database of the test's own on the shared engine.
func database(t testing.TB) *Store {
	t.Helper()
	store, err := shared.In(t.Context(), fmt.Sprintf("zida_test_%d", databases.Add(1)))
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, store)
	return store
}

// start runs an engine of the test's own.
func start(t testing.TB, opts Options) *Store {
	t.Helper()
	if opts.Dir == "" {
		opts.Dir = t.TempDir()
	}
	opts.Logger = discard()
	store, err := Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, store)
	return store
}

func closeAfter(t testing.TB, store *Store) {
	t.Helper()
	t.Cleanup(func() {
		if err := store.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func mustExec(t testing.TB, store *Store, statement string) {
	t.Helper()
	if err := store.Conn().Exec(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
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

func insert(t testing.TB, store *Store, numbers ...uint64) error {
	t.Helper()
	return store.Insert(t.Context(), "INSERT INTO t (n, s) FORMAT Native", bytes.NewReader(frames(t, numbers...)))
}

// eventually waits for a condition, asking often, and fails the test when it has not come true in time.
func eventually(t testing.TB, within time.Duration, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			t.Fatalf("not within %v: %s", within, what)
		case <-ticker.C:
		}
	}
}

// alive says whether a process runs; one that has ended but whose parent has not asked yet does not.
func alive(pid int) bool {
	if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return !errors.Is(err, os.ErrNotExist) || !procMounted()
	}
	_, rest, _ := bytes.Cut(stat, []byte(") "))
	return !bytes.HasPrefix(rest, []byte("Z"))
}

func procMounted() bool {
	_, err := os.Stat("/proc/self/stat")
	return err == nil
}
