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
	"slices"
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
	maxSheetBytes = 1 << 30   // of all sheets before compression, which lie on the disk meanwhile
	maxCellUnits  = 32_767    // UTF-16 units in a cell
	maxDigits     = 15        // that a spreadsheet's number keeps

	maxSheetNumber = 9.99999999999999e307
)

// Workbook is an .xlsx of several answers, a sheet each, and of a last sheet that says what
// is to be known of them. It is complete at its end only: it is put together in a folder
// of its own under the one given and sent when it is whole, so that whatever goes wrong
// goes wrong before.
type Workbook struct {
	w     io.Writer
	dir   string
	file  *excelize.File
	bold  int // the style of headings
	text  int // of texts
	fine  int // of instants with milliseconds
	names []string
	notes []sheetNotes
	bytes int
}

// sheetNotes is what the last sheet says of another.
type sheetNotes struct {
	sheet   string
	about   []Note
	columns []Column
	english bool
}

// NewWorkbook begins one that Send will write to w.
func NewWorkbook(w io.Writer, tempDir string) (*Workbook, error) {
	b := &Workbook{w: w, names: []string{notesSheet, "History"}} // the second is Excel's own
	var err error
	if b.dir, err = os.MkdirTemp(tempDir, "xlsx-"); err != nil {
		return nil, fmt.Errorf("workbook: %w", err)
	}
	b.file = excelize.NewFile(excelize.Options{TmpDir: b.dir})
	if err := b.makeStyles(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

func (b *Workbook) makeStyles() error {
	var err error
	if b.bold, err = b.file.NewStyle(&excelize.Style{
		Font: &excelize.Font{Bold: true}, Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"DDEBF7"}},
		Alignment: &excelize.Alignment{Vertical: "center", WrapText: true},
	}); err != nil {
		return err
	}
	if b.text, err = b.number("@"); err != nil { // stays text when somebody edits the cell
		return err
	}
	b.fine, err = b.number("yyyy-mm-dd hh:mm:ss.000")
	return err
}

func (b *Workbook) number(format string) (int, error) {
	return b.file.NewStyle(&excelize.Style{CustomNumFmt: &format})
}

// Sheet is where the next answer goes. The sheet is there once its rows begin, so that
// a question that is refused before leaves none behind.
func (b *Workbook) Sheet(title string) *SheetEncoder { return &SheetEncoder{book: b, title: title} }

// Refused adds a sheet that says why there is no answer.
func (b *Workbook) Refused(title string, reader Reader, reasons ...string) error {
	name, sheet, err := b.add(title)
	if err != nil {
		return err
	}
	if err := sheet.SetColWidth(1, 1, 100); err != nil {
		return err
	}
	for i, reason := range reasons {
		if err := sheet.SetRow("A"+strconv.Itoa(i+1), []any{excelize.Cell{StyleID: b.text, Value: cutCell(reason)}}); err != nil {
			return err
		}
	}
	var h Head
	h.Reader = reader
	h.note("未给出", "Not given", strings.Join(reasons, "\n"))
	h.note("导出者", "Exported by", reader.Name)
	h.note("导出时间", "Exported at", instantText(time.Now()))
	b.notes = append(b.notes, sheetNotes{sheet: name, about: h.Notes, english: reader.English})
	return sheet.Flush()
}

// add makes a sheet under the title, or as much of it as a sheet's name may hold.
func (b *Workbook) add(title string) (string, *excelize.StreamWriter, error) {
	name := sheetName(title, b.names)
	var err error
	if b.file.SheetCount == 1 && len(b.notes) == 0 {
		err = b.file.SetSheetName("Sheet1", name)
	} else {
		_, err = b.file.NewSheet(name)
	}
	if err != nil {
		return "", nil, fmt.Errorf("workbook: %w", err)
	}
	b.names = append(b.names, name)
	sheet, err := b.file.NewStreamWriter(name)
	if err != nil {
		return "", nil, fmt.Errorf("workbook: %w", err)
	}
	return name, sheet, nil
}

// maxSheetName is the most UTF-16 units of a sheet's name.
const maxSheetName = 31

// sheetName makes a title a name that Excel takes and that no other sheet has, in
// whatever case.
func sheetName(title string, taken []string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune(`:\/?*[]`, r):
			return '_'
		case r < ' ' || r == 0x7f:
			return ' '
		}
		return r
	}, strings.ToValidUTF8(title, "_"))
	name = strings.Trim(name, "' ")
	if name == "" {
		name = rowsSheet
	}
	for n := 1; ; n++ {
		suffix := ""
		if n > 1 {
			suffix = " (" + strconv.Itoa(n) + ")"
		}
		whole := cutUnits(name, maxSheetName-len(suffix)) + suffix
		if !slices.ContainsFunc(taken, func(other string) bool { return strings.EqualFold(other, whole) }) {
			return whole
		}
	}
}

