package analytics

import (
	"time"

	"github.com/zida-hub/zida/schemas"
)

// Grain is the width of a time bucket.
type Grain string

// The grains. Every bucket begins in Asia/Shanghai; a week begins on Monday.
const (
	GrainNone        Grain = ""
	GrainFiveMinutes Grain = "5min"
	GrainHour        Grain = "hour"
	GrainDay         Grain = "day"
	GrainWeek        Grain = "week"
	GrainMonth       Grain = "month"
	GrainQuarter     Grain = "quarter"
	GrainYear        Grain = "year"
)

// buckets are the grains, finest first, with the bucket of a local time %.
var buckets = []struct {
	grain Grain
	sql   string
}{
	{GrainFiveMinutes, "toStartOfFiveMinutes(%)"},
	{GrainHour, "toStartOfHour(%)"},
	{GrainDay, "toDate32(%)"},
	{GrainWeek, "toDate32(toMonday(%))"},
	{GrainMonth, "toDate32(toStartOfMonth(%))"},
	{GrainQuarter, "toDate32(toStartOfQuarter(%))"},
	{GrainYear, "toDate32(toStartOfYear(%))"},
}

func (g Grain) rank() int {
	for i, b := range buckets {
		if b.grain == g {
			return i
		}
	}
	return -1
}

func (g Grain) finerThanDay() bool { return g == GrainFiveMinutes || g == GrainHour }

// finest is the finest grain that a contract's event time allows.
func finest(c *schemas.Contract) Grain {
	switch c.Properties[c.Time].Type {
	case schemas.TypeTimestamp:
		return GrainFiveMinutes
	case schemas.TypeDate:
		return GrainDay
	}
	return GrainMonth
}

// timeRange is [from, to) as instants; a zero time is an open end.
type timeRange struct{ from, to time.Time }

var timeLayouts = []string{"2006-01-02", time.RFC3339Nano, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01", "2006"}

// parseTime reads a day, month or year of Asia/Shanghai (its first instant), or an
// instant of RFC 3339. Anything finer than a millisecond is refused.
func parseTime(text string) (time.Time, bool) {
	if len(text) > len("2006-01-02T15:04:05.000000000+08:00") {
		return time.Time{}, false
	}
	for _, layout := range timeLayouts {
		if t, err := time.ParseInLocation(layout, text, shanghai); err == nil {
			ok := t.Year() >= 1900 && t.Year() <= 2299 && t.Equal(t.Truncate(time.Millisecond))
			return t.In(shanghai), ok // the years that DateTime64 and Date32 hold
		}
	}
	return time.Time{}, false
}

// shift moves time forward from the range compared with to the range asked for.
type shift struct {
	months, days int
	millis       int64
	// exactly keeps only times that moving there and back leaves as they are, so that
	// 29 February of a leap year is not added to the 28th of another.
	exactly bool
}

func (s shift) none() bool { return s == shift{} }

// back is t moved from the range asked for to the range compared with.
func (s shift) back(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return addMonths(t, -s.months).AddDate(0, 0, -s.days).Add(-time.Duration(s.millis) * time.Millisecond)
}

// addMonths keeps to the month: 31 January and one month is the last day of February.
func addMonths(t time.Time, months int) time.Time {
	if months == 0 {
		return t
	}
	moved := t.AddDate(0, months, 0)
	if moved.Day() != t.Day() {
		moved = moved.AddDate(0, 0, -moved.Day())
	}
	return moved
}

// Comparisons.
const (
	ComparePreviousPeriod = "previous_period"
	ComparePreviousYear   = "previous_year"
)

// shiftFor is how far a comparison reaches back. previous_year takes the same days of the
// year before, with weeks the same weeks (52 before). previous_period takes the range of
// the same length just before: whole months for a range of whole months without a grain
// or with one of months and longer, else the same number of days or milliseconds.
func shiftFor(compare string, r timeRange, grain Grain) shift {
	if compare == ComparePreviousYear {
		if grain == GrainWeek {
			return shift{days: 52 * 7}
		}
		return shift{months: 12, exactly: grain.rank() >= 0 && grain.rank() <= GrainDay.rank()}
	}
	if months := wholeMonths(r); months > 0 && (grain == GrainNone || grain.rank() >= GrainMonth.rank()) {
		return shift{months: months}
	}
	if isMidnight(r.from) && isMidnight(r.to) {
		return shift{days: daysBetween(r)}
	}
	return shift{millis: r.to.Sub(r.from).Milliseconds()}
}

func isMidnight(t time.Time) bool {
	t = t.In(shanghai)
	return t.Equal(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, shanghai))
}

func daysBetween(r timeRange) int {
	from, to := r.from.In(shanghai), r.to.In(shanghai)
	day := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC) }
	return int(day(to).Sub(day(from)).Hours()) / 24
}

// wholeMonths is the number of months in a range that begins and ends with one, else 0.
func wholeMonths(r timeRange) int {
	from, to := r.from.In(shanghai), r.to.In(shanghai)
	if !isMidnight(from) || !isMidnight(to) || from.Day() != 1 || to.Day() != 1 {
		return 0
	}
	return (to.Year()-from.Year())*12 + int(to.Month()) - int(from.Month())
}
