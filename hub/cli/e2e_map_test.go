package cli

import (
	"strings"
	"testing"
)

func TestTheOperatorSetsShowsAndRemovesTheMap(t *testing.T) {
	h := startHub(t)
	operator := as{hubProcess: h}
	dazu := h.register("dazu-wlj", "大足区文化和旅游发展委员会", "500111")
	square := `{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"name":"大足区","code":"500111"},
		"geometry":{"type":"Polygon","coordinates":[[[105.5,29.4],[106,29.4],[106,29.9],[105.5,29.4]]]}}]}`
	file := write(t, "outlines.geojson", []byte("\xef\xbb\xbf"+square))
	set := []string{"admin", "map", "set", file, "--source", "示例数据", "--approval", "示例审图号"}

	if code, _, errs := operator.zida("admin", "map", "show"); code == 0 || !strings.Contains(errs, "zida admin map set") {
		t.Errorf("no map yet: exit %d, %s", code, errs)
	}
	if code, _, errs := operator.zida(set[:6]...); code != exitUsage || !strings.Contains(errs, "--approval") {
		t.Errorf("without approval: exit %d, %s", code, errs)
	}
	if code, _, errs := dazu.zida(set...); code != exitDenied {
		t.Errorf("an agency sets the map: exit %d, %s", code, errs)
	}
	open := write(t, "open.geojson", []byte(strings.Replace(square, "[105.5,29.4]]]", "[105.5,29.5]]]", 1)))
	if code, _, errs := operator.zida("admin", "map", "set", open, "--source", "示例数据", "--approval", "示例审图号"); code == 0 || !strings.Contains(errs, "大足区") {
		t.Errorf("an open ring: exit %d, %s", code, errs)
	}
	if code, _, errs := operator.zida("admin", "map", "set", write(t, "x.geojson", []byte("{")), "--source", "a", "--approval", "b"); code != exitUsage {
		t.Errorf("not JSON: exit %d, %s", code, errs)
	}
	if out := operator.must(append(set, "--reason", "首次上传")...); !strings.Contains(out, "示例审图号") {
		t.Errorf("set: %s", out)
	}
	if out := dazu.must("admin", "map", "show"); !strings.Contains(out, "示例审图号") || !strings.Contains(out, "features  1") {
		t.Errorf("show: %s", out)
	}
	if out := dazu.must("admin", "map", "show", "--json"); !strings.Contains(out, `"coordinates"`) {
		t.Errorf("show --json: %s", out)
	}
	operator.must("admin", "map", "remove")
	if code, _, _ := operator.zida("admin", "map", "remove"); code == 0 {
		t.Error("removed twice")
	}
	if out := operator.must("admin", "log", "--json"); !strings.Contains(out, "map.publish") || !strings.Contains(out, "map.remove") || !strings.Contains(out, "首次上传") {
		t.Errorf("the audit record: %s", out)
	}
}
