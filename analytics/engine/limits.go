package engine

import (
	"runtime"
	"time"
)

// Limits of the engine, each derived from the machine where it is 0.
type Limits struct {
	Memory  int64 // bytes the server may use; it was seen 15 % above it. Default: 2/5 of the machine's, 1 GiB to 16 GiB
	Threads int   // per query, and for merges. Default: the processors this process may use, at most 16

	Queries           int           // at once, all users
	ReaderQueries     int           // at once, all readers
	ReaderTime        time.Duration // of one query. Default 30 s
	ReaderTimeCeiling time.Duration // of one query that asks for it: an export, which takes as long as its reader does. Default 1 h
	ReaderMemory      int64         // bytes of one query. Default: a quarter of Memory
	ReaderRows        int64         // read by one query. Default 2e9
	ReaderResultRows  int64         // answered by one query. Default 2,000,000, above a full worksheet; an export may ask for ReaderRows
}

const (
	mebibyte = 1 << 20
	gibibyte = 1 << 30

	minMemory = 1 * gibibyte
	maxMemory = 16 * gibibyte
)

func (l Limits) withDefaults(machine int64, processors int) Limits {
	setDefault(&l.Memory, min(max(machine*2/5, minMemory), maxMemory))
	setDefault(&l.Threads, min(processors, 16))
	setDefault(&l.Queries, 64)
	setDefault(&l.ReaderQueries, 2*readerConnections) // those just cancelled may still be ending
	setDefault(&l.ReaderTime, 30*time.Second)
	setDefault(&l.ReaderTimeCeiling, max(time.Hour, l.ReaderTime))
	setDefault(&l.ReaderMemory, l.Memory/4)
	setDefault(&l.ReaderRows, 2_000_000_000)
	setDefault(&l.ReaderResultRows, 2_000_000)
	return l
}

func setDefault[T int | int64 | time.Duration](value *T, fallback T) {
	if *value == 0 {
		*value = fallback
	}
}

// MarkCache and IndexCache are bytes: enough for the marks of some 10⁹ rows on a large machine, small change on a small one.
func (l Limits) MarkCache() int64  { return l.Memory / 16 }
func (l Limits) IndexCache() int64 { return l.Memory / 32 }

// PoolThreads bounds the server's global pool: connections, query threads and background work together. It is far above what they need:
// a query that waits for the last of its threads holds the others, and two such queries would wait for each other for ever.
func (l Limits) PoolThreads() int { return 10_000 }

// QueryThreads is the most of one query. With one, ClickHouse makes the set of an IN (SELECT …) with a thread for every part it reads.
func (l Limits) QueryThreads() int { return max(2, l.Threads) }

func (l Limits) SchedulePool() int { return max(4, 2*l.Threads) }

func (l Limits) ReaderSeconds() int        { return seconds(l.ReaderTime) }
func (l Limits) ReaderSecondsCeiling() int { return seconds(l.ReaderTimeCeiling) }

func seconds(d time.Duration) int { return max(1, int((d+time.Second-1)/time.Second)) }

// DefaultLimits are those of an engine on this machine that nobody has set.
func DefaultLimits() Limits { return Limits{}.onThisMachine() }

func (l Limits) onThisMachine() Limits {
	return l.withDefaults(machineMemory(), runtime.GOMAXPROCS(0))
}
