package schemas

import "encoding/binary"

// listName is the property of a reference list that names its entries for people.
const listName = "name"

// ListEntries reads the rows of a reference list's batch as entries: the key, the
// name, the region, and the coded properties as attributes, which are what another
// contract can ask of a code.
func (b *Batch) ListEntries() []ListEntry {
	c := b.plan.contract
	entries := make([]ListEntry, b.rows)
	for i := range entries {
		entries[i].Attrs = map[string]string{}
	}
	for at := range b.plan.fields {
		f := &b.plan.fields[at]
		take := func(row int, value string) {
			switch {
			case at == c.Key[0]:
				entries[row].Code = value
			case at == c.Region:
				entries[row].Region = value
			case f.kind == kindString && f.prop.Name == listName:
				entries[row].Name = value
			case f.kind == kindCode && value != "":
				entries[row].Attrs[f.prop.Name] = value
			}
		}
		switch f.kind {
		case kindString:
			data := b.cols[at].data
			for row := range b.rows {
				n, used := binary.Uvarint(data)
				take(row, string(data[used:used+int(n)]))
				data = data[used+int(n):]
			}
		case kindCode:
			for row, code := range b.cols[at].codes {
				if code > 0 {
					take(row, b.cols[at].list.entries[code-1].Code)
				}
			}
		}
	}
	return entries
}

// NewRowError makes an error of a record that only the hub can find: what the
// record says is right in itself, but not for this sender, or not now.
func NewRowError(row int, field, code, value, zh, en string) RowError {
	return RowError{Row: row, Field: field, Code: code, Value: value, Message: zh, say: &saying{zh: zh, en: en}}
}
