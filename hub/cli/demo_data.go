package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/zida-hub/zida/schemas"
)

// demoMark stands in the names of everything that the demo makes up.
const demoMark = "（演示数据 generated）"

// demoDays is how much of the past the demo fills.
const demoDays = 92

// shanghai needs no zone database: China has had no daylight saving since 1991.
var shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)

// demoSpot is a spot of the starter list with the size that the demo gives it.
type demoSpot struct {
	ID     string `json:"spot_id"`
	Name   string `json:"name"`
	Region string `json:"region"`
	daily  int    // people it may hold a day
	price  int    // 元
}

type demoPark struct {
	ID     string `json:"park_id"`
	Region string `json:"region"`
}

type demoIndicator struct {
	ID     string `json:"indicator"`
	Region string `json:"region"`
	Target string `json:"target"`
	Unit   string `json:"unit"`
}

// demoWorld makes up figures. Every figure is drawn from the name of what it
// belongs to, so the same day of the same spot is the same in every run.
type demoWorld struct {
	until      time.Time // figures end here
	spots      []demoSpot
	parks      []demoPark
	indicators []demoIndicator
}

func newDemoWorld(until time.Time) (*demoWorld, error) {
	w := &demoWorld{until: until.In(shanghai).Truncate(5 * time.Minute)}
	if err := starter("scenic_spot", &w.spots); err != nil {
		return nil, err
	}
	if err := starter("industrial_park", &w.parks); err != nil {
		return nil, err
	}
	if err := starter("indicator", &w.indicators); err != nil {
		return nil, err
	}
	for i := range w.spots {
		r := seeded("spot", w.spots[i].ID)
		w.spots[i].daily = 1000 * (4 + r.IntN(30))
		w.spots[i].price = 10 * r.IntN(12)
	}
	return w, nil
}

func starter[T any](list string, into *[]T) error {
	rows, ok := schemas.StarterRows(list)
	if !ok {
		return fmt.Errorf("the starter list %s is missing", list)
	}
	dec := json.NewDecoder(strings.NewReader(string(rows)))
	for {
		var v T
		if err := dec.Decode(&v); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("starter list %s: %w", list, err)
		}
		*into = append(*into, v)
	}
}

func seeded(words ...any) *rand.Rand {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, words...)
	return rand.New(rand.NewPCG(h.Sum64(), 0x7a696461))
}

// days answers the days of the past that are filled, oldest first, today last.
func (w *demoWorld) days() []time.Time {
	today := time.Date(w.until.Year(), w.until.Month(), w.until.Day(), 0, 0, 0, 0, shanghai)
	out := make([]time.Time, 0, demoDays)
	for back := demoDays - 1; back >= 0; back-- {
		out = append(out, today.AddDate(0, 0, -back))
	}
	return out
}

// demoFile writes one dataset's records of one side.
type demoFile struct {
	dataset string
	write   func(w *demoWorld, out *bufio.Writer, mine func(region string) bool)
}

// demoFiles come in the order that they depend on each other.
var demoFiles = []demoFile{
	{"scenic_spot", (*demoWorld).writeSpots},
	{"tourism_flow", (*demoWorld).writeFlow},
	{"ticket_recognition", (*demoWorld).writeTickets},
	{"park_monthly", (*demoWorld).writeParks},
	{"indicator_value", (*demoWorld).writeIndicators},
}

func (w *demoWorld) writeSpots(out *bufio.Writer, mine func(string) bool) {
	for _, s := range w.spots {
		if mine(s.Region) {
			_, _ = fmt.Fprintf(out, `{"spot_id":%q,"name":%q,"region":%q,"instant_capacity":%d,"daily_capacity":%d,"ticket_price":"%d.00","ticket_reporting":"daily"}`+"\n",
				s.ID, s.Name+demoMark, s.Region, s.daily*2/5, s.daily, s.price)
		}
	}
}

// writeFlow gives each spot a figure every five minutes from 8 to 18 o'clock, and
// the day's own figure for the days that are over: the gate's daily closing, a
// little above what the counters saw.
func (w *demoWorld) writeFlow(out *bufio.Writer, mine func(string) bool) {
	const open, intervals = 8, 120
	for _, s := range w.spots {
		if !mine(s.Region) {
			continue
		}
		for _, day := range w.days() {
			r := seeded("flow", s.ID, day.Format("2006-01-02"))
			total := float64(s.daily) * dayShare(day, r)
			inside, sum := 0, 0
			for i := range intervals {
				at := day.Add(open*time.Hour + time.Duration(i)*5*time.Minute)
				if !at.Before(w.until) {
					break
				}
				// People come around ten and leave around three.
				entries := int(total*bell(i, 28, 22)/5*(0.7+0.6*r.Float64()) + r.Float64())
				exits := min(inside, int(total*bell(i, 84, 24)/5*(0.7+0.6*r.Float64())))
				if i == intervals-1 {
					exits = inside + entries
				}
				inside += entries - exits
				sum += entries
				_, _ = fmt.Fprintf(out, `{"spot_id":%q,"observed_at":%q,"interval_minutes":5,"entries":%d,"exits":%d,"in_park":%d,"source":"estimate"}`+"\n",
					s.ID, at.Format(time.RFC3339), entries, exits, inside)
			}
			if closed := day.Add(19 * time.Hour); closed.Before(w.until) {
				_, _ = fmt.Fprintf(out, `{"spot_id":%q,"observed_at":%q,"interval_minutes":1440,"entries":%d,"source":"estimate"}`+"\n",
					s.ID, day.Format(time.RFC3339), sum+r.IntN(1+sum/50))
			}
		}
	}
}

