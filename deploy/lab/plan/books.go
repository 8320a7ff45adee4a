package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/zida-hub/zida/hub/cli/demo"
	"github.com/zida-hub/zida/schemas"
)

// books keep what the demo pushes, by the rules that the exchange promises: the last
// of equal keys counts, and what was retracted is gone. They know nothing of the hub.
type books struct {
	now    map[string]*book
	first  map[string]*book // before anything was revised
	pushed int
}

// book is one dataset.
type book struct {
	keys    []string
	columns map[string]int
	records []record
	place   map[string]int // of a key in records
}

// record is one record by its fields' texts; a field that was left out is empty.
type record struct {
	b      *book
	values []string
	agency string
	gone   bool
}

func (r record) text(field string) string {
	if at, ok := r.b.columns[field]; ok && at < len(r.values) {
		return r.values[at]
	}
	return ""
}

// number is exact; nil when the field was left out.
func (r record) number(field string) *big.Rat {
	text := r.text(field)
	if text == "" {
		return nil
	}
	v, ok := new(big.Rat).SetString(text)
	if !ok {
		panic(field + " is no number: " + text)
	}
	return v
}

// count is a whole number, 0 when left out.
func (r record) count(field string) int64 {
	if v := r.number(field); v != nil {
		return v.Num().Int64()
	}
	return 0
}

// region is that of the record, or the one in the code of its spot, park, section …
func (r record) region() string {
	if region := r.text("region"); region != "" {
		return region
	}
	return r.text(r.b.keys[0])[:6]
}

// sideOf is the side that a region lies on.
func sideOf(region string) string {
	if strings.HasPrefix(region, "50") {
		return "大足"
	}
	return "资阳"
}

func keep(world *demo.World) (*books, error) {
	k := &books{now: map[string]*book{}}
	contracts, err := schemas.Embedded()
	if err != nil {
		return nil, err
	}
	for _, c := range contracts {
		b := &book{columns: map[string]int{}, place: map[string]int{}}
		for _, at := range c.Key {
			b.keys = append(b.keys, c.Properties[at].Name)
		}
		k.now[c.ID] = b
		if rows, ok := schemas.StarterRows(c.ID); ok {
			if err := b.take(&demo.Submission{Body: rows}); err != nil {
				return nil, err
			}
		}
	}
	for s := range world.Submissions() {
		if !s.First && k.first == nil {
			k.first = map[string]*book{}
			for id, b := range k.now {
				k.first[id] = &book{keys: b.keys, columns: maps.Clone(b.columns), records: slices.Clone(b.records)}
			}
		}
		if err := k.now[s.Dataset].take(s); err != nil {
			return nil, fmt.Errorf("%s of %s: %w", s.Dataset, s.Side.ID, err)
		}
		k.pushed += bytes.Count(s.Body, []byte("\n"))
	}
	return k, nil
}

func (b *book) take(s *demo.Submission) error {
	row := 0
	for line := range bytes.Lines(s.Body) {
		if row++; slices.Contains(s.Refused, row) {
			continue
		}
		var fields map[string]any
		dec := json.NewDecoder(bytes.NewReader(line))
		dec.UseNumber()
		if err := dec.Decode(&fields); err != nil {
			return err
		}
		r := record{b: b, values: make([]string, len(b.columns)), agency: s.Side.ID, gone: s.Reason != ""}
		for name, v := range fields {
			at, ok := b.columns[name]
			if !ok {
				at = len(b.columns)
				b.columns[name] = at
			}
			for len(r.values) <= at {
				r.values = append(r.values, "")
			}
			r.values[at] = fmt.Sprint(v)
		}
		var key strings.Builder
		for _, name := range b.keys {
			key.WriteString(r.text(name) + "\n")
		}
		at, ok := b.place[key.String()]
		switch {
		case ok:
			b.records[at] = r
		case r.gone:
			return fmt.Errorf("%q is retracted and was never pushed", key.String())
		default:
			b.place[key.String()] = len(b.records)
			b.records = append(b.records, r)
		}
	}
	return nil
}

// each gives f every current record whose field lies in [from, to), as texts; no
// bounds, all.
func (k *books) each(dataset, field, from, to string, f func(r record)) {
	eachOf(k.now, dataset, field, from, to, f)
}

func eachOf(shelf map[string]*book, dataset, field, from, to string, f func(r record)) {
	b := shelf[dataset]
	if b == nil {
		panic("no dataset " + dataset)
	}
	for _, r := range b.records {
		if r.gone || from != "" && r.text(field) < from || to != "" && r.text(field) >= to {
			continue
		}
		f(r)
	}
}

// list is an attribute of a reference list, by code.
func (k *books) list(dataset, field string) map[string]string {
	out := map[string]string{}
	k.each(dataset, "", "", "", func(r record) { out[r.text(r.b.keys[0])] = r.text(field) })
	return out
}

// limits is the same of a numeric attribute; codes without one are not there.
func (k *books) limits(dataset, field string) map[string]*big.Rat {
	out := map[string]*big.Rat{}
	k.each(dataset, "", "", "", func(r record) {
		if v := r.number(field); v != nil {
			out[r.text(r.b.keys[0])] = v
		}
	})
	return out
}
