package main

import "math/big"

// owed is what a record of either ticket dataset makes the issuer owe the redeemer.
func owed(r record) *big.Rat {
	if r.text("count") == "" {
		return r.number("settlement_price")
	}
	return product(r.number("count"), r.number("settlement_price"))
}

// net is the same as Dazu sees it: above 0 when it is owed to it.
func net(r record) *big.Rat {
	switch issuer, redeemer := sideOf(r.text("issuer_region")), sideOf(r.region()); {
	case issuer == redeemer:
		return whole(0)
	case redeemer == "大足":
		return owed(r)
	default:
		return new(big.Rat).Neg(owed(r))
	}
}

func tickets() []question {
	return []question{{
		clauses: []string{"44"}, dataset: "ticket_recognition", asks: "发票地 → 核销地矩阵，日汇总与逐笔并列",
		command: "recognitions redemptions amount_owed redemption_amount_owed --by issuer_region,region --from 2026-10-01 --to 2026-11-01",
		want: func(k *books, t *table) {
			k.each("ticket_recognition", "day", "2026-10-01", "2026-11-01", func(r record) {
				t.add(0, r.number("count"), r.text("issuer_region"), r.region())
				t.add(2, owed(r), r.text("issuer_region"), r.region())
			})
			k.each("ticket_redemption", "redeemed_at", "2026-10-01", "2026-11-01", func(r record) {
				t.add(1, whole(1), r.text("issuer_region"), r.region())
				t.add(3, owed(r), r.text("issuer_region"), r.region())
			})
		},
	}, {
		clauses: []string{"44"}, dataset: "ticket_recognition", asks: "两方之间应付金额，逐年",
		command: "amount_owed --by issuer_side,side --grain year",
		want: func(k *books, t *table) {
			k.each("ticket_recognition", "", "", "", func(r record) {
				t.add(0, owed(r), r.text("day")[:4]+"-01-01", sideOf(r.text("issuer_region")), sideOf(r.region()))
			})
		},
	}, {
		clauses: []string{"44"}, dataset: "ticket_recognition", asks: "每月轧差为一个净额：日汇总加逐笔",
		command: "amount_net redemption_amount_net --grain month --from 2026-01-01 --to 2026-11-01",
		want: func(k *books, t *table) {
			k.each("ticket_recognition", "day", "2026-01-01", "2026-11-01", func(r record) { t.add(0, net(r), r.text("day")[:7]+"-01") })
			k.each("ticket_redemption", "redeemed_at", "2026-01-01", "2026-11-01", func(r record) { t.add(1, net(r), r.text("redeemed_at")[:7]+"-01") })
		},
	}, {
		clauses: []string{"44"}, dataset: "ticket_recognition", asks: "净额的每一笔可列出（一地一天）",
		command: "recognitions amount_owed --by spot_id,issuer_region,ticket_type --grain day --filter region=512021 --from 2026-10-01 --to 2026-10-02",
		want: func(k *books, t *table) {
			k.each("ticket_recognition", "day", "2026-10-01", "2026-10-02", func(r record) {
				if r.region() == "512021" {
					dims := []string{r.text("day"), r.text("spot_id"), r.text("issuer_region"), r.text("ticket_type")}
					t.add(0, r.number("count"), dims...)
					t.add(1, owed(r), dims...)
				}
			})
		},
	}, {
		clauses: []string{"23", "44"}, dataset: "ticket_recognition", asks: "数从哪来：按报送机构",
		command: "recognitions amount_owed --by agency --from 2026-10-01 --to 2026-11-01",
		want: func(k *books, t *table) {
			k.each("ticket_recognition", "day", "2026-10-01", "2026-11-01", func(r record) {
				t.add(0, r.number("count"), r.agency)
				t.add(1, owed(r), r.agency)
			})
		},
	}, {
		clauses: []string{"44"}, dataset: "ticket_redemption", asks: "一票多用：年卡、联票除外",
		command: "duplicated_tickets duplicate_redemptions --by ticket_type --filter ticket_type=adult,student --from 2026-01-01 --to 2026-11-01",
		want: func(k *books, t *table) {
			used := map[[2]string]int64{}
			k.each("ticket_redemption", "redeemed_at", "2026-01-01", "2026-11-01", func(r record) {
				used[[2]string{r.text("ticket_type"), r.text("ticket_hash")}]++
			})
			for ticket, n := range used {
				if ticket[0] != "annual" {
					t.add(0, one(n > 1), ticket[0])
					t.add(1, whole(n-1), ticket[0])
				}
			}
		},
	}, {
		clauses: []string{"44"}, dataset: "ticket_redemption", asks: "一票多用，三年合计，不分票种",
		command: "duplicated_tickets duplicate_redemptions --filter ticket_type=adult,student",
		want: func(k *books, t *table) {
			used := map[string]int64{}
			k.each("ticket_redemption", "", "", "", func(r record) {
				if r.text("ticket_type") != "annual" {
					used[r.text("ticket_hash")]++
				}
			})
			for _, n := range used {
				t.add(0, one(n > 1))
				t.add(1, whole(n-1))
			}
		},
	}}
}
