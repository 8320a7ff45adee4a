package demo

import "time"

// shared is the park that both sides run, whose figures are divided.
const shared = "500111-P05"

// parkMonth is a park's output of a month, in 分, and its land in hundredths of 亩.
func (w *World) parkMonth(p park, m time.Time) (output, area int64) {
	size := seeded("park", p.ID)
	base := int64(20_000_000_000 + size.IntN(120_000_000_000))
	area = int64(200_000 + size.IntN(900_000))
	since := int64(m.Year()-2023)*12 + int64(m.Month())
	r := seeded("month", p.ID, month(m))
	percent := 80 + since + int64(r.IntN(12))
	if m.Month() == time.February {
		percent -= 25 // Spring Festival
	}
	return base/100*percent + int64(r.IntN(100)), area + since*150
}

// writeParkList gives each park the area that was approved for it.
func (w *World) writeParkList(side Side, out *rows) {
	for _, p := range w.parks {
		if side.speaksFor(p.ID) {
			_, area := w.parkMonth(p, w.from)
			out.add("park_id", p.ID, "name", p.Name+Mark, "region", p.Region, "kind", p.Kind, "partner_region", p.Partner, "area_mu", fixed{area + 200_000, 2})
		}
	}
}

// missingMonth is one that a park never reported.
func (w *World) missingMonth(p park, m time.Time) bool {
	return p.ID == "512021-P01" && m.Equal(w.from.AddDate(0, 20, 0))
}

func (w *World) writeParks(side Side, out *rows) {
	for _, p := range w.parks {
		for _, m := range w.wholeMonths() {
			if side.speaksFor(p.ID) && !w.missingMonth(p, m) {
				w.writeParkMonth(p, m, 1000, out)
			}
		}
	}
}

func (w *World) writeParkMonth(p park, m time.Time, perMille int64, out *rows) {
	made, area := w.parkMonth(p, m)
	made = made / 1000 * perMille
	land := any(fixed{area, 2})
	if p.ID == "512022-P01" { // leaves it to the list
		land = nil
	}
	out.add("park_id", p.ID, "month", month(m), "output_value", fen(made), "revenue", fen(made/100*94), "tax", fen(made/1000*41), "industrial_investment", fen(made/100*9),
		"employees", int(made/9_000_000), "area_mu", land, "energy_tce", fixed{made / 130_000, 3})
}

// reviseParks brings the yearly check of the year before last: each month's output
// was a little less or more.
func (w *World) reviseParks(side Side, out *rows) {
	for i, p := range w.parks {
		for _, m := range w.wholeMonths() {
			if side.speaksFor(p.ID) && m.Year() == w.today.Year()-2 {
				w.writeParkMonth(p, m, 985+int64(i)*5, out)
			}
		}
	}
}

// retractParks takes back a month that the park had pushed twice under two names.
func (w *World) retractParks(side Side, out *rows) {
	if side.Region == dazu {
		out.add("park_id", "500111-P04", "month", month(w.from.AddDate(0, 3, 0)))
	}
}

type split struct {
	measure   string
	from      time.Time
	shares    [5]int64 // of 100,000,000: Dazu, Ziyang, Yanjiang, Anyue, Lezhi
	remainder string
}

// splits are the agreed shares of the joint park: thirds at first, another ratio from
// the second year on. Revenue has a rule from then on only, and before it counts for
// Dazu alone.
func (w *World) splits() []split {
	second := w.from.AddDate(0, 14, 0)
	return []split{
		{"output_value", w.from, [5]int64{66_666_667, 33_333_333}, dazu},
		{"output_value", second, [5]int64{50_000_000, 12_500_000, 0, 37_500_000}, ziyang},
		{"tax", w.from, [5]int64{60_000_000, 40_000_000}, dazu},
		{"tax", second, [5]int64{50_000_000, 16_666_667, 0, 33_333_333}, anyue},
		{"revenue", second, [5]int64{50_000_000, 50_000_000}, dazu},
	}
}

func (w *World) writeSplits(side Side, out *rows) {
	if side.Region == dazu {
		for _, s := range w.splits() {
			s.write(out)
		}
	}
}

// reviseSplits corrects the first rule of tax to what had been signed.
func (w *World) reviseSplits(side Side, out *rows) {
	if side.Region == dazu {
		s := w.splits()[2]
		s.shares = [5]int64{62_500_000, 30_000_000, 2_500_000, 2_500_000, 2_500_000}
		s.write(out)
	}
}

func (s split) write(out *rows) {
	pairs := []any{"park_id", shared, "measure", s.measure, "valid_from", month(s.from), "remainder_region", s.remainder, "agreement", "利益共享协议" + Mark}
	for i, region := range []string{dazu, ziyang, yanjiang, anyue, lezhi} {
		if s.shares[i] > 0 {
			pairs = append(pairs, "share_"+region, fixed{s.shares[i], 8})
		}
	}
	out.add(pairs...)
}
