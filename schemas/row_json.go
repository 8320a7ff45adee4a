package schemas

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// decodeNDJSON reads one object a line. Empty lines are no records.
func (b *Batch) decodeNDJSON(chunk []byte) {
	for len(chunk) > 0 {
		line, whole := chunk, false
		if nl := bytes.IndexByte(chunk, '\n'); nl >= 0 {
			line, chunk, whole = chunk[:nl], chunk[nl+1:], true
		} else {
			chunk = nil
		}
		b.line++
		i := skipSpace(line, 0)
		if i == len(line) {
			b.out.Blank++
			continue
		}
		b.begin()
		end := b.object(line, i)
		if end >= 0 {
			if end = skipSpace(line, end); end < len(line) {
				b.syntax(line, end, "记录之后还有内容；每行只能有一个对象", "text follows the record; one object a line")
				end = -1
			}
		}
		if end < 0 {
			if b.short && !whole {
				b.out.Body = bodyError(b.row, CodeInvalidJSON, "正文在一条记录中间结束；请重新发送完整的文件",
					"the body ends inside a record; send the whole file again")
				b.out.Body.Line = b.line
			}
			b.reject(line)
			continue
		}
		b.finish(line)
	}
	b.out.Lines = b.line
}

// decodeJSON reads one object or one array of objects.
func (b *Batch) decodeJSON(body []byte) {
	i := skipSpace(body, 0)
	array := i < len(body) && body[i] == '['
	if array {
		i = skipSpace(body, i+1)
		if i < len(body) && body[i] == ']' {
			b.afterBody(body, i+1)
			return
		}
	}
	if i == len(body) && !array {
		return
	}
	for {
		if i == len(body) {
			b.out.Body = cutBody(b.row + 1)
			return
		}
		if array && (body[i] == ',' || body[i] == ']') {
			b.out.Body = emptyElement()
			b.out.Body.Row += b.row
			return
		}
		start := i
		b.begin()
		end := b.object(body, i)
		if end < 0 {
			// Brackets and quotes still say where this record ends.
			end = elementEnd(body, start)
			b.reject(body[start:end])
		} else {
			b.finish(body[start:end])
		}
		i = skipSpace(body, end)
		switch {
		case !array:
			if i < len(body) || b.short && b.bad {
				b.afterBody(body, i)
			}
			return
		case i < len(body) && body[i] == ',':
			i = skipSpace(body, i+1)
		case i < len(body) && body[i] == ']':
			b.afterBody(body, i+1)
			return
		case i == len(body):
			b.out.Body = cutBody(b.row)
			return
		default:
			b.out.Body = bodyError(b.row, CodeInvalidJSON, "两条记录之间应为逗号", "a comma is expected between two records")
			return
		}
	}
}

// afterBody refuses anything but white space from i on.
func (b *Batch) afterBody(body []byte, i int) {
	i = skipSpace(body, i)
	if i < len(body) {
		b.out.Body = bodyError(b.row, CodeInvalidJSON, "正文结束之后还有内容："+quote(context(body, i)),
			"text follows the end of the body: "+quote(context(body, i)))
	} else if b.short && b.bad {
		b.out.Body = cutBody(b.row)
	}
}

func cutBody(row int) *BodyError {
	return bodyError(row, CodeInvalidJSON, "正文不完整，在中途结束；请重新发送完整的文件",
		"the body ends before it is complete; send the whole file again")
}

