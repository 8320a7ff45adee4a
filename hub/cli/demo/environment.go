package demo

import (
	"fmt"
	"time"
)

// airIndex is a station's AQI: the weather is the same for all, winters are hazy.
func airIndex(id string, d time.Time) int {
	sky := seeded("air", date(d))
	level := 35 + sky.IntN(35)
	if d.Month() <= 2 || d.Month() == 12 {
		level += 18
	}
	if sky.IntN(100) < 8 {
		level += 30 + sky.IntN(80)
	}
	return level + seeded("air", id, date(d)).IntN(15)
}

func grade(aqi int) string {
	for i, limit := range []int{50, 100, 150, 200, 300} {
		if aqi <= limit {
			return []string{"excellent", "good", "light", "moderate", "heavy"}[i]
		}
	}
	return "severe"
}

// writeAir gives each station each day's figures. A counter is off for some days, and
// some days have no figure of the whole region.
func (w *World) writeAir(side Side, out *rows) {
	for _, s := range stations {
		for _, d := range w.past() {
			if side.speaksFor(s.id) && seeded("off", s.id, date(d)).IntN(60) > 0 {
				w.writeAirDay(s.id, d, airIndex(s.id, d), out)
			}
		}
	}
}

func (w *World) writeAirDay(id string, d time.Time, aqi int, out *rows) {
	r := seeded("gas", id, date(d))
	pm25, o3, primary := int64(aqi)*7, int64(aqi)*12, ""
	summer := d.Month() >= 5 && d.Month() <= 9
	switch {
	case aqi > 100 && summer:
		pm25, o3, primary = 300, 1610+int64(aqi-100)*10, "O3"
	case aqi > 100:
		pm25, o3, primary = 760+int64(aqi-100)*8, 600, "PM2.5"
	case aqi > 50 && summer:
		pm25, o3, primary = 280, 1000+int64(aqi-50)*12, "O3"
	case aqi > 50:
		pm25, o3, primary = 350+int64(aqi-50)*8, 600, "PM2.5"
	}
	out.add("station_id", id, "day", day(d), "aqi", aqi, "grade", grade(aqi), "primary_pollutant", primary, "pm25", fixed{pm25, 1}, "pm10", fixed{pm25 * 14 / 10, 1},
		"so2", fixed{int64(60 + r.IntN(60)), 1}, "no2", fixed{int64(150 + r.IntN(200)), 1}, "co", fixed{int64(500 + r.IntN(500)), 3}, "o3_8h", fixed{o3, 1})
}

// reviseAir sets some days of hazy weeks right: sand from far away does not count.
func (w *World) reviseAir(side Side, out *rows) {
	for _, s := range stations {
		if s.kind != "city_mean" || !side.speaksFor(s.id) {
			continue
		}
		for _, d := range w.past() {
			if aqi := airIndex(s.id, d); aqi > 120 && seeded("sand", date(d)).IntN(4) == 0 {
				w.writeAirDay(s.id, d, aqi-40, out)
			}
		}
	}
}

// retractAir takes back four days of a broken instrument.
func (w *World) retractAir(side Side, out *rows) {
	if side.Region != dazu {
		for _, d := range days(w.ago(150), w.ago(146)) {
			if seeded("off", "512021-A01", date(d)).IntN(60) > 0 {
				out.add("station_id", "512021-A01", "day", day(d))
			}
		}
	}
}

var classes = []struct {
	name                     string
	ph, oxygen, permanganate int64
	cod, ammonia, phosphorus int64
}{
	{"I", 760, 8200, 1600, 9000, 90, 140}, {"II", 770, 7100, 3200, 12500, 360, 700}, {"III", 780, 5600, 5100, 18200, 820, 1500},
	{"IV", 790, 3600, 8300, 26500, 1320, 2500}, {"V", 800, 2500, 13000, 36800, 1820, 3600}, {"worse", 830, 1500, 17000, 48000, 2600, 5200},
}

// writeWater gives each section each month's class: mostly what it should be or
// better. One section was dry in a month.
func (w *World) writeWater(side Side, out *rows) {
	for _, s := range sections {
		for n, m := range w.wholeMonths() {
			if side.speaksFor(s.id) && (s.id != "512022-W02" || n != 15) {
				w.writeSection(s.id, m, 0, out)
			}
		}
	}
}

func (w *World) writeSection(id string, m time.Time, better int, out *rows) {
	x := seeded("water", id, month(m)).IntN(100)
	class := 2
	switch {
	case x < 25:
		class = 1
	case x >= 97:
		class = 5
	case x >= 88:
		class = 3
	}
	c := classes[class-better]
	exceeding := ""
	if class-better > 3 {
		exceeding = "总磷（1.6）"
	}
	out.add("section_id", id, "month", month(m), "quality_class", c.name, "ph", fixed{c.ph, 2}, "dissolved_oxygen", fixed{c.oxygen, 3}, "permanganate_index", fixed{c.permanganate, 3},
		"cod", fixed{c.cod, 3}, "ammonia_nitrogen", fixed{c.ammonia, 3}, "total_phosphorus", fixed{c.phosphorus, 4}, "exceeding_items", exceeding)
}

// reviseWater brings a quarter that a second laboratory judged one class better.
func (w *World) reviseWater(side Side, out *rows) {
	if side.Region == dazu {
		for _, m := range w.wholeMonths()[months-6 : months-3] {
			w.writeSection("500111-W04", m, 1, out)
		}
	}
}

var wastes = []struct {
	code, shipper, receiver string
}{
	{"900-214-08", "某汽修企业", "某再生资源企业"}, {"900-041-49", "某制造企业", "某处置企业"},
	{"900-052-31", "某电池企业", "某再生资源企业"}, {"336-064-17", "某五金企业", "某处置企业"},
}

// writeWaste ships about two loads a week each way. The last half-year's are first
// reported while they are on the road.
func (w *World) writeWaste(side Side, out *rows) { w.waste(side, false, out) }

// reviseWaste tells what became of those, but for a few that are still open.
func (w *World) reviseWaste(side Side, out *rows) { w.waste(side, true, out) }

func (w *World) waste(side Side, later bool, out *rows) {
	for n, d := range w.past() {
		r := seeded("waste", side.ID, date(d))
		if r.IntN(7) > 1 || later && d.Before(w.ago(180)) {
			continue
		}
		from, to, place := dazu, []string{yanjiang, anyue}[r.IntN(2)], "5001"
		if side.Region != dazu {
			from, to, place = to, dazu, "5120"
		}
		waste := wastes[r.IntN(len(wastes))]
		tonnes := int64(5_000 + r.IntN(300_000)) // in 0.0001 t
		status, x := "received", r.IntN(100)
		switch {
		case !later && !d.Before(w.ago(180)):
			status = "in_transit"
		case x < 3:
			status = "rejected"
		case x < 6:
			status = "cancelled"
		case later && (x < 12 || d.After(w.ago(4))):
			continue // still open
		}
		var on, weighed any
		if status == "received" {
			on, weighed = day(d.AddDate(0, 0, 1+r.IntN(2))), fixed{tonnes - int64(r.IntN(300)), 4}
		}
		out.add("region", from, "manifest_no", fmt.Sprintf("%d%s%06d", d.Year(), place, n+1), "to_region", to, "shipped_on", day(d), "waste_category", "HW"+waste.code[8:],
			"waste_code", waste.code, "shipped_tonnes", fixed{tonnes, 4}, "status", status, "received_on", on, "received_tonnes", weighed, "transport", "road",
			"disposal", "utilisation", "shipper", waste.shipper+"（演示）", "receiver", waste.receiver+"（演示）")
	}
}
