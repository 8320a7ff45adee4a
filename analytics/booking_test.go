package analytics

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/zida-hub/zida/schemas"
)

// bookedRule is one rule of the model: shares in 10⁻⁸.
type bookedRule struct {
	from      string
	shares    map[string]int64
	remainder string
}

// book is the model: what a figure of so many 分 comes to for each region.
func book(cents *big.Int, rule *bookedRule, home string) map[string]*big.Int {
	if rule == nil {
		return map[string]*big.Int{home: cents}
	}
	parts, left := map[string]*big.Int{}, new(big.Int).Set(cents)
	for region, share := range rule.shares {
		part := new(big.Int).Mul(cents, big.NewInt(share))
		part.Quo(part, big.NewInt(100_000_000)) // towards zero
		parts[region] = part
		left.Sub(left, part)
	}
	if parts[rule.remainder] == nil {
		parts[rule.remainder] = new(big.Int)
	}
	parts[rule.remainder].Add(parts[rule.remainder], left)
	for region := range parts {
		if rule.shares[region] == 0 && region != rule.remainder {
			delete(parts, region) // it has no share in anything
		}
	}
	return parts
}

func yuan(cents *big.Int) string {
	sign, n := "", new(big.Int).Set(cents)
	if n.Sign() < 0 {
		sign, n = "-", n.Neg(n)
	}
	text := fmt.Sprintf("%03s", n.String())
	text = strings.ReplaceAll(text, " ", "0")
	return sign + text[:len(text)-2] + "." + text[len(text)-2:]
}

// A joint park's figures are booked to both sides by the rule that was valid in the
// month; the parts add up to the figure to the cent, a past month keeps its rule, and
// what a rule's revision changed is answered as it was known.
func TestAParksFiguresAreBookedExactlyByTheRuleOfTheirMonth(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	regions := []string{"500111", "512000", "512002", "512021", "512022"}
	newRule := func(from string) bookedRule {
		r := bookedRule{from: from, shares: map[string]int64{}}
		left := int64(100_000_000)
		for _, region := range regions[:4] {
			share := random.Int64N(left + 1)
			if random.IntN(3) == 0 {
				share = 0
			}
			r.shares[region] = share
			left -= share
		}
		r.shares[regions[4]] = left
		var given []string
		for _, region := range regions {
			if r.shares[region] > 0 {
				given = append(given, region)
			}
		}
		sort.Strings(given)
		r.remainder = given[random.IntN(len(given))]
		return r
	}
	for round := range 3 {
		f := newFixture(t, "park_monthly", "economic_split", "industrial_park", "region")
		var months []string
		cents := map[string]*big.Int{}
		var figures []row
		for i := range 30 {
			month := fmt.Sprintf("%d-%02d", 2023+i/12, i%12+1)
			months = append(months, month)
			n := new(big.Int).SetInt64(random.Int64N(9_000_000_000_000_000) - 1_000_000_000_000)
			switch i % 7 {
			case 0:
				n = big.NewInt(random.Int64N(20) - 10)
			case 3:
				n = new(big.Int) // nothing came in, which is known
			}
			cents[month] = n
			figures = append(figures, row{"park_id": "500111-P05", "month": month, "region": "500111", "tax": dec(yuan(n)), "output_value": dec("100.01")})
		}
		f.push("park_monthly", figures...)
		var rules []bookedRule
		pushRule := func(r bookedRule) {
			line := row{"park_id": "500111-P05", "measure": "tax", "valid_from": r.from, "region": "500111", "remainder_region": r.remainder}
			for region, share := range r.shares {
				line["share_"+region] = dec(fmt.Sprintf("%d.%08d", share/100_000_000, share%100_000_000))
			}
			f.push("economic_split", line)
		}
		for _, from := range []string{"2023-04", "2024-01", "2025-02"} {
			rules = append(rules, newRule(from))
			pushRule(rules[len(rules)-1])
		}
		check := func(what, asOf string, rules []bookedRule) {
			t.Helper()
			want := map[string]*big.Int{}
			for _, month := range months {
				var valid *bookedRule
				for i := range rules {
					if rules[i].from <= month {
						valid = &rules[i]
					}
				}
				for region, part := range book(cents[month], valid, "500111") {
					want[month+" "+region] = part
				}
			}
			got := map[string]string{}
			for _, line := range strings.Split(strings.TrimSpace(f.ask(Query{Metrics: []string{"tax_booked"}, Dimensions: []string{"month", "region"}, AsOf: asOf, Limit: 10000}).table()), "\n") {
				if fields := strings.Fields(line); fields[2] != "null" { // output alone
					got[fields[0]+" "+fields[1]] = fields[2]
				}
			}
			if len(got) != len(want) {
				t.Errorf("round %d, %s: %d parts, want %d", round, what, len(got), len(want))
			}
			for key, part := range want {
				if got[key] != yuan(part) {
					t.Errorf("round %d, %s: %s is %s, want %s", round, what, key, got[key], yuan(part))
				}
			}
			total := new(big.Int)
			for _, n := range cents {
				total.Add(total, n)
			}
			if sum := strings.TrimSpace(f.ask(Query{Metrics: []string{"tax_booked"}, AsOf: asOf}).table()); sum != yuan(total) {
				t.Errorf("round %d, %s: the parts add up to %s, the figure is %s", round, what, sum, yuan(total))
			}
		}
		check("as pushed", "", rules)
		known := f.last.In(shanghai).Format(time.RFC3339)
		revised := slices.Clone(rules)
		revised[1] = newRule("2024-01")
		pushRule(revised[1])
		check("after a revision", "", revised)
		check("as it was known before", known, rules)
		// Output has no rule: all of it is the park's own region's.
		if got := strings.TrimSpace(f.ask(Query{Metrics: []string{"output_value_booked"}, Dimensions: []string{"region"}, Order: []Order{{By: "region"}}, Limit: 1}).table()); got != "500111 3000.30" {
			t.Errorf("without a rule: %s", got)
		}
	}
}

// Each booked figure has the class of its own measure and of the shares, not of the
// other measures; what is above the reader's clearance says so.
func TestABookedFigureHasTheClassOfItsOwnMeasure(t *testing.T) {
	f := newFixture(t, "park_monthly", "economic_split", "industrial_park", "region")
	f.push("park_monthly", row{"park_id": "500111-P05", "month": "2025-05", "region": "500111", "output_value": dec("7.00"), "revenue": dec("5.00")})
	answer, err := f.Query(t.Context(), Query{Metrics: []string{"output_value_booked", "revenue_booked"}}, Reader{Clearance: schemas.Internal}, f.position())
	if err != nil {
		t.Fatal(err)
	}
	if got := answer.table(); got != "7.00 null\n" || answer.Columns[0].Masked || !answer.Columns[1].Masked {
		t.Errorf("%s, %+v", got, answer.Columns)
	}
}
