package schemas

import "sync"

// Unique remembers the values of a submission's unique properties, as hashes. It may
// be shared by the goroutines that decode one submission's chunks; which of two equal
// rows is refused then depends on which is read first.
type Unique struct {
	mu   sync.Mutex
	sets []HashSet
}

// Unique makes an empty memory for one submission; nil when the contract has no
// unique property beside its key.
func (p *Plan) Unique() *Unique {
	if len(p.unique) == 0 {
		return nil
	}
	return &Unique{sets: make([]HashSet, len(p.unique))}
}

func (u *Unique) reset() {
	for i := range u.sets {
		u.sets[i].Reset()
	}
}

// checkUnique refuses the row when a unique property holds a value that an earlier kept row has.
func (b *Batch) checkUnique() bool {
	u := b.opt.Unique
	if u == nil {
		if b.own == nil {
			b.own = b.plan.Unique()
		}
		u = b.own
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, i := range b.plan.unique {
		f := &b.plan.fields[i]
		if b.has.has(i) && u.sets[f.unique].has(b.valueHash(i)) {
			return b.fail(f, CodeDuplicateKey, b.slots[i].text(f))
		}
	}
	for _, i := range b.plan.unique {
		if b.has.has(i) {
			u.sets[b.plan.fields[i].unique].Add(b.valueHash(i))
		}
	}
	return true
}
