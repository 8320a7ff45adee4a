package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

const parentCommand = "parent-of-an-engine"

// parentMain is a hub in small: it starts an engine, says its pid and waits to be killed.
func parentMain(dir string) {
	store, err := Start(context.Background(), Options{Dir: dir})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(store.PID())
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(2)
}

func pidText(pid int) string { return strconv.Itoa(pid) }

func TestKilledEngineComesBackWithItsRows(t *testing.T) {
	store := start(t, Options{})
	mustExec(t, store, "CREATE TABLE t (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
	var last time.Duration
	for round := range 3 {
		if err := insert(t, store, uint64(round)); err != nil {
			t.Fatal(err)
		}
		pid := store.PID()
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		// The same pools go on working: the first query may still meet the dead connection, none after the restart does.
		eventually(t, time.Minute, "the engine is another process", func() bool { p := store.PID(); return p != 0 && p != pid })
		var rows uint64
		if err := store.Conn().QueryRow(t.Context(), "SELECT count() FROM t").Scan(&rows); err != nil || rows != uint64(round)+1 {
			t.Fatalf("round %d: %d rows, %v", round, rows, err)
		}
		if err := store.Reader().QueryRow(t.Context(), "SELECT count() FROM t").Scan(&rows); err != nil {
			t.Fatalf("round %d: reader: %v", round, err)
		}
		last = time.Since(begin)
		if err := store.Ready(t.Context()); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
	}
	if store.Restarts() != 3 {
		t.Errorf("%d restarts counted, want 3", store.Restarts())
	}
	t.Logf("back after %v", last.Round(time.Millisecond))
}

func TestReadyTellsWhyTheEngineIsDown(t *testing.T) {
	installed, err := Locate()
	if err != nil {
		t.Fatal(err)
	}
	library := filepath.Join(t.TempDir(), "libchdb.so")
	if err := os.Symlink(installed, library); err != nil {
		t.Fatal(err)
	}
	store := start(t, Options{Library: library})
	if err := os.Remove(library); err != nil { // so that the next start fails
		t.Fatal(err)
	}
	if err := syscall.Kill(store.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "the failed restart shows", func() bool {
		err := store.Ready(t.Context())
		return err != nil && strings.Contains(err.Error(), library)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := insertIn(ctx, t, store); err == nil || !Temporary(err) {
		t.Errorf("an insert into an engine that is down: %v", err)
	}
	if err := os.Symlink(installed, library); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "the repaired engine answers", func() bool { return store.Ready(t.Context()) == nil })
}

func insertIn(ctx context.Context, t *testing.T, store *Store) error {
	t.Helper()
	return store.Insert(ctx, "INSERT INTO t FORMAT Native", strings.NewReader("never read"))
}

func TestEngineDiesWithAKilledParent(t *testing.T) {
	dir := t.TempDir()
	parent := exec.Command(os.Args[0], parentCommand, dir)
	stdin, err := parent.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("the parent said %q", line)
	}
	if !alive(pid) {
		t.Fatal("the engine does not run")
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	eventually(t, 5*time.Second, "the engine is gone", func() bool { return !alive(pid) })

	// Its directory is free at once for the next hub.
	start(t, Options{Dir: dir})
}

// The end of its standard input is enough, without the kernel's signal: that is what works on every system.
func TestChildEndsWithItsStandardInput(t *testing.T) {
	store := start(t, Options{})
	begin := time.Now()
	if err := store.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took >= killGrace {
		t.Errorf("closing took %v: the child had to be killed", took)
	}
}

func TestTwoEnginesOnOneDirectoryAreRefused(t *testing.T) {
	begin := time.Now()
	_, err := Start(t.Context(), Options{Dir: shared.child.opts.Dir})
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "--data") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begin); took > 2*lockPatience {
		t.Errorf("refused after %v", took)
	}
}

