package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/xuri/excelize/v2"
)

// inventedProperty is a property of a contract that the test makes up, and how its
// values are made.
type inventedProperty struct {
	name  string
	yaml  string
	value func(r *rand.Rand) (sent any, read string) // read: as a CSV answer has it
}

// invent makes up a contract: names, types, bounds and a rule nobody has seen before.
func invent(r *rand.Rand) (id string, properties []inventedProperty, text string) {
	word := func() string {
		letters := "abcdefghijklmnopqrstuvwxyz"
		b := make([]byte, 4+r.IntN(5))
		for i := range b {
			b[i] = letters[r.IntN(len(letters))]
		}
		return string(b)
	}
	id = "x" + word() + "_" + word()
	seen := map[string]bool{}
	name := func() string {
		for {
			if n := "p" + word(); !seen[n] {
				seen[n] = true
				return n
			}
		}
	}
	scale := r.IntN(7)
	limit := r.Int64N(1_000_000) + 100
	words := []string{word(), word() + "1", "词" + word()}
	kinds := []func() inventedProperty{
		func() inventedProperty { // an integer between bounds, whose sum is a metric
			n := name()
			return inventedProperty{n, property(n, "integer", "12", fmt.Sprintf("\n        logicalTypeOptions: {minimum: 0, maximum: %d}", limit), "{property: zidaAdditive, value: true}"),
				func(r *rand.Rand) (any, string) { v := r.Int64N(limit); return v, strconv.FormatInt(v, 10) }}
		},
		func() inventedProperty { // an exact decimal
			n := name()
			return inventedProperty{n, property(n, "number", "1", "", fmt.Sprintf("{property: zidaDecimal, value: {precision: 24, scale: %d}}", scale), "{property: zidaAdditive, value: true}"),
				func(r *rand.Rand) (any, string) {
					text := strconv.AppendInt(nil, r.Int64N(1e12), 10)
					for n := range scale {
						if n == 0 {
							text = append(text, '.')
						}
						text = append(text, byte('0'+r.IntN(10)))
					}
					return string(text), string(text)
				}}
		},
		func() inventedProperty { // one of some words
			n := name()
			return inventedProperty{n, property(n, "string", words[0], "\n        quality: [{type: library, metric: invalidValues, mustBe: 0, arguments: {validValues: ["+strings.Join(words, ", ")+"]}}]"),
				func(r *rand.Rand) (any, string) { w := words[r.IntN(len(words))]; return w, w }}
		},
		func() inventedProperty { // a text of a pattern
			n := name()
			return inventedProperty{n, property(n, "string", "ab12", "\n        logicalTypeOptions: {pattern: '^[a-z]{2}[0-9]{2,6}$'}"),
				func(r *rand.Rand) (any, string) { t := fmt.Sprintf("qz%04d", r.IntN(10000)); return t, t }}
		},
		func() inventedProperty {
			n := name()
			return inventedProperty{n, property(n, "boolean", "true", ""),
				func(r *rand.Rand) (any, string) { b := r.IntN(2) == 0; return b, strconv.FormatBool(b) }}
		},
		func() inventedProperty {
			n := name()
			return inventedProperty{n, property(n, "date", "2025-10-01", ""),
				func(r *rand.Rand) (any, string) {
					d := time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, r.IntN(50000)).Format("2006-01-02")
					return d, d
				}}
		},
		func() inventedProperty {
			n := name()
			return inventedProperty{n, property(n, "timestamp", "2025-10-01T08:00:00+08:00", ""),
				func(r *rand.Rand) (any, string) {
					at := time.Unix(r.Int64N(2_000_000_000), 0).In(chinaTime).Format(time.RFC3339)
					return at, at
				}}
		},
	}
	for range 6 + r.IntN(5) {
		properties = append(properties, kinds[r.IntN(len(kinds))]())
	}
	properties = append(properties, kinds[0]()) // something to sum up
	var b strings.Builder
	fmt.Fprintf(&b, `apiVersion: v3.1.0
kind: DataContract
id: %s
name: 测试%s
version: 1.0.0
status: active
domain: plan
description: {purpose: 由测试生成的契约}
customProperties:
  - {property: zidaLabelEn, value: A contract that a test made up}
schema:
  - name: %s
    logicalType: object
    properties:
      - name: region
        businessName: 行政区划
        logicalType: string
        required: true
        primaryKey: true
        primaryKeyPosition: 1
        examples: ["500111"]
        customProperties: [{property: zidaLabelEn, value: Region}, {property: zidaRegion, value: true}, {property: zidaCodeList, value: region}]
      - name: day
        businessName: 日期
        logicalType: date
        required: true
        primaryKey: true
        primaryKeyPosition: 2
        partitioned: true
        examples: [2025-10-01]
        customProperties: [{property: zidaLabelEn, value: Day}, {property: zidaTime, value: true}]
      - name: number
        businessName: 序号
        logicalType: integer
        required: true
        primaryKey: true
        primaryKeyPosition: 3
        examples: [1]
        customProperties: [{property: zidaLabelEn, value: Number}]
`, id, id, id)
	for _, p := range properties {
		b.WriteString(p.yaml)
	}
	last := properties[len(properties)-1].name
	fmt.Fprintf(&b, `    quality:
      - name: not_the_limit
        type: custom
        engine: cel
        description: 序号为 999999 的记录不得有 %s
        implementation: "number != 999999 || !has(%s)"
        customProperties: [{property: zidaMessageEn, value: Record 999999 must not have it.}]
`, last, last)
	return id, properties, b.String()
}

