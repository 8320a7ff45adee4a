package main

import (
	"fmt"
	"math/big"
	"time"
)

// span is the days of a period, from its first to the day after its last.
func span(period string) (from, to time.Time) {
	var year, n int
	switch {
	case len(period) == 4:
		_, _ = fmt.Sscanf(period, "%d", &year)
		n = 12
		from = time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
	case period[5] == 'Q':
		_, _ = fmt.Sscanf(period, "%d-Q%d", &year, &n)
		from, n = time.Date(year, time.Month(n*3-2), 1, 0, 0, 0, 0, time.UTC), 3
	case period[5] == 'H':
		_, _ = fmt.Sscanf(period, "%d-H%d", &year, &n)
		from, n = time.Date(year, time.Month(n*6-5), 1, 0, 0, 0, 0, time.UTC), 6
	default:
		_, _ = fmt.Sscanf(period, "%d-%d", &year, &n)
		from, n = time.Date(year, time.Month(n), 1, 0, 0, 0, 0, time.UTC), 1
	}
	return from, from.AddDate(0, n, 0)
}

// later says whether a period ends after another, or with it and is the longer one.
func later(period, than string) bool {
	if than == "" {
		return true
	}
	from, to := span(period)
	thanFrom, thanTo := span(than)
	return to.After(thanTo) || to.Equal(thanTo) && from.Before(thanFrom)
}

func daysBetween(from, to time.Time) *big.Rat { return whole(int64(to.Sub(from).Hours()) / 24) }

// pace is the part of the way that is done ÷ the part of the time that is over.
func pace(target record, value *big.Rat, period string) *big.Rat {
	base := target.number("baseline")
	if base == nil {
		return nil
	}
	begins := time.Date(int(target.count("baseline_year"))+1, 1, 1, 0, 0, 0, 0, time.UTC)
	ends := time.Date(int(target.count("target_year"))+1, 1, 1, 0, 0, 0, 0, time.UTC)
	_, at := span(period)
	done := quotient(less(value, base), less(target.number("target"), base))
	return rounded(quotient(done, quotient(daysBetween(begins, at), daysBetween(begins, ends))), 6)
}

// overdue holds a project against the end of its half-year.
func overdue(r record) bool {
	_, end := span(r.text("half"))
	return r.text("done_on") == "" && r.text("due_date") < end.Format(time.DateOnly)
}

const lastHalf = "2026-H1" // the last that is over on the document's day

func ledger(k *books, f func(r record)) {
	k.each("cooperation_project", "", "", "", func(r record) {
		if r.text("half") == lastHalf {
			f(r)
		}
	})
}

