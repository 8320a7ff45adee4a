package cli

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// realFlags are those of the README: another park's data is a spot of its own.
func realFlags(spot string) []string {
	return []string{"--map", "observed_at=date,entries=tourism_num", "--set", "region=512021,interval_minutes=1440,spot_id=" + spot}
}

// daysOfCSV reads the file without any of the product's code: the last of equal
// dates in file order counts.
func daysOfCSV(t *testing.T, content []byte) map[string]int {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	days := map[string]int{}
	for _, row := range rows[1:] {
		n, err := strconv.Atoi(row[1])
		if err != nil {
			t.Fatal(err)
		}
		days[row[0]] = n
	}
	return days
}

var sheetRow = regexp.MustCompile(`<c r="B\d+" s="1"><v>(\d+)</v></c><c r="C\d+"><v>(\d+)</v></c>`)

// daysOfSheet reads 旅游人数 (the workbook's second sheet) from its XML; a serial
// number counts the days since 1899-12-30.
func daysOfSheet(t *testing.T, path string) map[string]int {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	f, err := z.Open("xl/worksheets/sheet2.xml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	xml, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	days := map[string]int{}
	epoch := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	for _, m := range sheetRow.FindAllSubmatch(xml, -1) {
		serial, _ := strconv.Atoi(string(m[1]))
		n, _ := strconv.Atoi(string(m[2]))
		days[epoch.AddDate(0, 0, serial).Format("2006-01-02")] = n
	}
	return days
}

func years(days map[string]int) map[string]int {
	out := map[string]int{}
	for day, n := range days {
		out[day[:4]] += n
	}
	return out
}

// asked are the yearly visitors of a spot as the hub answers.
func (a as) asked(spot string) map[string]int {
	a.t.Helper()
	var answer struct {
		Columns []struct{ Name string }
		Rows    [][]json.RawMessage
	}
	a.mustJSON(&answer, "query", "visitors", "--grain", "year", "--from", "2010-01-01", "--to", "2024-01-01", "--filter", "spot_id="+spot)
	out := map[string]int{}
	for _, row := range answer.Rows {
		n, err := strconv.Atoi(strings.Trim(string(row[1]), `"`))
		if err != nil {
			a.t.Fatalf("row %s: %v", row, err)
		}
		if n > 0 {
			out[strings.Trim(string(row[0]), `"`)[:4]] = n
		}
	}
	return out
}

func (a as) wantYears(spot string, want map[string]int) {
	a.t.Helper()
	if got := a.asked(spot); !maps.Equal(got, want) {
		a.t.Fatalf("yearly visitors of %s:\n got %v\nwant %v", spot, got, want)
	}
}

// addSpots registers the test spots at their owner.
func (a as) addSpots(ids ...string) {
	a.t.Helper()
	var b strings.Builder
	for _, id := range ids {
		fmt.Fprintf(&b, `{"spot_id":%q,"name":"测试景区（九寨沟历史数据）","region":"512021"}`+"\n", id)
	}
	a.must("push", "scenic_spot", write(a.t, "spots.ndjson", []byte(b.String())), "--wait")
}

func TestRealFilesAnswerTheSumsOfTheFile(t *testing.T) {
	h := startHub(t)
	anyue := h.register("anyue-wglj", "安岳县文化广播电视和旅游局", "512021")
	anyue.addSpots("512021-S97", "512021-S98", "512021-S99")

	path := realData(t, "jiuzhaigou-daily-visitors.csv")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	csvDays := daysOfCSV(t, content)
	receipts := t.TempDir()
	var r struct {
		Submission, SHA256                       string
		Received, Accepted, Rejected, Superseded int
	}
	push := append([]string{"push", "tourism_flow", path}, realFlags("512021-S99")...)
	anyue.mustJSON(&r, append(push, "--wait", "--receipts", receipts)...)
	if r.Received != 2860 || r.Accepted != 2860 || r.Rejected != 0 || r.Superseded != 2860-len(csvDays) {
		t.Errorf("receipt %+v; the file has 2860 rows of %d days", r, len(csvDays))
	}
	anyue.wantYears("512021-S99", years(csvDays))

	t.Run("the same command again resumes and counts nothing twice", func(t *testing.T) {
		first := r
		anyue.mustJSON(&r, push...)
		if r != first {
			t.Errorf("receipt %+v, the first was %+v", r, first)
		}
		anyue.mustJSON(&r, append(push, "--again", "--wait")...)
		if r.Submission == first.Submission || r.SHA256 != first.SHA256 {
			t.Errorf("--again: receipt %+v after %+v", r, first)
		}
		anyue.wantYears("512021-S99", years(csvDays))
	})
	t.Run("the receipt verifies offline and an altered one does not", func(t *testing.T) {
		saved, err := filepath.Glob(filepath.Join(receipts, "*.receipt.json"))
		if err != nil || len(saved) != 1 {
			t.Fatalf("%v, %v", saved, err)
		}
		keys := write(t, "keys.json", []byte(anyue.must("receipt", "keys")))
		offline := as{hubProcess: h, id: "nobody", secret: "none"}
		offline.must("receipt", "verify", saved[0], "--keys", keys)
		raw, err := os.ReadFile(saved[0])
		if err != nil {
			t.Fatal(err)
		}
		altered := write(t, "altered.json", bytes.Replace(raw, []byte(`"accepted":2860`), []byte(`"accepted":2859`), 1))
		if code, _, errs := offline.zida("receipt", "verify", altered, "--keys", keys); code != exitRefused || !strings.Contains(errs, "NOT valid") {
			t.Errorf("altered: exit %d, %s", code, errs)
		}
	})
	t.Run("exit codes tell a refusal from a wrong client and a hub out of reach", func(t *testing.T) {
		f := func(who as, want int, text string, args ...string) {
			t.Helper()
			code, _, errs := who.zida(args...)
			if code != want || !strings.Contains(errs, text) {
				t.Errorf("zida %v: exit %d, want %d with %q:\n%s", args, code, want, text, errs)
			}
		}
		f(as{hubProcess: h, id: anyue.id, secret: "wrong"}, exitDenied, "zida login", push...)
		f(anyue, exitDenied, "", "admin", "agency", "add", "--id", "x", "--name", "x", "--region", "500111")
		away := *h
		away.url = "http://127.0.0.1:1" // a port that nothing listens on
		f(as{hubProcess: &away, id: anyue.id, secret: anyue.secret}, exitUnreachable, "zida doctor", append(push, "--retry-for", "0")...)
		f(anyue, exitUsage, "did you mean: tourism_flow", "push", "tourism_flaw", path)
		mixed := write(t, "mixed.csv", []byte("date,tourism_num\n2023-01-01,1\n2023-01-02,none\n"))
		f(anyue, exitRefused, "line 3", append([]string{"push", "tourism_flow", mixed, "--mode", "partial"}, realFlags("512021-S97")...)...)
	})
	t.Run("a GB18030 copy with Chinese headings gives the same sums", func(t *testing.T) {
		text := strings.Replace(string(content), "date,tourism_num", "观测时刻,入园人数", 1)
		gb, err := simplifiedchinese.GB18030.NewEncoder().String(text)
		if err != nil {
			t.Fatal(err)
		}
		copied := write(t, "游客.csv", []byte(gb))
		anyue.must("push", "tourism_flow", copied, "--set", "region=512021,interval_minutes=1440,spot_id=512021-S98", "--wait")
		anyue.wantYears("512021-S98", years(csvDays))
	})
	t.Run("the sheet alone, then over the CSV", func(t *testing.T) {
		book := realData(t, "jiuzhaigou-visitors-worksheet.xlsx")
		sheetDays := daysOfSheet(t, book)
		if len(sheetDays) < 2800 {
			t.Fatalf("the independent reader found %d days only", len(sheetDays))
		}
		sheet := func(spot string) []string {
			return append([]string{"push", "tourism_flow", book, "--sheet", "旅游人数", "--wait"}, realFlags(spot)...)
		}
		anyue.must(sheet("512021-S97")...)
		alone := years(sheetDays)
		alone["2023"] = 1 // the good record of the partial push above
		anyue.wantYears("512021-S97", alone)
		anyue.must(sheet("512021-S99")...)
		both := maps.Clone(csvDays)
		maps.Copy(both, sheetDays)
		anyue.wantYears("512021-S99", years(both))
	})
}
