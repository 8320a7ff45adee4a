package main

import (
	"maps"
	"math/big"
	"slices"
)

// latest is the last figure that each park gave of a stock.
func latest(k *books, field, from, to string) map[string]*big.Rat {
	at, last := map[string]string{}, map[string]*big.Rat{}
	k.each("park_monthly", "month", from, to, func(r record) {
		if park := r.text("park_id"); r.text(field) != "" && r.text("month") > at[park] {
			at[park], last[park] = r.text("month"), r.number(field)
		}
	})
	return last
}

var divided = []string{"output_value", "revenue", "tax", "industrial_investment"}

// booked divides each month's figure by the rule that was valid in it: whole 分 cut
// towards zero, what is left to the region that the rule names.
func booked(k *books, f func(park, month, measure, region string, amount *big.Rat)) {
	type rule struct {
		from, remainder string
		shares          map[string]*big.Rat
	}
	rules := map[[2]string][]rule{}
	k.each("economic_split", "", "", "", func(r record) {
		shares := map[string]*big.Rat{}
		for _, region := range []string{"500111", "512000", "512002", "512021", "512022"} {
			if v := r.number("share_" + region); v != nil && v.Sign() > 0 {
				shares[region] = v
			}
		}
		key := [2]string{r.text("park_id"), r.text("measure")}
		rules[key] = append(rules[key], rule{r.text("valid_from"), r.text("remainder_region"), shares})
	})
	k.each("park_monthly", "", "", "", func(r record) {
		for _, measure := range divided {
			amount := r.number(measure)
			if amount == nil {
				continue
			}
			park, month := r.text("park_id"), r.text("month")
			var valid *rule
			for i, x := range rules[[2]string{park, measure}] {
				if x.from <= month && (valid == nil || x.from > valid.from) {
					valid = &rules[[2]string{park, measure}][i]
				}
			}
			if valid == nil {
				f(park, month, measure, r.region(), amount)
				continue
			}
			left := amount
			parts := map[string]*big.Rat{}
			for _, region := range slices.Sorted(maps.Keys(valid.shares)) {
				parts[region] = cut(product(amount, valid.shares[region]), 2)
				left = less(left, parts[region])
			}
			parts[valid.remainder] = sum(parts[valid.remainder], left)
			for region, part := range parts {
				if part.Sign() != 0 {
					f(park, month, measure, region, part)
				}
			}
		}
	})
}

