package hub

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/zida-hub/zida/connectors"
	"github.com/zida-hub/zida/schemas"
)

// Bounds of a workbook that is pushed, bytes. Larger ones are for zida push, which
// reads them on the sender's machine.
const (
	workbookMax     = 20 << 20  // as sent, after Content-Encoding
	workbookUnzips  = 128 << 20 // all parts
	workbookMarked  = 8 << 20   // the sheet's XML, when it is to come back with marks
	workbookErrors  = 20_000    // that are kept, to be marked
	workbooksAtOnce = 2
)

// sentBook is a workbook under way.
type sentBook struct {
	*connectors.Converted
	sum  [32]byte
	size uint64
}

// pushWorkbook answers POST /v1/datasets/{id}/workbooks.
func (h *Hub) pushWorkbook(c *gin.Context) {
	p := push{format: schemas.FormatNDJSON, book: &sentBook{}}
	if err := h.readPush(c, &p); err != nil {
		h.fail(c, err)
		return
	}
	if kind, _, _ := mime.ParseMediaType(c.Request.Header.Get("Content-Type")); kind != connectors.MediaXLSX {
		h.problem(c, "unsupported-media-type", "此处只接收 Excel 工作簿，Content-Type 须为 "+connectors.MediaXLSX, "This call takes Excel workbooks; Content-Type is "+connectors.MediaXLSX)
		return
	}
	path, err := h.keepWorkbook(c, p.book)
	if err != nil {
		h.fail(c, err)
		return
	}
	defer os.Remove(path) //nolint:errcheck // a temporary file
	ctx := c.Request.Context()
	select {
	case h.books <- struct{}{}:
		defer func() { <-h.books }()
	case <-ctx.Done():
		return
	case <-time.After(h.conf.ReadProgress):
		h.fail(c, refuse("overloaded", "同时报送的工作簿过多，请稍后重试", "Too many workbooks are under way; try again in a moment").retryIn(10*time.Second))
		return
	}
	p.book.Converted, err = connectors.Convert(ctx, path, connectors.FileOptions{
		Contract: p.ds.contract, Sheet: c.Query("sheet"), Format: "xlsx", MaxWorkbook: workbookUnzips, MaxMend: workbookMarked, Collect: true,
	})
	if err != nil {
		if ctx.Err() == nil {
			h.fail(c, workbookProblem(err))
		}
		return
	}
	defer p.book.Close() //nolint:errcheck // a temporary file
	records, err := p.book.Open()
	if err != nil {
		h.fail(c, err)
		return
	}
	defer records.Close()
	if p.book.Bytes > smallBody {
		h.pushLarge(c, &p, records)
		return
	}
	body, err := io.ReadAll(records)
	if err != nil {
		h.fail(c, err)
		return
	}
	h.pushSmall(c, &p, body)
}

// keepWorkbook writes the body to a temporary file: a zip is read from its end.
func (h *Hub) keepWorkbook(c *gin.Context, book *sentBook) (path string, err error) {
	body, err := h.openBody(c)
	if err != nil {
		return "", err
	}
	defer body.Close()
	f, err := os.CreateTemp("", "zida-workbook-*.xlsx")
	if err != nil {
		return "", fmt.Errorf("a workbook cannot be kept: %w", err)
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, sum), io.LimitReader(body, workbookMax+1))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	switch {
	case err == nil && n > workbookMax:
		err = tooLarge(workbookMax)
	case err == nil && n == 0:
		err = refuse("body-empty", "", "")
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return "", err
	}
	book.size = uint64(n)
	sum.Sum(book.sum[:0])
	return f.Name(), nil
}

// workbookProblem names what keeps a workbook from being read, where it stands.
func workbookProblem(err error) error {
	var fe *connectors.FileError
	if !errors.As(err, &fe) {
		return err
	}
	zh, doZH := fe.In("zh")
	en, doEN := fe.In("en")
	e := schemas.NewRowError(0, "", schemas.CodeCell, "", zh+"；"+doZH, en+"; "+doEN)
	e.Sheet, e.Line, e.Cell = fe.Sheet, fe.Line, fe.Cell
	p := refuse("workbook-unreadable", zh, en).rows([]schemas.RowError{e}).because(err)
	p.DoZH, p.DoEN = doZH, doEN
	return p
}

