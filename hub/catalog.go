package hub

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zida-hub/zida/schemas"
)

// dataset is a contract in force and the plan compiled from it.
type dataset struct {
	contract *schemas.Contract
	plan     *schemas.Plan
	lists    []string // the reference lists its codes come from
}

// catalog is the datasets by id; it does not change while the hub runs.
type catalog map[string]*dataset

// openCatalog compiles the shipped contracts and those of a directory.
func openCatalog(dir string) (catalog, error) {
	contracts, err := schemas.Embedded()
	if err != nil {
		return nil, err
	}
	if dir != "" {
		files, err := filepath.Glob(filepath.Join(dir, "*.odcs.yaml"))
		if err != nil {
			return nil, err
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("contracts: %s holds no file *.odcs.yaml", dir)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				return nil, fmt.Errorf("contracts: %w", err)
			}
			c, err := schemas.ParseContract(text)
			if err != nil {
				return nil, fmt.Errorf("contracts: %s: %w", f, err)
			}
			contracts = slices.DeleteFunc(contracts, func(old *schemas.Contract) bool { return old.ID == c.ID })
			contracts = append(contracts, c)
		}
	}
	if err := schemas.CheckSet(contracts); err != nil {
		return nil, err
	}
	all := catalog{}
	for _, c := range contracts {
		plan, err := schemas.Compile(c)
		if err != nil {
			return nil, fmt.Errorf("contract %s: %w", c.ID, err)
		}
		d := &dataset{contract: c, plan: plan}
		for i := range c.Properties {
			if list := c.Properties[i].CodeList; list != "" && !slices.Contains(d.lists, list) {
				d.lists = append(d.lists, list)
			}
		}
		all[c.ID] = d
	}
	return all, nil
}

// contracts lists the contracts by id.
func (c catalog) contracts() []*schemas.Contract {
	out := make([]*schemas.Contract, 0, len(c))
	for _, d := range c {
		out = append(out, d.contract)
	}
	slices.SortFunc(out, func(a, b *schemas.Contract) int { return strings.Compare(a.ID, b.ID) })
	return out
}

func (c catalog) isList(id string) bool {
	d := c[id]
	return d != nil && d.contract.Reference
}

func (c catalog) uses(id string) []string {
	if d := c[id]; d != nil {
		return d.lists
	}
	return nil
}
