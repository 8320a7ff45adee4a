package analytics

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/goccy/go-yaml"
	"golang.org/x/sync/errgroup"

	"github.com/zida-hub/zida/schemas"
)

// A rollup holds a dataset's records by day or hour, for the metrics that look at nothing
// finer. Each of its rows is a record that stands for those of its bucket, so a metric is
// the same expression over either. After a batch the buckets that it touched are worked out
// anew from the current records, whatever the batch did there: revised, retracted, or came
// again.
//
// It may lag. What it holds is complete up to a sequence; buckets that were touched after
// it are read from the records themselves, so an answer is exact at every moment.
type rollup struct {
	Name    string   `yaml:"name"`
	Grain   Grain    `yaml:"grain"` // day or hour
	Metrics []string `yaml:"metrics"`
	Keys    []string `yaml:"keys"` // beside the bucket; the first is the first of the dataset's key
	// Dimensions, by metric, must be among those of a question, or held to one value by it.
	Dimensions map[string][]string `yaml:"dimensions"`
	// Values are what the rows say: property → expression over the bucket's records. The
	// event time, where it is left out, is the bucket's first instant; _version is where a
	// metric needs one of the records'.
	Values yaml.MapSlice `yaml:"values"`

	dataset string
}

const (
	rollupSuffix = "_rollup"
	rollupsTable = "rollups" // how far each is complete

	bucketColumn  = "_bucket" // the bucket's first instant
	instantColumn = "_at"     // the event time, where it is not that
	recordVersion = "_of"     // a record's version, where the row keeps one
	mostTouched   = 1000      // groups that are named one by one in a statement
)

func (r *rollup) table() string { return r.dataset + "_" + r.Name + rollupSuffix }

// check finds what a rollup says that cannot be.
func (r *rollup) check(contracts catalogue, l *layer) error {
	c := contracts[r.dataset]
	if c.Time < 0 || c.Properties[c.Time].Type != schemas.TypeTimestamp {
		return fmt.Errorf("rollup %s: the dataset's time is not an instant", r.table())
	}
	if r.Grain != GrainDay && r.Grain != GrainHour {
		return fmt.Errorf("rollup %s: its grain is neither day nor hour", r.table())
	}
	if r.Keys[0] != c.Properties[c.Key[0]].Name {
		return fmt.Errorf("rollup %s: its first key is not the dataset's", r.table())
	}
	for _, name := range r.names(c) {
		if _, ok := property(c, name); !ok && name != "_version" {
			return fmt.Errorf("rollup %s: the dataset has no property %q", r.table(), name)
		}
	}
	for _, name := range r.Metrics {
		if m := l.byName[name]; m == nil || m.dataset != r.dataset {
			return fmt.Errorf("rollup %s: the dataset has no metric %q", r.table(), name)
		}
	}
	return nil
}

