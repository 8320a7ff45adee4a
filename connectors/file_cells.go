package connectors

import (
	"archive/zip"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"strconv"
	"strings"
)

// sheetCells reads a sheet's XML beside the library, for what the library's rows do
// not tell: which cells are numbers, which formulas have no value, what is merged
// (ECMA-376 part 1 §18.3.1). It reads on as far as it is asked to, one row in memory.
type sheetCells struct {
	zip    *zip.ReadCloser
	part   io.ReadCloser
	xml    *xml.Decoder
	line   int // of row
	row    []cellFact
	merged []mergedRange
	ended  bool
}

type cellFact struct {
	column  int
	numeric bool // a number, whatever its format shows
	uncalc  bool // a formula without a value
	failed  bool // a formula's error
}

type mergedRange struct {
	ref                  string
	column, line         int // of its first cell
	lastColumn, lastLine int
}

// maxMerged bounds the merged ranges that are looked at.
const maxMerged = 10_000

func openCells(file, sheet string) (*sheetCells, error) {
	z, err := zip.OpenReader(file)
	if err != nil {
		return nil, err
	}
	s := &sheetCells{zip: z}
	name, err := partOf(&z.Reader, sheet)
	if err == nil {
		s.part, err = z.Open(name)
	}
	if err != nil {
		_ = z.Close()
		return nil, err
	}
	s.xml = newXML(s.part)
	return s, nil
}

func newXML(r io.Reader) *xml.Decoder {
	d := xml.NewDecoder(r)
	// What is looked for is ASCII in every encoding a sheet may have.
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	return d
}

// partOf finds the part a sheet is in.
func partOf(z *zip.Reader, sheet string) (string, error) {
	type any struct {
		Attrs []xml.Attr `xml:",any,attr"`
	}
	var book struct {
		Sheets []any `xml:"sheets>sheet"`
	}
	var rels struct {
		Rels []any `xml:"Relationship"`
	}
	if err := readPart(z, "xl/workbook.xml", &book); err != nil {
		return "", err
	}
	if err := readPart(z, "xl/_rels/workbook.xml.rels", &rels); err != nil {
		return "", err
	}
	attr := func(a any, name string) string {
		for _, x := range a.Attrs {
			if x.Name.Local == name && (name != "id" || x.Name.Space != "") {
				return x.Value
			}
		}
		return ""
	}
	for _, b := range book.Sheets {
		if attr(b, "name") != sheet {
			continue
		}
		for _, r := range rels.Rels {
			if attr(r, "Id") == attr(b, "id") {
				target := attr(r, "Target")
				if strings.HasPrefix(target, "/") {
					return target[1:], nil
				}
				return path.Join("xl", target), nil
			}
		}
	}
	return "", errors.New("the workbook does not say where the sheet is")
}

func readPart(z *zip.Reader, name string, into any) error {
	f, err := z.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return newXML(io.LimitReader(f, workbookInMemory)).Decode(into)
}

func (s *sheetCells) close() {
	_ = s.part.Close()
	_ = s.zip.Close()
}

// at gives what is known of the cells of a line; lines are asked for in order.
func (s *sheetCells) at(line int) ([]cellFact, error) {
	for s.line < line && !s.ended {
		if err := s.next(); err != nil {
			return nil, err
		}
	}
	if s.line == line && !s.ended {
		return s.row, nil
	}
	return nil, nil
}

// end reads what comes behind the rows.
func (s *sheetCells) end() ([]mergedRange, error) {
	for !s.ended {
		if err := s.next(); err != nil {
			return nil, err
		}
	}
	return s.merged, nil
}

// next reads the next row, or to the end.
func (s *sheetCells) next() error {
	for {
		token, err := s.xml.RawToken()
		if errors.Is(err, io.EOF) {
			s.ended = true
			return nil
		}
		if err != nil {
			return err
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		switch start.Name.Local {
		case "row":
			line := s.line + 1
			if r, err := strconv.Atoi(attrOf(start, "r")); err == nil {
				line = r
			}
			s.line, s.row = line, s.row[:0]
			return s.cells()
		case "mergeCell":
			if m, ok := parseRange(attrOf(start, "ref")); ok && len(s.merged) < maxMerged {
				s.merged = append(s.merged, m)
			}
		}
	}
}

// cells reads a row's cells up to its end.
func (s *sheetCells) cells() error {
	var f cellFact
	var inValue, hasValue, formula bool
	column := -1
	for {
		token, err := s.xml.RawToken()
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "c":
				column++
				if c, _, ok := parseCell(attrOf(t, "r")); ok {
					column = c
				}
				kind := attrOf(t, "t")
				f = cellFact{column: column, numeric: kind == "" || kind == "n", failed: kind == "e"}
				hasValue, formula = false, false
			case "f":
				formula = true
			case "v":
				inValue = true
			}
		case xml.CharData:
			hasValue = hasValue || inValue && len(t) > 0
		case xml.EndElement:
			switch t.Name.Local {
			case "v":
				inValue = false
			case "c":
				f.numeric = f.numeric && hasValue
				f.failed = f.failed && hasValue
				// A formula whose text is empty has a string's type and no value.
				f.uncalc = formula && !hasValue && !f.failed
				if f.numeric || f.uncalc || f.failed {
					s.row = append(s.row, f)
				}
			case "row":
				return nil
			}
		}
	}
}

func attrOf(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}

// parseCell reads B7 as column 1, line 7.
func parseCell(ref string) (column, line int, ok bool) {
	ref = strings.ReplaceAll(ref, "$", "")
	i := 0
	for ; i < len(ref) && i < 4 && ref[i] >= 'A' && ref[i] <= 'Z'; i++ {
		column = column*26 + int(ref[i]-'A') + 1
	}
	line, err := strconv.Atoi(ref[i:])
	return column - 1, line, err == nil && i > 0 && line > 0
}

func parseRange(ref string) (mergedRange, bool) {
	first, last, two := strings.Cut(ref, ":")
	if !two {
		last = first
	}
	m := mergedRange{ref: ref}
	var ok, okLast bool
	m.column, m.line, ok = parseCell(first)
	m.lastColumn, m.lastLine, okLast = parseCell(last)
	return m, ok && okLast
}
