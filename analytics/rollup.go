package analytics

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/zida-hub/zida/schemas"
)

// A rollup holds a dataset's records by day, for the metrics that look at nothing finer.
// Each of its rows is a record that stands for those of its day, so a metric is the same
// expression over either. After a batch the days that it touched are worked out anew from
// the current records, whatever the batch did there: revised, retracted, or came again.
//
// It may lag. What it holds is complete up to a sequence; days that were touched after it
// are read from the records themselves, so an answer is exact at every moment.
type rollup struct {
	Name    string        `yaml:"name"`
	Metrics []string      `yaml:"metrics"`
	Keys    []string      `yaml:"keys"`   // beside the day; the first is the first of the dataset's key
	Values  yaml.MapSlice `yaml:"values"` // property → expression over the day's records

	dataset string
}

const (
	rollupSuffix = "_rollup"
	rollupsTable = "rollups" // how far each is complete
)

func (r *rollup) table() string { return r.dataset + "_" + r.Name + rollupSuffix }

// columns are the properties that its rows have, the event time among them.
func (r *rollup) columns(c *schemas.Contract) []string {
	names := append(slices.Clone(r.Keys), c.Properties[c.Time].Name)
	for _, v := range r.Values {
		names = append(names, fmt.Sprint(v.Key))
	}
	return names
}

func (l *layer) rollupsOf(dataset string) []*rollup {
	var list []*rollup
	for _, r := range l.rollups {
		if r.dataset == dataset {
			list = append(list, r)
		}
	}
	return list
}

// rollupTable describes its table. Nothing writes it again after a power cut, as the
// journal does the others: what is said to be complete must be on the disk.
func rollupTable(r *rollup, c *schemas.Contract, all []schemas.Column) table {
	columns := []schemas.Column{{Name: "_version", Type: "UInt64"}, {Name: "_deleted", Type: "UInt8"}}
	for _, name := range r.columns(c) {
		for _, column := range all {
			if column.Name == name {
				columns = append(columns, column)
			}
		}
	}
	order := append(slices.Clone(r.Keys), c.Properties[c.Time].Name)
	return table{name: r.table(), columns: columns, order: order, shardBy: r.Keys[:1], partition: partitionBy(c), engine: "_version, _deleted", durable: true}
}

func rollupsProgress() table {
	return table{name: rollupsTable, columns: []schemas.Column{{Name: "name", Type: "String"}, {Name: "seq", Type: "UInt64"}}, order: []string{"name"}, shardBy: []string{"name"}, engine: "seq", durable: true}
}

// dayOf is the Chinese day of an instant, and startOfDay its first instant.
func dayOf(column string) string { return "toDate32(toTimeZone(" + column + ", 'Asia/Shanghai'))" }

func startOfDay(column string) string {
	return "toDateTime64(toStartOfDay(toTimeZone(" + column + ", 'Asia/Shanghai')), 3, 'UTC')"
}

// touched writes the groups that rows from a version on belong to. Superseded rows may be
// gone, but not the newest of a key, which is of the same group.
func (t tables) touched(s *statement, r *rollup, c *schemas.Contract, from uint64) {
	at := quote(c.Properties[c.Time].Name)
	s.add("(SELECT DISTINCT "+quote(r.Keys[0])+", "+dayOf(at)+" FROM "+t.current(c.ID)+" WHERE _version >= ?)", from)
}

// Rolled is the sequence up to which every rollup is complete; 0 where one has only begun.
func (a *Analytics) Rolled(ctx context.Context) (uint64, error) {
	var sequence uint64
	if len(a.layer.rollups) == 0 {
		return 0, nil
	}
	lowest, known := ^uint64(0), 0
	rows, err := a.store.Conn().Query(ctx, "SELECT name, max(seq) FROM "+a.tables.qualify(rollupsTable)+" GROUP BY name")
	if err != nil {
		return 0, fmt.Errorf("rollups: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name, &sequence); err != nil {
			return 0, fmt.Errorf("rollups: %w", err)
		}
		if slices.ContainsFunc(a.layer.rollups, func(r *rollup) bool { return r.table() == name }) {
			lowest, known = min(lowest, sequence), known+1
		}
	}
	if err := rows.Err(); err != nil || known < len(a.layer.rollups) {
		return 0, err
	}
	return lowest, nil
}

// Roll brings every rollup from one sequence up to another, which the current tables
// must have reached. Done twice, or over more than was needed, it changes nothing.
func (a *Analytics) Roll(ctx context.Context, from, to uint64) error {
	contracts := a.catalogue()
	for _, r := range a.layer.rollups {
		c := contracts[r.dataset]
		if c == nil {
			continue
		}
		if err := a.roll(ctx, r, c, versionsBefore(from), versionsBefore(to)-1); err != nil {
			return fmt.Errorf("rollup %s: %w", r.table(), err)
		}
		if err := a.store.Conn().Exec(ctx, "INSERT INTO "+a.tables.qualify(rollupsTable)+" (name, seq) SETTINGS async_insert=0 VALUES (?, ?)", r.table(), to); err != nil {
			return fmt.Errorf("rollup %s: %w", r.table(), err)
		}
	}
	return nil
}

