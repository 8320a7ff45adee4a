package demo

import (
	"math"
	"math/rand/v2"
	"time"
)

// Holidays as the State Council set them, first day and last. Spring Festival and
// the two weeks of May Day and National Day draw the crowds.
var holidays = []struct {
	from, to string
	crowd    float64 // how much of a spot's capacity they add
}{
	{"2023-12-30", "2024-01-01", 0.25}, {"2024-02-10", "2024-02-17", 0.60}, {"2024-04-04", "2024-04-06", 0.35},
	{"2024-05-01", "2024-05-05", 0.55}, {"2024-06-08", "2024-06-10", 0.30}, {"2024-09-15", "2024-09-17", 0.30}, {"2024-10-01", "2024-10-07", 0.65},
	{"2025-01-01", "2025-01-01", 0.25}, {"2025-01-28", "2025-02-04", 0.60}, {"2025-04-04", "2025-04-06", 0.35},
	{"2025-05-01", "2025-05-05", 0.55}, {"2025-05-31", "2025-06-02", 0.30}, {"2025-10-01", "2025-10-08", 0.65},
	{"2026-01-01", "2026-01-03", 0.25}, {"2026-02-15", "2026-02-23", 0.60}, {"2026-04-04", "2026-04-06", 0.35},
	{"2026-05-01", "2026-05-05", 0.55}, {"2026-06-19", "2026-06-21", 0.30}, {"2026-09-25", "2026-09-27", 0.30}, {"2026-10-01", "2026-10-07", 0.65},
}

// seasons are the months' share of a usual crowd.
var seasons = [...]float64{0.7, 0.85, 1.1, 1.25, 1.1, 0.9, 1.0, 1.05, 1.0, 1.2, 0.95, 0.7}

// crowds are the days that holidays fill, by their date.
var crowds = func() map[string]float64 {
	out := map[string]float64{}
	for _, h := range holidays {
		from, _ := time.ParseInLocation(time.DateOnly, h.from, shanghai)
		to, _ := time.ParseInLocation(time.DateOnly, h.to, shanghai)
		for _, d := range days(from, to.AddDate(0, 0, 1)) {
			// Least on the last day, when people travel home.
			out[date(d)] = h.crowd * (1 - 0.4*float64(d.Sub(from))/float64(to.Sub(from)+24*time.Hour))
		}
	}
	return out
}()

// crowdOf is what a day's holiday adds. Years that the list does not know yet have
// only the holidays whose date is fixed.
func crowdOf(day time.Time) float64 {
	if c, ok := crowds[date(day)]; ok {
		return c
	}
	if day.Year() > 2026 {
		switch {
		case day.Month() == time.October && day.Day() <= 7, day.Month() == time.May && day.Day() <= 5:
			return 0.5
		case day.Month() == time.January && day.Day() == 1:
			return 0.25
		}
	}
	return 0
}

func weekend(day time.Time) bool {
	return day.Weekday() == time.Saturday || day.Weekday() == time.Sunday
}

// working says whether offices are open; the Saturdays that make up for holidays count as free.
func working(day time.Time) bool { return !weekend(day) && crowdOf(day) == 0 }

// dayShare is the part of a spot's capacity that a day fills.
func dayShare(day time.Time, r *rand.Rand) float64 {
	share := (0.12 + 0.12*r.Float64()) * seasons[day.Month()-1]
	crowd := crowdOf(day)
	if crowd == 0 && weekend(day) {
		crowd = 0.2 * seasons[day.Month()-1]
	}
	share += crowd * (0.9 + 0.2*r.Float64())
	// A little more each year.
	return math.Min(1.05, share*(1+0.06*float64(day.Year()-2024)))
}

// bell is the share of a day's people in the i-th interval, around a middle.
func bell(i int, middle, width float64) float64 {
	x := (float64(i) - middle) / width
	return math.Exp(-x*x/2) / (width * math.Sqrt(2*math.Pi))
}