func parks() []question {
	const joint = "500111-P05"
	return []question{{
		clauses: []string{"12", "13"}, dataset: "park_monthly", asks: "产值、营业收入、税收、工业投资、能耗，按园区（今年）",
		command: "output_value revenue tax industrial_investment energy_tce --by park_id,park_name --from 2026-01-01 --to 2026-11-01",
		want: func(k *books, t *table) {
			names := k.list("industrial_park", "name")
			k.each("park_monthly", "month", "2026-01", "2026-11", func(r record) {
				for i, field := range []string{"output_value", "revenue", "tax", "industrial_investment", "energy_tce"} {
					t.add(i, r.number(field), r.text("park_id"), names[r.text("park_id")])
				}
			})
		},
	}, {
		clauses: []string{"12"}, dataset: "park_monthly", asks: "从业人员、用地，按行政区划",
		command: "employees area_mu --by region --from 2026-01-01 --to 2026-11-01",
		want: func(k *books, t *table) {
			for i, field := range []string{"employees", "area_mu"} {
				for park, n := range latest(k, field, "2026-01", "2026-11") {
					t.add(i, n, park[:6])
				}
			}
		},
	}, {
		clauses: []string{"12", "29"}, dataset: "park_monthly", asks: "亩均产值（没有报面积的园区用名录中的面积）",
		command: "output_per_mu --by park_id --from 2026-01-01 --to 2026-11-01",
		want: func(k *books, t *table) {
			listed, land := k.limits("industrial_park", "area_mu"), latest(k, "area_mu", "2026-01", "2026-11")
			made := map[string]*big.Rat{}
			k.each("park_monthly", "month", "2026-01", "2026-11", func(r record) {
				made[r.text("park_id")] = sum(made[r.text("park_id")], r.number("output_value"))
			})
			for park, output := range made {
				area := land[park]
				if area == nil {
					area = listed[park]
				}
				t.set(0, cut(quotient(output, area), 4), park)
			}
		},
	}, {
		clauses: []string{"12", "13"}, dataset: "park_monthly", asks: "产值逐年，修订以后",
		command: "output_value tax --grain year",
		want:    func(k *books, t *table) { perYear(k.now, t) },
	}, {
		clauses: []string{"23"}, dataset: "park_monthly", asks: "同一问题在年度核定与撤回以前的答案",
		command: "output_value tax --grain year --as-of $FIRST",
		want:    func(k *books, t *table) { perYear(k.first, t) },
	}, {
		clauses: []string{"27"}, dataset: "economic_split", asks: "共建园区的产值与税收记在谁名下，逐年（比例 2025 年改过，更早的按当时的）",
		command: "output_value_booked tax_booked revenue_booked investment_booked --by region --filter park_id=500111-P05 --grain year",
		want: func(k *books, t *table) {
			column := map[string]int{"output_value": 0, "tax": 1, "revenue": 2, "industrial_investment": 3}
			booked(k, func(park, month, measure, region string, amount *big.Rat) {
				if park == joint {
					t.add(column[measure], amount, month[:4]+"-01-01", region)
				}
			})
		},
	}, {
		clauses: []string{"27"}, dataset: "economic_split", asks: "改比例前后的两个月",
		command: "output_value_booked tax_booked --by region --filter park_id=500111-P05 --grain month --from 2024-12-01 --to 2025-02-01",
		want: func(k *books, t *table) {
			booked(k, func(park, month, measure, region string, amount *big.Rat) {
				switch {
				case park != joint || month != "2024-12" && month != "2025-01":
				case measure == "output_value":
					t.add(0, amount, month+"-01", region)
				case measure == "tax":
					t.add(1, amount, month+"-01", region)
				default: // a row of the hub's, with neither of the two
					t.row(month+"-01", region)
				}
			})
		},
	}, {
		clauses: []string{"27"}, dataset: "economic_split", asks: "各方之和等于总数，分毫不差",
		command: "output_value output_value_booked tax tax_booked --filter park_id=500111-P05 --grain year",
		want: func(k *books, t *table) {
			k.each("park_monthly", "", "", "", func(r record) {
				if r.text("park_id") == joint {
					t.add(0, r.number("output_value"), r.text("month")[:4]+"-01-01")
					t.add(2, r.number("tax"), r.text("month")[:4]+"-01-01")
				}
			})
			booked(k, func(park, month, measure, _ string, amount *big.Rat) {
				switch {
				case park != joint:
				case measure == "output_value":
					t.add(1, amount, month[:4]+"-01-01")
				case measure == "tax":
					t.add(3, amount, month[:4]+"-01-01")
				}
			})
		},
	}, {
		clauses: []string{"27"}, dataset: "economic_split", asks: "两方全部园区的产值与税收，分算以后",
		command: "output_value_booked tax_booked --by side --from 2026-01-01 --to 2026-11-01",
		want: func(k *books, t *table) {
			booked(k, func(_, month, measure, region string, amount *big.Rat) {
				switch {
				case month < "2026-01" || month >= "2026-11":
				case measure == "output_value":
					t.add(0, amount, sideOf(region))
				case measure == "tax":
					t.add(1, amount, sideOf(region))
				}
			})
		},
	}}
}

func perYear(shelf map[string]*book, t *table) {
	eachOf(shelf, "park_monthly", "", "", "", func(r record) {
		t.add(0, r.number("output_value"), r.text("month")[:4]+"-01-01")
		t.add(1, r.number("tax"), r.text("month")[:4]+"-01-01")
	})
}
