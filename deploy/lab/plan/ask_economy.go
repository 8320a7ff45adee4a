package main

import (
	"fmt"
	"math/big"
	"strings"
)

// scale is the last size of each county's belt within a time.
func scale(k *books, from, to string, f func(region, product string, size *big.Rat)) {
	type belt struct{ region, product string }
	period, size := map[belt]string{}, map[belt]*big.Rat{}
	k.each("agri_belt", "", "", "", func(r record) {
		key := belt{r.region(), r.text("product")}
		begins, _ := span(r.text("period"))
		if at := begins.Format("2006-01-02"); at < from || at >= to || !later(r.text("period"), period[key]) {
			return
		}
		period[key], size[key] = r.text("period"), r.number("quantity")
	})
	for key, v := range size {
		f(key.region, key.product, v)
	}
}

// city is a region's group: a city's figure holds its counties', which do not count
// again where both are there.
func city(of map[string]*big.Rat) map[string]*big.Rat {
	out := map[string]*big.Rat{}
	for region, v := range of {
		if whole := region[:4] + "00"; region == whole || of[whole] == nil {
			out[sideOf(region)] = sum(out[sideOf(region)], v)
		}
	}
	return out
}

// since is a region's imports and exports of a year up to its last month: the customs'
// sum, or the months' when none is missing.
func since(k *books, region, year string) *big.Rat {
	last, ytd, months := "", (*big.Rat)(nil), (*big.Rat)(nil)
	n := 0
	k.each("trade_monthly", "month", year+"-01", year+"-13", func(r record) {
		if r.region() != region {
			return
		}
		n++
		months = sum(months, sum(r.number("imports"), r.number("exports")))
		if r.text("month") > last {
			last, ytd = r.text("month"), r.number("total_ytd")
		}
	})
	if ytd != nil || last == "" {
		return ytd
	}
	if fmt.Sprintf("%02d", n) != last[5:] {
		return nil
	}
	return months
}

// stocks are the last figures of each region up to a quarter.
func stocks(k *books, field, from, to string) map[string]*big.Rat {
	at, out := map[string]string{}, map[string]*big.Rat{}
	k.each("innovation_quarterly", "quarter", from, to, func(r record) {
		if region := r.region(); r.text(field) != "" && r.text("quarter") > at[region] {
			at[region], out[region] = r.text("quarter"), r.number(field)
		}
	})
	return out
}

func quarterDay(quarter string) string {
	from, _ := span(quarter)
	return from.Format("2006-01-02")
}

func economy() []question {
	goals := map[string]*big.Rat{"black_goat": whole(200), "lemon": whole(100), "rice_plus": whole(20), "rape_shoot": whole(10)}
	return []question{{
		clauses: []string{"33"}, dataset: "agri_belt", asks: "黑山羊对 200 万只、柠檬对 100 万亩、“稻+”对 20 万亩、硒锶油菜苔对 10 万亩",
		command: "agri_scale agri_target agri_progress --by product",
		want: func(k *books, t *table) {
			done := map[string]*big.Rat{}
			scale(k, "", "9999", func(region, product string, size *big.Rat) {
				t.add(0, size, product)
				t.set(1, goals[product], product)
				if product == "black_goat" || product == "lemon" || region == "500111" {
					done[product] = sum(done[product], size)
				}
				t.set(2, quotient(done[product], goals[product]), product)
			})
		},
	}, {
		clauses: []string{"33"}, dataset: "agri_belt", asks: "黑山羊产业带分区县，逐年",
		command: "agri_scale --by region --filter product=black_goat --grain year",
		want: func(k *books, t *table) {
			for _, year := range []string{"2024", "2025", "2026"} {
				scale(k, year+"-01-01", year+"-99", func(region, product string, size *big.Rat) {
					if product == "black_goat" {
						t.set(0, size, year+"-01-01", region)
					}
				})
			}
		},
	}, {
		clauses: []string{"（七）", "28", "29"}, dataset: "trade_monthly", asks: "大足年初累计对 150 亿元，逐年",
		command: "trade_cumulative trade_progress --filter region=500111 --grain year",
		want: func(k *books, t *table) {
			for _, year := range []string{"2024", "2025", "2026"} {
				v := since(k, "500111", year)
				t.set(0, v, year+"-01-01")
				t.set(1, quotient(v, whole(1_500_000)), year+"-01-01")
			}
		},
	}, {
		clauses: []string{"29"}, dataset: "trade_monthly", asks: "两方逐月进出口（市级数含区县数，只计一次；一至二月合并）",
		command: "trade_total trade_imports trade_exports --by side --grain month --from 2026-01-01 --to 2026-11-01",
		want: func(k *books, t *table) {
			for month := 1; month <= 10; month++ {
				at := fmt.Sprintf("2026-%02d", month)
				for i, fields := range [][]string{{"imports", "exports"}, {"imports"}, {"exports"}} {
					of := map[string]*big.Rat{}
					k.each("trade_monthly", "month", at, at+"!", func(r record) {
						for _, field := range fields {
							of[r.region()] = sum(of[r.region()], r.number(field))
						}
					})
					for side, v := range city(of) {
						t.set(i, v, at+"-01", side)
					}
				}
			}
		},
	}, {
		clauses: []string{"29"}, dataset: "trade_monthly", asks: "两方年初累计",
		command: "trade_cumulative --by side --grain year",
		want: func(k *books, t *table) {
			for _, year := range []string{"2024", "2025", "2026"} {
				of := map[string]*big.Rat{}
				for _, region := range []string{"500111", "512000", "512021"} {
					of[region] = since(k, region, year)
				}
				for side, v := range city(of) {
					t.set(0, v, year+"-01-01", side)
				}
			}
		},
	}, {
		clauses: []string{"（五）", "15", "16", "17"}, dataset: "innovation_quarterly", asks: "科技型企业对 1700 家、高新技术企业对 400 家",
		command: "tech_companies tech_companies_progress high_tech_companies high_tech_companies_progress --by region",
		want: func(k *books, t *table) {
			for i, field := range []string{"tech_companies", "high_tech_companies"} {
				for region, n := range stocks(k, field, "", "") {
					t.set(2*i, n, region)
					if region == "500111" {
						t.set(2*i+1, quotient(n, []*big.Rat{whole(1700), whole(400)}[i]), region)
					}
				}
			}
		},
	}, {
		clauses: []string{"15", "18"}, dataset: "innovation_quarterly", asks: "两方逐季：企业、平台、专利、技术合同（市级数优先，缺市级数的一季用区县数）",
		command: "tech_companies high_tech_companies innovation_platforms invention_patents tech_contracts tech_contract_value --by side --grain quarter --from 2025-01-01 --to 2026-10-01",
		want: func(k *books, t *table) {
			fields := strings.Fields("tech_companies high_tech_companies innovation_platforms invention_patents tech_contracts tech_contract_value")
			for _, quarter := range strings.Fields("2025-Q1 2025-Q2 2025-Q3 2025-Q4 2026-Q1 2026-Q2 2026-Q3") {
				for i, field := range fields {
					for side, n := range city(stocks(k, field, quarter, quarter+"!")) {
						t.set(i, n, quarterDay(quarter), side)
					}
				}
			}
		},
	}}
}
