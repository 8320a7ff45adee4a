package hub

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zida-hub/zida/schemas"
)

// dataset is one version of a contract and the plan compiled from it.
type dataset struct {
	contract *schemas.Contract
	plan     *schemas.Plan
	lists    []string  // the reference lists its codes come from
	retired  time.Time // pushes that name it, or satisfy nothing newer, are refused from then on; zero: no end
}

func newDataset(c *schemas.Contract) (*dataset, error) {
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
	return d, nil
}

// catalog is the contracts in force, every version that may still be pushed. Readers
// take a snapshot and no lock; a version that is published while the hub runs makes
// the next snapshot, and pushes under way go on with the plan they began with.
type catalog struct {
	now     atomic.Pointer[catalogView]
	mu      sync.Mutex // orders the changes
	changed func()     // called after each, nil while the hub is being opened
}

// catalogView is one snapshot: the versions of each dataset, newest first.
type catalogView map[string][]*dataset

// openCatalog compiles the shipped contracts and those of a directory.
func openCatalog(dir string) (*catalog, error) {
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
	view := catalogView{}
	for _, c := range contracts {
		d, err := newDataset(c)
		if err != nil {
			return nil, err
		}
		view[c.ID] = []*dataset{d}
	}
	all := &catalog{}
	all.now.Store(&view)
	return all, nil
}

// get is the newest version of a dataset, nil when there is none.
func (c *catalog) get(id string) *dataset {
	if versions := (*c.now.Load())[id]; len(versions) > 0 {
		return versions[0]
	}
	return nil
}

// versions lists those of a dataset, newest first.
func (c *catalog) versions(id string) []*dataset { return (*c.now.Load())[id] }

// version finds one version of a dataset.
func (c *catalog) version(id, version string) *dataset {
	for _, d := range c.versions(id) {
		if d.contract.Version == version {
			return d
		}
	}
	return nil
}

// with is the contracts, newest version of each, with one more put in its place.
func (c *catalog) with(added *schemas.Contract) []*schemas.Contract {
	out := []*schemas.Contract{added}
	for id, versions := range *c.now.Load() {
		newest := versions[0].contract
		switch {
		case id != added.ID:
			out = append(out, newest)
		case schemas.CompareVersions(newest.Version, added.Version) > 0:
			out[0] = newest
		}
	}
	return out
}

// add takes a version in. Older versions of another major number end at retire.
func (c *catalog) add(d *dataset, retire time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := catalogView{}
	for id, versions := range *c.now.Load() {
		next[id] = versions
	}
	id := d.contract.ID
	versions := []*dataset{d}
	for _, old := range next[id] {
		if old.contract.Version == d.contract.Version {
			continue // a contract that came with the program, published too
		}
		if !retire.IsZero() && schemas.Major(old.contract.Version) < schemas.Major(d.contract.Version) && (old.retired.IsZero() || retire.Before(old.retired)) {
			ending := *old
			ending.retired = retire
			old = &ending
		}
		versions = append(versions, old)
	}
	slices.SortFunc(versions, func(a, b *dataset) int { return schemas.CompareVersions(b.contract.Version, a.contract.Version) })
	next[id] = versions
	c.now.Store(&next)
	if c.changed != nil {
		c.changed()
	}
}

// onChange has f called after every later change.
func (c *catalog) onChange(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changed = f
}

// contracts lists the newest contracts by id.
func (c *catalog) contracts() []*schemas.Contract {
	view := *c.now.Load()
	out := make([]*schemas.Contract, 0, len(view))
	for _, versions := range view {
		out = append(out, versions[0].contract)
	}
	slices.SortFunc(out, func(a, b *schemas.Contract) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func (c *catalog) isList(id string) bool {
	d := c.get(id)
	return d != nil && d.contract.Reference
}

func (c *catalog) uses(id string) []string {
	if d := c.get(id); d != nil {
		return d.lists
	}
	return nil
}

// versionKey is a version as part of a key of the state.
func versionKey(id, version string) string {
	return contractPrefix + id + "." + strings.ReplaceAll(version, ".", "-")
}