// cutUnits is the beginning of a text that has room in so many UTF-16 units.
func cutUnits(text string, most int) string {
	for i, r := range text {
		if most -= utf16.RuneLen(r); most < 0 {
			return strings.TrimRight(text[:i], "' ")
		}
	}
	return text
}

// xlsxEncoder writes a workbook of one answer.
type xlsxEncoder struct {
	w       io.Writer
	tempDir string
	book    *Workbook
	*SheetEncoder
}

func (e *xlsxEncoder) Begin(head Head) error {
	var err error
	if e.book, err = NewWorkbook(e.w, e.tempDir); err != nil {
		return err
	}
	e.SheetEncoder = e.book.Sheet(rowsSheet)
	return e.SheetEncoder.Begin(head)
}

func (e *xlsxEncoder) End(tail Tail) error {
	if err := e.SheetEncoder.End(tail); err != nil {
		return err
	}
	return e.book.Send()
}

// Close removes what lies on the disk.
func (e *xlsxEncoder) Close() error {
	if e.book == nil {
		return nil
	}
	return e.book.Close()
}

// SheetEncoder writes an answer's rows on a sheet, and notes what is to be said of them.
type SheetEncoder struct {
	book   *Workbook
	title  string
	name   string // of the sheet, once there is one
	head   Head
	sheet  *excelize.StreamWriter
	styles []sheetStyle // of the columns
	cells  []any
	rows   int
}

// Begun reports whether the sheet is there.
func (e *SheetEncoder) Begun() bool { return e.name != "" }

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

// Begin makes the sheet with its heading.
func (e *SheetEncoder) Begin(head Head) error {
	e.head = head
	var err error
	if e.name, e.sheet, err = e.book.add(e.title); err != nil {
		return err
	}
	if err := e.makeStyles(); err != nil {
		return err
	}
	if err := e.sheet.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	e.cells = make([]any, len(head.Columns))
	for i := range head.Columns {
		title := head.Columns[i].heading(head.Reader.English)
		if err := e.sheet.SetColWidth(i+1, i+1, max(e.styles[i].width, min(2*float64(utf8.RuneCountInString(title))+2, 40))); err != nil {
			return err
		}
		e.cells[i] = excelize.Cell{StyleID: e.book.bold, Value: title}
	}
	return e.sheet.SetRow("A1", e.cells)
}

func (e *SheetEncoder) makeStyles() error {
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
		id, err := e.book.number(format)
		if err != nil {
			return err
		}
		e.styles = append(e.styles, sheetStyle{id, width})
	}
	return nil
}

// Row writes the cells.
func (e *SheetEncoder) Row(cells []Cell) error {
	if e.rows == maxSheetRows {
		return tooManyRows()
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
		e.book.bytes += len(cell.Text) + 40 // the tags around it
	}
	if e.book.bytes > maxSheetBytes {
		return tooLarge(fmt.Sprintf("工作簿超过 %d MiB", maxSheetBytes>>20), fmt.Sprintf("the workbook is larger than %d MiB", maxSheetBytes>>20))
	}
	e.rows++
	return e.sheet.SetRow("A"+strconv.Itoa(e.rows+1), e.cells)
}

// value is a cell's value and style. What a spreadsheet would round or misread becomes text.
func (e *SheetEncoder) value(i int, text string) (any, int, error) {
	style := e.styles[i].id
	switch e.head.Columns[i].Type {
	case typeInteger, typeDecimal:
		if significant(text) > maxDigits {
			return text, e.book.text, nil
		}
		f, err := strconv.ParseFloat(text, 64)
		return f, style, err
	case typeNumber:
		f, err := strconv.ParseFloat(text, 64)
		if math.Abs(f) > maxSheetNumber {
			return text, e.book.text, err
		}
		return f, style, err
	case typeBoolean:
		v, err := strconv.ParseBool(text)
		return v, style, err
	case typeDate:
		t, err := time.Parse(time.DateOnly, text)
		if err != nil || t.Before(firstSheetDay) {
			return text, e.book.text, err
		}
		return serial(t), style, nil
	case typeInstant:
		n, err := strconv.ParseInt(text, 10, 64)
		t := time.UnixMilli(n).In(shanghai)
		if err != nil || t.Before(firstSheetDay) {
			return string(appendInstant(nil, text)), e.book.text, err
		}
		if n%1000 != 0 {
			style = e.book.fine
		}
		return serial(t), style, nil
	}
	return text, e.book.text, e.fits(i, text)
}

