package analytics

import (
	"testing"
	"time"
)

func TestViewTmp(t *testing.T) {
	f := newFixture(t)
	today := time.Date(2026, 11, 20, 14, 0, 0, 0, shanghai)
	for _, v := range f.views {
		for i := range v.Panels {
			p := &v.Panels[i]
			if p.Records != nil {
				_, err := f.WriteRecords(t.Context(), p.records(v, today), everything, f.position(), &Answer{})
				if err != nil {
					t.Errorf("%s %s: %v", v.ID, p.ID, err)
				}
				continue
			}
			for _, g := range v.Grains {
				if _, err := f.Query(t.Context(), p.query(v, g, today), everything, f.position()); err != nil {
					t.Errorf("%s %s %s: %v", v.ID, p.ID, g, err)
				}
			}
		}
	}
}
