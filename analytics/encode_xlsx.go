package analytics

import (
	"archive/zip"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
)

// What a workbook has room for.
const (
	maxSheetRows  = 1_048_575 // below the heading: a sheet has 2²⁰ rows
	maxSheetBytes = 1 << 30   // of the sheet before compression, which lies on the disk meanwhile
	maxCellUnits  = 32_767    // UTF-16 units in a cell
	maxDigits     = 15        // that a spreadsheet's number keeps

	maxSheetNumber = 9.99999999999999e307
)

// xlsxEncoder writes a workbook of two sheets, the rows and what is to be known of them.
// A workbook is complete at its end only: it is put together in a folder of its own
// under tempDir and sent when it is whole, so that whatever goes wrong goes wrong before.
type xlsxEncoder struct {
	w       io.Writer
	tempDir string

	dir    string
	head   Head
	file   *excelize.File
	sheet  *excelize.StreamWriter
	styles []sheetStyle // of the columns
	text   int          // the style of texts
	fine   int          // the style of instants with milliseconds
	cells  []any
	rows   int
	bytes  int
}

// The sheets' names, the same in every language: programs look for them.
const (
	rowsSheet  = "数据"
	notesSheet = "说明"
)

// sheetStyle is how a column's cells look.
type sheetStyle struct {
	id    int
	width float64
}

func (e *xlsxEncoder) Begin(head Head) error {
	e.head = head
	var err error
	if e.dir, err = os.MkdirTemp(e.tempDir, "xlsx-"); err != nil {
		return fmt.Errorf("workbook: %w", err)
	}
	e.file = excelize.NewFile(excelize.Options{TmpDir: e.dir})
	if err = e.file.SetSheetName("Sheet1", rowsSheet); err != nil {
		return err
	}
	if _, err = e.file.NewSheet(notesSheet); err != nil {
		return err
	}
	if err = e.makeStyles(); err != nil {
		return err
	}
	if e.sheet, err = e.file.NewStreamWriter(rowsSheet); err != nil {
		return err
	}
	if err = e.sheet.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	e.cells = make([]any, len(head.Columns))
	bold, err := e.heading()
	if err != nil {
		return err
	}
	for i := range head.Columns {
		title := head.Columns[i].heading(head.Reader.English)
		if err = e.sheet.SetColWidth(i+1, i+1, max(e.styles[i].width, min(2*float64(utf8.RuneCountInString(title))+2, 40))); err != nil {
			return err
		}
		e.cells[i] = excelize.Cell{StyleID: bold, Value: title}
	}
	return e.sheet.SetRow("A1", e.cells)
}

func (e *xlsxEncoder) heading() (int, error) {
	return e.file.NewStyle(&excelize.Style{
		Font: &excelize.Font{Bold: true}, Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"DDEBF7"}},
		Alignment: &excelize.Alignment{Vertical: "center", WrapText: true},
	})
}

func (e *xlsxEncoder) makeStyles() error {
	number := func(format string) (int, error) { return e.file.NewStyle(&excelize.Style{CustomNumFmt: &format}) }
	var err error
	if e.text, err = number("@"); err != nil { // stays text when somebody edits the cell
		return err
	}
	if e.fine, err = number("yyyy-mm-dd hh:mm:ss.000"); err != nil {
		return err
	}
	for i := range e.head.Columns {
		c := &e.head.Columns[i]
		format, width := "@", 16.0
		switch c.Type {
		case typeInteger:
			format, width = "0", 12
		case typeNumber, typeBoolean:
			format, width = "General", 14
		case typeDecimal:
			format, width = "0"+strings.TrimSuffix("."+strings.Repeat("0", c.Scale), "."), 14
		case typeDate:
			format, width = "yyyy-mm-dd", 12
		case typeInstant:
			format, width = "yyyy-mm-dd hh:mm:ss", 20
		}
		id, err := number(format)
		if err != nil {
			return err
		}
		e.styles = append(e.styles, sheetStyle{id, width})
	}
	return nil
}

func (e *xlsxEncoder) Row(cells []Cell) error {
	if e.rows == maxSheetRows {
		return e.tooManyRows()
	}
	for i, cell := range cells {
		e.cells[i] = nil
		if cell.Null {
			continue
		}
		value, style, err := e.value(i, cell.Text)
		if err != nil {
			return err
		}
		e.cells[i] = excelize.Cell{StyleID: style, Value: value}
		e.bytes += len(cell.Text) + 40 // the tags around it
	}
	if e.bytes > maxSheetBytes {
		return tooLarge(fmt.Sprintf("工作表超过 %d MiB", maxSheetBytes>>20), fmt.Sprintf("the sheet is larger than %d MiB", maxSheetBytes>>20))
	}
	e.rows++
	return e.sheet.SetRow("A"+strconv.Itoa(e.rows+1), e.cells)
}

// value is a cell's value and style. What a spreadsheet would round or misread becomes text.
func (e *xlsxEncoder) value(i int, text string) (any, int, error) {
	style := e.styles[i].id
	switch e.head.Columns[i].Type {
	case typeInteger, typeDecimal:
		if significant(text) > maxDigits {
			return text, e.text, nil
		}
		f, err := strconv.ParseFloat(text, 64)
		return f, style, err
	case typeNumber:
		f, err := strconv.ParseFloat(text, 64)
		if math.Abs(f) > maxSheetNumber {
			return text, e.text, err
		}
		return f, style, err
	case typeBoolean:
		v, err := strconv.ParseBool(text)
		return v, style, err
	case typeDate:
		t, err := time.Parse(time.DateOnly, text)
		if err != nil || t.Before(firstSheetDay) {
			return text, e.text, err
		}
		return serial(t), style, nil
	case typeInstant:
		n, err := strconv.ParseInt(text, 10, 64)
		t := time.UnixMilli(n).In(shanghai)
		if err != nil || t.Before(firstSheetDay) {
			return string(appendInstant(nil, text)), e.text, err
		}
		if n%1000 != 0 {
			style = e.fine
		}
		return serial(t), style, nil
	}
	return text, e.text, e.fits(i, text)
}

