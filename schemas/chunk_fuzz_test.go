package schemas

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// seen is what reading a body came to: each kept row as text, each refused one, and
// whether the body as a whole was refused.
type seen struct {
	rows   []string
	errors []string
	broken bool
	blank  int
}

func (s *seen) add(t testing.TB, p *Plan, b *Batch, d Decoded, records, lines int) {
	t.Helper()
	d.Shift(records, lines)
	data, columns := p.AppendColumns(nil, false, b)
	_, _, cells := readNative(t, data, columns, b.Rows())
	numbers := b.RowNumbers()
	for n := range b.Rows() {
		number := n + 1
		if numbers != nil {
			number = int(numbers[n])
		}
		var row strings.Builder
		fmt.Fprint(&row, records+number)
		for i := range cells {
			row.WriteString("|" + cells[i][n])
		}
		s.rows = append(s.rows, row.String())
	}
	for _, e := range d.Errors {
		s.errors = append(s.errors, fmt.Sprint(e.Row, e.Line, e.Field, e.Code, e.Message, e.Value))
	}
	s.broken = s.broken || d.Body != nil
	s.blank += d.Blank
}

// whole decodes a body in one piece.
func whole(t testing.TB, p *Plan, format Format, body []byte) seen {
	t.Helper()
	opt := everyone()
	opt.MaxErrors = 1 << 20
	body = []byte(strings.TrimPrefix(string(body), string(byteOrderMark)))
	var s seen
	if format == FormatCSV {
		start := len(body) - len(strings.TrimLeft(string(body), "\r\n"))
		end, _, quoted := recordEnd(body, start, ',')
		header, errs := p.ParseCSVHeader(body[start:end])
		if errs != nil || quoted || start == len(body) {
			s.broken = true
			return s
		}
		opt.Header, body = header, body[end:]
	}
	b := p.Batch()
	defer b.Release()
	s.add(t, p, b, p.Decode(b, body, format, opt), 0, 0)
	return s
}

// chunked decodes it through a Chunker that reads from r.
func chunked(t testing.TB, p *Plan, format Format, r io.Reader, size int) seen {
	t.Helper()
	opt := everyone()
	opt.MaxErrors = 1 << 20
	c := NewChunker(r, format, ChunkOptions{Size: size})
	var s seen
	if format == FormatCSV {
		header, errs := c.Header(p)
		if errs != nil {
			s.broken = true
			return s
		}
		opt.Header = header
	}
	records, lines := 0, 0
	for {
		chunk, err := c.Next()
		if errors.Is(err, io.EOF) {
			return s
		}
		if err != nil {
			var body *BodyError
			if !errors.As(err, &body) {
				t.Fatal(err)
			}
			s.broken = true
			return s
		}
		if len(chunk) == 0 {
			t.Fatal("an empty chunk")
		}
		b := p.Batch()
		d := p.Decode(b, chunk, format, opt)
		s.add(t, p, b, d, records, lines)
		records += d.Records
		lines += d.Lines
		b.Release()
		c.Recycle(chunk)
	}
}

// FuzzChunker holds that however a body is cut, its records are the same.
func FuzzChunker(f *testing.F) {
	p := mustCompile(f, everything())
	rows := strings.Split(strings.TrimSpace(everythingRows), "\n")
	for _, body := range []string{
		everythingRows, "\uFEFF" + everythingRows, strings.Join(rows, "\r\n\r\n"), rows[0], rows[0][:40], rows[0] + "\n" + rows[1][:30], "", "\n \n",
	} {
		f.Add([]byte(body), uint8(FormatNDJSON), uint16(100))
	}
	for _, body := range []string{
		"[" + strings.Join(rows, ",") + "]", " [ " + strings.Join(rows, "\n,\n") + " ] ", rows[0], " " + rows[1] + "\n", "[]", "[ ]x", "[" + rows[0] + ",]", "[," + rows[0] + "]",
		"[" + rows[0] + rows[1] + "]", "[" + rows[0] + ",,", "[" + rows[0], rows[0] + rows[1], "[[" + rows[0] + "]]", `[{"a":"\\"},{"b":"\""}]`, "", " ", `["a`, `[{"a":1]]`,
	} {
		f.Add([]byte(body), uint8(FormatJSON), uint16(64))
	}
	for _, body := range csvSeeds {
		f.Add([]byte(body), uint8(FormatCSV), uint16(32))
	}
	f.Fuzz(func(t *testing.T, body []byte, format uint8, size uint16) {
		kind := Format(format % 3)
		want := whole(t, p, kind, body)
		readers := []io.Reader{iotest.OneByteReader(strings.NewReader(string(body))), iotest.DataErrReader(strings.NewReader(string(body)))}
		for i, r := range readers {
			got := chunked(t, p, kind, r, 1+int(size)%2000)
			if got.broken != want.broken {
				t.Fatalf("reader %d: broken %v, whole %v\n%v\n%v", i, got.broken, want.broken, got, want)
			}
			if got.broken {
				// What came before the break may have been handed out or not.
				if !prefix(got.rows, want.rows) && !prefix(want.rows, got.rows) {
					t.Fatalf("reader %d: rows %v, whole %v", i, got.rows, want.rows)
				}
				continue
			}
			if !slices.Equal(got.rows, want.rows) || !slices.Equal(got.errors, want.errors) || got.blank != want.blank {
				t.Fatalf("reader %d:\n%v\nwhole:\n%v", i, got, want)
			}
		}
	})
}

func prefix(short, long []string) bool {
	return len(short) <= len(long) && slices.Equal(short, long[:len(short)])
}

const csvHead = "spot,at,money,note\n"

// csvSeeds are CSV bodies for everything().
var csvSeeds = []string{
	csvHead + "512021-S99,2024-10-01,1.50,ab\n512021-S01,2024-10-02, 2 ,\"a\"\"b\"\r\n",
	"景区,时刻,金额,备注,\n512021-S99,2024-10-01,,,\n,,,,\n\n512021-S01,2024-10-02,3,一二\n",
	csvHead + "512021-S99,2024-10-01,1,\"a\nb\"\n512021-S01,2024-10-02,2,ab",
	csvHead + "512021-S99,2024-10-01,1,\"ab\n512021-S01,2024-10-02,2,ab\n",
	csvHead + "512021-S99,2024-10-01,1,a\"b\n512021-S01,2024-10-02,2,\"ab\"c\n500111-S01,2024-10-03,2,ab\n",
	csvHead + "512021-S99,2024-10-01\n512021-S01,2024-10-02,2,ab,\n512021-S01,2024-10-02,2,ab,x\n",
	"\uFEFF" + csvHead, "", "\n\n", "spot\tat\n512021-S99\t2024-10-01\n", "spot;at\n512021-S99;2024-10-01\n", "\"spot\",\"a", csvHead + "\xff,2024-10-01,1,ab\n",
}
