package demo

import (
	"math"
	"strconv"
	"time"
)

// baseYear is the one before the plan's first.
const baseYear = 2022

// base is where an indicator stood in the base year; a third of them has none that is
// known, and so no pace.
func (i *indicator) base() (value float64, known bool) {
	target, _ := i.Target.Float64()
	r := seeded("base", i.ID)
	known = r.IntN(3) > 0
	switch {
	case i.Accrual == "cumulative":
		return 0, known
	case i.Direction == "down":
		return i.round(target * (1.06 + 0.1*r.Float64())), known
	}
	if i.Unit == "%" || i.Unit == "岁" { // shares and ages move slowly
		return i.round(target * (0.88 + 0.08*r.Float64())), known
	}
	return i.round(target * (0.68 + 0.2*r.Float64())), known
}

// round keeps what is counted whole.
func (i *indicator) round(v float64) float64 {
	switch i.Unit {
	case "座", "家", "个", "天/年":
		return math.Round(v)
	}
	return math.Round(v*100) / 100
}

// value is where the indicator stands at the end of a period: on its way, some ahead
// and some behind.
func (i *indicator) value(end time.Time) fixed {
	base, _ := i.base()
	target, _ := i.Target.Float64()
	r := seeded("pace", i.ID)
	part := end.Sub(time.Date(baseYear+1, 1, 1, 0, 0, 0, 0, shanghai)).Hours() / 24 / (5 * 365.25)
	part = part*(0.75+0.5*r.Float64()) + 0.01*seeded("noise", i.ID, month(end)).Float64()
	return fixed{int64(math.Round(i.round(base+(target-base)*part) * 10000)), 4}
}

// quarterly are reported by the quarter, the others by the year.
func (i *indicator) quarterly() bool {
	switch i.ID[8:] {
	case "01", "02", "08", "09", "10", "11", "14", "15", "24", "25", "26":
		return true
	}
	return false
}

func (w *World) writeTargets(side Side, out *rows) {
	for _, i := range w.indicators {
		if !side.speaksFor(i.ID) {
			continue
		}
		var base, year any
		if v, known := i.base(); known {
			base, year = fixed{int64(math.Round(v * 10000)), 4}, baseYear
		}
		out.add("indicator", i.ID, "name", i.Name, "name_en", i.NameEN, "region", i.Region, "target", i.Target.String(), "target_year", i.Year, "unit", i.Unit, "unit_en", i.UnitEN,
			"direction", i.Direction, "accrual", i.Accrual, "clause", i.Clause, "baseline", base, "baseline_year", year, "note", i.Note+"基期值为"+Mark)
	}
}

// writeIndicators reports each of the plan's indicators for every period that is
// over, and the two belts for Ziyang's counties too.
func (w *World) writeIndicators(side Side, out *rows) {
	for n := range w.indicators {
		i := &w.indicators[n]
		if side.Region != dazu {
			switch i.ID {
			case "500111-I21":
				w.writeIndicator(i, lezhi, "flash", 300, out)
			case "500111-I22":
				w.writeIndicator(i, anyue, "flash", 500, out)
			}
			continue
		}
		w.writeIndicator(i, dazu, "flash", 1000, out)
	}
}

func (w *World) writeIndicator(i *indicator, region, stage string, perMille int64, out *rows) {
	put := func(period string, end time.Time) {
		v := i.value(end)
		v.n = v.n / 100 * perMille / 1000 * 100 // two digits are published
		out.add("indicator", i.ID, "region", region, "period", period, "value", v, "unit", i.Unit, "stage", stage, "source", "演示数据 generated")
	}
	for year := w.from.Year(); year < w.today.Year(); year++ {
		put(strconv.Itoa(year), time.Date(year+1, 1, 1, 0, 0, 0, 0, shanghai))
	}
	if i.quarterly() && stage == "flash" {
		for m := time.Date(w.from.Year()+1, 1, 1, 0, 0, 0, 0, shanghai); !m.AddDate(0, 3, 0).After(w.today); m = m.AddDate(0, 3, 0) {
			put(quarter(m), m.AddDate(0, 3, 0))
		}
	}
}

// reviseIndicators brings the final figures of the years, a little off.
func (w *World) reviseIndicators(side Side, out *rows) {
	if side.Region != dazu {
		return
	}
	for n := range w.indicators {
		if i := &w.indicators[n]; n%2 == 0 && i.round(0.5) == 0.5 { // what is counted was right
			w.writeIndicator(i, dazu, "final", 1006-int64(n%5)*2, out)
		}
	}
}
