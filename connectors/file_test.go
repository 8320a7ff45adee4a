package connectors

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"github.com/zida-hub/zida/schemas"
)

// flow has the shape of tourism_flow, with a property of each type to convert to.
func flow() *schemas.Contract {
	return &schemas.Contract{
		ID: "tourism_flow", Region: 3, RegionFrom: 0,
		Properties: []schemas.Property{
			{Name: "spot_id", Label: "景区编号", Type: schemas.TypeString, Required: true, KeyPosition: 1},
			{Name: "observed_at", Label: "观测时间", Type: schemas.TypeTimestamp, Required: true, KeyPosition: 2},
			{Name: "interval_minutes", Label: "时段分钟数", Type: schemas.TypeInteger, KeyPosition: 3, Default: "5"},
			{Name: "region", Label: "行政区划", Type: schemas.TypeString, Required: true},
			{Name: "entries", Label: "入园人数", Type: schemas.TypeInteger},
			{Name: "price", Label: "票价", Type: schemas.TypeNumber, Precision: 18, Scale: 2},
			{Name: "open", Label: "是否开放", Type: schemas.TypeBoolean},
			{Name: "day", Label: "日期", Type: schemas.TypeDate},
			{Name: "month", Label: "月份", Type: schemas.TypeString, Pattern: regexp.MustCompile(`^\d{4}-\d{2}$`)},
		},
	}
}

// realFlags are those of the real files.
func realFlags() FileOptions {
	return FileOptions{
		Contract: flow(),
		Map:      map[string]string{"observed_at": "date", "entries": "tourism_num"},
		Set:      map[string]string{"region": "512021", "interval_minutes": "1440", "spot_id": "512021-S99"},
	}
}

// realData is the folder of real input; its absence is a failure, never a pass.
func realData(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("ZIDA_REAL_DATA")
	if dir == "" {
		dir = "../../shared/data" // beside the checkout
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("the real input is missing: %v (set ZIDA_REAL_DATA to its folder)", err)
	}
	return path
}

func file(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func convert(t *testing.T, path string, opt FileOptions) *Converted {
	t.Helper()
	if opt.Contract == nil {
		opt.Contract = flow()
	}
	opt.TempDir = t.TempDir()
	c, err := Convert(context.Background(), path, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func records(t *testing.T, c *Converted) []string {
	t.Helper()
	r, err := c.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out []string
	s := bufio.NewScanner(r)
	s.Buffer(nil, 2*maxRecord)
	for s.Scan() {
		out = append(out, s.Text())
	}
	return out
}

func TestRealCSVBecomesOneRecordALine(t *testing.T) {
	path := realData(t, "jiuzhaigou-daily-visitors.csv")
	c := convert(t, path, realFlags())
	if c.Records != 2860 || c.Encoding != "UTF-8" {
		t.Fatalf("%d records in %s, want 2860 in UTF-8", c.Records, c.Encoding)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range records(t, c) {
		want := fmt.Sprintf(`{"spot_id":"512021-S99","observed_at":%q,"interval_minutes":1440,"region":"512021","entries":%s}`, rows[i+1][0], rows[i+1][1])
		if got != want {
			t.Fatalf("record %d:\n got %s\nwant %s", i+1, got, want)
		}
		if c.Line(i+1) != i+2 {
			t.Fatalf("record %d is on line %d, want %d", i+1, c.Line(i+1), i+2)
		}
	}
}

func TestRealSheetGivesTypedDatesAndReportsWhatItIgnores(t *testing.T) {
	opt := realFlags()
	opt.Sheet = "旅游人数"
	c := convert(t, realData(t, "jiuzhaigou-visitors-worksheet.xlsx"), opt)
	got := records(t, c)
	if len(got) != 2855 {
		t.Fatalf("%d records", len(got))
	}
	if want := `{"spot_id":"512021-S99","observed_at":"2022-04-13 00:00:00","interval_minutes":1440,"region":"512021","entries":75}`; got[0] != want {
		t.Fatalf("first record:\n got %s\nwant %s", got[0], want)
	}
	notes := strings.Join(c.Notes, "\n")
	for _, want := range []string{"column A has values but no heading: ignored", "21 empty rows ignored (the last record is on row 2856)"} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes lack %q:\n%s", want, notes)
		}
	}
}

func TestRealSheetWithoutANameAsksForOne(t *testing.T) {
	opt := realFlags()
	_, err := Convert(context.Background(), realData(t, "jiuzhaigou-visitors-worksheet.xlsx"), opt)
	wantError(t, err, "3 sheets: 汇总数据, 旅游人数, 天气信息", "--sheet")
	opt.Sheet = "旅游人树"
	_, err = Convert(context.Background(), realData(t, "jiuzhaigou-visitors-worksheet.xlsx"), opt)
	wantError(t, err, "did you mean: --sheet 旅游人数")
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error lacks %q:\n%v", p, err)
		}
	}
}

