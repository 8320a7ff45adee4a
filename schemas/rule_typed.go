package schemas

import (
	"bytes"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// typedRules compiles checked CEL expressions to closures over the row's slots:
// comparisons and exact arithmetic of columns and constants, joined by &&, ||, ! and
// ?:, null tests, in and startsWith. Whole numbers and decimals are computed as 128-bit
// integers at a common scale, so a sum beyond int64 has its true value here, where
// CEL's own int would overflow. A method returns nil for what it does not know.
type typedRules struct {
	plan *Plan
}

// column is the field that e names, nil for anything else.
func (c *typedRules) column(e ast.Expr) *field {
	if e.Kind() != ast.IdentKind {
		return nil
	}
	if at := int(c.plan.names.find([]byte(e.AsIdent()))) - 1; at >= 0 {
		return &c.plan.fields[at]
	}
	return nil
}

func (c *typedRules) boolean(e ast.Expr) check {
	switch e.Kind() {
	case ast.LiteralKind:
		if truth, ok := e.AsLiteral().(types.Bool); ok {
			a := answerOf(bool(truth))
			return func(*Batch) answer { return a }
		}
	case ast.IdentKind:
		if f := c.column(e); f != nil && f.kind == kindBool {
			at := f.at
			return func(b *Batch) answer {
				if !b.has.has(at) {
					return unknown
				}
				return answer(b.slots[at].num)
			}
		}
	case ast.CallKind:
		return c.call(e.AsCall())
	}
	return nil
}

func (c *typedRules) call(e ast.CallExpr) check {
	args := e.Args()
	switch name := e.FunctionName(); name {
	case operators.LogicalAnd, operators.LogicalOr:
		return c.logical(name == operators.LogicalAnd, args)
	case operators.LogicalNot:
		inner := c.boolean(args[0])
		if inner == nil {
			return nil
		}
		return func(b *Batch) answer {
			a := inner(b)
			if a <= yes {
				a ^= 1
			}
			return a
		}
	case operators.Conditional:
		return c.conditional(args)
	case operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		return c.comparison(name, args[0], args[1])
	case operators.In:
		return c.membership(args[0], args[1])
	case "startsWith":
		if e.IsMemberFunction() && len(args) == 1 {
			return c.prefix(e.Target(), args[0])
		}
	}
	return nil
}

// logical is && and ||: one operand that decides hides what the other lacks.
func (c *typedRules) logical(and bool, args []ast.Expr) check {
	if len(args) != 2 {
		return nil
	}
	left, right := c.boolean(args[0]), c.boolean(args[1])
	if left == nil || right == nil {
		return nil
	}
	decides := answerOf(!and)
	return func(b *Batch) answer {
		l := left(b)
		if l == decides {
			return l
		}
		r := right(b)
		if r == decides || l <= yes {
			return r
		}
		return max(l, r) // neither decides: what is unknown, or faulty, stays so
	}
}

func (c *typedRules) conditional(args []ast.Expr) check {
	test, then, otherwise := c.boolean(args[0]), c.boolean(args[1]), c.boolean(args[2])
	if test == nil || then == nil || otherwise == nil {
		return nil
	}
	return func(b *Batch) answer {
		switch a := test(b); a {
		case yes:
			return then(b)
		case no:
			return otherwise(b)
		default:
			return a
		}
	}
}

// comparison compiles null tests and the six comparisons.
func (c *typedRules) comparison(name string, left, right ast.Expr) check {
	if isNull(left) {
		left, right = right, left
	}
	if isNull(right) {
		f := c.column(left)
		if f == nil || name != operators.Equals && name != operators.NotEquals {
			return nil
		}
		at, present := f.at, name == operators.NotEquals
		return func(b *Batch) answer { return answerOf(b.has.has(at) == present) }
	}
	holds := verdicts(name)
	if l, r := c.text(left), c.text(right); l != nil && r != nil {
		return func(b *Batch) answer {
			x, ok := l(b)
			y, both := r(b)
			if !ok || !both {
				return unknown
			}
			return holds[bytes.Compare(x, y)+1]
		}
	}
	if check := c.compareColumns(holds, left, right); check != nil {
		return check
	}
	if l, r := c.number(left), c.number(right); l != nil && r != nil {
		return compareNumbers(holds, l, r)
	}
	if l, r := c.float(left), c.float(right); l != nil && r != nil && (c.isFloat(left) || c.isFloat(right)) {
		return func(b *Batch) answer {
			x, a := l(b)
			y, z := r(b)
			if a != yes || z != yes {
				return max(a, z)
			}
			switch {
			case x < y:
				return holds[0]
			case x > y:
				return holds[2]
			}
			return holds[1]
		}
	}
	if l, r := c.boolean(left), c.boolean(right); l != nil && r != nil && (name == operators.Equals || name == operators.NotEquals) {
		equal := answerOf(name == operators.Equals)
		return func(b *Batch) answer {
			x, y := l(b), r(b)
			switch {
			case x > yes || y > yes:
				return max(x, y)
			case x == y:
				return equal
			}
			return equal ^ 1
		}
	}
	return nil
}

func isNull(e ast.Expr) bool {
	return e.Kind() == ast.LiteralKind && e.AsLiteral() == types.NullValue
}

// verdicts are the answers of a comparison to less, equal and greater.
func verdicts(name string) [3]answer {
	switch name {
	case operators.Equals:
		return [3]answer{no, yes, no}
	case operators.NotEquals:
		return [3]answer{yes, no, yes}
	case operators.Less:
		return [3]answer{yes, no, no}
	case operators.LessEquals:
		return [3]answer{yes, yes, no}
	case operators.Greater:
		return [3]answer{no, no, yes}
	}
	return [3]answer{no, yes, yes}
}

// text compiles a string column or constant; ok is false when it is absent.
func (c *typedRules) text(e ast.Expr) func(*Batch) (text []byte, ok bool) {
	if f := c.column(e); f != nil && (f.kind == kindString || f.kind == kindCode) {
		at := f.at
		return func(b *Batch) ([]byte, bool) { return b.slots[at].str, b.has.has(at) }
	}
	if e.Kind() == ast.LiteralKind {
		if s, ok := e.AsLiteral().(types.String); ok {
			text := []byte(s)
			return func(*Batch) ([]byte, bool) { return text, true }
		}
	}
	return nil
}

func (c *typedRules) prefix(whole, start ast.Expr) check {
	l, r := c.text(whole), c.text(start)
	if l == nil || r == nil {
		return nil
	}
	return func(b *Batch) answer {
		x, ok := l(b)
		y, both := r(b)
		if !ok || !both {
			return unknown
		}
		return answerOf(bytes.HasPrefix(x, y))
	}
}

// membership compiles x in [constants].
func (c *typedRules) membership(e, list ast.Expr) check {
	if list.Kind() != ast.ListKind || c.column(e) == nil {
		return nil
	}
	var any check
	for _, element := range list.AsList().Elements() {
		one := c.comparison(operators.Equals, e, element)
		if one == nil {
			return nil
		}
		if any == nil {
			any = one
			continue
		}
		rest := any
		any = func(b *Batch) answer {
			if a := rest(b); a != no {
				return a
			}
			return one(b)
		}
	}
	return any
}
