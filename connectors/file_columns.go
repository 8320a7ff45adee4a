package connectors

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zida-hub/zida/schemas"
)

// check refuses options that no file could satisfy.
func (o *FileOptions) check() error {
	if o.Contract == nil {
		return fmt.Errorf("a contract is needed to read a file")
	}
	switch o.Format {
	case "", formatCSV, formatXLSX, formatNDJSON, formatJSON:
	default:
		return &OptionError{fmt.Sprintf("--format %s is not known: use csv, xlsx, ndjson or json", o.Format)}
	}
	for _, m := range []struct {
		flag  string
		pairs map[string]string
	}{{"map", o.Map}, {"set", o.Set}} {
		for _, name := range slices.Sorted(maps.Keys(m.pairs)) {
			if o.property(name) == nil {
				return &OptionError{fmt.Sprintf("--%s %s=%s: %s has no property %q%s", m.flag, name, m.pairs[name],
					o.Contract.ID, name, didYouMean(name, o.names()))}
			}
			if m.flag == "set" && o.Map[name] != "" {
				return &OptionError{fmt.Sprintf("%s is given by both --map and --set; drop one", name)}
			}
		}
	}
	return nil
}

// OptionError is a fault of the options, not of the file.
type OptionError struct{ text string }

func (e *OptionError) Error() string { return e.text }

func (o *FileOptions) property(name string) *schemas.Property {
	for i := range o.Contract.Properties {
		if o.Contract.Properties[i].Name == name {
			return &o.Contract.Properties[i]
		}
	}
	return nil
}

func (o *FileOptions) names() []string {
	names := make([]string, len(o.Contract.Properties))
	for i, p := range o.Contract.Properties {
		names[i] = p.Name
	}
	return names
}

func didYouMean(name string, candidates []string) string {
	if near := Nearest(name, candidates); near != "" {
		return fmt.Sprintf("; did you mean %s?", near)
	}
	return "; it has: " + strings.Join(candidates, ", ")
}

// rowWriter turns the cells of a row into a record.
type rowWriter struct {
	fields []rowField
	width  int // columns of the heading
	buf    []byte
	used   []bool // by column: whether anything reads it
	blank  []bool // by column: whether it has no heading
	filled []bool // by column without a heading: whether any cell held something
}

type rowField struct {
	property *schemas.Property
	column   int    // index, or -1
	prefix   []byte // "name":
	constant []byte // the whole JSON value, for --set
}

// plan matches a heading against the contract, the map and the constants.
func (o *FileOptions) plan(heading []string, at FileError) (*rowWriter, error) {
	fail := func(text, remedy string) (*rowWriter, error) {
		at.Text, at.Remedy = text, remedy
		return nil, &at
	}
	w := &rowWriter{width: len(heading)}
	w.used, w.blank, w.filled = make([]bool, w.width), make([]bool, w.width), make([]bool, w.width)
	columns := map[string]int{}
	var named []string
	for i, h := range heading {
		h = strings.TrimSpace(h)
		if h == "" {
			w.blank[i] = true
			continue
		}
		if first, twice := columns[h]; twice {
			return fail(fmt.Sprintf("the heading %q stands over two columns (%d and %d)", h, first+1, i+1), "rename one of them")
		}
		columns[h] = i
		named = append(named, h)
	}
	if len(named) == 0 {
		return fail("there is no heading", "the first row must name the columns: "+strings.Join(o.names(), ", "))
	}
	for i := range o.Contract.Properties {
		p := &o.Contract.Properties[i]
		column, err := o.columnOf(p, columns, named, w)
		if err != nil {
			at.Text, at.Remedy = err.Text, err.Remedy
			return nil, &at
		}
		value, constant := o.Set[p.Name]
		if !constant && column < 0 {
			continue
		}
		f := rowField{property: p, column: column, prefix: append(appendString(nil, p.Name), ':')}
		if constant {
			f.constant, f.column = appendValue(nil, p, value), -1
		}
		w.fields = append(w.fields, f)
	}
	for _, h := range o.Ignore {
		if i, ok := columns[h]; ok {
			w.used[i] = true
		}
	}
	for _, h := range named {
		if !w.used[columns[h]] {
			return fail(fmt.Sprintf("the column %q is not a property of %s%s", h, o.Contract.ID, didYouMean(h, o.free())),
				fmt.Sprintf("say which property it is (--map PROPERTY=%s), or leave it out (--ignore %s)", h, h))
		}
	}
	if missing := o.missing(w); missing != "" {
		return fail(fmt.Sprintf("no column gives %s, which %s requires; the columns are: %s", missing, o.Contract.ID, strings.Join(named, ", ")),
			fmt.Sprintf("say which column it is (--map %s=COLUMN), or give one value for all records (--set %s=VALUE)", missing, missing))
	}
	return w, nil
}

