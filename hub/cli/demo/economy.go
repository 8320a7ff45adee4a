package demo

import (
	"fmt"
	"strconv"
	"time"
)

// belts are the farming belts: what each county has, in units of 0.01.
var belts = []struct {
	region, product string
	size            int64
}{
	{dazu, "black_goat", 6200}, {lezhi, "black_goat", 5400}, {anyue, "black_goat", 2100}, {yanjiang, "black_goat", 1300},
	{anyue, "lemon", 5700}, {dazu, "lemon", 310}, {lezhi, "lemon", 120}, {dazu, "rice_plus", 1400}, {dazu, "rape_shoot", 620}, {yanjiang, "rice_plus", 240},
}

// writeBelts reports half-years and years; what is first said of a year is a flash figure.
func (w *World) writeBelts(side Side, out *rows) {
	for n, b := range belts {
		if !side.speaksFor(b.region) {
			continue
		}
		for year := w.from.Year() + 1; year <= w.today.Year(); year++ {
			missing := n == 3 && year == w.today.Year() // Yanjiang's last half-year
			if !missing && !time.Date(year, 7, 1, 0, 0, 0, 0, shanghai).After(w.today) {
				w.writeBelt(n, fmt.Sprint(year, "-H1"), int64(year-2023)*8-6, "preliminary", out)
			}
			if year == w.today.Year() {
				continue
			}
			if n == 0 { // the last quarter's flash figure stays beside the year's
				w.writeBelt(n, fmt.Sprint(year, "-Q4"), int64(year-2023)*8-2, "flash", out)
			}
			w.writeBelt(n, strconv.Itoa(year), int64(year-2023)*8, "preliminary", out)
		}
	}
}

func (w *World) writeBelt(n int, period string, grown int64, stage string, out *rows) {
	b := belts[n]
	size := b.size*100*(100+grown)/100 + int64(seeded("belt", b.region, b.product, period).IntN(90))
	unit, stock, sold := "万亩", any(nil), any(nil)
	if b.product == "black_goat" {
		unit, stock, sold = "万只", fixed{size * 46 / 100, 4}, fixed{size - size*46/100, 4}
	}
	out.add("region", b.region, "product", b.product, "period", period, "quantity", fixed{size, 4}, "unit", unit, "stock", stock, "sold", sold, "stage", stage)
}

// reviseBelts brings last year's final figures.
func (w *World) reviseBelts(side Side, out *rows) {
	for n, b := range belts {
		if side.speaksFor(b.region) && n%2 == 0 {
			year := w.today.Year() - 1
			w.writeBelt(n, strconv.Itoa(year), int64(year-2023)*8+3, "final", out)
		}
	}
}

// trade is a region's imports and exports of a month, in 0.01 万元.
func trade(region string, m time.Time, revised bool) (imports, exports int64) {
	size := map[string]int64{dazu: 9_000_000, ziyang: 5_200_000, anyue: 900_000}[region]
	r := seeded("trade", region, month(m))
	size = size * int64(80+(m.Year()-2023)*9+r.IntN(25)) / 100
	if revised {
		size = size * 102 / 100
	}
	return size * 28 / 100, size * 72 / 100
}

// lateTrade is a month that Ziyang sent after the others.
func (w *World) lateTrade(region string, m time.Time) bool {
	return region == ziyang && m.Equal(w.from.AddDate(0, months-3, 0))
}

// writeTrade reports the months with the customs' sums since January. Ziyang has
// January and February as one, and Anyue's figures beside the city's that hold them.
// Dazu had no sums in the first whole year, so that they are made of its months.
func (w *World) writeTrade(side Side, out *rows) {
	for _, region := range []string{dazu, ziyang, anyue} {
		for _, m := range w.wholeMonths() {
			if side.speaksFor(region) && !w.lateTrade(region, m) && m.Year() > w.from.Year() {
				w.writeTradeMonth(region, m, false, out)
			}
		}
	}
}

func (w *World) writeTradeMonth(region string, m time.Time, revised bool, out *rows) {
	if region == ziyang && m.Month() == time.January {
		return
	}
	imports, exports := trade(region, m, revised)
	sum := int64(0)
	for at := time.Date(m.Year(), 1, 1, 0, 0, 0, 0, shanghai); !at.After(m); at = at.AddDate(0, 1, 0) {
		i, e := trade(region, at, revised)
		sum += i + e
		if region == ziyang && m.Month() == time.February && at.Before(m) {
			imports, exports = imports+i, exports+e
		}
	}
	ytd := any(fixed{sum, 2})
	if region == dazu && m.Year() == w.from.Year()+1 {
		ytd = nil
	}
	total := imports + exports
	out.add("region", region, "month", month(m), "imports", fixed{imports, 2}, "exports", fixed{exports, 2}, "total", fixed{total, 2}, "total_ytd", ytd,
		"general_trade", fixed{total * 80 / 100, 2}, "processing_trade", fixed{total * 15 / 100, 2})
}

// reviseTrade brings the late month, and last year's months as the customs revised them.
func (w *World) reviseTrade(side Side, out *rows) {
	for _, m := range w.wholeMonths() {
		switch {
		case side.Region == ziyang && w.lateTrade(ziyang, m):
			w.writeTradeMonth(ziyang, m, false, out)
		case side.Region == dazu && m.Year() == w.today.Year()-1:
			w.writeTradeMonth(dazu, m, true, out)
		}
	}
}

// companies of a region at first, and high-tech ones among them.
var companies = []struct {
	region     string
	tech, high int
}{{dazu, 980, 210}, {ziyang, 1350, 240}, {yanjiang, 560, 110}, {anyue, 380, 62}, {lezhi, 260, 44}}

// writeCompanies reports quarters. Ziyang left one out, and its counties report too.
func (w *World) writeCompanies(side Side, out *rows) {
	for n := range companies {
		i := 0
		for m := w.from.AddDate(0, 2, 0); !m.AddDate(0, 3, 0).After(w.today); m = m.AddDate(0, 3, 0) {
			if i++; side.speaksFor(companies[n].region) && (companies[n].region != ziyang || i != 6) {
				w.writeCompany(n, i, m, 0, out)
			}
		}
	}
}

func (w *World) writeCompany(n, i int, m time.Time, add int, out *rows) {
	c := companies[n]
	r := seeded("company", c.region, month(m))
	tech := c.tech*(100+i*4)/100 + add
	contracts := 4 + r.IntN(40)
	out.add("region", c.region, "quarter", quarter(m), "tech_companies", tech, "tech_smes", tech*38/100, "high_tech_companies", c.high*(100+i*5)/100,
		"innovation_platforms", c.high/4+i, "invention_patents", c.tech/2+i*12+r.IntN(9), "tech_contracts", contracts, "tech_contract_value", fen(int64(contracts)*138_000_000+int64(r.IntN(90_000))))
}

// reviseCompanies counts the last quarter anew.
func (w *World) reviseCompanies(side Side, out *rows) {
	if side.Region == dazu {
		i, last := 0, w.from
		for m := w.from.AddDate(0, 2, 0); !m.AddDate(0, 3, 0).After(w.today); m = m.AddDate(0, 3, 0) {
			i, last = i+1, m
		}
		w.writeCompany(0, i, last, 7, out)
	}
}