func property(name, kind, example, options string, customs ...string) string {
	customs = append([]string{"{property: zidaLabelEn, value: Label of " + name + "}"}, customs...)
	return fmt.Sprintf("      - name: %s\n        businessName: 字段%s\n        logicalType: %s\n        classification: public\n        examples: [%q]%s\n        customProperties: [%s]\n",
		name, name, kind, example, options, strings.Join(customs, ", "))
}

var chinaTime = func() *time.Location { // which had summer time from 1986 to 1991
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		panic(err)
	}
	return zone
}()

// A dataset that nobody has thought of is one file: published to a hub that runs, it is
// pushed, read, queried, exported and given a template like those that ship.
func TestANewDatasetIsOneFile(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 7))
	h := startHub(t)
	dazu := h.register("dazu-wlj", "大足区文化和旅游发展委员会", "500111")
	operator := as{hubProcess: h}
	for range 3 {
		id, properties, text := invent(r)
		file := write(t, id+".odcs.yaml", []byte(text))
		if code, _, errs := dazu.zida("admin", "contract", "publish", file); code != exitDenied {
			t.Fatalf("an agency publishes a contract: exit %d %s", code, errs)
		}
		if out := operator.must("admin", "contract", "publish", file, "--dry-run"); !strings.Contains(out, "not published") {
			t.Fatal(out)
		}
		if out := operator.must("admin", "contract", "publish", file, "--reason", "新数据集"); !strings.Contains(out, id+" 1.0.0: in force") {
			t.Fatal(out)
		}
		if out := operator.must("admin", "contract", "publish", file); !strings.Contains(out, "not published") {
			t.Fatalf("published twice: %s", out)
		}
		const count = 200
		var lines bytes.Buffer
		want := map[string][]string{}
		sums := map[string]int64{}
		for n := range count {
			record := map[string]any{"region": "500111", "day": fmt.Sprintf("2025-%02d-%02d", n%12+1, n%28+1), "number": n}
			cells := []string{}
			for _, p := range properties {
				if r.IntN(5) == 0 {
					cells = append(cells, "")
					continue
				}
				sent, read := p.value(r)
				record[p.name] = sent
				cells = append(cells, read)
				if v, ok := sent.(int64); ok {
					sums[p.name] += v
				}
			}
			want[strconv.Itoa(n)] = cells
			line, err := json.Marshal(record)
			if err != nil {
				t.Fatal(err)
			}
			lines.Write(append(line, '\n'))
		}
		rows := write(t, id+".ndjson", lines.Bytes())
		dazu.must("push", id, rows, "--wait")
		bad := fmt.Sprintf(`{"region":"500111","day":"2025-01-01","number":999999,%q:1}`, properties[len(properties)-1].name)
		if code, _, errs := dazu.zida("push", id, write(t, "bad.ndjson", []byte(bad+"\n"))); code != exitRefused || !strings.Contains(errs, "999999") {
			t.Fatalf("its rule lets a record through: exit %d %s", code, errs)
		}

		token := strings.TrimSpace(dazu.must("token"))
		body := get(t, h.url+"/v1/datasets/"+id+"/records?format=csv&limit=1000", token)
		table, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(body, []byte("\xEF\xBB\xBF")))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if len(table) != count+1 {
			t.Fatalf("%d records come back, want %d", len(table)-1, count)
		}
		for _, row := range table[1:] {
			for i, cell := range want[row[2]] {
				if row[3+i] != cell {
					t.Errorf("%s of record %s is %q, want %q", properties[i].name, row[2], row[3+i], cell)
				}
			}
		}
		summed := properties[len(properties)-1].name
		var answer struct{ Rows [][]json.RawMessage }
		dazu.mustJSON(&answer, "query", id+"_records", id+"_"+summed, "--by", "region")
		if got := fmt.Sprintf("%s", answer.Rows); got != fmt.Sprintf(`[["500111" %d %d]]`, count, sums[summed]) {
			t.Errorf("the metrics say %s, want %d records and the sum %d", got, count, sums[summed])
		}
		for _, kind := range []string{"application/yaml", "application/schema+json"} {
			if text := getAs(t, h.url+"/v1/datasets/"+id, token, kind); !bytes.Contains(text, []byte(id)) {
				t.Errorf("%s of %s: %s", kind, id, text)
			}
		}
		exported, err := excelize.OpenReader(bytes.NewReader(get(t, h.url+"/v1/datasets/"+id+"/records?format=xlsx", token)))
		if err != nil {
			t.Fatal(err)
		}
		if rows, err := exported.GetRows("数据"); err != nil || len(rows) != count+1 {
			t.Errorf("%d rows in the exported sheet (%v)", len(rows), err)
		}
		_ = exported.Close()
		columns := get(t, h.url+"/v1/datasets/"+id+"/records?format=parquet", token)
		if file, err := parquet.OpenFile(bytes.NewReader(columns), int64(len(columns))); err != nil || file.NumRows() != count {
			t.Errorf("the exported Parquet: %v", err)
		}
		template := filepath.Join(t.TempDir(), id+".xlsx")
		dazu.must("contract", "template", id, "--out", template)
		book, err := excelize.OpenFile(template)
		if err != nil {
			t.Fatal(err)
		}
		sheet := book.GetSheetName(0)
		headings, err := book.GetRows(sheet)
		if err != nil || len(headings) != 1 || len(headings[0]) != 3+len(properties) {
			t.Fatalf("the template's heading: %q (%v)", headings, err)
		}
		for cell, value := range map[string]any{"A2": "500111", "B2": time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC), "C2": 777} {
			if err := book.SetCellValue(sheet, cell, value); err != nil {
				t.Fatal(err)
			}
		}
		if err := book.Save(); err != nil {
			t.Fatal(err)
		}
		_ = book.Close()
		dazu.must("push", id, template, "--wait")
		if page := get(t, h.url+"/v1/datasets/"+id+"/records?number=777", token); !bytes.Contains(page, []byte("2026-02-03")) {
			t.Errorf("the filled template: %s", page)
		}
		if out := dazu.must("contract", "list"); !strings.Contains(out, id) {
			t.Error("not in the catalogue")
		}
	}
	if out := operator.must("admin", "log", "--json"); !strings.Contains(out, "contract.publish") || !strings.Contains(out, "新数据集") {
		t.Errorf("the act is not on record: %s", out)
	}
}

