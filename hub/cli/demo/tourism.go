package demo

import (
	"time"
)

// total is a spot's people of a day.
func (w *World) total(s *spot, d time.Time) int {
	return int(float64(s.daily) * dayShare(d, seeded("day", s.ID, date(d))))
}

// closed is a spot that reported nothing for a week, and never will.
func (w *World) closed(s *spot, d time.Time) bool {
	return s.ID == "512022-S01" && within(d, w.ago(75), w.ago(68))
}

// late are the weeks whose figures come with the later submissions.
func (w *World) late(s *spot, d time.Time) bool {
	return (s.ID == "500111-S04" || s.ID == "512021-S03") && within(d, w.ago(40), w.ago(33))
}

// writeFlow gives each spot the day's own figure, and for the last three months one
// every five minutes from 8 to 18 o'clock. The day's is the gate's closing, a little
// above what the counters saw.
func (w *World) writeFlow(side Side, out *rows) {
	w.eachSpot(side, func(s *spot) {
		for _, d := range append(w.past(), w.today) {
			if !w.closed(s, d) && !w.late(s, d) {
				w.writeDay(s, d, out)
			}
		}
	})
}

func (w *World) eachSpot(side Side, f func(s *spot)) {
	for i := range w.spots {
		if side.speaksFor(w.spots[i].ID) {
			f(&w.spots[i])
		}
	}
}

func (w *World) writeDay(s *spot, d time.Time, out *rows) {
	const open, intervals = 8, 120
	total := w.total(s, d)
	if !d.Before(w.fine()) {
		r := seeded("flow", s.ID, date(d))
		inside := 0
		for i := range intervals {
			at := d.Add(open*time.Hour + time.Duration(i)*5*time.Minute)
			if !at.Before(w.until) {
				break
			}
			// People come around ten and leave around three.
			entries := int(0.95*float64(total)*bell(i, 28, 22)*(0.7+0.6*r.Float64()) + r.Float64())
			exits := min(inside, int(float64(total)*bell(i, 84, 24)*(0.7+0.6*r.Float64())))
			if i == intervals-1 {
				exits = inside + entries
			}
			inside += entries - exits
			out.add("spot_id", s.ID, "observed_at", at, "interval_minutes", 5, "entries", entries, "exits", exits, "in_park", inside, "source", "estimate")
		}
	}
	if closing := d.Add(19 * time.Hour); closing.Before(w.until) {
		out.add("spot_id", s.ID, "observed_at", d, "interval_minutes", 1440, "entries", total, "source", "estimate")
	}
}

// reviseFlow brings the late week, and the figures of holidays as the ticket office
// found them to be.
func (w *World) reviseFlow(side Side, out *rows) {
	w.eachSpot(side, func(s *spot) {
		for _, d := range w.past() {
			switch {
			case w.late(s, d):
				w.writeDay(s, d, out)
			case (s.ID == "500111-S01" || s.ID == "512021-S01") && crowdOf(d) >= 0.4:
				out.add("spot_id", s.ID, "observed_at", d, "interval_minutes", 1440, "entries", w.total(s, d)*103/100, "source", "ticket")
			}
		}
	})
}

// retractFlow takes back two days that had been another spot's.
func (w *World) retractFlow(side Side, out *rows) {
	if side.Region == dazu {
		for _, d := range days(w.ago(400), w.ago(398)) {
			out.add("spot_id", "500111-S08", "observed_at", d, "interval_minutes", 1440)
		}
	}
}

// brokenFlow is a file of which the hub takes two records and refuses three: a spot
// that no list has, people below zero, and another's spot.
func (w *World) brokenFlow(side Side, out *rows) {
	if side.Region != dazu {
		return
	}
	for _, r := range []struct {
		spot   string
		people int
	}{{"500111-S02", 812}, {"500111-S77", 340}, {"500111-S02", -3}, {"512021-S01", 500}, {"500111-S03", 655}} {
		out.add("spot_id", r.spot, "observed_at", w.from.AddDate(0, 0, -1), "interval_minutes", 1440, "entries", r.people, "source", "manual")
	}
}

// writeOrigins divides each day's people by where they live.
func (w *World) writeOrigins(side Side, out *rows) {
	w.eachSpot(side, func(s *spot) {
		for _, d := range w.past() {
			if !w.closed(s, d) && !w.late(s, d) {
				w.writeOrigin(side, s, d, 100, out)
			}
		}
	})
}

func (w *World) writeOrigin(side Side, s *spot, d time.Time, percent int, out *rows) {
	r := seeded("origin", s.ID, date(d))
	total := w.total(s, d)
	left := total
	put := func(origin string, share float64, percent int) {
		n := int(float64(total)*share*(0.8+0.4*r.Float64())) * percent / 100
		left -= n
		out.add("spot_id", s.ID, "day", day(d), "origin", origin, "visitors", n, "method", "mobile")
	}
	if side.Region == dazu {
		put(anyue, 0.05, percent)
		put(yanjiang, 0.02, percent)
		put(ziyang, 0.01, percent)
		put(dazu, 0.2, 100)
	} else {
		put(dazu, 0.08, percent)
		put(s.Region, 0.22, 100)
	}
	put("500000", 0.24, 100)
	put("510000", 0.2, 100)
	out.add("spot_id", s.ID, "day", day(d), "origin", "unknown", "visitors", left, "method", "mobile")
}

// reviseOrigins brings the late week, and a week whose sample was weighted anew.
func (w *World) reviseOrigins(side Side, out *rows) {
	w.eachSpot(side, func(s *spot) {
		for _, d := range w.past() {
			switch {
			case w.late(s, d):
				w.writeOrigin(side, s, d, 100, out)
			case s.ID == "512021-S01" && within(d, w.ago(60), w.ago(53)):
				w.writeOrigin(side, s, d, 110, out)
			}
		}
	})
}
