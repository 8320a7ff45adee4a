package hub

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/xuri/excelize/v2"
)

// get asks for an export and returns the whole answer, trailers included.
func (c *caller) get(path, accept string) (*http.Response, []byte) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.hub.URL()+path, http.NoBody)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return res, body
}

func TestExportsAreFilesWithNamesOfTheirOwn(t *testing.T) {
	v := openHouse(t, t.TempDir(), nil)
	c := v.client("anyue", "512021")
	var rows strings.Builder
	for n := range 28 {
		rows.WriteString(day(anyueSpot, n+1, n))
	}
	c.push(http.StatusOK, "tourism_flow", "?wait=visible", "", rows.String())
	const records, query = "/v1/datasets/tourism_flow/records", "/v1/query?metrics=visitors&grain=day"
	for _, f := range []struct{ path, accept, kind, name, begins string }{
		{records + "?format=csv", "", "text/csv", `filename="tourism_flow-20`, "\xEF\xBB\xBFspot_id,"},
		{records + "?format=csv&bom=false", "", "text/csv", `.csv"; filename*=UTF-8''%E6%99%AF%E5%8C%BA%E5%AE%A2%E6%B5%81-20`, "spot_id,"},
		{records + "?format=csv&headings=label&lang=en&bom=false", "", "text/csv", ".csv", "Scenic spot,"},
		{records + "?format=csv&headings=label", "", "text/csv", ".csv", "\xEF\xBB\xBF景区编号,"},
		{records, "text/csv", "text/csv", ".csv", "\xEF\xBB\xBFspot_id,"},
		{records + "?format=parquet", "", "application/vnd.apache.parquet", ".parquet", "PAR1"},
		{records, "application/vnd.apache.parquet", "application/vnd.apache.parquet", ".parquet", "PAR1"},
		{records + "?format=xlsx", "application/json", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xlsx", "PK"},
		{query + "&format=xlsx", "", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", `filename="visitors-20`, "PK"},
		{query + "&format=parquet", "", "application/vnd.apache.parquet", `filename="visitors-20`, "PAR1"},
		{query + "&format=csv&headings=label&bom=false", "", "text/csv", ".csv", "时间,"},
	} {
		res, body := c.get(f.path, f.accept)
		if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), f.kind) ||
			!strings.Contains(res.Header.Get("Content-Disposition"), f.name) || !bytes.HasPrefix(body, []byte(f.begins)) {
			t.Errorf("%s %s: %d %v %.60q", f.path, f.accept, res.StatusCode, res.Header, body)
		}
		if strings.Contains(f.path, "/query") && res.Trailer.Get("X-Truncated") != "false" {
			t.Errorf("%s: trailer %v", f.path, res.Trailer)
		}
	}
	if left, err := os.ReadDir(v.hub.exportsDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}

	// A page says where it goes on, all of them that there is no more.
	res, body := c.get(records+"?format=csv&limit=10", "")
	if n := bytes.Count(body, []byte("\n")); n != 11 || res.Trailer.Get("X-Next-Cursor") == "" {
		t.Errorf("a page: %d lines, trailer %v", n, res.Trailer)
	}
	res, body = c.get(records+"?format=ndjson&limit=all", "")
	if n := bytes.Count(body, []byte("\n")); n != 28 || res.Trailer.Get("X-Next-Cursor") != "" {
		t.Errorf("all: %d lines, trailer %v", n, res.Trailer)
	}
	if res, _ = c.get(query+"&format=csv&limit=3", ""); res.Trailer.Get("X-Truncated") != "true" {
		t.Errorf("a cut answer: trailer %v", res.Trailer)
	}
	_, body = c.get(records+"?format=parquet", "")
	file, err := parquet.OpenFile(bytes.NewReader(body), int64(len(body)))
	if err != nil || file.NumRows() != 28 {
		t.Fatalf("%v", err)
	}
	if by, _ := file.Lookup("exported_by"); by != "anyue/"+c.id {
		t.Errorf("exported by %q", by)
	}
	_, body = c.get(records+"?format=xlsx", "")
	book, err := excelize.OpenReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	if rows, err := book.GetRows("数据"); err != nil || len(rows) != 29 {
		t.Errorf("%d rows, %v", len(rows), err)
	}

	for _, bad := range []struct{ path, problem string }{
		{records + "?format=pdf", "not-acceptable"}, {records + "?format=csv&bom=maybe", "invalid-request"},
		{records + "?format=csv&headings=none", "invalid-request"}, {records + "?limit=some", "query-invalid"},
	} {
		res, body := c.get(bad.path, "")
		if res.StatusCode < 400 || !strings.Contains(string(body), "/problems/"+bad.problem) || res.Header.Get("Content-Disposition") != "" {
			t.Errorf("%s: %d %s %v", bad.path, res.StatusCode, body, res.Header)
		}
	}
}

// What was exported as CSV, with its mark and all, is taken back as it is.
func TestAnExportedCSVCanBePushedAgain(t *testing.T) {
	v := openHouse(t, t.TempDir(), nil)
	c := v.client("anyue", "512021")
	c.push(http.StatusOK, "tourism_flow", "?wait=visible", "", day(anyueSpot, 1, 10)+day(anyueSpot, 2, 20))
	before := c.flow()
	_, body := c.get("/v1/datasets/tourism_flow/records?format=csv", "")
	status, text := c.call(http.MethodPost, "/v1/datasets/tourism_flow/records?wait=visible", "text/csv", "", string(body))
	if status != http.StatusOK || !strings.Contains(string(text), `"accepted":2`) {
		t.Fatalf("%d %s", status, text)
	}
	if after := c.flow(); after != before {
		t.Errorf("%s, before %s", after, before)
	}
}

func TestAWorkbookIsRefusedWhenTheDiskIsLow(t *testing.T) {
	v := openHouse(t, t.TempDir(), nil)
	c := v.client("anyue", "512021")
	v.hub.conf.DiskFloor = 1 << 60
	if err := v.hub.lookAtDisk(); err != nil {
		t.Fatal(err)
	}
	res, body := c.get("/v1/datasets/tourism_flow/records?format=xlsx", "")
	if res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), "/problems/disk-low") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if res, _ = c.get("/v1/datasets/tourism_flow/records?format=csv", ""); res.StatusCode != http.StatusOK {
		t.Errorf("csv: %d", res.StatusCode)
	}
}