func get(t *testing.T, address, token string) []byte {
	t.Helper()
	return getAs(t, address, token, "")
}

func getAs(t *testing.T, address, token, accept string) []byte {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	if accept != "" {
		request.Header.Set("Accept", accept)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v %s", address, response.Status, err, body)
	}
	return body
}

const evolving = `apiVersion: v3.1.0
kind: DataContract
id: evolving
name: 演进
version: {version}
status: active
domain: plan
customProperties: [{property: zidaLabelEn, value: Evolving}]
schema:
  - name: evolving
    logicalType: object
    properties:
      - {name: region, businessName: 行政区划, logicalType: string, required: true, primaryKey: true, primaryKeyPosition: 1, examples: ["500111"], customProperties: [{property: zidaLabelEn, value: Region}, {property: zidaRegion, value: true}, {property: zidaCodeList, value: region}]}
      - {name: number, businessName: 序号, logicalType: integer, required: true, primaryKey: true, primaryKeyPosition: 2, examples: [1], customProperties: [{property: zidaLabelEn, value: Number}]}
      - {name: amount, businessName: 数量, logicalType: integer, logicalTypeOptions: {minimum: 0, maximum: {maximum}}, required: true, examples: [5], customProperties: [{property: zidaLabelEn, value: Amount}, {property: zidaAdditive, value: true}]}
`

