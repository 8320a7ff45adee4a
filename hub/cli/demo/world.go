// Package demo makes up three years of figures of both sides, for every dataset:
// the same in every run that ends on the same day. Everything in it says that it
// is generated.
package demo

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/zida-hub/zida/schemas"
)

// Mark stands in the names of everything that is made up.
const Mark = "（演示数据 generated）"

const (
	months   = 36 // how much of the past is filled, beside the month that runs
	fineDays = 92 // how much of it in intervals of five minutes, or by the hour
)

// shanghai needs no zone database: China has had no daylight saving since 1991.
var shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)

// Side is one of the two agencies that the demo plays.
type Side struct {
	ID, Name, Region string
	Short            string // begins the ids of its users
}

// Sides are the two of them.
var Sides = []Side{
	{"dazu-wlj", "大足区文化和旅游发展委员会（演示）", dazu, "dazu"},
	{"ziyang-wglj", "资阳市文化广播电视和旅游局（演示）", ziyang, "ziyang"},
}

// The regions that take part.
const (
	dazu     = "500111"
	ziyang   = "512000"
	yanjiang = "512002"
	anyue    = "512021"
	lezhi    = "512022"
)

// speaksFor says whether a region, or what bears its code, is the side's: 512000
// covers 5120xx.
func (s Side) speaksFor(code string) bool {
	return code[:2] == s.Region[:2]
}

// other is the region that stands for the other side.
func (s Side) other() string {
	if s.Region == dazu {
		return ziyang
	}
	return dazu
}

// World makes up figures. Every figure is drawn from the name of what it belongs
// to, so the same day of the same spot is the same in every run.
type World struct {
	until time.Time // figures end here
	today time.Time // its midnight
	from  time.Time // the first day of a month

	spots      []spot
	parks      []park
	indicators []indicator
	storms     map[string][]float64 // by reservoir, a height for each day since from
}

// spot is a spot of the starter list with the size that the demo gives it.
type spot struct {
	ID     string `json:"spot_id"`
	Name   string `json:"name"`
	Region string `json:"region"`
	daily  int    // people it may hold a day
	price  int    // 元
	single bool   // pushes single redemptions
}

type park struct {
	ID      string `json:"park_id"`
	Name    string `json:"name"`
	Region  string `json:"region"`
	Kind    string `json:"kind"`
	Partner string `json:"partner_region"`
}

type indicator struct {
	ID        string      `json:"indicator"`
	Name      string      `json:"name"`
	Region    string      `json:"region"`
	Target    json.Number `json:"target"`
	Year      int         `json:"target_year"`
	Unit      string      `json:"unit"`
	UnitEN    string      `json:"unit_en"`
	NameEN    string      `json:"name_en"`
	Direction string      `json:"direction"`
	Accrual   string      `json:"accrual"`
	Clause    string      `json:"clause"`
	Note      string      `json:"note"`
}

// New makes the world as it stands at an instant.
func New(until time.Time) (*World, error) {
	w := &World{until: until.In(shanghai).Truncate(5 * time.Minute)}
	w.today = dayOf(w.until)
	w.from = w.today.AddDate(0, 0, 1-w.today.Day()).AddDate(0, -months, 0)
	for list, into := range map[string]any{"scenic_spot": &w.spots, "industrial_park": &w.parks, "indicator": &w.indicators} {
		if err := starter(list, into); err != nil {
			return nil, err
		}
	}
	for i := range w.spots {
		s := &w.spots[i]
		r := seeded("spot", s.ID)
		s.daily = 1000 * (4 + r.IntN(30))
		s.price = 10 * r.IntN(12)
		if s.single = singles[s.ID]; s.single {
			s.price = max(s.price, 30)
		}
	}
	w.storms = w.weather()
	return w, nil
}

// starter reads a list that comes with the hub.
func starter(list string, into any) error {
	rows, ok := schemas.StarterRows(list)
	if !ok {
		return fmt.Errorf("the starter list %s is missing", list)
	}
	lines := strings.Split(strings.TrimSpace(string(rows)), "\n")
	if err := json.Unmarshal([]byte("["+strings.Join(lines, ",")+"]"), into); err != nil {
		return fmt.Errorf("starter list %s: %w", list, err)
	}
	return nil
}

func seeded(words ...any) *rand.Rand {
	h := fnv.New64a()
	for _, word := range words {
		_, _ = fmt.Fprint(h, word)
		_, _ = io.WriteString(h, "\x00")
	}
	return rand.New(rand.NewPCG(h.Sum64(), 0x7a696461)) //nolint:gosec // made-up figures, the same in every run
}

func dayOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, shanghai)
}

// days are those from one to before another, oldest first.
func days(from, to time.Time) []time.Time {
	out := make([]time.Time, 0, int(to.Sub(from).Hours()/24)+1)
	for d := from; d.Before(to); d = d.AddDate(0, 0, 1) {
		out = append(out, d)
	}
	return out
}

// past are the days that are over.
func (w *World) past() []time.Time { return days(w.from, w.today) }

// ago is the midnight some days before today.
func (w *World) ago(n int) time.Time { return w.today.AddDate(0, 0, -n) }

// fine is the first day with figures finer than a day.
func (w *World) fine() time.Time { return w.ago(fineDays - 1) }

// wholeMonths are the months that are over, oldest first.
func (w *World) wholeMonths() []time.Time {
	out := make([]time.Time, months)
	for i := range out {
		out[i] = w.from.AddDate(0, i, 0)
	}
	return out
}

func within(t, from, to time.Time) bool { return !t.Before(from) && t.Before(to) }

func date(t time.Time) string    { return t.Format(time.DateOnly) }
func month(t time.Time) string   { return t.Format("2006-01") }
func quarter(t time.Time) string { return fmt.Sprintf("%d-Q%d", t.Year(), (int(t.Month())+2)/3) }
