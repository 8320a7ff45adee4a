package analytics

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/zida-hub/zida/schemas"
)

// shownOn is a day of an odd number of everything: neither a month nor a week begins.
var shownOn = time.Date(2026, 11, 20, 14, 0, 0, 0, shanghai)

// show asks all that a view asks, at every grain, as the page would.
func (f *fixture) show(v *View) map[string]*Answer {
	f.t.Helper()
	answers := map[string]*Answer{}
	for i := range v.Panels {
		p := &v.Panels[i]
		if p.Records != nil {
			answers[p.ID] = f.records(p.records(shownOn))
			continue
		}
		if p.Chart == freshnessChart {
			answers[p.ID] = f.freshness("", everything)
			continue
		}
		for _, grain := range append(slices.Clone(v.Grains), GrainNone)[:max(1, len(v.Grains))] {
			answer, err := f.Query(f.t.Context(), p.query(v, grain, shownOn), everything, f.position())
			if err != nil {
				f.t.Errorf("view %s, panel %s, grain %q: %v", v.ID, p.ID, grain, err)
				continue
			}
			for _, name := range p.Metrics {
				if !slices.ContainsFunc(answer.Columns, func(c Column) bool { return c.Name == name }) {
					f.t.Errorf("view %s, panel %s: no column %s", v.ID, p.ID, name)
				}
			}
			if answers[p.ID] == nil {
				answers[p.ID] = answer
			}
		}
	}
	return answers
}

func TestEveryPanelOfEveryViewAnswers(t *testing.T) {
	f := newFixture(t)
	f.push("scenic_spot", row{"spot_id": "500111-S01", "name": "宝顶山", "region": "500111", "instant_capacity": ptr(int64(400))})
	inside := func(at string, people int64) row {
		r := flow("500111-S01", at, 5, 10)
		r["in_park"] = &people
		return r
	}
	f.push("tourism_flow", inside("2026-11-20 09:00", 100), inside("2026-11-20 10:00", 300), inside("2026-11-19 10:00", 150), flow("512021-S01", "2026-11-20 09:00", 5, 7))
	day := time.Date(2026, 11, 19, 0, 0, 0, 0, time.UTC)
	f.push("ticket_recognition", row{"spot_id": "500111-S01", "day": day, "issuer_region": "512021", "ticket_type": "adult", "region": "500111", "count": int64(3), "settlement_price": dec("20.50")})
	f.push("visitor_origin", row{"spot_id": "500111-S01", "day": day, "origin": "512021", "region": "500111", "visitors": int64(5)})
	f.push("cooperation_project",
		row{"region": "500111", "project_id": "01-001", "half": "2026-H2", "name": "文化公园", "stage": "tracking", "owner": "文旅局", "due_date": day, "reported_on": day},
		row{"region": "500111", "project_id": "01-001", "half": "2026-H1", "name": "文化公园", "stage": "assigned", "owner": "文旅局", "due_date": day, "reported_on": day})
	f.push("indicator", row{"indicator": "500111-I01", "name": "地区生产总值", "region": "500111", "target": dec("1300"), "unit": "亿元", "direction": "up"})
	f.push("indicator_value", row{"indicator": "500111-I01", "region": "500111", "period": "2025", "value": dec("1200")})
	asked := 0
	for n, v := range f.views {
		answers := f.show(v)
		asked += len(answers)
		if n > 0 && f.views[n-1].Order >= v.Order {
			t.Errorf("%s comes after %s", v.ID, f.views[n-1].ID)
		}
		for panel, expected := range map[string]map[string]string{
			"overview": {"today": "大足 20 300 0.75\n资阳 7 null null\n", "late": "大足 1 1\n"},
			"tourism": {
				"load":     "500111-S01 宝顶山 500111 0.75 300\n512021-S01 null 512021 null null\n",
				"exchange": "512021 500111 5\n",
				"intraday": "1795136400000 100 400 null null null null\n1795140000000 300 400 150 1 400 0\n",
			},
			"tickets":  {"owed_to_dazu": "61.50 null\n", "owed_to_ziyang": "", "net": "2026-11-01 61.50 null\n"},
			"projects": {"halves": "2026-H1 1 0 0\n2026-H2 1 0 1\n", "stages": "tracking 大足 1\n"},
			"targets":  {"progress": "500111-I01 地区生产总值 亿元 up 1200.0000 1300.0000 0.923077 null\n"},
		}[v.ID] {
			if got := answers[panel]; got == nil || got.table() != expected {
				t.Errorf("view %s, panel %s: got\n%swant\n%s", v.ID, panel, got.table(), expected)
			}
		}
		if v.ID == "projects" && len(answers["board"].Rows) != 1 {
			t.Errorf("the board has another half-year's: %s", answers["board"].table())
		}
	}
	if len(f.views) != 8 || asked < 60 {
		t.Errorf("%d panels of %d views were asked", asked, len(f.views))
	}
	// What a contract alone gives answers as well, for every contract there is.
	contracts := f.catalogue()
	for n, id := range sortedIDs(contracts) {
		if id == bookingID {
			continue
		}
		v := f.generatedView(contracts, contracts[id], n)
		if answers := f.show(&v); len(answers) == 0 && !contracts[id].Reference {
			t.Errorf("%s has no panel", v.ID)
		}
	}
}

