package connectors

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/zida-hub/zida/schemas"
)

// dateMark stands before the text of a workbook cell that is a date by its
// format, so that it is told from a text that looks like one. It is a
// private-use character, which no data contract allows.
const dateMark = '\uE0DA'

const (
	cellInstant = "2006-01-02 15:04:05"
	cellDay     = "2006-01-02"
)

// appendValue writes a cell's text as the JSON value that its property's type
// asks for. What does not look like one stays a string: the hub's error then
// names the row, the property and the very text that stood in the file.
func appendValue(dst []byte, p *schemas.Property, text string) []byte {
	if rest, ok := strings.CutPrefix(text, string(dateMark)); ok {
		return appendString(dst, dateText(p, rest))
	}
	switch p.Type {
	case schemas.TypeInteger, schemas.TypeNumber:
		if t := strings.TrimSpace(text); isNumber(t) {
			return append(dst, t...)
		}
	case schemas.TypeBoolean:
		switch strings.ToLower(strings.TrimSpace(text)) {
		case "true", "是":
			return append(dst, "true"...)
		case "false", "否":
			return append(dst, "false"...)
		}
	case schemas.TypeDate, schemas.TypeTimestamp:
		return appendString(dst, isoDate(strings.TrimSpace(text)))
	}
	return appendString(dst, text)
}

// dateText writes a workbook's date the way its property reads it: a day for a
// date, a month or a year where that is what the property's pattern wants.
func dateText(p *schemas.Property, text string) string {
	at, err := time.Parse(cellInstant, text)
	if err != nil {
		return text
	}
	midnight := strings.HasSuffix(text, " 00:00:00")
	switch p.Type {
	case schemas.TypeDate:
		if midnight {
			return at.Format(cellDay)
		}
	case schemas.TypeString:
		if p.Pattern != nil && midnight && at.Day() == 1 {
			if month := at.Format("2006-01"); p.Pattern.MatchString(month) {
				return month
			}
		}
		if midnight {
			return at.Format(cellDay)
		}
	}
	return text
}

// isoDate rewrites the ways in which spreadsheets in Chinese write a day
// (2024/1/5, 2024-1-5, 2024.1.5, 2024年1月5日, with or without a time after a space).
// Anything else is left as it is, for the hub to name.
func isoDate(text string) string {
	day, clock, timed := strings.Cut(text, " ")
	fields := strings.FieldsFunc(day, func(r rune) bool { return strings.ContainsRune("/-.年月日", r) })
	if len(fields) != 3 || len(fields[0]) != 4 {
		return text
	}
	for i, f := range fields {
		if len(f) > 4 || strings.Trim(f, "0123456789") != "" {
			return text
		}
		if i > 0 && len(f) == 1 {
			fields[i] = "0" + f
		}
	}
	out := strings.Join(fields, "-")
	if !timed {
		return out
	}
	parts := strings.Split(strings.TrimSpace(clock), ":")
	if len(parts) == 2 {
		parts = append(parts, "00")
	}
	if len(parts) != 3 {
		return text
	}
	for i, f := range parts {
		if len(f) == 1 {
			parts[i] = "0" + f
		}
		if len(parts[i]) != 2 || strings.Trim(f, "0123456789") != "" {
			return text
		}
	}
	return out + " " + strings.Join(parts, ":")
}

// narrow writes full-width forms (U+FF01 to U+FF5E) as ASCII.
func narrow(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '！' && r <= '～' {
			return r - '！' + '!'
		}
		return r
	}, s)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// period writes the ways in which a month is written by hand (2025年9月, 2025/9,
// 2025-9) as the hub reads it; anything else is left as it is. A point is no such way:
// 2025.1 may have been October.
func period(p *schemas.Property, text string) string {
	if p.Period == "" {
		return text
	}
	year, month, ok := strings.Cut(strings.Replace(strings.TrimSuffix(text, "月"), "年", "-", 1), "-")
	if !ok {
		year, month, ok = strings.Cut(text, "/")
	}
	if !ok || len(year) != 4 || digits(year) != 4 || len(month) == 0 || digits(month) != len(month) || len(month) > 2 {
		return text
	}
	return year + "-" + strings.Repeat("0", 2-len(month)) + month
}

// isNumber is RFC 8259's grammar of a number: no leading zeros, no plus sign.
func isNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole := digits(s)
	if whole == 0 || whole > 1 && s[0] == '0' {
		return false
	}
	s = s[whole:]
	if strings.HasPrefix(s, ".") {
		n := digits(s[1:])
		if n == 0 {
			return false
		}
		s = s[1+n:]
	}
	if s != "" && (s[0] == 'e' || s[0] == 'E') {
		if s = s[1:]; s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		n := digits(s)
		return n > 0 && n == len(s)
	}
	return s == ""
}

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

const hexDigits = "0123456789abcdef"

// appendString writes a JSON string; Chinese stays readable, < > & stay as they are.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf || c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// columnName is a sheet's name for a column: A, B … Z, AA.
func columnName(i int) string {
	name := ""
	for i++; i > 0; i = (i - 1) / 26 {
		name = string(rune('A'+(i-1)%26)) + name
	}
	return name
}

// columnNumber is how a text file's column without a heading is named.
func columnNumber(i int) string { return strconv.Itoa(i + 1) }
