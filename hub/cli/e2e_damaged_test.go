package cli

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// submissions are all that the hub has ever taken from the caller's agency.
func (a as) submissions() int {
	a.t.Helper()
	resp := a.call(http.MethodGet, "/v1/submissions?limit=1000", nil, nil)
	defer resp.Body.Close()
	var list struct{ Submissions []json.RawMessage }
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil || resp.StatusCode != http.StatusOK {
		a.t.Fatalf("submissions: %d, %v", resp.StatusCode, err)
	}
	return len(list.Submissions)
}

// call goes past the command line, for what it would never send.
func (a as) call(method, path string, header http.Header, body []byte) *http.Response {
	a.t.Helper()
	req, err := http.NewRequest(method, a.url+path, bytes.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(a.must("token")))
	req.Header.Set("Accept-Language", "en")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	return resp
}

// bomb is a workbook whose directory promises two gigabytes.
func bomb(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateRaw(&zip.FileHeader{Name: "xl/worksheets/sheet1.xml", Method: zip.Deflate, CompressedSize64: 4, UncompressedSize64: 2 << 30})
	if err == nil {
		_, err = w.Write([]byte("\x03\x00\x00\x00"))
	}
	if cerr := z.Close(); err != nil || cerr != nil {
		t.Fatal(err, cerr)
	}
	return b.Bytes()
}

func gzipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	g := gzip.NewWriter(&b)
	if _, err := g.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestDamagedCopiesOfTheRealFilesAreRefusedAndNothingIsTaken(t *testing.T) {
	h := startHub(t)
	anyue := h.register("anyue-wglj", "安岳县文化广播电视和旅游局", "512021")
	anyue.addSpots("512021-S99")
	real, err := os.ReadFile(realData(t, "jiuzhaigou-daily-visitors.csv"))
	if err != nil {
		t.Fatal(err)
	}
	book, err := os.ReadFile(realData(t, "jiuzhaigou-visitors-worksheet.xlsx"))
	if err != nil {
		t.Fatal(err)
	}
	packed := gzipped(t, real)
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	zst := z.EncodeAll(real, nil)
	replace := func(old, with string) []byte { return bytes.Replace(real, []byte(old), []byte(with), 1) }
	const before = 1 // the spot's own; the list follows the journal within seconds
	h.waitFor("the spot's submission is listed", time.Minute, func() error {
		if n := anyue.submissions(); n != before {
			return fmt.Errorf("%d submissions", n)
		}
		return nil
	})

	for _, tt := range []struct {
		name, file string
		content    []byte
		flags      []string
		want       []string
	}{
		{name: "cut inside a date", file: "a.csv", content: real[:bytes.LastIndex(real, []byte("-21,"))], want: []string{"line 2861", "cut short"}},
		{name: "gzip cut short", file: "a.csv.gz", content: packed[:len(packed)/2], want: []string{"gzip file is cut short"}},
		{name: "zstd cut short", file: "a.csv.zst", content: zst[:len(zst)/2], want: []string{"zstd file is cut short"}},
		{name: "xlsx cut short", file: "a.xlsx", content: book[:len(book)/2], flags: []string{"--sheet", "旅游人数"}, want: []string{"workbook is cut short"}},
		{name: "a column renamed", file: "a.csv", content: replace("tourism_num", "tourist_num"), want: []string{`no column "tourism_num"`, "--map entries=tourist_num"}},
		{name: "a text in a number", file: "a.csv", content: replace("2022-12-18,582", "2022-12-18,about 600"), want: []string{"line 4", "entries", "about 600", "nothing was taken"}},
		{name: "31 February", file: "a.csv", content: replace("2022-12-18", "2022-02-31"), want: []string{"line 4", "observed_at", "2022-02-31", "nothing was taken"}},
		{name: "10 MB on one line", file: "a.csv", content: replace("2022-12-18,582", "2022-12-18,"+strings.Repeat("5", 10<<20)), want: []string{"line 4", "longer than"}},
		{name: "an empty file", file: "a.csv", content: nil, want: []string{"the file is empty"}},
		{name: "a zip bomb", file: "a.xlsx", content: bomb(t), flags: []string{"--sheet", "旅游人数"}, want: []string{"unzips to more than"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"push", "tourism_flow", write(t, tt.file, tt.content)}, realFlags("512021-S99")...)
			code, out, errs := anyue.zida(append(args, tt.flags...)...)
			if code != exitRefused || out != "" {
				t.Errorf("exit %d, out %q; want exit 1 and nothing", code, out)
			}
			for _, want := range tt.want {
				if !strings.Contains(errs, want) {
					t.Errorf("the error lacks %q:\n%s", want, tail(errs, 2000))
				}
			}
		})
	}
	t.Run("another side's region", func(t *testing.T) {
		f := func(spot, region, want string) {
			t.Helper()
			args := []string{"push", "tourism_flow", write(t, "a.csv", real), "--map", "observed_at=date,entries=tourism_num",
				"--set", "interval_minutes=1440,region=" + region + ",spot_id=" + spot}
			code, out, errs := anyue.zida(args...)
			if code != exitRefused || out != "" || !strings.Contains(errs, "region") || !strings.Contains(errs, want) {
				t.Errorf("spot %s region %s: exit %d, %q, %s", spot, region, code, out, tail(errs, 1000))
			}
		}
		f("500111-S01", "500111", "500111")
		f("512021-S99", "500111", "500111") // its own spot under the other's region
		f("500111-S01", "512021", "512021") // the other's spot under its own region
	})
	t.Run("--dry-run lists every bad row with its line", func(t *testing.T) { anyue.dryRunListsAll(t) })
	t.Run("a body shorter than its Content-Length", func(t *testing.T) { anyue.sendShortBody(t) })
	t.Run("a gzip bomb", func(t *testing.T) {
		resp := anyue.call(http.MethodPost, "/v1/datasets/tourism_flow/records",
			http.Header{"Content-Type": {"application/x-ndjson"}, "Content-Encoding": {"gzip"}}, gzipped(t, make([]byte, 64<<20)))
		defer resp.Body.Close()
		if resp.StatusCode < 400 || resp.StatusCode >= 500 {
			t.Errorf("status %d", resp.StatusCode)
		}
	})
	if after := anyue.submissions(); after != before {
		t.Errorf("%d submissions, %d before: something was taken", after, before)
	}
	if got := anyue.asked("512021-S99"); len(got) != 0 {
		t.Errorf("visitors %v of files that were all refused", got)
	}
}

