package hub

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
)

// answers is what POST /v1/queries gives.
type answers struct {
	Answers []struct {
		ID     string
		Answer *struct {
			Columns []struct {
				Name, Type, Label, Unit, Dataset, Classification string
				Masked                                           bool
			}
			Rows      [][]any
			AsOf      string `json:"as_of"`
			Watermark uint64
			Truncated bool
		}
		Problem *struct {
			Type, Title, Detail, Remedy string
			Status                      int
			Errors                      []map[string]string
		}
	}
}

func (c *caller) batch(want int, query, body string) (answers, string) {
	c.t.Helper()
	status, text := c.call(http.MethodPost, "/v1/queries"+query, "application/json", "", body)
	if status != want {
		c.t.Fatalf("%s: %d %s", body, status, text)
	}
	var a answers
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if want == http.StatusOK {
		if err := d.Decode(&a); err != nil {
			c.t.Fatal(err)
		}
	}
	return a, string(text)
}

const batchOfFive = `{"queries":[
	{"id":"days","title":"逐日客流","query":{"metrics":["visitors"],"dimensions":["region"],"time":{"from":"2026-05-01","to":"2026-06-01","grain":"day"},"filters":[{"dimension":"side","op":"eq","values":["资阳"]}]}},
	{"id":"wrong","query":{"metrics":["visiters"]}},
	{"id":"strange","query":{"metrics":["visitors"],"colour":"red"}},
	{"id":"secret","title":"营收","query":{"metrics":["revenue","output_value"]}},
	{"id":"lines","title":"明细","records":{"dataset":"tourism_flow","fields":["observed_at","entries","_submission"],"filters":[{"dimension":"spot_id","op":"eq","values":["512021-S01"]}],"from":"2026-05-02","limit":1}}
]%s}`

func TestABatchOfQueriesIsAnsweredFromOnePosition(t *testing.T) {
	v := openHouse(t, t.TempDir(), nil)
	c := v.client("anyue", "512021")
	first := c.push(http.StatusOK, "tourism_flow", "?wait=visible", "", day(anyueSpot, 1, 10)+day(anyueSpot, 2, 20)+day(anyueSpot, 3, 30))
	got, text := c.batch(http.StatusOK, "?lang=en", fmt.Sprintf(batchOfFive, ""))
	var ids []string
	asOf, watermark := "", uint64(0)
	for _, a := range got.Answers {
		ids = append(ids, a.ID)
		if (a.Answer == nil) == (a.Problem == nil) {
			t.Fatalf("%s: either an answer or a problem: %s", a.ID, text)
		}
		if a.Answer == nil {
			continue
		}
		if asOf == "" {
			asOf, watermark = a.Answer.AsOf, a.Answer.Watermark
		}
		if a.Answer.AsOf != asOf || a.Answer.Watermark != watermark || watermark < first.Sequence {
			t.Errorf("%s: as of %s, watermark %d", a.ID, a.Answer.AsOf, a.Answer.Watermark)
		}
	}
	if !slices.Equal(ids, []string{"days", "wrong", "strange", "secret", "lines"}) {
		t.Errorf("%v", ids)
	}
	if rows := got.Answers[0].Answer.Rows; fmt.Sprint(rows) != "[[2026-05-01 512021 10] [2026-05-02 512021 20] [2026-05-03 512021 30]]" {
		t.Errorf("%v", rows)
	}
	if p := got.Answers[1].Problem; p.Type != "/problems/unknown-metric" || p.Status != 422 && p.Status != 400 || p.Detail != `there is no metric "visiters"` || !strings.Contains(p.Remedy, "visitors") || p.Title == "" || p.Errors[0]["field"] != "/metrics/0" {
		t.Errorf("%+v", p)
	}
	if p := got.Answers[2].Problem; p.Type != "/problems/query-invalid" || !strings.Contains(p.Detail, "colour") {
		t.Errorf("%+v", p)
	}
	columns := got.Answers[3].Answer.Columns
	if c := columns[0]; !c.Masked || c.Classification != "sensitive" || c.Dataset != "park_monthly" || columns[1].Masked {
		t.Errorf("%+v", columns)
	}
	lines := got.Answers[4].Answer
	if c := lines.Columns[0]; c.Type != "timestamp" || c.Label != "Observed at" || c.Dataset != "tourism_flow" {
		t.Errorf("%+v", c)
	}
	if fmt.Sprint(lines.Rows) != fmt.Sprintf("[[2026-05-02T00:00:00+08:00 20 %s]]", first.Submission) || !lines.Truncated {
		t.Errorf("%+v", lines)
	}

	// As of an earlier moment, all together or one by itself.
	second := c.push(http.StatusOK, "tourism_flow", "?wait=visible", "", day(anyueSpot, 1, 99))
	v.followed(second.Sequence)
	got, _ = c.batch(http.StatusOK, "", fmt.Sprintf(batchOfFive, `,"as_of":"`+first.ReceivedAt.Format(time.RFC3339Nano)+`"`))
	if a := got.Answers[0].Answer; fmt.Sprint(a.Rows[0][2]) != "10" || a.Watermark != first.Sequence || got.Answers[4].Answer.Watermark != first.Sequence {
		t.Errorf("%+v", a)
	}
	got, _ = c.batch(http.StatusOK, "", `{"as_of":"`+first.ReceivedAt.Format(time.RFC3339Nano)+`","queries":[{"id":"a","query":{"metrics":["visitors"]}},{"id":"b","query":{"metrics":["visitors"],"as_of":"`+second.ReceivedAt.Format(time.RFC3339Nano)+`"}}]}`)
	if fmt.Sprint(got.Answers[0].Answer.Rows, got.Answers[1].Answer.Rows) != "[[60]] [[149]]" {
		t.Errorf("%v", got)
	}
}

