package hub

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const testSquare = `{"type":"Feature","properties":{"name":"大足区","code":"500111"},"geometry":{"type":"Polygon","coordinates":[[[105.5,29.4],[106,29.4],[106,29.9],[105.5,29.4]]]}}`

func testMap(features ...string) string {
	return `{"type":"FeatureCollection","features":[` + strings.Join(features, ",") + `]}`
}

func TestMapIsCheckedFeatureByFeature(t *testing.T) {
	good := func(what, text string, features, positions int) {
		t.Helper()
		if n, err := checkMap([]byte(text)); err != nil || n != (mapCount{features, positions}) {
			t.Errorf("%s: %+v %v", what, n, err)
		}
	}
	point := `{"type":"Feature","id":7,"properties":{"name":"宝顶山","level":"5A"},"geometry":{"type":"Point","coordinates":[105.8,29.7,420.5]}}`
	many := `{"type":"Feature","properties":{"name":"资阳市","code":null},"geometry":{"type":"MultiPolygon","coordinates":[[[[105,30],[105,31],[106,31],[105,30]]],[[[104,30],[104,31],[105,31],[104,30]],[[104.2,30.2],[104.2,30.4],[104.4,30.4],[104.2,30.2]]]]}}`
	good("a polygon", testMap(testSquare), 1, 4)
	good("all three kinds", testMap(testSquare, point, many), 3, 17)
	good("crs given as WGS-84", `{"crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:OGC:1.3:CRS84"}},`+testMap(testSquare)[1:], 1, 4)

	bad := func(what, text, name, field string) {
		t.Helper()
		_, err := checkMap([]byte(text))
		var p *problemError
		if !errors.As(err, &p) || p.Name != name || p.ZH == "" || p.EN == "" || p.ZH == p.EN {
			t.Errorf("%s: %v", what, err)
			return
		}
		if field != "" && (len(p.Fields) != 1 || p.Fields[0].Field != field) {
			t.Errorf("%s: %+v", what, p.Fields)
		}
	}
	change := func(old, with string) string {
		if !strings.Contains(testSquare, old) {
			t.Fatalf("no %s", old)
		}
		return testMap(testSquare, strings.Replace(testSquare, old, with, 1))
	}
	const invalid, at = "map-invalid", "geojson.features[1]"
	bad("nothing", "", invalid, "geojson")
	bad("null", "null", invalid, "geojson")
	bad("a feature", testSquare, invalid, "geojson")
	bad("TYPE", strings.Replace(testMap(testSquare), `"type":"FeatureCollection"`, `"TYPE":"FeatureCollection"`, 1), invalid, "geojson")
	bad("no feature", testMap(), invalid, "geojson")
	bad("another crs", `{"crs":{"type":"name","properties":{"name":"EPSG:3857"}},`+testMap(testSquare)[1:], invalid, "geojson")
	bad("no name", change(`"name":"大足区",`, ``), invalid, at+".properties.name")
	bad("a name of blanks", change(`大足区`, `  `), invalid, at+".properties.name")
	bad("a name in NAME", change(`"name"`, `"NAME"`), invalid, at+".properties.name")
	bad("a name too long", change(`大足区`, strings.Repeat("大", 101)), invalid, at+".properties.name")
	bad("a code as a number", change(`"500111"`, `500111`), invalid, at+".properties.code")
	bad("a code of four digits", change(`"500111"`, `"5001"`), invalid, at+".properties.code")
	bad("no properties", change(`{"name":"大足区","code":"500111"}`, `7`), invalid, at+".properties")
	bad("not a feature", change(`"Feature"`, `"Shape"`), invalid, at)
	bad("a line", change(`"Polygon"`, `"LineString"`), invalid, at+".geometry.type")
	bad("no geometry", testMap(testSquare, `{"type":"Feature","properties":{"name":"x"},"geometry":null}`), invalid, at+".geometry")
	bad("coordinates of another kind", change(`"Polygon"`, `"MultiPolygon"`), invalid, at+".geometry.coordinates")
	bad("null as a coordinate", change(`106,29.4`, `null,29.4`), invalid, at+".geometry.coordinates")
	bad("a number beyond all bounds", change(`106,29.4`, `1e999,29.4`), invalid, at+".geometry.coordinates")
	bad("latitude first", change(`106,29.4`, `29.4,106`), invalid, at+".geometry.coordinates[0][1]")
	bad("metres", change(`106,29.4`, `11799000,3430000`), invalid, at+".geometry.coordinates[0][1]")
	bad("one number", change(`106,29.4`, `106`), invalid, at+".geometry.coordinates[0][1]")
	bad("four numbers", change(`106,29.4`, `106,29.4,1,1`), invalid, at+".geometry.coordinates[0][1]")
	bad("an open ring", change(`[105.5,29.4]]`, `[105.5,29.5]]`), invalid, at+".geometry.coordinates[0]")
	bad("a short ring", change(`,[106,29.9]`, ``), invalid, at+".geometry.coordinates[0]")
	bad("no ring", testMap(testSquare, `{"type":"Feature","properties":{"name":"x"},"geometry":{"type":"Polygon","coordinates":[]}}`), invalid, at+".geometry.coordinates")
	bad("no polygon", testMap(testSquare, `{"type":"Feature","properties":{"name":"x"},"geometry":{"type":"MultiPolygon","coordinates":[]}}`), invalid, at+".geometry.coordinates")
	empty := `{"type":"Feature","properties":{"name":"x"},"geometry":{"type":"Point","coordinates":[1,2]}}`
	bad("too many features", testMap(strings.Split(strings.Repeat(empty+";", maxMapFeatures)+empty, ";")...), invalid, "geojson")
	bad("too large", testMap(`{"type":"Feature","properties":{"name":"x"},"geometry":{"type":"Polygon","coordinates":[[`+strings.Repeat("[1,2],", maxMap/6)+`[1,2]]]}}`), "payload-too-large", "")

	_, err := checkMap([]byte(testMap(strings.Repeat(`{},`, 50) + testSquare)))
	var p *problemError
	if !errors.As(err, &p) || len(p.Fields) != maxMapFaults {
		t.Errorf("fifty faults: %v", err)
	}
	if _, err := checkMap([]byte(change(`大足区","code":"500111"`, `大足区","code":"5"`))); !errors.As(err, &p) || !strings.Contains(p.ZH, "第 2 个要素“大足区”") || !strings.Contains(p.EN, "Feature 2 “大足区”") {
		t.Errorf("the feature is not named: %v", err)
	}
}

