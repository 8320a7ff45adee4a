package main

import (
	"math/big"
	"time"
)

// fate is how an alert stands by its latest revision. A moment that a revision leaves
// out is still known from the ones before.
type fate struct {
	revision                    int64
	region, status, level       string
	issued, notified, responded time.Time
}

func fates(k *books) map[string]*fate {
	out := map[string]*fate{}
	var all []record
	k.each("safety_alert", "", "", "", func(r record) { all = append(all, r) })
	moment := func(r record, field string, at *time.Time) {
		if t, err := time.Parse(time.RFC3339, r.text(field)); err == nil {
			*at = t
		}
	}
	for no := int64(1); no < 10; no++ { // in the order of revisions
		for _, r := range all {
			if r.count("revision") != no {
				continue
			}
			id := r.region() + r.text("alert_id")
			if out[id] == nil {
				out[id] = &fate{region: r.region()}
			}
			a := out[id]
			a.revision, a.status, a.level = no, r.text("status"), r.text("level")
			moment(r, "issued_at", &a.issued)
			moment(r, "partner_notified_at", &a.notified)
			moment(r, "responded_at", &a.responded)
		}
	}
	return out
}

func (a *fate) open() bool { return a.status == "warning" || a.status == "occurred" }

// minutes cuts off behind hundredths.
func minutes(took time.Duration, of int64) *big.Rat {
	if of == 0 {
		return nil
	}
	return cut(quotient(whole(took.Milliseconds()), whole(60_000*of)), 2)
}

func services() []question {
	return []question{{
		clauses: []string{"41", "46"}, dataset: "safety_alert", asks: "两方在控预警：按级别，处置中的与没有人响应的",
		command: "open_alerts open_alerts_red open_alerts_orange open_alerts_yellow open_alerts_blue open_emergencies unanswered_alerts --by side",
		want: func(k *books, t *table) {
			for _, a := range fates(k) {
				side := sideOf(a.region)
				t.add(0, one(a.open()), side)
				for i, level := range []string{"red", "orange", "yellow", "blue"} {
					t.add(1+i, one(a.open() && a.level == level), side)
				}
				t.add(5, one(a.status == "occurred"), side)
				t.add(6, one(a.open() && a.responded.IsZero()), side)
			}
		},
	}, {
		clauses: []string{"41", "46"}, dataset: "safety_alert", asks: "预警与事件数、响应与通报用时，逐年",
		command: "alerts response_minutes response_minutes_max notify_minutes --by side --grain year",
		want: func(k *books, t *table) {
			type took struct {
				response, longest, notice time.Duration
				responded, notified       int64
			}
			all := map[[2]string]*took{}
			shanghai := time.FixedZone("", 8*3600)
			for _, a := range fates(k) {
				key := [2]string{a.issued.In(shanghai).Format("2006") + "-01-01", sideOf(a.region)}
				if all[key] == nil {
					all[key] = &took{}
				}
				t.add(0, one(a.status != "withdrawn"), key[0], key[1])
				if a.status == "withdrawn" {
					continue
				}
				x := all[key]
				if !a.responded.IsZero() {
					d := a.responded.Sub(a.issued)
					x.response, x.longest, x.responded = x.response+d, max(x.longest, d), x.responded+1
				}
				if !a.notified.IsZero() {
					x.notice, x.notified = x.notice+a.notified.Sub(a.issued), x.notified+1
				}
			}
			for key, x := range all {
				t.set(1, minutes(x.response, x.responded), key[0], key[1])
				t.set(2, minutes(x.longest, min(1, x.responded)), key[0], key[1])
				t.set(3, minutes(x.notice, x.notified), key[0], key[1])
			}
		},
	}, {
		clauses: []string{"19", "37"}, dataset: "service_crossregion", asks: "跨区域通办双向办件量，按事项（今年）",
		command: "service_dazu_to_ziyang service_ziyang_to_dazu --by service --from 2026-01-01 --to 2026-11-20",
		belongs: func(_ *books, clause, service string) bool { return (clause == "19") == (service == "talent_card") },
		want: func(k *books, t *table) {
			k.each("service_crossregion", "day", "2026-01-01", "2026-11-20", func(r record) {
				switch {
				case r.text("direction") != "inbound":
				case sideOf(r.region()) == "资阳":
					t.add(0, r.number("cases"), r.text("service"))
				default:
					t.add(1, r.number("cases"), r.text("service"))
				}
			})
		},
	}, {
		clauses: []string{"37"}, dataset: "service_crossregion", asks: "两种口径并列：受理地与属地，逐月",
		command: "service_cases service_cases_home --by side --grain month --from 2026-06-01 --to 2026-11-01",
		want: func(k *books, t *table) {
			k.each("service_crossregion", "day", "2026-06-01", "2026-11-01", func(r record) {
				column := 0
				if r.text("direction") == "outbound" {
					column = 1
				}
				t.add(column, r.number("cases"), r.text("day")[:7]+"-01", sideOf(r.region()))
			})
		},
	}, {
		clauses: []string{"37"}, dataset: "service_crossregion", asks: "医保异地结算与公积金互认的金额、办结率、网办率",
		command: "service_amount service_completed_ratio service_online_ratio --by service --filter service=medical_outpatient,medical_inpatient,housing_fund,litigation --from 2026-01-01 --to 2026-11-01",
		want: func(k *books, t *table) {
			type part struct{ done, of *big.Rat }
			finished, online := map[string]part{}, map[string]part{}
			wanted := map[string]bool{"medical_outpatient": true, "medical_inpatient": true, "housing_fund": true, "litigation": true}
			k.each("service_crossregion", "day", "2026-01-01", "2026-11-01", func(r record) {
				service := r.text("service")
				if !wanted[service] || r.text("direction") != "inbound" {
					return
				}
				t.add(0, r.number("amount"), service)
				for i, of := range []map[string]part{finished, online} {
					if done := r.number([]string{"completed", "online"}[i]); done != nil {
						of[service] = part{sum(of[service].done, done), sum(of[service].of, r.number("cases"))}
					}
					t.set(1+i, quotient(of[service].done, of[service].of), service)
				}
			})
		},
	}}
}
