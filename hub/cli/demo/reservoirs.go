package demo

import (
	"math"
	"time"
)

// weather throws storms over the reservoirs: metres that each day's adds.
func (w *World) weather() map[string][]float64 {
	out := map[string][]float64{}
	for _, k := range reservoirs {
		for _, d := range append(w.past(), w.today) {
			r := seeded("storm", k.id, date(d))
			odds, height := 3, 0.0
			if d.Month() >= 5 && d.Month() <= 9 {
				odds = 9
			}
			if r.IntN(100) < odds {
				height = 0.5 + 2*r.Float64()
			}
			out[k.id] = append(out[k.id], height)
		}
	}
	return out
}

// hourly says whether a reservoir tells each hour: in the flood season and in the last
// three months. In winter it tells eight o'clock.
func (w *World) hourly(d time.Time) bool {
	return d.Month() >= 5 && d.Month() <= 9 || !d.Before(w.fine())
}

// silent is a night in which the telemetry was down.
func (w *World) silent(k reservoir, at time.Time) bool {
	return k.id == "512021-K01" && within(at, w.ago(50).Add(20*time.Hour), w.ago(49).Add(7*time.Hour))
}

func (w *World) writeLevels(side Side, out *rows) {
	for _, k := range reservoirs {
		if !side.speaksFor(k.id) {
			continue
		}
		for n, d := range append(w.past(), w.today) {
			for hour := range 24 {
				at := d.Add(time.Duration(hour) * time.Hour)
				if at.Before(w.until) && (hour == 8 || w.hourly(d)) && !w.silent(k, at) {
					w.writeLevel(k, n, hour, at, 0, out)
				}
			}
		}
	}
}

func (w *World) writeLevel(k reservoir, n, hour int, at time.Time, add int64, out *rows) {
	usual := k.limit
	if usual == 0 {
		usual = k.full - 250
	}
	// A storm breaks at two o'clock, and what it left runs off within four days.
	metres, rain := -0.9+0.4*math.Sin(float64(n)/58), int64(0)
	for back := 0; back <= 4 && back <= n; back++ {
		height := w.storms[k.id][n-back]
		since := float64(back*24 + hour - 2)
		if height == 0 || since < 0 {
			continue
		}
		metres += height * math.Exp(-since/30)
		if since < 6 {
			rain = int64(height * 60)
		}
	}
	level := min(usual+int64(metres*100)+add, k.full)
	storage := k.capacity*60 + k.capacity*40*(level-k.dead)/(k.full-k.dead)
	source := "auto"
	if add != 0 {
		source = "manual"
	}
	out.add("reservoir_id", k.id, "observed_at", at, "water_level", fixed{level, 2}, "storage", fixed{storage, 2}, "rainfall", fixed{rain, 1}, "source", source)
}

// reviseLevels reads a staff gauge where the sensor had drifted.
func (w *World) reviseLevels(side Side, out *rows) {
	if side.Region == dazu {
		n := int(w.ago(110).Sub(w.from).Hours()) / 24
		for hour := range 24 {
			at := w.ago(110).Add(time.Duration(hour) * time.Hour)
			if hour == 8 || w.hourly(at) {
				w.writeLevel(reservoirs[0], n, hour, at, 140, out)
			}
		}
	}
}
