package schemas

import (
	"fmt"
	"testing"
	"time"
)

// flowNDJSON is n rows of about 170 bytes in 8 properties.
func flowNDJSON(n int) []byte {
	var out []byte
	at := time.Date(2024, 10, 1, 0, 0, 0, 0, time.UTC)
	codes := []string{"512021-S99", "512021-S01", "512022-S01", "512002-S01"}
	for i := range n {
		out = fmt.Appendf(out, `{"spot_id":"%s","observed_at":"%s","interval_minutes":5,"region":"%s","entries":%d,"exits":%d,"in_park":%d,"price":%d.%02d}`+"\n",
			codes[i%4], at.Add(time.Duration(i)*time.Second).Format("2006-01-02T15:04:05+08:00"), codes[i%4][:6], i%977, i%311, i%5003, i%200, i%100)
	}
	return out
}

func benchLists() *Lists {
	var entries []ListEntry
	for i := range 40 {
		for _, region := range []string{"512021", "512022", "512002", "500111"} {
			entries = append(entries, ListEntry{Code: fmt.Sprintf("%s-S%02d", region, i), Region: region})
		}
	}
	return NewLists(1, NewList("scenic_spot", append(entries, ListEntry{Code: "512021-S99", Region: "512021"})))
}

func BenchmarkDecodeNDJSON(b *testing.B) {
	p := mustCompile(b, flow())
	const rows = 4096
	body := flowNDJSON(rows)
	opt := &DecodeOptions{Sender: Sender{Regions: []string{"512000"}, Lists: benchLists()}}
	batch := p.Batch()
	defer batch.Release()
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if d := p.Decode(batch, body, FormatNDJSON, opt); d.Rejected > 0 {
			b.Fatalf("%+v", d.Errors[0])
		}
	}
	b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds()/1e6, "Mrows/s")
	b.ReportMetric(float64(len(body))/rows, "B/row")
}
