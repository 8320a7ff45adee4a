package hub

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/zida-hub/zida/schemas"
)

// party is an agency as everyone may know it: what its clients may do is not told.
type party struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Side    string   `json:"side"`
	Regions []string `json:"regions"`
}

// listParties answers GET /v1/parties: who takes part, and since when figures have come in.
func (h *Hub) listParties(c *gin.Context) {
	list := []party{}
	for _, a := range h.registry.Agencies() {
		list = append(list, party{ID: a.ID, Name: a.Name, Side: sideNames[schemas.Side(a.Regions)], Regions: a.Regions})
	}
	first, err := h.analytics.FirstReceived(c.Request.Context())
	if err != nil {
		h.failQuery(c, err)
		return
	}
	answer := map[string]any{"agencies": list}
	if !first.IsZero() {
		answer["first_received_at"] = first.UTC().Format(time.RFC3339)
	}
	writeJSON(c, http.StatusOK, answer)
}

func (h *Hub) partyRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/v1/parties", name: "listParties", group: "read", needs: needToken, quota: queryQuota, handle: h.listParties,
			zh: text{"参与机构", "双方机构的编号、名称与行政区划，以及最早一次收到数据的时刻（按当时所知查看可回到那里）。"},
			en: text{"Who takes part", "The agencies of both sides with their regions, and when the hub first received anything: as far back as as_of can go."},
			answers: ok("机构", "The agencies", jsonOf(object("agencies", map[string]schema{
				"agencies":          list(object("id name side regions", map[string]schema{"id": text1, "name": text1, "side": text1, "regions": list(text1)})),
				"first_received_at": instant}),
				map[string]any{"first_received_at": "2026-01-05T01:00:00Z", "agencies": []any{
					map[string]any{"id": "dazu-wlj", "name": "大足区文化和旅游发展委员会", "side": "大足", "regions": []string{"500111"}}}})),
			problems: []string{"engine-unavailable", "overloaded", "quota-exceeded"}},
	}
}
