package connectors

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

// csvReader reads records with the line each begins on.
type csvReader struct {
	*csv.Reader
	guard *guard
	file  string
	line  int // of the record last read
	next  int // the line after it
	blank int // lines without anything between records
}

func newCSVReader(r io.Reader, file string) *csvReader {
	g := &guard{r: r}
	b := bufio.NewReaderSize(g, 64<<10)
	head, _ := b.Peek(64 << 10)
	c := &csvReader{Reader: csv.NewReader(b), guard: g, file: file, next: 1}
	c.Comma = delimiter(string(head))
	c.FieldsPerRecord = -1
	c.ReuseRecord = true
	return c
}

// delimiter is the one of comma, semicolon and tab that the heading holds most of, outside quotes.
func delimiter(head string) rune {
	counts := map[rune]int{}
	quoted := false
	for _, r := range head {
		if r == '"' {
			quoted = !quoted
		}
		if r == '\n' && !quoted {
			break
		}
		if !quoted {
			counts[r]++
		}
	}
	best := ','
	for _, r := range ";\t" {
		if counts[r] > counts[best] {
			best = r
		}
	}
	return best
}

// read answers the next record; its slice is used again by the next call.
func (c *csvReader) read() ([]string, error) {
	c.guard.mark = c.InputOffset()
	record, err := c.Read()
	if err != nil {
		return nil, c.explain(err)
	}
	c.line, _ = c.FieldPos(0)
	c.blank += c.line - c.next
	last, _ := c.FieldPos(len(record) - 1)
	c.next = last + 1 + strings.Count(record[len(record)-1], "\n")
	return record, nil
}

func (c *csvReader) explain(err error) error {
	if errors.Is(err, io.EOF) {
		return err
	}
	out := &FileError{File: c.file, Line: c.next, Err: err}
	var parse *csv.ParseError
	switch {
	case errors.Is(err, errLongRecord):
		out.Text, out.Remedy = fmt.Sprintf("a line is longer than %d bytes", maxRecord), longLine
	case errors.As(err, &parse):
		out.Line = parse.Line
		switch {
		case errors.Is(err, csv.ErrBareQuote):
			out.Text = fmt.Sprintf("column %d: a quote stands inside a field that is not quoted", parse.Column)
			out.Remedy = `quote the field and double the quote inside it: "he said ""no"""`
		case errors.Is(err, csv.ErrQuote):
			out.Line = parse.StartLine
			out.Text = "a quoted field that begins here is not closed properly"
			out.Remedy = "is the file cut short, or is a closing quote missing? nothing was sent"
		default:
			out.Text = parse.Err.Error()
		}
	default:
		return err // the source explains what unpacking met
	}
	return out
}

func convertCSV(ctx context.Context, s *source, opt *FileOptions, out *Converted) error {
	text, err := s.text(out)
	if err != nil {
		return err
	}
	defer text.Close()
	tail := &lastByte{r: text}
	r := newCSVReader(tail, s.path)
	heading, err := r.read()
	if errors.Is(err, io.EOF) {
		return &FileError{File: s.path, Text: "holds no heading and no records", Remedy: "export it again; nothing was sent"}
	}
	if err != nil {
		return err
	}
	w, err := opt.plan(heading, FileError{File: s.path, Line: r.line})
	if err != nil {
		return err
	}
	w.describe(out, heading, r.line)
	empty := 0
	for {
		cells, err := r.read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := w.fits(cells, s.path, r.line); err != nil {
			return err
		}
		record := w.record(cells)
		if record == nil {
			empty++
			continue
		}
		if err := out.write(ctx, record, r.line); err != nil {
			return err
		}
	}
	w.report(out, columnNumber)
	if empty+r.blank > 0 {
		out.note("%d empty rows ignored", empty+r.blank)
	}
	if tail.b != '\n' && tail.b != '\r' {
		out.note("the last line has no line end: if the file was cut short, its last value is too")
	}
	return nil
}

// fits refuses a row with fewer or more columns than the heading: a cut file or
// a delimiter inside a value.
func (w *rowWriter) fits(cells []string, file string, line int) error {
	if len(cells) < w.width {
		return &FileError{File: file, Line: line,
			Text:   fmt.Sprintf("has %d of the heading's %d columns: %q", len(cells), w.width, shorten(strings.Join(cells, ","))),
			Remedy: "is the file cut short? copy or export it again; nothing was sent"}
	}
	for _, extra := range cells[w.width:] {
		if extra != "" {
			return &FileError{File: file, Line: line,
				Text:   fmt.Sprintf("has %d columns, the heading has %d; %q stands beyond the last", len(cells), w.width, shorten(extra)),
				Remedy: `a value that holds the delimiter must be quoted: "a,b"`}
		}
	}
	return nil
}

// shorten cuts a value for a message.
func shorten(s string) string {
	const most = 80
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// lastByte remembers the last byte that went through.
type lastByte struct {
	r io.Reader
	b byte
}

func (l *lastByte) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if n > 0 {
		l.b = p[n-1]
	}
	return n, err
}
