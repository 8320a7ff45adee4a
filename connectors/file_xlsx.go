package connectors

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
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
	if out.Sheet, err = chooseSheet(book, s.path, opt.Sheet); err != nil {
		return err
	}
	if err := plainStyles(book); err != nil {
		return damagedWorkbook(s.path, err)
	}
	rows, err := book.Rows(out.Sheet)
	if err != nil {
		return damagedWorkbook(s.path, err)
	}
	defer rows.Close()
	if err := convertRows(ctx, rows, opt, out); err != nil {
		return err
	}
	if err := rows.Error(); err != nil {
		return damagedWorkbook(s.path, err)
	}
	return nil
}

func convertRows(ctx context.Context, rows *excelize.Rows, opt *FileOptions, out *Converted) error {
	var w *rowWriter
	empty, lastFull := 0, 0
	for line := 1; rows.Next(); line++ {
		cells, err := rows.Columns()
		if err != nil {
			return damagedWorkbook(out.File, err)
		}
		if w == nil {
			if strings.Join(cells, "") == "" {
				empty++
				continue
			}
			if w, err = opt.plan(cells, FileError{File: out.File, Sheet: out.Sheet, Line: line}); err != nil {
				return err
			}
			continue
		}
		if err := checkCells(cells, w.width, out, line); err != nil {
			return err
		}
		record := w.record(cells)
		if record == nil {
			empty++
			continue
		}
		lastFull = line
		if err := out.write(ctx, record, line); err != nil {
			return err
		}
	}
	if w == nil {
		return &FileError{File: out.File, Sheet: out.Sheet, Text: "the sheet is empty", Remedy: "choose another with --sheet NAME"}
	}
	w.report(out, columnName)
	if empty > 0 {
		out.note("%d empty rows ignored (the last record is on row %d)", empty, lastFull)
	}
	return nil
}

// checkCells refuses a formula's error and a value beyond the heading.
func checkCells(cells []string, width int, out *Converted, line int) error {
	for i, cell := range cells {
		if i >= width && cell != "" {
			return &FileError{File: out.File, Sheet: out.Sheet, Line: line,
				Text:   fmt.Sprintf("cell %s%d holds %q, but its column has no heading", columnName(i), line, shorten(cell)),
				Remedy: "clear the cell, or give the column a heading"}
		}
		if len(cell) > 2 && cell[0] == '#' && isFormulaError(cell) {
			return &FileError{File: out.File, Sheet: out.Sheet, Line: line,
				Text:   fmt.Sprintf("cell %s%d holds the error %s", columnName(i), line, cell),
				Remedy: "mend its formula, or clear the cell"}
		}
	}
	return nil
}

func isFormulaError(cell string) bool {
	switch cell {
	case "#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!":
		return true
	}
	return false
}

func chooseSheet(book *excelize.File, file, want string) (string, error) {
	sheets := book.GetSheetList()
	if want == "" && len(sheets) == 1 {
		return sheets[0], nil
	}
	list := strings.Join(sheets, ", ")
	if want == "" {
		return "", &FileError{File: file, Text: fmt.Sprintf("has %d sheets: %s", len(sheets), list), Remedy: "choose one with --sheet NAME"}
	}
	for _, s := range sheets {
		if s == want {
			return s, nil
		}
	}
	remedy := "choose one of them with --sheet NAME"
	if near := Nearest(want, sheets); near != "" {
		remedy = "did you mean: --sheet " + near
	}
	return "", &FileError{File: file, Text: fmt.Sprintf("has no sheet %q; its sheets are: %s", want, list), Remedy: remedy}
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
		Remedy: "save the sheet as CSV, or split it; nothing was sent"}
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
		return &FileError{File: file, Text: "is a zip file, but not an Excel workbook", Remedy: "save it as .xlsx; nothing was sent"}
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
		Remedy: "copy or export it again; nothing was sent", Err: err}
}
