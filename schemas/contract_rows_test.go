package schemas

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// starterLists are the reference lists as a new hub has them.
func starterLists(t *testing.T) *Lists {
	t.Helper()
	var lists []*List
	for _, id := range []string{"region", "scenic_spot", "industrial_park", "indicator"} {
		rows, _ := StarterRows(id)
		c := shipped(t, id)
		var entries []ListEntry
		for line := range bytes.Lines(rows) {
			var row map[string]any
			if err := json.Unmarshal(line, &row); err != nil {
				t.Fatal(err)
			}
			attrs := map[string]string{}
			for name, value := range row {
				attrs[name] = fmt.Sprint(value)
			}
			entries = append(entries, ListEntry{Code: attrs[c.Properties[c.Key[0]].Name], Region: attrs["region"], Attrs: attrs})
		}
		lists = append(lists, NewList(id, entries))
	}
	return NewLists(1, lists...)
}

// checked decodes NDJSON rows as the operator would send them.
func checked(t *testing.T, c *Contract, rows string) Decoded {
	t.Helper()
	plan, err := Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	b := plan.Batch()
	defer b.Release()
	return plan.Decode(b, []byte(rows), FormatNDJSON, &DecodeOptions{
		Sender: Sender{Regions: []string{"500111", "512000"}, Lists: starterLists(t)}, MaxErrors: 10,
	})
}

func TestTheHubTakesTheExamplesOfEveryShippedContract(t *testing.T) {
	contracts, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range contracts {
		text, err := json.Marshal(exampleRow(c))
		if err != nil {
			t.Fatal(err)
		}
		if got := checked(t, c, string(text)+"\n"); got.Records != 1 || got.Rejected != 0 {
			t.Errorf("%s: %s: %+v", c.ID, text, got.Errors)
		}
	}
}

func TestTheHubTakesTheStarterRows(t *testing.T) {
	for list, count := range map[string]int{"region": 5, "scenic_spot": 15, "industrial_park": 8, "indicator": 27} {
		rows, _ := StarterRows(list)
		if got := checked(t, shipped(t, list), string(rows)); got.Records != count || got.Rejected != 0 {
			t.Errorf("%s: %d records, %+v", list, got.Records, got.Errors)
		}
	}
}

func TestTheHubTakesWhatTheFieldSends(t *testing.T) {
	f := func(id, rows string) {
		t.Helper()
		if got := checked(t, shipped(t, id), rows+"\n"); got.Rejected != 0 || got.Records == 0 {
			t.Errorf("%s: %s: %+v", id, rows, got.Errors)
		}
	}
	// A spot that is added only to hold another park's history.
	f("scenic_spot", `{"spot_id":"512021-S99","name":"测试景区（九寨沟历史数据）","region":"512021"}`)
	// A day's figure: entries alone, far above any capacity.
	f("tourism_flow", `{"spot_id":"512021-S01","observed_at":"2013-10-07","interval_minutes":1440,"region":"512021","entries":208595}`)
	f("tourism_flow", `{"spot_id":"500111-S01","observed_at":"2025-10-01T09:05:00+08:00","in_park":120}`)
	f("tourism_flow", `{"spot_id":"500111-S01","observed_at":"2025-10-01T09:05:00+08:00","entries":0,"exits":35,"in_park":85,"source":"gate"}`)
	f("ticket_recognition", `{"spot_id":"500111-S01","day":"2025-10-01","issuer_region":"512021","ticket_type":"成人票","count":0,"settlement_price":80}`)
	f("park_monthly", `{"park_id":"500111-P05","month":"2025-01","tax":"-1200.50"}`) // refunds above receipts
	f("indicator_value", `{"indicator":"500111-I01","region":"500111","period":"2025-Q1","value":"235.6"}`)
	f("indicator_value", `{"indicator":"500111-I27","region":"500111","period":"2025","value":101.2,"unit":"%","stage":"final"}`) // gross rates pass 100
}

// For each rule of each shipped contract, what to change in the example row to break it.
var ruleBreakers = map[string]map[string]map[string]any{
	"tourism_flow": {
		"counts_something":   {"entries": nil, "exits": nil, "in_park": nil},
		"exits_with_entries": {"entries": nil},
		"day_has_entries":    {"entries": nil, "exits": nil, "interval_minutes": 1440},
	},
	"ticket_recognition": {
		"settlement_within_face": {"face_value": "80.49", "settlement_price": "80.50"},
		"free_is_free":           {"ticket_type": "free", "settlement_price": "0.01"},
	},
	"park_monthly": {
		"reports_something":  {"output_value": nil, "revenue": nil, "tax": nil, "industrial_investment": nil, "employees": nil, "area_mu": nil, "energy_tce": nil},
		"tax_within_revenue": {"tax": "1180000000.01"},
	},
	"indicator_value": {
		"percentage_plausible": {"unit": "%", "value": "4200"},
	},
	"scenic_spot": {
		// Else one side could take the other's spot over by naming its own region.
		"id_in_region":      {"region": "512021"},
		"capacity_order":    {"instant_capacity": 40001},
		"position_complete": {"lat": nil},
	},
	"industrial_park": {
		"id_in_region":    {"region": "512002"},
		"partner_differs": {"partner_region": "500111"},
	},
	"route": {
		"id_in_region":    {"region": "512021", "partner_region": "500111"},
		"partner_differs": {"partner_region": "500111"},
	},
	"indicator": {
		"id_in_region":           {"region": "512000"},
		"baseline_complete":      {"baseline": nil},
		"baseline_before_target": {"baseline_year": 2027},
	},
	"region": {
		"side_of_code": {"side": "Sichuan"},
	},
}

func TestEveryShippedRuleRefusesTheRowThatBreaksIt(t *testing.T) {
	contracts, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range contracts {
		for i := range c.Rules {
			rule := &c.Rules[i]
			changes, ok := ruleBreakers[c.ID][rule.Name]
			if !ok {
				t.Errorf("%s: no row breaks the rule %s", c.ID, rule.Name)
				continue
			}
			row := exampleRow(c)
			maps.Copy(row, changes)
			text, err := json.Marshal(row)
			if err != nil {
				t.Fatal(err)
			}
			got := checked(t, c, string(text)+"\n")
			blamed := slices.ContainsFunc(got.Errors, func(e RowError) bool {
				return e.Code == CodeRule && e.Field == rule.Fields[0] && strings.Contains(e.In("zh").Message, rule.Message)
			})
			if !blamed {
				t.Errorf("%s, rule %s: %s: %+v", c.ID, rule.Name, text, got.Errors)
			}
		}
	}
}

func TestARowMayNotNameAnotherRegionThanItsSpots(t *testing.T) {
	got := checked(t, shipped(t, "tourism_flow"), `{"spot_id":"500111-S01","observed_at":"2025-10-01","interval_minutes":1440,"region":"512021","entries":5}`+"\n")
	if got.Rejected != 1 || got.Errors[0].Code != CodeRegionMismatch {
		t.Errorf("%+v", got.Errors)
	}
}
