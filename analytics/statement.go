package analytics

import (
	"slices"
	"strings"
	"time"

	"github.com/zida-hub/zida/schemas"
)

// statement is SQL of ours with the values from outside beside it, bound at each "?".
type statement struct {
	text strings.Builder
	args []any
}

func (s *statement) add(text string, args ...any) {
	s.text.WriteString(text)
	s.args = append(s.args, args...)
}

// condition is one term of a WHERE.
type condition struct {
	text string
	args []any
}

// where writes the terms, joined by AND, after word.
func (s *statement) where(word string, conditions []condition) {
	for _, c := range conditions {
		s.add(word+c.text, c.args...)
		word = " AND "
	}
}

// snapshot says which rows of a dataset count: those of the current table, or of the
// state that had versions below before.
type snapshot struct {
	asOf   bool
	before uint64
	// rolled is the sequence up to which rollups are complete, 0: they are not used;
	// complete: nothing that counts came after it.
	rolled   uint64
	complete bool
	touched  map[string]*touched // by dataset, what came after rolled; where it is not known, it is found out on the way
	moment   time.Time           // what is now, to a question of this snapshot
	sizes    map[string]uint64   // rows of each dataset's table, about; what is not among them is large
}

// rows writes a subquery of the snapshot's rows, one for each key, deleted ones left out.
// pushed conditions may name key columns only, since only those are equal in all versions
// of a row.
//
// As of an earlier version most rows are the current ones still; history is read only for
// keys that have changed since. The current table keeps superseded and deleted versions
// until a merge, but always the newest, so a version at or above the bound gives such a
// key away. Both readings of the table are of one set of parts (sharedSnapshot), so a push
// that arrives in between cannot drop a key or show it twice.
func (t tables) rows(s *statement, contracts catalogue, c *schemas.Contract, columns []string, at snapshot, pushed []condition) {
	if len(columns) == 0 {
		columns = []string{"_version"} // a subquery needs a column, also where only rows are counted
	}
	if c.ID == bookingID {
		t.booking(s, contracts, columns, at, pushed)
		return
	}
	t.stored(s, c, columns, at, pushed)
}

// stored is rows of a dataset that has tables.
func (t tables) stored(s *statement, c *schemas.Contract, columns []string, at snapshot, pushed []condition) {
	s.add("(SELECT " + quoteAll(columns) + " FROM " + t.current(c.ID) + " FINAL")
	if !at.asOf {
		s.where(" WHERE ", pushed)
		s.add(")")
		return
	}
	s.add(" WHERE _version < ?", at.before)
	s.where(" AND ", pushed)
	s.add(" UNION ALL SELECT " + quoteAll(columns) + " FROM ")
	t.superseded(s, c, columns, at.before, pushed)
	s.add(")")
}

// superseded writes a subquery of the rows that have been revised or retracted since.
func (t tables) superseded(s *statement, c *schemas.Contract, columns []string, before uint64, pushed []condition) {
	var key, other, all []string
	for _, i := range c.Key {
		key = append(key, c.Properties[i].Name)
	}
	for _, column := range columns {
		if !slices.Contains(key, column) && column != "_version" {
			other = append(other, column)
		}
	}
	other = append(other, "_deleted")
	for _, column := range columns {
		switch i := slices.Index(other, column); {
		case column == "_version":
			all = append(all, "_last_version AS _version")
		case i >= 0:
			all = append(all, "tupleElement(_last, "+itoa(i+1)+") AS "+quote(column))
		default:
			all = append(all, quote(column))
		}
	}
	keys := quoteAll(key)
	s.add("(SELECT " + strings.Join(all, ", ") + " FROM (SELECT " + keys + ", max(_version) AS _last_version, argMax(tuple(" + quoteAll(other) + "), _version) AS _last FROM " +
		t.history(c.ID))
	s.add(" WHERE _version < ?", before)
	s.where(" AND ", pushed)
	s.add(" AND ("+keys+") "+t.global()+"IN (SELECT "+keys+" FROM "+t.current(c.ID)+" WHERE _version >= ?", before)
	s.where(" AND ", pushed)
	s.add(") GROUP BY " + keys + ") WHERE tupleElement(_last, " + itoa(len(other)) + ") = 0)")
}

// join writes a reference list of the same snapshot beside the rows, whose code stands in
// a column.
func (t tables) join(s *statement, j *join, code string, at snapshot) {
	key := j.list.Properties[j.list.Key[0]].Name
	columns := append([]string{key}, j.columns...)
	s.add(" " + t.global() + "ANY LEFT JOIN (SELECT " + quote(key) + " AS " + quote(j.key()))
	for _, column := range j.columns {
		s.add(", toNullable(" + quote(column) + ") AS " + quote(j.column(column)))
	}
	s.add(" FROM ")
	t.stored(s, j.list, columns, at, nil)
	s.add(") AS " + quote("_j_"+j.by) + " ON " + code + " = " + quote(j.key()))
}

// readSettings hold for every query of a reader.
// Answers are the same whatever a server's profile says: old dates do not wrap, parts are one set for the whole query, and an index on versions never
// hides the newest version of a row from FINAL.
const readSettings = " SETTINGS enable_extended_results_for_datetime_functions = 1, " +
	"enable_shared_storage_snapshot_in_query = 1, use_skip_indexes_if_final = 1, use_skip_indexes_if_final_exact_mode = 1, join_use_nulls = 0"

// fewSettings are for statements of few rows and no IN (SELECT …): to share them out
// takes longer than to read them.
const fewSettings = ", max_threads = 1"

// fewRows are as many as ClickHouse reads with one thread in any case.
const fewRows = 160_000

// text writes an expression as the text that answers carry; instants as milliseconds.
// A decimal keeps its zeros up to scale.
func text(expression, kind string, scale int) string {
	switch kind {
	case typeDecimal:
		return "CAST(toDecimalString(" + expression + ", " + itoa(scale) + "), 'Nullable(String)')"
	case typeInstant:
		expression = "toUnixTimestamp64Milli(" + expression + ")"
	case typeNumber:
		return "CAST(if(isFinite(toFloat64(" + expression + ")), toString(toFloat64(" + expression + ")), NULL), 'Nullable(String)')"
	}
	return "CAST(toString(" + expression + "), 'Nullable(String)')"
}
