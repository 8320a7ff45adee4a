package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/zida-hub/zida/schemas"
)

// MaxRows is how many rows one message (or one large submission) can hold: the
// row's index is the low 24 bits of a version.
const MaxRows = 1<<24 - 1

// Version is a row's version: order in the journal, and nothing else.
func Version(sequence uint64, index int) uint64 { return sequence<<24 | uint64(index) }

// SequenceOf returns the journal sequence that a version belongs to.
func SequenceOf(version uint64) uint64 { return version >> 24 }

// Kind says what a submission does to the rows it names.
type Kind uint8

// Submissions either push rows (new or revised) or retract them.
const (
	Push Kind = iota
	Retraction
)

func (k Kind) String() string {
	if k == Retraction {
		return "retraction"
	}
	return "push"
}

// Submission is what the journal knows of one accepted submission: everything
// its receipt says, and who sent it.
type Submission struct {
	Dataset                                  string
	Contract                                 string // contract version the rows were checked against
	Agency                                   string
	Client                                   string
	Kind                                     Kind
	Partial                                  bool
	Received, Accepted, Rejected, Superseded uint32
	Bytes                                    uint64   // of the body after content decoding
	SHA256                                   [32]byte // of the body after content decoding
	KeyHash                                  [16]byte // of client, dataset and Idempotency-Key; zero: none was given
	Reason                                   string   // of a retraction
	Mends                                    string   // the submission whose rejected rows it brings again, mended
	Section                                  int      // index of the section that holds the rows, -1 when they are staged
	Parts                                    []Part   // the staged parts of a large submission
	Columns                                  []string // names of the staged parts\' columns
	Rejects                                  []byte   // quarantined rows and their reasons (JSON lines); staged parts carry their own
	List                                     []byte   // of a reference list: the entries it sets or takes away (JSON), for every hub\'s memory
}

// HasKey tells whether the sender gave an Idempotency-Key.
func (s *Submission) HasKey() bool { return s.KeyHash != [16]byte{} }

// Part names a staged part by its sequence in the stage stream.
type Part struct {
	Sequence uint64
	Rows     uint32
	Rejects  uint32
}

// Section holds rows of one dataset: the Native encoding of the contract's
// columns as ClickHouse compressed frames, ready to be sent on as they are.
type Section struct {
	Dataset  string
	Contract string
	Columns  []string // names, in the order of the frames
	Rows     uint32
	Deleted  bool
	// RowNumbers are the rows' places in the bodies they came in, when those are
	// not simply 1, 2, 3 … in each submission.
	RowNumbers []uint32
	Frames     []byte
}

// Block is one journal message: submissions that were made durable together.
type Block struct {
	ID          [16]byte // random; tells a publisher whether a block it doubts is its own
	Sequence    uint64   // of the message; known to the publisher because it compares-and-sets
	ReceivedAt  time.Time
	KID         string
	Signature   []byte // over the Merkle root of the submissions' receipts
	Submissions []Submission
	Sections    []Section
	// Tree is the Merkle tree over the submissions' receipts; made by whoever
	// needs it, never written.
	Tree *schemas.Tree
}

const (
	blockMagic = "ZJB1"
	partMagic  = "ZJP1"
	frameHead  = 4 + 8 // magic, xxhash64 of the rest
)

// ErrCorrupt is returned for a message whose checksum or shape is wrong.
var ErrCorrupt = errors.New("journal: message is damaged")

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func appendBytes(b, s []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func appendNames(b []byte, names []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(names)))
	for _, name := range names {
		b = appendString(b, name)
	}
	return b
}

func seal(b []byte) []byte {
	binary.LittleEndian.PutUint64(b[4:frameHead], xxhash.Sum64(b[frameHead:]))
	return b
}

func open(b []byte, magic string) ([]byte, error) {
	if len(b) < frameHead || string(b[:4]) != magic {
		return nil, fmt.Errorf("%w: not a %s frame", ErrCorrupt, magic)
	}
	if binary.LittleEndian.Uint64(b[4:frameHead]) != xxhash.Sum64(b[frameHead:]) {
		return nil, fmt.Errorf("%w: checksum differs", ErrCorrupt)
	}
	return b[frameHead:], nil
}

