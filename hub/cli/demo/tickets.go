package demo

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// kinds of tickets with their price, in percent of a spot's, and the share of a
// day's people who come with one.
var kinds = []struct {
	name    string
	percent int
	share   float64
}{{"adult", 100, 0.02}, {"student", 50, 0.006}, {"free", 0, 0.004}}

// settled is what the issuer pays for a ticket: the two sides agreed on more from 2025.
func settled(face int64, d time.Time) fixed {
	if d.Year() < 2025 {
		return fen(face * 60 / 100)
	}
	return fen(face * 70 / 100)
}

// writeTickets lets each spot redeem tickets that the other side issued, and Lezhi's
// on Saturdays some of Anyue's, which neither side owes the other.
func (w *World) writeTickets(side Side, out *rows) {
	w.eachSpot(side, func(s *spot) {
		if s.single || s.price == 0 {
			return
		}
		for _, d := range w.past() { // today's is not closed yet
			if w.closed(s, d) || w.late(s, d) {
				continue
			}
			w.writeTicketDay(side, s, d, 0, out)
			if s.Region == lezhi && d.Weekday() == time.Saturday {
				face := int64(s.price) * 100
				out.add("spot_id", s.ID, "day", day(d), "issuer_region", anyue, "ticket_type", "adult", "count", 5+seeded("own", s.ID, date(d)).IntN(9),
					"face_value", fen(face), "settlement_price", settled(face, d))
			}
		}
	})
}

func (w *World) writeTicketDay(side Side, s *spot, d time.Time, less int, out *rows) {
	people := float64(w.total(s, d))
	for _, k := range kinds {
		face := int64(s.price) * int64(k.percent)
		out.add("spot_id", s.ID, "day", day(d), "issuer_region", side.other(), "ticket_type", k.name, "count", max(0, int(people*k.share)-less),
			"face_value", fen(face), "settlement_price", settled(face, d))
	}
}

// reviseTickets brings the late week, and a month that both sides went through again.
func (w *World) reviseTickets(side Side, out *rows) {
	w.eachSpot(side, func(s *spot) {
		if s.single || s.price == 0 {
			return
		}
		for _, d := range w.past() {
			switch {
			case w.late(s, d):
				w.writeTicketDay(side, s, d, 0, out)
			case (s.ID == "500111-S01" || s.ID == "512021-S02") && d.Year() == w.today.Year() && d.Month() == time.May:
				w.writeTicketDay(side, s, d, 2, out)
			}
		}
	})
}

// retractTickets takes back a day that had been pushed for the wrong spot.
func (w *World) retractTickets(side Side, out *rows) {
	id := "512021-S01"
	if side.Region == dazu {
		id = "500111-S02"
	}
	for i := range w.spots {
		if s := &w.spots[i]; s.ID == id && s.price > 0 {
			for _, k := range kinds {
				out.add("spot_id", id, "day", day(w.ago(100)), "issuer_region", side.other(), "ticket_type", k.name)
			}
		}
	}
}

// writeRedemptions lets two spots report each ticket. One in about two hundred is
// shown a second time, half of these on the other side; annual cards come often.
func (w *World) writeRedemptions(side Side, out *rows) {
	w.eachSpot(side, func(s *spot) {
		if !s.single {
			return
		}
		for _, d := range w.past() {
			r := seeded("redeem", s.ID, date(d))
			n := 2 + int(20*dayShare(d, r))
			for i := range n {
				issuer, kind, percent := side.other(), "adult", int64(100)
				ticket := fmt.Sprint(issuer, date(d), i)
				switch x := r.IntN(200); {
				case x < 12:
					kind, percent, ticket = "annual", 0, fmt.Sprint(issuer, "annual", r.IntN(40))
				case x < 50:
					kind, percent = "student", 50
				case x == 50 && i > 0: // shown again at the same gate
					ticket = fmt.Sprint(issuer, date(d), i-1)
				case x == 51: // bought at home, used there, and used here before
					issuer = side.Region
					ticket = fmt.Sprint(issuer, date(d), 0)
				}
				face := int64(s.price) * percent
				digest := sha256.Sum256([]byte("demo key" + ticket))
				at := d.Add(8*time.Hour + time.Duration(r.IntN(9*3600))*time.Second)
				out.add("spot_id", s.ID, "redemption_id", fmt.Sprintf("%s-%06d", d.Format("20060102"), i+1), "issuer_region", issuer, "ticket_type", kind,
					"redeemed_at", at, "ticket_hash", hex.EncodeToString(digest[:]), "face_value", fen(face), "settlement_price", settled(face, d))
			}
		}
	})
}

// retractRedemptions cancels single redemptions.
func (w *World) retractRedemptions(side Side, out *rows) {
	w.eachSpot(side, func(s *spot) {
		if s.single {
			for _, back := range []int{20, 130, 310} {
				out.add("spot_id", s.ID, "redemption_id", w.ago(back).Format("20060102")+"-000002")
			}
		}
	})
}
