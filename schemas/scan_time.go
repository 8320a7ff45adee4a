package schemas

import (
	"encoding/binary"
	"time"
	_ "time/tzdata" // Asia/Shanghai on machines without a time zone database
)

// shanghai has the rules of Asia/Shanghai; since 1992 it is UTC+8 without exception.
var shanghai = func() *time.Location {
	loc, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		return time.FixedZone("Asia/Shanghai", 8*3600)
	}
	return loc
}()

const (
	dayMillis      = 86400000
	shanghaiMillis = 8 * 3600 * 1000
)

// two reads two digits, -1 when they are not.
func two(s []byte, i int) int {
	a, b := s[i]-'0', s[i+1]-'0'
	if a > 9 || b > 9 {
		return -1
	}
	return int(a)*10 + int(b)
}

// civil reads YYYY-MM-DD at the start of s; ok is false when it is no such text or
// no day of the calendar.
func civil(s []byte) (year, month, day int, ok bool) {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' {
		return 0, 0, 0, false
	}
	century, yy := two(s, 0), two(s, 2)
	month, day = two(s, 5), two(s, 8)
	if century < 0 || yy < 0 || month < 1 || month > 12 || day < 1 {
		return 0, 0, 0, false
	}
	year = century*100 + yy
	return year, month, day, day <= monthDays(year, month)
}

func monthDays(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysSince1970 counts days of the proleptic Gregorian calendar, in eras of 400
// years that begin on 1 March.
func daysSince1970(year, month, day int) int64 {
	y := year
	if month <= 2 {
		y--
	}
	era := y / 400
	if y < 0 {
		era = (y - 399) / 400
	}
	yoe := y - era*400
	shifted := month + 9
	if month > 2 {
		shifted = month - 3
	}
	doy := (153*shifted+2)/5 + day - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return int64(era)*146097 + int64(doe) - 719468
}

// calendar remembers the last date: rows of one file mostly share theirs.
type calendar struct {
	head uint64 // its text, YYYY-MM- and DD
	tail uint16
	days int64
	year int
}

// date reads YYYY-MM-DD at the start of s as days since 1970.
func (c *calendar) date(s []byte) (days int64, year int, ok bool) {
	if len(s) < 10 {
		return 0, 0, false
	}
	head, tail := binary.LittleEndian.Uint64(s), binary.LittleEndian.Uint16(s[8:])
	if head == c.head && tail == c.tail {
		return c.days, c.year, true
	}
	year, month, day, ok := civil(s)
	if !ok {
		return 0, 0, false
	}
	*c = calendar{head: head, tail: tail, days: daysSince1970(year, month, day), year: year}
	return c.days, year, true
}

func parseDate(s []byte) (days int64, code string) { return new(calendar).parseDate(s) }

func parseTime(s []byte) (millis int64, code string) { return new(calendar).parseTime(s) }

// parseDate reads YYYY-MM-DD as days since 1970.
func (c *calendar) parseDate(s []byte) (days int64, code string) {
	days, _, ok := c.date(s)
	if !ok || len(s) != 10 {
		return 0, CodeInvalidTime
	}
	return days, ""
}

// parseTime reads an instant as milliseconds since 1970: RFC 3339 with any offset,
// or a bare date, or a date and time without offset ("2006-01-02 15:04:05", T or
// space, fraction allowed), which are Asia/Shanghai. Leap seconds and 24:00 are
// refused; digits below a millisecond that are not 0 are CodePrecision.
func (c *calendar) parseTime(s []byte) (millis int64, code string) {
	days, year, ok := c.date(s)
	if !ok {
		return 0, CodeInvalidTime
	}
	if len(s) == 10 {
		return localTime(days, 0, year), ""
	}
	if len(s) < 19 || s[10] != 'T' && s[10] != ' ' && s[10] != 't' || s[13] != ':' || s[16] != ':' {
		return 0, CodeInvalidTime
	}
	hour, minute, second := two(s, 11), two(s, 14), two(s, 17)
	if hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 {
		return 0, CodeInvalidTime
	}
	clock := int64(hour*3600+minute*60+second) * 1000
	rest := s[19:]
	if len(rest) > 0 && rest[0] == '.' {
		ms, n := fraction(rest[1:])
		if n == 0 {
			return 0, CodeInvalidTime
		}
		if ms < 0 {
			code = CodePrecision
		}
		clock += max(ms, 0)
		rest = rest[1+n:]
	}
	if len(rest) == 0 {
		return localTime(days, clock, year), code
	}
	if len(rest) == 1 && rest[0]|0x20 == 'z' {
		return days*dayMillis + clock, code
	}
	if len(rest) != 6 || rest[3] != ':' || rest[0] != '+' && rest[0] != '-' {
		return 0, CodeInvalidTime
	}
	hours, minutes := two(rest, 1), two(rest, 4)
	if hours < 0 || hours > 23 || minutes < 0 || minutes > 59 {
		return 0, CodeInvalidTime
	}
	offset := int64(hours*60+minutes) * 60000
	if rest[0] == '-' {
		offset = -offset
	}
	return days*dayMillis + clock - offset, code
}

// fraction reads n digits as milliseconds; -1 when digits below are not 0.
func fraction(s []byte) (millis int64, n int) {
	for n < len(s) && s[n]-'0' <= 9 {
		switch {
		case n < 3:
			millis = millis*10 + int64(s[n]-'0')
		case s[n] != '0':
			millis = -1
		}
		n++
	}
	for i := n; i < 3; i++ {
		millis *= 10
	}
	return millis, n
}

// localTime is an instant of Asia/Shanghai's clock. Summer time was kept from 1986
// to 1991, and in some years before 1950; the zone database knows them.
func localTime(days, clock int64, year int) int64 {
	if year >= 1992 {
		return days*dayMillis + clock - shanghaiMillis
	}
	t := time.UnixMilli(days*dayMillis + clock).UTC()
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), shanghai).UnixMilli()
}

// dateMillis is 00:00 of a day in Asia/Shanghai.
func dateMillis(days int64) int64 {
	const days1992 = 8035
	if days >= days1992 {
		return days*dayMillis - shanghaiMillis
	}
	return localTime(days, 0, 0)
}
