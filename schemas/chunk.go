package schemas

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

// ChunkOptions bound what a Chunker holds.
type ChunkOptions struct {
	Size      int // bytes of a chunk, about; 0 means 1 MiB
	MaxRecord int // bytes of one record at most; 0 means 1 MiB
}

const (
	defaultChunk  = 1 << 20
	defaultRecord = 1 << 20
	minRead       = 4 << 10
)

// Chunker cuts a body into chunks of whole records, each of which Decode takes on its
// own: NDJSON at line breaks, a JSON array at its top-level commas (each chunk is an
// array again), CSV at record ends outside quotes. It never holds more than a chunk
// and a record. A Chunker is not safe for concurrent use, but Recycle is.
//
// A record number in its errors counts from 1 after the records of the chunks handed out.
type Chunker struct {
	r         io.Reader
	format    Format
	size      int
	maxRecord int

	rest  []byte // what was read behind the last cut
	eof   bool
	err   error // the end, once it was reached
	begun bool

	json  jsonCutter
	comma byte // of CSV, known once the heading was read

	pool sync.Pool
}

// NewChunker reads records from r.
func NewChunker(r io.Reader, format Format, opt ChunkOptions) *Chunker {
	c := &Chunker{r: r, format: format, size: opt.Size, maxRecord: opt.MaxRecord}
	if c.size <= 0 {
		c.size = defaultChunk
	}
	if c.maxRecord <= 0 {
		c.maxRecord = defaultRecord
	}
	return c
}

// Recycle gives a chunk back; nothing may refer to it any more.
func (c *Chunker) Recycle(chunk []byte) {
	if cap(chunk) > 0 {
		chunk = chunk[:0]
		c.pool.Put(&chunk)
	}
}

func (c *Chunker) buffer() []byte {
	if p, ok := c.pool.Get().(*[]byte); ok && cap(*p) > len(c.rest) {
		return append(*p, c.rest...)
	}
	return append(make([]byte, 0, max(c.size, 2*len(c.rest))+minRead), c.rest...)
}

// fill reads until buf holds want bytes or the body ends.
func (c *Chunker) fill(buf []byte, want int) ([]byte, error) {
	for len(buf) < want && !c.eof {
		if cap(buf)-len(buf) < minRead {
			buf = append(make([]byte, 0, 2*cap(buf)+minRead), buf...)
		}
		n, err := c.r.Read(buf[len(buf):max(len(buf)+1, min(cap(buf), want))])
		buf = buf[:len(buf)+n]
		if errors.Is(err, io.EOF) {
			c.eof = true
		} else if err != nil {
			return buf, err
		}
		if !c.begun && (len(buf) >= len(byteOrderMark) || c.eof) {
			c.begun = true
			buf = append(buf[:0], bytes.TrimPrefix(buf, byteOrderMark)...)
		}
	}
	return buf, nil
}

var byteOrderMark = []byte("\xEF\xBB\xBF")

// Header reads the heading record of a CSV body, which must be done before Next.
// Its errors are those of Plan.ParseCSVHeader, or say that the body has no heading.
func (c *Chunker) Header(p *Plan) (*CSVHeader, []RowError) {
	fail := func(err error) (*CSVHeader, []RowError) {
		c.err = err
		var body *BodyError
		if errors.As(err, &body) {
			return nil, []RowError{body.RowError}
		}
		return nil, []RowError{headerError("", CodeInvalidCSV, saying{
			zh: "读取正文失败；请重新发送", en: "the body could not be read; send it again"})}
	}
	buf := c.buffer()
	for want := minRead; ; want *= 2 {
		var err error
		if buf, err = c.fill(buf, want); err != nil {
			return fail(err)
		}
		start := len(buf) - len(bytes.TrimLeft(buf, "\r\n"))
		end, open, quoted := recordEnd(buf, start, ',')
		if open && !c.eof {
			if end-start > c.maxRecord {
				return fail(c.tooLarge())
			}
			continue
		}
		if quoted {
			return fail(cutCSV(1))
		}
		if start == len(buf) {
			return fail(bodyError(0, CodeInvalidCSV, "文件是空的；第一行应为表头", "the file is empty; its first line must be the heading"))
		}
		header, errs := p.ParseCSVHeader(buf[start:end])
		if errs != nil {
			c.err = io.EOF
			return nil, errs
		}
		c.comma = header.comma
		header.Lines = max(1, bytes.Count(buf[:end], []byte("\n")))
		c.rest = append([]byte(nil), buf[end:]...)
		c.Recycle(buf)
		return header, nil
	}
}

