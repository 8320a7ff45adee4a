package schemas

import "encoding/binary"

// The parts of a LowCardinality column in the Native format: the version of the
// key serialization, then flags with the width of the keys, the dictionary, the keys.
const (
	lowCardinalityVersion = 1
	// The dictionary comes with the block and replaces any earlier one.
	lowCardinalityFlags = 1<<9 | 1<<10
)

// dictionaryShare is how many rows a dictionary entry must serve before a coded column
// is written as LowCardinality. Below, plain strings are smaller and ClickHouse casts them.
const dictionaryShare = 4

// AppendColumns appends the columns of all batches as one block in ClickHouse's Native
// format, each as name, type and data, and says how many columns and rows that were; the block's
// own header (number of columns and rows) is the caller's. keysOnly writes the columns of
// KeyColumns only. The batches must be of this plan; a batch without rows adds nothing.
func (p *Plan) AppendColumns(dst []byte, keysOnly bool, batches ...*Batch) (out []byte, columns int) {
	rows := 0
	for _, b := range batches {
		rows += b.rows
	}
	for i := range p.fields {
		f := &p.fields[i]
		if keysOnly && !p.keyOnly.has(i) {
			continue
		}
		columns++
		dst = appendText(dst, f.name)
		if list := commonList(i, batches); list != nil && rows >= dictionaryShare*list.Len() {
			dst = appendText(dst, f.column.Type)
			dst = appendCoded(dst, i, rows, list, batches)
			continue
		}
		dst = appendText(dst, f.plainType())
		if f.nullable {
			dst = f.appendNulls(dst, batches)
		}
		for _, b := range batches {
			dst = b.appendPlain(dst, i)
		}
	}
	return dst, columns
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// commonList is the list that all batches with rows have their codes of field i from, or nil.
func commonList(i int, batches []*Batch) *List {
	var list *List
	for _, b := range batches {
		switch {
		case b.rows == 0:
		case b.cols[i].list == nil || list != nil && list != b.cols[i].list:
			return nil
		default:
			list = b.cols[i].list
		}
	}
	return list
}

func (f *field) appendNulls(dst []byte, batches []*Batch) []byte {
	for _, b := range batches {
		c := &b.cols[f.at]
		if f.kind != kindCode {
			dst = append(dst, c.nulls...)
			continue
		}
		for _, code := range c.codes {
			null := byte(0)
			if code == 0 {
				null = 1
			}
			dst = append(dst, null)
		}
	}
	return dst
}

// appendPlain writes the column without its nulls.
func (b *Batch) appendPlain(dst []byte, i int) []byte {
	c := &b.cols[i]
	if b.plan.fields[i].kind != kindCode {
		return append(dst, c.data...)
	}
	for _, code := range c.codes {
		if code == 0 {
			dst = append(dst, 0)
			continue
		}
		dst = appendText(dst, c.list.entries[code-1].Code)
	}
	return dst
}

// appendCoded writes a coded column with the list as its dictionary. Entry 0 is null
// in a nullable column and not used in others, so that codes need no shifting.
func appendCoded(dst []byte, i, rows int, list *List, batches []*Batch) []byte {
	width := 0 // UInt8, UInt16, UInt32
	switch entries := list.Len() + 1; {
	case entries > 1<<16:
		width = 2
	case entries > 1<<8:
		width = 1
	}
	le := binary.LittleEndian
	dst = le.AppendUint64(dst, lowCardinalityVersion)
	dst = le.AppendUint64(dst, lowCardinalityFlags|uint64(width))
	dst = le.AppendUint64(dst, uint64(list.Len()+1))
	dst = append(dst, list.dict...)
	dst = le.AppendUint64(dst, uint64(rows))
	for _, b := range batches {
		codes := b.cols[i].codes
		switch width {
		case 0:
			for _, code := range codes {
				dst = append(dst, byte(code))
			}
		case 1:
			for _, code := range codes {
				dst = le.AppendUint16(dst, uint16(code))
			}
		default:
			for _, code := range codes {
				dst = le.AppendUint32(dst, code)
			}
		}
	}
	return dst
}
