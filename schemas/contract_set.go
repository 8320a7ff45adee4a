package schemas

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// LoadContracts reads every *.odcs.yaml of a folder, sorted by id. A new dataset is
// one file there. The contracts are not yet held against each other: CheckSet does.
func LoadContracts(fsys fs.FS, folder string) ([]*Contract, error) {
	entries, err := fs.ReadDir(fsys, folder)
	if err != nil {
		return nil, fmt.Errorf("list contracts: %w", err)
	}
	var contracts []*Contract
	for _, entry := range entries {
		if entry.IsDir() || !strings.HasSuffix(entry.Name(), ".odcs.yaml") {
			continue
		}
		source, err := fs.ReadFile(fsys, path.Join(folder, entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("read a contract: %w", err)
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

// CheckSet holds contracts against each other: each id once, each code list a
// reference list among them that says what its users rely on. The error is a
// *ContractError whose paths begin with the dataset's id.
func CheckSet(contracts []*Contract) error {
	byID := map[string]*Contract{}
	e := &ContractError{}
	fail := func(at, text, remedy string) {
		e.Issues = append(e.Issues, ContractIssue{Path: at, Text: text, Remedy: remedy})
	}
	for _, c := range contracts {
		if byID[c.ID] != nil {
			fail(c.ID, "there are two contracts of this id", "leave one, or give one another id")
		}
		byID[c.ID] = c
	}
	for _, c := range contracts {
		for i := range c.Properties {
			p := &c.Properties[i]
			at := c.ID + "." + p.Name
			if p.CodeList == "" {
				continue
			}
			list := byID[p.CodeList]
			if list == nil || !list.Reference {
				fail(at, fmt.Sprintf("its code list %q is not a reference list", p.CodeList), "add that list's contract (zidaReference: true), or name another")
				continue
			}
			if i == c.RegionFrom && list.Region < 0 {
				fail(at, fmt.Sprintf("the list %q does not say a region", p.CodeList), "mark its region with zidaRegion")
			}
			if p.ListAttr == "" {
				continue
			}
			j := list.PropertyIndex(p.ListAttr)
			if j < 0 {
				fail(at, fmt.Sprintf("the list %q has no property %q", p.CodeList, p.ListAttr), "name one of its properties in zidaListAttribute")
			} else if err := list.Properties[j].CheckText(p.ListAttrValue); err != nil {
				fail(at, fmt.Sprintf("%s=%s %v", p.ListAttr, p.ListAttrValue, err), "ask for a value that the list's entries can have")
			}
		}
	}
	if len(e.Issues) > 0 {
		return e
	}
	return nil
}
