package schemas

import (
	"crypto/sha256"
	"fmt"
	"syscall"
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

func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
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
	cpu := cpuSeconds()
	for b.Loop() {
		if d := p.Decode(batch, body, FormatNDJSON, opt); d.Rejected > 0 {
			b.Fatalf("%+v", d.Errors[0])
		}
	}
	b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds()/1e6, "Mrows/s")
	// Seconds of CPU are what counts on a machine that others use too.
	b.ReportMetric(float64(b.N)*rows/(cpuSeconds()-cpu)/1e6, "Mrows/cpu-s")
	b.ReportMetric(float64(len(body))/rows, "B/row")
}

// BenchmarkDigest is the yardstick beside it: SHA-256 of the same bytes.
func BenchmarkDigest(b *testing.B) {
	const rows = 4096
	body := flowNDJSON(rows)
	b.SetBytes(int64(len(body)))
	cpu := cpuSeconds()
	for b.Loop() {
		sha256.Sum256(body)
	}
	b.ReportMetric(float64(b.N)*rows/(cpuSeconds()-cpu)/1e6, "Mrows/cpu-s")
}
