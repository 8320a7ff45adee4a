package hub

import (
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/zida-hub/zida/hub/registry"
)

func (h *Hub) listUsers(c *gin.Context) {
	agency, own := c.Query("agency"), callOf(c).Principal.Agency
	if !seesAll(c) {
		if agency != "" && agency != own {
			h.problem(c, "forbidden", "只能查看本机构的用户", "Only the users of your own agency can be seen")
			return
		}
		agency = own
	}
	users := h.registry.Users(agency)
	if users == nil {
		users = []*registry.User{}
	}
	writeJSON(c, http.StatusOK, map[string]any{"users": users})
}

// getUser does not tell a user of another agency from none at all.
func (h *Hub) getUser(c *gin.Context) {
	u, ok := h.registry.User(c.Param("id"))
	if !ok || !seesAll(c) && u.Agency != callOf(c).Principal.Agency {
		h.problem(c, "not-found", "没有用户“"+c.Param("id")+"”", "There is no user "+strconv.Quote(c.Param("id")))
		return
	}
	writeJSON(c, http.StatusOK, u)
}

// userPassword is shown once; a password that the admin gave is not repeated.
type userPassword struct {
	User     *registry.User `json:"user"`
	Password string         `json:"password,omitempty"`
}

func (h *Hub) addUser(c *gin.Context) {
	var spec registry.UserSpec
	if err := readJSON(c, &spec, false); err != nil {
		h.fail(c, err)
		return
	}
	u, password, err := h.registry.CreateUser(c, actor(c), spec)
	h.acted(c, http.StatusCreated, userPassword{u, password}, err)
}

func (h *Hub) changeUser(c *gin.Context) {
	var change registry.UserUpdate
	if err := readJSON(c, &change, false); err != nil {
		h.fail(c, err)
		return
	}
	u, err := h.registry.UpdateUser(c, actor(c), c.Param("id"), change)
	h.acted(c, http.StatusOK, u, err)
}

func (h *Hub) disableUser(c *gin.Context) {
	u, err := h.registry.SetUserDisabled(c, actor(c), c.Param("id"), true)
	h.acted(c, http.StatusOK, u, err)
}

func (h *Hub) enableUser(c *gin.Context) {
	u, err := h.registry.SetUserDisabled(c, actor(c), c.Param("id"), false)
	h.acted(c, http.StatusOK, u, err)
}

func (h *Hub) endSessions(c *gin.Context) {
	u, err := h.registry.EndSessions(c, actor(c), c.Param("id"))
	h.acted(c, http.StatusOK, u, err)
}

func (h *Hub) resetPassword(c *gin.Context) {
	var spec registry.PasswordSpec
	if err := readJSON(c, &spec, true); err != nil {
		h.fail(c, err)
		return
	}
	u, password, err := h.registry.ResetPassword(c, actor(c), c.Param("id"), spec)
	h.acted(c, http.StatusOK, userPassword{u, password}, err)
}
