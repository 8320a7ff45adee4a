package schemas

import (
	"math/big"
	"math/rand/v2"
	"testing"
	"time"
)

func (a wide) big() *big.Int {
	v := new(big.Int).Lsh(big.NewInt(a.hi), 64)
	return v.Add(v, new(big.Int).SetUint64(a.lo))
}

func TestWideArithmeticIsExact(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	limit := new(big.Int).Lsh(big.NewInt(1), 127)
	draw := func() wide {
		w := wide{hi: int64(random.Uint64()), lo: random.Uint64()}
		switch random.IntN(3) {
		case 0:
			return wideOf(w.hi >> random.IntN(63))
		case 1:
			w.hi >>= random.IntN(63)
		}
		return w
	}
	for range 20_000 {
		a, b := draw(), draw()
		product, ok := a.mul(b)
		want := new(big.Int).Mul(a.big(), b.big())
		if fits := want.CmpAbs(limit) < 0; ok != fits || ok && product.big().Cmp(want) != 0 {
			t.Fatalf("%v × %v is %v %v, want %v", a.big(), b.big(), product.big(), ok, want)
		}
		if a.cmp(b) != a.big().Cmp(b.big()) {
			t.Fatalf("%v ? %v", a.big(), b.big())
		}
		if sum := new(big.Int).Add(a.big(), b.big()); sum.CmpAbs(limit) < 0 && a.add(b).big().Cmp(sum) != 0 {
			t.Fatalf("%v + %v is %v", a.big(), b.big(), a.add(b).big())
		}
		scale := random.IntN(39)
		text := a.appendDecimal(nil, scale)
		if r, ok := new(big.Rat).SetString(string(text)); !ok || r.Cmp(new(big.Rat).SetFrac(a.big(), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil))) != 0 {
			t.Fatalf("%v at scale %d is %s", a.big(), scale, text)
		}
	}
}

func TestEveryDayFrom1900To2299HasItsNumber(t *testing.T) {
	day := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	var c calendar
	for n := int64(minDate); n <= maxDate; n++ {
		text := []byte(day.Format("2006-01-02"))
		if days, code := c.parseDate(text); days != n || code != "" {
			t.Fatalf("%s is day %d %s, want %d", text, days, code, n)
		}
		if local := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, shanghai).UnixMilli(); dateMillis(n) != local {
			t.Fatalf("%s begins at %d in Shanghai, want %d", text, dateMillis(n), local)
		}
		day = day.AddDate(0, 0, 1)
	}
	if day.Year() != 2300 {
		t.Errorf("the last day is %s", day)
	}
}

// What the fixed-class form of a pattern takes is what the regular expression takes.
func TestShapesAgreeWithTheirPatterns(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for pattern, simple := range map[string]bool{
		`^[0-9]{6}$`: true, `^[0-9]{6}-S[0-9]{2,3}$`: true, `^[0-9]{4}(-Q[1-4]|-(0[1-9]|1[0-2]))?$`: true, `^\d{4}-\d{2}$`: true, `^(ab|a)$`: true,
		`^[a-z]+$`: false, `[0-9]{6}`: false, `^\p{Han}$`: false, `(?i)^ab$`: false,
	} {
		s := compileShape(pattern)
		if (s != nil) != simple {
			t.Errorf("%s is simple: %v", pattern, s != nil)
			continue
		}
		f := field{kind: kindString, prop: &Property{Pattern: mustPattern(pattern)}}
		if err := f.compileString(); err != nil {
			t.Fatal(err)
		}
		const alphabet = "0123456789-SQ1ab"
		for range 5000 {
			text := make([]byte, random.IntN(12))
			for i := range text {
				text[i] = alphabet[random.IntN(len(alphabet))]
			}
			if got, want := f.textVerdict(text) == "", f.prop.Pattern.Match(text); got != want {
				t.Fatalf("%s on %q: %v, want %v", pattern, text, got, want)
			}
		}
	}
}