func TestANewDatasetHasAViewOfItsOwn(t *testing.T) {
	f := newFixture(t, "none")
	before := len(f.Views(everything))
	c := everyType()
	c.ID, c.Time = "festival_income", 1
	c.Properties[1].Required = true
	c.Properties[3].Additive = true
	c.Properties[10].Enum = []string{"A", "AA"}
	f.contracts = append(f.contracts, c) // while it runs
	f.ensure(c)
	f.push(c.ID, row{"id": "1", "day": time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC), "count": ptr(int64(4)), "level": ptr("A")}, row{"id": "2", "day": time.Date(2026, 11, 19, 0, 0, 0, 0, time.UTC), "count": ptr(int64(5)), "level": ptr("AA")})
	all := f.Views(everything)
	at := slices.IndexFunc(all, func(v View) bool { return v.ID == "data_festival_income" })
	if at < 0 || len(all) != before+1 {
		t.Fatalf("%d views, %d before", len(all), before)
	}
	v := all[at]
	if !v.Generated || v.Title != c.Name || v.Order < 1000 || !slices.Equal(v.Filters, []string{"level"}) {
		t.Errorf("%+v", v)
	}
	answers := f.show(&v)
	for panel, expected := range map[string]string{
		"figures": "2 9 null null null null\n", "course_1": "2026-11-19 1 null null\n2026-11-20 1 null null\n", "course_2": "2026-11-19 5 null null\n2026-11-20 4 null null\n", "by_level": "AA 5 null null\nA 4 null null\n",
	} {
		if got := answers[panel]; got == nil {
			t.Errorf("no panel %s", panel)
		} else if got.table() != expected {
			t.Errorf("%s: got\n%swant\n%s", panel, got.table(), expected)
		}
	}
	reader := Reader{Clearance: schemas.Core, CanRead: func(id string) bool { return id != c.ID }}
	if slices.ContainsFunc(f.Views(reader), func(v View) bool { return v.ID == "data_festival_income" }) {
		t.Error("shown to one who may not read the dataset")
	}
}

func TestViewsSayWhatTheReaderMayRead(t *testing.T) {
	f := newFixture(t, "none")
	reader := Reader{CanRead: func(id string) bool { return id == "tourism_flow" || id == "park_monthly" }}
	seen := map[string]bool{}
	for _, v := range f.Views(reader) {
		seen[v.ID] = true
		for _, p := range v.Panels {
			if p.Chart == freshnessChart && p.Readable && slices.Equal(p.Datasets, []string{"park_monthly", "tourism_flow"}) {
				continue
			}
			may := slices.Equal(p.Datasets, []string{"tourism_flow"}) || slices.Equal(p.Datasets, []string{"park_monthly"})
			if p.Readable != may || len(p.Datasets) == 0 {
				t.Errorf("view %s, panel %s of %v: readable %v", v.ID, p.ID, p.Datasets, p.Readable)
			}
		}
	}
	if len(seen) != 3 || !seen["overview"] || !seen["tourism"] || !seen["parks"] {
		t.Errorf("shown: %v", seen)
	}
	if list := f.Views(Reader{CanRead: func(string) bool { return false }}); len(list) != 0 {
		t.Errorf("shown to one who may read nothing: %d", len(list))
	}
}

