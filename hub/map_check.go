package hub

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	maxMapFeatures = 2000
	maxMapFaults   = 20 // that one answer lists
)

// mapCount is what a good map holds. Its size bounds the positions to less than 100,000.
type mapCount struct{ features, positions int }

// mapFault is one thing that is wrong: where, and in both languages what to do.
type mapFault struct{ at, zh, en string }

var regionCode = regexp.MustCompile(`^[0-9]{6}$`)

// members is a JSON object whose members are told apart by their exact names, which
// encoding/json's structs would not do.
type members map[string]json.RawMessage

func (m members) text(name string) string {
	var s string
	_ = json.Unmarshal(m[name], &s) // not a text: as none
	return s
}

// checkMap checks a GeoJSON text: what the page can draw, and nothing that it would
// have to guess about.
func checkMap(text []byte) (mapCount, error) {
	var found mapCount
	if len(text) > maxMap {
		return found, mapTooLarge()
	}
	invalid := func(faults []*mapFault) (mapCount, error) {
		p := refuse("map-invalid", faults[0].zh, faults[0].en)
		for _, f := range faults {
			p.Fields = append(p.Fields, fieldFault{Field: f.at, Code: "map", ZH: f.zh, EN: f.en})
		}
		return found, p
	}
	one := func(zh, en string) (mapCount, error) { return invalid([]*mapFault{{"geojson", zh, en}}) }
	var collection members
	var features []json.RawMessage
	if json.Unmarshal(text, &collection) != nil || collection.text("type") != "FeatureCollection" || json.Unmarshal(collection["features"], &features) != nil {
		return one("geojson 须为 GeoJSON 的 FeatureCollection，其 features 为数组；请从制图软件导出为 GeoJSON", "geojson is a GeoJSON FeatureCollection with a list of features; export it as GeoJSON")
	}
	if crs := string(collection["crs"]); crs != "" && crs != "null" && !strings.Contains(crs, "CRS84") && !strings.Contains(crs, "4326") {
		return one("crs 不是 WGS-84；请转换为 WGS-84 经纬度（EPSG:4326）后重新导出", "crs is not WGS-84; convert to longitude and latitude in WGS-84 (EPSG:4326) and export again")
	}
	switch n := len(features); {
	case n == 0:
		return one("地图没有任何要素，请检查导出范围", "The map has no feature; check what was exported")
	case n > maxMapFeatures:
		return one(fmt.Sprintf("有 %d 个要素，最多 %d 个；请合并或删减", n, maxMapFeatures), fmt.Sprintf("There are %d features, %d at most; merge some or leave some out", n, maxMapFeatures))
	}
	var faults []*mapFault
	for i, text := range features {
		fault := found.feature(text)
		if fault == nil {
			continue
		}
		fault.at = fmt.Sprintf("geojson.features[%d]%s", i, fault.at)
		name := nameOf(text)
		fault.zh = fmt.Sprintf("第 %d 个要素%s：%s", i+1, wrapped(name, "“", "”"), fault.zh)
		fault.en = fmt.Sprintf("Feature %d%s: %s", i+1, wrapped(name, " “", "”"), fault.en)
		if faults = append(faults, fault); len(faults) == maxMapFaults {
			break
		}
	}
	if len(faults) > 0 {
		return invalid(faults)
	}
	found.features = len(features)
	return found, nil
}

// nameOf is a feature's name for a message, where it has one.
func nameOf(feature []byte) string {
	var f, properties members
	_ = json.Unmarshal(feature, &f)
	_ = json.Unmarshal(f["properties"], &properties)
	name := properties.text("name")
	if utf8.RuneCountInString(name) > 40 {
		name = string([]rune(name)[:40]) + "…"
	}
	return name
}

func wrapped(s, before, after string) string {
	if s == "" {
		return ""
	}
	return before + s + after
}

