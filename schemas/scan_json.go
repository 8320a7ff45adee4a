package schemas

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds the nesting of values that are skipped over.
const maxDepth = 64

// skipSpace returns the first byte at or after i that is not JSON's white space.
func skipSpace(s []byte, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\r' || s[i] == '\t') {
		i++
	}
	return i
}

// Eight bytes at a time: a byte below n, or equal to a quote or backslash, leaves its
// top bit set. A borrow can spoil only the bytes above the first hit.
const (
	swarOnes  = 0x0101010101010101
	swarHigh  = 0x8080808080808080
	swarSpace = 0x20 * swarOnes
	swarQuote = '"' * swarOnes
	swarSlash = '\\' * swarOnes
)

// plainRun returns the first quote, backslash or control character at or after i, or
// len(s), and whether bytes outside ASCII came before it (not 0).
func plainRun(s []byte, i int) (end int, high uint64) {
	for ; i+8 <= len(s); i += 8 {
		x := binary.LittleEndian.Uint64(s[i:])
		q, e := x^swarQuote, x^swarSlash
		hit := ((q-swarOnes)&^q | (e-swarOnes)&^e | (x-swarSpace)&^x) & swarHigh
		if hit != 0 {
			n := bits.TrailingZeros64(hit)
			return i + n>>3, high | x&swarHigh&(1<<n-1)
		}
		high |= x & swarHigh
	}
	for ; i < len(s); i++ {
		c := s[i]
		if c == '"' || c == '\\' || c < ' ' {
			return i, high
		}
		high |= uint64(c & 0x80)
	}
	return i, high
}

// text reads the JSON string whose opening quote is at i. valid is false for bytes
// that are not UTF-8 and for lone surrogates; str is then cleaned up for messages.
// end is -1 after a syntax error, which has been recorded.
func (b *Batch) text(s []byte, i int) (str []byte, end int, valid bool) {
	start := i + 1
	end, high := plainRun(s, start)
	if end < len(s) && s[end] == '"' {
		str = s[start:end:end]
		return str, end + 1, high == 0 || utf8.Valid(str)
	}
	return b.escapedText(s, start, end)
}

// escapedText goes on from a backslash (or the end, or a control character) at i.
func (b *Batch) escapedText(s []byte, start, i int) (str []byte, end int, valid bool) {
	from := len(b.scratch)
	b.scratch = append(b.scratch, s[start:i]...)
	lone := false
	for {
		if i >= len(s) {
			return nil, b.cut(s), false
		}
		switch c := s[i]; {
		case c == '"':
			str = b.scratch[from:len(b.scratch):len(b.scratch)]
			return str, i + 1, !lone && utf8.Valid(str)
		case c < ' ':
			return nil, b.syntax(s, i, "字符串中有未转义的控制字符；换行应写作 \\n", "a control character stands unescaped in a string; write a line break as \\n"), false
		case c != '\\':
			run, _ := plainRun(s, i)
			b.scratch = append(b.scratch, s[i:run]...)
			i = run
			continue
		}
		if i+1 >= len(s) {
			return nil, b.cut(s), false
		}
		if c := unescape[s[i+1]]; c != 0 {
			b.scratch = append(b.scratch, c)
			i += 2
			continue
		}
		r := hexRune(s, i)
		if r < 0 {
			return nil, b.syntax(s, i, "无效的转义序列；反斜杠应写作 \\\\", "is no escape of JSON; write a backslash as \\\\"), false
		}
		i += 6
		if utf16.IsSurrogate(r) {
			pair := rune(utf8.RuneError)
			if low := hexRune(s, i); low >= 0 {
				pair = utf16.DecodeRune(r, low)
			}
			if pair == utf8.RuneError {
				lone = true
			} else {
				i += 6
			}
			r = pair
		}
		b.scratch = utf8.AppendRune(b.scratch, r)
	}
}

// unescape maps the letter behind a backslash to what it stands for.
var unescape = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// hexRune reads \uXXXX at i, -1 when it is not there.
func hexRune(s []byte, i int) rune {
	if i+6 > len(s) || s[i] != '\\' || s[i+1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range s[i+2 : i+6] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// skipValue checks the value at i and returns its end, -1 after a syntax error.
func (b *Batch) skipValue(s []byte, i, depth int) int {
	if i >= len(s) {
		return b.cut(s)
	}
	switch c := s[i]; c {
	case '"':
		kept := len(b.scratch)
		_, end, valid := b.text(s, i)
		b.scratch = b.scratch[:kept]
		if end >= 0 && !valid {
			b.failUTF8(nil, s[i:end])
		}
		return end
	case '{', '[':
		if depth == maxDepth {
			return b.syntax(s, i, "嵌套过深；记录应是扁平的对象", "is nested too deeply; a record is a flat object")
		}
		return b.skipNested(s, i, depth)
	case 't':
		return b.literal(s, i, "true")
	case 'f':
		return b.literal(s, i, "false")
	case 'n':
		return b.literal(s, i, "null")
	}
	if end := numberEnd(s, i); end >= 0 {
		return end
	}
	return b.syntax(s, i, "此处应为一个值", "a value is expected here")
}

func (b *Batch) skipNested(s []byte, i, depth int) int {
	object, closing := s[i] == '{', byte(']')
	if object {
		closing = '}'
	}
	i = skipSpace(s, i+1)
	if i < len(s) && s[i] == closing {
		return i + 1
	}
	for {
		if object {
			if i >= len(s) {
				return b.cut(s)
			}
			if s[i] != '"' {
				return b.syntax(s, i, "此处应为带双引号的字段名", "a field name in double quotes is expected here")
			}
			if i = b.skipValue(s, i, depth); i < 0 {
				return -1
			}
			if i = b.expect(s, skipSpace(s, i), ':'); i < 0 {
				return -1
			}
			i = skipSpace(s, i)
		}
		if i = b.skipValue(s, i, depth+1); i < 0 {
			return -1
		}
		i = skipSpace(s, i)
		if i < len(s) && s[i] == closing {
			return i + 1
		}
		if i = b.expect(s, i, ','); i < 0 {
			return -1
		}
		i = skipSpace(s, i)
	}
}

// expect returns the place behind c, -1 after a syntax error when c is not at i.
func (b *Batch) expect(s []byte, i int, c byte) int {
	if i < len(s) && s[i] == c {
		return i + 1
	}
	if i >= len(s) {
		return b.cut(s)
	}
	if c == ':' {
		return b.syntax(s, i, "字段名后应为冒号", "a colon is expected after the field name")
	}
	return b.syntax(s, i, "此处应为逗号或右括号", "a comma or a closing bracket is expected here")
}

func (b *Batch) literal(s []byte, i int, word string) int {
	end := i + len(word)
	if end <= len(s) && string(s[i:end]) == word {
		return end
	}
	if end > len(s) && string(s[i:]) == word[:len(s)-i] {
		return b.cut(s)
	}
	return b.syntax(s, i, "此处应为一个值；字符串须加双引号", "a value is expected here; strings need double quotes")
}
