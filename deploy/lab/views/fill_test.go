package main

import (
	"bytes"
	"encoding/csv"
	"io"
	"slices"
	"testing"
	"time"
)

// Every spot reports each interval once, up to the end of the last day, and the same in
// every run.
func TestRecordsAreOnePerSpotAndInterval(t *testing.T) {
	first := time.Date(2026, 2, 28, 0, 0, 0, 0, shanghai)
	const days = 2
	for side := range regions {
		read := func() []byte {
			body, err := records(side, first, days)()
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(body)
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		text := read()
		if !bytes.Equal(text, read()) {
			t.Error("two runs differ")
		}
		rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		rows = rows[1:]
		if len(rows) != days*perDay || len(text) > 1<<30/mostDays*days {
			t.Errorf("%d records in %d bytes", len(rows), len(text))
		}
		seen := map[string]bool{}
		for _, row := range rows {
			seen[row[0]+row[1]] = true
			if !slices.Contains(regions[side], row[0][:6]) {
				t.Fatalf("side %d reports of %s", side, row[0])
			}
		}
		if len(seen) != len(rows) {
			t.Errorf("%d keys of %d records", len(seen), len(rows))
		}
		if last := rows[len(rows)-1][1]; last != "2026-03-01 18:55:00" {
			t.Errorf("the last is of %s", last)
		}
	}
}
