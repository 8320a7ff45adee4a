package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLimitsFollowTheMachine(t *testing.T) {
	f := func(machine int64, processors int, wantMemory int64, wantThreads int) {
		t.Helper()
		l := Limits{}.withDefaults(machine, processors)
		if l.Memory != wantMemory || l.Threads != wantThreads {
			t.Errorf("%d MiB, %d processors: %d MiB, %d threads", machine/mebibyte, processors, l.Memory/mebibyte, l.Threads)
		}
		if l.ReaderMemory >= l.Memory || l.ReaderTimeCeiling < l.ReaderTime || l.MarkCache()+l.IndexCache() > l.Memory/4 {
			t.Errorf("limits that do not fit each other: %+v", l)
		}
	}
	f(0, 1, 1*gibibyte, 1)               // unknown
	f(2*gibibyte, 2, 1*gibibyte, 2)      // less than this the engine cannot work with
	f(10*gibibyte, 4, 4*gibibyte, 4)     // two fifths
	f(512*gibibyte, 64, 16*gibibyte, 16) // the rest of a large machine is its page cache
	if l := (Limits{Memory: 7, ReaderTime: time.Millisecond}).withDefaults(gibibyte, 1); l.Memory != 7 || l.ReaderSeconds() != 1 {
		t.Errorf("what was set was not kept: %+v", l)
	}
}

func TestStderrFileRotates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stderr.log")
	log := newTailLog(path)
	if err := log.open(discard()); err != nil {
		t.Fatal(err)
	}
	line := strings.Repeat("x", 1023) + "\n"
	for range 3 * stderrMaxSize / len(line) {
		if n, err := log.Write([]byte(line)); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
	}
	if _, err := log.Write([]byte("the very last\n")); err != nil {
		t.Fatal(err)
	}
	words := log.lastWords()
	log.close()
	var total int64
	for _, name := range []string{path, path + ".1"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	if total > 2*stderrMaxSize+2048 || !strings.HasSuffix(words, "the very last") {
		t.Errorf("%d bytes kept, last words end with %q", total, words[max(0, len(words)-20):])
	}
}

// Paths and names of the operator's choice become XML text, nothing else.
func TestConfigurationEscapesPaths(t *testing.T) {
	dir := filepath.Join(t.TempDir(), `a "b" <c> & 'd'`)
	store := start(t, Options{Dir: dir})
	if err := store.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, logDir, "clickhouse.log")); err != nil {
		t.Error(err)
	}
}