// followed waits until history, which as_of is answered from, has a submission too.
func (v *house) followed(sequence uint64) {
	v.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for v.hub.position().HistoryWatermark < sequence {
		select {
		case <-tick.C:
		case <-deadline:
			v.t.Fatal("history does not follow")
		}
	}
}

func TestABatchThatIsNoBatchIsRefused(t *testing.T) {
	c := openHouse(t, t.TempDir(), nil).client("anyue", "512021")
	const q = `{"metrics":["visitors"]}`
	var many []string
	for n := range maxBatch + 1 {
		many = append(many, fmt.Sprintf(`{"id":"q%d","query":%s}`, n, q))
	}
	for _, bad := range []string{
		``, `{`, `[]`, `{"queries":[]}`, `{"queries":[` + strings.Join(many, ",") + `]}`, `{"queries":[{"query":` + q + `}]}`, `{"queries":[{"id":"a"}]}`,
		`{"queries":[{"id":"a","query":` + q + `,"records":{"dataset":"tourism_flow"}}]}`, `{"queries":[{"id":"a","query":` + q + `},{"id":"a","query":` + q + `}]}`,
		`{"queries":[{"id":"a","query":` + q + `,"sheet":"x"}]}`, `{"queries":[{"id":"a","query":{"metrics":["visitors"],"metrics":["tax"]}}]}`,
		`{"queries":[{"id":"` + strings.Repeat("a", maxBatchID+1) + `","query":` + q + `}]}`, `{"queries":[{"id":"a","query":` + q + `}]} {}`,
	} {
		if _, text := c.batch(http.StatusBadRequest, "", bad); !strings.Contains(text, "/problems/invalid-request") {
			t.Errorf("%.80s: %s", bad, text)
		}
	}
	got, _ := c.batch(http.StatusOK, "", `{"queries":[`+strings.Join(many[:maxBatch], ",")+`]}`)
	if len(got.Answers) != maxBatch {
		t.Errorf("%d answers", len(got.Answers))
	}
	got, _ = c.batch(http.StatusOK, "", `{"queries":[{"id":"a","query":{"metrics":["visitors"],"limit":100001}},{"id":"b","records":{"dataset":"tourism_flow","limit":100001}},
		{"id":"c","records":{"dataset":"nothing"}},{"id":"d","records":{"dataset":"park_monthly","filters":[{"dimension":"revenue","op":"gt","values":[1]}]}},{"id":"e","records":{"dataset":"tourism_flow","cursor":"x"}}]}`)
	for i, name := range []string{"query-invalid", "query-invalid", "unknown-dataset", "field-not-readable", "query-invalid"} {
		if p := got.Answers[i].Problem; p == nil || p.Type != "/problems/"+name {
			t.Errorf("%s: %+v", got.Answers[i].ID, p)
		}
	}
	if _, text := c.batch(http.StatusNotAcceptable, "?format=csv", `{"queries":[{"id":"a","query":`+q+`}]}`); !strings.Contains(text, "xlsx") {
		t.Errorf("%s", text)
	}
}

