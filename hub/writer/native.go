package writer

import (
	"encoding/binary"
	"fmt"

	"github.com/ClickHouse/ch-go/compress"
)

// native builds the columns that the writer itself adds, in ClickHouse's Native
// format: name, type, then the column's data.
type native struct {
	b []byte
	w *compress.Writer
}

func (n *native) begin(columns, rows int) {
	n.b = binary.AppendUvarint(n.b[:0], uint64(columns))
	n.b = binary.AppendUvarint(n.b, uint64(rows))
}

func (n *native) head(name, kind string) {
	n.b = binary.AppendUvarint(n.b, uint64(len(name)))
	n.b = append(n.b, name...)
	n.b = binary.AppendUvarint(n.b, uint64(len(kind)))
	n.b = append(n.b, kind...)
}

func (n *native) text(s string) {
	n.b = binary.AppendUvarint(n.b, uint64(len(s)))
	n.b = append(n.b, s...)
}

func (n *native) u8(v uint8)   { n.b = append(n.b, v) }
func (n *native) u32(v uint32) { n.b = binary.LittleEndian.AppendUint32(n.b, v) }
func (n *native) u64(v uint64) { n.b = binary.LittleEndian.AppendUint64(n.b, v) }

// run is a value that stands in a number of rows, one after the other.
type run struct {
	value string
	rows  int
}

// Flags of a LowCardinality column in the Native format: the keys of this block
// refer to a dictionary that this block carries, and to nothing else.
const (
	lowCardinalityVersion = 1
	hasAdditionalKeys     = 1 << 9
	needUpdateDictionary  = 1 << 10
	keyUInt8              = 0
	keyUInt32             = 2
)

// lowCardinality writes runs of few distinct values: dictionary, then keys.
func (n *native) lowCardinality(name string, runs []run) {
	n.head(name, "LowCardinality(String)")
	// Entry 0 is the type's default, as the server writes it itself.
	values, index := []string{""}, map[string]uint32{"": 0}
	rows, last := 0, ""
	for _, r := range runs {
		rows += r.rows
		if r.value == last { // neighbours are mostly alike
			continue
		}
		last = r.value
		if _, ok := index[r.value]; !ok {
			index[r.value] = uint32(len(values))
			values = append(values, r.value)
		}
	}
	n.u64(lowCardinalityVersion)
	wide := len(values) > 256
	if wide {
		n.u64(hasAdditionalKeys | needUpdateDictionary | keyUInt32)
	} else {
		n.u64(hasAdditionalKeys | needUpdateDictionary | keyUInt8)
	}
	n.u64(uint64(len(values)))
	for _, v := range values {
		n.text(v)
	}
	n.u64(uint64(rows))
	k := uint32(0)
	last = ""
	for _, r := range runs {
		if r.value != last {
			k, last = index[r.value], r.value
		}
		for range r.rows {
			if wide {
				n.u32(k)
			} else {
				n.u8(uint8(k))
			}
		}
	}
}

// frame compresses what was built into one frame of its own, with the method of
// the journalled frames: ClickHouse takes one method a stream. The frame is valid
// until the next call.
func (n *native) frame() ([]byte, error) {
	if n.w == nil {
		n.w = compress.NewWriter(compress.LevelZero, compress.LZ4)
	}
	if err := n.w.Compress(n.b); err != nil {
		return nil, fmt.Errorf("writer: compress: %w", err)
	}
	return n.w.Data, nil
}
