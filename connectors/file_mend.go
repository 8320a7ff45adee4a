package connectors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"
)

const (
	// fillWrong marks a cell to be mended. It is no shade that Excel offers, so that
	// what an earlier run marked is told from the sender's own fills.
	fillWrong = "FFB5A8"
	// acceptedMark stands in place of a reason beside a record that was taken.
	acceptedMark = "已接收"
	// maxMend bounds the sheet that is held in memory to be marked, bytes of XML.
	maxMend = 64 << 20
)

// Mended writes the sender's own workbook with what is wrong marked in it: the cells
// filled, and a last column 错误原因 with what to do. All else stays as it was; marks
// of an earlier run go where they are no longer due. A text file comes as a workbook
// with the same columns. errs are those that Place has placed, and FaultsIn; with
// accepted the other records are marked as taken.
func (c *Converted) Mended(ctx context.Context, errs []RowError, accepted bool, w io.Writer) error {
	marks := c.marks(errs)
	switch c.Format {
	case formatXLSX:
		return c.mendWorkbook(ctx, marks, accepted, w)
	case formatCSV:
		return c.mendText(ctx, marks, accepted, w)
	}
	return &OptionError{"--fix-it is for xlsx and csv files; " + c.File + " is " + c.Format}
}

// mark is what is wrong with one line.
type mark struct {
	columns []int
	reasons []string
}

func (c *Converted) marks(errs []RowError) map[int]*mark {
	marks := map[int]*mark{}
	for i := range errs {
		e := &errs[i]
		if e.Line <= c.HeadLine {
			continue
		}
		m := marks[e.Line]
		if m == nil {
			m = &mark{}
			marks[e.Line] = m
		}
		column, ok := c.columns[e.Field]
		if at, _, good := parseCell(e.Cell); good {
			column, ok = at, true
		}
		if ok && !slices.Contains(m.columns, column) {
			m.columns = append(m.columns, column)
		}
		name := e.Column
		if name == "" {
			name = e.Field
		}
		reason := e.Message
		if name != "" {
			reason = name + "：" + reason
		}
		if !slices.Contains(m.reasons, reason) {
			m.reasons = append(m.reasons, reason)
		}
	}
	return marks
}

// reason is the text beside a line; "" for none.
func (c *Converted) reason(m *mark, line int, accepted bool) string {
	if m != nil {
		return cut(strings.Join(m.reasons, "\n"), 32_000) // a cell holds 32,767
	}
	if row := c.lines.row(line); accepted && row > 0 && row <= c.Records {
		return acceptedMark
	}
	return ""
}

// reasonColumn is where the reasons go: over those of an earlier run, else behind
// all that the sheet holds.
func (c *Converted) reasonColumn() int {
	for i, h := range c.Headings {
		if strings.TrimSpace(h) == headingReason {
			return i
		}
	}
	return max(len(c.Headings), c.width)
}

func reasonStyles(book *excelize.File) (heading, cell int, err error) {
	wrap := &excelize.Alignment{WrapText: true, Vertical: "top"}
	if heading, err = book.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true, Color: "C00000"}, Alignment: wrap}); err != nil {
		return 0, 0, err
	}
	cell, err = book.NewStyle(&excelize.Style{Font: &excelize.Font{Color: "C00000"}, Alignment: wrap, Protection: &excelize.Protection{}})
	return heading, cell, err
}

// reasonWidth is the width of the column 错误原因, in characters.
const reasonWidth = 60

func (c *Converted) mendWorkbook(ctx context.Context, marks map[int]*mark, accepted bool, w io.Writer) error {
	s, err := inspect(c.File, c.opt.Format)
	if err != nil {
		return err
	}
	path, done, err := s.onDisk(c.opt.TempDir)
	if err != nil {
		return err
	}
	defer done()
	if err := c.mendable(path); err != nil {
		return err
	}
	limit := c.opt.MaxWorkbook
	if limit == 0 {
		limit = maxWorkbook
	}
	book, err := excelize.OpenFile(path, excelize.Options{UnzipSizeLimit: limit, UnzipXMLSizeLimit: workbookInMemory, TmpDir: c.opt.TempDir})
	if err != nil {
		return damagedWorkbook(c.File, err)
	}
	defer book.Close()
	book.Path = "" // its name need not say what it is
	p := &paint{book: book, sheet: c.Sheet, marked: map[int]int{}, plain: map[int]int{}}
	if err := p.prepare(); err != nil {
		return err
	}
	heading, cell, err := reasonStyles(book)
	if err != nil {
		return err
	}
	reasons := c.reasonColumn()
	name := columnName(reasons)
	if err := p.text(name, c.HeadLine, headingReason, heading); err != nil {
		return err
	}
	if reasons >= len(c.Headings) {
		if err := book.SetColWidth(c.Sheet, name, name, reasonWidth); err != nil {
			return err
		}
	}
	for line := c.HeadLine + 1; line <= c.lastLine; line++ {
		if line%4096 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		m := marks[line]
		for column := range max(len(c.Headings), c.width) {
			if err := p.fill(column, line, m != nil && slices.Contains(m.columns, column)); err != nil {
				return err
			}
		}
		reason := c.reason(m, line, accepted)
		if reason == "" && reasons >= len(c.Headings) {
			continue
		}
		if reason == "" {
			if old, err := book.GetCellValue(c.Sheet, fmt.Sprintf("%s%d", name, line)); err == nil && old == "" {
				continue
			}
		}
		if err := p.text(name, line, reason, cell); err != nil {
			return err
		}
	}
	return book.Write(w)
}

