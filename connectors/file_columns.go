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
	reason int    // the column 错误原因, or -1
	tidied int    // cells taken without spaces around them, or with ASCII digits for full-width ones
}

type rowField struct {
	property *schemas.Property
	column   int    // index, or -1
	prefix   []byte // "name":
	constant []byte // the whole JSON value, for --set
	coded    bool   // a code, which a drop-down shows with its name
	tidy     bool   // a text in which spaces around mean nothing
}

// plan matches a heading against the contract, the map and the constants.
func (o *FileOptions) plan(heading []string, at FileError) (*rowWriter, error) {
	fail := func(column int, text, remedy, zh, remedyZH string) (*rowWriter, error) {
		at.Text, at.Remedy, at.ZH, at.RemedyZH = text, remedy, zh, remedyZH
		if column >= 0 && at.Sheet != "" {
			at.Cell = fmt.Sprintf("%s%d", columnName(column), at.Line)
		}
		return nil, &at
	}
	w := &rowWriter{width: len(heading), reason: -1}
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
			return fail(i, fmt.Sprintf("the heading %q stands over two columns (%d and %d)", h, first+1, i+1), "rename one of them",
				fmt.Sprintf("表头“%s”出现在两列（%s 与 %s）", h, columnName(first), columnName(i)), "请改正其中一个")
		}
		if h == headingReason && !o.has(h) {
			w.reason, w.used[i] = i, true
			continue
		}
		columns[h] = i
		named = append(named, h)
	}
	if len(named) == 0 {
		return fail(-1, "there is no heading", "the first row must name the columns: "+strings.Join(o.names(), ", "),
			"没有表头", "第一行须写明各列："+strings.Join(o.labels(), "、"))
	}
	for i := range o.Contract.Properties {
		p := &o.Contract.Properties[i]
		column, err := o.columnOf(p, columns, named, w)
		if err != nil {
			at.Text, at.Remedy, at.ZH, at.RemedyZH = err.Text, err.Remedy, err.ZH, err.RemedyZH
			return nil, &at
		}
		value, constant := o.Set[p.Name]
		if !constant && column < 0 {
			continue
		}
		f := rowField{property: p, column: column, prefix: append(appendString(nil, p.Name), ':'), coded: o.Contract.CodesOf(p) != ""}
		f.tidy = f.coded || p.KeyPosition > 0 || i == o.Contract.Region || len(p.Enum) > 0 || p.Pattern != nil
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
			return fail(columns[h], fmt.Sprintf("the column %q is not a property of %s%s", h, o.Contract.ID, didYouMean(h, o.free())),
				fmt.Sprintf("say which property it is (--map PROPERTY=%s), or leave it out (--ignore %s)", h, h),
				fmt.Sprintf("列“%s”不是 %s 的字段%s", h, o.Contract.Name, o.nearLabel(h)), "请改正表头，或删除该列；表头须与模板一致")
		}
	}
	if missing := o.missing(w); missing != "" {
		label := o.property(missing).Label
		return fail(-1, fmt.Sprintf("no column gives %s, which %s requires; the columns are: %s", missing, o.Contract.ID, strings.Join(named, ", ")),
			fmt.Sprintf("say which column it is (--map %s=COLUMN), or give one value for all records (--set %s=VALUE)", missing, missing),
			fmt.Sprintf("缺少必填列“%s”（%s）；现有各列：%s", label, missing, strings.Join(named, "、")), "请补上该列，表头须与模板一致")
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

// has says that a heading is a property's.
func (o *FileOptions) has(heading string) bool {
	if o.property(heading) != nil {
		return true
	}
	for _, c := range o.Map {
		if c == heading {
			return true
		}
	}
	return slices.Contains(o.labels(), heading)
}

func (o *FileOptions) labels() []string {
	labels := make([]string, len(o.Contract.Properties))
	for i, p := range o.Contract.Properties {
		labels[i] = p.In("zh")
	}
	return labels
}

func (o *FileOptions) nearLabel(heading string) string {
	if near := Nearest(heading, o.labels()); near != "" {
		return "；是否应为“" + near + "”"
	}
	return ""
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
	if !w.holds(cells) {
		return nil
	}
	for i := range w.fields {
		f := &w.fields[i]
		value := ""
		if f.column >= 0 && f.column < len(cells) {
			value = w.tidy(f, cells[f.column])
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

// tidy takes off a cell what a person does not see or did not mean: spaces around
// a code, the name behind it that a drop-down shows, full-width digits in numbers
// and dates. Each has exactly one meaning; free text stays as it is.
func (w *rowWriter) tidy(f *rowField, cell string) string {
	if cell == "" || strings.HasPrefix(cell, string(dateMark)) {
		return cell
	}
	out := cell
	switch {
	case f.property.Type != schemas.TypeString:
		out = narrow(strings.TrimSpace(cell))
	case f.tidy:
		if f.coded {
			code, _, _ := strings.Cut(cell, choiceMark)
			out = code
		}
		marked := len(out) < len(cell)
		out = strings.TrimSpace(out)
		p, plain := f.property, narrow(out)
		switch {
		case p.Pattern != nil && !p.Pattern.MatchString(out):
			if n := period(p, plain); p.Pattern.MatchString(n) {
				out = n
			}
		case f.coded && plain != out && isASCII(plain): // a code, typed with an input method
			out = plain
		}
		if marked {
			return out
		}
	case strings.TrimSpace(cell) == "":
		return ""
	}
	if out != cell {
		w.tidied++
	}
	return out
}

// report tells which columns were left out.
func (w *rowWriter) report(c *Converted, name func(int) string) {
	if w.tidied > 0 {
		c.note("%d cells were taken without the spaces around them, or with plain digits for full-width ones", w.tidied)
	}
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
