package analytics

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/zida-hub/zida/schemas"
)

// This file alone knows the tables' names, their DDL, and one server from a cluster.

const (
	historySuffix    = "_history"
	localSuffix      = "_local" // a shard's own table behind a Distributed one
	submissionsTable = "submissions"
)

// tables writes the statements for one database.
type tables struct {
	database string
	cluster  string // "": one server
	// unreplicated leaves out Keeper: a cluster of shards with one copy each, whose
	// DDL is run on every server by itself.
	unreplicated bool
	// embedded leaves out the fsync of each insert: the hub's journal has every row,
	// and it counts them as written only once the engine's files are on the disk.
	embedded bool
}

func newTables(database, cluster string) tables { return tables{database: database, cluster: cluster} }

func (t tables) qualify(name string) string { return quote(t.database) + "." + quote(name) }

// current and history are what queries read and the writer fills.
func (t tables) current(dataset string) string { return t.qualify(dataset) }
func (t tables) history(dataset string) string { return t.qualify(dataset + historySuffix) }
func (t tables) submissions() string           { return t.qualify(submissionsTable) }

// global is the word before a JOIN or IN whose right side every shard must see whole.
func (t tables) global() string {
	if t.cluster == "" {
		return ""
	}
	return "GLOBAL "
}

// LineageColumns stand first in every dataset table and in every block the writer sends.
func LineageColumns() []schemas.Column {
	return []schemas.Column{
		{Name: "_version", Type: "UInt64"},
		{Name: "_deleted", Type: "UInt8"},
		{Name: "_agency", Type: "LowCardinality(String)"},
		{Name: "_client", Type: "LowCardinality(String)"},
		{Name: "_submission", Type: "UInt32"},
		{Name: "_row", Type: "UInt32"},
		{Name: "_received_at", Type: "DateTime64(3, 'UTC')"},
	}
}

// submissionColumns are those of the table of submissions.
func submissionColumns() []schemas.Column {
	return []schemas.Column{
		{Name: "seq", Type: "UInt64"},
		{Name: "idx", Type: "UInt32"},
		{Name: "dataset", Type: "LowCardinality(String)"},
		{Name: "contract_version", Type: "LowCardinality(String)"},
		{Name: "agency", Type: "LowCardinality(String)"},
		{Name: "client", Type: "LowCardinality(String)"},
		{Name: "kind", Type: "LowCardinality(String)"},
		{Name: "mode", Type: "LowCardinality(String)"},
		{Name: "received", Type: "UInt32"},
		{Name: "accepted", Type: "UInt32"},
		{Name: "rejected", Type: "UInt32"},
		{Name: "superseded", Type: "UInt32"},
		{Name: "sha256", Type: "String"},
		{Name: "reason", Type: "String"},
		{Name: "bytes", Type: "UInt64"},
		{Name: "received_at", Type: "DateTime64(3, 'UTC')"},
		{Name: "mends", Type: "String"},
	}
}

// insertSettings keep an insert what the writer sent: at once, as one block per
// partition, with no token that could drop a block after a crash.
// The blocks become parts as they come, a hundred thousand rows at a time at most:
// sorting and writing such blocks takes two thirds of the time that one of a million takes.
const insertSettings = "async_insert=0, optimize_on_insert=0, max_partitions_per_insert_block=0, insert_deduplicate=0, distributed_foreground_insert=1, " +
	"min_insert_block_size_rows=0, min_insert_block_size_bytes=0"

// insertSettingsMap is the same for clickhouse-go.
func insertSettingsMap() clickhouse.Settings {
	settings := clickhouse.Settings{}
	for setting := range strings.SplitSeq(insertSettings, ", ") {
		name, value, _ := strings.Cut(setting, "=")
		settings[name] = value
	}
	return settings
}

// InsertQuery is the statement whose body is one Native stream: the lineage columns
// first, then the contract's columns by name (for a retraction its key only).
func InsertQuery(dataset string, history bool, columns []string) string {
	name := dataset
	if history {
		name += historySuffix
	}
	var names []string
	for _, column := range LineageColumns() {
		names = append(names, quote(column.Name))
	}
	for _, column := range columns {
		names = append(names, quote(column))
	}
	return "INSERT INTO " + quote(name) + " (" + strings.Join(names, ", ") + ") SETTINGS " + insertSettings + " FORMAT Native"
}

// table describes one table to be made.
type table struct {
	name      string
	columns   []schemas.Column
	order     []string // sorting key, names
	partition string   // an expression, "" for none
	engine    string   // arguments of ReplacingMergeTree
	shardBy   []string // names that keep all versions of a key on one shard
	index     bool     // a minmax index on _version
	rows      int      // of a granule, where single keys are often looked for; 0: the engine's 8192
	durable   bool     // on the disk once an insert is confirmed, also where the others are not
}

// datasetTables are a contract's current and history tables.
func datasetTables(c *schemas.Contract, columns []schemas.Column) []table {
	var key []string
	for _, i := range c.Key {
		key = append(key, c.Properties[i].Name)
	}
	all := append(LineageColumns(), columns...)
	current := table{name: c.ID, columns: all, order: key, shardBy: key, partition: partitionBy(c), engine: "_version, _deleted", index: true}
	history := current
	current.rows = 2048
	history.name += historySuffix
	history.order = append(slices.Clone(key), "_version")
	history.engine = ""
	return []table{current, history}
}