func (a *Analytics) roll(ctx context.Context, r *rollup, c *schemas.Contract, from, version uint64) error {
	conn := a.store.Conn()
	name := c.Properties[c.Time].Name
	at := quote(name)
	// The span of what is touched lets partitions and parts be passed over.
	var count uint64
	var first, last time.Time
	if err := conn.QueryRow(ctx, "SELECT count(), min("+at+"), max("+at+") FROM "+a.tables.current(c.ID)+" WHERE _version >= ?", from).Scan(&count, &first, &last); err != nil {
		return err
	}
	if count == 0 {
		return nil
	}
	span := []condition{
		{at + " >= fromUnixTimestamp64Milli(?, 'UTC')", []any{first.Add(-25 * time.Hour).UnixMilli()}},
		{at + " <= fromUnixTimestamp64Milli(?, 'UTC')", []any{last.Add(25 * time.Hour).UnixMilli()}},
	}
	scope := newRowScope(nil, c)
	keys := quoteAll(r.Keys)
	columns := []string{"_version", "_deleted"}
	columns = append(columns, r.columns(c)...)
	var values []string
	for _, v := range r.Values {
		text, err := rewrite(fmt.Sprint(v.Value), scope.name)
		if err != nil {
			return err
		}
		values = append(values, text)
	}
	group := func(s *statement, from uint64) { // (first key, day) IN touched
		s.add("(" + quote(r.Keys[0]) + ", " + dayOf(at) + ") IN ")
		a.tables.touched(s, r, c, from)
	}
	// The names that the records have are the rollup's too: the day's instant takes
	// another inside.
	s := &statement{}
	s.add("INSERT INTO " + a.tables.qualify(r.table()) + " (" + quoteAll(columns) + ") SELECT ")
	s.add("toUInt64(?), 0, "+keys+", _day, "+strings.Join(numbered(len(values)), ", ")+" FROM (SELECT "+keys+", "+startOfDay(at)+" AS _day", version)
	for i, value := range values {
		s.add(", " + value + " AS _v" + itoa(i))
	}
	s.add(" FROM " + a.tables.current(c.ID) + " FINAL WHERE ")
	group(s, from)
	s.where(" AND ", span)
	s.add(" GROUP BY " + keys + ", _day)" + rollSettings)
	if err := conn.Exec(ctx, s.text.String(), s.args...); err != nil {
		return err
	}
	// Groups that have no record left.
	s = &statement{}
	s.add("INSERT INTO "+a.tables.qualify(r.table())+" ("+quoteAll(columns)+") SELECT toUInt64(?), 1, "+quoteAll(r.columns(c))+" FROM "+a.tables.qualify(r.table())+" FINAL WHERE ", version)
	group(s, from)
	s.where(" AND ", span)
	s.add(" AND (" + keys + ", " + at + ") NOT IN (SELECT " + keys + ", " + startOfDay(at) + " FROM " + a.tables.current(c.ID) + " FINAL WHERE ")
	group(s, from)
	s.where(" AND ", span)
	s.add(")" + rollSettings)
	return conn.Exec(ctx, s.text.String(), s.args...)
}

const rollSettings = " SETTINGS enable_extended_results_for_datetime_functions = 1, use_skip_indexes_if_final = 1, use_skip_indexes_if_final_exact_mode = 1, async_insert = 0"

func numbered(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = "_v" + itoa(i)
	}
	return names
}

// rollupFor finds a rollup that gives a part of a query the same answer as the records.
func (t tables) rollupFor(p *plan, g *group, scope *rowScope, at snapshot, move shift) *rollup {
	if at.asOf || at.rolled == 0 || p.grain.finerThanDay() || move.millis != 0 || p.layer == nil {
		return nil
	}
	for _, d := range append(slices.Clone(g.dimensions), g.filters...) {
		if d.instant {
			return nil
		}
	}
	for _, end := range []time.Time{p.period.from, p.period.to} {
		if !end.IsZero() && !isMidnight(move.back(end).In(shanghai)) {
			return nil
		}
	}
	for _, r := range p.layer.rollupsOf(g.contract.ID) {
		has := r.columns(g.contract)
		good := true
		for _, i := range g.metrics {
			good = good && slices.Contains(r.Metrics, p.metrics[i].Name)
		}
		for _, name := range scope.columns {
			good = good && (name == "_version" || slices.Contains(has, name))
		}
		if good {
			return r
		}
	}
	return nil
}

// rolled writes a subquery of a rollup's rows, with the records of the days that were
// touched since in their place.
func (t tables) rolled(s *statement, r *rollup, c *schemas.Contract, columns []string, at snapshot, pushed []condition) {
	if len(columns) == 0 {
		columns = []string{"_version"}
	}
	list := quoteAll(columns)
	s.add("(SELECT " + list + " FROM " + t.qualify(r.table()) + " FINAL")
	if at.complete {
		s.where(" WHERE ", pushed)
		s.add(")")
		return
	}
	time := quote(c.Properties[c.Time].Name)
	from := versionsBefore(at.rolled)
	pair := "(" + quote(r.Keys[0]) + ", " + dayOf(time) + ") "
	s.add(" WHERE " + pair + "NOT IN ")
	t.touched(s, r, c, from)
	s.where(" AND ", pushed)
	s.add(" UNION ALL SELECT "+list+" FROM "+t.current(c.ID)+" FINAL WHERE "+quote(r.Keys[0])+" IN (SELECT "+quote(r.Keys[0])+" FROM "+t.current(c.ID)+" WHERE _version >= ?) AND "+pair+"IN ", from)
	t.touched(s, r, c, from)
	s.where(" AND ", pushed)
	s.add(")")
}
