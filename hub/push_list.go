package hub

import (
	"fmt"

	"github.com/zida-hub/zida/schemas"
)

// ownEntries notes which entries of a reference list a batch sets, and refuses
// those that belong to the other side: an entry's region follows from its key,
// and stays what it was.
func (h *Hub) ownEntries(p *push, k *checked, b *schemas.Batch, d *schemas.Decoded, opt *schemas.DecodeOptions) {
	if p.ds.contract.Region < 0 {
		k.set(b.ListEntries(), opt.KeysOnly)
		return
	}
	now := opt.Sender.Lists.List(p.ds.contract.ID)
	numbers := b.RowNumbers()
	entries := b.ListEntries()
	for i := range entries {
		e := &entries[i]
		if now == nil {
			continue
		}
		old, ok := now.Lookup(e.Code)
		if !ok || schemas.CoversRegion(p.who.Regions, old.Region) {
			continue
		}
		row := k.records + i + 1
		if numbers != nil {
			row = k.records + int(numbers[i])
		}
		field := p.ds.contract.Properties[p.ds.contract.Key[0]].Name
		d.Errors = append(d.Errors, schemas.NewRowError(row, field, schemas.CodeRegionNotAllowed, e.Code,
			fmt.Sprintf("%s 属于 %s，不在本机构的地区之内，只能由其所属一方修改", e.Code, old.Region),
			fmt.Sprintf("%s belongs to %s, which is not among your agency's regions; only its own side may change it", e.Code, old.Region)))
		d.ErrorCount++
		// Not counted as rejected: one entry of the other side's refuses the whole
		// body, in partial mode too.
		k.foreign = true
	}
	k.set(entries, opt.KeysOnly)
}

func (k *checked) set(entries []schemas.ListEntry, retraction bool) {
	if !retraction {
		k.list.Set = append(k.list.Set, entries...)
		return
	}
	for i := range entries {
		k.list.Drop = append(k.list.Drop, entries[i].Code)
	}
}
