package connectors

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"
)

// workbookInMemory is the size up to which excelize keeps a part in memory;
// larger sheets and string tables are read from temporary files, bytes.
const workbookInMemory = 16 << 20

// convertXLSX reads one sheet, row by row.
func convertXLSX(ctx context.Context, s *source, opt *FileOptions, out *Converted) error {
	path, done, err := s.onDisk(opt.TempDir)
	if err != nil {
		return err
	}
	defer done()
	limit := opt.MaxWorkbook
	if limit == 0 {
		limit = maxWorkbook
	}
	if err := checkWorkbook(s.path, path, limit); err != nil {
		return err
	}
	book, err := excelize.OpenFile(path, excelize.Options{
		UnzipSizeLimit: limit, UnzipXMLSizeLimit: workbookInMemory, TmpDir: opt.TempDir,
	})
	if err != nil {
		return damagedWorkbook(s.path, err)
	}
	defer book.Close()
	if out.Sheet, err = chooseSheet(book, s.path, opt); err != nil {
		return err
	}
	if err := plainStyles(book); err != nil {
		return damagedWorkbook(s.path, err)
	}
	if props, err := book.GetWorkbookProps(); err == nil && props.Date1904 != nil {
		out.date1904 = *props.Date1904
	}
	rows, err := book.Rows(out.Sheet)
	if err != nil {
		return damagedWorkbook(s.path, err)
	}
	defer rows.Close()
	known, err := openCells(path, out.Sheet)
	if err != nil {
		return damagedWorkbook(s.path, err)
	}
	defer known.close()
	if err := convertRows(ctx, rows, known, opt, out); err != nil {
		return err
	}
	if err := rows.Error(); err != nil {
		return damagedWorkbook(s.path, err)
	}
	merged, err := known.end()
	if err != nil {
		return damagedWorkbook(s.path, err)
	}
	return checkMerged(merged, out)
}

func convertRows(ctx context.Context, rows *excelize.Rows, known *sheetCells, opt *FileOptions, out *Converted) error {
	var w *rowWriter
	empty, hidden, lastFull := 0, 0, 0
	for line := 1; rows.Next(); line++ {
		if line > excelize.TotalRows {
			return damagedWorkbook(out.File, errors.New("a row's number is beyond the last of a sheet"))
		}
		if line%4096 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		cells, err := rows.Columns()
		if err != nil {
			return damagedWorkbook(out.File, err)
		}
		out.width, out.lastLine = max(out.width, len(cells)), line
		facts, err := known.at(line)
		if err != nil {
			return damagedWorkbook(out.File, err)
		}
		if w == nil {
			if strings.TrimSpace(strings.Join(cells, "")) == "" {
				empty++
				continue
			}
			if w, err = opt.plan(cells, FileError{File: out.File, Sheet: out.Sheet, Line: line}); err != nil {
				// A title over the table, or a heading of two rows, shows as merged cells.
				if merged, merr := known.end(); merr == nil {
					if of := mergedHeading(merged, &FileError{File: out.File, Sheet: out.Sheet, Line: line}); of != nil {
						return of
					}
				}
				return err
			}
			w.describe(out, cells, line)
			continue
		}
		if !w.holds(cells) && !anyUncalculated(facts) {
			empty++
			continue
		}
		if cells, err = w.checkCells(cells, facts, out, line); err != nil {
			return err
		}
		lastFull = line
		if rows.GetRowOpts().Hidden {
			hidden++
		}
		record := w.record(cells)
		if record == nil { // what it held is faulty
			record = []byte("{}")
		}
		if err := out.write(ctx, record, line); err != nil {
			return err
		}
	}
	if w == nil {
		return &FileError{File: out.File, Sheet: out.Sheet, Text: "the sheet is empty", Remedy: "choose another with --sheet NAME",
			ZH: "工作表是空的", RemedyZH: "请选择有数据的工作表（--sheet 名称，或参数 sheet）"}
	}
	w.report(out, columnName)
	if empty > 0 {
		out.note("%d empty rows ignored (the last record is on row %d)", empty, lastFull)
	}
	if hidden > 0 {
		out.note("%d of the records are in hidden rows; they were read like the others", hidden)
	}
	return nil
}

