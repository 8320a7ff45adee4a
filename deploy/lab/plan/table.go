package main

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
)

// table is an answer worked out here: rows of exact numbers by their dimensions. A
// number that is not known is nil.
type table struct {
	width int
	rows  map[string][]*big.Rat
}

func (t *table) row(dims ...string) []*big.Rat {
	key := strings.Join(dims, "\n")
	if t.rows[key] == nil {
		t.rows[key] = make([]*big.Rat, t.width)
	}
	return t.rows[key]
}

// add adds to a column; adding nil adds nothing, and leaves a sum of nothing unknown.
func (t *table) add(column int, v *big.Rat, dims ...string) {
	row := t.row(dims...)
	switch {
	case v == nil:
	case row[column] == nil:
		row[column] = new(big.Rat).Set(v)
	default:
		row[column].Add(row[column], v)
	}
}

func (t *table) set(column int, v *big.Rat, dims ...string) { t.row(dims...)[column] = v }

// top keeps the largest.
func (t *table) top(column int, v *big.Rat, dims ...string) {
	if row := t.row(dims...); v != nil && (row[column] == nil || v.Cmp(row[column]) > 0) {
		row[column] = v
	}
}

// ratio fills a column with the quotient of two others, in each row.
func (t *table) ratio(column, over, under int) {
	for _, row := range t.rows {
		row[column] = quotient(row[over], row[under])
	}
}

func whole(n int64) *big.Rat { return new(big.Rat).SetInt64(n) }

// one is 1 for true, 0 for false.
func one(is bool) *big.Rat {
	if is {
		return whole(1)
	}
	return whole(0)
}

func sum(a, b *big.Rat) *big.Rat {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return new(big.Rat).Add(a, b)
}

func product(a, b *big.Rat) *big.Rat { return new(big.Rat).Mul(a, b) }
func less(a, b *big.Rat) *big.Rat    { return new(big.Rat).Sub(a, b) }

// quotient is nil where nothing can be divided.
func quotient(a, b *big.Rat) *big.Rat {
	if a == nil || b == nil || b.Sign() == 0 {
		return nil
	}
	return new(big.Rat).Quo(a, b)
}

// cut drops what lies behind some digits.
func cut(v *big.Rat, digits int64) *big.Rat {
	if v == nil {
		return nil
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(digits), nil)
	n := new(big.Int).Mul(v.Num(), unit)
	return new(big.Rat).SetFrac(n.Quo(n, v.Denom()), unit)
}

// rounded is to the nearest of some digits; what lies in the middle goes to the even
// one (GB/T 8170).
func rounded(v *big.Rat, digits int64) *big.Rat {
	if v == nil {
		return nil
	}
	low := cut(v, digits)
	step := new(big.Rat).SetFrac(whole(1).Num(), new(big.Int).Exp(big.NewInt(10), big.NewInt(digits), nil))
	if v.Sign() < 0 {
		step.Neg(step)
	}
	next := new(big.Rat).Add(low, step)
	switch below, above := new(big.Rat).Abs(less(v, low)), new(big.Rat).Abs(less(next, v)); below.Cmp(above) {
	case -1:
		return low
	case 1:
		return next
	}
	if quotient(low, step).Num().Bit(0) == 0 {
		return low
	}
	return next
}

// question is one thing that the plan wants to know.
type question struct {
	clauses []string // of the plan, as it writes them
	dataset string
	asks    string
	command string // what a user types after `zida query`
	want    func(k *books, t *table)
	// belongs says which rows, by their first dimension, are a clause's own; nil: all.
	belongs func(k *books, clause, dim string) bool

	metrics     []string
	answer      *answer
	mine        *table
	differences []string
}

// ask runs the command, works the answer out, and compares both.
func (q *question) ask(ctx context.Context, h *hub, k *books) (err error) {
	for _, word := range strings.Fields(q.command) {
		if strings.HasPrefix(word, "-") {
			break
		}
		q.metrics = append(q.metrics, word)
	}
	if q.answer, err = h.query(ctx, q.command); err != nil {
		return err
	}
	q.mine = &table{width: len(q.answer.Columns) - q.dims(), rows: map[string][]*big.Rat{}}
	q.want(k, q.mine)
	left := map[string]bool{}
	for key := range q.mine.rows {
		left[key] = true
	}
	if len(q.answer.Rows) == 0 {
		q.differences = append(q.differences, "the hub answers no row")
	}
	for _, row := range q.answer.Rows {
		key := q.key(row)
		mine, ok := q.mine.rows[key]
		delete(left, key)
		if !ok {
			q.differences = append(q.differences, fmt.Sprintf("%q: the hub has a row that the records do not give", key))
			continue
		}
		for i, want := range mine {
			column := q.answer.Columns[q.dims()+i]
			if got := row[q.dims()+i]; !same(column.Type, got, want) {
				q.differences = append(q.differences, fmt.Sprintf("%q, %s: the hub answers %v, the records give %s", key, column.Name, got, exact(column.Type, "", want)))
			}
		}
	}
	for key := range left {
		q.differences = append(q.differences, fmt.Sprintf("%q: the records give a row that the hub does not have", key))
	}
	slices.Sort(q.differences)
	return nil
}

// dims is how many columns come before the metrics'.
func (q *question) dims() int {
	return slices.IndexFunc(q.answer.Columns, func(c column) bool { return c.Name == q.metrics[0] })
}

func (q *question) key(row []any) string {
	var dims []string
	for _, v := range row[:q.dims()] {
		dims = append(dims, fmt.Sprint(v))
	}
	return strings.Join(dims, "\n")
}

// same compares exactly; a ratio, which the hub answers as a binary number, must be
// within two of the nearest.
func same(kind string, got any, want *big.Rat) bool {
	if got == nil || want == nil {
		return got == nil && want == nil
	}
	v, ok := new(big.Rat).SetString(fmt.Sprint(got))
	if !ok {
		return false
	}
	if kind != "number" {
		return v.Cmp(want) == 0
	}
	near, _ := want.Float64()
	answer, _ := v.Float64()
	low, high := near, near
	for range 2 {
		low, high = math.Nextafter(low, math.Inf(-1)), math.Nextafter(high, math.Inf(1))
	}
	return answer >= low && answer <= high
}

// exact is a number as the document shows it, with as many digits as the hub's beside
// it, or more where it has more.
func exact(kind, beside string, v *big.Rat) string {
	if v == nil {
		return "—"
	}
	digits := 6
	if kind != "number" {
		_, behind, _ := strings.Cut(beside, ".")
		digits, _ = v.FloatPrec()
		digits = max(digits, len(behind))
	}
	return v.FloatString(digits)
}
