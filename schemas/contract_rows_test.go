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
		for i := range entries {
			if entries[i].Code == "512021-S05" {
				entries[i].Attrs["ticket_reporting"] = "single" // the one spot that pushes single redemptions here
			}
		}
		lists = append(lists, NewList(id, append(entries, testEntries[id]...)))
	}
	for _, id := range []string{"air_station", "reservoir", "water_section"} {
		lists = append(lists, NewList(id, testEntries[id]))
	}
	// Lists without starter rows.
	lists = append(lists, NewList("route", []ListEntry{
		{Code: "500111-R01", Region: "500111", Attrs: map[string]string{"seats": "45"}},
		{Code: "512021-R01", Region: "512021", Attrs: map[string]string{}},
	}))
	return NewLists(1, lists...)
}

// testEntries stand for what a hub's lists hold beside their starter rows; those of 510185
// (Jianyang) belong to neither side.
var testEntries = map[string][]ListEntry{
	"scenic_spot": {
		{Code: "500111-S90", Region: "500111", Attrs: map[string]string{"ticket_reporting": "single"}},
		{Code: "510185-S01", Region: "510185", Attrs: map[string]string{"ticket_reporting": "daily"}},
	},
	"industrial_park": {{Code: "510185-P01", Region: "510185"}},
	"air_station": {
		{Code: "500111-A00", Region: "500111", Attrs: map[string]string{"kind": "city_mean"}},
		{Code: "500111-A01", Region: "500111", Attrs: map[string]string{"kind": "city"}},
		{Code: "512002-A00", Region: "512002", Attrs: map[string]string{"kind": "city_mean"}},
		{Code: "510185-A01", Region: "510185", Attrs: map[string]string{"kind": "city"}},
	},
	"water_section": {
		{Code: "500111-W01", Region: "500111", Attrs: map[string]string{"level": "national", "target_class": "III"}},
		{Code: "512021-W01", Region: "512021", Attrs: map[string]string{"level": "municipal", "target_class": "III"}},
		{Code: "510185-W01", Region: "510185", Attrs: map[string]string{"level": "national", "target_class": "III"}},
	},
	"reservoir": {
		{Code: "500111-K01", Region: "500111"},
		{Code: "512021-K01", Region: "512021"},
		{Code: "510185-K01", Region: "510185"},
	},
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
	// The day value of a whole region, and an excellent day, which has no primary pollutant.
	f("air_daily", `{"station_id":"500111-A00","day":"2026-03-02","aqi":101,"grade":"light","primary_pollutant":"PM2.5;PM10"}`)
	f("air_daily", `{"station_id":"500111-A01","day":"2025-02-28","aqi":50,"grade":"excellent","pm25":35,"co":"0.45"}`)
	f("water_section_monthly", `{"section_id":"512021-W01","month":"2025-01","quality_class":"worse","ph":9.6,"total_phosphorus":"0.4001"}`)
	f("hazwaste_transfer", `{"region":"512021","manifest_no":"20255120000045","to_region":"500111","shipped_on":"2025-12-31","waste_category":"HW49","waste_code":"900-041-49","shipped_tonnes":0.005,"status":"in_transit"}`)
	f("hazwaste_transfer", `{"region":"500111","manifest_no":"20255001000124","to_region":"512002","shipped_on":"2025-09-12","waste_category":"HW31","waste_code":"900-052-31","shipped_tonnes":"30","status":"rejected","transport":"road"}`)
	f("reservoir_hourly", `{"reservoir_id":"500111-K01","observed_at":"2025-07-15","water_level":351.6,"rainfall":0}`)
	f("agri_belt", `{"region":"512021","product":"lemon","period":"2025","quantity":57.8,"unit":"万亩"}`)
	f("agri_belt", `{"region":"512022","product":"black_goat","period":"2025-H1","quantity":12,"stock":12}`)
	f("trade_monthly", `{"region":"512000","month":"2025-02","imports":0,"exports":"10250.5","total":10250}`) // rounded apart
	f("innovation_quarterly", `{"region":"512000","quarter":"2025-Q1","high_tech_companies":120}`)
	f("indicator_value", `{"indicator":"500111-I27","region":"500111","period":"2025","value":101.2,"unit":"%","stage":"final"}`) // gross rates pass 100
	f("ticket_redemption", `{"spot_id":"512021-S05","redemption_id":"A-1","issuer_region":"500111","ticket_type":"年卡","redeemed_at":"2025-10-01 09:12:30","ticket_hash":"`+strings.Repeat("0f", 32)+`","settlement_price":0}`)
	f("economic_split", `{"park_id":"500111-P05","measure":"tax","valid_from":"2025-01","share_500111":0.5,"share_512000":"0.5","remainder_region":"512000"}`)
	f("economic_split", `{"park_id":"500111-P05","measure":"revenue","valid_from":"2026-01","share_500111":"1","remainder_region":"500111"}`) // the split ends
	f("visitor_origin", `{"spot_id":"500111-S01","day":"2025-10-01","origin":"unknown","visitors":0}`)
	f("route_run", `{"route_id":"512021-R01","departure_day":"2025-10-02","trips":0,"cancelled_trips":2,"guests":0}`) // a day when all was cancelled
	f("festival_event", `{"region":"512022","event_id":"2026-01","name":"桑葚节","kind":"festival","level":"county","status":"planned","start_date":"2026-04-18","end_date":"2026-04-18"}`)
	f("safety_alert", `{"region":"500111","alert_id":"Z20250718-002","revision":1,"title":"龙水湖暴雨红色预警","category":"natural_disaster","level":"red","status":"warning","issued_at":"2025-07-18 06:00:00","revised_at":"2025-07-18 06:00:00"}`)
	f("cooperation_project", `{"region":"512000","project_id":"03-012","half":"2025-H1","name":"川渝快速通道","action":"03","stage":"assigned","owner":"资阳市交通运输局","due_date":"2025-03-31","progress":0,"reported_on":"2025-04-02"}`) // overdue
	f("date_note", `{"region":"512000","day":"2026-07-18","note_id":"1","text":"暴雨，全市景区闭园一日","kind":"天气"}`)
	f("service_crossregion", `{"region":"512021","service":"litigation","day":"2025-09-15","direction":"outbound","cases":0}`)
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
	"ticket_redemption": {
		"settlement_within_face": {"settlement_price": "60.01"},
		"free_is_free":           {"ticket_type": "free", "settlement_price": "0.01"},
	},
	"economic_split": {
		"shares_sum_to_one":   {"share_512022": "0.04999999"},
		"remainder_has_share": {"remainder_region": "512002", "share_512002": "0", "share_500111": "0.7"},
	},
	"route_run": {
		"guests_need_trips": {"trips": 0, "seats": nil, "guests": 1},
		"seats_need_trips":  {"seats": 0, "guests": 0},
		"guests_fit_seats":  {"guests": 361},
	},
	"festival_event": {
		"dates_in_order":         {"end_date": "2025-10-02"},
		"partner_differs":        {"partner_region": "500111"},
		"attendance_after_start": {"status": "planned"},
	},
	"safety_alert": {
		"category_of_id":        {"category": "natural_disaster"},
		"revised_after_issue":   {"revised_at": "2025-10-02T09:29:59+08:00"},
		"notified_after_issue":  {"partner_notified_at": "2025-10-02T09:29:59+08:00"},
		"responded_after_issue": {"responded_at": "2025-10-02T09:29:59+08:00"},
		"lifted_after_issue":    {"lifted_at": "2025-10-02T09:29:59+08:00"},
		"lifted_with_time":      {"lifted_at": nil},
	},
	"cooperation_project": {
		"action_of_id":              {"action": "04"},
		"partner_differs":           {"partner_region": "500111"},
		"progress_after_assignment": {"stage": "assigned", "done_on": nil, "progress": "65"},
		"done_is_reported":          {"progress": "99.99"},
		"done_by_report":            {"done_on": "2025-12-23"},
		"investment_within_total":   {"completed_investment": "860000000.01"},
	},
	"service_crossregion": {
		"completed_within_cases": {"completed": 87},
		"online_within_cases":    {"online": 87},
		"amount_needs_cases":     {"cases": 0, "completed": 0, "online": 0},
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
	"air_station": {
		"id_in_region":      {"region": "512021"},
		"position_complete": {"lat": nil},
	},
	"air_daily": {
		"grade_of_aqi":              {"grade": "excellent"},
		"primary_when_over_50":      {"aqi": 51, "primary_pollutant": nil},
		"no_primary_when_excellent": {"aqi": 50, "grade": "excellent"},
		"good_air_within_limits":    {"aqi": 100, "co": "4.050"},
		"pollution_has_a_cause":     {"aqi": 101, "grade": "light", "pm25": 35, "pm10": 50, "so2": 50, "no2": 40, "co": 2, "o3_8h": 100},
	},
	"water_section": {
		"id_in_region":      {"region": "512021"},
		"position_complete": {"lon": nil},
	},
	"water_section_monthly": {
		"class_not_better_than_items": {"total_phosphorus": "0.2005"},
		"ph_within_6_to_9":            {"ph": "9.05"},
	},
	"hazwaste_transfer": {
		"crosses_regions":        {"to_region": "500111"},
		"receipt_complete":       {"received_tonnes": nil},
		"receipt_needs_status":   {"status": "rejected"},
		"received_after_shipped": {"received_on": "2025-09-11"},
		"received_near_shipped":  {"shipped_tonnes": "10", "received_tonnes": "11.0001"},
		"one_lorry_load":         {"shipped_tonnes": "50.0001"},
	},
	"reservoir": {
		"id_in_region":      {"region": "512021"},
		"levels_in_order":   {"flood_limit_level": "352.01"},
		"season_in_order":   {"flood_season_to": "05-01"},
		"position_complete": {"lat": nil},
	},
	"agri_belt": {
		"reported_by_county":         {"region": "512000"},
		"unit_of_product":            {"unit": "万亩"},
		"quantity_is_stock_and_sold": {"quantity": "46.8001"},
		"stock_of_goats":             {"product": "lemon", "unit": nil, "sold": nil},
	},
	"trade_monthly": {
		"total_is_sum":       {"total": "86171.01"},
		"ytd_covers_month":   {"total_ytd": "86168.99"},
		"modes_within_total": {"general_trade": "73691.01"},
	},
	"innovation_quarterly": {
		"reports_something": {
			"tech_companies": nil, "tech_smes": nil, "high_tech_companies": nil, "innovation_platforms": nil, "invention_patents": nil,
			"tech_contracts": nil, "tech_contract_value": nil,
		},
		"high_tech_among_tech": {"high_tech_companies": 1286},
		"value_of_contracts":   {"tech_contracts": 0, "tech_contract_value": "0.01"},
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