// fits refuses a text that a cell has no room for; excelize would cut it.
func (e *SheetEncoder) fits(i int, text string) error {
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

func tooManyRows() error {
	return tooLarge(fmt.Sprintf("超过一张工作表的 %d 行", maxSheetRows), fmt.Sprintf("there are more than the %d rows of a worksheet", maxSheetRows))
}

func tooLarge(zh, en string) error {
	return &QueryError{
		Problem: ProblemExportTooLarge, Message: zh, MessageEN: en,
		Remedy: "改用 format=csv 或 format=parquet，或缩小时间范围、增加筛选", FixEN: "take format=csv or format=parquet, a shorter time or more filters",
	}
}

// End puts the sheet away.
func (e *SheetEncoder) End(tail Tail) error {
	if err := e.sheet.Flush(); err != nil {
		return fmt.Errorf("workbook: %w", err)
	}
	e.book.notes = append(e.book.notes, sheetNotes{e.name, e.head.about(tail, time.Now()), e.head.Columns, e.head.Reader.English})
	return nil
}

// Close has nothing to give back; the workbook has.
func (e *SheetEncoder) Close() error { return nil }

// Send writes the notes, puts the workbook together and sends it.
func (b *Workbook) Send() error {
	if err := b.writeNotes(); err != nil {
		return fmt.Errorf("workbook: %w", err)
	}
	book, err := os.Create(filepath.Join(b.dir, "book.xlsx"))
	if err != nil {
		return fmt.Errorf("workbook: %w", err)
	}
	defer book.Close()
	// excelize itself would put the whole book together in memory.
	b.file.SetZipWriter(func(io.Writer) excelize.ZipWriter {
		z := zip.NewWriter(book)
		z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
		return z
	})
	if err := b.file.Write(io.Discard); err != nil {
		return fmt.Errorf("workbook: %w", err)
	}
	if _, err := book.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("workbook: %w", err)
	}
	_, err = io.Copy(b.w, book)
	return err
}

// writeNotes fills the last sheet: what is known of each answer, then its columns.
func (b *Workbook) writeNotes() error {
	if _, err := b.file.NewSheet(notesSheet); err != nil {
		return err
	}
	sheet, err := b.file.NewStreamWriter(notesSheet)
	if err != nil {
		return err
	}
	wrapped := "@"
	body, err := b.file.NewStyle(&excelize.Style{CustomNumFmt: &wrapped, Alignment: &excelize.Alignment{WrapText: true, Vertical: "top"}})
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
	for i := range b.notes {
		if err := b.notes[i].write(row, b.bold, body, len(b.notes) > 1); err != nil {
			return err
		}
		n++
	}
	return sheet.Flush()
}

// write writes the notes row by row, under the sheet's name where there are several.
func (s *sheetNotes) write(row func(style int, values ...string) error, bold, body int, several bool) error {
	reader := Reader{English: s.english}
	if several {
		if err := row(bold, reader.either("工作表", "Sheet"), s.sheet); err != nil {
			return err
		}
	}
	for _, note := range s.about {
		if err := row(body, note.Label, note.Value); err != nil {
			return err
		}
	}
	if len(s.columns) == 0 {
		return nil
	}
	if err := row(body); err != nil {
		return err
	}
	titles := []string{"列", "名称", "单位", "类型", "说明"}
	if s.english {
		titles = []string{"Column", "Label", "Unit", "Type", "Definition"}
	}
	if err := row(bold, titles...); err != nil {
		return err
	}
	for i := range s.columns {
		c := &s.columns[i]
		if err := row(body, c.Name, c.Label, c.Unit, c.Type, c.Definition); err != nil {
			return err
		}
	}
	return nil
}

// cutCell shortens a note, such as a filter of a thousand values, to what a cell holds.
func cutCell(text string) string {
	if len(text) <= maxCellUnits {
		return text
	}
	return strings.ToValidUTF8(text[:maxCellUnits-len("…")], "") + "…"
}

// Close removes what lies on the disk.
func (b *Workbook) Close() error {
	return errors.Join(b.file.Close(), os.RemoveAll(b.dir))
}
