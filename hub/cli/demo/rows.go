package demo

import (
	"fmt"
	"strconv"
	"time"
)

// rows is a body of NDJSON in the making.
type rows struct{ b []byte }

// fixed is an exact decimal: n in units of the last of scale digits.
type fixed struct {
	n     int64
	scale int
}

// fen are 元 counted in 分.
func fen(n int64) fixed { return fixed{n, 2} }

func (f fixed) String() string {
	sign, n := "", f.n
	if n < 0 {
		sign, n = "-", -n
	}
	unit := int64(1)
	for range f.scale {
		unit *= 10
	}
	if f.scale == 0 {
		return sign + strconv.FormatInt(n, 10)
	}
	return fmt.Sprintf("%s%d.%0*d", sign, n/unit, f.scale, n%unit)
}

// day is a date without its time.
type day time.Time

// add writes a record of names and values by turns. An empty text or a nil is left
// out, as an agency leaves a cell empty.
func (r *rows) add(pairs ...any) {
	open := byte('{')
	for i := 0; i+1 < len(pairs); i += 2 {
		switch pairs[i+1] {
		case nil, "":
			continue
		}
		r.b = append(r.b, open, '"')
		r.b = append(append(r.b, pairs[i].(string)...), '"', ':')
		open = ','
		switch v := pairs[i+1].(type) {
		case string:
			r.b = strconv.AppendQuote(r.b, v) // no control characters in it, so it is JSON too
		case int:
			r.b = strconv.AppendInt(r.b, int64(v), 10)
		case fixed:
			r.b = append(append(append(r.b, '"'), v.String()...), '"')
		case day:
			r.b = append(time.Time(v).AppendFormat(append(r.b, '"'), time.DateOnly), '"')
		case time.Time:
			r.b = append(v.AppendFormat(append(r.b, '"'), time.RFC3339), '"')
		default:
			panic(fmt.Sprintf("demo: %T is not a value of a record", v))
		}
	}
	r.b = append(r.b, '}', '\n')
}
