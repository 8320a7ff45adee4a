package hub

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/zida-hub/zida/connectors"
)

// book sends a workbook and answers status, headers and body.
func (c *caller) book(query, accept, key string, body []byte) (int, http.Header, []byte) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.hub.URL()+"/v1/datasets/ticket_recognition/workbooks"+query, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	r.Header.Set("Content-Type", connectors.MediaXLSX)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return res.StatusCode, res.Header, text
}

// template fetches the Excel template of ticket_recognition.
func (c *caller) template() *excelize.File {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.hub.URL()+"/v1/datasets/ticket_recognition", http.NoBody)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	r.Header.Set("Accept", connectors.MediaXLSX)
	status, body := c.do(r)
	if status != http.StatusOK {
		c.t.Fatalf("%d %s", status, body)
	}
	return openBook(c.t, body)
}

func openBook(t *testing.T, body []byte) *excelize.File {
	t.Helper()
	book, err := excelize.OpenReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = book.Close() })
	return book
}

const ticketSheet = "门票互认日报"

func setCells(t *testing.T, book *excelize.File, cells map[string]any) {
	t.Helper()
	for cell, v := range cells {
		if err := book.SetCellValue(ticketSheet, cell, v); err != nil {
			t.Fatal(err)
		}
	}
}

func bookBytes(t *testing.T, book *excelize.File) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := book.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// ticketRow fills one line: spot, day, issuer, type, count, settlement price.
func ticketRow(line int, spot, day string, count any) map[string]any {
	cells := map[string]any{}
	for column, v := range map[string]any{"A": spot, "B": day, "C": "512000", "D": "adult", "F": count, "H": "80.50"} {
		cells[fmt.Sprintf("%s%d", column, line)] = v
	}
	return cells
}

type bookAnswer struct {
	Type                         string
	Received, Accepted, Rejected int
	SHA256                       string
	ErrorCount                   int `json:"error_count"`
	Errors                       []struct {
		Row, Line                  int
		Sheet, Cell, Column, Field string
		Code, Message              string
	}
	Notes []string
}

func parsed(t *testing.T, body []byte) bookAnswer {
	t.Helper()
	var a bookAnswer
	if err := json.Unmarshal(body, &a); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return a
}

