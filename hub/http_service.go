package hub

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// Part is one part of the hub in /readyz.
type Part struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Detail says what is wrong or slow, for the operator's eyes and fit for a
	// stranger's: no addresses, no versions, no error texts of libraries.
	Detail string `json:"detail,omitempty"`
	// Degraded parts work, but someone must look: a held submission, a full disk ahead.
	Degraded bool `json:"degraded,omitempty"`
}

func (h *Hub) healthz(c *gin.Context) {
	writeJSON(c, http.StatusOK, map[string]string{"status": "ok"})
}

// readyz answers 200 when every part can do its work, else 503 with a Retry-After.
func (h *Hub) readyz(c *gin.Context) {
	status, word := http.StatusOK, "ready"
	parts := h.readiness()
	for _, p := range parts {
		if p.Degraded && word == "ready" {
			word = "degraded"
		}
		if !p.OK {
			status, word = http.StatusServiceUnavailable, "not ready"
		}
	}
	select {
	case <-h.stopping:
		status, word = http.StatusServiceUnavailable, "stopping"
	default:
	}
	if status != http.StatusOK {
		c.Header("Retry-After", "2")
	}
	writeJSON(c, status, map[string]any{"status": word, "parts": parts})
}

// scrape is /metrics on the main address; it is not there when metrics have an
// address of their own.
func (h *Hub) scrape(c *gin.Context) {
	if h.conf.MetricsListen != "" {
		h.problem(c, "not-found", "", "")
		return
	}
	h.metrics.handler.ServeHTTP(c.Writer, c.Request)
}

func (h *Hub) giveToken(c *gin.Context) { h.auth.ServeToken(c.Writer, c.Request, c.ClientIP()) }
func (h *Hub) revokeToken(c *gin.Context) {
	h.auth.ServeRevoke(c.Writer, c.Request, c.ClientIP(), callOf(c).ID)
}

// public answers with a document anybody may read and cache for a short while;
// a key is published longer than that before it signs.
func public(kind string, document func() []byte) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Header("Content-Type", kind)
		c.Header("Cache-Control", "public, max-age=60")
		c.Writer.WriteHeader(http.StatusOK)
		_, _ = c.Writer.Write(document())
	}
}
