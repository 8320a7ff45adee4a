package auth

import (
	"crypto/sha256"
	"encoding/binary"
	"sync/atomic"
)

// cache holds verified tokens by their SHA-256 in a table of fixed size: a set
// of slots by the first bytes of the hash, the token that expires first making
// room. Only tokens the hub signed itself get in, so strangers cannot push
// anybody out. Reads take no lock and make no garbage.
type cache struct {
	slots []atomic.Pointer[verified]
	mask  uint32 // number of sets - 1
}

// ways is the number of slots a set has: enough that two busy tokens seldom
// fight, few enough to scan.
const ways = 8

func newCache(size int) *cache {
	sets := 1
	for sets*ways < size {
		sets *= 2
	}
	return &cache{slots: make([]atomic.Pointer[verified], sets*ways), mask: uint32(sets - 1)}
}

func (c *cache) set(sum *[sha256.Size]byte) []atomic.Pointer[verified] {
	i := (binary.LittleEndian.Uint32(sum[:4]) & c.mask) * ways
	return c.slots[i : i+ways]
}

func (c *cache) get(sum *[sha256.Size]byte) *verified {
	set := c.set(sum)
	for i := range set {
		if v := set[i].Load(); v != nil && v.sum == *sum {
			return v
		}
	}
	return nil
}

func (c *cache) put(v *verified) {
	set := c.set(&v.sum)
	victim := 0
	var soonest int64
	for i := range set {
		old := set[i].Load()
		if old == nil || old.sum == v.sum {
			victim = i
			break
		}
		if i == 0 || old.exp < soonest {
			victim, soonest = i, old.exp
		}
	}
	set[victim].Store(v)
}
