package schemas

import (
	"regexp/syntax"
	"unicode/utf8"
)

// shape is an anchored pattern without loops, as alternatives of fixed length: each a
// sequence of ASCII character classes. Codes, months and periods are of that kind,
// and checking them this way is far cheaper than running a regular expression.
type shape struct {
	alternatives [][]class
}

// class is a set of ASCII characters.
type class [2]uint64

func (c *class) has(b byte) bool { return b < utf8.RuneSelf && c[b>>6]>>(b&63)&1 != 0 }

// Limits beyond which a pattern stays a regular expression.
const (
	maxAlternatives = 32
	maxShapeLength  = 64
)

func (s *shape) matches(text []byte) bool {
next:
	for _, classes := range s.alternatives {
		if len(classes) != len(text) {
			continue
		}
		for i, b := range text {
			if !classes[i].has(b) {
				continue next
			}
		}
		return true
	}
	return false
}

// compileShape returns nil when pattern is not of that kind.
func compileShape(pattern string) *shape {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil
	}
	re = re.Simplify()
	if re.Op != syntax.OpConcat || len(re.Sub) < 2 || re.Sub[0].Op != syntax.OpBeginText || re.Sub[len(re.Sub)-1].Op != syntax.OpEndText {
		return nil
	}
	alternatives, ok := expandAll(re.Sub[1 : len(re.Sub)-1])
	if !ok {
		return nil
	}
	return &shape{alternatives: alternatives}
}

// expandAll expands a sequence of expressions into all its fixed alternatives.
func expandAll(parts []*syntax.Regexp) ([][]class, bool) {
	out := [][]class{nil}
	for _, part := range parts {
		tails, ok := expand(part)
		if !ok || len(out)*len(tails) > maxAlternatives {
			return nil, false
		}
		var next [][]class
		for _, head := range out {
			for _, tail := range tails {
				both := append(append([]class(nil), head...), tail...)
				if len(both) > maxShapeLength {
					return nil, false
				}
				next = append(next, both)
			}
		}
		out = next
	}
	return out, true
}

func expand(re *syntax.Regexp) ([][]class, bool) {
	switch re.Op {
	case syntax.OpEmptyMatch:
		return [][]class{nil}, true
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase != 0 {
			return nil, false
		}
		classes := make([]class, len(re.Rune))
		for i, r := range re.Rune {
			if r >= utf8.RuneSelf {
				return nil, false
			}
			classes[i][r>>6] |= 1 << (r & 63)
		}
		return [][]class{classes}, true
	case syntax.OpCharClass:
		var c class
		for i := 0; i < len(re.Rune); i += 2 {
			if re.Rune[i+1] >= utf8.RuneSelf {
				return nil, false
			}
			for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
				c[r>>6] |= 1 << (r & 63)
			}
		}
		return [][]class{{c}}, true
	case syntax.OpConcat:
		return expandAll(re.Sub)
	case syntax.OpCapture:
		return expand(re.Sub[0])
	case syntax.OpQuest:
		some, ok := expand(re.Sub[0])
		return append(some, nil), ok
	case syntax.OpAlternate:
		var out [][]class
		for _, sub := range re.Sub {
			some, ok := expand(sub)
			if !ok || len(out)+len(some) > maxAlternatives {
				return nil, false
			}
			out = append(out, some...)
		}
		return out, true
	}
	return nil, false
}