func TestAWrongViewIsFoundAtStart(t *testing.T) {
	f := newFixture(t, "none")
	const head = "view: v\ntitle: 甲\ntitle_en: A\nrange: 30d\ngrains: [day]\n"
	const panel = "panels:\n  - {id: p, title: 甲, title_en: A, chart: line, span: 6, metrics: [visitors]"
	for text, fault := range map[string]string{
		head + panel + "}":                                                       "",
		head + panel + ", compare: previous_year}":                               "",
		head + panel + ", dimensions: [spot]}":                                   `no dimension "spot"`,
		head + panel + ", dimensions: [weekday]}":                                "",
		head + panel + ", dimensions: [source]}":                                 "cannot be told apart by source",
		head + panel + ", drill: origin}":                                        "no dimension origin",
		head + panel + ", span: 13}":                                             "mapping key \"span\" already defined",
		head + panel + ", colour: red}":                                          "unknown field",
		head + panel + ", range: 3x}":                                            "unknown range",
		head + panel + ", range: 0d}":                                            "unknown range",
		head + panel + ", grain: minute}":                                        "unknown grain",
		head + panel + ", compare: last_year}":                                   "unknown comparison",
		head + panel + ", range: all, compare: previous_year}":                   "nothing to be compared",
		head + panel + ", target: load_ratio}":                                   "none of the panel's metrics",
		head + panel + ", limit: -1}":                                            "limit -1",
		head + panel + ", filters: [{dimension: side, op: is, values: [大足]}]}":   "unknown operator",
		head + panel + ", filters: [{dimension: side, op: eq, values: [$day]}]}": "unknown value $day",
		head + panel + ", order: [{by: load_ratio}]}":                            "no column",
		head + panel + ", records: {dataset: tourism_flow, fields: [entries]}}":  "either metrics or records",
		head + "filters: [origin]\n" + panel + "}":                               "none of its panels can be filtered by origin",
		head + panel + "}\n  - {id: p, title: 甲, title_en: A, chart: line, span: 6, metrics: [visitors]}": "defined twice",
		strings.Replace(head+panel+"}", "visitors", "visiters", 1):                                        `no metric "visiters"`,
		strings.Replace(head+panel+"}", "line", "pie", 1):                                                 `unknown chart "pie"`,
		strings.Replace(head+panel+"}", "line", "matrix", 1):                                              "needs 2 dimensions",
		strings.Replace(head+panel+"}", "line", "bullet", 1):                                              "needs a target",
		strings.Replace(head+panel+"}", "line", "board", 1):                                               "a board is of records",
		strings.Replace(head+panel+"}", "span: 6", "span: 0", 1):                                          "span 0",
		strings.Replace(head+panel+"}", "title_en: A, ", "", 1):                                           "all needed",
		strings.Replace(head+panel+"}", "visitors", "output_value", 1):                                    "finest grain of park_monthly is month",
		strings.Replace(head+panel+"}", "view: v", "view: data_v", 1):                                     "no id for a view",
		strings.Replace(head+panel+"}", "visitors", "projects", 1):                                        "cannot be summed over half",
		head + "panels:\n  - {id: p, title: 甲, title_en: A, chart: board, span: 6, records: {dataset: cooperation_project, fields: [stage, nam], board_by: stage}}": `no field "nam"`,
		head + "panels:\n  - {id: p, title: 甲, title_en: A, chart: board, span: 6, records: {dataset: cooperation_projects, fields: [stage], board_by: stage}}":     "no dataset",
		head + "panels:\n  - {id: p, title: 甲, title_en: A, chart: board, span: 6, records: {dataset: cooperation_project, fields: [name], board_by: stage}}":       "stage is none of the fields",
		head + "panels:\n  - {id: p, title: 甲, title_en: A, chart: list, span: 6, order: [{by: stage}], records: {dataset: cooperation_project, fields: [name]}}":   "stage is none of the fields",
	} {
		v, err := parseView([]byte(text))
		if err == nil {
			f.views = []*View{v}
			err = f.checkViews()
		}
		if fault == "" && err != nil || fault != "" && (err == nil || !strings.Contains(err.Error(), fault)) {
			t.Errorf("%s\ngave %v, want %q", text, err, fault)
		}
	}
}

