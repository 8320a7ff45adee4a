package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
)

// fill writes cells as a person at a desk does.
func fill(t *testing.T, path, sheet string, cells map[string]any) {
	t.Helper()
	book, err := excelize.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	for cell, v := range cells {
		if err := book.SetCellValue(sheet, cell, v); err != nil {
			t.Fatal(err)
		}
	}
	if err := book.Save(); err != nil {
		t.Fatal(err)
	}
}

// recorded are the records of a dataset, some fields of each joined, by line.
func (a as) recorded(dataset string, fields ...string) []string {
	a.t.Helper()
	resp := a.call(http.MethodGet, "/v1/datasets/"+dataset+"/records?format=ndjson&limit=1000", nil, nil)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		a.t.Fatalf("%d %s %v", resp.StatusCode, body, err)
	}
	var out []string
	for line := range strings.SplitSeq(strings.TrimSpace(string(body)), "\n") {
		var row map[string]any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			a.t.Fatalf("%s: %v", line, err)
		}
		var values []string
		for _, f := range fields {
			values = append(values, fmt.Sprint(row[f]))
		}
		out = append(out, strings.Join(values, " "))
	}
	return out
}

const monthly = "产业园区月报"

func TestATemplateFilledInAtADeskIsTakenAndItsFaultsAreMendedInTwoRounds(t *testing.T) {
	h := startHub(t)
	dazu := h.register("dazu-jxw", "大足区经济和信息化委员会", "500111")
	dir := t.TempDir()
	form, marked := filepath.Join(dir, "月报.xlsx"), filepath.Join(dir, "改正.xlsx")

	// Offline, by somebody who has no hub: the same sheet.
	as{hubProcess: h, id: "x"}.must("contract", "template", "park_monthly", "--profile", "none", "--out", filepath.Join(dir, "offline.xlsx"))
	dazu.must("contract", "template", "park_monthly", "--out", form)
	book, err := excelize.OpenFile(form)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := book.GetCellValue("代码", "A2"); got != "500111-P01｜双桥经济技术开发区" {
		t.Errorf("the first choice is %q", got)
	}
	_ = book.Close()

	// A 园区编号, B 月份, D 产值, F 税收, H 期末从业人员, I 已用工业用地.
	fill(t, form, monthly, map[string]any{
		"A2": "500111-P01｜双桥经济技术开发区", "B2": "2025-09", "D2": "1234567890123456.78", "F2": 1000.5, "H2": 18500, "I2": 6200.5,
		"A3": "500111-P02", "B3": time.Date(2025, 9, 1, 0, 0, 0, 0, time.UTC), "D3": "两亿", "H3": 300,
		"A4": "512021-P01", "B4": "2025-09", "D4": "200.00",
		"A5": "500111-P03", "B5": "2025-13", "D5": 300.125, "H5": "#N/A",
		"A6": "合计", "H6": 18800,
	})
	code, _, errs := dazu.zida("push", "park_monthly", form, "--fix-it", marked, "--wait")
	if code != exitRefused {
		t.Fatalf("exit %d: %s", code, errs)
	}
	for _, want := range []string{"cell D3", "cell H5", "cell A6", "合计行", marked} {
		if !strings.Contains(errs, want) {
			t.Errorf("lacks %q: %s", want, errs)
		}
	}
	book, err = excelize.OpenFile(marked)
	if err != nil {
		t.Fatal(err)
	}
	reason := func(line int) string {
		text, _ := book.GetCellValue(monthly, fmt.Sprintf("K%d", line))
		return text
	}
	if reason(1) != "错误原因" || reason(2) != "" || !strings.Contains(reason(3), "产值：") || reason(4) == "" ||
		!strings.Contains(reason(5), "月份：") || !strings.Contains(reason(5), "产值：") || !strings.Contains(reason(5), "#N/A") || !strings.Contains(reason(6), "请删除该行") {
		for line := 1; line <= 6; line++ {
			t.Errorf("row %d: %q", line, reason(line))
		}
	}
	_ = book.Close()

	fill(t, marked, monthly, map[string]any{
		"D3": "200000000.00", "A4": "500111-P04", "B5": "2025-08", "D5": 300.13, "H5": 70, "A6": nil, "H6": nil,
	})
	dazu.must("push", "park_monthly", marked, "--fix-it", filepath.Join(dir, "再改.xlsx"), "--wait")
	want := []string{
		"500111-P01 2025-09 1234567890123456.78 1000.50 18500",
		"500111-P02 2025-09 200000000.00 <nil> 300",
		"500111-P03 2025-08 300.13 <nil> 70",
		"500111-P04 2025-09 200.00 <nil> <nil>",
	}
	if got := dazu.recorded("park_monthly", "park_id", "month", "output_value", "tax", "employees"); !sameLines(got, want) {
		t.Errorf("\n got %v\nwant %v", got, want)
	}
	var answer struct{ Rows [][]any }
	dazu.mustJSON(&answer, "query", "output_value", "--grain", "month", "--from", "2025-08-01", "--to", "2025-10-01")
	if got := fmt.Sprint(answer.Rows); !strings.Contains(got, "300.13") || !strings.Contains(got, "1234568090123656.78") {
		t.Errorf("figures %s", got)
	}

	t.Run("in partial mode what was taken is marked, and pushed again it counts once", func(t *testing.T) {
		path := write(t, "八月.csv", []byte("园区编号,月份,产值\n500111-P01,2025-07,10.00\n500111-P02,2025-07,ten\n"))
		part := filepath.Join(t.TempDir(), "八月改正.xlsx")
		code, _, errs := dazu.zida("push", "park_monthly", path, "--mode", "partial", "--fix-it", part, "--wait")
		if code != exitRefused {
			t.Fatalf("exit %d: %s", code, errs)
		}
		book, err := excelize.OpenFile(part)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := book.GetRows(monthly)
		_ = book.Close()
		if err != nil || len(rows) != 3 || rows[1][3] != "已接收" || !strings.HasPrefix(rows[2][3], "产值：") {
			t.Fatalf("%v %v", rows, err)
		}
		fill(t, part, monthly, map[string]any{"C3": "20.00"})
		dazu.must("push", "park_monthly", part, "--wait")
		dazu.mustJSON(&answer, "query", "output_value", "--grain", "month", "--from", "2025-07-01", "--to", "2025-08-01")
		if got := fmt.Sprint(answer.Rows); !strings.Contains(got, "30.00") {
			t.Errorf("figures %s", got)
		}
	})
}

// sameLines compares without regard to order.
func sameLines(a, b []string) bool {
	count := map[string]int{}
	for _, s := range a {
		count[s]++
	}
	for _, s := range b {
		count[s]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}
