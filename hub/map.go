package hub

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"github.com/klauspost/compress/gzip"

	"github.com/zida-hub/zida/hub/journal"
	"github.com/zida-hub/zida/hub/registry"
)

// The outlines that the page draws regions and spots on come from the operator, with
// their source and approval number (审图号): none comes with the program. They are an
// entry of the journal's state, so that every replica has the same.

const (
	mapKey      = "map.current"
	maxMap      = 512 << 10      // of GeoJSON text
	maxMapBody  = maxMap + 8<<10 // with what stands around it
	maxMapWords = 100            // characters of the source, and of the approval number
)

// mapEntry is the value of the key.
type mapEntry struct {
	Act      registry.Act `json:"act"`
	Source   string       `json:"source,omitempty"`
	Approval string       `json:"approval,omitempty"`
	GeoJSON  []byte       `json:"geojson,omitempty"` // gzip: each version stays in the journal for good; none: removed
}

// mapAnswer is what GET /v1/map answers.
type mapAnswer struct {
	Source     string          `json:"source"`
	Approval   string          `json:"approval"`
	UploadedBy string          `json:"uploaded_by"`
	Agency     string          `json:"agency"`
	At         time.Time       `json:"at"`
	GeoJSON    json.RawMessage `json:"geojson"`
}

// mapNow is the entry in force.
type mapNow struct {
	entry    mapEntry
	sum      string
	bytes    int
	revision uint64
	file     *frontFile // nil when there is no map
}

// followMap takes in the map that is there, and those that will be.
func (h *Hub) followMap(s *journal.State) {
	s.Watch(mapKey, func(e journal.Entry) {
		now := &mapNow{revision: e.Revision}
		if err := now.read(e.Value); err != nil { // made by another release: no map is better than no hub
			h.slog.Error("the map cannot be read", "error", err)
			now = &mapNow{revision: e.Revision}
		}
		h.outlines.Store(now)
	})
}

func (m *mapNow) read(value []byte) error {
	if err := json.Unmarshal(value, &m.entry); err != nil {
		return err
	}
	if len(m.entry.GeoJSON) == 0 {
		return nil
	}
	r, err := gzip.NewReader(bytes.NewReader(m.entry.GeoJSON))
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(r, maxMap+1))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	m.sum, m.bytes = hex.EncodeToString(sum[:]), len(text)
	act := &m.entry.Act
	answer, err := json.Marshal(mapAnswer{m.entry.Source, m.entry.Approval, act.Actor, act.ActorAgency, act.At, text})
	if err != nil {
		return err
	}
	m.file, err = newFrontFile("map.json", answer)
	return err
}

// currentMap is the map in force; one without a file when there is none.
func (h *Hub) currentMap() *mapNow {
	if now := h.outlines.Load(); now != nil {
		return now
	}
	return &mapNow{}
}

// getMap answers GET /v1/map.
func (h *Hub) getMap(c *gin.Context) {
	now := h.currentMap()
	if now.file == nil {
		h.problem(c, "not-found", "还没有地图，请运营方用 zida admin map set 上传", "There is no map; the operator uploads one with zida admin map set")
		return
	}
	c.Header("Cache-Control", "private, no-cache")
	now.file.send(c)
}

