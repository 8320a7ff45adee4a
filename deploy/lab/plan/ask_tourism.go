package main

import "math/big"

// visits gives f the people of each spot and day: the day's own figure where there is
// one, else the sum of its intervals.
func visits(shelf map[string]*book, from, to string, f func(spot, day string, n *big.Rat)) {
	type spotDay struct{ spot, day string }
	days, sums := map[spotDay]*big.Rat{}, map[spotDay]*big.Rat{}
	eachOf(shelf, "tourism_flow", "observed_at", from, to, func(r record) {
		k := spotDay{r.text("spot_id"), r.text("observed_at")[:10]}
		if r.text("interval_minutes") == "1440" {
			days[k] = r.number("entries")
		} else {
			sums[k] = sum(sums[k], r.number("entries"))
		}
	})
	for k, n := range sums {
		if _, ok := days[k]; !ok {
			days[k] = n
		}
	}
	for k, n := range days {
		f(k.spot, k.day, n)
	}
}

// inPark is the latest observation of each spot within a day.
func inPark(k *books, from, to string) map[string]*big.Rat {
	at, last := map[string]string{}, map[string]*big.Rat{}
	k.each("tourism_flow", "observed_at", from, to, func(r record) {
		if spot := r.text("spot_id"); r.text("in_park") != "" && r.text("observed_at") > at[spot] {
			at[spot], last[spot] = r.text("observed_at"), r.number("in_park")
		}
	})
	return last
}

// peaks gives the people inside at once of each five minutes of a group of spots.
func peaks(k *books, from, to string, group func(r record) string) map[string]map[string]*big.Rat {
	out := map[string]map[string]*big.Rat{}
	k.each("tourism_flow", "observed_at", from, to, func(r record) {
		g := group(r)
		if out[g] == nil {
			out[g] = map[string]*big.Rat{}
		}
		if at := r.text("observed_at"); r.text("in_park") != "" {
			out[g][at] = sum(out[g][at], r.number("in_park"))
		}
	})
	return out
}

