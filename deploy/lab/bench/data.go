package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"time"
)

// The records are those of tourism_flow: eight columns, three rules across
// them. 128 spots report every five minutes, which makes a million distinct
// keys in one month, and so in one partition. Instants are written as a
// ClickHouse column of the zone takes them without any option, so that the
// direct way pays nothing extra for them.
const (
	dataset     = "tourism_flow"
	spotList    = "scenic_spot"
	spotCount   = 128
	stepSeconds = 300
	maxBulkRows = spotCount * (28 * 24 * 3600 / stepSeconds) // the shortest month
	firstYear   = 2001
	maxMonths   = 98 * 12
)

// Months of a round: each phase has one of its own, so that a partition holds
// what one phase pushed, and nobody saw it before.
const (
	monthVisible = iota
	monthAck
	monthBurst
	monthSingle
	monthPace
	monthSample
	monthsPerRound
)

var shanghai = time.FixedZone("Asia/Shanghai", 8*3600)

// month is a month of the bench's calendar: the n-th after January 2001.
type month int

func (m month) start() time.Time {
	return time.Date(firstYear, time.Month(1+int(m)), 1, 0, 0, 0, 0, shanghai)
}

// from and to are the bounds of the month as GET …/records takes them.
func (m month) from() string { return m.start().Format(time.DateOnly) }
func (m month) to() string   { return (m + 1).start().Format(time.DateOnly) }

// spots names the 128 spots, half of them on either side.
var spots = func() (names [spotCount]string) {
	for i := range names {
		names[i] = fmt.Sprintf("%s-S%03d", regionOf(i), 100+i)
	}
	return names
}()

func regionOf(spot int) string {
	if spot%2 == 0 {
		return "500111"
	}
	return "512021"
}

var sources = [...]string{"gate", "ticket", "video", "manual", "estimate"}

// mix is a cheap hash, so that a record's values follow from its number alone.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// rowWriter writes records of one month.
type rowWriter struct {
	start time.Time
	day   []byte // "2001-01-"
	salt  uint64
}

func (m month) rows() *rowWriter {
	return &rowWriter{start: m.start(), day: m.start().AppendFormat(nil, "2006-01-"), salt: uint64(m) << 40}
}

// bulk appends record n of a file, in the order in which spots report.
func (w *rowWriter) bulk(dst []byte, n int) []byte {
	h := mix(w.salt ^ uint64(n))
	return w.row(dst, n%spotCount, n/spotCount*stepSeconds, h%4000, h>>16%3000, h>>32%30000, sources[h>>60%uint64(len(sources))])
}

// single appends record n of the single-row pushes; all of them have one length.
func (w *rowWriter) single(dst []byte, n int) []byte {
	h := mix(w.salt ^ uint64(n))
	return w.row(dst, n%spotCount, n/spotCount, 1000+h%4000, 1000+h>>16%3000, 10000+h>>32%30000, sources[0])
}

func (w *rowWriter) row(dst []byte, spot, second int, entries, exits, inPark uint64, source string) []byte {
	dst = append(append(dst, `{"spot_id":"`...), spots[spot]...)
	dst = append(append(dst, `","observed_at":"`...), w.day...)
	dst = two(dst, 1+second/86400)
	dst = two(append(dst, ' '), second/3600%24)
	dst = two(append(dst, ':'), second/60%60)
	dst = two(append(dst, ':'), second%60)
	dst = append(append(dst, `","interval_minutes":5,"region":"`...), regionOf(spot)...)
	dst = strconv.AppendUint(append(dst, `","entries":`...), entries, 10)
	dst = strconv.AppendUint(append(dst, `,"exits":`...), exits, 10)
	dst = strconv.AppendUint(append(dst, `,"in_park":`...), inPark, 10)
	dst = append(append(dst, `,"source":"`...), source...)
	return append(dst, '"', '}', '\n')
}

func two(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

// bulkFile makes a file of a month's records, on disk for the reader and in
// memory for the pushes.
func bulkFile(path string, m month, rows int) ([]byte, error) {
	w := m.rows()
	body := make([]byte, 0, rows*176)
	for n := range rows {
		body = w.bulk(body, n)
	}
	return body, os.WriteFile(path, body, 0o600)
}

// pushed is what a phase of single-row pushes got acknowledged: connection c of
// n sent records c, c+n, c+2n …, and counts[c] of them were taken.
type pushed struct {
	month  month
	counts []int
}

func (p *pushed) total() (n int) {
	for _, c := range p.counts {
		n += c
	}
	return n
}

// file writes the acknowledged records down for the reader.
func (p *pushed) file(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(f, 1<<20)
	w := p.month.rows()
	var row []byte
	for c, count := range p.counts {
		for i := range count {
			row = w.single(row[:0], c+i*len(p.counts))
			if _, err := out.Write(row); err != nil {
				_ = f.Close()
				return err
			}
		}
	}
	if err := out.Flush(); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// spotRows are the entries of the list of spots that the records refer to.
func spotRows() []byte {
	var body []byte
	for i, id := range spots {
		body = fmt.Appendf(body, `{"spot_id":%q,"name":"测试景区 %d","region":%q,"ticket_reporting":"daily"}`+"\n", id, i, regionOf(i))
	}
	return body
}