func (n *mapCount) feature(text []byte) *mapFault {
	var f, properties, geometry members
	if json.Unmarshal(text, &f) != nil || f.text("type") != "Feature" {
		return &mapFault{"", "type 须为 Feature", "its type is Feature"}
	}
	if json.Unmarshal(f["properties"], &properties) != nil {
		return &mapFault{".properties", "properties 须为对象，其中 name 为名称", "properties is an object that holds name"}
	}
	if name := strings.TrimSpace(properties.text("name")); name == "" || utf8.RuneCountInString(name) > maxMapWords {
		return &mapFault{".properties.name", fmt.Sprintf("properties.name 须为 1 到 %d 个字符的名称", maxMapWords), fmt.Sprintf("properties.name is a name of 1 to %d characters", maxMapWords)}
	}
	if code := properties["code"]; code != nil && string(code) != "null" && !regionCode.MatchString(properties.text("code")) {
		return &mapFault{".properties.code", `properties.code 须为六位行政区划代码（GB/T 2260）的文本，如 "500111"；没有的请去掉`,
			`properties.code is the six digits of GB/T 2260 as text, such as "500111"; leave it out where there is none`}
	}
	if json.Unmarshal(f["geometry"], &geometry) != nil || geometry == nil {
		return &mapFault{".geometry", "geometry 须为 Polygon、MultiPolygon 或 Point，不能为空", "geometry is a Polygon, MultiPolygon or Point, and not empty"}
	}
	return n.geometry(geometry.text("type"), geometry["coordinates"])
}

func (n *mapCount) geometry(kind string, coordinates []byte) *mapFault {
	const at = ".geometry.coordinates"
	var polygons [][][][]float64
	var err error
	if bytes.Contains(coordinates, []byte("null")) {
		coordinates = nil // it would be read as 0
	}
	switch kind {
	case "Point":
		var point []float64
		if err = json.Unmarshal(coordinates, &point); err == nil {
			return n.position(point, at)
		}
	case "Polygon":
		polygons = make([][][][]float64, 1)
		err = json.Unmarshal(coordinates, &polygons[0])
	case "MultiPolygon":
		err = json.Unmarshal(coordinates, &polygons)
	default:
		return &mapFault{".geometry.type", "geometry.type 只能是 Polygon、MultiPolygon 或 Point；其他类型请转换或去掉", "geometry.type is Polygon, MultiPolygon or Point; convert other types or leave them out"}
	}
	if err != nil {
		return &mapFault{at, "coordinates 不是 " + kind + " 的坐标数组，或有过大的数；请重新导出", "coordinates is not a " + kind + "'s list of numbers, or a number is too large; export it again"}
	}
	if len(polygons) == 0 {
		return &mapFault{at, "没有坐标，请重新导出或去掉此要素", "it has no coordinates; export it again or leave the feature out"}
	}
	for i, polygon := range polygons {
		where := at
		if kind == "MultiPolygon" {
			where = fmt.Sprintf("%s[%d]", at, i)
		}
		if len(polygon) == 0 {
			return &mapFault{where, "多边形没有环，请重新导出或去掉", "a polygon has no ring; export it again or leave it out"}
		}
		for j, ring := range polygon {
			if fault := n.ring(ring, fmt.Sprintf("%s[%d]", where, j)); fault != nil {
				return fault
			}
		}
	}
	return nil
}

func (n *mapCount) ring(ring [][]float64, at string) *mapFault {
	for i, position := range ring {
		if fault := n.position(position, fmt.Sprintf("%s[%d]", at, i)); fault != nil {
			return fault
		}
	}
	if len(ring) < 4 {
		return &mapFault{at, "环至少有 4 个坐标点（首尾相同）；请用拓扑检查修复", "a ring has at least 4 positions, the first again at the end; repair it with a topology check"}
	}
	if first, last := ring[0], ring[len(ring)-1]; first[0] != last[0] || first[1] != last[1] {
		return &mapFault{at, "环没有闭合：最后一个坐标点须与第一个相同；请修复后重新导出", "a ring is not closed: its last position is its first again; repair and export again"}
	}
	return nil
}

func (n *mapCount) position(p []float64, at string) *mapFault {
	n.positions++
	if len(p) < 2 || len(p) > 3 {
		return &mapFault{at, "坐标点须为 [经度, 纬度]（可有高程）", "a position is [longitude, latitude], perhaps with a height"}
	}
	if p[0] < -180 || p[0] > 180 || p[1] < -90 || p[1] > 90 {
		return &mapFault{at, fmt.Sprintf("坐标 [%g, %g] 超出 WGS-84 范围；经度在前、纬度在后，投影坐标请先转换为经纬度", p[0], p[1]),
			fmt.Sprintf("[%g, %g] is outside WGS-84; longitude comes first, and projected coordinates are converted to degrees beforehand", p[0], p[1])}
	}
	return nil
}
