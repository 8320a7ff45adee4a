package hub

import (
	"net/http"
	"slices"
	"sync"
	"testing"
)

func TestABatchTellsHowFreshTheDataAre(t *testing.T) {
	v := openHouse(t, t.TempDir(), nil)
	c := v.client("anyue", "512021")
	const body = `{"queries":[{"id":"f","freshness":{}}]}`
	ask := func() []string {
		got, text := c.batch(http.StatusOK, "", body)
		if got.Answers[0].Answer == nil {
			t.Fatal(text)
		}
		var told []string
		for _, row := range got.Answers[0].Answer.Rows {
			told = append(told, row[0].(string)+" of "+row[1].(string))
		}
		return told
	}
	c.push(http.StatusOK, "tourism_flow", "?wait=visible", "", day(anyueSpot, 1, 10))
	var readers sync.WaitGroup
	for range 4 { // of a wall and its watchers, at once
		readers.Go(func() {
			if told := ask(); !slices.Equal(told, []string{"tourism_flow of anyue"}) {
				t.Errorf("%v", told)
			}
		})
	}
	readers.Wait()
	c.batch(http.StatusBadRequest, "", `{"queries":[{"id":"f","freshness":{},"query":{"metrics":["visitors"]}}]}`)
}