// partitionBy is the business period of the key, never the time of arrival: a revision
// then stays in the partition of what it revises. Instants and days go by month.
// Periods written as text (months, quarters, years) go by year, since such datasets are
// small and a push often spans many of them.
func partitionBy(c *schemas.Contract) string {
	if c.Partition < 0 {
		return ""
	}
	p := &c.Properties[c.Partition]
	switch p.Type {
	case schemas.TypeTimestamp:
		return "toYYYYMM(" + quote(p.Name) + ", 'Asia/Shanghai')"
	case schemas.TypeDate:
		return "toYYYYMM(" + quote(p.Name) + ")"
	case schemas.TypeString:
		return "substring(" + quote(p.Name) + ", 1, 4)"
	}
	return ""
}

func submissionTable() table {
	return table{name: submissionsTable, columns: submissionColumns(), order: []string{"seq", "idx"}, shardBy: []string{"seq"}}
}

// settings merge what has come to rest, so that FINAL has nothing to do there, and make
// an acknowledged insert survive a power cut where the hub cannot see to that itself.
func (t tables) settings(durable bool) string {
	const merge = "min_age_to_force_merge_seconds=3600, min_age_to_force_merge_on_partition_only=1"
	if t.embedded && !durable {
		return merge
	}
	return merge + ", fsync_after_insert=1, fsync_part_directory=1, min_rows_to_fsync_after_merge=1"
}

// create returns the statements that make the table, in order.
func (t tables) create(want table) []string {
	columns := make([]string, 0, len(want.columns)+1)
	for _, column := range want.columns {
		columns = append(columns, columnDDL(column))
	}
	definition := strings.Join(columns, ",\n    ")
	if want.index {
		granules := 1
		if want.rows > 0 {
			granules = max(1, 8192/want.rows)
		}
		columns = append(columns, "INDEX _version_range _version TYPE minmax GRANULARITY "+itoa(granules))
	}
	name := want.name
	if t.cluster != "" {
		name += localSuffix
	}
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE IF NOT EXISTS %s%s\n(\n    %s\n)\nENGINE = %s", t.qualify(name), t.onCluster(), strings.Join(columns, ",\n    "), t.engine(want.engine))
	if want.partition != "" {
		b.WriteString("\nPARTITION BY " + want.partition)
	}
	fmt.Fprintf(&b, "\nORDER BY (%s)\nSETTINGS %s", quoteAll(want.order), t.settings(want.durable))
	if want.rows > 0 {
		fmt.Fprintf(&b, ", index_granularity=%d", want.rows)
	}
	statements := []string{b.String()}
	if t.cluster != "" {
		statements = append(statements, fmt.Sprintf(
			"CREATE TABLE IF NOT EXISTS %s%s\n(\n    %s\n)\nENGINE = Distributed(%s, %s, %s, cityHash64(%s))",
			t.qualify(want.name), t.onCluster(), definition, quote(t.cluster), quote(t.database), quote(name), quoteAll(want.shardBy)))
	}
	return statements
}

func (t tables) engine(arguments string) string {
	if t.cluster == "" || t.unreplicated {
		return "ReplacingMergeTree(" + arguments + ")"
	}
	if arguments != "" {
		arguments = ", " + arguments
	}
	return "ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}'" + arguments + ")"
}

func (t tables) onCluster() string {
	if t.cluster == "" || t.unreplicated {
		return ""
	}
	return " ON CLUSTER " + quote(t.cluster)
}

// addColumn returns the statements that add a column to a table that is there.
func (t tables) addColumn(name string, column schemas.Column) []string {
	return t.alter(name, "ADD COLUMN IF NOT EXISTS "+columnDDL(column))
}

// widenColumn returns the statements that give a column a wider type.
func (t tables) widenColumn(name string, column schemas.Column) []string {
	return t.alter(name, "MODIFY COLUMN "+columnDDL(column))
}

func (t tables) alter(name, action string) []string {
	statement := func(name string) string { return "ALTER TABLE " + t.qualify(name) + t.onCluster() + " " + action }
	if t.cluster == "" {
		return []string{statement(name)}
	}
	return []string{statement(name + localSuffix), statement(name)}
}

// columnDDL is a column. The default codec stays: Delta, DoubleDelta and T64 made files a
// third smaller and the insert of a million rows half as long again.
func columnDDL(column schemas.Column) string { return quote(column.Name) + " " + column.Type }

func quoteAll(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = quote(name)
	}
	return strings.Join(quoted, ", ")
}

func (t tables) maxSequenceQuery() string { return "SELECT max(seq) FROM " + t.submissions() }

// versioned lists the dataset tables that are there.
func (t tables) versioned(ctx context.Context, conn driver.Conn) ([]string, error) {
	rows, err := conn.Query(ctx, "SELECT table FROM system.columns WHERE database = ? AND name = '_version' AND NOT endsWith(table, '"+localSuffix+"') AND NOT endsWith(table, '"+rollupSuffix+"') ORDER BY table", t.database)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}
