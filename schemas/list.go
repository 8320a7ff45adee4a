package schemas

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
)

// hashSeed seeds every hash of keys and codes in this process. It is random, so
// that nobody outside can choose keys that collide; hashes never leave the process.
var hashSeed = maphash.MakeSeed()

// ListEntry is one code of a reference list.
type ListEntry struct {
	Code   string
	Name   string `json:",omitempty"` // for people who choose a code; "": none kept
	Region string // GB/T 2260 code of the side that owns the entry; "": none
	Attrs  map[string]string
}

// List is an immutable snapshot of a reference list. Its codes, in the order given,
// are the dictionary of the columns that are checked against it.
type List struct {
	id      string
	entries []ListEntry
	// table is an open-addressed index of entries: position + 1, 0 where empty.
	// Its length is a power of two, at most half full.
	table  []uint32
	hashes []uint64 // hash of entry i's code
	// dict is the dictionary in ClickHouse's String encoding: the empty string
	// (which stands for null, or is unused), then each code.
	dict []byte
}

// NewList makes a snapshot of entries. Where a code occurs twice the last one counts.
func NewList(id string, entries []ListEntry) *List {
	l := &List{id: id, entries: make([]ListEntry, 0, len(entries))}
	size := 8
	for size < 2*len(entries) {
		size *= 2
	}
	l.table = make([]uint32, size)
	for _, e := range entries {
		h := maphash.String(hashSeed, e.Code)
		at := l.slot(h, e.Code)
		if n := l.table[at]; n != 0 {
			l.entries[n-1] = e
			continue
		}
		l.entries = append(l.entries, e)
		l.hashes = append(l.hashes, h)
		l.table[at] = uint32(len(l.entries))
	}
	l.dict = []byte{0}
	for _, e := range l.entries {
		l.dict = binary.AppendUvarint(l.dict, uint64(len(e.Code)))
		l.dict = append(l.dict, e.Code...)
	}
	return l
}

// slot is where code stands in the table, or the empty place where it would.
func (l *List) slot(h uint64, code string) uint32 {
	mask := uint32(len(l.table) - 1)
	for at := uint32(h) & mask; ; at = (at + 1) & mask {
		n := l.table[at]
		if n == 0 || l.hashes[n-1] == h && l.entries[n-1].Code == code {
			return at
		}
	}
}

// find returns the position + 1 of code, 0 when the list does not hold it.
func (l *List) find(code []byte) uint32 {
	h := maphash.Bytes(hashSeed, code)
	mask := uint32(len(l.table) - 1)
	for at := uint32(h) & mask; ; at = (at + 1) & mask {
		n := l.table[at]
		if n == 0 || l.hashes[n-1] == h && l.entries[n-1].Code == string(code) {
			return n
		}
	}
}

// ID is the list's id, the dataset it comes from.
func (l *List) ID() string { return l.id }

// Len is the number of codes.
func (l *List) Len() int { return len(l.entries) }

// Lookup finds the entry of code.
func (l *List) Lookup(code string) (ListEntry, bool) {
	n := l.table[l.slot(maphash.String(hashSeed, code), code)]
	if n == 0 {
		return ListEntry{}, false
	}
	return l.entries[n-1], true
}

// Entries returns the entries in order; the slice belongs to the list.
func (l *List) Entries() []ListEntry { return l.entries }

// codes returns up to limit codes, for messages.
func (l *List) codes(limit int) []string {
	var out []string
	for i := range l.entries {
		if i == limit {
			break
		}
		out = append(out, l.entries[i].Code)
	}
	return out
}

// Lists is an immutable snapshot of all reference lists at one generation.
type Lists struct {
	Generation uint64
	lists      []*List
}

// NewLists makes a snapshot of lists.
func NewLists(generation uint64, lists ...*List) *Lists {
	return &Lists{Generation: generation, lists: slices.Clone(lists)}
}

// List returns the list of that id, nil when there is none. A nil Lists holds none.
func (l *Lists) List(id string) *List {
	if l == nil {
		return nil
	}
	for _, list := range l.lists {
		if list.id == id {
			return list
		}
	}
	return nil
}

// With returns the next generation: l with list added, or put in place of the one of its id.
func (l *Lists) With(list *List) *Lists {
	if l == nil {
		return NewLists(1, list)
	}
	next := NewLists(l.Generation+1, l.lists...)
	for i, old := range next.lists {
		if old.id == list.id {
			next.lists[i] = list
			return next
		}
	}
	next.lists = append(next.lists, list)
	return next
}