// elementEnd is where the array element at i ends, going by quotes and brackets alone: at
// the first comma or closing bracket outside of it. Chunker cuts by the same rule.
func elementEnd(s []byte, i int) int {
	depth := 0
	for ; i < len(s); i++ {
		switch s[i] {
		case '"':
			for i++; i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			depth--
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return len(s)
}

// object reads the record at i into the slots and returns its end, -1 after a
// syntax error, which has been recorded.
func (b *Batch) object(s []byte, i int) int {
	b.short = false
	if s[i] != '{' {
		if bytes.HasPrefix(s[i:], []byte("\xEF\xBB\xBF")) {
			return b.syntax(s, i, "开头有 UTF-8 字节序标记（BOM）；JSON 不带 BOM，请另存为不带 BOM 的 UTF-8", "the text begins with a byte order mark; JSON has none: save it as UTF-8 without BOM")
		}
		return b.syntax(s, i, "记录应是一个 JSON 对象，以 { 开头", "a record must be a JSON object that begins with {")
	}
	fields := b.plan.fields
	previous := len(fields)
	i = skipSpace(s, i+1)
	if i < len(s) && s[i] == '}' {
		return i + 1
	}
	for {
		// Records of one source have their fields in one order: try the one that came
		// next last time before reading the name.
		at := int(b.successor[previous])
		f := &fields[at]
		if f.quotedAt(s, i) {
			i += len(f.quoted)
			previous = at
		} else {
			at, i = b.name(s, i)
			if i < 0 {
				return -1
			}
			if at >= 0 {
				f = &fields[at]
				b.successor[previous] = uint16(at)
				previous = at
			}
		}
		if i < len(s) && s[i] == ':' {
			i++
		} else if i = b.expect(s, skipSpace(s, i), ':'); i < 0 {
			return -1
		}
		if i < len(s) && s[i] <= ' ' {
			i = skipSpace(s, i)
		}
		switch {
		case i >= len(s):
			return b.cut(s)
		case at < 0:
			i = b.skipValue(s, i, 0)
		case b.seen.has(at) || b.opt.KeysOnly && !b.plan.keyOnly.has(at):
			i = b.refuse(f, s, i)
		default:
			b.seen.set(at)
			if f.kind == kindInt {
				if end := b.shortInteger(f, s, i); end > 0 {
					i = end
					break
				}
			}
			i = b.value(f, s, i)
		}
		if i < 0 {
			return -1
		}
		if i < len(s) && s[i] <= ' ' {
			i = skipSpace(s, i)
		}
		switch {
		case i < len(s) && s[i] == ',':
			i++
		case i < len(s) && s[i] == '}':
			return i + 1
		default:
			return b.expect(s, i, ',')
		}
		if i < len(s) && s[i] <= ' ' {
			i = skipSpace(s, i)
		}
	}
}

// quotedAt reports whether the field's name stands at s[i].
func (f *field) quotedAt(s []byte, i int) bool {
	n := len(f.quoted)
	if i+n > len(s) {
		return false
	}
	s = s[i : i+n]
	if n < 8 {
		return string(s) == f.quoted
	}
	return binary.LittleEndian.Uint64(s) == f.head && binary.LittleEndian.Uint64(s[n-8:]) == f.tail &&
		(n <= 16 || string(s[8:n-8]) == f.quoted[8:n-8])
}

// name reads a field name that was not the predicted one; at is -1 for an unknown field.
func (b *Batch) name(s []byte, i int) (at, end int) {
	if i >= len(s) {
		return -1, b.cut(s)
	}
	if s[i] != '"' {
		return -1, b.syntax(s, i, "此处应为带双引号的字段名", "a field name in double quotes is expected here")
	}
	key, end, valid := b.text(s, i)
	if end < 0 {
		return -1, -1
	}
	if !valid {
		b.failUTF8(nil, key)
		return -1, end
	}
	at = int(b.plan.names.find(key)) - 1
	if at < 0 {
		b.failUnknown(key)
	}
	return at, end
}

// refuse records a field that may not be there and passes over its value.
func (b *Batch) refuse(f *field, s []byte, i int) int {
	end := b.skipValue(s, i, 0)
	if end < 0 {
		return -1
	}
	if b.seen.has(f.at) {
		b.fail(f, CodeDuplicateField, s[i:end])
		return end
	}
	b.record(f.name, CodeUnknownField, s[i:end], func() saying {
		return saying{zh: "撤回只需主键字段；请去掉该字段", en: "a retraction holds the key only; leave this field out"}
	})
	return end
}

// value reads the value of f at i and returns its end.
func (b *Batch) value(f *field, s []byte, i int) int {
	c := s[i]
	if c == '"' {
		return b.stringValue(f, s, i)
	}
	if c == '-' || c-'0' <= 9 {
		return b.numberValue(f, s, i)
	}
	end := b.skipValue(s, i, 0)
	if end < 0 || c == 'n' {
		return end // null is the same as absent
	}
	if f.kind == kindBool && (c == 't' || c == 'f') {
		b.slots[f.at].num = 0
		if c == 't' {
			b.slots[f.at].num = 1
		}
		b.has.set(f.at)
		return end
	}
	b.fail(f, CodeType, s[i:end])
	return end
}

// shortInteger is the whole way of a common whole number, at most 18 digits and within
// bounds, in one call; 0 leaves it to value.
func (b *Batch) shortInteger(f *field, s []byte, i int) int {
	start, negative := i, false
	if s[i] == '-' {
		negative = true
		i++
		start++
	}
	v := int64(0)
	for i < len(s) && s[i]-'0' <= 9 {
		v = v*10 + int64(s[i]-'0')
		i++
	}
	digits := i - start
	if digits-1 > 17 || digits == 0 || s[start] == '0' && digits > 1 || i == len(s) || !numberEnds[s[i]] {
		return 0
	}
	if negative {
		v = -v
	}
	if v < f.min || v > f.max {
		return 0
	}
	b.slots[f.at].num = v
	b.has.set(f.at)
	return i
}

func (b *Batch) stringValue(f *field, s []byte, i int) int {
	// The common string has no escapes; text would read it as well, one call later.
	end, high := plainRun(s, i+1)
	var str []byte
	var valid bool
	if end < len(s) && s[end] == '"' {
		str = s[i+1 : end : end]
		end++
		valid = high == 0 || utf8.Valid(str)
	} else if str, end, valid = b.text(s, i); end < 0 {
		return -1
	}
	if !valid {
		b.failUTF8(f, str)
		return end
	}
	switch f.kind {
	case kindCode:
		b.setCode(f, str)
	case kindTime:
		ms, code := b.calendar.parseTime(str)
		b.setInstant(f, str, ms, code)
	case kindInt, kindFloat, kindBool:
		b.fail(f, CodeType, s[i:end])
	default:
		b.setText(f, str)
	}
	return end
}

func (b *Batch) numberValue(f *field, s []byte, i int) int {
	if f.kind == kindInt || f.kind == kindDecimal {
		if mantissa, frac, end, ok := fastNumber(s, i); ok {
			if done, _ := b.setFast(f, s[i:end], mantissa, frac); done {
				return end
			}
		}
	}
	end := numberEnd(s, i)
	if end < 0 {
		if s[len(s)-1]-'0' > 9 && numberEnd(append(s[i:len(s):len(s)], '0'), 0) == len(s)-i+1 {
			return b.cut(s) // such as 1. or -
		}
		return b.syntax(s, i, "不是 JSON 数值；数字之外不能有字母、单位、前导零或加号", "is not a JSON number; digits take no letters, units, leading zeros or plus signs")
	}
	switch f.kind {
	case kindInt, kindDecimal, kindWide, kindFloat:
		b.setNumber(f, s[i:end])
	default:
		b.fail(f, CodeType, s[i:end])
	}
	return end
}

// syntax records broken JSON at s[i]; it returns -1.
func (b *Batch) syntax(s []byte, i int, zh, en string) int {
	b.record("", CodeInvalidJSON, context(s, i), func() saying {
		at := strconv.Itoa(i + 1)
		return saying{zh: "JSON 有误（第 " + at + " 字节）：" + zh, en: "broken JSON at byte " + at + ": " + en}
	})
	return -1
}

// cut records JSON that ends too early; it returns -1.
func (b *Batch) cut(s []byte) int {
	b.short = true
	return b.syntax(s, len(s), "记录不完整，在此中断", "the record ends too early")
}

// context is the text around s[i], for messages.
func context(s []byte, i int) []byte {
	const before, after = 20, 60
	return s[max(0, i-before):min(len(s), i+after)]
}

func (b *Batch) failUTF8(f *field, value []byte) {
	if f != nil {
		b.fail(f, CodeInvalidUTF8, value)
		return
	}
	b.record("", CodeInvalidUTF8, value, func() saying { return b.describe(nil, CodeInvalidUTF8, value) })
}

func (b *Batch) failUnknown(key []byte) {
	b.record(quote(key), CodeUnknownField, nil, func() saying {
		near := nearest(string(key), b.plan.names)
		if near == "" {
			return saying{zh: "合同中没有该字段；请删除，或核对字段名", en: "is not a property of the contract; remove it or check its name"}
		}
		return saying{
			zh: fmt.Sprintf("合同中没有该字段；是否应为 %s", near),
			en: fmt.Sprintf("is not a property of the contract; did you mean %s", near),
		}
	})
}