const evolvingMore = `      - {name: note, businessName: 备注, logicalType: string, classification: public, examples: [abc], customProperties: [{property: zidaLabelEn, value: Note}]}
`

// A compatible version goes live in the middle of pushes and loses none; a breaking one
// says what would break and for whom, and lets the older go on until its day.
func TestContractsEvolveUnderPushes(t *testing.T) {
	h := startHub(t)
	dazu := h.register("dazu-wlj", "大足区文化和旅游发展委员会", "500111")
	operator := as{hubProcess: h}
	version := func(version string, maximum int, more string) string {
		return write(t, "evolving.odcs.yaml", []byte(strings.NewReplacer("{version}", version, "{maximum}", strconv.Itoa(maximum)).Replace(evolving)+more))
	}
	operator.must("admin", "contract", "publish", version("1.0.0", 1000, ""))
	token := strings.TrimSpace(dazu.must("token"))
	push := func(body string, headers ...string) (int, string, http.Header) {
		request, err := http.NewRequest(http.MethodPost, h.url+"/v1/datasets/evolving/records", strings.NewReader(body))
		if err != nil {
			return 0, err.Error(), nil
		}
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("Content-Type", "application/json")
		for i := 0; i < len(headers); i += 2 {
			request.Header.Set(headers[i], headers[i+1])
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return 0, err.Error(), nil
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			return 0, err.Error(), nil
		}
		return response.StatusCode, string(text), response.Header
	}
	record := func(n, amount int, more string) string {
		return fmt.Sprintf(`{"region":"500111","number":%d,"amount":%d%s}`, n, amount, more)
	}

	stop := make(chan struct{})
	var pushers sync.WaitGroup
	var mu sync.Mutex
	accepted := 0
	for p := range 4 {
		pushers.Go(func() {
			for n := p * 1_000_000; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				status, text, _ := push(record(n, 1, ""))
				if status != http.StatusAccepted {
					t.Errorf("a push was answered %d while a version went live: %s", status, text)
					return
				}
				mu.Lock()
				accepted++
				mu.Unlock()
			}
		})
	}
	enough := func(n int) {
		h.waitFor("pushes go on", time.Minute, func() error {
			mu.Lock()
			defer mu.Unlock()
			if accepted < n {
				return fmt.Errorf("%d pushes", accepted)
			}
			return nil
		})
	}
	enough(100)
	operator.must("admin", "contract", "publish", version("1.1.0", 1000, evolvingMore))
	mu.Lock()
	now := accepted
	mu.Unlock()
	enough(now + 100)
	close(stop)
	pushers.Wait()

	if status, text, _ := push(record(9_000_001, 1, `,"note":"x"`)); status != http.StatusAccepted {
		t.Errorf("the new property is refused: %d %s", status, text)
	}
	if status, text, _ := push(record(9_000_002, 1, `,"note":"x"`), "Content-Contract-Version", "1.0.0"); status != http.StatusUnprocessableEntity || !strings.Contains(text, "unknown_field") {
		t.Errorf("version 1.0.0 takes a property of 1.1.0: %d %s", status, text)
	}
	if status, text, _ := push(record(1, 1, ""), "Content-Contract-Version", "7.0.0"); status != http.StatusUnprocessableEntity || !strings.Contains(text, "unknown-contract-version") {
		t.Errorf("a version that is not there: %d %s", status, text)
	}

	// The bound is lowered: records taken before could be refused.
	code, _, errs := operator.zida("admin", "contract", "publish", version("1.2.0", 100, evolvingMore))
	if code != exitRefused || !strings.Contains(errs, "dazu-wlj") || !strings.Contains(errs, "amount") {
		t.Errorf("a breaking minor version: exit %d %s", code, errs)
	}
	out := operator.must("admin", "contract", "publish", version("2.0.0", 100, evolvingMore), "--retire", time.Now().AddDate(0, 2, 0).Format("2006-01-02"))
	if !strings.Contains(out, "breaking") || !strings.Contains(out, "dazu-wlj") {
		t.Errorf("what breaks, and for whom, is not said: %s", out)
	}
	for _, c := range []struct {
		what, body, named, version string
		status                     int
	}{
		{"what satisfies the newest", record(9_000_010, 50, ""), "", "2.0.0", 202},
		{"what satisfies the older alone", record(9_000_011, 500, ""), "", "1.1.0", 202},
		{"what satisfies none", record(9_000_012, 5000, ""), "", "", 422},
		{"what names the older", record(9_000_013, 500, ""), "1.1.0", "1.1.0", 202},
		{"what names the newest and does not satisfy it", record(9_000_014, 500, ""), "2.0.0", "", 422},
	} {
		var headers []string
		if c.named != "" {
			headers = []string{"Content-Contract-Version", c.named}
		}
		status, text, header := push(c.body, headers...)
		if status != c.status {
			t.Errorf("%s: %d, want %d: %s", c.what, status, c.status, text)
			continue
		}
		if c.version == "" {
			continue
		}
		var receipt struct{ Submission string }
		if err := json.Unmarshal([]byte(text), &receipt); err != nil {
			t.Fatal(err)
		}
		if got := header.Get("Content-Contract-Version"); c.version != "2.0.0" && (got != c.version || header.Get("Sunset") == "") {
			t.Errorf("%s: the answer says version %q and its end %q", c.what, got, header.Get("Sunset"))
		}
		var state struct {
			Contract string `json:"contract_version"`
		}
		if err := json.Unmarshal(get(t, h.url+"/v1/submissions/"+receipt.Submission, token), &state); err != nil || state.Contract != c.version {
			t.Errorf("%s: taken under %q, want %q (%v)", c.what, state.Contract, c.version, err)
		}
	}
	// Large bodies choose by their first records.
	var large strings.Builder
	for n := range 8000 {
		large.WriteString(record(8_000_000+n, 500, "") + "\n")
	}
	dazu.must("push", "evolving", write(t, "large.ndjson", []byte(large.String())), "--wait")

	operator.must("admin", "contract", "publish", version("3.0.0", 10, evolvingMore), "--retire", "2020-01-01")
	if status, text, _ := push(record(1, 500, ""), "Content-Contract-Version", "1.1.0"); status != http.StatusUnprocessableEntity || !strings.Contains(text, "contract-retired") {
		t.Errorf("a version past its end: %d %s", status, text)
	}
	if status, _, _ := push(record(9_000_020, 500, "")); status != http.StatusUnprocessableEntity {
		t.Errorf("a version past its end is still fallen back on: %d", status)
	}

	want := accepted + 1 + 3 + 8000
	var answer struct{ Rows [][]int }
	h.waitFor("every accepted record counts", time.Minute, func() error {
		dazu.mustJSON(&answer, "query", "evolving_records")
		if len(answer.Rows) != 1 || answer.Rows[0][0] != want {
			return fmt.Errorf("%v records, want %d", answer.Rows, want)
		}
		return nil
	})
	// A backfill: the new property of old records is pushed as a revision.
	if status, text, _ := push(record(0, 1, `,"note":"补填"`)); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, text)
	}
	h.waitFor("the backfill is visible", time.Minute, func() error {
		page := get(t, h.url+"/v1/datasets/evolving/records?"+url.Values{"number": {"0"}, "history": {"true"}, "fields": {"note,_version"}}.Encode(), token)
		if n := bytes.Count(page, []byte(`"note"`)); n != 2 || !bytes.Contains(page, []byte("补填")) {
			return fmt.Errorf("%d versions: %s", n, page)
		}
		return nil
	})
}

