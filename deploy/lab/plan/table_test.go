package main

import (
	"math/big"
	"testing"
)

func rat(text string) *big.Rat {
	v, _ := new(big.Rat).SetString(text)
	return v
}

func TestNumbersAreRoundedAndCutAsTheStandardHasIt(t *testing.T) {
	for _, c := range []struct{ value, rounded, cut string }{
		{"0.8557225", "0.855722", "0.855722"}, // the middle goes to the even one
		{"0.8557235", "0.855724", "0.855723"},
		{"0.85572251", "0.855723", "0.855722"},
		{"-0.8557235", "-0.855724", "-0.855723"},
		{"2", "2", "2"},
	} {
		if got := rounded(rat(c.value), 6); got.Cmp(rat(c.rounded)) != 0 {
			t.Errorf("%s is rounded to %s, not to %s", c.value, got.FloatString(7), c.rounded)
		}
		if got := cut(rat(c.value), 6); got.Cmp(rat(c.cut)) != 0 {
			t.Errorf("%s is cut to %s, not to %s", c.value, got.FloatString(7), c.cut)
		}
	}
}

func TestOnlyTheSameNumberIsTheSame(t *testing.T) {
	for _, c := range []struct {
		kind string
		got  any
		want *big.Rat
		same bool
	}{
		{"decimal", "1300.0000", rat("1300"), true},
		{"decimal", "1300.0001", rat("1300"), false},
		{"decimal", nil, rat("0"), false},
		{"integer", "0", nil, false},
		{"integer", nil, nil, true},
		{"number", "0.3333333333333333", rat("1/3"), true},
		{"number", "0.333333333333333", rat("1/3"), false}, // one digit short
		{"number", "nonsense", rat("1/3"), false},
	} {
		if got := same(c.kind, c.got, c.want); got != c.same {
			t.Errorf("%s %v and %v: %v", c.kind, c.got, c.want, got)
		}
	}
}

func TestTheLongerOfPeriodsThatEndTogetherIsTheLater(t *testing.T) {
	for _, c := range []struct {
		period, than string
		later        bool
	}{
		{"2025", "", true}, {"2025", "2025-Q4", true}, {"2025-Q4", "2025", false}, {"2025-12", "2025-H2", false},
		{"2026-Q1", "2025", true}, {"2025-H1", "2025-Q3", false}, {"2025-09", "2025-H1", true},
	} {
		if got := later(c.period, c.than); got != c.later {
			t.Errorf("%s after %s: %v", c.period, c.than, got)
		}
	}
}

func TestEveryDatasetIsAskedAndEveryClauseListed(t *testing.T) {
	if err := covers(questions()); err != nil {
		t.Error(err)
	}
}
