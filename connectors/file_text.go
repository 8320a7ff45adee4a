package connectors

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

const longLine = "a line of this length is seldom data: is the file one long line, or is a closing quote missing? nothing was sent"

// text opens a text file as UTF-8. Its encoding is found by reading all of it
// once: what is valid UTF-8 is UTF-8, what is valid GB18030 is GB18030, and a
// file that is neither is refused with the line where it breaks.
func (s *source) text(out *Converted) (io.ReadCloser, error) {
	coding, err := s.detect()
	if err != nil {
		return nil, err
	}
	r, err := s.open()
	if err != nil {
		return nil, err
	}
	out.Encoding = coding.name
	return readCloser{transform.NewReader(r, coding.decoder()), r}, nil
}

type readCloser struct {
	io.Reader
	io.Closer
}

type textCoding struct {
	name    string
	decoder func() transform.Transformer
}

var (
	codingUTF8 = textCoding{"UTF-8", func() transform.Transformer {
		return unicode.BOMOverride(encoding.Nop.NewDecoder())
	}}
	codingGB18030 = textCoding{"GB18030", func() transform.Transformer {
		return simplifiedchinese.GB18030.NewDecoder()
	}}
	codingUTF16 = textCoding{"UTF-16", func() transform.Transformer {
		return unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder()
	}}
)

func (s *source) detect() (textCoding, error) {
	r, err := s.open()
	if err != nil {
		return codingUTF8, err
	}
	defer r.Close()
	var scan utf8Scan
	head := true
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		if head && n > 1 {
			if b := string(buf[:2]); b == "\xff\xfe" || b == "\xfe\xff" {
				return codingUTF16, nil
			}
			scan.marked = bytes.HasPrefix(buf[:n], []byte("\xef\xbb\xbf"))
			head = false
		}
		if zero := bytes.IndexByte(buf[:n], 0); zero >= 0 {
			return codingUTF8, &FileError{File: s.path, Line: scan.lines + 1 + bytes.Count(buf[:zero], []byte("\n")),
				Text: "holds a zero byte, so it is not a text file", Remedy: "export it as CSV (UTF-8) or as .xlsx"}
		}
		scan.write(buf[:n])
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return codingUTF8, s.readError(err)
		}
	}
	scan.end()
	if scan.bad == 0 {
		return codingUTF8, nil
	}
	broken := &FileError{File: s.path, Line: scan.badLine, Text: "the text is neither valid UTF-8 nor valid GB18030",
		Remedy: "save it as CSV UTF-8; nothing was sent"}
	switch {
	case scan.cut && scan.bad == 1 && scan.long > 0:
		broken.Text = "the file is cut short inside a character"
		broken.Remedy = "copy or export it again; nothing was sent"
		return codingUTF8, broken
	// GB18030 text seldom happens to hold UTF-8 sequences of three bytes: many of them, or a mark, mean damaged UTF-8.
	case scan.marked || scan.long > scan.bad:
		broken.Text = "the text is UTF-8, but damaged here"
		return codingUTF8, broken
	}
	if line := s.firstBadGB18030(); line > 0 {
		broken.Line = line
		return codingUTF8, broken
	}
	return codingGB18030, nil
}

// utf8Scan counts what is and is not UTF-8 in a stream.
type utf8Scan struct {
	rest    []byte // an unfinished character between two blocks
	lines   int
	bad     int // bytes that belong to no character
	badLine int // line of the first
	long    int // characters of three bytes and more
	cut     bool
	marked  bool // a byte order mark says it is UTF-8
}

func (u *utf8Scan) write(p []byte) {
	if len(u.rest) > 0 {
		p = append(u.rest, p...)
		u.rest = nil
	}
	for len(p) > 0 {
		if p[0] < utf8.RuneSelf {
			if p[0] == '\n' {
				u.lines++
			}
			p = p[1:]
			continue
		}
		r, n := utf8.DecodeRune(p)
		if r == utf8.RuneError && n == 1 {
			if len(p) < utf8.UTFMax && !utf8.FullRune(p) {
				u.rest = append([]byte(nil), p...)
				return
			}
			u.fault()
		} else if n >= 3 {
			u.long++
		}
		p = p[n:]
	}
}

func (u *utf8Scan) fault() {
	if u.bad++; u.bad == 1 {
		u.badLine = u.lines + 1
	}
}

func (u *utf8Scan) end() {
	if len(u.rest) > 0 {
		u.cut = true
		u.fault()
	}
}

// firstBadGB18030 answers the line of the first byte that GB18030 cannot hold, or 0.
func (s *source) firstBadGB18030() int {
	r, err := s.open()
	if err != nil {
		return 1
	}
	defer r.Close()
	t := transform.NewReader(r, codingGB18030.decoder())
	buf := make([]byte, 64<<10)
	line := 1
	for {
		n, err := t.Read(buf)
		if i := bytes.Index(buf[:n], []byte("\uFFFD")); i >= 0 {
			return line + bytes.Count(buf[:i], []byte("\n"))
		}
		line += bytes.Count(buf[:n], []byte("\n"))
		if err != nil {
			return 0
		}
	}
}

// guard stops a reader that a parser would otherwise let run on inside one record.
type guard struct {
	r    io.Reader
	read int64 // bytes handed out
	mark int64 // where the record being read began
}

var errLongRecord = fmt.Errorf("one record is longer than %d bytes", maxRecord)

func (g *guard) Read(p []byte) (int, error) {
	// The parser's own buffer may be ahead of the record by this much.
	const ahead = 64 << 10
	if g.read-g.mark > maxRecord+ahead {
		return 0, errLongRecord
	}
	if len(p) > ahead {
		p = p[:ahead]
	}
	n, err := g.r.Read(p)
	g.read += int64(n)
	return n, err
}
