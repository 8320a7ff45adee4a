package hub

import (
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/zida-hub/zida/hub/auth"
)

// route is one line of the only list of routes there is: gin's routes, the
// OpenAPI document and the pages under /docs are all made from it.
type route struct {
	method, path string // gin's form, /v1/datasets/:id
	name         string // operationId
	group        string // a key of routeGroups
	zh, en       text   // summary and description
	needs        *need  // nil: neither token nor session
	basic        bool   // client_id and client_secret by HTTP Basic
	params       []param
	body         []media // request body, one for each content type; the first is the usual one
	answers      []answer
	problems     []string // names in schemas.Problems, besides those any route may answer
	maxBody      int64    // bytes on the wire; 0: Config.BodySmall
	quota        int      // which quota counts a call: pushQuota, queryQuota; 0: none
	streams      bool     // server-sent events: silent between events by right
	hidden       bool     // a page or asset, not part of the API's description
	handle       gin.HandlerFunc
}

// text is a summary (a few words) and, where one is needed, a description.
type text struct{ summary, description string }

// need is what a route asks of the token or session.
type need struct {
	allow func(p *auth.Principal, c *gin.Context) bool
	words string // the scope as documents show it, {id} standing for the dataset
}

// scope is what a caller is told it lacks.
func (n *need) scope(c *gin.Context) string {
	return strings.ReplaceAll(n.words, "{id}", c.Param("id"))
}

// The needs there are.
var (
	needToken = &need{words: "任意令牌 / any token", allow: func(*auth.Principal, *gin.Context) bool { return true }}
	needPush  = &need{words: "push:{id}", allow: func(p *auth.Principal, c *gin.Context) bool { return p.CanPush(c.Param("id")) }}
	needRead  = &need{words: "read:{id}", allow: func(p *auth.Principal, c *gin.Context) bool { return p.CanRead(c.Param("id")) }}
	needQuery = &need{words: "query", allow: func(p *auth.Principal, _ *gin.Context) bool { return p.CanQuery() }}
	needAdmin = &need{words: "admin", allow: func(p *auth.Principal, _ *gin.Context) bool { return p.IsAdmin() }}
	needAudit = &need{words: "audit", allow: func(p *auth.Principal, _ *gin.Context) bool { return p.CanAudit() || p.IsAdmin() }}
	// needSession is met by a person only; it lets one in whose password must be changed first.
	needSession = &need{words: "登录会话 / a session", allow: func(p *auth.Principal, _ *gin.Context) bool { return p.IsPerson() }}
	needChief   = &need{words: "admin（运营方 / of the operator）", allow: func(p *auth.Principal, _ *gin.Context) bool { return p.IsOperator() }}
)

// param is a path, query or header parameter.
type param struct {
	name, in string
	zh, en   string
	required bool
	schema   schema
	example  any
}

// media is one content type of a body with its schema and example.
type media struct {
	kind    string // content type
	schema  schema
	example any
}

// answer is one success answer.
type answer struct {
	status  int
	zh, en  string
	headers []string // names in openapiHeaders
	media   []media
}

// schema is a JSON Schema (2020-12), as OpenAPI 3.1 embeds them.
type schema map[string]any

// routeGroup is a chapter of the documents.
type routeGroup struct{ name, zh, en string }

var routeGroups = []routeGroup{
	{"push", "推送与回执", "Pushing and receipts"},
	{"read", "目录与数据", "Catalogue and records"},
	{"query", "指标查询", "Metrics and queries"},
	{"token", "登录、令牌与公钥", "Log-in, tokens and keys"},
	{"admin", "管理与审计", "Administration and audit"},
	{"service", "服务状态", "The service itself"},
}

// routes is the whole table.
func (h *Hub) routes() []route {
	var table []route
	for _, part := range [][]route{
		h.pushRoutes(), h.readRoutes(), h.queryRoutes(), h.qualityRoutes(), h.tokenRoutes(), h.sessionRoutes(),
		h.agencyRoutes(), h.clientRoutes(), h.userRoutes(), h.partyRoutes(), h.contractRoutes(), h.auditRoutes(), h.heldRoutes(), h.mapRoutes(), h.serviceRoutes(), h.pageRoutes(),
	} {
		table = append(table, part...)
	}
	return table
}