// A contract takes neither a name of the hub's own tables nor a metric that is there.
func TestAContractTakesNoNameThatIsTaken(t *testing.T) {
	h := startHub(t)
	operator := as{hubProcess: h}
	text := strings.NewReplacer("{version}", "1.0.0", "{maximum}", "9").Replace(evolving)
	for id, says := range map[string]string{
		"park_booking": "the hub keeps itself", "rollups": "the hub keeps itself", "x_rollup": "the hub keeps itself", "x_history": "the hub keeps itself",
		"tourism": "tourism_flow_records",
	} {
		contract := strings.ReplaceAll(text, "id: evolving", "id: "+id)
		contract = strings.ReplaceAll(contract, "name: evolving", "name: "+id)
		contract = strings.ReplaceAll(contract, "name: amount", "name: flow_records")
		for _, more := range [][]string{{"--dry-run"}, nil} {
			code, _, errs := operator.zida(append([]string{"admin", "contract", "publish", write(t, id+".odcs.yaml", []byte(contract))}, more...)...)
			if code != exitRefused || !strings.Contains(errs, says) {
				t.Errorf("%s: exit %d %s", id, code, errs)
			}
		}
	}
	if out := operator.must("metrics", "--dataset", "tourism_flow"); !strings.Contains(out, "tourism_flow_records") {
		t.Error(out)
	}
}
