package hub

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/zida-hub/zida/hub/journal"
)

func block(sequence uint64, dataset string) *journal.Block {
	return &journal.Block{Sequence: sequence, Submissions: []journal.Submission{{Dataset: dataset}}}
}

// What came before this hub looked, or has not been told of, settles nothing.
func TestDatasetsAreSettledWhenNothingOfTheirsCame(t *testing.T) {
	var a keptAnswers
	a.begin(10)
	a.note(block(11, "scenic_spot"))
	a.note(block(12, "tourism_flow"))
	a.note(block(13, "scenic_spot"))
	for _, c := range []struct {
		from, to uint64
		want     bool
	}{{12, 13, true}, {13, 13, true}, {11, 13, false}, {9, 13, false}, {12, 14, false}} {
		if got := a.settled([]string{"tourism_flow"}, c.from, c.to); got != c.want {
			t.Errorf("from %d to %d: settled %t, want %t", c.from, c.to, got, c.want)
		}
	}
	if a.settled([]string{"air_daily"}, 9, 13) || !a.settled([]string{"air_daily"}, 10, 13) {
		t.Error("a dataset that nothing is known of is settled from where the hub began to look")
	}
}

// Rollups follow at once, and records that are of no rollup leave them complete.
func TestRollupsFollowWhatComes(t *testing.T) {
	v := openHouse(t, t.TempDir(), nil)
	c := v.client("anyue", "512021")
	for n := range 3 {
		c.push(http.StatusOK, "tourism_flow", "?wait=visible", "", day(anyueSpot, 1+n, 100))
		deadline := time.After(time.Minute)
		for p := v.hub.position(); p.Rolled < p.Watermark; p = v.hub.position() {
			over, _ := v.hub.rollups.next()
			select {
			case <-over:
			case <-deadline:
				t.Fatalf("rolled up to %d of %d", p.Rolled, p.Watermark)
			}
		}
		c.push(http.StatusOK, "scenic_spot", "?wait=visible", "", fmt.Sprintf(`{"spot_id":%q,"name":"圆觉洞%d","region":"512021"}`, anyueSpot, n))
		if p := v.hub.position(); p.Rolled != p.Watermark {
			t.Errorf("rolled up to %d of %d though nothing of a rollup came", p.Rolled, p.Watermark)
		}
	}
}

func TestRollupsAreLeftAloneForLonger(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{
		50 * time.Millisecond:  150 * time.Millisecond,
		200 * time.Millisecond: 600 * time.Millisecond,
		500 * time.Millisecond: 4500 * time.Millisecond,
		time.Minute:            rollAtMost,
	} {
		if got := rollPause(took); got != want {
			t.Errorf("it took %v: left alone for %v, want %v", took, got, want)
		}
	}
}
