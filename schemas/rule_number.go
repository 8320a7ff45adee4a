package schemas

import (
	"math"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// unit keeps instants and numbers apart in rules.
type unit uint8

const (
	plainNumber unit = iota
	instant          // milliseconds since 1970
)

// exact is an expression of whole numbers, decimals or instants: an integer ÷ 10^scale.
type exact struct {
	unit  unit
	scale int
	value func(*Batch) (wide, answer) // the answer is yes where there is a value
}

// int64Column is a field whose slot holds all of its value in num, nil otherwise.
func (c *typedRules) int64Column(e ast.Expr) *field {
	if f := c.column(e); f != nil && (f.kind == kindInt || f.kind == kindDecimal || f.kind == kindTime || f.kind == kindDate) {
		return f
	}
	return nil
}

// compareColumns is the common case: two columns of one kind and scale, or a column and a
// constant, in 64 bits.
func (c *typedRules) compareColumns(holds [3]answer, left, right ast.Expr) check {
	l, r := c.int64Column(left), c.int64Column(right)
	if l != nil && r != nil {
		if l.kind != r.kind && (l.kind == kindTime || l.kind == kindDate || r.kind == kindTime || r.kind == kindDate) || l.scale != r.scale {
			return nil
		}
		x, y := l.at, r.at
		return func(b *Batch) answer {
			if !b.has.has(x) || !b.has.has(y) {
				return unknown
			}
			return holds[order(b.slots[x].num, b.slots[y].num)]
		}
	}
	if l == nil {
		if r == nil {
			return nil
		}
		l, right = r, left
		holds[0], holds[2] = holds[2], holds[0]
	}
	if l.kind == kindDate {
		return nil
	}
	constant := c.constant(right)
	if constant == nil || (l.kind == kindTime) != (constant.unit == instant) || constant.scale > l.scale {
		return nil
	}
	w, _ := constant.value(nil)
	w, ok := w.mul(pow10(l.scale - constant.scale))
	if !ok || !w.fitsInt64() {
		return nil
	}
	at, limit := l.at, int64(w.lo)
	return func(b *Batch) answer {
		if !b.has.has(at) {
			return unknown
		}
		return holds[order(b.slots[at].num, limit)]
	}
}

// order is 0, 1 or 2 for less, equal, greater.
func order(a, b int64) int {
	switch {
	case a < b:
		return 0
	case a > b:
		return 2
	}
	return 1
}

// constant compiles a number, or timestamp("…").
func (c *typedRules) constant(e ast.Expr) *exact {
	fixed := func(u unit, w wide, scale int) *exact {
		return &exact{unit: u, scale: scale, value: func(*Batch) (wide, answer) { return w, yes }}
	}
	switch e.Kind() {
	case ast.LiteralKind:
		switch v := e.AsLiteral().(type) {
		case types.Int:
			return fixed(plainNumber, wideOf(int64(v)), 0)
		case types.Uint:
			return fixed(plainNumber, wide{lo: uint64(v)}, 0)
		case types.Double:
			// The shortest text that means this double is what the rule's author wrote.
			text := strconv.FormatFloat(float64(v), 'f', -1, 64)
			_, digits, _ := strings.Cut(text, ".")
			if w, verdict := scaleNumber([]byte(text), len(digits)); verdict == numberExact {
				return fixed(plainNumber, w, len(digits))
			}
		}
	case ast.CallKind:
		call := e.AsCall()
		if call.FunctionName() == "timestamp" && len(call.Args()) == 1 && call.Args()[0].Kind() == ast.LiteralKind {
			if text, ok := call.Args()[0].AsLiteral().(types.String); ok {
				if ms, code := parseTime([]byte(text)); code == "" {
					return fixed(instant, wideOf(ms), 0)
				}
			}
		}
	}
	return nil
}

// number compiles an exact expression.
func (c *typedRules) number(e ast.Expr) *exact {
	if f := c.column(e); f != nil {
		return f.exact()
	}
	if constant := c.constant(e); constant != nil {
		return constant
	}
	if e.Kind() != ast.CallKind {
		return nil
	}
	call := e.AsCall()
	args := call.Args()
	switch call.FunctionName() {
	case operators.Negate:
		if inner := c.number(args[0]); inner != nil && inner.unit == plainNumber {
			return &exact{scale: inner.scale, value: func(b *Batch) (wide, answer) {
				w, a := inner.value(b)
				return w.neg(), a
			}}
		}
	case operators.Add, operators.Subtract:
		l, r := c.number(args[0]), c.number(args[1])
		if l == nil || r == nil || l.unit != plainNumber || r.unit != plainNumber {
			return nil
		}
		return sum(l, r, call.FunctionName() == operators.Subtract)
	case operators.Multiply:
		l, r := c.number(args[0]), c.number(args[1])
		if l == nil || r == nil || l.unit != plainNumber || r.unit != plainNumber {
			return nil
		}
		return &exact{scale: l.scale + r.scale, value: func(b *Batch) (wide, answer) {
			x, a := l.value(b)
			y, z := r.value(b)
			if a != yes || z != yes {
				return wide{}, max(a, z)
			}
			w, ok := x.mul(y)
			if !ok {
				return wide{}, fault
			}
			return w, yes
		}}
	}
	return nil
}

// exact reads a column; nil for kinds that are no exact numbers.
func (f *field) exact() *exact {
	at := f.at
	number := func(u unit, value func(s *slot) wide) *exact {
		return &exact{unit: u, scale: f.scale, value: func(b *Batch) (wide, answer) {
			if !b.has.has(at) {
				return wide{}, unknown
			}
			return value(&b.slots[at]), yes
		}}
	}
	switch f.kind {
	case kindInt, kindDecimal:
		return number(plainNumber, func(s *slot) wide { return wideOf(s.num) })
	case kindWide:
		return number(plainNumber, (*slot).wide)
	case kindTime:
		return number(instant, func(s *slot) wide { return wideOf(s.num) })
	case kindDate:
		return number(instant, func(s *slot) wide { return wideOf(dateMillis(s.num)) })
	}
	return nil
}

// sum is l ± r at the larger of their scales.
func sum(l, r *exact, minus bool) *exact {
	scale := max(l.scale, r.scale)
	up, ur := scale-l.scale, scale-r.scale
	if up > maxWidePrecision || ur > maxWidePrecision {
		return nil
	}
	lift, lower := pow10(up), pow10(ur)
	return &exact{scale: scale, value: func(b *Batch) (wide, answer) {
		x, a := l.value(b)
		y, z := r.value(b)
		if a != yes || z != yes {
			return wide{}, max(a, z)
		}
		x, fits := x.mul(lift)
		y, both := y.mul(lower)
		if minus {
			y = y.neg()
		}
		w := x.add(y)
		// Equal signs that give another one have run over.
		if !fits || !both || x.hi < 0 == (y.hi < 0) && w.hi < 0 != (x.hi < 0) {
			return wide{}, fault
		}
		return w, yes
	}}
}

func compareNumbers(holds [3]answer, l, r *exact) check {
	if l.unit != r.unit || max(l.scale, r.scale)-min(l.scale, r.scale) > maxWidePrecision {
		return nil
	}
	lift, lower := pow10(max(0, r.scale-l.scale)), pow10(max(0, l.scale-r.scale))
	return func(b *Batch) answer {
		x, a := l.value(b)
		y, z := r.value(b)
		if a != yes || z != yes {
			return max(a, z)
		}
		// Only one side is lifted. If it no longer fits, it is the larger in size.
		lifted, ok := x.mul(lift)
		if !ok {
			return holds[sideOf(x)]
		}
		lowered, ok := y.mul(lower)
		if !ok {
			return holds[2-sideOf(y)]
		}
		return holds[lifted.cmp(lowered)+1]
	}
}

// sideOf is 0 for a negative and 2 for a positive number.
func sideOf(w wide) int {
	if w.hi < 0 {
		return 0
	}
	return 2
}

// isFloat tells columns of floats, which may be compared with whole numbers only.
func (c *typedRules) isFloat(e ast.Expr) bool {
	f := c.column(e)
	return f != nil && f.kind == kindFloat
}

// float compiles a float column, an integer column or a constant, as CEL compares them.
func (c *typedRules) float(e ast.Expr) func(*Batch) (float64, answer) {
	if f := c.column(e); f != nil {
		at := f.at
		switch f.kind {
		case kindFloat:
			return func(b *Batch) (float64, answer) {
				return b.slots[at].float(), presence(b.has.has(at))
			}
		case kindInt:
			return func(b *Batch) (float64, answer) {
				return float64(b.slots[at].num), presence(b.has.has(at))
			}
		}
		return nil
	}
	if e.Kind() != ast.LiteralKind {
		return nil
	}
	v := math.NaN()
	switch literal := e.AsLiteral().(type) {
	case types.Double:
		v = float64(literal)
	case types.Int:
		v = float64(literal)
	}
	if math.IsNaN(v) {
		return nil
	}
	return func(*Batch) (float64, answer) { return v, yes }
}

func presence(there bool) answer {
	if there {
		return yes
	}
	return unknown
}