// AppendBlock appends the block's frame to dst. The sequence is part of it, so
// that a message moved or copied elsewhere is noticed.
func AppendBlock(dst []byte, b *Block) []byte {
	start := len(dst)
	dst = append(dst, blockMagic...)
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
	dst = append(dst, b.ID[:]...)
	dst = binary.AppendUvarint(dst, b.Sequence)
	dst = binary.AppendVarint(dst, b.ReceivedAt.UnixMilli())
	dst = appendString(dst, b.KID)
	dst = appendBytes(dst, b.Signature)
	dst = binary.AppendUvarint(dst, uint64(len(b.Submissions)))
	for i := range b.Submissions {
		dst = appendSubmission(dst, &b.Submissions[i])
	}
	dst = binary.AppendUvarint(dst, uint64(len(b.Sections)))
	for i := range b.Sections {
		dst = appendSection(dst, &b.Sections[i])
	}
	seal(dst[start:])
	return dst
}

const (
	flagRetraction = 1 << iota
	flagPartial
	flagKey
	flagDeleted
	flagRowNumbers
	flagMends
)

func appendSubmission(b []byte, s *Submission) []byte {
	var flags byte
	if s.Kind == Retraction {
		flags |= flagRetraction
	}
	if s.Partial {
		flags |= flagPartial
	}
	if s.HasKey() {
		flags |= flagKey
	}
	if s.Mends != "" {
		flags |= flagMends
	}
	b = append(b, flags)
	b = appendString(b, s.Dataset)
	b = appendString(b, s.Contract)
	b = appendString(b, s.Agency)
	b = appendString(b, s.Client)
	for _, n := range [...]uint32{s.Received, s.Accepted, s.Rejected, s.Superseded} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = binary.AppendUvarint(b, s.Bytes)
	b = append(b, s.SHA256[:]...)
	if s.HasKey() {
		b = append(b, s.KeyHash[:]...)
	}
	b = appendString(b, s.Reason)
	if s.Mends != "" {
		b = appendString(b, s.Mends)
	}
	b = binary.AppendVarint(b, int64(s.Section))
	b = binary.AppendUvarint(b, uint64(len(s.Parts)))
	if len(s.Parts) > 0 {
		b = appendNames(b, s.Columns)
	}
	for _, p := range s.Parts {
		b = binary.AppendUvarint(b, p.Sequence)
		b = binary.AppendUvarint(b, uint64(p.Rows))
		b = binary.AppendUvarint(b, uint64(p.Rejects))
	}
	b = appendBytes(b, s.Rejects)
	return appendBytes(b, s.List)
}

func appendSection(b []byte, s *Section) []byte {
	var flags byte
	if s.Deleted {
		flags |= flagDeleted
	}
	if s.RowNumbers != nil {
		flags |= flagRowNumbers
	}
	b = append(b, flags)
	b = appendString(b, s.Dataset)
	b = appendString(b, s.Contract)
	b = appendNames(b, s.Columns)
	b = binary.AppendUvarint(b, uint64(s.Rows))
	if s.RowNumbers != nil {
		last := uint32(0)
		for _, n := range s.RowNumbers { // differences: small, and may go down between submissions
			b = binary.AppendVarint(b, int64(n)-int64(last))
			last = n
		}
	}
	return appendBytes(b, s.Frames)
}

// AppendPart appends the frame of one staged part: a section, and the rows of
// its chunk that were quarantined.
func AppendPart(dst []byte, s *Section, rejects []byte) []byte {
	start := len(dst)
	dst = append(dst, partMagic...)
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
	dst = appendBytes(dst, rejects)
	dst = appendSection(dst, s)
	seal(dst[start:])
	return dst
}

// ParsePart reads a part; the section's frames and the rejects point into b.
func ParsePart(b []byte) (s Section, rejects []byte, err error) {
	body, err := open(b, partMagic)
	if err != nil {
		return s, nil, err
	}
	r := reader{b: body}
	rejects = r.bytes()
	r.section(&s)
	return s, rejects, r.end()
}

