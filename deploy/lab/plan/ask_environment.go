package main

import (
	"math/big"
	"time"
)

// regionDay is a region's AQI of a day: the value published for the whole region, else
// the mean of its city stations, rounded up.
type regionDay struct{ region, day string }

func airDays(k *books, shelf map[string]*book, from, to string) map[regionDay]int64 {
	kind := k.list("air_station", "kind")
	type stations struct{ sum, n int64 }
	published, city := map[regionDay]int64{}, map[regionDay]stations{}
	eachOf(shelf, "air_daily", "day", from, to, func(r record) {
		key := regionDay{r.region(), r.text("day")}
		switch kind[r.text("station_id")] {
		case "city_mean":
			published[key] = r.count("aqi")
		case "city":
			city[key] = stations{city[key].sum + r.count("aqi"), city[key].n + 1}
		}
	})
	for key, c := range city {
		if _, ok := published[key]; !ok {
			published[key] = (c.sum + c.n - 1) / c.n
		}
	}
	return published
}

// met says whether a section's class is no worse than its target.
func met(class, target string) bool {
	order := map[string]int{"I": 1, "II": 2, "III": 3, "IV": 4, "V": 5, "worse": 6}
	return order[class] <= order[target]
}

// judged gives f the sections that are assessed by state or municipality.
func judged(k *books, from, to string, f func(r record, met, good bool)) {
	level, target := k.list("water_section", "level"), k.list("water_section", "target_class")
	k.each("water_section_monthly", "month", from, to, func(r record) {
		if id, class := r.text("section_id"), r.text("quality_class"); level[id] != "other" {
			f(r, met(class, target[id]), met(class, "III"))
		}
	})
}

// levels are the last readings of each reservoir within a time.
func levels(k *books, from, to string) map[string]record {
	last := map[string]record{}
	k.each("reservoir_hourly", "observed_at", from, to, func(r record) {
		if have, ok := last[r.text("reservoir_id")]; !ok || r.text("observed_at") > have.text("observed_at") {
			last[r.text("reservoir_id")] = r
		}
	})
	return last
}

// inSeason says whether an instant lies in a reservoir's flood season.
func inSeason(k *books) func(reservoir, instant string) bool {
	from, to := k.list("reservoir", "flood_season_from"), k.list("reservoir", "flood_season_to")
	return func(reservoir, instant string) bool {
		first, last := from[reservoir], to[reservoir]
		if first == "" {
			first, last = "05-01", "09-30"
		}
		return instant[5:10] >= first && instant[5:10] <= last
	}
}