func tourism() []question {
	return []question{{
		clauses: []string{"1", "46"}, dataset: "tourism_flow", asks: "两地客流合计，逐日（今年国庆）",
		command: "visitors --grain day --from 2026-10-01 --to 2026-10-08",
		want: func(k *books, t *table) {
			visits(k.now, "2026-10-01", "2026-10-08", func(_, day string, n *big.Rat) { t.add(0, n, day) })
		},
	}, {
		clauses: []string{"1"}, dataset: "tourism_flow", asks: "客流按行政区划，逐年",
		command: "visitors --by region --grain year",
		want: func(k *books, t *table) {
			visits(k.now, "", "", func(spot, day string, n *big.Rat) { t.add(0, n, day[:4]+"-01-01", spot[:6]) })
		},
	}, {
		clauses: []string{"1", "42"}, dataset: "tourism_flow", asks: "客流按景区（国庆七天，修订以后）",
		command: "visitors --by spot_id,spot_name --from 2026-10-01 --to 2026-10-08",
		want: func(k *books, t *table) {
			names := k.list("scenic_spot", "name")
			visits(k.now, "2026-10-01", "2026-10-08", func(spot, _ string, n *big.Rat) { t.add(0, n, spot, names[spot]) })
		},
	}, {
		clauses: []string{"23"}, dataset: "tourism_flow", asks: "同一问题在修订以前的答案（“某一时刻知道的是多少”）",
		command: "visitors --by spot_id --filter spot_id=500111-S01,500111-S04,512021-S01 --from 2026-10-01 --to 2026-10-12 --as-of $FIRST",
		want: func(k *books, t *table) {
			visits(k.first, "2026-10-01", "2026-10-12", func(spot, _ string, n *big.Rat) {
				if spot == "500111-S01" || spot == "500111-S04" || spot == "512021-S01" {
					t.add(0, n, spot)
				}
			})
		},
	}, {
		clauses: []string{"1", "46"}, dataset: "tourism_flow", asks: "与去年同期相比",
		command: "visitors --from 2026-10-01 --to 2026-10-08 --compare previous_year",
		want: func(k *books, t *table) {
			visits(k.now, "2026-10-01", "2026-10-08", func(_, _ string, n *big.Rat) { t.add(0, n) })
			visits(k.now, "2025-10-01", "2025-10-08", func(_, _ string, n *big.Rat) { t.add(1, n) })
			row := t.row()
			row[2] = rounded(quotient(less(row[0], row[1]), row[1]), 6)
		},
	}, {
		clauses: []string{"46"}, dataset: "tourism_flow", asks: "高峰日逐小时入园",
		command: "visitors --grain hour --from 2026-10-02 --to 2026-10-03",
		want: func(k *books, t *table) {
			k.each("tourism_flow", "observed_at", "2026-10-02", "2026-10-03", func(r record) {
				if r.count("interval_minutes") <= 60 {
					t.add(0, r.number("entries"), r.text("observed_at")[:13]+":00:00+08:00")
				}
			})
		},
	}, {
		clauses: []string{"46"}, dataset: "tourism_flow", asks: "此刻在园人数与瞬时最大承载量之比",
		command: "in_park_now load_ratio --by spot_id --from 2026-11-20 --to 2026-11-21",
		want: func(k *books, t *table) {
			capacity := k.limits("scenic_spot", "instant_capacity")
			for spot, n := range inPark(k, "2026-11-20", "2026-11-21") {
				t.set(0, n, spot)
				t.set(1, quotient(n, capacity[spot]), spot)
			}
		},
	}, {
		clauses: []string{"46"}, dataset: "tourism_flow", asks: "此刻两方各有多少人在园、占承载量多少",
		command: "in_park_now load_ratio --by side --from 2026-11-20 --to 2026-11-21",
		want: func(k *books, t *table) {
			capacity := k.limits("scenic_spot", "instant_capacity")
			room := map[string]*big.Rat{}
			for spot, n := range inPark(k, "2026-11-20", "2026-11-21") {
				side := sideOf(spot)
				t.add(0, n, side)
				room[side] = sum(room[side], capacity[spot])
			}
			for side, all := range room {
				t.set(1, quotient(t.row(side)[0], all), side)
			}
		},
	}, {
		clauses: []string{"46"}, dataset: "tourism_flow", asks: "在园峰值，按景区（国庆七天）",
		command: "peak_in_park --by spot_id --from 2026-10-01 --to 2026-10-08",
		want: func(k *books, t *table) {
			for spot, at := range peaks(k, "2026-10-01", "2026-10-08", func(r record) string { return r.text("spot_id") }) {
				for _, n := range at {
					t.top(0, n, spot)
				}
			}
		},
	}, {
		clauses: []string{"46"}, dataset: "tourism_flow", asks: "两地同时在园的峰值，逐日",
		command: "peak_in_park --grain day --from 2026-10-01 --to 2026-10-08",
		want: func(k *books, t *table) {
			for _, at := range peaks(k, "2026-10-01", "2026-10-08", func(record) string { return "" }) {
				for instant, n := range at {
					t.top(0, n, instant[:10])
				}
			}
		},
	}, {
		clauses: []string{"44"}, dataset: "visitor_origin", asks: "客源互送：各方送对方多少人，逐月",
		command: "visitors_dazu_to_ziyang visitors_ziyang_to_dazu --grain month --from 2026-01-01 --to 2026-11-01",
		want: func(k *books, t *table) {
			k.each("visitor_origin", "day", "2026-01-01", "2026-11-01", func(r record) {
				month := r.text("day")[:7] + "-01"
				switch origin := r.text("origin"); {
				case sideOf(r.region()) == "资阳" && origin == "500111":
					t.add(0, r.number("visitors"), month)
				case sideOf(r.region()) == "大足" && origin[:4] == "5120":
					t.add(1, r.number("visitors"), month)
				}
			})
		},
	}, {
		clauses: []string{"44"}, dataset: "visitor_origin", asks: "对方游客在各方游客中的占比",
		command: "exchanged_visitors exchanged_share origin_known_ratio --by side --from 2026-10-01 --to 2026-11-01",
		want: func(k *books, t *table) {
			all, known := map[string]*big.Rat{}, map[string]*big.Rat{}
			k.each("visitor_origin", "day", "2026-10-01", "2026-11-01", func(r record) {
				side, origin, n := sideOf(r.region()), r.text("origin"), r.number("visitors")
				if side == "资阳" && origin == "500111" || side == "大足" && origin[:4] == "5120" {
					t.add(0, n, side)
				}
				if all[side] = sum(all[side], n); origin != "unknown" {
					known[side] = sum(known[side], n)
				}
			})
			for side := range all {
				t.set(1, quotient(t.row(side)[0], known[side]), side)
				t.set(2, quotient(known[side], all[side]), side)
			}
		},
	}, {
		clauses: []string{"44"}, dataset: "visitor_origin", asks: "一个景区的客源结构",
		command: "origin_visitors --by origin --filter spot_id=512021-S01 --from 2026-09-01 --to 2026-11-01",
		want: func(k *books, t *table) {
			k.each("visitor_origin", "day", "2026-09-01", "2026-11-01", func(r record) {
				if r.text("spot_id") == "512021-S01" {
					t.add(0, r.number("visitors"), r.text("origin"))
				}
			})
		},
	}, {
		clauses: []string{"43", "44"}, dataset: "route_run", asks: "联合线路的班次、游客、满载率",
		command: "route_trips route_guests route_load --by route_id,route_name --from 2026-10-01 --to 2026-11-01",
		want: func(k *books, t *table) {
			names := k.list("route", "name")
			runs(k, "2026-10-01", "2026-11-01", t, func(route string) []string { return []string{route, names[route]} })
		},
	}, {
		clauses: []string{"43", "44"}, dataset: "route_run", asks: "没有报座位的年份以名录中的座位计；座位无从知道的线路不计",
		command: "route_trips route_guests route_load --by route_id --from 2024-05-01 --to 2024-06-01",
		want: func(k *books, t *table) {
			runs(k, "2024-05-01", "2024-06-01", t, func(route string) []string { return []string{route} })
		},
	}, {
		clauses: []string{"5", "44"}, dataset: "festival_event", asks: "节会赛事日历与联办，逐月",
		command: "events joint_events --by side --grain month --from 2026-01-01 --to 2027-01-01",
		want: func(k *books, t *table) {
			k.each("festival_event", "start_date", "2026-01-01", "2027-01-01", func(r record) {
				dims := []string{r.text("start_date")[:7] + "-01", sideOf(r.region())}
				t.add(0, one(r.text("status") != "cancelled"), dims...)
				t.add(1, one(r.text("status") != "cancelled" && joint(r)), dims...)
			})
		},
	}, {
		clauses: []string{"5", "44"}, dataset: "festival_event", asks: "近期活动逐场",
		command: "events event_attendance --by region,event_id --grain day --from 2026-09-01 --to 2027-01-01",
		want: func(k *books, t *table) {
			k.each("festival_event", "start_date", "2026-09-01", "2027-01-01", func(r record) {
				dims := []string{r.text("start_date"), r.region(), r.text("event_id")}
				t.add(0, one(r.text("status") != "cancelled"), dims...)
				t.add(1, r.number("attendance"), dims...)
			})
		},
	}, {
		clauses: []string{"5", "44"}, dataset: "festival_event", asks: "参与人次、到场率、联办活动的参与人次，逐年",
		command: "event_attendance event_expected_attendance event_attendance_ratio joint_event_attendance --by side --grain year",
		want: func(k *books, t *table) {
			here, due := map[string]*big.Rat{}, map[string]*big.Rat{}
			k.each("festival_event", "", "", "", func(r record) {
				dims := []string{r.text("start_date")[:4] + "-01-01", sideOf(r.region())}
				key := dims[0] + dims[1]
				came, expected := r.number("attendance"), r.number("expected_attendance")
				t.add(0, came, dims...)
				if r.text("status") != "cancelled" {
					t.add(1, expected, dims...)
				}
				if came != nil && expected != nil {
					here[key], due[key] = sum(here[key], came), sum(due[key], expected)
				}
				if joint(r) {
					t.add(3, came, dims...)
				}
				t.set(2, quotient(here[key], due[key]), dims...)
			})
		},
	}}
}

// joint says whether the partner lies on the other side.
func joint(r record) bool {
	partner := r.text("partner_region")
	return partner != "" && sideOf(partner) != sideOf(r.region())
}

func runs(k *books, from, to string, t *table, dims func(route string) []string) {
	seats := k.limits("route", "seats")
	filled, room := map[string]*big.Rat{}, map[string]*big.Rat{}
	k.each("route_run", "departure_day", from, to, func(r record) {
		route := r.text("route_id")
		t.add(0, r.number("trips"), dims(route)...)
		t.add(1, r.number("guests"), dims(route)...)
		all := r.number("seats")
		if all == nil && seats[route] != nil {
			all = product(r.number("trips"), seats[route])
		}
		if all != nil {
			filled[route], room[route] = sum(filled[route], r.number("guests")), sum(room[route], all)
		}
		t.set(2, quotient(filled[route], room[route]), dims(route)...)
	})
}