func chooseSheet(book *excelize.File, file string, opt *FileOptions) (string, error) {
	all := book.GetSheetList()
	if opt.Sheet != "" && slices.Contains(all, opt.Sheet) {
		return opt.Sheet, nil
	}
	// A template's own pages are not to be read; neither is what is hidden.
	var sheets []string
	for _, s := range all {
		if visible, err := book.GetSheetVisible(s); err == nil && visible {
			sheets = append(sheets, s)
		}
	}
	list := strings.Join(sheets, ", ")
	if want := opt.Sheet; want != "" {
		remedy, remedyZH := "choose one of them with --sheet NAME", "请用其中之一（--sheet 名称，或参数 sheet）"
		if near := Nearest(want, sheets); near != "" {
			remedy, remedyZH = "did you mean: --sheet "+near, "是否应为“"+near+"”？"
		}
		return "", &FileError{File: file, Text: fmt.Sprintf("has no sheet %q; its sheets are: %s", shorten(want), list), Remedy: remedy,
			ZH: "没有名为“" + shorten(want) + "”的工作表；现有：" + list, RemedyZH: remedyZH}
	}
	candidates := slices.DeleteFunc(slices.Clone(sheets), func(s string) bool { return s == sheetGuide || s == sheetExample })
	if len(candidates) == 1 {
		return candidates[0], nil
	}
	if own := sheetName(opt.Contract.Name, opt.Contract.ID); slices.Contains(candidates, own) {
		return own, nil
	}
	return "", &FileError{File: file, Text: fmt.Sprintf("has %d sheets: %s", len(sheets), list), Remedy: "choose one with --sheet NAME",
		ZH: fmt.Sprintf("有 %d 个工作表：%s", len(sheets), list), RemedyZH: "请指明读哪一个（--sheet 名称，或参数 sheet）"}
}

func isFormulaError(cell string) bool {
	switch cell {
	case "#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!":
		return true
	}
	return false
}

// plainStyles makes the library print what cells hold in place of what they
// show: a date in full, whatever its format leaves out, behind dateMark; any
// other number as it is stored, to Excel's fifteen digits.
func plainStyles(book *excelize.File) error {
	full := fmt.Sprintf("\"%c\"yyyy-mm-dd hh:mm:ss", dateMark)
	id, err := book.NewStyle(&excelize.Style{CustomNumFmt: &full})
	if err != nil {
		return err
	}
	formats := book.Styles.CellXfs.Xf
	date, general := formats[id].NumFmtID, new(int)
	for i := range formats {
		if i == id {
			continue
		}
		style, err := book.GetStyle(i)
		if err != nil {
			return err
		}
		custom := ""
		if style.CustomNumFmt != nil {
			custom = *style.CustomNumFmt
		}
		if isDateFormat(style.NumFmt, custom) {
			formats[i].NumFmtID = date
		} else {
			formats[i].NumFmtID = general
		}
	}
	return nil
}

// isDateFormat tells whether a number format shows a day. Built-in ids are those of
// ECMA-376 part 1 §18.8.30, with the ones for Chinese (27–31, 36, 50–54, 57, 58).
func isDateFormat(id int, custom string) bool {
	if custom == "" {
		return id >= 14 && id <= 17 || id == 22 || id >= 27 && id <= 31 || id == 36 || id >= 50 && id <= 54 || id == 57 || id == 58
	}
	// Only the first section formats positive numbers; quoted text, escapes and
	// [brackets] such as [$-804] or [Red] are not part of the pattern.
	quoted, bracket, escaped := false, false, false
	for _, r := range strings.ToLower(custom) {
		switch {
		case escaped:
			escaped = false
		case r == '"':
			quoted = !quoted
		case quoted:
		case r == '\\' || r == '_' || r == '*':
			escaped = true
		case r == '[':
			bracket = true
		case r == ']':
			bracket = false
		case bracket:
		case r == ';':
			return false
		case r == 'y' || r == 'd':
			return true
		}
	}
	return false
}

