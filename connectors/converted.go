package connectors

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"sort"

	"github.com/zida-hub/zida/schemas"
)

// Converted is a file's records as NDJSON, ready to be sent as often as needed.
type Converted struct {
	File     string
	Sheet    string // of a workbook
	Format   string
	Encoding string // of a text file: UTF-8, GB18030 or UTF-16
	Records  int
	Bytes    int64
	SHA256   string   // of the NDJSON: the receipt's sha256, lower-case hex
	Notes    []string // what was left out and what was assumed
	// Faults are the cells that could not be read, when they were collected; the
	// records are for checking then, not for keeping.
	Faults   []schemas.RowError
	Headings []string // of a sheet or a text file
	HeadLine int      // where they stand

	opt           FileOptions
	collect       bool
	columns       map[string]int // property → column
	width         int            // columns that any row of a sheet fills
	date1904      bool           // the workbook counts days from 1904
	lastLine      int            // of a sheet, with something or not
	faulty        map[int][]faultyField
	numbersAsText map[string]bool // properties that are text or time and had cells that are numbers

	spool *os.File
	w     *bufio.Writer
	sum   hash.Hash
	lines lineMap
}

func newConverted(path, format, dir string) (*Converted, error) {
	// CreateTemp makes it readable by this user alone.
	f, err := os.CreateTemp(dir, "zida-push-*.ndjson")
	if err != nil {
		return nil, fmt.Errorf("no temporary file can be made: %w (set TMPDIR to a directory with room)", err)
	}
	c := &Converted{File: path, Format: format, spool: f, sum: sha256.New(), faulty: map[int][]faultyField{}, numbersAsText: map[string]bool{}}
	c.w = bufio.NewWriterSize(io.MultiWriter(f, c.sum), 64<<10)
	return c, nil
}

func (c *Converted) note(format string, args ...any) {
	c.Notes = append(c.Notes, fmt.Sprintf(format, args...))
}

// write adds one record, without its line end, found at a line.
func (c *Converted) write(ctx context.Context, record []byte, line int) error {
	if len(record) > maxRecord {
		return &FileError{File: c.File, Sheet: c.Sheet, Line: line,
			Text: fmt.Sprintf("one record is %d bytes long; at most %d are allowed", len(record), maxRecord), Remedy: longLine}
	}
	c.Records++
	if c.Records%4096 == 0 && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	c.lines.add(c.Records, line)
	c.Bytes += int64(len(record)) + 1
	if _, err := c.w.Write(record); err != nil {
		return c.spoolError(err)
	}
	if err := c.w.WriteByte('\n'); err != nil {
		return c.spoolError(err)
	}
	return nil
}

func (c *Converted) spoolError(err error) error {
	return fmt.Errorf("the converted copy of %s cannot be written: %w (set TMPDIR to a directory with room)", c.File, err)
}

func (c *Converted) finish() error {
	if err := c.w.Flush(); err != nil {
		return c.spoolError(err)
	}
	c.SHA256 = hex.EncodeToString(c.sum.Sum(nil))
	return nil
}

// Open reads the records from the first; it is a Body.
func (c *Converted) Open() (io.ReadCloser, error) {
	return io.NopCloser(bufio.NewReaderSize(io.NewSectionReader(c.spool, 0, c.Bytes), 256<<10)), nil
}

// Close removes the temporary copy.
func (c *Converted) Close() error {
	name := c.spool.Name()
	err := c.spool.Close()
	if rerr := os.Remove(name); err == nil {
		err = rerr
	}
	return err
}

// Line is where record row (from 1) stands: the line of a text file, the row
// number of a sheet.
func (c *Converted) Line(row int) int { return c.lines.find(row) }

// lineMap keeps record → line as runs in which both grow by one: a file without
// blank lines is a single run, whatever its length.
type lineMap struct{ runs []lineRun }

type lineRun struct{ row, line int }

func (m *lineMap) add(row, line int) {
	if n := len(m.runs); n > 0 {
		last := m.runs[n-1]
		if line-row == last.line-last.row {
			return
		}
	}
	m.runs = append(m.runs, lineRun{row, line})
}

func (m *lineMap) find(row int) int {
	i := sort.Search(len(m.runs), func(i int) bool { return m.runs[i].row > row })
	if i == 0 {
		return 0
	}
	run := m.runs[i-1]
	return run.line + row - run.row
}

// row is the record that stands at a line, 0 where none does.
func (m *lineMap) row(line int) int {
	i := sort.Search(len(m.runs), func(i int) bool { return m.runs[i].line > line })
	if i == 0 {
		return 0
	}
	row := m.runs[i-1].row + line - m.runs[i-1].line
	if i < len(m.runs) && row >= m.runs[i].row {
		return 0
	}
	return row
}
