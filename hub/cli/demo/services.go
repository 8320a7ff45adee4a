package demo

import "time"

// services are those handled for the other side's people: each working day, or on
// Mondays those that are rare. Some move money.
var services = []struct {
	id    string
	cases int
	often bool
	money int64 // 分 a case
}{
	{"medical_outpatient", 60, true, 18_650}, {"medical_inpatient", 9, true, 612_000}, {"medical_referral", 3, false, 0}, {"pension_transfer", 5, true, 0},
	{"unemployment_transfer", 2, false, 0}, {"social_card", 14, true, 0}, {"household_move", 6, true, 0}, {"residence_permit", 8, true, 0},
	{"housing_fund", 4, true, 32_000_000}, {"litigation", 3, false, 0}, {"veterans", 2, false, 0}, {"talent_card", 4, false, 0},
}

func (w *World) writeServices(side Side, out *rows) {
	for n := range services {
		for _, d := range w.past() {
			if !w.serviceGap(side, d) {
				w.writeService(side, n, d, 0, out)
			}
		}
	}
}

// serviceGap is a week that Ziyang sent late.
func (w *World) serviceGap(side Side, d time.Time) bool {
	return side.Region == ziyang && within(d, w.ago(25), w.ago(18))
}

// writeService reports what the side handled for the other's people (inbound), and
// what its own people had handled there (outbound), now and then one off.
func (w *World) writeService(side Side, n int, d time.Time, add int, out *rows) {
	s := services[n]
	if !working(d) || !s.often && d.Weekday() != time.Monday {
		return
	}
	for _, direction := range []string{"inbound", "outbound"} {
		handler := side.Region
		if direction == "outbound" {
			handler = side.other()
		}
		r := seeded("service", s.id, handler, date(d))
		cases := s.cases*(70+r.IntN(60)+10*(d.Year()-2024))/100 + r.IntN(2) + add
		done := cases - r.IntN(2)*min(1, cases)
		online := cases * (40 + r.IntN(40)) / 100
		var amount, finished any
		if direction == "outbound" {
			if seeded("apart", s.id, handler, date(d)).IntN(40) == 0 {
				cases++
			}
			done = min(done, cases)
		}
		if s.money > 0 {
			amount = fen(int64(cases) * (s.money + int64(r.IntN(5000))))
		}
		if s.id != "litigation" { // nobody counts when a case ends
			finished = done
		}
		out.add("region", side.Region, "service", s.id, "day", day(d), "direction", direction, "cases", cases, "completed", finished, "online", online, "amount", amount)
	}
}

// reviseServices brings the late week, and a month of medical bills that were booked after it had closed.
func (w *World) reviseServices(side Side, out *rows) {
	for _, d := range w.past() {
		for n := range services {
			switch {
			case w.serviceGap(side, d):
				w.writeService(side, n, d, 0, out)
			case n == 0 && side.Region == dazu && within(d, w.from.AddDate(0, 30, 0), w.from.AddDate(0, 31, 0)):
				w.writeService(side, n, d, 3, out)
			}
		}
	}
}

// retractServices takes back a Monday that was a test.
func (w *World) retractServices(side Side, out *rows) {
	if side.Region == dazu {
		d := w.ago(90)
		for d.Weekday() != time.Monday || !working(d) {
			d = d.AddDate(0, 0, 1)
		}
		out.add("region", dazu, "service", "talent_card", "day", day(d), "direction", "inbound")
	}
}
