package schemas

import (
	"embed"
	"fmt"
	"path"
)

//go:embed contracts/*.odcs.yaml
var embeddedContracts embed.FS

//go:embed reference/*.ndjson
var starterRows embed.FS

// Embedded loads the contracts that ship with zida, sorted by id.
func Embedded() ([]*Contract, error) {
	contracts, err := LoadContracts(embeddedContracts, "contracts")
	if err != nil {
		return nil, fmt.Errorf("the shipped contracts: %w", err)
	}
	return contracts, nil
}

// StarterRows are the rows a new hub begins a reference list with, as NDJSON:
// names from the plan or common knowledge; what only its owner knows (capacities,
// prices, positions) is left out.
func StarterRows(list string) (rows []byte, ok bool) {
	rows, err := starterRows.ReadFile(path.Join("reference", list+".ndjson"))
	return rows, err == nil
}