func TestRangesOfViews(t *testing.T) {
	for word, expected := range map[string]string{
		"1d": "2026-11-20 2026-11-21", "30d": "2026-10-22 2026-11-21", "1w": "2026-11-16 2026-11-23", "2w": "2026-11-09 2026-11-23", "12m": "2025-12-01 2026-12-01",
		"month": "2026-11-01 2026-12-01", "2q": "2026-07-01 2027-01-01", "quarter": "2026-10-01 2027-01-01", "3y": "2024-01-01 2027-01-01", "year": "2026-01-01 2027-01-01",
		"plan": "2023-01-01 2028-01-01", "all": "0001-01-01 0001-01-01",
	} {
		from, to := rangeOn(word, shownOn)
		if got := from.Format(time.DateOnly) + " " + to.Format(time.DateOnly); got != expected || !rangeKnown(word) {
			t.Errorf("%s: %s, want %s", word, got, expected)
		}
	}
	// Whole buckets: a month shown in part is no month to compare with.
	v := &View{Range: "30d", Compare: ComparePreviousYear}
	p := &Panel{Grain: ofView, Compare: ofView, Filters: []Filter{{Dimension: "half", Op: "eq", Values: []Value{halfNow}}}}
	for grain, expected := range map[Grain]string{GrainDay: "2026-10-22 2026-11-21", GrainWeek: "2026-10-19 2026-11-23", GrainMonth: "2026-10-01 2026-12-01", GrainHour: "2026-10-22 2026-11-21"} {
		q := p.query(v, grain, shownOn)
		if got := q.Time.From + " " + q.Time.To; got != expected || q.Compare != ComparePreviousYear || q.Filters[0].Values[0] != "2026-H2" {
			t.Errorf("%s: %s, want %s; %+v", grain, got, expected, q)
		}
	}
	if p.Filters[0].Values[0] != halfNow {
		t.Error("the panel itself was changed")
	}
}

