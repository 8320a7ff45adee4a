package connectors

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// rename applies --map, --set and --ignore to JSON objects, whose keys are
// property names. Values stay as they were written.
type rename struct {
	names    map[string]string // key in the file → property
	drop     map[string]bool
	constant []byte // the members to add, each with a leading comma
	set      []string
	unused   map[string]string // --map entries that no record used: key → property
}

func (o *FileOptions) rename() *rename {
	if len(o.Map) == 0 && len(o.Set) == 0 && len(o.Ignore) == 0 {
		return nil
	}
	r := &rename{names: map[string]string{}, drop: map[string]bool{}, unused: map[string]string{}}
	for property, key := range o.Map {
		r.names[key], r.unused[key] = property, property
	}
	for _, key := range o.Ignore {
		r.drop[key] = true
	}
	for i := range o.Contract.Properties {
		p := &o.Contract.Properties[i]
		if value, ok := o.Set[p.Name]; ok {
			r.set = append(r.set, p.Name)
			r.constant = append(r.constant, ',')
			r.constant = append(appendString(r.constant, p.Name), ':')
			r.constant = appendValue(r.constant, p, value)
		}
	}
	return r
}

// apply rewrites one object; duplicate keys are kept for the hub to name.
func (r *rename) apply(record []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(record))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("is not a JSON object")
	}
	out := []byte{'{'}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		key, _ := t.(string)
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		if r.drop[key] {
			continue
		}
		if slices.Contains(r.set, key) {
			return nil, fmt.Errorf("holds %q, which --set gives too", key)
		}
		if property, ok := r.names[key]; ok {
			delete(r.unused, key)
			key = property
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(appendString(out, key), ':'), value...)
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if rest, _ := io.ReadAll(dec.Buffered()); len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("holds more than one JSON object")
	}
	constant := r.constant
	if len(out) == 1 && len(constant) > 0 {
		constant = constant[1:]
	}
	return append(append(out, constant...), '}'), nil
}

// finish refuses a --map that named a key no record has.
func (r *rename) finish(file string) error {
	if r == nil {
		return nil
	}
	for key, property := range r.unused {
		return &FileError{File: file, Text: fmt.Sprintf("no record has a key %q (from --map %s=%s)", key, property, key),
			Remedy: "was it renamed? check --map against the records"}
	}
	return nil
}

func convertNDJSON(ctx context.Context, s *source, opt *FileOptions, out *Converted) error {
	text, err := s.text(out)
	if err != nil {
		return err
	}
	defer text.Close()
	// A line that does not fit this buffer is over the limit, however it goes on.
	r := bufio.NewReaderSize(text, maxRecord+2)
	change := opt.rename()
	empty := 0
	for line := 1; ; line++ {
		raw, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return &FileError{File: s.path, Line: line, Text: fmt.Sprintf("a line is longer than %d bytes", maxRecord), Remedy: longLine}
		}
		last := errors.Is(err, io.EOF)
		if err != nil && !last {
			return err
		}
		record := bytes.TrimSpace(raw)
		if last && len(record) > 0 && !json.Valid(record) {
			return &FileError{File: s.path, Line: line, Text: "the last line is not a whole JSON object: " + shorten(string(record)),
				Remedy: "is the file cut short? copy or export it again; nothing was sent"}
		}
		switch {
		case len(record) > 0:
			if err := writeObject(ctx, record, line, change, out); err != nil {
				return err
			}
		case !last:
			empty++
		}
		if last {
			break
		}
	}
	if empty > 0 {
		out.note("%d empty lines ignored", empty)
	}
	return change.finish(s.path)
}

func writeObject(ctx context.Context, record []byte, line int, change *rename, out *Converted) error {
	if change != nil {
		changed, err := change.apply(record)
		if err != nil {
			return &FileError{File: out.File, Line: line, Text: "the record cannot be read: " + err.Error(), Err: err}
		}
		record = changed
	}
	return out.write(ctx, record, line)
}

// convertJSON reads one object, an array of objects, or objects one after the
// other, a value at a time.
func convertJSON(ctx context.Context, s *source, opt *FileOptions, out *Converted) error {
	text, err := s.text(out)
	if err != nil {
		return err
	}
	defer text.Close()
	g := &guard{r: text}
	lines := &lineCounter{r: g}
	dec := json.NewDecoder(lines)
	change := opt.rename()
	read := func() error {
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return jsonError(s.path, lines, dec, err)
		}
		line := lines.at(dec.InputOffset() - int64(len(value)))
		if value[0] != '{' {
			return &FileError{File: s.path, Line: line, Text: "expected a JSON object, found " + shorten(string(value)),
				Remedy: `a file holds {"property": value, …}, or an array of such objects`}
		}
		var flat bytes.Buffer
		if err := json.Compact(&flat, value); err != nil {
			return jsonError(s.path, lines, dec, err)
		}
		return writeObject(ctx, flat.Bytes(), line, change, out)
	}
	first, err := firstByte(lines)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	dec = json.NewDecoder(io.MultiReader(bytes.NewReader(first), lines))
	array := len(first) > 0 && first[len(first)-1] == '['
	if array {
		if _, err := dec.Token(); err != nil {
			return jsonError(s.path, lines, dec, err)
		}
	}
	for g.mark = dec.InputOffset(); dec.More(); g.mark = dec.InputOffset() {
		if err := read(); err != nil {
			return err
		}
	}
	if array {
		if _, err := dec.Token(); err != nil {
			return jsonError(s.path, lines, dec, err)
		}
		if dec.More() {
			return &FileError{File: s.path, Line: lines.at(dec.InputOffset()), Text: "something follows the end of the array",
				Remedy: "were two files joined? nothing was sent"}
		}
	}
	return change.finish(s.path)
}

// firstByte reads up to and with the first byte that is not white space.
func firstByte(r io.Reader) ([]byte, error) {
	var head []byte
	var one [1]byte
	for len(head) < maxRecord {
		n, err := r.Read(one[:])
		if n > 0 {
			head = append(head, one[0])
			if !bytes.ContainsRune([]byte(" \t\r\n"), rune(one[0])) {
				return head, nil
			}
		}
		if err != nil {
			return head, err
		}
	}
	return head, nil
}

func jsonError(file string, lines *lineCounter, dec *json.Decoder, err error) error {
	out := &FileError{File: file, Line: lines.at(dec.InputOffset()), Err: err}
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, errLongRecord):
		out.Text, out.Remedy = errLongRecord.Error(), longLine
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		out.Text, out.Remedy = "the JSON ends in the middle", "is the file cut short? copy or export it again; nothing was sent"
	case errors.As(err, &syntax):
		out.Line = lines.at(syntax.Offset)
		out.Text, out.Remedy = "is not valid JSON: "+syntax.Error(), "export it again; nothing was sent"
	default:
		return err
	}
	return out
}

// lineCounter knows the line of any offset not yet asked past.
type lineCounter struct {
	r     io.Reader
	n     int64
	ends  []int64 // offsets of line ends after passed
	lines int     // line ends passed and forgotten
}

func (l *lineCounter) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	for i, b := range p[:n] {
		if b == '\n' {
			l.ends = append(l.ends, l.n+int64(i))
		}
	}
	l.n += int64(n)
	return n, err
}

// at answers the line of an offset; offsets must not go back.
func (l *lineCounter) at(offset int64) int {
	i := 0
	for i < len(l.ends) && l.ends[i] < offset {
		i++
	}
	l.lines += i
	l.ends = append(l.ends[:0], l.ends[i:]...)
	return l.lines + 1
}
