package hub

import (
	"testing"
	"time"
)

// What a form for one record is made of must be in the catalogue's answer.
func TestADatasetsEntryHoldsItsContract(t *testing.T) {
	catalog, err := openCatalog("")
	if err != nil {
		t.Fatal(err)
	}
	h := &Hub{catalog: catalog}
	for _, c := range catalog.contracts() {
		e := h.wholeEntry(catalog.get(c.ID))
		if len(e.Properties) != len(c.Properties) || len(e.Rules) != len(c.Rules) || len(e.Key) != len(c.Key) {
			t.Errorf("%s: %d properties, %d rules, key of %d", c.ID, len(e.Properties), len(e.Rules), len(e.Key))
		}
		if len(e.Versions) != 1 || e.Versions[0].Version != c.Version || e.Versions[0].Retires != nil {
			t.Errorf("%s: versions %+v", c.ID, e.Versions)
		}
		for i := range e.Properties {
			p := &e.Properties[i]
			if p.Name != c.Properties[i].Name || p.Label == "" || p.LabelEN == "" || p.Type == "" || len(p.Examples) == 0 {
				t.Errorf("%s: property %+v", c.ID, p)
			}
		}
	}

	flow := h.wholeEntry(catalog.get("tourism_flow"))
	if flow.SLA == nil || flow.SLA.FreshnessHours <= 0 {
		t.Errorf("tourism_flow promises %+v", flow.SLA)
	}
	spot, entries := flow.Properties[0], propertyEntry{}
	for _, p := range flow.Properties {
		if p.Name == "entries" {
			entries = p
		}
	}
	if spot.Name != "spot_id" || spot.Key != 1 || spot.CodeList != "scenic_spot" || !spot.Required {
		t.Errorf("spot_id: %+v", spot)
	}
	if entries.Type != "integer" || entries.Minimum != "0" || entries.Unit == "" || entries.Description == "" {
		t.Errorf("entries: %+v", entries)
	}
	if len(flow.Rules) == 0 || flow.Rules[0].Message == "" || flow.Rules[0].MessageEN == "" || flow.Rules[0].CEL == "" || len(flow.Rules[0].Fields) == 0 {
		t.Errorf("rules: %+v", flow.Rules)
	}

	// The list of all has the promise, but not the contract.
	if e := newDatasetEntry(catalog.get("tourism_flow").contract); e.SLA == nil || e.Properties != nil || e.Rules != nil || e.Versions != nil {
		t.Errorf("in the list: %+v", e)
	}
}

func TestAVersionsEndIsInTheCatalogue(t *testing.T) {
	catalog, err := openCatalog("")
	if err != nil {
		t.Fatal(err)
	}
	next := *catalog.get("tourism_flow").contract
	next.Version = "2.0.0"
	d, err := newDataset(&next)
	if err != nil {
		t.Fatal(err)
	}
	end := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	catalog.add(d, end)
	e := (&Hub{catalog: catalog}).wholeEntry(catalog.get("tourism_flow"))
	if len(e.Versions) != 2 || e.Versions[0].Version != "2.0.0" || e.Versions[0].Retires != nil || e.Versions[1].Retires == nil || !e.Versions[1].Retires.Equal(end) {
		t.Errorf("versions: %+v", e.Versions)
	}
}