// Any figure is followed to the submissions behind it, by its own time and filters.
// A reader's filter goes to the panels that have its dimension.
func TestQuestionsOfAView(t *testing.T) {
	v := &View{Range: "30d", Compare: none, Panels: []Panel{
		{ID: "a", Metrics: []string{"visitors", "load_ratio"}, Grain: ofView, Compare: ofView, Filters: []Filter{{Dimension: "half", Op: "eq", Values: []Value{halfNow}}}},
		{ID: "b", Metrics: []string{"visitors", "projects"}, Grain: none, Compare: ofView},
		{ID: "c", Records: &PanelRecords{Dataset: "festival_event", Fields: []string{"name", "region"}}},
		{ID: "d", Records: &PanelRecords{Dataset: "festival_event", Fields: []string{"name"}}, Range: "month", Limit: 5},
		{ID: "e", Chart: freshnessChart},
	}}
	has := func(metric, dimension string) bool { return metric != "projects" && dimension == "region" }
	text, err := json.Marshal(v.Questions(shownOn, GrainMonth, []Filter{{Dimension: "region", Op: "in", Values: []Value{"500111"}}}, has))
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"id":"a","query":{"metrics":["visitors","load_ratio"],"time":{"from":"2026-10-01","to":"2026-12-01","grain":"month"},` +
		`"filters":[{"dimension":"half","op":"eq","values":["2026-H2"]},{"dimension":"region","op":"in","values":["500111"]}]}},` +
		`{"id":"b","query":{"metrics":["visitors","projects"],"time":{"from":"2026-10-22","to":"2026-11-21"}}},` +
		`{"id":"c","records":{"dataset":"festival_event","fields":["name","region"],"filters":[{"dimension":"region","op":"in","values":["500111"]}],"limit":1000}},` +
		`{"id":"d","records":{"dataset":"festival_event","fields":["name"],"from":"2026-11-01","to":"2026-12-01","limit":1000}},{"id":"e","freshness":{}}]`
	if string(text) != want {
		t.Errorf("asked\n%s\nwant\n%s", text, want)
	}
}

func TestFiguresAreTracedToTheirSubmissions(t *testing.T) {
	f := newFixture(t, "tourism_flow", "scenic_spot", "park_monthly", "economic_split")
	f.push("scenic_spot", row{"spot_id": "500111-S01", "name": "宝顶山", "region": "500111"}, row{"spot_id": "512021-S01", "name": "圆觉洞", "region": "512021"})
	first := f.push("tourism_flow", flow("500111-S01", "2026-05-01 09:00", 5, 1), flow("512021-S01", "2026-05-01 09:00", 5, 2))
	f.push("tourism_flow", flow("500111-S01", "2026-05-01 09:00", 5, 3), flow("500111-S01", "2026-06-01 09:00", 5, 4))
	ask := func(q Query, expected string) {
		t.Helper()
		q.Metrics, q.Dimensions = []string{"tourism_flow_records"}, []string{"submission", "agency"}
		want(t, f.ask(q), expected)
	}
	may := Time{From: "2026-05-01", To: "2026-06-01"}
	ask(Query{Time: may}, "2-0 dazu 1\n3-0 dazu 1\n")
	ask(Query{}, "2-0 dazu 1\n3-0 dazu 2\n")
	ask(Query{Time: may, Filters: []Filter{{"side", "eq", []Value{"大足"}}}}, "3-0 dazu 1\n")
	ask(Query{Time: may, Filters: []Filter{{"spot_name", "in", []Value{"圆觉洞"}}}}, "2-0 dazu 1\n")
	ask(Query{Time: may, Filters: []Filter{{"region", "in", []Value{"512021"}}, {"submission", "eq", []Value{"2-0"}}}}, "2-0 dazu 1\n")
	ask(Query{Time: may, AsOf: first.at.Format(time.RFC3339)}, "2-0 dazu 2\n")
	ask(Query{Time: may, AsOf: first.at.Format(time.RFC3339), Filters: []Filter{{"spot_name", "eq", []Value{"宝顶山"}}}}, "2-0 dazu 1\n")
	// The same text as that of the records themselves.
	got := f.records(RecordsQuery{Dataset: "tourism_flow", Fields: []string{"_submission"}})
	if got.table() != "2-0\n3-0\n3-0\n" {
		t.Errorf("records say %s", got.table())
	}
	for _, d := range dimensionsOf(f.catalogue(), f.catalogue()[bookingID]) {
		if d.name == "submission" {
			t.Error("a part of a figure has no submission of its own")
		}
	}
}

func TestColumnsSayWhereTheyComeFrom(t *testing.T) {
	f := newFixture(t, "park_monthly", "tourism_flow")
	clerk := Reader{Clearance: schemas.Internal}
	answer, err := f.Query(t.Context(), Query{Metrics: []string{"revenue", "output_value"}, Dimensions: []string{"region"}}, clerk, f.position())
	if err != nil {
		t.Fatal(err)
	}
	if c := answer.Columns[0]; c.Dataset != "" || c.Classification != "" {
		t.Errorf("a dimension: %+v", c)
	}
	if c := answer.Columns[1]; c.Dataset != "park_monthly" || c.Classification != "sensitive" || !c.Masked || c.Definition == "" || c.Scale != 2 {
		t.Errorf("%+v", c)
	}
	if c := answer.Columns[2]; c.Classification != "public" || c.Masked {
		t.Errorf("%+v", c)
	}
	records := &Answer{}
	if _, err := f.WriteRecords(t.Context(), RecordsQuery{Dataset: "park_monthly", Fields: []string{"park_id", "energy_tce", "_submission"}}, clerk, f.position(), records); err != nil {
		t.Fatal(err)
	}
	if c := records.Columns[1]; c.Dataset != "park_monthly" || c.Classification != "sensitive" || !c.Masked {
		t.Errorf("%+v", c)
	}
	if c := records.Columns[2]; c.Dataset != "" || c.Masked {
		t.Errorf("%+v", c)
	}
}

func TestCSVEndsWithNotesWhereAskedFor(t *testing.T) {
	f := newFixture(t, "tourism_flow")
	f.push("tourism_flow", flow("500111-S01", "2026-05-01 09:00", 5, 3))
	q := Query{Metrics: []string{"visitors"}, Dimensions: []string{"region"}, Time: Time{From: "2026-05-01", To: "2026-06-01"}, Filters: []Filter{{"region", "in", []Value{"500111", "512021"}}}}
	export := func(e Encoding) string {
		t.Helper()
		var out bytes.Buffer
		reader := everything
		reader.Name = "dazu/c-1"
		if _, err := f.WriteQuery(t.Context(), q, reader, f.position(), NewEncoder(&out, e)); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	const plain = "region,visitors\r\n500111,3\r\n"
	if got := export(Encoding{Format: FormatCSV, Unmarked: true}); got != plain {
		t.Errorf("%q", got)
	}
	rest, ok := strings.CutPrefix(export(Encoding{Format: FormatCSV, Unmarked: true, Notes: true}), plain+"\r\n")
	if !ok {
		t.Fatalf("%q", rest)
	}
	lines, err := csv.NewReader(strings.NewReader(rest)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for _, line := range lines {
		if len(line) != 3 || line[0] != "说明" {
			t.Fatalf("%q", line)
		}
		said[line[1]] = line[2]
	}
	for label, value := range map[string]string{"指标": "visitors", "时间起（含）": "2026-05-01", "筛选": "行政区划 属于 500111、512021", "导出者": "dazu/c-1", "水位（该序号及以前的提交全部计入）": "1"} {
		if said[label] != value {
			t.Errorf("%s: %q, want %q", label, said[label], value)
		}
	}
	if said["数据时点"] == "" || said["导出时间"] == "" || !strings.Contains(said["游客人次（人次）"], "1440") {
		t.Errorf("%v", said)
	}
}

func TestAWorkbookHoldsSeveralAnswers(t *testing.T) {
	f := newFixture(t, "tourism_flow")
	f.push("tourism_flow", flow("500111-S01", "2026-05-01 09:00", 5, 3), flow("512021-S01", "2026-05-02 09:00", 5, 4))
	var out bytes.Buffer
	temp := t.TempDir()
	book, err := NewWorkbook(&out, temp)
	if err != nil {
		t.Fatal(err)
	}
	title := "客流：日/周 [2026]*?"
	q := Query{Metrics: []string{"visitors"}, Dimensions: []string{"region"}, Time: Time{Grain: GrainDay}}
	for range 2 {
		if _, err := f.WriteQuery(t.Context(), q, everything, f.position(), book.Sheet(title)); err != nil {
			t.Fatal(err)
		}
	}
	refused := book.Sheet("x")
	if _, err := f.WriteQuery(t.Context(), Query{Metrics: []string{"nothing"}}, everything, f.position(), refused); err == nil || refused.Begun() {
		t.Errorf("%v", err)
	}
	if err := book.Refused("说明", everything, "没有这个指标", "换一个"); err != nil {
		t.Fatal(err)
	}
	if err := book.Send(); err != nil {
		t.Fatal(err)
	}
	if err := book.Close(); err != nil {
		t.Fatal(err)
	}
	read, err := excelize.OpenReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	sheets := read.GetSheetList()
	if !slices.Equal(sheets, []string{"客流：日_周 _2026___", "客流：日_周 _2026___ (2)", "说明 (2)", "说明"}) {
		t.Errorf("sheets %q", sheets)
	}
	answer := f.ask(q)
	rowsWanted := texts{columns: answer.Columns, rows: [][]string{{"2026-05-01", "500111", "3"}, {"2026-05-02", "512021", "4"}}}
	f.same("xlsx", rowsWanted, fromSheet(t, read, sheets[1], rowsWanted))
	if rows, err := read.GetRows("说明 (2)"); err != nil || fmt.Sprint(rows) != "[[没有这个指标] [换一个]]" {
		t.Errorf("%v %v", rows, err)
	}
	rows, err := read.GetRows("说明")
	text, _ := json.Marshal(rows)
	for _, part := range []string{`["工作表","客流：日_周 _2026___ (2)"]`, `["指标","visitors"]`, `["粒度","day"]`, `["筛选","无"]`, `["工作表","说明 (2)"]`, `["未给出","没有这个指标\n换一个"]`} {
		if err != nil || !strings.Contains(string(text), part) {
			t.Errorf("the notes lack %s: %s %v", part, text, err)
		}
	}
}

func TestSheetNames(t *testing.T) {
	long := strings.Repeat("长", 40)
	for _, c := range []struct{ title, taken, want string }{
		{"客流", "", "客流"}, {"A", "a", "A (2)"}, {"History", "", "History (2)"}, {"说明", "", "说明 (2)"}, {"'q'", "", "q"}, {"", "", "数据"}, {"a\nb", "", "a b"},
		{long, "", strings.Repeat("长", 31)}, {long, strings.Repeat("长", 31), strings.Repeat("长", 27) + " (2)"}, {strings.Repeat("😀", 20), "", strings.Repeat("😀", 15)},
	} {
		if got := sheetName(c.title, []string{"说明", "History", c.taken}); got != c.want {
			t.Errorf("%q: %q, want %q", c.title, got, c.want)
		}
	}
}