// digest is the submission's: that of the workbook as sent, or of the decoded body.
func (p *push) digest(body []byte) (sum [32]byte, size uint64) {
	if p.book != nil {
		return p.book.sum, p.book.size
	}
	return sha256.Sum256(body), uint64(len(body))
}

// mostErrors is how many errors a push keeps.
func (h *Hub) mostErrors(p *push) int {
	if p.book != nil {
		return max(workbookErrors, int(h.conf.MaxErrors))
	}
	return int(h.conf.MaxErrors)
}

// placed gives errors their places in the workbook, if there is one.
func (p *push) placed(errs []schemas.RowError) []schemas.RowError {
	if p.book == nil {
		return errs
	}
	return p.book.PlaceRecords(errs)
}

// faulty says that the workbook has cells that cannot be read for sure.
func (p *push) faulty() bool { return p.book != nil && len(p.book.Faults) > 0 }

// failPush refuses a push; what is wrong with a workbook's records goes back in the
// workbook to a caller that asks for one.
func (h *Hub) failPush(c *gin.Context, p *push, k *checked, err error) {
	var problem *problemError
	if p.book == nil || !errors.As(err, &problem) || problem.Name != "validation-failed" {
		h.fail(c, err)
		return
	}
	errs := p.placed(k.errors)
	if h.answerMarked(c, p, k, errs, http.StatusUnprocessableEntity) {
		return
	}
	count := max(k.errorCount, len(errs))
	h.fail(c, invalidRecords(errs[:min(len(errs), int(h.conf.MaxErrors))], count))
}

// answerMarked sends the workbook back with what is wrong marked in it, where the
// caller accepts one and it can be made.
func (h *Hub) answerMarked(c *gin.Context, p *push, k *checked, errs []schemas.RowError, status int) bool {
	if accepts(c.Request, "application/json", connectors.MediaXLSX) != connectors.MediaXLSX {
		return false
	}
	// A sheet that is marked is held in memory, some twenty times its XML: one at a time.
	select {
	case h.marking <- struct{}{}:
		defer func() { <-h.marking }()
	case <-c.Request.Context().Done():
		return true // nobody is left to be answered
	}
	marked, err := markedBook(c.Request.Context(), p.book, errs, languageOf(c.Request))
	if err != nil {
		h.slog.Warn("a workbook could not be marked", "request_id", callOf(c).ID, "cause", err)
		return false
	}
	header := c.Writer.Header()
	header.Set("Content-Type", connectors.MediaXLSX)
	header.Set("Content-Disposition", "attachment; filename*=UTF-8''"+url.PathEscape(p.ds.contract.ID+"-改正.xlsx"))
	header.Set("Cache-Control", "no-store")
	header.Set("Vary", "Accept, Accept-Language")
	header.Set("Zida-Received", strconv.Itoa(k.records))
	header.Set("Zida-Rejected", strconv.Itoa(wrongRows(k, errs)))
	header.Set("Zida-Error-Count", strconv.Itoa(max(k.errorCount, len(errs))))
	c.Writer.WriteHeader(status)
	_, _ = c.Writer.Write(marked)
	return true
}

func markedBook(ctx context.Context, book *sentBook, errs []schemas.RowError, lang string) ([]byte, error) {
	places := make([]connectors.RowError, len(errs))
	for i := range errs {
		e := errs[i].In(lang)
		places[i] = connectors.RowError{Row: e.Row, Field: e.Field, Code: e.Code, Message: e.Message, Value: e.Value, Sheet: e.Sheet, Line: e.Line, Cell: e.Cell, Column: e.Column}
	}
	var out bytes.Buffer
	err := book.Mended(ctx, places, false, &out)
	return out.Bytes(), err
}

// wrongRows counts the records that cannot be taken: those the checks rejected, and
// those with a cell that cannot be read.
func wrongRows(k *checked, errs []schemas.RowError) int {
	rows := map[int]bool{}
	for i := range errs {
		rows[errs[i].Row] = true
	}
	return max(k.rejected, len(rows))
}
