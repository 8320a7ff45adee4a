package schemas

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// CSVHeader is a CSV heading matched to a plan.
type CSVHeader struct {
	Names   []string // as they stand in the file
	Ignored []int    // 1-based columns without a heading; their cells are passed over
	Lines   int      // lines it takes, with the empty ones before it
	fields  []int    // the field of each column, -1 where ignored
	comma   byte
}

// ParseCSVHeader matches the heading record to the plan's properties, each by its name or its
// businessName. Unknown and repeated columns, and required ones that are missing,
// are errors. The separator is a comma, unless the heading has only tabs or semicolons.
func (p *Plan) ParseCSVHeader(record []byte) (*CSVHeader, []RowError) {
	record = trimLine(record)
	h := &CSVHeader{comma: separator(record)}
	if !utf8.Valid(record) {
		b := &Batch{plan: p}
		return nil, []RowError{headerError("", CodeInvalidUTF8, b.describe(nil, CodeInvalidUTF8, nil))}
	}
	cells, ok := splitCSV(record, h.comma)
	if !ok {
		return nil, []RowError{headerError("", CodeInvalidCSV, saying{
			zh: "表头的引号不成对或位置不对", en: "the heading has a misplaced or unclosed quote"})}
	}
	var errs []RowError
	var there bitset
	for n, cell := range cells {
		name := strings.TrimSpace(string(cell))
		h.Names = append(h.Names, name)
		if name == "" {
			h.Ignored = append(h.Ignored, n+1)
			h.fields = append(h.fields, -1)
			continue
		}
		at := p.heading(name)
		h.fields = append(h.fields, at)
		switch {
		case at < 0:
			errs = append(errs, p.unknownColumn(name))
		case there.has(at):
			errs = append(errs, headerError(name, CodeDuplicateField, saying{
				zh: "表头中该列出现两次；请只保留一列", en: "this column occurs twice in the heading; keep one of them"}))
		default:
			there.set(at)
		}
	}
	for i := range p.fields {
		f := &p.fields[i]
		filled := f.prop.Default != "" || i == p.region && p.regionFrom >= 0
		if p.required.has(i) && !filled && !there.has(i) {
			errs = append(errs, headerError(f.name, CodeRequired, saying{
				zh: fmt.Sprintf("缺少必填列 %s；请在表头中加上 %s", f.heading(), f.name),
				en: fmt.Sprintf("the required column %s is missing; add it to the heading", f.name)}))
		}
	}
	if errs != nil {
		return nil, errs
	}
	return h, nil
}

func headerError(field, code string, say saying) RowError {
	return RowError{Line: 1, Field: quote([]byte(field)), Code: code, Message: say.zh, say: &say}
}

// heading is how a person calls the field.
func (f *field) heading() string {
	if f.prop.Label != "" {
		return f.prop.Label + "（" + f.name + "）"
	}
	return f.name
}

// heading finds the field of a column heading, -1 for none.
func (p *Plan) heading(name string) int {
	if at := p.names.find([]byte(name)); at > 0 {
		return int(at) - 1
	}
	for i := range p.fields {
		if p.fields[i].prop.Label == name {
			return i
		}
	}
	return -1
}

func (p *Plan) unknownColumn(name string) RowError {
	near := nearest(name, p.names)
	if near == "" {
		labels := make([]ListEntry, 0, len(p.fields))
		for i := range p.fields {
			if label := p.fields[i].prop.Label; label != "" {
				labels = append(labels, ListEntry{Code: label})
			}
		}
		near = nearest(name, NewList("", labels))
	}
	if near == "" {
		all := strings.Join(p.names.codes(maxProperties), ", ")
		return headerError(name, CodeUnknownField, saying{
			zh: "合同中没有这一列；可用的列：" + all, en: "is no column of the contract; it has " + all})
	}
	return headerError(name, CodeUnknownField, saying{
		zh: "合同中没有这一列；是否应为 " + near, en: "is no column of the contract; did you mean " + near})
}

// separator is the comma, or what a heading without commas uses instead.
func separator(heading []byte) byte {
	for _, c := range []byte{',', '\t', ';'} {
		if bytes.IndexByte(heading, c) >= 0 {
			return c
		}
	}
	return ','
}

func trimLine(record []byte) []byte {
	record = bytes.TrimSuffix(record, []byte("\n"))
	return bytes.TrimSuffix(record, []byte("\r"))
}

// recordEnd is the end, line break included, of the CSV record at i. open is set when
// s ends before the record does, quoted when it ends inside quotes. Quotes count
// where RFC 4180 lets them: from the start of a field; others are left to splitCSV.
func recordEnd(s []byte, i int, comma byte) (end int, open, quoted bool) {
	nl := bytes.IndexByte(s[i:], '\n')
	line := s[i:]
	if nl >= 0 {
		line = line[:nl+1]
	}
	if bytes.IndexByte(line, '"') < 0 {
		return i + len(line), nl < 0, false
	}
	for start := true; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\n':
			return i + 1, false, false
		case c == comma:
			start = true
		case c == '"' && start:
			if i = quotedEnd(s, i); i < 0 {
				return len(s), true, true
			}
			start = false
		default:
			start = false
		}
	}
	return len(s), true, false
}

