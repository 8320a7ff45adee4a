package writer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/ClickHouse/ch-go/compress"

	"github.com/zida-hub/zida/hub/journal"
)

// Blocks of a few rows each cost ClickHouse far more than their rows do: about a
// third of a millisecond a block, whatever is in it. So the small sections of a
// round are put together, column by column, before they are sent.
const (
	mergeBelow = 8192   // rows of a section that is worth it
	mergeUpTo  = 65_536 // rows of what comes out
)

// merger joins the columns of sections that have the same columns.
type merger struct {
	cols []mergedColumn
	raw  bytes.Buffer
	src  bytes.Reader
}

// mergedColumn is one column in its plain form: no dictionary, nulls apart.
type mergedColumn struct {
	name, kind string
	nullable   bool
	nulls      []byte
	data       []byte
}

func (m *merger) reset() {
	for i := range m.cols {
		m.cols[i].nulls, m.cols[i].data = m.cols[i].nulls[:0], m.cols[i].data[:0]
	}
}

// add appends a section's rows.
func (m *merger) add(s *journal.Section) error {
	m.src.Reset(s.Frames)
	m.raw.Reset()
	// A reader each: one that met the end gives its last frame again.
	if _, err := m.raw.ReadFrom(compress.NewReader(&m.src)); err != nil && m.src.Len() > 0 {
		return fmt.Errorf("writer: decompress: %w", err)
	}
	r := nativeReader{b: m.raw.Bytes()}
	for i := range s.Columns {
		name, kind := r.text(), r.text()
		if i == len(m.cols) {
			m.cols = append(m.cols, mergedColumn{})
		}
		c := &m.cols[i]
		if c.name != name { // the first section, or another dataset than last time
			*c = mergedColumn{name: name, nulls: c.nulls[:0], data: c.data[:0]}
		}
		if err := r.column(c, kind, int(s.Rows)); err != nil {
			return fmt.Errorf("writer: column %s of %s: %w", name, s.Dataset, err)
		}
	}
	m.cols = m.cols[:len(s.Columns)]
	if r.bad || len(r.b) != 0 {
		return fmt.Errorf("writer: columns of %s: %w", s.Dataset, journal.ErrCorrupt)
	}
	return nil
}

// append writes the joined columns.
func (m *merger) append(n *native) {
	for i := range m.cols {
		c := &m.cols[i]
		n.head(c.name, c.kind)
		if c.nullable {
			n.b = append(n.b, c.nulls...)
		}
		n.b = append(n.b, c.data...)
	}
}

// nativeReader walks Native column data that this hub wrote.
type nativeReader struct {
	b   []byte
	bad bool
}

func (r *nativeReader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *nativeReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *nativeReader) u64() uint64 {
	if p := r.take(8); p != nil {
		return binary.LittleEndian.Uint64(p)
	}
	return 0
}

func (r *nativeReader) text() string { return string(r.take(int(min(r.uvarint(), 1<<30)))) }

// strings takes n strings, each behind its length, as they are.
func (r *nativeReader) strings(n int) []byte {
	begin := r.b
	for range n {
		r.take(int(min(r.uvarint(), 1<<30)))
	}
	if r.bad {
		return nil
	}
	return begin[:len(begin)-len(r.b)]
}

func (r *nativeReader) column(c *mergedColumn, kind string, rows int) error {
	plain, coded := kind, false
	if inner, ok := strings.CutPrefix(kind, "LowCardinality("); ok {
		plain, coded = strings.TrimSuffix(inner, ")"), true
	}
	inner, nullable := strings.CutPrefix(plain, "Nullable(")
	if nullable {
		inner = strings.TrimSuffix(inner, ")")
	}
	c.kind, c.nullable = plain, nullable
	switch {
	case coded && inner == "String":
		return r.coded(c, rows)
	case coded:
		return fmt.Errorf("%w: a dictionary of %s", journal.ErrCorrupt, inner)
	}
	if nullable {
		c.nulls = append(c.nulls, r.take(rows)...)
	}
	if inner == "String" {
		c.data = append(c.data, r.strings(rows)...)
		return nil
	}
	width := widthOf(inner)
	if width == 0 {
		return fmt.Errorf("%w: type %s", journal.ErrCorrupt, kind)
	}
	c.data = append(c.data, r.take(width*rows)...)
	return nil
}

// coded takes a column with a dictionary and appends the strings themselves. Entry
// 0 stands for null where the column has nulls.
func (r *nativeReader) coded(c *mergedColumn, rows int) error {
	if v := r.u64(); v != lowCardinalityVersion {
		return fmt.Errorf("%w: dictionary version %d", journal.ErrCorrupt, v)
	}
	width := 1 << (r.u64() & 0xff)
	entries := make([][]byte, min(r.u64(), uint64(len(r.b))))
	for i := range entries {
		entries[i] = r.strings(1)
	}
	if r.u64() != uint64(rows) || width > 4 {
		return fmt.Errorf("%w: dictionary column", journal.ErrCorrupt)
	}
	keys := r.take(width * rows)
	for i := 0; i < len(keys); i += width {
		key := uint32(0)
		for b := width - 1; b >= 0; b-- {
			key = key<<8 | uint32(keys[i+b])
		}
		if int(key) >= len(entries) {
			return fmt.Errorf("%w: dictionary key", journal.ErrCorrupt)
		}
		if c.nullable {
			null := byte(0)
			if key == 0 {
				null = 1
			}
			c.nulls = append(c.nulls, null)
		}
		c.data = append(c.data, entries[key]...)
	}
	return nil
}

// widthOf is the size of a value of a fixed-width type, 0 for others.
func widthOf(kind string) int {
	switch {
	case kind == "Bool":
		return 1
	case kind == "Date32":
		return 4
	case kind == "Int64", kind == "Float64", strings.HasPrefix(kind, "DateTime64("):
		return 8
	}
	if digits, ok := strings.CutPrefix(kind, "Decimal("); ok {
		digits, _, _ = strings.Cut(digits, ",")
		switch n, err := strconv.Atoi(strings.TrimSpace(digits)); {
		case err != nil || n > 38:
			return 0
		case n > 18:
			return 16
		case n > 9:
			return 8
		default:
			return 4
		}
	}
	return 0
}
