package hub

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/zida-hub/zida/hub/auth"
	"github.com/zida-hub/zida/hub/registry"
)

// actor is who acts in this request, with the reason given in ?reason=.
func actor(c *gin.Context) registry.Actor {
	k := callOf(c)
	return k.Principal.Actor(k.ID, c.Query("reason"))
}

// acted answers an act of an admin.
func (h *Hub) acted(c *gin.Context, status int, value any, err error) {
	if err != nil {
		h.fail(c, registryProblem(err))
		return
	}
	writeJSON(c, status, value)
}

func (h *Hub) listAgencies(c *gin.Context) {
	writeJSON(c, http.StatusOK, map[string]any{"agencies": h.registry.Agencies()})
}

func (h *Hub) getAgency(c *gin.Context) {
	a, ok := h.registry.Agency(c.Param("id"))
	if !ok {
		h.problem(c, "not-found", "没有机构“"+c.Param("id")+"”", "There is no agency "+strconv.Quote(c.Param("id")))
		return
	}
	writeJSON(c, http.StatusOK, a)
}

func (h *Hub) addAgency(c *gin.Context) {
	var spec registry.AgencySpec
	if err := readJSON(c, &spec, false); err != nil {
		h.fail(c, err)
		return
	}
	a, err := h.registry.CreateAgency(c, actor(c), spec)
	h.acted(c, http.StatusCreated, a, err)
}

func (h *Hub) changeAgency(c *gin.Context) {
	var u registry.AgencyUpdate
	if err := readJSON(c, &u, false); err != nil {
		h.fail(c, err)
		return
	}
	a, err := h.registry.UpdateAgency(c, actor(c), c.Param("id"), u)
	h.acted(c, http.StatusOK, a, err)
}

func (h *Hub) disableAgency(c *gin.Context) {
	a, err := h.registry.SetAgencyDisabled(c, actor(c), c.Param("id"), true)
	h.acted(c, http.StatusOK, a, err)
}

func (h *Hub) enableAgency(c *gin.Context) {
	a, err := h.registry.SetAgencyDisabled(c, actor(c), c.Param("id"), false)
	h.acted(c, http.StatusOK, a, err)
}

// seesAll says whether the caller may see the clients of every agency.
func seesAll(c *gin.Context) bool {
	p := callOf(c).Principal
	return p.IsOperator()
}

func (h *Hub) listClients(c *gin.Context) {
	agency, own := c.Query("agency"), callOf(c).Principal.Agency
	if !seesAll(c) {
		if agency != "" && agency != own {
			h.problem(c, "forbidden", "只能查看本机构的客户端", "Only the clients of your own agency can be seen")
			return
		}
		agency = own
	}
	clients := h.registry.Clients(agency)
	if clients == nil {
		clients = []*registry.Client{}
	}
	writeJSON(c, http.StatusOK, map[string]any{"clients": clients})
}

// getClient does not tell a client of another agency from none at all.
func (h *Hub) getClient(c *gin.Context) {
	cl, ok := h.registry.Client(c.Param("id"))
	if !ok || !seesAll(c) && cl.Agency != callOf(c).Principal.Agency {
		h.problem(c, "not-found", "没有客户端“"+c.Param("id")+"”", "There is no client "+strconv.Quote(c.Param("id")))
		return
	}
	writeJSON(c, http.StatusOK, cl)
}

// clientRequest is the body of addClient; the key is a JWK or a PEM text.
type clientRequest struct {
	Agency    string          `json:"agency"`
	Name      string          `json:"name"`
	Scopes    []string        `json:"scopes"`
	Clearance string          `json:"clearance"`
	PublicKey json.RawMessage `json:"public_key"`
}

// credentials is shown once.
type credentials struct {
	registry.Credentials
	Client *registry.Client `json:"client"`
}