// quotedEnd is the closing quote of the field whose opening quote is at i, -1 for none.
func quotedEnd(s []byte, i int) int {
	for i++; i < len(s); i++ {
		n := bytes.IndexByte(s[i:], '"')
		if n < 0 {
			return -1
		}
		i += n
		if i+1 >= len(s) || s[i+1] != '"' {
			return i
		}
		i++
	}
	return -1
}

// nextCell returns the cell at i and where the next one begins (past the end: none).
// ok is false when quotes are not as RFC 4180 has them.
func nextCell(s []byte, i int, comma byte) (cell []byte, next int, ok bool) {
	if i < len(s) && s[i] == '"' {
		end := quotedEnd(s, i)
		if end < 0 || end+1 < len(s) && s[end+1] != comma {
			return nil, 0, false
		}
		cell = s[i+1 : end]
		if bytes.IndexByte(cell, '"') >= 0 {
			cell = bytes.ReplaceAll(cell, []byte(`""`), []byte(`"`))
		}
		return cell, end + 2, true
	}
	end := len(s)
	if n := bytes.IndexByte(s[i:], comma); n >= 0 {
		end = i + n
	}
	cell = s[i:end]
	return cell, end + 1, bytes.IndexByte(cell, '"') < 0
}

func splitCSV(record []byte, comma byte) (cells [][]byte, ok bool) {
	for i := 0; i <= len(record); {
		cell, next, ok := nextCell(record, i, comma)
		if !ok {
			return nil, false
		}
		cells = append(cells, cell)
		i = next
	}
	return cells, true
}

// decodeCSV reads the records behind the heading. Empty cells are absent values,
// rows without any value are no records.
func (b *Batch) decodeCSV(chunk []byte) {
	h := b.opt.Header
	if h == nil {
		b.out.Body = bodyError(1, CodeInvalidCSV, "缺少 CSV 表头", "the CSV heading is missing")
		return
	}
	if b.opt.KeysOnly {
		for n, at := range h.fields {
			if at >= 0 && !b.plan.keyOnly.has(at) {
				b.out.Body = bodyError(1, CodeUnknownField, "撤回只需主键列；请去掉列 "+h.Names[n],
					"a retraction holds the key's columns only; remove the column "+h.Names[n])
				return
			}
		}
	}
	lines := 0
	for i := 0; i < len(chunk); {
		end, _, quoted := recordEnd(chunk, i, h.comma)
		record := chunk[i:end]
		raw := trimLine(record)
		i = end
		b.line = lines + 1
		lines += max(1, bytes.Count(record, []byte("\n")))
		if blankCSV(raw, h.comma) {
			b.out.Blank++
			continue
		}
		b.begin()
		if quoted {
			b.out.Body = bodyError(b.row, CodeInvalidCSV, "正文在引号内结束；请重新发送完整的文件",
				"the body ends inside quotes; send the whole file again")
			b.out.Body.Line = b.line
		}
		if b.csvRecord(raw, h) {
			b.finish(raw)
		} else {
			b.reject(raw)
		}
	}
	b.out.Lines = lines
}

// blankCSV reports whether a record has no value at all.
func blankCSV(raw []byte, comma byte) bool {
	for _, c := range raw {
		if c != comma && c != ' ' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}

// csvRecord reads the cells of one record into the slots; false when the record is
// not well formed, which has been recorded.
func (b *Batch) csvRecord(raw []byte, h *CSVHeader) bool {
	valid := utf8.Valid(raw)
	n := 0
	for i := 0; i <= len(raw); n++ {
		cell, next, ok := nextCell(raw, i, h.comma)
		if !ok {
			b.record("", CodeInvalidCSV, context(raw, i), func() saying {
				return saying{zh: "引号不成对或位置不对；含引号的单元格应整体加引号，内部引号写两次",
					en: "has a misplaced or unclosed quote; quote the whole cell and double the quotes in it"}
			})
			return false
		}
		i = next
		if n >= len(h.fields) {
			if len(bytes.TrimSpace(cell)) > 0 {
				return b.failCells(raw, h)
			}
			continue
		}
		at := h.fields[n]
		if at < 0 {
			continue
		}
		f := &b.plan.fields[at]
		if !valid && !utf8.Valid(cell) {
			b.fail(f, CodeInvalidUTF8, cell)
			continue
		}
		if f.kind != kindString {
			cell = bytes.TrimSpace(cell)
		}
		if len(cell) > 0 {
			b.setText(f, cell)
		}
	}
	if n < len(h.fields) {
		return b.failCells(raw, h)
	}
	return true
}

func (b *Batch) failCells(raw []byte, h *CSVHeader) bool {
	cells, _ := splitCSV(raw, h.comma)
	b.record("", CodeInvalidCSV, raw, func() saying {
		return saying{
			zh: fmt.Sprintf("有 %d 个单元格，而表头有 %d 列；请检查缺失或多余的逗号", len(cells), len(h.fields)),
			en: fmt.Sprintf("has %d cells, the heading has %d; look for a missing or stray separator", len(cells), len(h.fields)),
		}
	})
	return false
}
