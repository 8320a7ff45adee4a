package demo

import (
	"fmt"
	"time"
)

// note is a line on the charts.
type note struct {
	region, id, text, english, kind, dataset string
	on                                       time.Time
}

// holidayNotes name the holidays that draw the crowds, and which side notes them: a
// day that both know of is noted once.
var holidayNotes = []struct {
	from, to                  time.Month // in which they begin
	region, id, text, english string
}{
	{time.January, time.February, ziyang, "spring-festival", "春节假期", "Spring Festival holiday"},
	{time.May, time.May, ziyang, "may-day", "劳动节假期", "May Day holiday"},
	{time.October, time.October, dazu, "national-day", "国庆假期", "National Day holiday"},
}

// notes are those of both sides: holidays, the largest festivals, and what the other
// figures of the demo show without saying why.
func (w *World) notes() []note {
	var all []note
	for _, h := range holidays {
		first, _ := time.ParseInLocation(time.DateOnly, h.from, shanghai)
		last, _ := time.ParseInLocation(time.DateOnly, h.to, shanghai)
		for _, n := range holidayNotes {
			if h.crowd >= 0.5 && first.Month() >= n.from && first.Month() <= n.to && within(first, w.from, w.today.AddDate(0, 0, 60)) {
				all = append(all, note{n.region, n.id, fmt.Sprintf("%s（至%d月%d日）", n.text, last.Month(), last.Day()), n.english + ", until " + last.Format("2 January"), "节假日", "", first})
			}
		}
	}
	for year := w.from.Year(); year <= w.today.Year(); year++ {
		for _, e := range []struct {
			region, id, text, english string
			month                     time.Month
			day                       int
		}{
			{dazu, "carvings-festival", "大足石刻国际旅游文化节开幕", "Dazu Rock Carvings culture festival opens", time.October, 2},
			{anyue, "grotto-festival", "安岳石窟文化旅游节开幕", "Anyue grotto culture festival opens", time.April, 26},
		} {
			if on := time.Date(year, e.month, e.day, 0, 0, 0, 0, shanghai); within(on, w.from, w.today) {
				all = append(all, note{e.region, e.id, e.text, e.english, "活动", "", on})
			}
		}
	}
	return append(all,
		note{dazu, "closing-figure", "节假日客流改按售票系统核定", "Holiday visitors are now taken from the ticket office", "口径", "tourism_flow", w.ago(300)},
		note{dazu, "gates", "各景区客流改为每五分钟报送", "Spots now report every five minutes", "口径", "tourism_flow", w.fine()},
		note{lezhi, "closed", "暴雨后道路抢修，陈毅故里闭园一周", "Chen Yi's birthplace is closed for a week: the road is mended after heavy rain", "天气", "", w.ago(75)})
}

func (w *World) writeNotes(side Side, out *rows) {
	for _, n := range w.notes() {
		w.writeNote(side, n, out)
	}
}

// reviseNotes explains the week whose sample was weighted anew, and words a note more exactly.
func (w *World) reviseNotes(side Side, out *rows) {
	w.writeNote(side, note{anyue, "sample", "本周客源抽样重新扩样", "The week's sample of origins was weighted anew", "口径", "visitor_origin", w.ago(60)}, out)
	w.writeNote(side, note{dazu, "gates", "各景区客流改为闸机每五分钟报送", "The gates of all spots now report every five minutes", "口径", "tourism_flow", w.fine()}, out)
}

func (w *World) writeNote(side Side, n note, out *rows) {
	if side.speaksFor(n.region) {
		out.add("region", n.region, "day", day(n.on), "note_id", n.id, "text", n.text+Mark, "text_en", n.english+" (generated)", "kind", n.kind, "dataset", n.dataset)
	}
}
