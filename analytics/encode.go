package analytics

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"
)

// Encoder writes an answer in one format. Queries and record reads share them.
// Begin, Row and End write; Close gives back what the encoder holds and comes last,
// whether or not End was reached.
type Encoder interface {
	Begin(head Head) error
	Row(cells []Cell) error
	End(tail Tail) error
	Close() error
}

// Format is a way to write answers.
type Format string

// The formats.
const (
	FormatJSON    Format = "json"
	FormatNDJSON  Format = "ndjson"
	FormatCSV     Format = "csv"
	FormatParquet Format = "parquet"
	FormatXLSX    Format = "xlsx"
)

var mediaTypes = map[Format]string{
	FormatJSON:    "application/json",
	FormatNDJSON:  "application/x-ndjson",
	FormatCSV:     "text/csv; charset=utf-8; header=present",
	FormatParquet: "application/vnd.apache.parquet",
	FormatXLSX:    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

// ParseFormat reads a ?format= value.
func ParseFormat(name string) (Format, bool) {
	_, ok := mediaTypes[Format(name)]
	return Format(name), ok
}

// ContentType is the format's media type.
func (f Format) ContentType() string { return mediaTypes[f] }

// File reports whether answers in the format are files that people keep: they are
// whole unless a limit was asked for, since nobody looks for a file's next page.
func (f Format) File() bool { return f == FormatCSV || f == FormatParquet || f == FormatXLSX }

// Encoding says how an answer is to be written.
type Encoding struct {
	Format Format
	// Records chooses the shape of JSON: {"records":[{…}],…} instead of
	// {"columns":[…],"rows":[[…]],…}.
	Records bool
	// Unmarked leaves out the byte order mark that CSV begins with: without one Excel
	// reads Chinese text in the machine's own encoding.
	Unmarked bool
	// Labels puts labels and units into the heading of CSV, in the place of names.
	Labels bool
	// Notes ends CSV with what is to be known of its rows, below an empty line.
	Notes bool
	// TempDir is where workbooks are put together.
	TempDir string
}

// NewEncoder writes to w.
func NewEncoder(w io.Writer, e Encoding) Encoder {
	if e.Format == FormatXLSX {
		return &xlsxEncoder{w: w, tempDir: e.TempDir}
	}
	if e.Format == FormatParquet {
		return &parquetEncoder{w: w}
	}
	out := output{w: bufio.NewWriterSize(w, 32<<10)}
	switch {
	case e.Format == FormatCSV:
		return &csvEncoder{output: out, encoding: e}
	case e.Format == FormatNDJSON:
		return &ndjsonEncoder{output: out}
	case e.Records:
		return &recordsEncoder{ndjsonEncoder{output: out}}
	}
	return &jsonEncoder{output: out}
}

// output is what encoders have in common.
type output struct {
	w       *bufio.Writer
	columns []Column
	line    []byte // the row being built
	rows    int
}

// Close has nothing to give back.
func (o *output) Close() error { return nil }

// emit writes the row.
func (o *output) emit() error {
	o.rows++
	_, err := o.w.Write(o.line)
	o.line = o.line[:0]
	return err
}

// jsonEncoder writes an answer as columns and rows.
type jsonEncoder struct{ output }

func (e *jsonEncoder) Begin(head Head) error {
	e.columns = head.Columns
	columns, err := json.Marshal(head.Columns)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.w, `{"columns":%s,"rows":[`, columns)
	return err
}

func (e *jsonEncoder) Row(cells []Cell) error {
	if e.rows > 0 {
		e.line = append(e.line, ',')
	}
	e.line = append(e.line, '[')
	for i, cell := range cells {
		if i > 0 {
			e.line = append(e.line, ',')
		}
		e.line = appendJSON(e.line, e.columns[i].Type, cell)
	}
	e.line = append(e.line, ']')
	return e.emit()
}

func (e *jsonEncoder) End(tail Tail) error {
	stats, err := json.Marshal(tail.Stats)
	if err != nil {
		return err
	}
	truncated := ""
	if tail.Truncated || tail.NextCursor != "" {
		truncated = `,"truncated":true`
	}
	fmt.Fprintf(e.w, `],"as_of":%q,"watermark":%d,"stats":%s%s}`+"\n", tail.AsOf.In(shanghai).Format(time.RFC3339Nano), tail.Watermark, stats, truncated)
	return e.w.Flush()
}

// ndjsonEncoder writes one object a line.
type ndjsonEncoder struct{ output }

func (e *ndjsonEncoder) Begin(head Head) error {
	e.columns = head.Columns
	return nil
}

func (e *ndjsonEncoder) Row(cells []Cell) error {
	e.object(cells)
	e.line = append(e.line, '\n')
	return e.emit()
}

func (e *ndjsonEncoder) End(Tail) error { return e.w.Flush() }

func (e *ndjsonEncoder) object(cells []Cell) {
	for i, cell := range cells {
		e.line = append(e.line, map[bool]byte{true: '{', false: ','}[i == 0])
		e.line = appendString(e.line, e.columns[i].Name)
		e.line = append(e.line, ':')
		e.line = appendJSON(e.line, e.columns[i].Type, cell)
	}
	e.line = append(e.line, '}')
}

// recordsEncoder writes {"records":[…],"next_cursor":""}.
type recordsEncoder struct{ ndjsonEncoder }

func (e *recordsEncoder) Begin(head Head) error {
	e.columns = head.Columns
	_, err := e.w.WriteString(`{"records":[`)
	return err
}

func (e *recordsEncoder) Row(cells []Cell) error {
	if e.rows > 0 {
		e.line = append(e.line, ',')
	}
	e.object(cells)
	return e.emit()
}

func (e *recordsEncoder) End(tail Tail) error {
	fmt.Fprintf(e.w, `],"next_cursor":%q,"as_of":%q,"watermark":%d}`+"\n", tail.NextCursor, tail.AsOf.In(shanghai).Format(time.RFC3339Nano), tail.Watermark)
	return e.w.Flush()
}

// appendJSON writes a cell: numbers and booleans as they are, decimals as texts so that
// no reader rounds them.
func appendJSON(b []byte, kind string, cell Cell) []byte {
	if cell.Null {
		return append(b, "null"...)
	}
	switch kind {
	case typeInteger, typeNumber, typeBoolean:
		return append(b, cell.Text...)
	case typeInstant:
		b = append(b, '"')
		b = appendInstant(b, cell.Text)
		return append(b, '"')
	}
	return appendString(b, cell.Text)
}

// appendInstant writes milliseconds since 1970 as RFC 3339 in Asia/Shanghai.
func appendInstant(b []byte, millis string) []byte {
	n, err := strconv.ParseInt(millis, 10, 64)
	if err != nil {
		return append(b, millis...)
	}
	t := time.UnixMilli(n).In(shanghai)
	if n%1000 != 0 {
		return t.AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
	}
	return t.AppendFormat(b, time.RFC3339)
}

const hexDigits = "0123456789abcdef"

// appendString writes a JSON string; bytes that are not UTF-8 become U+FFFD.
func appendString(b []byte, text string) []byte {
	b = append(b, '"')
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c < 0x20 || c == 0x7f:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(text[i:])
			b = utf8.AppendRune(b, r)
			i += size
			continue
		default:
			b = append(b, c)
		}
		i++
	}
	return append(b, '"')
}