// putMap answers PUT /v1/admin/map.
func (h *Hub) putMap(c *gin.Context) {
	var in struct {
		Source   string          `json:"source"`
		Approval string          `json:"approval"`
		GeoJSON  json.RawMessage `json:"geojson"`
	}
	err := readJSON(c, &in, false)
	var p *problemError
	if errors.As(err, &p) && p.Name == "payload-too-large" {
		err = mapTooLarge()
	}
	if err == nil {
		in.Source, in.Approval = strings.TrimSpace(in.Source), strings.TrimSpace(in.Approval)
		err = checkMapWords(in.Source, in.Approval)
	}
	var found mapCount
	if err == nil {
		found, err = checkMap(in.GeoJSON)
	}
	if err != nil {
		h.fail(c, err)
		return
	}
	packed, err := packGzip(in.GeoJSON)
	if err != nil {
		h.fail(c, err)
		return
	}
	next := mapEntry{Source: in.Source, Approval: in.Approval, GeoJSON: packed}
	if err := h.writeMap(c, "map.publish", next, in.GeoJSON); err != nil {
		h.fail(c, err)
		return
	}
	now := h.currentMap()
	writeJSON(c, http.StatusOK, map[string]any{"source": in.Source, "approval": in.Approval, "at": now.entry.Act.At, "sha256": now.sum, "bytes": now.bytes,
		"features": found.features, "positions": found.positions})
}

// removeMap answers DELETE /v1/admin/map.
func (h *Hub) removeMap(c *gin.Context) {
	if h.currentMap().file == nil {
		h.problem(c, "not-found", "没有可移除的地图", "There is no map to remove")
		return
	}
	if err := h.writeMap(c, "map.remove", mapEntry{}, nil); err != nil {
		h.fail(c, err)
		return
	}
	c.Writer.WriteHeader(http.StatusNoContent)
}

// writeMap puts an entry in the place of the one in force. The audit record has what
// identifies each, not the outlines themselves.
func (h *Hub) writeMap(c *gin.Context, action string, next mapEntry, text []byte) error {
	now := h.currentMap()
	sum, size := "", ""
	if text != nil {
		hash := sha256.Sum256(text)
		sum, size = hex.EncodeToString(hash[:]), strconv.Itoa(len(text))
	}
	was := ""
	if now.file != nil {
		was = strconv.Itoa(now.bytes)
	}
	var changes []registry.Change
	for _, f := range []registry.Change{
		{Field: "source", From: now.entry.Source, To: next.Source}, {Field: "approval", From: now.entry.Approval, To: next.Approval},
		{Field: "bytes", From: was, To: size}, {Field: "sha256", From: now.sum, To: sum},
	} {
		if f.From != f.To {
			changes = append(changes, f)
		}
	}
	next.Act = registry.NewAct(actor(c), action, mapKey, "", time.Now(), changes)
	value, err := json.Marshal(next)
	if err != nil {
		return err
	}
	_, err = h.journal.State().Put(c, mapKey, value, now.revision)
	switch {
	case errors.Is(err, journal.ErrConflict):
		return refuse("conflict", "地图刚被他人更改，请查看后重试", "Somebody else has just changed the map; look at it and try again")
	case err != nil:
		return refuse("journal-unavailable", "", "").retryIn(2 * time.Second).because(err)
	}
	return nil
}

// checkMapWords checks what the page prints below the map.
func checkMapWords(source, approval string) error {
	for _, f := range []struct{ name, value, zh, en string }{
		{"source", source, "请写明地图数据的来源", "say where the outlines come from"},
		{"approval", approval, "请写明审图号，地图须经审核后才能公开使用", "give the approval number (审图号): a map is shown only after it was reviewed"},
	} {
		if f.value == "" {
			return badParam(f.name, "required", "", f.name+" 不能为空："+f.zh, f.name+" is needed: "+f.en)
		}
		if utf8.RuneCountInString(f.value) > maxMapWords {
			most := strconv.Itoa(maxMapWords)
			return badParam(f.name, "length", f.value, f.name+" 最多 "+most+" 个字符，请缩短", f.name+" has at most "+most+" characters; shorten it")
		}
	}
	return nil
}

func mapTooLarge() *problemError {
	return refuse("payload-too-large", fmt.Sprintf("地图超过 %d KiB；请简化边界（如用 mapshaper 抽稀），或去掉多余的属性与小数位", maxMap>>10),
		fmt.Sprintf("The map exceeds %d KiB; simplify its outlines (as mapshaper does), or drop properties and decimals that are not needed", maxMap>>10))
}

