package schemas

import (
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func TestDecodingAllocatesNothingARow(t *testing.T) {
	body := flowNDJSON(512)
	p := mustCompile(t, flow())
	opt := &DecodeOptions{Sender: Sender{Regions: []string{"512000"}, Lists: benchLists()}}
	b := p.Batch()
	defer b.Release()
	decode := func() {
		if d := p.Decode(b, body, FormatNDJSON, opt); d.Rejected != 0 {
			t.Fatalf("%+v", d.Errors)
		}
	}
	decode()
	if n := testing.AllocsPerRun(20, decode); n != 0 {
		t.Errorf("%v allocations for 512 rows", n)
	}
}

func TestKeyHashesTellKeysApart(t *testing.T) {
	p := mustCompile(t, flow())
	b := p.Batch()
	defer b.Release()
	opt := &DecodeOptions{Sender: Sender{Regions: []string{"512000"}, Lists: benchLists()}}
	body := string(flowNDJSON(1000))
	if d := p.Decode(b, []byte(body+body), FormatNDJSON, opt); d.Rejected != 0 {
		t.Fatalf("%+v", d.Errors)
	}
	var set HashSet
	for i, h := range b.KeyHashes() {
		if fresh := set.Add(h); fresh != (i < 1000) {
			t.Fatalf("row %d is new: %v", i, fresh)
		}
	}
	// Another snapshot of the same list and another order of it change nothing.
	first := b.KeyHashes()[0]
	var reversed []ListEntry
	for _, e := range opt.Sender.Lists.List("scenic_spot").Entries() {
		reversed = append([]ListEntry{e}, reversed...)
	}
	opt.Sender.Lists = opt.Sender.Lists.With(NewList("scenic_spot", reversed))
	p.Decode(b, []byte(body), FormatNDJSON, opt)
	if b.KeyHashes()[0] != first {
		t.Error("a key's hash depends on the list's snapshot")
	}
}

func TestHashSetIsASet(t *testing.T) {
	for _, n := range []int{10, splitAt + 5, 300_000} {
		var s HashSet
		random := rand.New(rand.NewPCG(1, uint64(n)))
		want := map[uint64]bool{}
		for range n {
			h := random.Uint64() >> (random.Uint64() % 48) // many repeats, many small values
			key := h
			if key == 0 {
				key = 1 // 0 marks an empty place; the two share one
			}
			if s.Add(h) == want[key] {
				t.Fatalf("%d of %d: %x is new: %v", len(want), n, h, !want[key])
			}
			want[key] = true
			if !s.has(h) {
				t.Fatalf("%x is not there", h)
			}
		}
		if s.Len() != len(want) {
			t.Errorf("%d entries, want %d", s.Len(), len(want))
		}
		s.Reset()
		if s.Len() != 0 || !s.Add(7) {
			t.Error("not empty after Reset")
		}
	}
}

// Up to some millions of keys speed is worth memory (64 MiB for all shards); beyond,
// the set stays small, for bodies of up to sixteen million rows.
func TestHashSetTakesFewBytesAnEntry(t *testing.T) {
	for n, most := range map[int]float64{1_000_000: 21, 10_000_000: 14} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		var s HashSet
		random := rand.New(rand.NewPCG(1, 2))
		for range n {
			s.Add(random.Uint64())
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if perEntry := float64(after.HeapAlloc-before.HeapAlloc) / float64(n); perEntry > most {
			t.Errorf("%d entries: %.1f bytes an entry, at most %.0f", n, perEntry, most)
		}
		runtime.KeepAlive(&s)
	}
}

func TestABatchIsEmptyWhenItComesBack(t *testing.T) {
	p := mustCompile(t, everything())
	b := p.Batch()
	p.Decode(b, []byte(everythingRows+"{}\n"+everythingRows), FormatNDJSON, everyone())
	if b.Rows() != 6 || b.RowNumbers() == nil || b.Bytes() == 0 {
		t.Fatalf("%d rows", b.Rows())
	}
	b.Release()
	b = p.Batch()
	defer b.Release()
	if b.Rows() != 0 || len(b.KeyHashes()) != 0 || b.RowNumbers() != nil || b.Bytes() != 0 {
		t.Error("it is not")
	}
}

func TestOnePlanServesManyGoroutines(t *testing.T) {
	p := mustCompile(t, everything())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				b := p.Batch()
				if d := p.Decode(b, []byte(everythingRows), FormatNDJSON, everyone()); d.Rejected != 0 || b.Rows() != 3 {
					t.Errorf("%+v", d)
				}
				b.Release()
			}
		})
	}
	wg.Wait()
}

func TestListsAreSnapshots(t *testing.T) {
	var none *Lists
	if none.List("x") != nil {
		t.Error("a nil snapshot holds a list")
	}
	first := none.With(NewList("x", []ListEntry{{Code: "1", Region: "a"}, {Code: "2"}, {Code: "1", Region: "b"}}))
	second := first.With(NewList("x", nil)).With(NewList("y", []ListEntry{{Code: "3"}}))
	if e, ok := first.List("x").Lookup("1"); !ok || e.Region != "b" || first.List("x").Len() != 2 {
		t.Errorf("the last of equal codes does not count: %+v", e)
	}
	if _, ok := second.List("x").Lookup("1"); ok || second.List("x").Len() != 0 || first.List("y") != nil || second.Generation != 3 {
		t.Error("snapshots are not apart")
	}
	var many []ListEntry
	for i := range 5000 {
		many = append(many, ListEntry{Code: strings.Repeat("c", i%7) + string(rune('一'+i))})
	}
	list := NewList("many", many)
	for i, e := range many {
		if got := list.find([]byte(e.Code)); got != uint32(i+1) {
			t.Fatalf("code %d is found at %d", i, got)
		}
	}
}
