package demo

import (
	"fmt"
	"time"
)

// writeRuns lets routes depart on weekends and holidays, and on Wednesdays from
// spring to autumn.
func (w *World) writeRuns(side Side, out *rows) {
	for _, t := range routes {
		if !side.speaksFor(t.id) {
			continue
		}
		for _, d := range w.past() {
			crowd := crowdOf(d)
			if crowd == 0 && !weekend(d) && (d.Weekday() != time.Wednesday || d.Month() < 4 || d.Month() > 10) {
				continue
			}
			r := seeded("run", t.id, date(d))
			trips, cancelled := 1+r.IntN(2)+int(crowd*6), 0
			if r.IntN(30) == 0 {
				trips, cancelled = 0, trips
			}
			load := 0.45 + 0.35*r.Float64() + 0.3*crowd
			seat := max(t.seats, 40)
			var seats any
			if t.seats > 0 && d.Year() > 2024 { // before that the list's seats stand for them
				seats = trips * t.seats
			}
			out.add("route_id", t.id, "departure_day", day(d), "trips", trips, "cancelled_trips", cancelled, "guests", int(float64(trips*seat)*min(load, 1)), "seats", seats)
		}
	}
}

// retractRuns takes back a departure that never was.
func (w *World) retractRuns(side Side, out *rows) {
	if side.Region == dazu {
		d := w.ago(200)
		for !weekend(d) {
			d = d.AddDate(0, 0, 1)
		}
		out.add("route_id", "500111-R01", "departure_day", day(d))
	}
}

type event struct {
	region, no, name, kind, level string
	month, day, length            int
	partner, spot                 string
	people                        int
}

var events = []event{
	{dazu, "E01", "宝顶香会", "festival", "provincial", 3, 20, 5, "", "500111-S01", 60000},
	{dazu, "E02", "龙水湖半程马拉松", "sports", "national", 4, 13, 1, anyue, "500111-S06", 15000},
	{dazu, "E03", "大足石刻华服周", "performance", "provincial", 5, 2, 4, "", "500111-S01", 42000},
	{dazu, "E04", "荷花节", "festival", "county", 6, 22, 10, "", "", 38000},
	{dazu, "E05", "农民丰收节暨五彩水稻节", "festival", "county", 9, 20, 3, "", "", 25000},
	{dazu, "E06", "大足石刻国际旅游文化节", "festival", "international", 10, 2, 6, ziyang, "500111-S01", 90000},
	{dazu, "E07", "大足国际五金博览会", "exhibition", "international", 11, 12, 4, "", "", 52000},
	{dazu, "E08", "“资足常乐”冬季营销推介会", "marketing", "municipal", 12, 18, 1, ziyang, "", 2000},
	{anyue, "E01", "安岳石窟文化旅游节", "festival", "provincial", 4, 26, 5, dazu, "512021-S01", 46000},
	{anyue, "E02", "安岳柠檬节", "festival", "municipal", 11, 8, 3, "", "", 30000},
	{lezhi, "E01", "乐至桑葚节", "festival", "county", 4, 18, 9, "", "", 22000},
	{lezhi, "E02", "红色研学季", "other", "municipal", 7, 1, 20, dazu, "512022-S01", 18000},
	{yanjiang, "E01", "晏家坝乡村音乐会", "performance", "county", 8, 16, 2, "", "512002-S01", 9000},
	{ziyang, "E01", "双城篮球交流赛", "sports", "municipal", 9, 12, 3, dazu, "", 6000},
}

// writeEvents plans each year's events; those that are over come with who was there,
// except that the last month's wait for the later submission.
func (w *World) writeEvents(side Side, out *rows) { w.events(side, false, out) }

func (w *World) reviseEvents(side Side, out *rows) { w.events(side, true, out) }

func (w *World) events(side Side, later bool, out *rows) {
	for year := w.from.Year(); year <= w.today.Year(); year++ {
		for i, e := range events {
			first := time.Date(year, time.Month(e.month), e.day, 0, 0, 0, 0, shanghai)
			last := first.AddDate(0, 0, e.length-1)
			if !side.speaksFor(e.region) || first.Before(w.from) || later && !within(last, w.ago(60), w.today) {
				continue
			}
			r := seeded("event", e.region, e.no, year)
			status, attendance := "planned", any(nil)
			switch {
			case year == w.today.Year() && i == 4:
				status = "cancelled"
			case year == w.today.Year() && i == 12:
				status, first, last = "postponed", w.today.AddDate(0, 0, 20), w.today.AddDate(0, 0, 21)
			case last.Before(w.ago(60)) || later:
				status, attendance = "held", e.people*(80+r.IntN(35))/100
			}
			out.add("region", e.region, "event_id", fmt.Sprintf("%d-%s", year, e.no), "name", fmt.Sprint(year, "年", e.name, Mark), "kind", e.kind, "level", e.level,
				"status", status, "start_date", day(first), "end_date", day(last), "partner_region", e.partner, "spot_id", e.spot,
				"expected_attendance", e.people, "attendance", attendance)
		}
	}
}