func (h *Hub) mapRoutes() []route {
	outlines := map[string]any{"type": "FeatureCollection", "features": []any{map[string]any{
		"type": "Feature", "properties": map[string]any{"name": "大足区", "code": "500111"},
		"geometry": map[string]any{"type": "Polygon", "coordinates": []any{[]any{
			[]any{105.5, 29.4}, []any{106.0, 29.4}, []any{106.0, 29.9}, []any{105.5, 29.4}}}}}}}
	source, approval := "示例数据", "示例审图号"
	words := map[string]schema{"source": text1, "approval": described(text1, "审图号, printed below the map"), "geojson": {"type": "object"}}
	whole := object("source approval uploaded_by agency at geojson", map[string]schema{
		"source": text1, "approval": words["approval"], "uploaded_by": text1, "agency": text1, "at": instant,
		"geojson": described(words["geojson"], "a FeatureCollection of Polygon, MultiPolygon and Point, each with properties.name and perhaps properties.code")})
	stored := object("source approval at sha256 bytes features positions", map[string]schema{
		"source": text1, "approval": text1, "at": instant, "sha256": text1, "bytes": integer, "features": integer, "positions": integer})
	return []route{
		{method: http.MethodGet, path: "/v1/map", name: "getMap", group: "read", needs: needToken, handle: h.getMap,
			zh: text{"地图", "运营方上传的边界与点位（GeoJSON，WGS-84），附来源与审图号；程序不自带地图。以 ETag 与 If-None-Match 免于重复下载。"},
			en: text{"The map", "Outlines and points that the operator uploaded (GeoJSON, WGS-84), with their source and approval number; none comes with the program. ETag and If-None-Match spare a second download."},
			answers: []answer{
				{status: http.StatusOK, zh: "地图", en: "The map", media: jsonOf(whole, map[string]any{
					"source": source, "approval": approval, "uploaded_by": "zida-k3v7a2nq", "agency": "zida", "at": "2026-01-05T01:00:00Z", "geojson": outlines})},
				{status: http.StatusNotModified, zh: "与已有的相同", en: "The same as the one at hand"}},
			problems: []string{"not-found"}},
		{method: http.MethodPut, path: "/v1/admin/map", name: "putMap", group: "admin", needs: needChief, handle: h.putMap, maxBody: maxMapBody,
			zh:     text{"上传地图", "GeoJSON 的 FeatureCollection：Polygon、MultiPolygon 或 Point，各有 properties.name，可有 properties.code（GB/T 2260 六位代码）；WGS-84 经纬度，至多 512 KiB、2000 个要素。来源与审图号必填，显示在地图下方。"},
			en:     text{"Upload the map", "A GeoJSON FeatureCollection of Polygon, MultiPolygon or Point features, each with properties.name and perhaps properties.code (six digits, GB/T 2260); longitude and latitude in WGS-84, at most 512 KiB and 2000 features. Source and approval number are needed, and stand below the map."},
			params: []param{paramReason}, body: jsonOf(object("source approval geojson", words), map[string]any{"source": source, "approval": approval, "geojson": outlines}),
			answers: ok("已生效", "It is in force", jsonOf(stored, map[string]any{"source": source, "approval": approval, "at": "2026-01-05T01:00:00Z",
				"sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "bytes": 212, "features": 1, "positions": 4})),
			problems: []string{"map-invalid", "invalid-request", "unsupported-media-type", "payload-too-large", "conflict", "journal-unavailable"}},
		{method: http.MethodDelete, path: "/v1/admin/map", name: "removeMap", group: "admin", needs: needChief, handle: h.removeMap,
			zh: text{summary: "移除地图"}, en: text{summary: "Remove the map"}, params: []param{paramReason},
			answers:  []answer{{status: http.StatusNoContent, zh: "已移除", en: "It is removed"}},
			problems: []string{"not-found", "conflict", "journal-unavailable"}},
	}
}