func TestABatchIsAWorkbookWithASheetForEach(t *testing.T) {
	v := openHouse(t, t.TempDir(), nil)
	c := v.client("anyue", "512021")
	c.push(http.StatusOK, "tourism_flow", "?wait=visible", "", day(anyueSpot, 1, 10)+day(anyueSpot, 2, 20)+day(anyueSpot, 3, 30))
	body := fmt.Sprintf(batchOfFive, "")
	asJSON, _ := c.batch(http.StatusOK, "", body)
	status, text := c.call(http.MethodPost, "/v1/queries?format=xlsx", "application/json", "", body)
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	book, err := excelize.OpenReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	if sheets := book.GetSheetList(); !slices.Equal(sheets, []string{"逐日客流", "wrong", "strange", "营收", "明细", "说明"}) {
		t.Errorf("%q", sheets)
	}
	for i, sheet := range map[int]string{0: "逐日客流", 3: "营收", 4: "明细"} {
		a := asJSON.Answers[i].Answer
		rows, err := book.GetRows(sheet)
		if err != nil || len(rows) != len(a.Rows)+1 {
			t.Fatalf("%s: %d rows, JSON has %d, %v", sheet, len(rows), len(a.Rows), err)
		}
		for r := range a.Rows {
			for n, value := range a.Rows[r] {
				want := fmt.Sprint(value)
				if a.Columns[n].Type == "timestamp" {
					want = strings.Replace(want[:len("2026-05-02T00:00:00")], "T", " ", 1)
				}
				if rows[r+1][n] != want {
					t.Errorf("%s: row %d, %s: %q, JSON has %q", sheet, r+1, a.Columns[n].Name, rows[r+1][n], want)
				}
			}
		}
	}
	if rows, err := book.GetRows("wrong"); err != nil || len(rows) != 3 || rows[1][0] != `没有指标 "visiters"` {
		t.Errorf("%v %v", rows, err)
	}
	rows, err := book.GetRows("说明")
	if err != nil {
		t.Fatal(err)
	}
	notes, _ := json.Marshal(rows)
	for part, times := range map[string]int{
		`["工作表","逐日客流"]`: 1, `["工作表","wrong"]`: 1, `["指标","visitors"]`: 1, `["筛选","所属方 等于 资阳"]`: 1, `["时间起（含）","2026-05-01"]`: 1, `["粒度","day"]`: 1,
		`["导出者","anyue/` + c.id + `"]`: 5, `["水位（该序号及以前的提交全部计入）","` + strconv.FormatUint(asJSON.Answers[0].Answer.Watermark, 10) + `"]`: 3, `["数据时点",`: 3, `["导出时间",`: 5,
	} {
		if n := strings.Count(string(notes), part); n != times {
			t.Errorf("the notes have %s %d times, not %d: %s", part, n, times, notes)
		}
	}
}

