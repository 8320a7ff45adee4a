package analytics

import "time"

// csvEncoder writes RFC 4180 with a heading.
type csvEncoder struct {
	output
	encoding Encoding
	head     Head
}

// byteOrderMark is U+FEFF in UTF-8.
const byteOrderMark = "\xEF\xBB\xBF"

func (e *csvEncoder) Begin(head Head) error {
	e.columns, e.head = head.Columns, head
	if !e.encoding.Unmarked {
		e.line = append(e.line, byteOrderMark...)
	}
	for i := range e.columns {
		if i > 0 {
			e.line = append(e.line, ',')
		}
		name := e.columns[i].Name
		if e.encoding.Labels {
			name = e.columns[i].heading(head.Reader.English)
		}
		e.line = appendCSV(e.line, name)
	}
	e.line = append(e.line, "\r\n"...)
	return e.emit()
}

func (e *csvEncoder) Row(cells []Cell) error {
	for i, cell := range cells {
		if i > 0 {
			e.line = append(e.line, ',')
		}
		switch {
		case cell.Null:
		case e.columns[i].Type == typeInstant:
			e.line = appendInstant(e.line, cell.Text)
		case e.columns[i].Type == typeString:
			e.line = appendCSV(e.line, cell.Text)
		default:
			e.line = append(e.line, cell.Text...)
		}
	}
	e.line = append(e.line, "\r\n"...)
	return e.emit()
}

func (e *csvEncoder) End(tail Tail) error {
	if e.encoding.Notes {
		e.line = append(e.line, "\r\n"...)
		for _, note := range e.head.about(tail, time.Now()) {
			e.note(note.Label, note.Value)
		}
		for i := range e.columns {
			if c := &e.columns[i]; c.Definition != "" {
				e.note(c.heading(e.head.Reader.English), c.Definition)
			}
		}
		if err := e.emit(); err != nil {
			return err
		}
	}
	return e.w.Flush()
}

// note writes a row that a program can tell from the others by its first cell.
func (e *csvEncoder) note(label, value string) {
	e.line = append(e.line, notesSheet+","...)
	e.line = append(appendCSV(e.line, label), ',')
	e.line = append(appendCSV(e.line, value), "\r\n"...)
}

// appendCSV writes a text. One that a spreadsheet would take for a formula is given an
// apostrophe in front, which spreadsheets show as text.
func appendCSV(b []byte, text string) []byte {
	guard := ""
	quoted := false
	if text != "" {
		switch text[0] {
		case '=', '+', '-', '@', '\t', '\r', '\n':
			guard = "'"
		}
		quoted = text[0] == ' ' || text[len(text)-1] == ' '
	}
	for i := range len(text) {
		switch text[i] {
		case '"', ',', '\n', '\r', '\t':
			quoted = true
		}
	}
	if !quoted {
		return append(append(b, guard...), text...)
	}
	b = append(append(b, '"'), guard...)
	for i := range len(text) {
		if text[i] == '"' {
			b = append(b, '"')
		}
		b = append(b, text[i])
	}
	return append(b, '"')
}