// mendable refuses a sheet that would need too much memory to be marked.
func (c *Converted) mendable(path string) error {
	known, err := openCells(path, c.Sheet)
	if err != nil {
		return damagedWorkbook(c.File, err)
	}
	defer known.close()
	limit := c.opt.MaxMend
	if limit == 0 {
		limit = maxMend
	}
	if info, err := known.part.(interface{ Stat() (fs.FileInfo, error) }).Stat(); err != nil || info.Size() > limit {
		return &FileError{File: c.File, Sheet: c.Sheet, Text: fmt.Sprintf("the sheet is too large to be marked (over %d MiB)", limit>>20), Remedy: "split it, or mend it by the list of errors",
			ZH: fmt.Sprintf("工作表过大（超过 %d MiB），无法标注", limit>>20), RemedyZH: "请拆分后再报送，或按错误清单改正"}
	}
	return nil
}

// paint changes the fill of cells and leaves everything else of their styles.
type paint struct {
	book   *excelize.File
	sheet  string
	wrong  int         // the fill's id
	marked map[int]int // style → the same, marked
	plain  map[int]int // marked style → the same as it was
}

func (p *paint) prepare() error {
	id, err := p.book.NewStyle(&excelize.Style{Fill: solid(fillWrong)})
	if err != nil {
		return err
	}
	fill := p.book.Styles.CellXfs.Xf[id].FillID
	if fill == nil {
		return errors.New("the workbook's styles cannot be read")
	}
	p.wrong = *fill
	return nil
}

// fill marks a cell, or takes an earlier mark off it.
func (p *paint) fill(column, line int, wrong bool) error {
	cell := fmt.Sprintf("%s%d", columnName(column), line)
	now, err := p.book.GetCellStyle(p.sheet, cell)
	if err != nil {
		return err
	}
	style := p.unmarked(now)
	if wrong {
		style = p.markedAs(style)
	}
	if style == now {
		return nil
	}
	return p.book.SetCellStyle(p.sheet, cell, cell, style)
}

// markedAs is a style with the mark for its fill. What filled it before is kept as
// the fill's second colour, which a solid fill does not show (ECMA-376 part 1 §18.8.32).
func (p *paint) markedAs(style int) int {
	if id, ok := p.marked[style]; ok {
		return id
	}
	styles := p.book.Styles
	fill := *styles.Fills.Fill[p.wrong]
	pattern := *fill.PatternFill
	fill.PatternFill = &pattern
	pattern.BgColor = nil
	if old := styles.CellXfs.Xf[style].FillID; old != nil && *old < len(styles.Fills.Fill) {
		if f := styles.Fills.Fill[*old]; f != nil && f.PatternFill != nil && f.PatternFill.PatternType == "solid" {
			pattern.BgColor = f.PatternFill.FgColor
		}
	}
	styles.Fills.Fill = append(styles.Fills.Fill, &fill)
	styles.Fills.Count = len(styles.Fills.Fill)
	id := p.with(style, len(styles.Fills.Fill)-1)
	p.marked[style], p.plain[id] = id, style
	return id
}