func TestDamagedFilesAreNamedAndNothingIsMade(t *testing.T) {
	real, err := os.ReadFile(realData(t, "jiuzhaigou-daily-visitors.csv"))
	if err != nil {
		t.Fatal(err)
	}
	book, err := os.ReadFile(realData(t, "jiuzhaigou-visitors-worksheet.xlsx"))
	if err != nil {
		t.Fatal(err)
	}
	var gz, zst bytes.Buffer
	g := gzip.NewWriter(&gz)
	_, _ = g.Write(real)
	_ = g.Close()
	z, _ := zstd.NewWriter(&zst)
	_, _ = z.Write(real)
	_ = z.Close()
	cutInDate := bytes.LastIndex(real, []byte("-21,")) // inside the last line's date
	long := strings.Repeat("7", 10<<20)
	head := "date,tourism_num\n"

	for _, tt := range []struct {
		name, file string
		content    []byte
		want       []string
	}{
		{"cut inside a date", "a.csv", real[:cutInDate], []string{"line 2861", "1 of the heading's 2 columns", "cut short"}},
		{"gzip cut short", "a.csv.gz", gz.Bytes()[:gz.Len()/2], []string{"gzip file is cut short"}},
		{"gzip cut inside its trailer", "a.csv.gz", gz.Bytes()[:gz.Len()-4], []string{"gzip file is cut short"}},
		{"zstd cut short", "a.csv.zst", zst.Bytes()[:zst.Len()/2], []string{"zstd file is cut short"}},
		{"zstd with a flipped byte", "a.csv.zst", flip(zst.Bytes(), zst.Len()-2), []string{"zstd file is damaged"}},
		{"xlsx cut short", "a.xlsx", book[:len(book)/2], []string{"workbook is cut short or damaged"}},
		{"xlsx with a flipped byte", "a.xlsx", flip(book, len(book)/3), []string{"workbook is cut short or damaged"}},
		{"a text named xlsx", "a.xlsx", real, []string{"is not an Excel workbook"}},
		{"an old workbook", "a.xls", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest"), []string{"old .xls", "save it as"}},
		{"a column renamed", "a.csv", bytes.Replace(real, []byte("tourism_num"), []byte("tourist_num"), 1),
			[]string{`no column "tourism_num"`, "date, tourist_num", "--map entries=tourist_num"}},
		{"10 MB on one line", "a.csv", []byte(head + "2020-01-01," + long + "\n"), []string{"line 2", "longer than 1048576 bytes"}},
		{"10 MB in a quote never closed", "a.csv", []byte(head + `2020-01-01,"` + long), []string{"line 2", "longer than"}},
		{"10 MB on one line of NDJSON", "a.ndjson", []byte(`{"entries":` + long + "}\n"), []string{"line 1", "longer than"}},
		{"10 MB in one JSON object", "a.json", []byte(`[{"entries":1},{"entries":` + long + "}]"), []string{"longer than"}},
		{"an empty file", "a.csv", nil, []string{"the file is empty"}},
		{"an empty gzip", "a.csv.gz", pack(nil), []string{"the file is empty"}},
		{"a heading only", "a.csv", []byte(head), []string{"holds no records"}},
		{"a column too many", "a.csv", []byte(head + "2020-01-01,1,234\n"), []string{"line 2", `"234" stands beyond the last`, "quoted"}},
		{"a quote not closed", "a.csv", []byte(head + "2020-01-01,\"1\n2020-01-02,2\n"), []string{"line 2", "not closed"}},
		{"an unknown column", "a.csv", []byte("date,tourism_num,entires\n2020-01-01,1,2\n"), []string{`"entires" is not a property`, "--ignore entires"}},
		{"a zip that is no workbook", "a.xlsx", zipOf(t, "a.txt", []byte("x")), []string{"not an Excel workbook"}},
		{"binary", "a.csv", []byte(head + "2020-01-01,\x00\x01\n"), []string{"line 2", "zero byte"}},
		{"neither encoding", "a.csv", []byte("date,tourism_num\n2020-01-01,\xff\xff\n"), []string{"line 2", "neither valid UTF-8 nor valid GB18030"}},
		{"UTF-8 cut inside a character", "a.csv", []byte("观测时间,入园人数\n2020-01-01,五\xe5\x8d"), []string{"line 2", "cut short inside a character"}},
		{"NDJSON cut short", "a.ndjson", []byte("{\"entries\":1}\n{\"entr"), []string{"line 2", "cut short"}},
		{"JSON cut short", "a.json", []byte("[{\"entries\":1},\n{\"entries\":2}"), []string{"line 2", "cut short"}},
		{"JSON array with a tail", "a.json", []byte("[{\"entries\":1}]\n{\"entries\":2}"), []string{"follows the end of the array"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			opt := realFlags()
			opt.Sheet, opt.TempDir = "", t.TempDir()
			if strings.HasPrefix(tt.file, "a.xlsx") {
				opt.Sheet = "旅游人数"
			}
			switch filepath.Ext(tt.file) {
			case ".ndjson", ".json":
				opt.Map, opt.Set = nil, nil
			}
			if strings.HasPrefix(tt.name, "UTF-8 cut") {
				opt.Map = nil
			}
			c, err := Convert(context.Background(), file(t, tt.file, tt.content), opt)
			if c != nil {
				t.Error("a result beside the error")
			}
			wantError(t, err, tt.want...)
			if left, _ := os.ReadDir(opt.TempDir); len(left) > 0 {
				t.Errorf("temporary files left behind: %v", left)
			}
			var fe *FileError
			if !errors.As(err, &fe) || fe.Remedy == "" {
				t.Errorf("the error gives no next step: %v", err)
			}
		})
	}
}

func flip(b []byte, i int) []byte {
	out := bytes.Clone(b)
	out[i] ^= 0x55
	return out
}

func pack(b []byte) []byte {
	var buf bytes.Buffer
	g := gzip.NewWriter(&buf)
	_, _ = g.Write(b)
	_ = g.Close()
	return buf.Bytes()
}

func TestAWorkbookThatUnzipsBeyondTheLimitIsRefused(t *testing.T) {
	bomb := zipOf(t, "xl/worksheets/sheet1.xml", make([]byte, 8<<20))
	opt := realFlags()
	opt.MaxWorkbook = 4 << 20
	_, err := Convert(context.Background(), file(t, "bomb.xlsx", bomb), opt)
	wantError(t, err, "unzips to more than 4 MiB")
}

func TestEncodingsGiveTheSameRecords(t *testing.T) {
	text := "观测时间,入园人数,景区编号\n2020-01-01,1,大足石刻—宝顶山€㐀\n2020-01-02,2,安岳石窟\n"
	gb, err := simplifiedchinese.GB18030.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	utf16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(strings.ReplaceAll(text, ",", "\t"))
	if err != nil {
		t.Fatal(err)
	}
	want := records(t, convert(t, file(t, "a.csv", []byte(text)), FileOptions{}))
	for name, content := range map[string]string{
		"GB18030": gb, "UTF-8": "\ufeff" + text, "UTF-16": utf16,
	} {
		c := convert(t, file(t, "a.csv", []byte(content)), FileOptions{})
		if c.Encoding != name {
			t.Errorf("taken for %s, want %s", c.Encoding, name)
		}
		if got := records(t, c); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	for name, content := range map[string]string{"a.csv.gz": string(pack([]byte(gb))), "semicolon.csv": strings.ReplaceAll(text, ",", ";")} {
		if got := records(t, convert(t, file(t, name, []byte(content)), FileOptions{})); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestCellsBecomeTheTypeOfTheirProperty(t *testing.T) {
	f := func(property, text, want string) {
		t.Helper()
		p := (&FileOptions{Contract: flow()}).property(property)
		got := string(appendValue(nil, p, text))
		if got != want {
			t.Errorf("%s from %q: %s, want %s", property, text, got, want)
		}
		if !json.Valid([]byte(got)) {
			t.Errorf("%s is not JSON", got)
		}
	}
	f("entries", "12", "12")
	f("entries", " 12 ", "12")
	f("entries", "-0", "-0")
	f("entries", "012", `"012"`) // a code, not a number
	f("entries", "1,234", `"1,234"`)
	f("entries", "+5", `"+5"`)
	f("entries", "1e", `"1e"`)
	f("entries", "1e+", `"1e+"`)
	f("entries", "1.", `"1."`)
	f("entries", "-", `"-"`)
	f("entries", "many", `"many"`)
	f("price", "1234567890123456.78", "1234567890123456.78")
	f("price", "1E+3", "1E+3")
	f("spot_id", "007", `"007"`)
	f("spot_id", " a\"b\\c\x01\n", `" a\"b\\c\u0001\n"`)
	f("open", "TRUE", "true")
	f("open", "否", "false")
	f("open", "perhaps", `"perhaps"`)
	f("observed_at", "2012/11/1", `"2012-11-01"`)
	f("observed_at", "2012年11月1日 8:05", `"2012-11-01 08:05:00"`)
	f("observed_at", "2012/2/31", `"2012-02-31"`) // for the hub to refuse
	f("observed_at", "11/1/2012", `"11/1/2012"`)  // whose month? never guessed
	f("observed_at", "2012-11-01T08:00:00+08:00", `"2012-11-01T08:00:00+08:00"`)
	mark := string(dateMark)
	f("day", mark+"2022-04-13 00:00:00", `"2022-04-13"`)
	f("day", mark+"2022-04-13 08:00:00", `"2022-04-13 08:00:00"`)
	f("month", mark+"2022-04-01 00:00:00", `"2022-04"`)
	f("month", mark+"2022-04-13 00:00:00", `"2022-04-13"`)
}

// workbook writes one sheet: dates by several formats, texts that look like numbers.
func workbook(t *testing.T, date1904 bool) string {
	t.Helper()
	b := excelize.NewFile()
	defer b.Close()
	if err := b.SetWorkbookProps(&excelize.WorkbookPropsOptions{Date1904: &date1904}); err != nil {
		t.Fatal(err)
	}
	style := func(id int, custom string) int {
		st := &excelize.Style{NumFmt: id}
		if custom != "" {
			st = &excelize.Style{CustomNumFmt: &custom}
		}
		n, err := b.NewStyle(st)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	serial := 44664.5 // 2022-04-13 12:00 in the 1900 system
	if date1904 {
		serial -= 1462
	}
	set := func(cell string, v any, st int) {
		if err := b.SetCellValue("Sheet1", cell, v); err != nil {
			t.Fatal(err)
		}
		if err := b.SetCellStyle("Sheet1", cell, cell, st); err != nil {
			t.Fatal(err)
		}
	}
	for i, h := range []string{"景区编号", "观测时间", "入园人数", "票价", "是否开放", "日期", "月份"} {
		set(columnName(i)+"2", h, 0) // the first row is empty
	}
	formats := []int{style(14, ""), style(22, ""), style(0, `yyyy"年"m"月"d"日";@`), style(0, `[$-804]dddd`), style(57, "")}
	for i, st := range formats {
		row := strconv.Itoa(i + 3)
		set("A"+row, "0012", style(49, ""))
		set("B"+row, serial, st)
		set("C"+row, 1234567, style(3, "")) // shown as 1,234,567
		set("D"+row, 0.1+0.2, style(2, "")) // shown as 0.30
		set("E"+row, true, 0)
		set("F"+row, serial-0.5, st)
		set("G"+row, serial-12.5, style(0, `yyyy"年"m"月"`))
	}
	path := filepath.Join(t.TempDir(), "a.xlsx")
	if err := b.SaveAs(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWorkbookDatesAreReadByTheirFormatInBothDateSystems(t *testing.T) {
	for _, date1904 := range []bool{false, true} {
		c := convert(t, workbook(t, date1904), FileOptions{})
		want := `{"spot_id":"0012","observed_at":"2022-04-13 12:00:00","entries":1234567,"price":0.3,"open":true,"day":"2022-04-13","month":"2022-04"}`
		got := records(t, c)
		if len(got) != 5 {
			t.Fatalf("%d records: %v", len(got), got)
		}
		for i, r := range got {
			if r != want {
				t.Errorf("1904=%v format %d:\n got %s\nwant %s", date1904, i, r, want)
			}
			if c.Line(i+1) != i+3 {
				t.Errorf("record %d is on row %d, want %d", i+1, c.Line(i+1), i+3)
			}
		}
	}
}

func TestDateFormatsAreToldFromOthers(t *testing.T) {
	f := func(custom string, want bool) {
		t.Helper()
		if got := isDateFormat(164, custom); got != want {
			t.Errorf("%s: %v, want %v", custom, got, want)
		}
	}
	f(`yyyy\-mm\-dd`, true)
	f(`[$-F800]dddd\,\ mmmm\ dd\,\ yyyy`, true)
	f(`0.00`, false)
	f(`#,##0;[Red]-#,##0`, false)
	f(`"day" 0`, false)
	f(`[Red]0`, false) // the d of a colour
	f(`0_d`, false)    // the width of a d
	f(`h:mm`, false)
}
