package analytics

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/zida-hub/zida/schemas"
)

// IncompatibleError says that a table that is there cannot take a contract's rows.
type IncompatibleError struct {
	Dataset, Column, Have, Want string
}

func (e *IncompatibleError) Error() string {
	if e.Column == "" {
		return fmt.Sprintf("dataset %s: the table is sorted by (%s), the contract's key is (%s); a key cannot change: give the new contract another id", e.Dataset, e.Have, e.Want)
	}
	return fmt.Sprintf("dataset %s: column %s is %s in the table and %s in the contract, which does not hold every value it has; name the property anew or give the new contract another id",
		e.Dataset, e.Column, e.Have, e.Want)
}

// EnsureTables makes the tables of a contract, or brings those that are there up to it.
// columns are the plan's. Only widening changes are made: a property that the contract
// no longer has stays in the table.
func (a *Analytics) EnsureTables(ctx context.Context, c *schemas.Contract, columns []schemas.Column) error {
	if schemas.Reserved(c.ID) {
		return fmt.Errorf("dataset %s: the name is one of the hub's own tables; choose another id", c.ID)
	}
	for _, want := range datasetTables(c, columns) {
		if err := a.ensure(ctx, c.ID, want); err != nil {
			return err
		}
	}
	for _, r := range a.layer.rollupsOf(c.ID) {
		if err := a.ensure(ctx, c.ID, rollupTable(r, c, columns)); err != nil {
			return err
		}
	}
	return nil
}

// EnsureOwn makes the hub's own tables, or brings them up to this release.
func (a *Analytics) EnsureOwn(ctx context.Context) error {
	if err := a.ensure(ctx, rollupsTable, rollupsProgress()); err != nil {
		return err
	}
	if err := a.dropRollups(ctx); err != nil {
		return err
	}
	return a.ensure(ctx, submissionsTable, submissionTable())
}

func (a *Analytics) run(ctx context.Context, statements []string) error {
	for _, statement := range statements {
		if err := a.store.Conn().Exec(ctx, statement); err != nil {
			first, _, _ := strings.Cut(statement, "\n")
			return fmt.Errorf("%s: %w", first, err)
		}
	}
	return nil
}

func (a *Analytics) ensure(ctx context.Context, dataset string, want table) error {
	if err := a.run(ctx, a.tables.create(want)); err != nil {
		return err
	}
	have, order, err := a.describe(ctx, want.name)
	if err != nil {
		return err
	}
	order = strings.NewReplacer("`", "", "(", "", ")", "").Replace(order)
	if expected := strings.Join(want.order, ", "); order != expected {
		return &IncompatibleError{Dataset: dataset, Have: order, Want: expected}
	}
	for _, column := range want.columns {
		present, ok := have[column.Name]
		switch {
		case !ok:
			err = a.run(ctx, a.tables.addColumn(want.name, column))
		case !holds(present, column.Type) && holds(column.Type, present):
			err = a.run(ctx, a.tables.widenColumn(want.name, column))
		case !holds(present, column.Type):
			err = &IncompatibleError{Dataset: dataset, Column: column.Name, Have: present, Want: column.Type}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// describe reads a table's columns and its sorting key.
func (a *Analytics) describe(ctx context.Context, name string) (columns map[string]string, order string, err error) {
	conn := a.store.Conn()
	stored := name
	if a.tables.cluster != "" {
		stored += localSuffix
	}
	if err := conn.QueryRow(ctx, "SELECT sorting_key FROM system.tables WHERE database = ? AND name = ?", a.tables.database, stored).Scan(&order); err != nil {
		return nil, "", fmt.Errorf("sorting key of %s: %w", stored, err)
	}
	rows, err := conn.Query(ctx, "SELECT name, type FROM system.columns WHERE database = ? AND table = ?", a.tables.database, stored)
	if err != nil {
		return nil, "", fmt.Errorf("columns of %s: %w", stored, err)
	}
	defer rows.Close()
	columns = map[string]string{}
	for rows.Next() {
		var column, kind string
		if err := rows.Scan(&column, &kind); err != nil {
			return nil, "", err
		}
		columns[column] = kind
	}
	return columns, order, rows.Err()
}

// holds reports whether a column of type have can take every value of type want.
func holds(have, want string) bool {
	have, haveNull := unwrap(have)
	want, wantNull := unwrap(want)
	if wantNull && !haveNull {
		return false
	}
	if have == want {
		return true
	}
	haveP, haveS, ok := decimalOf(have)
	wantP, wantS, ok2 := decimalOf(want)
	return ok && ok2 && haveS >= wantS && haveP-haveS >= wantP-wantS
}

// unwrap strips LowCardinality, which is a way of storing and not a set of values, and Nullable.
func unwrap(kind string) (inner string, nullable bool) {
	kind = strings.ReplaceAll(kind, " ", "")
	for _, wrapper := range []string{"LowCardinality(", "Nullable("} {
		if rest, ok := strings.CutPrefix(kind, wrapper); ok {
			kind = strings.TrimSuffix(rest, ")")
			nullable = nullable || wrapper == "Nullable("
		}
	}
	return kind, nullable
}

func decimalOf(kind string) (precision, scale int, ok bool) {
	inside, ok := strings.CutPrefix(kind, "Decimal(")
	if !ok {
		return 0, 0, false
	}
	p, s, ok := strings.Cut(strings.TrimSuffix(inside, ")"), ",")
	if !ok {
		return 0, 0, false
	}
	precision, err1 := strconv.Atoi(p)
	scale, err2 := strconv.Atoi(s)
	return precision, scale, err1 == nil && err2 == nil
}