func (h *Hub) addClient(c *gin.Context) {
	var in clientRequest
	if err := readJSON(c, &in, false); err != nil {
		h.fail(c, err)
		return
	}
	spec := registry.ClientSpec{Agency: in.Agency, Name: in.Name, Scopes: in.Scopes, Clearance: in.Clearance, PublicKey: keyText(in.PublicKey)}
	client, secret, err := h.registry.CreateClient(c, actor(c), spec)
	h.acted(c, http.StatusCreated, credentials{secret, client}, err)
}

// keyText is a JWK as it is, or the PEM inside a JSON string.
func keyText(raw json.RawMessage) []byte {
	var pem string
	if json.Unmarshal(raw, &pem) == nil {
		return []byte(pem)
	}
	return raw
}

func (h *Hub) changeClient(c *gin.Context) {
	var u registry.ClientUpdate
	if err := readJSON(c, &u, false); err != nil {
		h.fail(c, err)
		return
	}
	client, err := h.registry.UpdateClient(c, actor(c), c.Param("id"), u)
	h.acted(c, http.StatusOK, client, err)
}

func (h *Hub) disableClient(c *gin.Context) {
	client, err := h.registry.SetClientDisabled(c, actor(c), c.Param("id"), true)
	h.acted(c, http.StatusOK, client, err)
}

func (h *Hub) enableClient(c *gin.Context) {
	client, err := h.registry.SetClientDisabled(c, actor(c), c.Param("id"), false)
	h.acted(c, http.StatusOK, client, err)
}

func (h *Hub) revokeClientTokens(c *gin.Context) {
	client, err := h.registry.RevokeTokens(c, actor(c), c.Param("id"))
	h.acted(c, http.StatusOK, client, err)
}

func (h *Hub) rotateSecret(c *gin.Context) {
	hours, err := queryInt(c, "overlap_hours", 0, 0, int64(registry.MaxOverlap/time.Hour))
	if err != nil {
		h.fail(c, err)
		return
	}
	client, secret, err := h.registry.RotateSecret(c, actor(c), c.Param("id"), time.Duration(hours)*time.Hour)
	h.acted(c, http.StatusOK, credentials{secret, client}, err)
}

func (h *Hub) removeSecret(c *gin.Context) {
	client, err := h.registry.RemoveSecret(c, actor(c), c.Param("id"), c.Param("secret"))
	h.acted(c, http.StatusOK, client, err)
}

func (h *Hub) addKey(c *gin.Context) {
	var in struct {
		PublicKey json.RawMessage `json:"public_key"`
	}
	if err := readJSON(c, &in, false); err != nil {
		h.fail(c, err)
		return
	}
	client, err := h.registry.AddKey(c, actor(c), c.Param("id"), keyText(in.PublicKey))
	h.acted(c, http.StatusOK, client, err)
}

func (h *Hub) removeKey(c *gin.Context) {
	client, err := h.registry.RemoveKey(c, actor(c), c.Param("id"), c.Param("kid"))
	h.acted(c, http.StatusOK, client, err)
}

// listActs shows every admin's every act to both sides.
func (h *Hub) listActs(c *gin.Context) {
	after, err := queryInt(c, "after", 0, 0, 1<<62)
	if err != nil {
		h.fail(c, err)
		return
	}
	limit, err := queryInt(c, "limit", 100, 1, 1000)
	if err != nil {
		h.fail(c, err)
		return
	}
	acts, err := h.registry.Acts(c, uint64(after), int(limit))
	if err != nil {
		h.fail(c, err)
		return
	}
	next := uint64(after)
	if n := len(acts); n > 0 {
		next = acts[n-1].Sequence
	}
	writeJSON(c, http.StatusOK, map[string]any{"acts": acts, "next_after": next})
}

func (h *Hub) rotateKey(c *gin.Context) {
	use := c.Param("use")
	err := h.auth.Rotate(c, auth.RotateRequest{Use: use, Compromised: c.Query("compromised") == "true", By: actor(c)})
	h.acted(c, http.StatusOK, map[string]string{"rotated": use}, err)
}
