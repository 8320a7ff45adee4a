package schemas

import (
	"encoding/binary"
	"hash/maphash"
	"math"
	"math/bits"
)

// Sender says for whom rows are checked: the regions it may write, and the
// reference lists as they are now.
type Sender struct {
	Regions []string // GB/T 2260 codes; 512000 covers 5120xx. None allows no region
	Lists   *Lists
}

// Format is how records are written in a body.
type Format int

// The formats a body can have. FormatJSON is one object, or one array of objects.
const (
	FormatNDJSON Format = iota
	FormatJSON
	FormatCSV
)

// DecodeOptions are the circumstances of one call of Decode.
type DecodeOptions struct {
	Sender Sender
	// Partial keeps a copy of each refused record for quarantine.
	Partial bool
	// MaxErrors is how many errors are described; the rest are counted. 0 means 100.
	MaxErrors int
	// Header is the CSV heading, from Chunker.Header or ParseCSVHeader.
	Header *CSVHeader
	// KeysOnly reads a retraction: the key, and the region where the contract has one.
	KeysOnly bool
	// Unique remembers the values of unique properties from chunk to chunk. Without
	// it they are compared within the chunk only.
	Unique *Unique
}

// Decoded says what a chunk held. Rows and lines in it count from 1 within the chunk.
type Decoded struct {
	Records    int // records found: kept + rejected
	Rejected   int
	Errors     []RowError // at most MaxErrors
	ErrorCount int        // all of them
	Quarantine []QuarantinedRow
	// Body is set when it is not certain where records begin and end: the whole
	// body must be refused, in partial mode too.
	Body  *BodyError
	Lines int // lines in the chunk, to number those of the next one
	Blank int // empty lines and CSV rows without any value, which are no records
}

// QuarantinedRow is a refused record in partial mode.
type QuarantinedRow struct {
	Row    uint32
	Raw    []byte // a copy of the record as it came
	Reason RowError
}

// Shift renumbers d for a chunk that begins after so many records and lines of the body.
func (d *Decoded) Shift(records, lines int) {
	for i := range d.Errors {
		d.Errors[i].Shift(records, lines)
	}
	for i := range d.Quarantine {
		d.Quarantine[i].Row += uint32(records)
		d.Quarantine[i].Reason.Shift(records, lines)
	}
	if d.Body != nil {
		d.Body.Shift(records, lines)
	}
}

// Shift renumbers e for a chunk that begins after so many records and lines of the body.
func (e *RowError) Shift(records, lines int) {
	e.Row += records
	if e.Line > 0 {
		e.Line += lines
	}
}

const defaultMaxErrors = 100

// slot is one value of the row being read.
type slot struct {
	num  int64  // integer, scaled decimal (low half of a wide one), float bits, bool, milliseconds, days
	hi   int64  // high half of a wide decimal
	code uint32 // position + 1 in the list or enumeration
	str  []byte // the text of strings and codes
}

func (s *slot) float() float64 { return math.Float64frombits(uint64(s.num)) }

func (s *slot) wide() wide { return wide{hi: s.hi, lo: uint64(s.num)} }

// column holds one property of the kept rows, in the form ClickHouse's Native format wants.
type column struct {
	data  []byte   // fixed-width little-endian values, or strings each behind its length
	nulls []byte   // 1 where null, for nullable columns that are not coded
	codes []uint32 // for coded columns; 0 is null
	list  *List    // what codes point into
}

// Batch holds the kept rows of one chunk in typed columns. It is not safe for
// concurrent use. Take it from Plan.Batch, give it back with Release.
type Batch struct {
	plan    *Plan
	cols    []column
	rows    int
	numbers []uint32
	gaps    bool // a record was rejected: numbers is in use
	hashes  []uint64

	// The row being read.
	slots     []slot
	seen, has bitset
	wrong     bitset // fields that got an error
	bad       bool
	short     bool     // the record's text ended too early
	reason    RowError // the row's first error, in partial mode
	scratch   []byte   // unescaped strings of the row
	row, line int

	// successor[i] is the field that came after field i last time; the last entry
	// is the first field of a record.
	successor []uint16

	calendar  calendar
	checks    []codeCheck
	opt       *DecodeOptions
	maxErrors int
	regions   [1 << regionBits]uint64 // packed codes that are the sender's
	own       *Unique
	out       Decoded
}

func newBatch(p *Plan) *Batch {
	n := len(p.fields)
	b := &Batch{plan: p, cols: make([]column, n), slots: make([]slot, n), checks: make([]codeCheck, n),
		successor: make([]uint16, n+1)}
	for i := range n {
		b.successor[i] = uint16((i + 1) % n)
		if p.fields[i].enum != nil {
			b.cols[i].list = p.fields[i].enum
		}
	}
	return b
}

