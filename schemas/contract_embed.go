package schemas

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"
)

//go:embed contracts/*.odcs.yaml
var embeddedContracts embed.FS

//go:embed reference/*.ndjson
var starterRows embed.FS

// Embedded loads the contracts that ship with zida, sorted by id.
func Embedded() ([]*Contract, error) {
	entries, err := embeddedContracts.ReadDir("contracts")
	if err != nil {
		return nil, fmt.Errorf("list the shipped contracts: %w", err)
	}
	var contracts []*Contract
	for _, entry := range entries {
		source, err := embeddedContracts.ReadFile(path.Join("contracts", entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("read a shipped contract: %w", err)
		}
		c, err := ParseContract(source)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", entry.Name(), err)
		}
		contracts = append(contracts, c)
	}
	slices.SortFunc(contracts, func(a, b *Contract) int { return strings.Compare(a.ID, b.ID) })
	return contracts, nil
}

// StarterRows are the rows a new hub begins a reference list with, as NDJSON:
// names from the plan or common knowledge; what only its owner knows (capacities,
// prices, positions) is left out.
func StarterRows(list string) (rows []byte, ok bool) {
	rows, err := starterRows.ReadFile(path.Join("reference", list+".ndjson"))
	return rows, err == nil
}