func TestABatchIsBoundedInRowsAndACallerInBatches(t *testing.T) {
	v := openHouse(t, t.TempDir(), nil)
	c, other := v.client("anyue", "512021"), v.client("dazu", "500111")
	var body strings.Builder
	const rows = 25_000
	for i := range rows {
		fmt.Fprintf(&body, `{"spot_id":"512021-S01","observed_at":%q,"interval_minutes":1,"entries":1}`+"\n", time.Date(2026, 5, 1, 0, i, 0, 0, time.UTC).Format(time.RFC3339))
	}
	c.push(http.StatusOK, "tourism_flow", "?wait=visible", "", body.String())
	var items []string
	for i := range maxBatchSum/rows + 1 {
		items = append(items, fmt.Sprintf(`{"id":"q%d","records":{"dataset":"tourism_flow","fields":["entries"],"limit":%d}}`, i, rows))
	}
	ask := func(items []string) string { return `{"queries":[` + strings.Join(items, ",") + `]}` }
	got, _ := c.batch(http.StatusOK, "", ask(items[1:]))
	for _, a := range got.Answers {
		if a.Answer == nil || len(a.Answer.Rows) != rows {
			t.Errorf("%s: %+v", a.ID, a.Problem)
		}
	}
	got, _ = c.batch(http.StatusOK, "?lang=en", ask(items))
	refused := 0
	for _, a := range got.Answers {
		if a.Problem != nil {
			refused++
			if a.Problem.Type != "/problems/query-too-expensive" || !strings.Contains(a.Problem.Detail, strconv.Itoa(maxBatchSum)) {
				t.Errorf("%s: %+v", a.ID, a.Problem)
			}
		}
	}
	if refused == 0 {
		t.Error("more rows than a batch may have are answered")
	}

	small := `{"queries":[{"id":"a","query":{"metrics":["visitors"]}}]}`
	for range batchesOfOne {
		if !v.hub.batches.enter(c.id) {
			t.Fatal("no place for a batch")
		}
	}
	if _, text := c.batch(http.StatusServiceUnavailable, "", small); !strings.Contains(text, "/problems/overloaded") || !strings.Contains(text, "4") {
		t.Errorf("%s", text)
	}
	other.batch(http.StatusOK, "", small)
	v.hub.batches.leave(c.id)
	for range 2 { // a batch gives its place back
		c.batch(http.StatusOK, "", small)
	}
}

// The page's own way: the views that the hub lists, asked for in one request each.
func TestViewsAreListedAndAnswered(t *testing.T) {
	v := openHouse(t, t.TempDir(), nil)
	c := v.client("anyue", "512021")
	status, text := c.call(http.MethodGet, "/v1/views", "", "", "")
	var list struct {
		Views []struct {
			View   string
			Panels []struct {
				ID                  string
				Metrics, Dimensions []string
				Filters             []any
				Readable            bool
			}
		}
	}
	if err := json.Unmarshal(text, &list); err != nil || status != http.StatusOK || len(list.Views) < 8 || list.Views[0].View != "overview" {
		t.Fatalf("%d %.300s %v", status, text, err)
	}
	for _, view := range list.Views {
		var items []string
		for _, p := range view.Panels {
			if !p.Readable {
				t.Errorf("%s %s is not readable", view.View, p.ID)
			}
			if len(p.Metrics) > 0 {
				filters, err := json.Marshal(p.Filters)
				if err != nil {
					t.Fatal(err)
				}
				query, err := json.Marshal(map[string]any{"metrics": p.Metrics, "dimensions": p.Dimensions, "filters": json.RawMessage(strings.ReplaceAll(string(filters), "$half", "2026-H1"))})
				if err != nil {
					t.Fatal(err)
				}
				items = append(items, fmt.Sprintf(`{"id":%q,"query":%s}`, p.ID, query))
			}
		}
		got, _ := c.batch(http.StatusOK, "", `{"queries":[`+strings.Join(items, ",")+`]}`)
		for _, a := range got.Answers {
			if a.Problem != nil {
				t.Errorf("%s %s: %+v", view.View, a.ID, a.Problem)
			}
		}
	}
}
