package schemas

import (
	"math"
	"math/bits"
)

// wide is a 128-bit two's complement integer: the unscaled value of a Decimal128.
type wide struct {
	hi int64
	lo uint64
}

func wideOf(v int64) wide { return wide{hi: v >> 63, lo: uint64(v)} }

func (a wide) fitsInt64() bool { return a.hi == int64(a.lo)>>63 }

func (a wide) add(b wide) wide {
	lo, carry := bits.Add64(a.lo, b.lo, 0)
	hi, _ := bits.Add64(uint64(a.hi), uint64(b.hi), carry)
	return wide{hi: int64(hi), lo: lo}
}

func (a wide) neg() wide {
	lo, borrow := bits.Sub64(0, a.lo, 0)
	hi, _ := bits.Sub64(0, uint64(a.hi), borrow)
	return wide{hi: int64(hi), lo: lo}
}

func (a wide) sub(b wide) wide { return a.add(b.neg()) }

func (a wide) cmp(b wide) int {
	switch {
	case a.hi < b.hi:
		return -1
	case a.hi > b.hi:
		return 1
	case a.lo < b.lo:
		return -1
	case a.lo > b.lo:
		return 1
	}
	return 0
}

// mul is a × b; ok is false when it does not fit 127 bits.
func (a wide) mul(b wide) (wide, bool) {
	negative := a.hi < 0 != (b.hi < 0)
	if a.hi < 0 {
		a = a.neg()
	}
	if b.hi < 0 {
		b = b.neg()
	}
	if a.hi != 0 && b.hi != 0 || a.hi < 0 || b.hi < 0 {
		return wide{}, false
	}
	if a.hi != 0 {
		a, b = b, a
	}
	hi, lo := bits.Mul64(a.lo, b.lo)
	over, cross := bits.Mul64(a.lo, uint64(b.hi))
	hi, carry := bits.Add64(hi, cross, 0)
	if over != 0 || carry != 0 || hi>>63 != 0 {
		return wide{}, false
	}
	r := wide{hi: int64(hi), lo: lo}
	if negative {
		r = r.neg()
	}
	return r, true
}

// mulAdd is a × m + d for a ≥ 0 that stays below 10³⁸.
func (a wide) mulAdd(m, d uint64) wide {
	hi, lo := bits.Mul64(a.lo, m)
	hi += uint64(a.hi) * m
	lo, carry := bits.Add64(lo, d, 0)
	return wide{hi: int64(hi + carry), lo: lo}
}

// pow10 is 10ⁿ for n ≤ 38.
func pow10(n int) wide {
	w := wide{lo: 1}
	for range n {
		w = w.mulAdd(10, 0)
	}
	return w
}

var pow10s = [19]int64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18}

// liftable[n] is the largest integer that times 10ⁿ fits 64 bits.
var liftable = func() (l [19]int64) {
	for n := range l {
		l[n] = math.MaxInt64 / pow10s[n]
	}
	return l
}()

// exactPow10 holds the powers of ten that a float64 holds exactly.
var exactPow10 = [23]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// fastNumber reads the common JSON number: a sign, up to 18 digits, at most one
// point, ended by a comma, bracket or space. The value is mantissa ÷ 10^frac. ok is
// false for everything else, valid or not; the slow path then decides.
func fastNumber(s []byte, i int) (mantissa int64, frac, end int, ok bool) {
	negative := false
	if i < len(s) && s[i] == '-' {
		negative = true
		i++
	}
	start := i
	var v uint64
	for i < len(s) {
		d := s[i] - '0'
		if d > 9 {
			break
		}
		v = v*10 + uint64(d)
		i++
	}
	digits := i - start
	if digits == 0 || digits > 1 && s[start] == '0' {
		return 0, 0, 0, false
	}
	if i < len(s) && s[i] == '.' {
		i++
		point := i
		for i < len(s) {
			d := s[i] - '0'
			if d > 9 {
				break
			}
			v = v*10 + uint64(d)
			i++
		}
		frac = i - point
		if frac == 0 {
			return 0, 0, 0, false
		}
		digits += frac
	}
	if digits > 18 {
		return 0, 0, 0, false
	}
	if i < len(s) && !numberEnds[s[i]] {
		return 0, 0, 0, false
	}
	mantissa = int64(v)
	if negative {
		mantissa = -mantissa
	}
	return mantissa, frac, i, true
}