// onDisk gives the workbook's path, unpacking one that was compressed once more.
func (s *source) onDisk(dir string) (string, func(), error) {
	if s.packed == "" {
		return s.path, func() {}, nil
	}
	r, err := s.open()
	if err != nil {
		return "", nil, err
	}
	defer r.Close()
	f, err := os.CreateTemp(dir, "zida-push-*.xlsx")
	if err != nil {
		return "", nil, err
	}
	done := func() { _ = os.Remove(f.Name()) }
	_, err = io.Copy(f, r)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		done()
		return "", nil, s.readError(err)
	}
	return f.Name(), done, nil
}

// checkWorkbook reads every part to its end: sizes within the limit, checksums
// right, sheets closed. The library would take a sheet that stops early for one
// that ends there.
func checkWorkbook(file, path string, limit int64) error {
	z, err := zip.OpenReader(path)
	if err != nil {
		return damagedWorkbook(file, err)
	}
	defer z.Close()
	tooLarge := &FileError{File: file, Text: fmt.Sprintf("the workbook unzips to more than %d MiB", limit>>20),
		Remedy: "save the sheet as CSV, or split it; nothing was sent",
		ZH:     fmt.Sprintf("工作簿解压后超过 %d MiB", limit>>20), RemedyZH: "请另存为 CSV，或拆成几个文件；未报送任何记录"}
	var total uint64
	for _, part := range z.File {
		if total += part.UncompressedSize64; total > uint64(limit) {
			return tooLarge
		}
	}
	found := false
	for _, part := range z.File {
		sheet := strings.HasPrefix(part.Name, "xl/worksheets/") && strings.HasSuffix(part.Name, ".xml")
		found = found || part.Name == "xl/workbook.xml"
		if err := checkPart(part, sheet); err != nil {
			return damagedWorkbook(file, fmt.Errorf("%s: %w", part.Name, err))
		}
	}
	if !found {
		return &FileError{File: file, Text: "is a zip file, but not an Excel workbook", Remedy: "save it as .xlsx; nothing was sent",
			ZH: "是压缩文件，但不是 Excel 工作簿", RemedyZH: "请另存为 .xlsx；未报送任何记录"}
	}
	return nil
}

func checkPart(part *zip.File, sheet bool) error {
	r, err := part.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	tail := &lastBytes{}
	// zip stops at the size that the directory states, so a lying one cannot overrun the limit.
	if _, err := io.Copy(tail, io.LimitReader(r, int64(part.UncompressedSize64)+1)); err != nil {
		return err
	}
	if sheet && !bytes.HasSuffix(bytes.TrimSpace(tail.b), []byte("worksheet>")) {
		return errors.New("the sheet does not end properly")
	}
	return nil
}

// lastBytes keeps the end of what is written to it.
type lastBytes struct{ b []byte }

func (l *lastBytes) Write(p []byte) (int, error) {
	const keep = 256
	l.b = append(l.b, p[max(0, len(p)-keep):]...)
	l.b = append(l.b[:0], l.b[max(0, len(l.b)-keep):]...)
	return len(p), nil
}

func damagedWorkbook(file string, err error) error {
	var fe *FileError
	if errors.As(err, &fe) {
		return err
	}
	return &FileError{File: file, Text: "the workbook is cut short or damaged: " + err.Error(),
		Remedy: "copy or export it again; nothing was sent", Err: err,
		ZH: "工作簿不完整或已损坏", RemedyZH: "请重新复制或另存后再报送；未报送任何记录"}
}