// columnOf finds the column a property is read from, or -1.
func (o *FileOptions) columnOf(p *schemas.Property, columns map[string]int, named []string, w *rowWriter) (int, *FileError) {
	if want, mapped := o.Map[p.Name]; mapped {
		i, ok := columns[want]
		if !ok {
			remedy := "check --map against the heading"
			if near := Nearest(want, named); near != "" {
				remedy = fmt.Sprintf("was it renamed? try --map %s=%s", p.Name, near)
			}
			return -1, &FileError{
				Text:   fmt.Sprintf("there is no column %q (from --map %s=%s); the columns are: %s", want, p.Name, want, strings.Join(named, ", ")),
				Remedy: remedy,
			}
		}
		if w.used[i] {
			return -1, &FileError{Text: fmt.Sprintf("the column %q is mapped to two properties", want), Remedy: "drop one --map"}
		}
		w.used[i] = true
		return i, nil
	}
	for _, name := range [...]string{p.Name, p.Label} {
		i, ok := columns[name]
		if !ok || name == "" || w.used[i] || o.mappedElsewhere(name) {
			continue
		}
		if _, constant := o.Set[p.Name]; constant {
			return -1, &FileError{
				Text:   fmt.Sprintf("%s is given by the column %q and by --set", p.Name, name),
				Remedy: fmt.Sprintf("drop --set %s, or leave the column out (--ignore %s)", p.Name, name),
			}
		}
		w.used[i] = true
		return i, nil
	}
	return -1, nil
}

// mappedElsewhere says that the sender has spoken for a column, by --map or --ignore.
func (o *FileOptions) mappedElsewhere(column string) bool {
	if slices.Contains(o.Ignore, column) {
		return true
	}
	for _, c := range o.Map {
		if c == column {
			return true
		}
	}
	return false
}

// free are the properties that nothing fills yet: what a stray heading may mean.
func (o *FileOptions) free() []string {
	var names []string
	for _, p := range o.Contract.Properties {
		if _, set := o.Set[p.Name]; !set && o.Map[p.Name] == "" {
			names = append(names, p.Name)
		}
	}
	return names
}

// missing names a required property that nothing fills. The hub fills in
// defaults, and the region where a reference list tells it.
func (o *FileOptions) missing(w *rowWriter) string {
	c := o.Contract
	for i := range c.Properties {
		p := &c.Properties[i]
		if !p.Required && p.KeyPosition == 0 || p.Default != "" || i == c.Region && c.RegionFrom >= 0 {
			continue
		}
		if !slices.ContainsFunc(w.fields, func(f rowField) bool { return f.property == p }) {
			return p.Name
		}
	}
	return ""
}

// record writes a row's record; it answers nil for an empty row.
func (w *rowWriter) record(cells []string) []byte {
	w.buf = append(w.buf[:0], '{')
	some := false
	for i, c := range cells {
		if c == "" {
			continue
		}
		if i < w.width && w.blank[i] {
			w.filled[i] = true
			continue
		}
		some = true
	}
	if !some {
		return nil
	}
	for i := range w.fields {
		f := &w.fields[i]
		value := ""
		if f.column >= 0 && f.column < len(cells) {
			value = cells[f.column]
		}
		if f.constant == nil && value == "" {
			continue
		}
		if len(w.buf) > 1 {
			w.buf = append(w.buf, ',')
		}
		w.buf = append(w.buf, f.prefix...)
		if f.constant != nil {
			w.buf = append(w.buf, f.constant...)
		} else {
			w.buf = appendValue(w.buf, f.property, value)
		}
	}
	w.buf = append(w.buf, '}')
	return w.buf
}

// report tells which columns were left out.
func (w *rowWriter) report(c *Converted, name func(int) string) {
	var with, without []string
	for i := range w.blank {
		switch {
		case w.blank[i] && w.filled[i]:
			with = append(with, name(i))
		case w.blank[i]:
			without = append(without, name(i))
		}
	}
	if len(with) > 0 {
		c.note("column %s has values but no heading: ignored", strings.Join(with, ", "))
	}
	if len(without) > 0 {
		c.note("column %s is empty and has no heading: ignored", strings.Join(without, ", "))
	}
}