// ParseBlock reads a block; its byte slices point into b.
func ParseBlock(b []byte) (*Block, error) {
	body, err := open(b, blockMagic)
	if err != nil {
		return nil, err
	}
	r := reader{b: body}
	blk := &Block{}
	copy(blk.ID[:], r.take(16))
	blk.Sequence = r.uvarint()
	blk.ReceivedAt = time.UnixMilli(r.varint()).UTC()
	blk.KID = string(r.bytes())
	blk.Signature = r.bytes()
	n := r.count(40)
	blk.Submissions = make([]Submission, n)
	for i := range blk.Submissions {
		var prev *Submission
		if i > 0 {
			prev = &blk.Submissions[i-1]
		}
		r.submission(&blk.Submissions[i], prev)
	}
	n = r.count(5)
	blk.Sections = make([]Section, n)
	for i := range blk.Sections {
		r.section(&blk.Sections[i])
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	for i := range blk.Submissions {
		if s := blk.Submissions[i].Section; s < -1 || s >= len(blk.Sections) {
			return nil, fmt.Errorf("%w: submission %d names section %d of %d", ErrCorrupt, i, s, len(blk.Sections))
		}
	}
	return blk, nil
}

// reader takes fields off a body; the first failure sticks.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) end() error {
	if r.bad || len(r.b) != 0 {
		return fmt.Errorf("%w: fields do not add up", ErrCorrupt)
	}
	return nil
}

func (r *reader) fail() { r.bad, r.b = true, nil }

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.fail()
		return nil
	}
	p := r.b[:n:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) u32() uint32 {
	v := r.uvarint()
	if v > 1<<32-1 {
		r.fail()
	}
	return uint32(v)
}

// count reads a number of elements that take at least min bytes each.
func (r *reader) count(min int) int {
	n := r.uvarint()
	if n > uint64(len(r.b)/min) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	return r.take(int(n))
}

// text reads a string, and shares the one before it when they are equal: the
// same few names stand in every submission of a block.
func (r *reader) text(prev string) string {
	p := r.bytes()
	if string(p) == prev {
		return prev
	}
	return string(p)
}

func (r *reader) names() []string {
	names := make([]string, r.count(1))
	for i := range names {
		names[i] = string(r.bytes())
	}
	return names
}

func (r *reader) submission(s, prev *Submission) {
	if prev == nil {
		prev = &Submission{}
	}
	f := r.take(1)
	if f == nil {
		return
	}
	if f[0]&flagRetraction != 0 {
		s.Kind = Retraction
	}
	s.Partial = f[0]&flagPartial != 0
	s.Dataset = r.text(prev.Dataset)
	s.Contract = r.text(prev.Contract)
	s.Agency = r.text(prev.Agency)
	s.Client = r.text(prev.Client)
	s.Received, s.Accepted, s.Rejected, s.Superseded = r.u32(), r.u32(), r.u32(), r.u32()
	s.Bytes = r.uvarint()
	copy(s.SHA256[:], r.take(32))
	if f[0]&flagKey != 0 {
		copy(s.KeyHash[:], r.take(16))
	}
	s.Reason = r.text(prev.Reason)
	if f[0]&flagMends != 0 {
		s.Mends = string(r.bytes())
	}
	s.Section = int(r.varint())
	if n := r.count(3); n > 0 {
		s.Columns = r.names()
		s.Parts = make([]Part, n)
		for i := range s.Parts {
			s.Parts[i] = Part{Sequence: r.uvarint(), Rows: r.u32(), Rejects: r.u32()}
		}
	}
	if p := r.bytes(); len(p) > 0 {
		s.Rejects = p
	}
	if p := r.bytes(); len(p) > 0 {
		s.List = p
	}
}

func (r *reader) section(s *Section) {
	f := r.take(1)
	if f == nil {
		return
	}
	s.Deleted = f[0]&flagDeleted != 0
	s.Dataset = string(r.bytes())
	s.Contract = string(r.bytes())
	s.Columns = r.names()
	s.Rows = r.u32()
	if f[0]&flagRowNumbers != 0 {
		if uint64(s.Rows) > uint64(len(r.b)) {
			r.fail()
			return
		}
		s.RowNumbers = make([]uint32, s.Rows)
		last := int64(0)
		for i := range s.RowNumbers {
			last += r.varint()
			if last < 0 || last > 1<<32-1 {
				r.fail()
				return
			}
			s.RowNumbers[i] = uint32(last)
		}
	}
	s.Frames = r.bytes()
}
