package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/zida-hub/zida/analytics"
)

// reader is the caller as analytics knows it.
func reader(c *gin.Context) analytics.Reader {
	p := callOf(c).Principal
	return analytics.Reader{Clearance: p.Clearance, CanRead: p.CanRead, English: languageOf(c.Request) == "en", Name: p.Agency + "/" + p.ClientID}
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
		err = h.write(c, false, fileName(q.Metrics), "", func(out analytics.Encoder, format analytics.Format) (analytics.Tail, error) {
			if format.File() && q.Limit == 0 {
				q.Limit = analytics.MaxLimit
			}
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
		err = h.write(c, true, id, h.catalog.get(id).contract.Name, func(out analytics.Encoder, format analytics.Format) (analytics.Tail, error) {
			q.All = q.All || format.File() && q.Limit == 0 && q.Cursor == ""
			return h.analytics.WriteRecords(c.Request.Context(), q, reader(c), h.position(), out)
		})
	}
	if err != nil {
		h.failQuery(c, err)
	}
}

// The trailers of formats with no room for what an answer ends with: the next page's
// cursor, and that the limit left rows of a query out.
const (
	nextCursor = "X-Next-Cursor"
	truncated  = "X-Truncated"
)

// write streams an answer in the format asked for. Its headers stand before the
// first row, so an error that comes earlier still becomes a problem, and one that
// comes later cuts the answer.
func (h *Hub) write(c *gin.Context, records bool, name, title string, answer func(analytics.Encoder, analytics.Format) (analytics.Tail, error)) error {
	encoding, err := h.encodingOf(c, records)
	if err != nil {
		return err
	}
	format := encoding.Format
	header := c.Writer.Header()
	header.Set("Content-Type", format.ContentType())
	header.Set("Cache-Control", "no-store")
	header.Set("Vary", "Accept, Accept-Language")
	apart := format != analytics.FormatJSON
	trailer := truncated
	if records {
		trailer = nextCursor
	}
	if apart {
		header.Set("Trailer", trailer)
	}
	if format.File() {
		header.Set("Content-Disposition", disposition(name, title, string(format), time.Now()))
	}
	if c.Request.Method == http.MethodHead {
		return nil // a whole export for the sake of its headers
	}
	out := analytics.NewEncoder(c.Writer, encoding)
	defer func() {
		if err := out.Close(); err != nil {
			h.slog.Warn("export", "error", err)
		}
	}()
	tail, err := answer(out, format)
	if err != nil {
		header.Del("Trailer")
		return err
	}
	switch {
	case apart && records:
		header.Set(nextCursor, tail.NextCursor)
	case apart:
		header.Set(truncated, strconv.FormatBool(tail.Truncated))
	}
	return nil
}

// encodingOf reads how the answer is to be written.
func (h *Hub) encodingOf(c *gin.Context, records bool) (analytics.Encoding, error) {
	format, err := formatOf(c)
	if err != nil {
		return analytics.Encoding{}, err
	}
	e := analytics.Encoding{Format: format, Records: records, TempDir: h.exportsDir()}
	if text := c.Query("bom"); text != "" {
		mark, err := strconv.ParseBool(text)
		if err != nil {
			return e, badParam("bom", "boolean", text, "bom 须为 true 或 false", "bom is true or false")
		}
		e.Unmarked = !mark
	}
	if text := c.Query("notes"); text != "" {
		if e.Notes, err = strconv.ParseBool(text); err != nil {
			return e, badParam("notes", "boolean", text, "notes 须为 true 或 false", "notes is true or false")
		}
	}
	switch text := c.Query("headings"); text {
	case "", "name":
	case "label":
		e.Labels = true
	default:
		return e, badParam("headings", "enum", text, "headings 须为 name（字段名）或 label（名称与单位）", "headings is name or label (label and unit)")
	}
	if format == analytics.FormatXLSX && h.disk.low.Load() {
		return e, refuse("disk-low", "磁盘空间不足，暂不能生成 Excel 工作簿；可改用 format=csv 或 format=parquet", "There is no disk space to put a workbook together; take format=csv or format=parquet").retryIn(30 * time.Second)
	}
	return e, nil
}

// exportsDir is where workbooks are put together. What a killed hub left there goes
// when the next one starts.
func (h *Hub) exportsDir() string { return filepath.Join(h.conf.Data, "exports") }

func (h *Hub) openExports() error {
	if err := os.RemoveAll(h.exportsDir()); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	if err := os.MkdirAll(h.exportsDir(), 0o700); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	return nil
}

// fileName is a query's metrics as a file is called; they are not checked yet.
func fileName(metrics []string) string {
	name := strings.Map(func(r rune) rune {
		if r == '_' || r == '+' || 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, strings.Join(metrics, "+"))
	return name[:min(len(name), 100)]
}

// disposition names the file that an answer is kept as, with its day, and where there
// is one by its Chinese title too (RFC 6266, RFC 8187).
func disposition(name, title, extension string, now time.Time) string {
	day := now.In(time.FixedZone("", 8*3600)).Format("-2006-01-02.") + extension
	out := `attachment; filename="` + name + day + `"`
	if title != "" {
		out += "; filename*=UTF-8''" + url.PathEscape(title+day)
	}
	return out
}

// formatOf is ?format=, else what Accept likes best.
func formatOf(c *gin.Context) (analytics.Format, error) {
	if name := c.Query("format"); name != "" {
		format, ok := analytics.ParseFormat(name)
		if !ok {
			return "", refuse("not-acceptable", "format 可用 json、ndjson、csv、xlsx、parquet", "format is json, ndjson, csv, xlsx or parquet")
		}
		return format, nil
	}
	format, ok := offered[accepts(c.Request, offers...)]
	if !ok {
		return "", refuse("not-acceptable", "", "")
	}
	return format, nil
}

// What Accept may ask for, in the hub's own order.
var (
	offers = []string{
		"application/json", "application/x-ndjson", "application/ndjson", "text/csv",
		analytics.FormatXLSX.ContentType(), analytics.FormatParquet.ContentType(),
	}
	offered = map[string]analytics.Format{
		offers[0]: analytics.FormatJSON, offers[1]: analytics.FormatNDJSON, offers[2]: analytics.FormatNDJSON, offers[3]: analytics.FormatCSV,
		offers[4]: analytics.FormatXLSX, offers[5]: analytics.FormatParquet,
	}
)

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
