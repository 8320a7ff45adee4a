package demo

import (
	"bytes"
	"encoding/json"
	"iter"
)

// Submission is what one side pushes at once: records in NDJSON, or keys with the
// reason why their records are taken back.
type Submission struct {
	Side    Side
	Dataset string
	First   bool   // of the first reports; the others revise, complete and retract them
	Body    []byte // NDJSON
	Reason  string // of a retraction
	Refused []int  // rows of it, from 1, that the hub is meant to refuse; it is pushed in partial mode
}

// Keys are a retraction's keys.
func (s *Submission) Keys() []json.RawMessage {
	var keys []json.RawMessage
	for line := range bytes.Lines(s.Body) {
		keys = append(keys, bytes.TrimSpace(line))
	}
	return keys
}

// file is one dataset's part of the demo.
type file struct {
	dataset       string
	write, revise func(*World, Side, *rows)
	retract       func(*World, Side, *rows)
	reason        string
}

// files come in the order that they depend on each other.
var files = []file{
	{dataset: "scenic_spot", write: (*World).writeSpots, revise: (*World).reviseSpots},
	{dataset: "industrial_park", write: (*World).writeParkList},
	{dataset: "route", write: (*World).writeRoutes},
	{dataset: "air_station", write: (*World).writeStations},
	{dataset: "water_section", write: (*World).writeSections},
	{dataset: "reservoir", write: (*World).writeReservoirs},
	{dataset: "indicator", write: (*World).writeTargets},
	{dataset: "tourism_flow", write: (*World).writeFlow, revise: (*World).reviseFlow, retract: (*World).retractFlow, reason: "误报了另一景区的数"},
	{dataset: "ticket_recognition", write: (*World).writeTickets, revise: (*World).reviseTickets, retract: (*World).retractTickets, reason: "报错了景区"},
	{dataset: "ticket_redemption", write: (*World).writeRedemptions, retract: (*World).retractRedemptions, reason: "撤销核销"},
	{dataset: "park_monthly", write: (*World).writeParks, revise: (*World).reviseParks, retract: (*World).retractParks, reason: "重复报送"},
	{dataset: "economic_split", write: (*World).writeSplits, revise: (*World).reviseSplits},
	{dataset: "indicator_value", write: (*World).writeIndicators, revise: (*World).reviseIndicators},
	{dataset: "cooperation_project", write: (*World).writeProjects, revise: (*World).reviseProjects},
	{dataset: "safety_alert", write: (*World).writeAlerts, revise: (*World).reviseAlerts},
	{dataset: "festival_event", write: (*World).writeEvents, revise: (*World).reviseEvents},
	{dataset: "route_run", write: (*World).writeRuns, retract: (*World).retractRuns, reason: "该班次实际未发出"},
	{dataset: "trade_monthly", write: (*World).writeTrade, revise: (*World).reviseTrade},
	{dataset: "innovation_quarterly", write: (*World).writeCompanies, revise: (*World).reviseCompanies},
	{dataset: "agri_belt", write: (*World).writeBelts, revise: (*World).reviseBelts},
	{dataset: "water_section_monthly", write: (*World).writeWater, revise: (*World).reviseWater},
	{dataset: "hazwaste_transfer", write: (*World).writeWaste, revise: (*World).reviseWaste},
	{dataset: "air_daily", write: (*World).writeAir, revise: (*World).reviseAir, retract: (*World).retractAir, reason: "仪器故障，数据无效"},
	{dataset: "service_crossregion", write: (*World).writeServices, revise: (*World).reviseServices, retract: (*World).retractServices, reason: "系统测试数据"},
	{dataset: "reservoir_hourly", write: (*World).writeLevels, revise: (*World).reviseLevels},
	{dataset: "visitor_origin", write: (*World).writeOrigins, revise: (*World).reviseOrigins},
	{dataset: "date_note", write: (*World).writeNotes, revise: (*World).reviseNotes},
}

// Submissions makes what both sides push, in its order. A body is good until the next
// one is asked for.
func (w *World) Submissions() iter.Seq[*Submission] {
	return func(yield func(*Submission) bool) {
		var out rows
		push := func(s Submission, write func(*World, Side, *rows)) bool {
			if write == nil {
				return true
			}
			out.b = out.b[:0]
			write(w, s.Side, &out)
			s.Body = out.b
			return len(s.Body) == 0 || yield(&s)
		}
		for _, f := range files {
			for _, side := range Sides {
				if !push(Submission{Side: side, Dataset: f.dataset, First: true}, f.write) {
					return
				}
			}
		}
		for _, f := range files {
			for _, side := range Sides {
				if !push(Submission{Side: side, Dataset: f.dataset}, f.revise) ||
					!push(Submission{Side: side, Dataset: f.dataset, Reason: f.reason}, f.retract) {
					return
				}
			}
		}
		push(Submission{Side: Sides[0], Dataset: "tourism_flow", Refused: []int{2, 3, 4}}, (*World).brokenFlow)
	}
}