// names are the properties that its rows have.
func (r *rollup) names(c *schemas.Contract) []string {
	names := append(slices.Clone(r.Keys), c.Properties[c.Time].Name)
	for _, v := range r.Values {
		if name := fmt.Sprint(v.Key); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func (r *rollup) gives(name string) bool {
	return slices.ContainsFunc(r.Values, func(v yaml.MapItem) bool { return fmt.Sprint(v.Key) == name })
}

// column is where a property, or _version, stands in its table.
func (r *rollup) column(c *schemas.Contract, name string) string {
	switch {
	case name == c.Properties[c.Time].Name && r.gives(name):
		return instantColumn
	case name == c.Properties[c.Time].Name:
		return bucketColumn
	case name == "_version" && r.gives(name):
		return recordVersion
	}
	return name
}

// valueColumns are the columns of its values, in their order.
func (r *rollup) valueColumns(c *schemas.Contract) []string {
	var columns []string
	for _, v := range r.Values {
		columns = append(columns, r.column(c, fmt.Sprint(v.Key)))
	}
	return columns
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

// rollupTable describes its table, sorted by time first: questions are of a few days of
// all spots. Nothing writes it again after a power cut, as the journal does the others:
// what is said to be complete must be on the disk.
func rollupTable(r *rollup, c *schemas.Contract, all []schemas.Column) table {
	instant := ""
	for _, column := range all {
		if column.Name == c.Properties[c.Time].Name {
			instant = column.Type
		}
	}
	columns := []schemas.Column{{Name: "_version", Type: "UInt64"}, {Name: "_deleted", Type: "UInt8"}, {Name: bucketColumn, Type: instant}}
	for _, name := range append(slices.Clone(r.Keys), r.valueColumns(c)...) {
		switch name {
		case instantColumn:
			columns = append(columns, schemas.Column{Name: name, Type: instant})
		case recordVersion:
			columns = append(columns, schemas.Column{Name: name, Type: "UInt64"})
		}
		for _, column := range all {
			if column.Name == name {
				columns = append(columns, column)
			}
		}
	}
	order := append([]string{bucketColumn}, r.Keys...)
	return table{name: r.table(), columns: columns, order: order, shardBy: r.Keys[:1], partition: "toYYYYMM(" + quote(bucketColumn) + ", 'Asia/Shanghai')", engine: "_version, _deleted", durable: true}
}

func rollupsProgress() table {
	return table{name: rollupsTable, columns: []schemas.Column{{Name: "name", Type: "String"}, {Name: "seq", Type: "UInt64"}}, order: []string{"name"}, shardBy: []string{"name"}, engine: "seq", durable: true}
}

// dropRollups removes the tables of rollups that there are no more.
func (a *Analytics) dropRollups(ctx context.Context) error {
	rows, err := a.store.Conn().Query(ctx, "SELECT name FROM system.tables WHERE database = ? AND endsWith(name, ?)", a.tables.database, rollupSuffix)
	if err != nil {
		return fmt.Errorf("rollups: %w", err)
	}
	defer rows.Close()
	var drop []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return fmt.Errorf("rollups: %w", err)
		}
		if !slices.ContainsFunc(a.layer.rollups, func(r *rollup) bool { return r.table() == name }) {
			drop = append(drop, "DROP TABLE IF EXISTS "+a.tables.qualify(name)+a.tables.onCluster())
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("rollups: %w", err)
	}
	return a.run(ctx, drop)
}

// bucketOf is the first instant of the Chinese day or hour that an instant lies in.
func bucketOf(grain Grain, column string) string {
	start := "toStartOfDay("
	if grain == GrainHour {
		start = "toStartOfHour("
	}
	return "toDateTime64(" + start + "toTimeZone(" + column + ", 'Asia/Shanghai')), 3, 'UTC')"
}

// touched are the groups of a dataset's records that rows from a version on belong to: the
// first key and the hour. Superseded rows may be gone, but not the newest of a key, which
// is of the same group.
type touched struct {
	from   uint64
	many   bool // more than are named one by one
	groups []touchedGroup
}

type touchedGroup struct {
	key string
	at  int64 // the hour, in milliseconds
}

func (a *Analytics) touchedFrom(ctx context.Context, conn querier, c *schemas.Contract, from uint64) (*touched, error) {
	key, at := quote(c.Properties[c.Key[0]].Name), quote(c.Properties[c.Time].Name)
	rows, err := conn.Query(ctx, "SELECT DISTINCT toString("+key+"), toUnixTimestamp64Milli("+bucketOf(GrainHour, at)+") FROM "+a.tables.current(c.ID)+" WHERE _version >= ? LIMIT ?"+touchedSettings, from, a.mostTouched+1)
	if err != nil {
		return nil, fmt.Errorf("what was touched since the rollups: %w", err)
	}
	defer rows.Close()
	t := &touched{from: from}
	for rows.Next() {
		var g touchedGroup
		if err := rows.Scan(&g.key, &g.at); err != nil {
			return nil, fmt.Errorf("what was touched since the rollups: %w", err)
		}
		t.groups = append(t.groups, g)
	}
	if t.many = len(t.groups) > a.mostTouched; t.many {
		t.groups = nil
	}
	return t, rows.Err()
}

type querier interface {
	Query(ctx context.Context, query string, args ...any) (driver.Rows, error)
}

const touchedSettings = " SETTINGS enable_extended_results_for_datetime_functions = 1"

// of are the groups at a grain that begin within a period, each once.
func (t *touched) of(grain Grain, period timeRange) []touchedGroup {
	var list []touchedGroup
	seen := map[touchedGroup]bool{}
	for _, g := range t.groups {
		at := time.UnixMilli(g.at).In(shanghai)
		if grain == GrainDay {
			at = bucketStart(at, GrainDay)
			g.at = at.UnixMilli()
		}
		if at.Before(period.from) || !period.to.IsZero() && !at.Before(period.to) || seen[g] {
			continue
		}
		seen[g] = true
		list = append(list, g)
	}
	return list
}

// among writes whether a row's group is one of those touched within a span; bucket is the
// expression of the row's. No DISTINCT in the sets, which have none twice: it would be
// worked out in the table's order, with a thread for every part whatever the bounds.
func (t tables) among(s *statement, r *rollup, c *schemas.Contract, not string, bucket string, since *touched, groups []touchedGroup, span []condition) {
	if since.many {
		s.add("("+quote(r.Keys[0])+", "+bucket+") "+not+"IN (SELECT "+quote(r.Keys[0])+", "+bucketOf(r.Grain, quote(c.Properties[c.Time].Name))+" FROM "+t.current(c.ID)+" WHERE _version >= ?", since.from)
		s.where(" AND ", span)
		s.add(")")
		return
	}
	s.add("(toString(" + quote(r.Keys[0]) + "), toUnixTimestamp64Milli(" + bucket + ")) " + not + "IN (")
	for i, g := range groups {
		s.add(map[bool]string{true: "(?, ?)", false: ", (?, ?)"}[i == 0], g.key, g.at)
	}
	s.add(")")
}

// near writes what the groups touched within a span have in common: their first keys.
func (t tables) near(s *statement, r *rollup, c *schemas.Contract, since *touched, groups []touchedGroup, span []condition) {
	key := quote(r.Keys[0])
	if since.many {
		s.add(key+" IN (SELECT "+key+" FROM "+t.current(c.ID)+" WHERE _version >= ?", since.from)
		s.where(" AND ", span)
		s.add(")")
		return
	}
	seen := map[string]bool{}
	s.add(key + " IN (")
	for _, g := range groups {
		if !seen[g.key] {
			s.add(map[bool]string{true: "?", false: ", ?"}[len(seen) == 0], g.key)
			seen[g.key] = true
		}
	}
	s.add(")")
}

// spanOf is the time from the first of some groups to the end of the last.
func spanOf(groups []touchedGroup) timeRange {
	first, last := groups[0].at, groups[0].at
	for _, g := range groups {
		first, last = min(first, g.at), max(last, g.at)
	}
	return timeRange{time.UnixMilli(first), time.UnixMilli(last).Add(25 * time.Hour)} // a day had 25 hours once
}

// RolledUp names the datasets that have rollups.
func (a *Analytics) RolledUp() (ids []string) {
	for _, r := range a.layer.rollups {
		if !slices.Contains(ids, r.dataset) {
			ids = append(ids, r.dataset)
		}
	}
	return ids
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
	since := map[string]*touched{}
	g, rolling := errgroup.WithContext(ctx)
	g.SetLimit(rolledTogether)
	var err error
	for _, r := range a.layer.rollups {
		c := contracts[r.dataset]
		if c == nil {
			continue
		}
		t := since[c.ID]
		if t == nil {
			if t, err = a.touchedFrom(ctx, a.store.Conn(), c, versionsBefore(from)); err != nil {
				break
			}
			since[c.ID] = t
		}
		g.Go(func() error {
			if err := a.roll(rolling, r, c, t, versionsBefore(to)-1); err != nil {
				return fmt.Errorf("rollup %s: %w", r.table(), err)
			}
			return nil
		})
	}
	return cmp.Or(err, g.Wait())
}

// rolledTogether leaves connections of the hub's to others.
const rolledTogether = 2

// NoteRolled writes down how far every rollup is, for the next start.
func (a *Analytics) NoteRolled(ctx context.Context, sequence uint64) error {
	var names []any
	for _, r := range a.layer.rollups {
		names = append(names, r.table(), sequence)
	}
	if len(names) == 0 {
		return nil
	}
	values := strings.Repeat(", (?, ?)", len(names)/2)[2:]
	if err := a.store.Conn().Exec(ctx, "INSERT INTO "+a.tables.qualify(rollupsTable)+" (name, seq) SETTINGS async_insert=0 VALUES "+values, names...); err != nil {
		return fmt.Errorf("how far the rollups are: %w", err)
	}
	return nil
}

// roll works out anew what was touched: the groups one by one, or of many whole months of
// their first keys, so many at a time that what is in memory stays small.
func (a *Analytics) roll(ctx context.Context, r *rollup, c *schemas.Contract, since *touched, version uint64) error {
	if !since.many {
		groups := since.of(r.Grain, timeRange{})
		if len(groups) == 0 {
			return nil
		}
		return a.rollSpan(ctx, r, c, since, groups, spanOf(groups), version)
	}
	spans, err := a.touchedMonths(ctx, c, since)
	if err != nil {
		return err
	}
	for _, span := range spans {
		if err := a.rollSpan(ctx, r, c, since, nil, span, version); err != nil {
			return err
		}
	}
	return nil
}

// rolledAtOnce is about how many rows are worked up at a time; a month at least.
const rolledAtOnce = 1_000_000

// touchedMonths are the months with rows from a version on, few rows' together.
func (a *Analytics) touchedMonths(ctx context.Context, c *schemas.Contract, since *touched) ([]timeRange, error) {
	local := "toTimeZone(" + quote(c.Properties[c.Time].Name) + ", 'Asia/Shanghai')"
	rows, err := a.store.Conn().Query(ctx, "SELECT toInt64(toYear("+local+")) * 12 + toMonth("+local+") - 1 AS _month, count() FROM "+a.tables.current(c.ID)+" WHERE _version >= ? GROUP BY _month ORDER BY _month", since.from)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var spans []timeRange
	gathered := uint64(rolledAtOnce)
	for rows.Next() {
		var n int64
		var count uint64
		if err := rows.Scan(&n, &count); err != nil {
			return nil, err
		}
		first := time.Date(int(n/12), time.Month(n%12+1), 1, 0, 0, 0, 0, shanghai)
		if gathered+count > rolledAtOnce {
			spans, gathered = append(spans, timeRange{from: first}), 0
		}
		gathered += count
		spans[len(spans)-1].to = first.AddDate(0, 1, 0)
	}
	return spans, rows.Err()
}

// rollSpan works out anew what was touched within a span.
func (a *Analytics) rollSpan(ctx context.Context, r *rollup, c *schemas.Contract, since *touched, groups []touchedGroup, period timeRange, version uint64) error {
	conn := a.store.Conn()
	p := &c.Properties[c.Time]
	at, bucket := quote(p.Name), quote(bucketColumn)
	span := rangeConditions(p, at, period)
	scope := newRowScope(nil, c)
	keys := quoteAll(r.Keys)
	columns := append([]string{"_version", "_deleted", bucketColumn}, r.Keys...)
	columns = append(columns, r.valueColumns(c)...)
	var values []string
	for _, v := range r.Values {
		text, err := rewrite(fmt.Sprint(v.Value), scope.name)
		if err != nil {
			return err
		}
		values = append(values, text)
	}
	touched := func(s *statement, bucket string) {
		a.tables.near(s, r, c, since, groups, span)
		if !since.many {
			s.add(" AND ")
			a.tables.among(s, r, c, "", bucket, since, groups, span)
		}
	}
	settings := rollSettings
	if since.many {
		settings += rollManySettings
	}
	// Groups that have no record left are told by a row that says so; where there still are
	// records, theirs stands for the group.
	s := &statement{}
	s.add("INSERT INTO "+a.tables.qualify(r.table())+" ("+quoteAll(columns)+") SELECT toUInt64(?), min(_gone), _b, "+keys, version)
	for i := range values {
		s.add(", argMin(tuple(_v" + itoa(i) + "), _gone).1")
	}
	s.add(" FROM (SELECT " + keys + ", " + bucketOf(r.Grain, at) + " AS _b, toUInt8(0) AS _gone")
	for i, value := range values {
		s.add(", " + value + " AS _v" + itoa(i))
	}
	s.add(" FROM " + a.tables.current(c.ID) + " FINAL WHERE ")
	touched(s, bucketOf(r.Grain, at))
	s.where(" AND ", span)
	s.add(" GROUP BY " + keys + ", _b UNION ALL SELECT " + keys + ", " + bucket + ", 1")
	for _, column := range r.valueColumns(c) {
		s.add(", " + quote(column))
	}
	s.add(" FROM " + a.tables.qualify(r.table()) + " FINAL WHERE ")
	touched(s, bucket)
	s.where(" AND ", rangeConditions(p, bucket, period))
	s.add(") GROUP BY " + keys + ", _b" + settings)
	return conn.Exec(ctx, s.text.String(), s.args...)
}

const rollSettings = " SETTINGS enable_extended_results_for_datetime_functions = 1, use_skip_indexes_if_final = 1, use_skip_indexes_if_final_exact_mode = 1, async_insert = 0"

// Two threads, so that whoever waits for an answer goes first; with one, ClickHouse makes
// sets with a thread a part. Few rows may be of many months, each a partition.
const rollManySettings = ", max_threads = 2, max_partitions_per_insert_block = 0"

// rollupFor finds a rollup that gives a part of a query the same answer as the records.
func (t tables) rollupFor(p *plan, g *group, scope *rowScope, at snapshot, move shift) *rollup {
	if at.asOf || at.rolled == 0 || move.millis != 0 || p.layer == nil {
		return nil
	}
	for _, r := range p.layer.rollupsOf(g.contract.ID) {
		if r.fits(p, g, scope) {
			return r
		}
	}
	return nil
}

// fits says whether nothing in a part of a query tells its records from its rows.
func (r *rollup) fits(p *plan, g *group, scope *rowScope) bool {
	if p.grain != GrainNone && p.grain.rank() < r.Grain.rank() {
		return false
	}
	for _, d := range append(slices.Clone(g.dimensions), g.filters...) {
		if d.instant && r.Grain != GrainHour { // the hour is the finest part of time
			return false
		}
	}
	for _, end := range []time.Time{p.period.from, p.period.to} { // moving it by days or months keeps the hour
		if !end.IsZero() && !isMidnight(end) && (r.Grain != GrainHour || !end.Equal(end.Truncate(time.Hour))) {
			return false
		}
	}
	for _, i := range g.metrics {
		m := p.metrics[i]
		for _, name := range r.Dimensions[m.Name] {
			if !p.holds(name) {
				return false
			}
		}
		if !slices.Contains(r.Metrics, m.Name) || m.Fine != nil && p.grain.finerThanDay() {
			return false
		}
	}
	has := r.names(g.contract)
	for _, name := range scope.columns {
		if name != "_version" && !slices.Contains(has, name) {
			return false
		}
	}
	return true
}

// rolled writes a subquery of a rollup's rows, with the records of the buckets that were
// touched since in their place.
func (t tables) rolled(s *statement, r *rollup, c *schemas.Contract, columns []string, at snapshot, period timeRange, pushed []condition) {
	if len(columns) == 0 {
		columns = []string{"_version"}
	}
	time := quote(c.Properties[c.Time].Name)
	var list []string
	for _, name := range columns {
		if column := r.column(c, name); column != name {
			name = column + "` AS `" + name
		}
		list = append(list, "`"+name+"`")
	}
	s.add("(SELECT " + strings.Join(list, ", ") + " FROM " + t.qualify(r.table()) + " FINAL")
	// A condition on the time is one on the bucket: fits saw to that.
	var onBuckets []condition
	for _, c := range pushed {
		onBuckets = append(onBuckets, condition{strings.ReplaceAll(c.text, time, quote(bucketColumn)), c.args})
	}
	since := at.touched[c.ID]
	if since == nil {
		since = &touched{from: versionsBefore(at.rolled), many: true}
	}
	groups := since.of(r.Grain, period)
	if at.complete || !since.many && len(groups) == 0 {
		s.where(" WHERE ", onBuckets)
		s.add(")")
		return
	}
	p := &c.Properties[c.Time]
	span := rangeConditions(p, time, period)
	s.add(" WHERE ")
	t.among(s, r, c, "NOT ", quote(bucketColumn), since, groups, span)
	s.where(" AND ", onBuckets)
	s.add(" UNION ALL SELECT " + quoteAll(columns) + " FROM " + t.current(c.ID) + " FINAL WHERE ")
	t.near(s, r, c, since, groups, span)
	s.add(" AND ")
	t.among(s, r, c, "", bucketOf(r.Grain, time), since, groups, span)
	if !since.many {
		s.where(" AND ", rangeConditions(p, time, spanOf(groups)))
	}
	s.where(" AND ", pushed)
	s.add(")")
}
