package schemas

import "math/bits"

// HashSet is a set of 64-bit hashes at 11 to 21 bytes an entry, to count which keys
// of a submission came before. The zero value is ready. Up to splitAt entries it is
// one table; then it splits into shards that grow on their own, so that growing
// never needs twice the memory of the whole.
type HashSet struct {
	shards []hashShard
	n      int
}

type hashShard struct {
	slots []uint64 // 0: empty; linear probing from hash × len / 2⁶⁴
	n     int
}

const (
	splitAt    = 1 << 15
	shardBits  = 8
	firstSlots = 64
)

// Len is the number of hashes in the set.
func (s *HashSet) Len() int { return s.n }

// Reset empties the set and keeps the memory of a small one.
func (s *HashSet) Reset() {
	s.n = 0
	if len(s.shards) == 1 {
		clear(s.shards[0].slots)
		s.shards[0].n = 0
		return
	}
	s.shards = nil
}

// Add puts h in the set and reports whether it was not there before.
func (s *HashSet) Add(h uint64) bool {
	if h == 0 {
		h = 1
	}
	if s.n >= splitAt && len(s.shards) == 1 {
		s.split()
	}
	if s.shards == nil {
		s.shards = make([]hashShard, 1)
	}
	shard := &s.shards[0]
	if len(s.shards) > 1 {
		shard = &s.shards[h&(1<<shardBits-1)]
	}
	if !shard.add(h) {
		return false
	}
	s.n++
	return true
}

func (s *HashSet) split() {
	old := s.shards[0]
	s.shards = make([]hashShard, 1<<shardBits)
	for _, h := range old.slots {
		if h != 0 {
			s.shards[h&(1<<shardBits-1)].add(h)
		}
	}
}

// roomy is the size of a shard up to which speed is worth its memory: it doubles,
// and stays three quarters full at most. The 256 shards together are 64 MiB then.
const roomy = 1 << 15

func (t *hashShard) add(h uint64) bool {
	full := len(t.slots) / 8 * 7
	if len(t.slots) <= roomy {
		full = len(t.slots) / 4 * 3
	}
	if t.n >= full {
		t.grow()
	}
	if !t.put(h) {
		return false
	}
	t.n++
	return true
}

func (t *hashShard) put(h uint64) bool {
	at, _ := bits.Mul64(h, uint64(len(t.slots)))
	for i := int(at); ; {
		switch t.slots[i] {
		case 0:
			t.slots[i] = h
			return true
		case h:
			return false
		}
		if i++; i == len(t.slots) {
			i = 0
		}
	}
}

func (t *hashShard) grow() {
	old := t.slots
	size := len(old) + len(old)/2
	if len(old) < roomy {
		size = 2 * len(old)
	}
	t.slots = make([]uint64, max(firstSlots, size))
	for _, h := range old {
		if h != 0 {
			t.put(h)
		}
	}
}

// has reports whether h is in the set.
func (s *HashSet) has(h uint64) bool {
	if h == 0 {
		h = 1
	}
	if s.shards == nil {
		return false
	}
	shard := &s.shards[0]
	if len(s.shards) > 1 {
		shard = &s.shards[h&(1<<shardBits-1)]
	}
	if len(shard.slots) == 0 {
		return false
	}
	at, _ := bits.Mul64(h, uint64(len(shard.slots)))
	for i := int(at); ; {
		switch shard.slots[i] {
		case 0:
			return false
		case h:
			return true
		}
		if i++; i == len(shard.slots) {
			i = 0
		}
	}
}