// numberEnds are the bytes that may follow a number in JSON.
var numberEnds = [256]bool{',': true, '}': true, ']': true, ' ': true, '\t': true, '\n': true, '\r': true}

// numberEnd returns the end of the JSON number at i, or -1 when there is none
// (RFC 8259 §6: no leading zeros, no plus sign, digits on both sides of a point).
func numberEnd(s []byte, i int) int {
	digits := func() bool {
		start := i
		for i < len(s) && s[i]-'0' <= 9 {
			i++
		}
		return i > start
	}
	if i < len(s) && s[i] == '-' {
		i++
	}
	first := i
	if !digits() || s[first] == '0' && i > first+1 {
		return -1
	}
	if i < len(s) && s[i] == '.' {
		i++
		if !digits() {
			return -1
		}
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if !digits() {
			return -1
		}
	}
	return i
}

// What scaleNumber found.
const (
	numberExact    = iota
	numberInexact  // digits beyond the scale were cut
	numberOverflow // 39 digits or more
	numberSyntax   // not a JSON number
)

// maxExponent bounds exponents so that sums of them cannot overflow.
const maxExponent = 1 << 20

// scaleNumber reads text as value × 10^scale without a float on the way, cut
// towards zero. Exponents are taken: 1.5e3 is 1500.
func scaleNumber(text []byte, scale int) (wide, int) {
	if numberEnd(text, 0) != len(text) {
		return wide{}, numberSyntax
	}
	negative := text[0] == '-'
	mantissa, exponent := text, 0
	for i, c := range text {
		if c|0x20 == 'e' {
			mantissa, exponent = text[:i], readExponent(text[i+1:])
			break
		}
	}
	// significant counts the digits from the first that is not 0; fraction those after the point.
	significant, fraction, point := 0, 0, false
	for _, c := range mantissa {
		switch c {
		case '-':
		case '.':
			point = true
		default:
			if significant > 0 || c != '0' {
				significant++
			}
			if point {
				fraction++
			}
		}
	}
	if significant == 0 {
		return wide{}, numberExact
	}
	keep := significant + exponent - fraction + scale
	if keep > maxWidePrecision {
		return wide{}, numberOverflow
	}
	w, seen, verdict := wide{}, 0, numberExact
	for _, c := range mantissa {
		if c == '-' || c == '.' || seen == 0 && c == '0' {
			continue
		}
		seen++
		if seen <= keep {
			w = w.mulAdd(10, uint64(c-'0'))
		} else if c != '0' {
			verdict = numberInexact
		}
	}
	for ; seen < keep; seen++ {
		w = w.mulAdd(10, 0)
	}
	if negative {
		w = w.neg()
	}
	return w, verdict
}

func readExponent(text []byte) int {
	negative, e := false, 0
	for _, c := range text {
		switch c {
		case '-':
			negative = true
		case '+':
		default:
			if e < maxExponent {
				e = e*10 + int(c-'0')
			}
		}
	}
	if negative {
		return -e
	}
	return e
}

// appendDecimal writes a ÷ 10^scale as decimal text.
func (a wide) appendDecimal(dst []byte, scale int) []byte {
	if a.hi < 0 {
		dst = append(dst, '-')
		a = a.neg()
	}
	var digits [40]byte
	n := len(digits)
	for a.hi != 0 || a.lo != 0 || len(digits)-n <= scale {
		hi := uint64(a.hi)
		q, r := bits.Div64(hi%10, a.lo, 10)
		a = wide{hi: int64(hi / 10), lo: q}
		n--
		digits[n] = byte('0' + r)
	}
	whole := len(digits) - scale
	dst = append(dst, digits[n:whole]...)
	if scale > 0 {
		dst = append(append(dst, '.'), digits[whole:]...)
	}
	return dst
}