// Batch takes an empty batch from the plan's pool.
func (p *Plan) Batch() *Batch {
	b := p.batches.Get().(*Batch)
	b.reset()
	return b
}

// Release gives b back to its plan's pool; b must not be used after it.
func (b *Batch) Release() {
	b.opt = nil
	b.out = Decoded{}
	b.reason = RowError{}
	clear(b.slots)
	b.plan.batches.Put(b)
}

func (b *Batch) reset() {
	for i := range b.cols {
		c := &b.cols[i]
		c.data, c.nulls, c.codes = c.data[:0], c.nulls[:0], c.codes[:0]
	}
	b.rows, b.numbers, b.gaps, b.hashes = 0, b.numbers[:0], false, b.hashes[:0]
	b.row, b.line = 0, 0
	clear(b.regions[:])
	b.out = Decoded{}
	if b.own != nil {
		b.own.reset()
	}
}

// Rows is the number of kept rows.
func (b *Batch) Rows() int { return b.rows }

// KeyHashes has one seeded 64-bit hash of the primary key a kept row. Equal keys have
// equal hashes in one process only: the seed is random. The slice belongs to the batch.
func (b *Batch) KeyHashes() []uint64 { return b.hashes }

// RowNumbers is nil when kept row i is record i + 1 of the chunk, else the 1-based
// record number of each kept row. The slice belongs to the batch.
func (b *Batch) RowNumbers() []uint32 {
	if !b.gaps {
		return nil
	}
	return b.numbers
}

// Bytes is about how much memory the rows take.
func (b *Batch) Bytes() int {
	n := 8*len(b.hashes) + 4*len(b.numbers)
	for i := range b.cols {
		n += len(b.cols[i].data) + len(b.cols[i].nulls) + 4*len(b.cols[i].codes)
	}
	return n
}

// reject counts the row as refused.
func (b *Batch) reject(raw []byte) {
	b.out.Rejected++
	if !b.gaps {
		b.gaps = true
		for i := range b.rows {
			b.numbers = append(b.numbers, uint32(i+1))
		}
	}
	if b.opt.Partial {
		b.out.Quarantine = append(b.out.Quarantine,
			QuarantinedRow{Row: uint32(b.row), Raw: append([]byte(nil), raw...), Reason: b.reason})
	}
}

// commit appends the row to the columns.
func (b *Batch) commit() {
	fields := b.plan.fields
	keysOnly := b.opt.KeysOnly
	for i := range fields {
		f, c, s := &fields[i], &b.cols[i], &b.slots[i]
		if keysOnly && !b.plan.keyOnly.has(i) {
			continue
		}
		if f.nullable {
			null := byte(0)
			if !b.has.has(i) {
				*s = slot{}
				null = 1
			}
			if f.kind != kindCode {
				c.nulls = append(c.nulls, null)
			}
		}
		switch f.kind {
		case kindString:
			if len(s.str) < 0x80 {
				c.data = append(c.data, byte(len(s.str)))
			} else {
				c.data = binary.AppendUvarint(c.data, uint64(len(s.str)))
			}
			c.data = append(c.data, s.str...)
		case kindCode:
			c.codes = append(c.codes, s.code)
		case kindBool:
			c.data = append(c.data, byte(s.num))
		case kindWide:
			c.data = binary.LittleEndian.AppendUint64(c.data, uint64(s.num))
			c.data = binary.LittleEndian.AppendUint64(c.data, uint64(s.hi))
		default:
			if f.width == 4 {
				c.data = binary.LittleEndian.AppendUint32(c.data, uint32(s.num))
			} else {
				c.data = binary.LittleEndian.AppendUint64(c.data, uint64(s.num))
			}
		}
	}
	b.hashes = append(b.hashes, b.keyHash())
	if b.gaps {
		b.numbers = append(b.numbers, uint32(b.row))
	}
	b.rows++
}

// keyMix1 and keyMix2 fold the columns of a key into one hash.
var (
	keyMix1 = maphash.String(hashSeed, "key") | 1
	keyMix2 = maphash.String(hashSeed, "fold") | 1
)

func (b *Batch) keyHash() uint64 {
	h := keyMix1
	for _, k := range b.plan.keys {
		h = mix(h^b.valueHash(k), keyMix2)
	}
	return h
}

// valueHash hashes the value of field i, which must be there.
func (b *Batch) valueHash(i int) uint64 {
	s := &b.slots[i]
	switch b.plan.fields[i].kind {
	case kindString:
		return maphash.Bytes(hashSeed, s.str)
	case kindCode:
		return b.cols[i].list.hashes[s.code-1]
	case kindWide:
		return mix(uint64(s.num)^keyMix1, uint64(s.hi)^keyMix2)
	}
	return uint64(s.num) ^ keyMix2
}

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
