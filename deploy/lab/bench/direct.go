package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"

	"github.com/zida-hub/zida/analytics/engine"
	"github.com/zida-hub/zida/schemas"
)

// direct is the way without a hub: rows posted straight into a ClickHouse of
// the same library and limits, in a ReplacingMergeTree with the same columns,
// partition and order.
type direct struct {
	store   *engine.Store
	address string
	headers string
	columns []string // DDL
	order   []string
}

// directQueries lets 64 connections wait for their asynchronous inserts, which
// the hub's own limit for an embedded engine would refuse.
const directQueries = 256

func startDirect(ctx context.Context, dir string) (*direct, error) {
	contracts, err := schemas.Embedded()
	if err != nil {
		return nil, err
	}
	d := &direct{}
	for _, c := range contracts {
		if c.ID != dataset {
			continue
		}
		plan, err := schemas.Compile(c)
		if err != nil {
			return nil, err
		}
		for _, column := range plan.Columns() {
			kind := column.Type
			if strings.HasPrefix(kind, "DateTime64") {
				kind = "DateTime64(3, 'Asia/Shanghai')" // reads the file's local times as they are
			}
			d.columns = append(d.columns, column.Name+" "+kind)
		}
		for _, i := range c.Key {
			d.order = append(d.order, c.Properties[i].Name)
		}
	}
	limits := engine.DefaultLimits()
	limits.Queries = directQueries
	d.store, err = engine.Start(ctx, engine.Options{Dir: dir, Limits: limits, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		return nil, err
	}
	dsn, err := url.Parse(d.store.DSN())
	if err != nil {
		return nil, err
	}
	password, _ := dsn.User.Password()
	d.address = dsn.Hostname() + ":" + dsn.Query().Get("http_port")
	d.headers = "X-ClickHouse-User: " + dsn.User.Username() + "\r\nX-ClickHouse-Key: " + password + "\r\n"
	return d, nil
}

func (d *direct) pids() []int { return []int{d.store.PID()} }

// table makes an empty table.
func (d *direct) table(ctx context.Context, name string) error {
	return d.store.Conn().Exec(ctx, fmt.Sprintf(
		"CREATE TABLE %s (%s) ENGINE = ReplacingMergeTree PARTITION BY toYYYYMM(observed_at, 'Asia/Shanghai') ORDER BY (%s) SETTINGS fsync_after_insert=1",
		name, strings.Join(d.columns, ", "), strings.Join(d.order, ", ")))
}

// insert is the table's door for NDJSON.
func (d *direct) insert(name, settings string) *target {
	q := url.Values{"database": {d.store.Database()}, "query": {"INSERT INTO " + name + " SETTINGS " + settings + " FORMAT JSONEachRow"}}
	return &target{address: d.address, path: "/?" + q.Encode(), headers: d.headers, status: 200}
}

// drop counts a table's rows, which must be as many as were sent, and drops it.
func (d *direct) drop(ctx context.Context, name string, want int) error {
	var rows uint64
	if err := d.store.Conn().QueryRow(ctx, "SELECT count() FROM "+name+" FINAL").Scan(&rows); err != nil {
		return err
	}
	if int(rows) != want {
		return fmt.Errorf("the direct way holds %d rows in %s, not %d", rows, name, want)
	}
	return d.store.Conn().Exec(ctx, "DROP TABLE "+name+" SYNC")
}