// unmarked is the style that a marked one was made from.
func (p *paint) unmarked(style int) int {
	if id, ok := p.plain[style]; ok {
		return id
	}
	styles := p.book.Styles
	out := style
	if style < len(styles.CellXfs.Xf) {
		if fill := styles.CellXfs.Xf[style].FillID; fill != nil && *fill < len(styles.Fills.Fill) {
			f := styles.Fills.Fill[*fill]
			if f != nil && f.PatternFill != nil && f.PatternFill.FgColor != nil && strings.HasSuffix(strings.ToUpper(f.PatternFill.FgColor.RGB), fillWrong) {
				before := 0 // none
				if f.PatternFill.BgColor != nil && (f.PatternFill.BgColor.RGB != "" || f.PatternFill.BgColor.Theme != nil) {
					restored, pattern := *f, *f.PatternFill
					pattern.FgColor, pattern.BgColor = f.PatternFill.BgColor, nil
					restored.PatternFill = &pattern
					styles.Fills.Fill = append(styles.Fills.Fill, &restored)
					styles.Fills.Count = len(styles.Fills.Fill)
					before = len(styles.Fills.Fill) - 1
				}
				out = p.with(style, before)
			}
		}
	}
	p.plain[style] = out
	return out
}

// with is a style with another fill.
func (p *paint) with(style, fill int) int {
	styles := p.book.Styles
	xf := styles.CellXfs.Xf[style]
	yes := true
	xf.FillID, xf.ApplyFill = &fill, &yes
	styles.CellXfs.Xf = append(styles.CellXfs.Xf, xf)
	styles.CellXfs.Count = len(styles.CellXfs.Xf)
	return styles.CellXfs.Count - 1
}

func (p *paint) text(column string, line int, text string, style int) error {
	cell := fmt.Sprintf("%s%d", column, line)
	if err := p.book.SetCellStr(p.sheet, cell, text); err != nil {
		return err
	}
	return p.book.SetCellStyle(p.sheet, cell, cell, style)
}

// mendText writes a text file as a workbook, row by row.
func (c *Converted) mendText(ctx context.Context, marks map[int]*mark, accepted bool, w io.Writer) error {
	s, err := inspect(c.File, c.opt.Format)
	if err != nil {
		return err
	}
	text, err := s.text(&Converted{})
	if err != nil {
		return err
	}
	defer text.Close()
	book := excelize.NewFile(excelize.Options{TmpDir: c.opt.TempDir})
	defer book.Close()
	out, err := newTextBook(book, sheetName(c.opt.Contract.Name, c.opt.Contract.ID), len(c.Headings), c.reasonColumn())
	if err != nil {
		return err
	}
	r := newCSVReader(text, c.File)
	for n := 0; ; {
		cells, err := r.read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return s.readError(err)
		}
		if strings.Join(cells, "") == "" {
			continue
		}
		if n++; n > excelize.TotalRows {
			return &FileError{File: c.File, Text: "has more rows than a sheet can hold", Remedy: "split it, or mend it by the list of errors"}
		}
		if n%4096 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		m := marks[r.line]
		reason := c.reason(m, r.line, accepted)
		if r.line == c.HeadLine {
			reason = headingReason
		}
		if err := out.row(n, cells, m, reason); err != nil {
			return err
		}
	}
	if err := out.stream.Flush(); err != nil {
		return err
	}
	return book.Write(w)
}

// textBook streams rows of text cells: ids keep their zeros, and what begins with
// an equals sign is no formula.
type textBook struct {
	stream                             *excelize.StreamWriter
	plain, wrong, heading, reasonStyle int
	reasons                            int
}

func newTextBook(book *excelize.File, sheet string, width, reasons int) (*textBook, error) {
	b := &textBook{reasons: reasons}
	err := book.SetSheetName("Sheet1", sheet)
	if err == nil {
		b.plain, err = book.NewStyle(&excelize.Style{NumFmt: 49})
	}
	if err == nil {
		b.wrong, err = book.NewStyle(&excelize.Style{NumFmt: 49, Fill: solid(fillWrong)})
	}
	if err == nil {
		b.heading, b.reasonStyle, err = reasonStyles(book)
	}
	if err == nil {
		b.stream, err = book.NewStreamWriter(sheet)
	}
	if err == nil && width > 0 {
		err = b.stream.SetColWidth(1, width, 18)
	}
	if err == nil {
		err = b.stream.SetColWidth(reasons+1, reasons+1, reasonWidth)
	}
	return b, err
}

func (b *textBook) row(n int, cells []string, m *mark, reason string) error {
	out := make([]any, max(len(cells), b.reasons+1))
	for i, cell := range cells {
		style := b.plain
		if m != nil && slices.Contains(m.columns, i) {
			style = b.wrong
		}
		out[i] = excelize.Cell{StyleID: style, Value: cell}
	}
	style := b.reasonStyle
	if n == 1 {
		style = b.heading
	}
	out[b.reasons] = excelize.Cell{StyleID: style, Value: reason}
	return b.stream.SetRow(fmt.Sprintf("A%d", n), out)
}