func TestAWorkbookIsTakenByItsBytesOrComesBackMarked(t *testing.T) {
	v := openHouse(t, t.TempDir(), nil)
	dazu := v.client("dazu", "500111")
	count := func(day string) string {
		t.Helper()
		_, body := dazu.call(http.MethodGet, "/v1/datasets/ticket_recognition/records?format=csv&bom=false&fields=count&from="+day+"&to=2026-01-01", "", "", "")
		return strings.Join(strings.Fields(string(body)), " ")
	}

	book := dazu.template()
	if got, _ := book.GetCellValue("代码", "A2"); !strings.HasPrefix(got, "500111-S01｜") {
		t.Errorf("the drop-down's first choice is %q", got)
	}
	setCells(t, book, ticketRow(2, "500111-S01", "2025-10-01", 100))
	setCells(t, book, ticketRow(3, "500111-S02｜大足石刻·北山", "2025-10-02", "many"))
	setCells(t, book, ticketRow(4, "512021-S01", "2025-10-03", 300))
	raw := bookBytes(t, book)

	status, _, body := dazu.book("", "", "", raw)
	a := parsed(t, body)
	if status != http.StatusUnprocessableEntity || a.Type != "/problems/validation-failed" || len(a.Errors) != 2 || a.ErrorCount != 2 {
		t.Fatalf("%d %s", status, body)
	}
	if e := a.Errors[0]; e.Cell != "F3" || e.Sheet != ticketSheet || e.Line != 3 || e.Row != 2 || e.Column != "核销张数" {
		t.Errorf("%+v", e)
	}
	if e := a.Errors[1]; e.Code != "region_not_allowed" || e.Line != 4 {
		t.Errorf("%+v", e)
	}
	status, _, body = dazu.book("?dry_run=true", "", "", raw)
	if a = parsed(t, body); status != http.StatusOK || a.Received != 3 || a.Accepted != 0 || a.Rejected != 2 || a.Errors[0].Cell != "F3" {
		t.Errorf("%d %s", status, body)
	}

	status, header, body := dazu.book("", connectors.MediaXLSX, "", raw)
	if status != http.StatusUnprocessableEntity || header.Get("Content-Type") != connectors.MediaXLSX || header.Get("Zida-Received") != "3" ||
		header.Get("Zida-Rejected") != "2" || header.Get("Zida-Error-Count") != "2" {
		t.Fatalf("%d %v", status, header)
	}
	marked := openBook(t, body)
	if reason, _ := marked.GetCellValue(ticketSheet, "I3"); !strings.HasPrefix(reason, "核销张数：") {
		t.Errorf("reason %q", reason)
	}
	setCells(t, marked, map[string]any{"F3": 200, "A4": "500111-S03"})
	mended := bookBytes(t, marked)
	status, _, body = dazu.book("?wait=visible", connectors.MediaXLSX+", application/json;q=0.5", "autumn", mended)
	sum := sha256.Sum256(mended)
	if a = parsed(t, body); status != http.StatusOK || a.Accepted != 3 || a.SHA256 != hex.EncodeToString(sum[:]) {
		t.Fatalf("%d %s", status, body)
	}
	dazu.verify(body)
	if got := count("2025-10-01"); got != "count 100 200 300" {
		t.Errorf("counts %s", got)
	}

	t.Run("the same key is the same submission, for the same workbook only", func(t *testing.T) {
		again, _, twin := dazu.book("?wait=visible", "", "autumn", mended)
		if again != http.StatusOK || !bytes.Equal(twin, body) {
			t.Errorf("%d %s", again, twin)
		}
		if status, _, body := dazu.book("", "", "autumn", raw); status != http.StatusUnprocessableEntity || parsed(t, body).Type != "/problems/validation-failed" {
			t.Errorf("%d %s", status, body)
		}
		setCells(t, marked, map[string]any{"F3": 201})
		if status, _, body := dazu.book("", "", "autumn", bookBytes(t, marked)); parsed(t, body).Type != "/problems/idempotency-key-reused" {
			t.Errorf("%d %s", status, body)
		}
	})
	t.Run("in partial mode the good records are taken", func(t *testing.T) {
		book := dazu.template()
		setCells(t, book, ticketRow(2, "500111-S01", "2025-11-01", 10))
		setCells(t, book, ticketRow(3, "500111-S01", "2025-11-02", -1))
		status, _, body := dazu.book("?mode=partial&wait=visible", "", "", bookBytes(t, book))
		a := parsed(t, body)
		if status != http.StatusOK || a.Accepted != 1 || a.Rejected != 1 || len(a.Errors) != 1 || a.Errors[0].Cell != "F3" {
			t.Errorf("%d %s", status, body)
		}
		dazu.verify(body)
		if got := count("2025-11-01"); got != "count 10" {
			t.Errorf("counts %s", got)
		}
		// A cell that cannot be read for sure keeps everything back.
		setCells(t, book, map[string]any{"F3": "#REF!"})
		status, _, body = dazu.book("?mode=partial", "", "", bookBytes(t, book))
		if a := parsed(t, body); status != http.StatusUnprocessableEntity || len(a.Errors) != 1 || a.Errors[0].Code != "cell" || a.Errors[0].Cell != "F3" {
			t.Errorf("%d %s", status, body)
		}
	})
	t.Run("what cannot be read is named", func(t *testing.T) {
		f := func(query string, raw []byte, want int, problem, text string) {
			t.Helper()
			status, _, body := dazu.book(query, connectors.MediaXLSX+", application/problem+json", "", raw)
			if a := parsed(t, body); status != want || a.Type != "/problems/"+problem || !strings.Contains(string(body), text) {
				t.Errorf("%d %s, want %d %s with %q", status, body, want, problem, text)
			}
		}
		f("", mended[:len(mended)/2], http.StatusUnprocessableEntity, "workbook-unreadable", "不完整或已损坏")
		f("", []byte("a,b\n"), http.StatusUnprocessableEntity, "workbook-unreadable", "不是 Excel 工作簿")
		f("", nil, http.StatusBadRequest, "body-empty", "")
		f("", make([]byte, workbookMax+1), http.StatusRequestEntityTooLarge, "body-too-large", "20MiB")
		f("?sheet=十月", mended, http.StatusUnprocessableEntity, "workbook-unreadable", "没有名为“十月”的工作表")
		f("?shet=x", mended, http.StatusBadRequest, "invalid-request", "dry_run、wait、mends、lang、sheet")
		book := dazu.template()
		f("", bookBytes(t, book), http.StatusUnprocessableEntity, "workbook-unreadable", "没有数据")
		setCells(t, book, map[string]any{"G1": "票面價", "A2": "500111-S01"})
		f("", bookBytes(t, book), http.StatusUnprocessableEntity, "workbook-unreadable", `"cell":"G1"`)
		status, text := dazu.call(http.MethodPost, "/v1/datasets/ticket_recognition/workbooks", "text/csv", "", "a")
		if status != http.StatusUnsupportedMediaType {
			t.Errorf("%d %s", status, text)
		}
	})
	t.Run("a large sheet is taken, and comes back marked", func(t *testing.T) {
		const rows = 4000 // over 256 KiB of records
		book := dazu.template()
		for i := range rows {
			row := ticketRow(i+2, "500111-S01", "2024-05-01", i)
			row[fmt.Sprintf("D%d", i+2)] = fmt.Sprintf("ticket-%d", i)
			if i == rows-2 {
				row[fmt.Sprintf("F%d", i+2)] = "many"
			}
			setCells(t, book, row)
		}
		status, header, body := dazu.book("", connectors.MediaXLSX, "", bookBytes(t, book))
		if status != http.StatusUnprocessableEntity || header.Get("Zida-Received") != strconv.Itoa(rows) || header.Get("Zida-Rejected") != "1" {
			t.Fatalf("%d %v", status, header)
		}
		marked := openBook(t, body)
		at := strconv.Itoa(rows)
		if reason, _ := marked.GetCellValue(ticketSheet, "I"+at); reason == "" {
			t.Error("no reason in row " + at)
		}
		setCells(t, marked, map[string]any{"F" + at: 7})
		raw := bookBytes(t, marked)
		status, _, body = dazu.book("", "", "", raw)
		sum := sha256.Sum256(raw)
		if a := parsed(t, body); status != http.StatusAccepted || a.Accepted != rows || a.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("%d %s", status, body)
		}
		dazu.verify(body)
	})
}
