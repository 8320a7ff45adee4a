package schemas

import (
	"bytes"
	"io"
)

// jsonCutter is the state of cutting a JSON array: how far the buffer has been looked
// at, and where that is in the text.
type jsonCutter struct {
	at     int  // looked at up to here
	depth  int  // open brackets, the array's included
	quoted bool // inside a string
	cut    int  // the last comma between two records, 0 for none
	last   int  // where the current record begins
	parts  int  // chunks handed out
	single bool // the body is not an array
	closed bool // the array has ended
}

// cutJSON returns a chunk of buf, nil when more has to be read. A chunk is an array
// of whole records: the comma it was cut at becomes its closing bracket, and the next
// chunk opens with one of its own.
func (c *Chunker) cutJSON(buf []byte) ([]byte, error) {
	j := &c.json
	if j.closed {
		return c.afterJSON(buf)
	}
	if j.depth == 0 && !j.single {
		i := skipSpace(buf, 0)
		if i == len(buf) {
			if c.eof {
				return nil, io.EOF
			}
			if i > c.maxRecord {
				return nil, c.tooLarge()
			}
			return nil, nil
		}
		j.at, j.last = i, i+1
		if buf[i] == '[' {
			j.at, j.depth = i+1, 1
		} else {
			j.single = true
		}
	}
	if j.single {
		return c.singleJSON(buf)
	}
	end, err := c.scanJSON(buf)
	switch {
	case err != nil:
		return nil, err
	case end > 0:
		j.closed = true
		if j.parts > 0 && blank(buf[1:end-1]) {
			return nil, emptyElement()
		}
		c.rest = append(c.rest[:0], buf[end:]...)
		j.parts++
		return buf[:end], nil
	case c.eof:
		return nil, cutBody(1)
	case j.cut == 0 || len(buf) < c.size:
		return nil, nil
	}
	start := skipSpace(buf, 0)
	if blank(buf[start+1 : j.cut]) {
		return nil, emptyElement()
	}
	buf[j.cut] = '['
	c.rest = append(c.rest[:0], buf[j.cut:]...)
	buf[j.cut] = ']'
	chunk := buf[:j.cut+1]
	j.at -= j.cut
	j.last -= j.cut
	j.cut = 0
	j.parts++
	return chunk, nil
}

// scanJSON looks at what is new in buf; end is behind the array's closing bracket, 0
// when it is not there yet. It goes by quotes and brackets, as elementEnd does.
func (c *Chunker) scanJSON(buf []byte) (end int, err error) {
	j := &c.json
	i := j.at
	for i < len(buf) {
		if j.quoted {
			n, _ := plainRun(buf, i)
			if n == len(buf) {
				i = n
				break
			}
			switch buf[n] {
			case '"':
				j.quoted = false
			case '\\':
				if n+1 == len(buf) {
					i = n
					goto more // what is escaped has not been read yet
				}
				n++
			}
			i = n + 1
			continue
		}
		switch buf[i] {
		case '"':
			j.quoted = true
		case '{', '[':
			j.depth++
		case '}', ']':
			j.depth--
			if j.depth == 0 {
				if i-j.last > c.maxRecord {
					return 0, c.tooLarge()
				}
				j.at = i + 1
				return i + 1, nil
			}
		case ',':
			if j.depth == 1 {
				if i-j.last > c.maxRecord {
					return 0, c.tooLarge()
				}
				j.cut, j.last = i, i+1
			}
		}
		i++
	}
more:
	j.at = i
	if len(buf)-j.last > c.maxRecord {
		return 0, c.tooLarge()
	}
	return 0, nil
}

// singleJSON hands out a body that is one value; Decode says whether it is a record.
func (c *Chunker) singleJSON(buf []byte) ([]byte, error) {
	if len(bytes.TrimSpace(buf)) > c.maxRecord {
		return nil, c.tooLarge()
	}
	if !c.eof {
		return nil, nil
	}
	if c.json.parts > 0 {
		return nil, io.EOF
	}
	c.json.parts++
	c.rest = c.rest[:0]
	return buf, nil
}

// afterJSON refuses anything but white space behind the array.
func (c *Chunker) afterJSON(buf []byte) ([]byte, error) {
	if i := skipSpace(buf, 0); i < len(buf) {
		return nil, bodyError(0, CodeInvalidJSON, "正文结束之后还有内容："+quote(context(buf, i)),
			"text follows the end of the body: "+quote(context(buf, i)))
	}
	if c.eof {
		return nil, io.EOF
	}
	if len(buf) > c.maxRecord {
		return nil, c.tooLarge()
	}
	return nil, nil
}

func emptyElement() *BodyError {
	return bodyError(1, CodeInvalidJSON, "逗号前后缺少记录", "a record is missing beside a comma")
}