func TestMapIsPublishedServedAndRemoved(t *testing.T) {
	a := openAdminHub(t)
	get := func(headers ...string) *httptest.ResponseRecorder {
		return getFile(a.handler, "/v1/map", append([]string{"Authorization", "Bearer " + a.chief}, headers...)...)
	}
	put := func(source, approval, geojson string, status int) map[string]any {
		t.Helper()
		body, err := json.Marshal(map[string]any{"source": source, "approval": approval, "geojson": json.RawMessage(geojson)})
		if err != nil {
			t.Fatal(err)
		}
		return a.call(a.chief, http.MethodPut, "/v1/admin/map?reason=start", string(body), status)
	}
	a.call(a.chief, http.MethodGet, "/v1/map", "", 404)
	a.call(a.chief, http.MethodDelete, "/v1/admin/map", "", 404)
	put("来源", "", testMap(testSquare), 400)
	put(" ", "审图号", testMap(testSquare), 400)
	put("来源", strings.Repeat("审", 101), testMap(testSquare), 400)
	put("来源", "审图号", testMap(), 422)
	a.call(a.chief, http.MethodPut, "/v1/admin/map", `{"source":"来源","approval":"审图号","geojson":`+testMap(testSquare)+`,"more":1}`, 400)
	a.call(a.chief, http.MethodGet, "/v1/map", "", 404)

	if stored := put("来源", "审图号一", testMap(testSquare), 200); stored["features"] != 1.0 || stored["positions"] != 4.0 {
		t.Errorf("stored as %v", stored)
	}
	first := get()
	var answer mapAnswer
	if err := json.Unmarshal(first.Body.Bytes(), &answer); err != nil || first.Code != 200 {
		t.Fatalf("%d %v", first.Code, err)
	}
	if answer.Source != "来源" || answer.Approval != "审图号一" || answer.Agency != "zida" || answer.UploadedBy == "" || answer.At.IsZero() || !strings.Contains(string(answer.GeoJSON), "大足区") {
		t.Errorf("answered as %+v", answer)
	}
	if cache := first.Header().Get("Cache-Control"); cache != "private, no-cache" {
		t.Errorf("may be kept: %q", cache)
	}
	if w := get("If-None-Match", first.Header().Get("ETag")); w.Code != 304 || w.Body.Len() != 0 {
		t.Errorf("sent twice: %d", w.Code)
	}
	if w := get("Accept-Encoding", "gzip"); w.Header().Get("Content-Encoding") != "gzip" || !bytes.HasPrefix(w.Body.Bytes(), []byte{0x1f, 0x8b}) {
		t.Errorf("not packed: %v", w.Header())
	}
	put("来源", "审图号二", testMap(testSquare), 200)
	if w := get("If-None-Match", first.Header().Get("ETag")); w.Code != 200 {
		t.Errorf("the second map: %d", w.Code)
	}

	// One that gzip cannot make small, as large as is allowed, passes the journal.
	var points []string
	for size := 0; size < maxMap-300; size += len(points[len(points)-1]) + 1 {
		ring := &strings.Builder{}
		for range 60 {
			fmt.Fprintf(ring, "[%.12f,%.12f],", 100+rand.Float64(), 20+rand.Float64())
		}
		points = append(points, `{"type":"Feature","properties":{"name":"x"},"geometry":{"type":"Polygon","coordinates":[[[1,2],`+ring.String()+`[1,2]]]}}`)
	}
	put("来源", "审图号三", testMap(points[:len(points)-1]...), 200)
	put("来源", "审图号三", testMap(points...), 413)
	put("来源", "审图号三", testMap(append(points, points...)...), 413)

	if w := request(a, http.MethodDelete, "/v1/admin/map?reason=over"); w.Code != 204 || w.Body.Len() != 0 {
		t.Errorf("removed: %d %s", w.Code, w.Body)
	}
	a.call(a.chief, http.MethodGet, "/v1/map", "", 404)
	a.call(a.chief, http.MethodDelete, "/v1/admin/map", "", 404)
	put("来源", "审图号四", testMap(testSquare), 200)

	acts, err := json.Marshal(a.call(a.chief, http.MethodGet, "/v1/admin/acts?limit=1000", "", 200))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"map.publish", "map.remove", "审图号二", `"sha256"`, `"over"`} {
		if !strings.Contains(string(acts), part) {
			t.Errorf("the audit record lacks %s", part)
		}
	}
	if strings.Contains(string(acts), "coordinates") || len(acts) > 20_000 {
		t.Errorf("the audit record has %d bytes", len(acts))
	}
}

func request(a *adminHub, method, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Header.Set("Authorization", "Bearer "+a.chief)
	w := httptest.NewRecorder()
	a.handler.ServeHTTP(w, r)
	return w
}

func TestMapIsTheOperatorsToChange(t *testing.T) {
	a := openAdminHub(t)
	a.call(a.chief, http.MethodPost, "/v1/admin/agencies", `{"id":"dazu-wlj","name":"大足文旅","regions":["500111"]}`, 201)
	made := a.call(a.chief, http.MethodPost, "/v1/admin/clients", `{"agency":"dazu-wlj","scopes":["admin","query"]}`, 201)
	dazu := a.token(made["client_id"].(string), made["client_secret"].(string))
	body := `{"source":"来源","approval":"审图号","geojson":` + testMap(testSquare) + `}`
	a.call(dazu, http.MethodPut, "/v1/admin/map", body, 403)
	a.call(a.chief, http.MethodPut, "/v1/admin/map", body, 200)
	a.call(dazu, http.MethodDelete, "/v1/admin/map", "", 403)
	a.call(dazu, http.MethodGet, "/v1/map", "", 200)
	a.call("", http.MethodGet, "/v1/map", "", 401)
}