// fits refuses a text that a cell has no room for; excelize would cut it.
func (e *xlsxEncoder) fits(i int, text string) error {
	if len(text) <= maxCellUnits || len(utf16.Encode([]rune(text))) <= maxCellUnits {
		return nil
	}
	name := e.head.Columns[i].Name
	return tooLarge(fmt.Sprintf("第 %d 行 %s 列的文本超过单元格的 %d 个字符", e.rows+1, name, maxCellUnits),
		fmt.Sprintf("the text of row %d, column %s, is longer than the %d characters of a cell", e.rows+1, name, maxCellUnits))
}

// significant counts the digits of a number from the first that is not 0; those behind
// the point that are 0 at the end count too, since they are part of a decimal's text.
func significant(text string) int {
	n := 0
	for i := range len(text) {
		if c := text[i]; '1' <= c && c <= '9' || c == '0' && n > 0 {
			n++
		}
	}
	return n
}

// firstSheetDay is where spreadsheets agree: for Excel 1900 was a leap year, and the days
// before its 1 March lie one apart from everyone else's.
var firstSheetDay = time.Date(1900, 3, 1, 0, 0, 0, 0, time.UTC)

// serial is the local time as spreadsheets count it: days since 30 December 1899.
func serial(t time.Time) float64 {
	_, offset := t.Zone()
	millis := t.UnixMilli() + int64(offset)*1000
	return float64(millis-sheetEpoch) / float64(24*time.Hour/time.Millisecond)
}

var sheetEpoch = time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).UnixMilli()

func (e *xlsxEncoder) tooManyRows() error {
	return tooLarge(fmt.Sprintf("超过一张工作表的 %d 行", maxSheetRows), fmt.Sprintf("there are more than the %d rows of a worksheet", maxSheetRows))
}

func tooLarge(zh, en string) error {
	return &QueryError{
		Problem: ProblemExportTooLarge, Message: zh, MessageEN: en,
		Remedy: "改用 format=csv 或 format=parquet，或缩小时间范围、增加筛选", FixEN: "take format=csv or format=parquet, a shorter time or more filters",
	}
}

// End writes the notes, puts the workbook together and sends it.
func (e *xlsxEncoder) End(tail Tail) error {
	if err := e.sheet.Flush(); err != nil {
		return fmt.Errorf("workbook: %w", err)
	}
	if err := e.writeNotes(tail); err != nil {
		return fmt.Errorf("workbook: %w", err)
	}
	book, err := os.Create(filepath.Join(e.dir, "book.xlsx"))
	if err != nil {
		return fmt.Errorf("workbook: %w", err)
	}
	defer book.Close()
	// excelize itself would put the whole book together in memory.
	e.file.SetZipWriter(func(io.Writer) excelize.ZipWriter {
		z := zip.NewWriter(book)
		z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
		return z
	})
	if err := e.file.Write(io.Discard); err != nil {
		return fmt.Errorf("workbook: %w", err)
	}
	if _, err := book.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("workbook: %w", err)
	}
	_, err = io.Copy(e.w, book)
	return err
}

// writeNotes fills the second sheet: what is known of the answer, then its columns.
func (e *xlsxEncoder) writeNotes(tail Tail) error {
	sheet, err := e.file.NewStreamWriter(notesSheet)
	if err != nil {
		return err
	}
	wrapped := "@"
	body, err := e.file.NewStyle(&excelize.Style{CustomNumFmt: &wrapped, Alignment: &excelize.Alignment{WrapText: true, Vertical: "top"}})
	if err != nil {
		return err
	}
	bold, err := e.heading()
	if err != nil {
		return err
	}
	for i, width := range []float64{28, 40, 12, 14, 80} {
		if err := sheet.SetColWidth(i+1, i+1, width); err != nil {
			return err
		}
	}
	n := 0
	row := func(style int, values ...string) error {
		n++
		cells := make([]any, len(values))
		for i, value := range values {
			cells[i] = excelize.Cell{StyleID: style, Value: cutCell(value)}
		}
		return sheet.SetRow("A"+strconv.Itoa(n), cells)
	}
	for _, note := range e.head.about(tail, time.Now()) {
		if err := row(body, note.Label, note.Value); err != nil {
			return err
		}
	}
	n++
	english := e.head.Reader.English
	titles := []string{"列", "名称", "单位", "类型", "说明"}
	if english {
		titles = []string{"Column", "Label", "Unit", "Type", "Definition"}
	}
	if err := row(bold, titles...); err != nil {
		return err
	}
	for i := range e.head.Columns {
		c := &e.head.Columns[i]
		if err := row(body, c.Name, c.Label, c.Unit, c.Type, c.Definition); err != nil {
			return err
		}
	}
	return sheet.Flush()
}

// cutCell shortens a note, such as a filter of a thousand values, to what a cell holds.
func cutCell(text string) string {
	if len(text) <= maxCellUnits {
		return text
	}
	return strings.ToValidUTF8(text[:maxCellUnits-len("…")], "") + "…"
}

// Close removes what lies on the disk.
func (e *xlsxEncoder) Close() error {
	var err error
	if e.file != nil {
		err = e.file.Close()
	}
	if e.dir != "" {
		err = errors.Join(err, os.RemoveAll(e.dir))
	}
	return err
}