// dayShare is the part of a spot's capacity that a day fills: more at weekends and
// in the first week of May and October.
func dayShare(day time.Time, r *rand.Rand) float64 {
	share := 0.15 + 0.15*r.Float64()
	switch {
	case (day.Month() == time.October || day.Month() == time.May) && day.Day() <= 7:
		share += 0.55
	case day.Weekday() == time.Saturday || day.Weekday() == time.Sunday:
		share += 0.25
	}
	return share
}

// bell is the share of a day's people in the i-th interval of five, around a middle.
func bell(i int, middle, width float64) float64 {
	x := (float64(i) - middle) / width
	return 5 * math.Exp(-x*x/2) / (width * math.Sqrt(2*math.Pi))
}

// writeTickets lets each spot redeem tickets that the other side issued.
func (w *demoWorld) writeTickets(out *bufio.Writer, mine func(string) bool) {
	days := w.days()
	for _, s := range w.spots {
		if !mine(s.Region) || s.price == 0 {
			continue
		}
		issuer := "512000"
		if strings.HasPrefix(s.Region, "51") {
			issuer = "500111"
		}
		for _, day := range days[:len(days)-1] { // today's is not closed yet
			r := seeded("ticket", s.ID, day.Format("2006-01-02"))
			for _, t := range []struct {
				kind    string
				percent int
				share   float64
			}{{"adult", 100, 0.02}, {"student", 50, 0.006}, {"free", 0, 0.004}} {
				count := int(float64(s.daily) * dayShare(day, r) * t.share)
				face := s.price * 100 * t.percent / 100 // 分
				_, _ = fmt.Fprintf(out, `{"spot_id":%q,"day":%q,"issuer_region":%q,"ticket_type":%q,"count":%d,"face_value":"%s","settlement_price":"%s"}`+"\n",
					s.ID, day.Format("2006-01-02"), issuer, t.kind, count, yuan(int64(face)), yuan(int64(face*7/10)))
			}
		}
	}
}

// yuan writes 分 as exact 元.
func yuan(fen int64) string { return fmt.Sprintf("%d.%02d", fen/100, fen%100) }

// writeParks gives each park the last fifteen whole months, so that a year can be
// compared with the one before.
func (w *demoWorld) writeParks(out *bufio.Writer, mine func(string) bool) {
	this := time.Date(w.until.Year(), w.until.Month(), 1, 0, 0, 0, 0, shanghai)
	for _, p := range w.parks {
		if !mine(p.Region) {
			continue
		}
		size := seeded("park", p.ID)
		output := int64(20_000_000_000 + size.IntN(120_000_000_000)) // 分 a month
		area := int64(200_000 + size.IntN(900_000))                  // hundredths of 亩
		for back := 15; back >= 1; back-- {
			month := this.AddDate(0, -back, 0)
			r := seeded("month", p.ID, month.Format("2006-01"))
			made := output * int64(100+15-back+r.IntN(12)) / 100
			_, _ = fmt.Fprintf(out, `{"park_id":%q,"month":%q,"output_value":"%s","revenue":"%s","tax":"%s","industrial_investment":"%s","employees":%d,"area_mu":"%s","energy_tce":"%d.%03d"}`+"\n",
				p.ID, month.Format("2006-01"), yuan(made), yuan(made*94/100), yuan(made*4/100), yuan(made*9/100),
				made/9_000_000, yuan(area), made/130_000_000, r.IntN(1000))
		}
	}
}

// writeIndicators reports each of the plan's indicators for the last four quarters
// on its way to the target.
func (w *demoWorld) writeIndicators(out *bufio.Writer, mine func(string) bool) {
	for _, ind := range w.indicators {
		if !mine(ind.Region) {
			continue
		}
		var target float64
		if _, err := fmt.Sscan(ind.Target, &target); err != nil {
			continue
		}
		quarter := time.Date(w.until.Year(), (w.until.Month()-1)/3*3+1, 1, 0, 0, 0, 0, shanghai)
		for back := 4; back >= 1; back-- {
			at := quarter.AddDate(0, -3*back, 0)
			r := seeded("indicator", ind.ID, at.Format("2006-01"))
			value := target * (0.80 - 0.03*float64(back) + 0.02*r.Float64())
			_, _ = fmt.Fprintf(out, `{"indicator":%q,"region":%q,"period":"%d-Q%d","value":"%.4f","unit":%q,"stage":"flash","source":"演示数据 generated"}`+"\n",
				ind.ID, ind.Region, at.Year(), (int(at.Month())-1)/3+1, value, ind.Unit)
		}
	}
}
