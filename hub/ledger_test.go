package hub

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/zida-hub/zida/hub/journal"
	"github.com/zida-hub/zida/schemas"
)

func testLedger() *ledger {
	return newLedger(
		func(id string) bool { return id == "scenic_spot" },
		func(id string) []string {
			if id == "tourism_flow" {
				return []string{"scenic_spot"}
			}
			return nil
		})
}

func blockAt(sequence uint64, at time.Time, subs ...journal.Submission) *journal.Block {
	return &journal.Block{Sequence: sequence, ReceivedAt: at, Submissions: subs}
}

func listOf(t *testing.T, c listChange) journal.Submission {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return journal.Submission{Dataset: "scenic_spot", List: text}
}

func TestAKeyAnswersWithItsSubmissionForSevenDays(t *testing.T) {
	l := testLedger()
	begin := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	key := keyHash("c1", "tourism_flow", "k")
	first := journal.Submission{Dataset: "tourism_flow", KeyHash: key, SHA256: [32]byte{1}}
	if err := l.admit(&journal.Pending{Submission: first}); err != nil {
		t.Fatal(err)
	}
	if err := l.apply(blockAt(7, begin, journal.Submission{}, first)); err != nil {
		t.Fatal(err)
	}
	var twin *twinError
	if err := l.admit(&journal.Pending{Submission: first}); !errors.As(err, &twin) || twin.sequence != 7 || twin.index != 1 {
		t.Fatalf("the same body again: %v", err)
	}
	other := first
	other.SHA256 = [32]byte{2}
	if err := l.admit(&journal.Pending{Submission: other}); !errors.Is(err, errKeyReused) {
		t.Fatalf("another body under the key: %v", err)
	}
	if err := l.apply(blockAt(8, begin.Add(keyLife-time.Second))); err != nil {
		t.Fatal(err)
	}
	if err := l.admit(&journal.Pending{Submission: first}); !errors.As(err, &twin) {
		t.Fatalf("a moment before the seven days end: %v", err)
	}
	if err := l.apply(blockAt(9, begin.Add(keyLife+2*time.Second))); err != nil {
		t.Fatal(err)
	}
	if err := l.admit(&journal.Pending{Submission: other}); err != nil {
		t.Fatalf("after seven days: %v", err)
	}
}

func TestKeysBelongToAClientAndADataset(t *testing.T) {
	seen := map[[16]byte]string{}
	for _, k := range [][3]string{{"c1", "a", "k"}, {"c2", "a", "k"}, {"c1", "b", "k"}, {"c1", "a", "k2"}, {"c1a", "", "k"}} {
		h := keyHash(k[0], k[1], k[2])
		if before, ok := seen[h]; ok {
			t.Fatalf("%v and %s share a hash", k, before)
		}
		seen[h] = k[0] + k[1] + k[2]
	}
}

func TestTheNumberOfKeysIsBounded(t *testing.T) {
	l := testLedger()
	l.maxKeys = 2
	now := time.Now()
	for i := range 2 {
		s := journal.Submission{KeyHash: [16]byte{byte(i + 1)}}
		if err := l.admit(&journal.Pending{Submission: s}); err != nil {
			t.Fatal(err)
		}
		if err := l.apply(blockAt(uint64(i+1), now, s)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.admit(&journal.Pending{Submission: journal.Submission{KeyHash: [16]byte{9}}}); !errors.Is(err, errKeysFull) {
		t.Fatal(err)
	}
	if err := l.admit(&journal.Pending{}); err != nil {
		t.Fatalf("a push without a key: %v", err)
	}
}

// What was checked against a list is checked again only when the list lost
// something since: a new code cannot make a good row bad.
func TestRowsCheckedBeforeAListLostACodeAreCheckedAgain(t *testing.T) {
	l := testLedger()
	now := time.Now()
	spot := func(code, region string) schemas.ListEntry {
		return schemas.ListEntry{Code: code, Region: region, Attrs: map[string]string{"ticket_reporting": "daily"}}
	}
	steps := []struct {
		name   string
		change listChange
		stale  bool
	}{
		{"new codes", listChange{Set: []schemas.ListEntry{spot("a", "500111"), spot("b", "512021")}}, false},
		{"the same again", listChange{Set: []schemas.ListEntry{spot("a", "500111")}}, false},
		{"another region", listChange{Set: []schemas.ListEntry{spot("a", "512021")}}, true},
		{"an attribute gone", listChange{Set: []schemas.ListEntry{{Code: "b", Region: "512021"}}}, true},
		{"a code gone", listChange{Drop: []string{"a"}}, true},
		{"a code gone that was not there", listChange{Drop: []string{"zz"}}, false},
	}
	for i, step := range steps {
		before := l.lists.Load().Generation
		if err := l.apply(blockAt(uint64(i+1), now, listOf(t, step.change))); err != nil {
			t.Fatal(err)
		}
		err := l.admit(&journal.Pending{Submission: journal.Submission{Dataset: "tourism_flow"}, Lists: before})
		if errors.Is(err, errStaleLists) != step.stale {
			t.Fatalf("%s: %v", step.name, err)
		}
		if err := l.admit(&journal.Pending{Submission: journal.Submission{Dataset: "other"}, Lists: before}); err != nil {
			t.Fatalf("%s: a dataset that uses no list: %v", step.name, err)
		}
	}
	list := l.lists.Load().List("scenic_spot")
	if list.Len() != 1 {
		t.Fatalf("%d codes are left", list.Len())
	}
}
