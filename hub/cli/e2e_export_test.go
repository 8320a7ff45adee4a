package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/xuri/excelize/v2"
)

func TestExportsBecomeFilesWhenTheyAreWhole(t *testing.T) {
	h := startHub(t)
	anyue := h.register("anyue-wgl", "安岳县文化广播电视和旅游局", "512021")
	spots := write(t, "spot.csv", []byte("spot_id,name,region\n512021-S50,我的景区,512021\n"))
	anyue.must("push", "scenic_spot", spots)
	days := write(t, "days.csv", []byte("date,people\n2026-11-21,1840\n2026-11-22,2315\n"))
	anyue.must("push", "tourism_flow", days, "--map", "observed_at=date,entries=people", "--set", "spot_id=512021-S50,interval_minutes=1440", "--wait")

	dir := t.TempDir()
	read := func(name string) []byte {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	anyue.must("records", "tourism_flow", "--out", filepath.Join(dir, "flow.csv"))
	if got := string(read("flow.csv")); !strings.HasPrefix(got, "\xEF\xBB\xBFspot_id,") || strings.Count(got, "\n") != 3 {
		t.Errorf("%q", got)
	}
	if got := anyue.must("records", "tourism_flow", "--fields", "entries", "--filter", "entries:gt:2000"); got != "entries\r\n2315\r\n" {
		t.Errorf("%q", got)
	}
	anyue.must("records", "tourism_flow", "--out", filepath.Join(dir, "flow.parquet"))
	content := read("flow.parquet")
	if file, err := parquet.OpenFile(bytes.NewReader(content), int64(len(content))); err != nil || file.NumRows() != 2 {
		t.Errorf("%v", err)
	}
	anyue.must("query", "visitors", "--grain", "day", "--from", "2026-11-21", "--to", "2026-11-23", "-o", filepath.Join(dir, "visitors.xlsx"))
	book, err := excelize.OpenReader(bytes.NewReader(read("visitors.xlsx")))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	if rows, err := book.GetRows("数据"); err != nil || len(rows) != 3 || rows[2][0] != "2026-11-22" || rows[2][1] != "2315" {
		t.Errorf("%v %v", rows, err)
	}
	if got := anyue.must("query", "visitors", "--csv"); got != "visitors\r\n4155\r\n" { // for programs: no mark
		t.Errorf("%q", got)
	}

	code, _, errs := anyue.zida("records", "no_such_dataset", "--out", filepath.Join(dir, "none.csv"))
	if code == exitOK || !strings.Contains(errs, "no_such_dataset") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if code, _, errs = anyue.zida("records", "tourism_flow", "--out", filepath.Join(dir, "flow.pdf")); code != exitUsage || !strings.Contains(errs, "parquet") {
		t.Errorf("exit %d: %s", code, errs)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 3 {
		t.Errorf("in the folder: %v %v", left, err)
	}
}
