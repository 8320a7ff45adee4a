package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/zida-hub/zida/analytics"
)

// reader is the caller as analytics knows it.
func reader(c *gin.Context) analytics.Reader {
	p := callOf(c).Principal
	return analytics.Reader{Clearance: p.Clearance, CanRead: p.CanRead, English: languageOf(c.Request) == "en"}
}

func (h *Hub) listMetrics(c *gin.Context) {
	writeJSON(c, http.StatusOK, map[string]any{"metrics": h.analytics.Metrics(reader(c))})
}

func (h *Hub) postQuery(c *gin.Context) {
	text, err := io.ReadAll(c.Request.Body)
	if err != nil {
		h.fail(c, problemFor(err))
		return
	}
	var q analytics.Query
	if err = plainJSON(text); err == nil {
		q, err = analytics.ParseQuery(text)
	}
	h.answerQuery(c, q, err)
}

func (h *Hub) getQuery(c *gin.Context) {
	q, err := analytics.ParseQueryParameters(c.Request.URL.Query())
	h.answerQuery(c, q, err)
}

func (h *Hub) answerQuery(c *gin.Context, q analytics.Query, err error) {
	if err == nil {
		err = h.write(c, false, "query", func(out analytics.Encoder) (analytics.Tail, error) {
			return h.analytics.WriteQuery(c.Request.Context(), q, reader(c), h.position(), out)
		})
	}
	if err != nil {
		h.failQuery(c, err)
	}
}

func (h *Hub) readRecords(c *gin.Context) {
	id := c.Param("id")
	if h.catalog.get(id) == nil {
		h.fail(c, unknownDataset(id))
		return
	}
	q, err := analytics.ParseRecordsParameters(id, c.Request.URL.Query())
	if err == nil {
		err = h.write(c, true, id, func(out analytics.Encoder) (analytics.Tail, error) {
			return h.analytics.WriteRecords(c.Request.Context(), q, reader(c), h.position(), out)
		})
	}
	if err != nil {
		h.failQuery(c, err)
	}
}

// nextCursor is the trailer that carries the cursor of formats with no room for it.
const nextCursor = "X-Next-Cursor"

// write streams an answer in the format asked for. Its headers stand before the
// first row, so an error that comes earlier still becomes a problem, and one that
// comes later cuts the answer.
func (h *Hub) write(c *gin.Context, records bool, name string, answer func(analytics.Encoder) (analytics.Tail, error)) error {
	format, err := formatOf(c)
	if err != nil {
		return err
	}
	header := c.Writer.Header()
	header.Set("Content-Type", format.ContentType())
	header.Set("Cache-Control", "no-store")
	header.Set("Vary", "Accept, Accept-Language")
	apart := records && format != analytics.FormatJSON
	if apart {
		header.Set("Trailer", nextCursor)
	}
	if format == analytics.FormatCSV {
		header.Set("Content-Disposition", `attachment; filename="`+name+`.csv"`)
	}
	tail, err := answer(analytics.NewEncoder(c.Writer, format, records))
	if err != nil {
		header.Del("Trailer")
		return err
	}
	if apart {
		header.Set(nextCursor, tail.NextCursor)
	}
	return nil
}

// formatOf is ?format=, else what Accept likes best.
func formatOf(c *gin.Context) (analytics.Format, error) {
	if name := c.Query("format"); name != "" {
		format, ok := analytics.ParseFormat(name)
		if !ok {
			return "", refuse("not-acceptable", "format 可用 json、ndjson、csv", "format is json, ndjson or csv")
		}
		return format, nil
	}
	switch accepts(c.Request, "application/json", "application/x-ndjson", "application/ndjson", "text/csv") {
	case "application/json":
		return analytics.FormatJSON, nil
	case "application/x-ndjson", "application/ndjson":
		return analytics.FormatNDJSON, nil
	case "text/csv":
		return analytics.FormatCSV, nil
	}
	return "", refuse("not-acceptable", "", "")
}

// failQuery answers what went wrong with a question to the tables.
func (h *Hub) failQuery(c *gin.Context, err error) { h.fail(c, h.queryProblem(c, err)) }

// queryProblem turns the refusals of analytics into problems. What else goes
// wrong is the store's: away for a while, or a fault of ours.
func (h *Hub) queryProblem(c *gin.Context, err error) error {
	var refused *analytics.QueryError
	var forbidden *analytics.ForbiddenError
	var known *problemError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &refused):
		p := refuse(refused.Problem, refused.Message, refused.MessageEN)
		p.DoZH, p.DoEN = refused.Remedy, refused.FixEN
		if refused.Pointer != "" {
			p.Fields = []fieldFault{{Field: refused.Pointer, Code: refused.Problem, ZH: p.ZH, EN: p.EN}}
		}
		return p.retryIn(time.Duration(refused.RetryAfterSeconds) * time.Second).because(err)
	case errors.As(err, &forbidden):
		return refuse(forbidden.Problem(), forbiddenZH(forbidden), forbidden.Error())
	case c.Request.Context().Err() != nil:
		return problemFor(context.Cause(c.Request.Context()))
	case h.store.Ready(c.Request.Context()) != nil:
		return refuse("engine-unavailable", "", "").retryIn(2 * time.Second).because(err)
	}
	return err
}

func forbiddenZH(e *analytics.ForbiddenError) string {
	if e.Field == "" {
		return fmt.Sprintf("令牌没有所需权限：read:%s", e.Dataset)
	}
	return fmt.Sprintf("数据集 %s 的字段 %s 高于本客户端的密级，不能用于筛选、分组或排序", e.Dataset, e.Field)
}