// Next returns the next chunk, which is the caller's until Recycle. At the end it
// returns io.EOF; a *BodyError says what is wrong with the body as a whole, and any other
// error comes from reading it. Chunks are never empty.
func (c *Chunker) Next() ([]byte, error) {
	if c.err != nil {
		return nil, c.err
	}
	chunk, err := c.next()
	if err != nil {
		c.err = err
		return nil, err
	}
	return chunk, nil
}

func (c *Chunker) next() ([]byte, error) {
	if c.format == FormatCSV && c.comma == 0 {
		return nil, errors.New("schemas: Chunker.Header must come before Next")
	}
	buf := c.buffer()
	for want := c.size; ; want = len(buf) + max(minRead, min(c.size, len(buf))) {
		var err error
		if buf, err = c.fill(buf, want); err != nil {
			return nil, err
		}
		var cut int
		switch c.format {
		case FormatJSON:
			chunk, err := c.cutJSON(buf)
			if chunk != nil || err != nil {
				return chunk, err
			}
			continue
		case FormatCSV:
			cut, err = c.cutCSV(buf)
		default:
			cut, err = c.cutLines(buf)
		}
		if err != nil {
			return nil, err
		}
		if cut > 0 {
			c.rest = append(c.rest[:0], buf[cut:]...)
			return buf[:cut], nil
		}
		if c.eof {
			return nil, io.EOF
		}
	}
}

func (c *Chunker) tooLarge() *BodyError {
	return bodyError(1, CodeTooLarge, "一条记录超过大小上限；请检查是否缺少换行", "a record is over the size limit; look for missing line breaks")
}

func cutCSV(row int) *BodyError {
	return bodyError(row, CodeInvalidCSV, "正文在引号内结束；请重新发送完整的文件", "the body ends inside quotes; send the whole file again")
}

// cutLines returns where the last whole line of buf ends, 0 when there is none yet.
func (c *Chunker) cutLines(buf []byte) (int, error) {
	cut := bytes.LastIndexByte(buf, '\n') + 1
	if len(buf)-cut > c.maxRecord {
		return 0, c.tooLarge()
	}
	if c.eof {
		cut = len(buf)
	}
	if cut > c.maxRecord {
		for i := 0; i < cut; {
			n := bytes.IndexByte(buf[i:cut], '\n')
			if n < 0 {
				n = cut - i
			}
			if n > c.maxRecord {
				return 0, c.tooLarge()
			}
			i += n + 1
		}
	}
	return cut, nil
}

// cutCSV returns where the last whole record of buf ends, 0 when there is none yet.
func (c *Chunker) cutCSV(buf []byte) (int, error) {
	if bytes.IndexByte(buf, '"') < 0 {
		return c.cutLines(buf)
	}
	for i := 0; i < len(buf); {
		end, open, quoted := recordEnd(buf, i, c.comma)
		if end-i > c.maxRecord {
			return 0, c.tooLarge()
		}
		// A quote as the last byte may be the first of two.
		if open && !c.eof || !c.eof && end == len(buf) && buf[end-1] == '"' {
			return i, nil
		}
		if open && quoted {
			return 0, cutCSV(1)
		}
		i = end
	}
	return len(buf), nil
}
