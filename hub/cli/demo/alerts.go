package demo

import (
	"fmt"
	"time"
)

type hazard struct {
	letter, category, hazard, title string
	months                          [2]time.Month
}

var hazards = []hazard{
	{"Z", "natural_disaster", "rainstorm", "暴雨预警", [2]time.Month{5, 9}},
	{"Z", "natural_disaster", "geological", "地质灾害气象风险预警", [2]time.Month{6, 9}},
	{"Z", "natural_disaster", "heat", "高温预警", [2]time.Month{7, 8}},
	{"Z", "natural_disaster", "fog", "大雾预警", [2]time.Month{1, 12}},
	{"S", "accident", "traffic", "景区道路交通事故", [2]time.Month{1, 12}},
	{"S", "accident", "equipment", "观光车设备故障", [2]time.Month{1, 12}},
	{"W", "public_health", "food", "食品安全事件", [2]time.Month{4, 10}},
}

var levels = []string{"blue", "yellow", "orange", "red"}

// alert is one warning with the moments of its life; a zero one has not come.
type alert struct {
	region, id, title, category, hazard, level, spot string
	issued, notified, responded, lifted              time.Time
	withdrawn                                        bool
}

// alerts are those of a side: crowds on holidays, the rest through the year, and
// some that are still open.
func (w *World) alerts(side Side) []alert {
	region, spotID := side.Region, "500111-S01"
	if side.Region != dazu {
		region, spotID = anyue, "512021-S01"
	}
	var all []alert
	for _, d := range w.past() {
		r := seeded("alert", side.ID, date(d))
		at := d.Add(time.Duration(7*60+r.IntN(600)) * time.Minute)
		a := alert{region: region, issued: at, level: levels[min(3, r.IntN(8)/2)],
			notified: at.Add(time.Duration(2+r.IntN(20)) * time.Minute), responded: at.Add(time.Duration(5+r.IntN(50))*time.Minute + time.Duration(r.IntN(60))*time.Second)}
		a.lifted = a.responded.Add(time.Duration(40+r.IntN(400)) * time.Minute)
		if crowdOf(d) >= 0.5 && r.IntN(3) == 0 {
			a.id, a.title, a.category, a.hazard, a.spot = "S"+d.Format("20060102")+"-001", "高峰期大客流预警", "accident", "crowd", spotID
		} else if h := hazards[r.IntN(len(hazards))]; r.IntN(14) == 0 && d.Month() >= h.months[0] && d.Month() <= h.months[1] {
			a.id, a.title, a.category, a.hazard = h.letter+d.Format("20060102")+"-001", h.title, h.category, h.hazard
			a.withdrawn = r.IntN(20) == 0
		} else {
			continue
		}
		all = append(all, a)
	}
	// Still open: one that is being dealt with and one that nobody has answered.
	for i, h := range []hazard{hazards[3], hazards[4]} {
		at := w.ago(i).Add(time.Duration(6*60+17*i) * time.Minute)
		a := alert{region: region, id: fmt.Sprintf("%s%s-9%02d", h.letter, at.Format("20060102"), i), title: h.title, category: h.category, hazard: h.hazard,
			level: levels[1+i], issued: at, notified: at.Add(9 * time.Minute)}
		if i == 0 {
			a.responded = at.Add(31*time.Minute + 20*time.Second)
		}
		all = append(all, a)
	}
	return all
}

func (w *World) writeAlerts(side Side, out *rows) { w.revisions(side, false, out) }

// reviseAlerts brings what became of the last month's.
func (w *World) reviseAlerts(side Side, out *rows) { w.revisions(side, true, out) }

func (w *World) revisions(side Side, later bool, out *rows) {
	for _, a := range w.alerts(side) {
		no := 0
		put := func(at time.Time, status string, notified, responded, lifted any) {
			if no++; later != (no > 1 && a.issued.After(w.ago(30))) {
				return
			}
			out.add("region", a.region, "alert_id", a.id, "revision", no, "title", a.title+Mark, "category", a.category, "hazard", a.hazard, "level", a.level,
				"status", status, "issued_at", a.issued, "revised_at", at, "partner_notified_at", notified, "responded_at", responded, "lifted_at", lifted,
				"responder", "演示责任单位", "spot_id", a.spot)
		}
		open := "warning"
		if a.category != "natural_disaster" && a.hazard != "crowd" {
			open = "occurred"
		}
		put(a.issued, open, nil, nil, nil)
		switch {
		case a.withdrawn:
			put(a.notified, "withdrawn", a.notified, nil, nil)
			continue
		case a.responded.IsZero():
			put(a.notified, open, a.notified, nil, nil)
			continue
		}
		put(a.responded, open, a.notified, a.responded, nil)
		if !a.lifted.IsZero() {
			put(a.lifted, "lifted", a.notified, a.responded, a.lifted)
		}
	}
}
