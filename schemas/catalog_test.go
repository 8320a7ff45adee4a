package schemas

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestShippedContractsAreLabelledInBothLanguages(t *testing.T) {
	contracts, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	want := "agri_belt air_daily air_station cooperation_project date_note economic_split festival_event hazwaste_transfer indicator indicator_value industrial_park " +
		"innovation_quarterly park_monthly region reservoir reservoir_hourly route route_run safety_alert scenic_spot service_crossregion " +
		"ticket_recognition ticket_redemption tourism_flow trade_monthly visitor_origin water_section water_section_monthly"
	var ids []string
	for _, c := range contracts {
		ids = append(ids, c.ID)
		e := c.Catalog()
		if e.DomainLabel == "" || e.Description == "" || e.DescriptionEN == "" || e.Freshness == "" && !c.Reference {
			t.Errorf("%s: %+v", c.ID, e)
		}
		for _, p := range e.Properties {
			if !hasHan(p.Label) || hasHan(p.LabelEN) || (p.Unit == "") != (p.UnitEN == "") || p.Example == "" {
				t.Errorf("%s.%s: labels %q and %q, units %q and %q", c.ID, p.Name, p.Label, p.LabelEN, p.Unit, p.UnitEN)
			}
			for _, l := range p.ValueLabels {
				if !hasHan(l.Label) || hasHan(l.LabelEN) {
					t.Errorf("%s.%s: %q is labelled %q and %q", c.ID, p.Name, l.Value, l.Label, l.LabelEN)
				}
			}
			for _, value := range p.Values {
				// A code of a national standard or list reads as it is; a word of ours does not.
				bare := regexp.MustCompile(`^[A-Z0-9]+$`).MatchString(value)
				if !bare && !slices.ContainsFunc(p.ValueLabels, func(l ValueLabel) bool { return l.Value == value }) {
					t.Errorf("%s.%s: people would read %q", c.ID, p.Name, value)
				}
			}
			if numeric := p.Type == "integer" || p.Type == "number"; numeric && p.Unit == "" && c.PropertyIndex("unit") < 0 {
				t.Errorf("%s.%s is a number without a unit", c.ID, p.Name)
			}
		}
		for _, r := range e.Rules {
			if !hasHan(r.Message) || hasHan(r.MessageEN) {
				t.Errorf("%s, rule %s: %q, %q", c.ID, r.Name, r.Message, r.MessageEN)
			}
		}
	}
	if got := strings.Join(ids, " "); got != want {
		t.Errorf("shipped: %s", got)
	}
}

func TestCatalogEntry(t *testing.T) {
	e := shipped(t, "park_monthly").Summary()
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"id":"park_monthly"`, `"name":"产业园区月报"`, `"domain":"industry"`, `"classification":"sensitive"`,
		`"key":["park_id","month"]`, `"region":"region"`, `"time":"month"`, `"freshness":"P25D"`, `"reference":false`} {
		if !strings.Contains(string(text), part) {
			t.Errorf("%s lacks %s", text, part)
		}
	}
	for d, want := range map[time.Duration]string{0: "", 15 * time.Minute: "PT15M", 4 * time.Hour: "PT4H", 90 * time.Minute: "PT90M", 48 * time.Hour: "P2D"} {
		if got := isoDuration(d); got != want {
			t.Errorf("%v is written %q, want %q", d, got, want)
		}
	}
}

func TestClassificationNames(t *testing.T) {
	for level := Public; level <= Core; level++ {
		if back, err := ParseClassification(level.String()); err != nil || back != level {
			t.Errorf("%v reads back as %v, %v", level, back, err)
		}
	}
	if _, err := ParseClassification("Core"); err == nil {
		t.Error("a level in capitals is read")
	}
	if Sensitive.Label("zh") != "敏感" || Sensitive.Label("en") != "sensitive" {
		t.Error("labels of sensitive")
	}
}
