package analytics

import (
	"fmt"
	"strings"

	"github.com/zida-hub/zida/schemas"
)

// InsertOneQuery is InsertQuery for the rows of a single submission of the body,
// the rest of it left out by the server: how one submission that ClickHouse
// refuses is told from its neighbours. columns are those of the body after the
// lineage columns, all the contract's as the table has them.
func InsertOneQuery(dataset string, history bool, columns []string, all []schemas.Column, submission int) (string, error) {
	if history {
		dataset += historySuffix
	}
	types := map[string]string{}
	for _, c := range append(LineageColumns(), all...) {
		types[c.Name] = c.Type
	}
	var names, shape []string
	for _, c := range LineageColumns() {
		names = append(names, quote(c.Name))
		shape = append(shape, quote(c.Name)+" "+c.Type)
	}
	for _, name := range columns {
		kind, ok := types[name]
		if !ok {
			return "", fmt.Errorf("%s has no column %s in its contract", dataset, name)
		}
		names = append(names, quote(name))
		shape = append(shape, quote(name)+" "+kind)
	}
	list := strings.Join(names, ", ")
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM input(%s) WHERE _submission = %d SETTINGS %s FORMAT Native",
		quote(dataset), list, list, literal(strings.Join(shape, ", ")), submission, insertSettings), nil
}

// literal writes a text of ours as an SQL string.
func literal(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// InsertSubmissionsQuery is the statement for the table of submissions; its body
// names its columns.
func InsertSubmissionsQuery() string {
	var names []string
	for _, c := range submissionColumns() {
		names = append(names, quote(c.Name))
	}
	return "INSERT INTO " + quote(submissionsTable) + " (" + strings.Join(names, ", ") + ") SETTINGS " + insertSettings + " FORMAT Native"
}
