package hub

import (
	"fmt"
	"testing"

	"github.com/zida-hub/zida/hub/journal"
)

func TestNobodyTakesTheOthersPlacesAtTheFeed(t *testing.T) {
	var f feed
	taken := 0
	for c := range 10 {
		for range 100 {
			if f.enter(fmt.Sprintf("dazu-%d", c), "dazu") {
				taken++
			}
		}
	}
	if taken != feedOfAgency {
		t.Errorf("one agency took %d places", taken)
	}
	if !f.enter("anyue-1", "anyue") {
		t.Error("the other agency finds no place")
	}
	f.leave("anyue-1", "anyue")
	for range feedOfClient {
		f.leave("dazu-0", "dazu")
	}
	if !f.enter("dazu-9", "dazu") || len(f.of) == 0 {
		t.Error("a place that was given back is not free")
	}
}

func TestTheFeedsMemoryIsBounded(t *testing.T) {
	var f feed
	if !f.enter("c", "a") {
		t.Fatal("no place")
	}
	for sequence := uint64(1); sequence <= 200; sequence++ {
		f.note(&journal.Block{Sequence: sequence, Submissions: make([]journal.Submission, 1000)})
	}
	if f.events > feedEvents+1000 {
		t.Errorf("%d events are kept", f.events)
	}
	if _, ok := f.at(200); !ok {
		t.Error("the newest block is not kept")
	}
	if _, ok := f.at(1); ok {
		t.Error("the oldest block is still kept")
	}
	f.note(&journal.Block{Sequence: 300, Submissions: make([]journal.Submission, 1)})
	if _, ok := f.at(200); ok {
		t.Error("blocks before a gap are kept")
	}
	f.leave("c", "a")
	f.note(&journal.Block{Sequence: 301, Submissions: make([]journal.Submission, 1)})
	if _, ok := f.at(300); ok {
		t.Error("blocks are kept for nobody")
	}
}