func targets() []question {
	return []question{{
		clauses: []string{"（二）", "10", "11", "（四）", "（五）", "（六）", "（七）", "26", "（八）", "30", "33", "（九）", "35", "37", "39"},
		dataset: "indicator_value", asks: "27 项目标：方向、最近一期的值、目标值、完成率、进度与时间之比（没有基期值的未知）",
		command: "indicator_value indicator_target indicator_progress indicator_pace --by indicator,indicator_name,indicator_direction --filter region=500111",
		belongs: func(k *books, clause, id string) bool { return k.list("indicator", "clause")[id] == clause },
		want: func(k *books, t *table) {
			period, value := map[string]string{}, map[string]*big.Rat{}
			k.each("indicator_value", "", "", "", func(r record) {
				if id := r.text("indicator"); r.region() == "500111" && later(r.text("period"), period[id]) {
					period[id], value[id] = r.text("period"), r.number("value")
				}
			})
			k.each("indicator", "", "", "", func(r record) {
				id := r.text("indicator")
				dims := []string{id, r.text("name"), r.text("direction")}
				v, target := value[id], r.number("target")
				t.set(0, v, dims...)
				t.set(1, target, dims...)
				progress := quotient(v, target)
				if r.text("direction") == "down" {
					progress = quotient(target, v)
				}
				t.set(2, rounded(progress, 6), dims...)
				t.set(3, pace(r, v, period[id]), dims...)
			})
		},
	}, {
		clauses: []string{"（二）", "35"}, dataset: "indicator_value", asks: "两个指标逐年（末期的数），终核以后",
		command: "indicator_value indicator_pace --by indicator --filter region=500111 --filter indicator=500111-I01,500111-I25 --grain year",
		want:    func(k *books, t *table) { perIndicator(k, k.now, t) },
	}, {
		clauses: []string{"23"}, dataset: "indicator_value", asks: "同一问题在终核以前的答案",
		command: "indicator_value indicator_pace --by indicator --filter region=500111 --filter indicator=500111-I01,500111-I25 --grain year --as-of $FIRST",
		want:    func(k *books, t *table) { perIndicator(k, k.first, t) },
	}, {
		clauses: []string{"47", "48"}, dataset: "cooperation_project", asks: "各环节的项目数、办结数、逾期数、合作项目数",
		command: "projects projects_done projects_overdue joint_projects --by side,stage --filter half=2026-H1",
		want: func(k *books, t *table) {
			ledger(k, func(r record) {
				dims := []string{sideOf(r.region()), r.text("stage")}
				t.add(0, whole(1), dims...)
				t.add(1, one(r.text("done_on") != ""), dims...)
				t.add(2, one(overdue(r)), dims...)
				t.add(3, one(joint(r)), dims...)
			})
		},
	}, {
		clauses: []string{"48"}, dataset: "cooperation_project", asks: "逾期在谁手里：按责任单位",
		command: "projects_overdue overdue_ratio --by owner --filter half=2026-H1",
		want: func(k *books, t *table) {
			all := map[string]int64{}
			ledger(k, func(r record) {
				owner := r.text("owner")
				all[owner]++
				t.add(0, one(overdue(r)), owner)
				t.set(1, quotient(t.row(owner)[0], whole(all[owner])), owner)
			})
		},
	}, {
		clauses: []string{"27", "46", "48"}, dataset: "cooperation_project", asks: "各项目的进度",
		command: "project_progress --by region,project_id --filter half=2026-H1",
		want: func(k *books, t *table) {
			ledger(k, func(r record) { t.set(0, r.number("progress"), r.region(), r.text("project_id")) })
		},
	}, {
		clauses: []string{"2", "6", "9", "11", "12", "13", "21", "27", "33", "42", "43", "45", "46"}, dataset: "cooperation_project", asks: "按条款：项目数与投资完成率",
		command: "projects projects_overdue project_investment project_invested investment_progress --by clause --filter half=2026-H1",
		belongs: func(_ *books, clause, of string) bool { return of == clause },
		want: func(k *books, t *table) {
			ledger(k, func(r record) {
				clause := r.text("clause")
				t.add(0, whole(1), clause)
				t.add(1, one(overdue(r)), clause)
				t.add(2, r.number("total_investment"), clause)
				t.add(3, r.number("completed_investment"), clause)
			})
			t.ratio(4, 3, 2)
		},
	}, {
		clauses: []string{"47"}, dataset: "cooperation_project", asks: "半年滚动：历次台账",
		command: "projects projects_done projects_overdue --by half --filter half=2024-H1,2024-H2,2025-H1,2025-H2,2026-H1",
		want: func(k *books, t *table) {
			k.each("cooperation_project", "half", "2024-H1", "2026-H2", func(r record) {
				t.add(0, whole(1), r.text("half"))
				t.add(1, one(r.text("done_on") != ""), r.text("half"))
				t.add(2, one(overdue(r)), r.text("half"))
			})
		},
	}}
}

// perIndicator is the last figure of each year of two indicators.
func perIndicator(k *books, shelf map[string]*book, t *table) {
	period := map[[2]string]string{}
	target := map[string]record{}
	k.each("indicator", "", "", "", func(r record) { target[r.text("indicator")] = r })
	eachOf(shelf, "indicator_value", "", "", "", func(r record) {
		id := r.text("indicator")
		from, _ := span(r.text("period"))
		key := [2]string{from.Format("2006") + "-01-01", id}
		if r.region() != "500111" || id != "500111-I01" && id != "500111-I25" || !later(r.text("period"), period[key]) {
			return
		}
		period[key] = r.text("period")
		t.set(0, r.number("value"), key[0], key[1])
		t.set(1, pace(target[id], r.number("value"), r.text("period")), key[0], key[1])
	})
}