// dryRunListsAll pushes more bad rows than the hub names in one answer.
func (a as) dryRunListsAll(t *testing.T) {
	t.Helper()
	var b strings.Builder
	b.WriteString("date,tourism_num\n\n") // a blank line: records and lines part
	for i := range 3000 {
		fmt.Fprintf(&b, "2020-01-01 %02d:%02d:%02d,no%d\n", i/3600, i/60%60, i%60, i)
	}
	args := append([]string{"push", "tourism_flow", write(t, "a.csv", []byte(b.String())), "--dry-run", "--json"}, realFlags("512021-S99")...)
	code, out, errs := a.zida(args...)
	var doc struct {
		Rejected int
		Errors   []struct {
			Row, Line int
			Value     string
		}
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatalf("exit %d: %v\n%s", code, err, errs)
	}
	if code != exitRefused || doc.Rejected != 3000 || len(doc.Errors) != 3000 {
		t.Fatalf("exit %d, %d rejected, %d errors; want 3000", code, doc.Rejected, len(doc.Errors))
	}
	for i, e := range doc.Errors {
		if e.Row != i+1 || e.Line != i+3 || strings.Trim(e.Value, `"`) != fmt.Sprintf("no%d", i) {
			t.Fatalf("error %d is %+v", i, e)
		}
	}
}

// sendShortBody promises more than it sends and ends its side of the connection.
func (a as) sendShortBody(t *testing.T) {
	t.Helper()
	u, err := url.Parse(a.url)
	if err != nil {
		t.Fatal(err)
	}
	token := strings.TrimSpace(a.must("token"))
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := `{"spot_id":"512021-S99","observed_at":"2020-01-01","interval_minutes":1440,"entries":1}` + "\n"
	_, err = fmt.Fprintf(conn, "POST /v1/datasets/tourism_flow/records HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/x-ndjson\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", u.Host, token, len(body)+100, body)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return // cut off without an answer is an answer; that nothing was taken is checked at the end
	}
	defer resp.Body.Close()
	if resp.StatusCode < 400 {
		t.Errorf("status %d for a body cut short", resp.StatusCode)
	}
}