func environment() []question {
	return []question{{
		clauses: []string{"（六）", "21"}, dataset: "air_daily", asks: "今年以来优良天数、有效天数，对 320 天的完成率与尚可超标天数",
		command: "good_air_days air_days good_air_progress good_air_margin --by region --from 2026-01-01 --to 2026-11-20",
		want: func(k *books, t *table) {
			bad := int64(0)
			for at, aqi := range airDays(k, k.now, "2026-01-01", "2026-11-20") {
				t.add(0, one(aqi <= 100), at.region)
				t.add(1, whole(1), at.region)
				if at.region == "500111" && aqi > 100 {
					bad++
				}
			}
			t.set(2, quotient(t.row("500111")[0], whole(320)), "500111")
			t.set(3, whole(365-320-bad), "500111")
		},
	}, {
		clauses: []string{"21"}, dataset: "air_daily", asks: "大足逐月优良天数与比例",
		command: "good_air_days good_air_ratio --by region --filter region=500111 --grain month --from 2026-01-01 --to 2026-11-01",
		want: func(k *books, t *table) {
			days := map[string]int64{}
			for at, aqi := range airDays(k, k.now, "2026-01-01", "2026-11-01") {
				if at.region == "500111" {
					month := at.day[:7] + "-01"
					days[month]++
					t.add(0, one(aqi <= 100), month, at.region)
				}
			}
			for month, n := range days {
				t.set(1, quotient(t.row(month, "500111")[0], whole(n)), month, "500111")
			}
		},
	}, {
		clauses: []string{"21", "23"}, dataset: "air_daily", asks: "历年优良天数，复核与撤回以前",
		command: "good_air_days air_days --by region --grain year --as-of $FIRST",
		want: func(k *books, t *table) {
			for at, aqi := range airDays(k, k.first, "", "") {
				t.add(0, one(aqi <= 100), at.day[:4]+"-01-01", at.region)
				t.add(1, whole(1), at.day[:4]+"-01-01", at.region)
			}
		},
	}, {
		clauses: []string{"（六）", "21"}, dataset: "air_daily", asks: "历年优良天数，复核与撤回以后",
		command: "good_air_days air_days --by region --grain year",
		want: func(k *books, t *table) {
			for at, aqi := range airDays(k, k.now, "", "") {
				t.add(0, one(aqi <= 100), at.day[:4]+"-01-01", at.region)
				t.add(1, whole(1), at.day[:4]+"-01-01", at.region)
			}
		},
	}, {
		clauses: []string{"（六）", "21"}, dataset: "water_section_monthly", asks: "国考、市考断面达标率，两方，今年",
		command: "water_sections water_sections_met water_compliance water_good_share --by side --from 2026-01-01 --to 2026-11-01",
		want: func(k *books, t *table) {
			fine := map[string]int64{}
			judged(k, "2026-01", "2026-11", func(r record, met, good bool) {
				side := sideOf(r.region())
				t.add(0, whole(1), side)
				t.add(1, one(met), side)
				if good {
					fine[side]++
				}
				t.set(3, quotient(whole(fine[side]), t.row(side)[0]), side)
			})
			t.ratio(2, 1, 0)
		},
	}, {
		clauses: []string{"21"}, dataset: "water_section_monthly", asks: "达标率逐月（大足的一个断面复核后改判）",
		command: "water_sections water_sections_met water_compliance --by region --filter region=500111 --grain month --from 2026-03-01 --to 2026-11-01",
		want: func(k *books, t *table) {
			judged(k, "2026-03", "2026-11", func(r record, met, _ bool) {
				if r.region() == "500111" {
					t.add(0, whole(1), r.text("month")+"-01", r.region())
					t.add(1, one(met), r.text("month")+"-01", r.region())
				}
			})
			t.ratio(2, 1, 0)
		},
	}, {
		clauses: []string{"21"}, dataset: "hazwaste_transfer", asks: "危险废物双向转移吨数与联单数，今年",
		command: "hazwaste_tonnes hazwaste_received_tonnes hazwaste_manifests --by region,to_region --from 2026-01-01 --to 2026-11-20",
		want: func(k *books, t *table) {
			k.each("hazwaste_transfer", "shipped_on", "2026-01-01", "2026-11-20", func(r record) {
				dims := []string{r.region(), r.text("to_region")}
				if r.text("status") != "cancelled" {
					t.add(0, r.number("shipped_tonnes"), dims...)
				}
				t.add(1, r.number("received_tonnes"), dims...)
				t.add(2, one(r.text("status") != "cancelled"), dims...)
			})
		},
	}, {
		clauses: []string{"21"}, dataset: "hazwaste_transfer", asks: "未办结联单",
		command: "hazwaste_open_manifests hazwaste_open_tonnes --by side,to_side --grain month --from 2026-05-01 --to 2026-12-01",
		want: func(k *books, t *table) {
			k.each("hazwaste_transfer", "shipped_on", "2026-05-01", "2026-12-01", func(r record) {
				dims := []string{r.text("shipped_on")[:7] + "-01", sideOf(r.region()), sideOf(r.text("to_region"))}
				open := r.text("status") == "in_transit"
				t.add(0, one(open), dims...)
				t.add(1, product(one(open), r.number("shipped_tonnes")), dims...)
			})
		},
	}, {
		clauses: []string{"11"}, dataset: "reservoir_hourly", asks: "此刻水位与汛限水位",
		command: "reservoir_level reservoir_flood_limit reservoir_over_limit --by reservoir_id,reservoir_name --from 2026-11-20 --to 2026-11-21",
		want: func(k *books, t *table) {
			names, limit := k.list("reservoir", "name"), k.limits("reservoir", "flood_limit_level")
			for id, r := range levels(k, "2026-11-20", "2026-11-21") {
				t.set(0, r.number("water_level"), id, names[id])
				if l := limit[id]; l != nil {
					t.set(1, l, id, names[id])
					t.set(2, less(r.number("water_level"), l), id, names[id])
				}
			}
		},
	}, {
		clauses: []string{"11"}, dataset: "reservoir_hourly", asks: "汛期超汛限小时数，逐月",
		command: "hours_above_limit --by reservoir_id --grain month --from 2026-05-01 --to 2026-11-01",
		want: func(k *books, t *table) {
			limit, season := k.limits("reservoir", "flood_limit_level"), inSeason(k)
			k.each("reservoir_hourly", "observed_at", "2026-05-01", "2026-11-01", func(r record) {
				id, at := r.text("reservoir_id"), r.text("observed_at")
				var above *big.Rat
				if l := limit[id]; l != nil {
					above = one(r.number("water_level").Cmp(l) > 0 && season(id, at))
				}
				t.add(0, above, at[:7]+"-01", id)
			})
		},
	}, {
		clauses: []string{"11"}, dataset: "reservoir_hourly", asks: "超汛限的水库数、蓄水量与蓄水率（主汛期六天）",
		command: "reservoirs_above_limit reservoir_storage reservoir_storage_ratio --by side --grain day --from 2026-07-30 --to 2026-08-05",
		want: func(k *books, t *table) {
			limit, capacity, season := k.limits("reservoir", "flood_limit_level"), k.limits("reservoir", "capacity"), inSeason(k)
			for day := time.Date(2026, 7, 30, 0, 0, 0, 0, time.UTC); day.Format(time.DateOnly) < "2026-08-05"; day = day.AddDate(0, 0, 1) {
				from, to := day.Format(time.DateOnly), day.AddDate(0, 0, 1).Format(time.DateOnly)
				room := map[string]*big.Rat{}
				for id, r := range levels(k, from, to) {
					side := sideOf(id)
					if l := limit[id]; l != nil {
						t.add(0, one(r.number("water_level").Cmp(l) > 0 && season(id, from)), from, side)
					}
					t.add(1, r.number("storage"), from, side)
					room[side] = sum(room[side], capacity[id])
				}
				for side, all := range room {
					t.set(2, quotient(t.row(from, side)[1], all), from, side)
				}
			}
		},
	}, {
		clauses: []string{"11"}, dataset: "reservoir_hourly", asks: "雨量逐日",
		command: "reservoir_rainfall --by reservoir_id --grain day --filter region=500111 --from 2026-07-30 --to 2026-08-05",
		want: func(k *books, t *table) {
			k.each("reservoir_hourly", "observed_at", "2026-07-30", "2026-08-05", func(r record) {
				if r.region() == "500111" {
					t.add(0, r.number("rainfall"), r.text("observed_at")[:10], r.text("reservoir_id"))
				}
			})
		},
	}}
}