func TestCloseLeavesNothingRunning(t *testing.T) {
	dir := t.TempDir()
	store := start(t, Options{Dir: dir})
	mustExec(t, store, "CREATE TABLE t (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
	pid := store.PID()
	_, port := store.child.ports()
	if err := store.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if alive(pid) || store.PID() != 0 || listens(t.Context(), store.child.settings.Host, port) {
		t.Errorf("process %d, port %d: something outlives Close", pid, port)
	}
	if err := store.Close(t.Context()); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	if err := insert(t, store, 1); err == nil {
		t.Error("an insert after Close succeeded")
	}
	again := start(t, Options{Dir: dir})
	if err := insert(t, again, 1); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	text := filepath.Join(t.TempDir(), "libchdb.so")
	if err := os.WriteFile(text, []byte("not a library"), 0o755); err != nil {
		t.Fatal(err)
	}
	failsWith := func(opts Options, want string) {
		t.Helper()
		opts.Logger = discard()
		store, err := Start(t.Context(), opts)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want something about %q", err, want)
		}
		if store != nil {
			_ = store.Close(t.Context())
		}
	}
	failsWith(Options{Dir: t.TempDir(), Library: text}, "loading "+text)
	failsWith(Options{Dir: t.TempDir(), Library: text + ".absent"}, "no such file")
	failsWith(Options{Dir: filepath.Join(text, "x")}, "not a directory")
	failsWith(Options{}, "no directory")
	failsWith(Options{Dir: t.TempDir(), Database: "a b"}, "no name for a database")
}

func TestStartGivesUpWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, Options{Dir: t.TempDir(), Logger: discard()}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Clients that go away in the middle of an answer are daily bread: they must not cost the engine.
func TestCancelledQueriesDoNotEndTheEngine(t *testing.T) {
	store := start(t, Options{})
	mustExec(t, store, "CREATE TABLE t (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
	pid := store.PID()
	var clients sync.WaitGroup
	for client := range 4 {
		clients.Go(func() {
			for i := range 100 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*100*time.Microsecond)
				conn := []driver.Conn{store.Conn(), store.Reader()}[client%2]
				_ = drain(ctx, conn, "SELECT number, toString(number) FROM numbers("+pidText(i)+"000)")
				_ = insertIn(ctx, t, store)
				cancel()
			}
		})
	}
	clients.Wait()
	eventually(t, time.Minute, "the engine answers", func() bool { return store.Ready(t.Context()) == nil })
	if store.PID() != pid || store.Restarts() != 0 {
		t.Errorf("%d restarts", store.Restarts())
	}
}

// The query of a client that is gone ends on the server too.
func TestCancelledQueryEndsOnTheServer(t *testing.T) {
	store := database(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- drain(ctx, store.Reader(), "SELECT sum(sleepEachRow(0.01)) FROM numbers(100000) SETTINGS max_block_size = 100 -- cancelled here")
	}()
	running := func() bool {
		var n uint64
		const count = "SELECT count() FROM system.processes WHERE query LIKE '%cancelled here' AND user = 'reader'"
		if err := store.Conn().QueryRow(t.Context(), count).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n > 0
	}
	eventually(t, 10*time.Second, "the query runs", running)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || !Temporary(err) {
		t.Errorf("got %v", err)
	}
	eventually(t, 10*time.Second, "the query has ended", func() bool { return !running() })
}

// A crash that leaves the process writing its last words must not cost more than a second or two.
func TestEngineThatStopsServingIsReplaced(t *testing.T) {
	store := start(t, Options{})
	pid := store.PID()
	_, port := store.child.ports()
	eventually(t, time.Minute, "another engine serves", func() bool {
		if store.PID() == pid { // what libchdb's server does not survive, unless it sees the end before the words
			if conn, err := net.Dial("tcp", hostPort(store.child.settings.Host, port)); err == nil {
				_, _ = conn.Write([]byte("\xff\xff no HTTP at all\r\n\r\n"))
				_ = conn.Close()
			}
			return false
		}
		return store.Ready(t.Context()) == nil
	})
	if store.Restarts() != 1 {
		t.Errorf("%d restarts", store.Restarts())
	}
}

// A stopped process is not a dead one: what was begun goes on when it goes on.
func TestQueriesOutliveAStoppedEngine(t *testing.T) {
	store := start(t, Options{})
	mustExec(t, store, "CREATE TABLE t (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
	pid := store.PID()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- insert(t, store, 1) }()
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if store.PID() != pid || store.Restarts() != 0 {
		t.Error("the engine was restarted")
	}
}

func TestMemoryIsTheChilds(t *testing.T) {
	if rss := shared.Memory(); rss < 50<<20 || rss > 4<<30 {
		t.Errorf("%d MiB resident", rss>>20)
	}
}
