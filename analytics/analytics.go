// Package analytics keeps the tables of ClickHouse and answers questions from them:
// metrics, record reads, and their encodings. No text from outside becomes SQL here:
// names come from contracts and the metric layer, values are bound.
package analytics

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // grouping follows Asia/Shanghai, also where the machine has no zone files

	"github.com/zida-hub/zida/analytics/engine"
	"github.com/zida-hub/zida/schemas"
)

// Analytics answers queries over one store. It is safe for concurrent use.
type Analytics struct {
	store     *engine.Store
	contracts func() []*schemas.Contract
	layer     *layer
	views     []*View // declared, in their order
	tables    tables
	long      chan struct{} // a slot for each long answer under way
	sizes     sizes

	mostTouched int // groups that a statement names one by one
}

// longAnswers is how many may be under way: half of the reader's connections.
const longAnswers = 4

// New loads the metric layer and the views. contracts returns the newest version of every dataset's
// contract; it is asked at each query, so a contract may be added while the hub runs.
func New(store *engine.Store, contracts func() []*schemas.Contract) (*Analytics, error) {
	metrics, err := loadLayer()
	if err != nil {
		return nil, err
	}
	a := &Analytics{store: store, contracts: contracts, layer: metrics, tables: newTables(store.Database(), store.Cluster()), long: make(chan struct{}, longAnswers), mostTouched: mostTouched}
	a.tables.embedded = store.Embedded()
	if err := a.layer.check(a.catalogue()); err != nil {
		return nil, err
	}
	if a.views, err = loadViews(); err != nil {
		return nil, err
	}
	if err := a.checkViews(); err != nil {
		return nil, err
	}
	return a, nil
}

// Position says up to which journal sequence the tables are complete.
type Position struct {
	Watermark        uint64 // every row of every submission up to it is in the current tables
	HistoryWatermark uint64 // the same of the history tables; never above Watermark
	Rolled           uint64 // the same of the rollups; 0: they are not kept
	// Moment is now to those who ask; zero: whenever each question is put. Questions that
	// belong together are given one.
	Moment time.Time
	// Memo is for them too; nil where a question stands by itself.
	Memo *Memo
}

// Memo keeps what questions of one position have in common: it is found out once.
type Memo struct {
	mu      sync.Mutex
	touched map[string]*touched
}

// Reader is the one who asks.
type Reader struct {
	Clearance schemas.Classification // fields above it come back null
	CanRead   func(dataset string) bool
	English   bool   // labels in English instead of Chinese
	Name      string // who that is, for exports to say
}

// mayRead asks for every dataset that the one named is made of.
func (r *Reader) mayRead(dataset string) bool {
	for _, id := range sources(dataset) {
		if r.CanRead != nil && !r.CanRead(id) {
			return false
		}
	}
	return true
}

// sequenceBits is the width of a row's index in its journal message: version = sequence << 24 | index.
const sequenceBits = 24

// versionsBefore is the lowest version of the sequence after sequence.
func versionsBefore(sequence uint64) uint64 { return (sequence + 1) << sequenceBits }

// shanghai is the zone of every day, month and year in zida.
var shanghai = mustZone("Asia/Shanghai")

func mustZone(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		panic(err) // the zone files are part of the binary
	}
	return zone
}

// catalogue is the contracts by id.
type catalogue map[string]*schemas.Contract

func (a *Analytics) catalogue() catalogue {
	all := a.contracts()
	byID := make(catalogue, len(all))
	for _, c := range all {
		byID[c.ID] = c
	}
	if c := bookingContract(byID); c != nil {
		byID[c.ID] = c
	}
	return byID
}

// property finds a property of c by name.
func property(c *schemas.Contract, name string) (*schemas.Property, bool) {
	for i := range c.Properties {
		if c.Properties[i].Name == name {
			return &c.Properties[i], true
		}
	}
	return nil, false
}

// MaxVersion is the highest sequence that any table holds. A hub whose journal ends
// below it has lost part of its journal and must not give those sequences again.
func (a *Analytics) MaxVersion(ctx context.Context) (sequence uint64, err error) {
	conn := a.store.Conn()
	if err := a.run(ctx, a.tables.create(submissionTable())); err != nil {
		return 0, err // a fresh database has none yet
	}
	if err := conn.QueryRow(ctx, a.tables.maxSequenceQuery()).Scan(&sequence); err != nil {
		return 0, fmt.Errorf("highest sequence of the submissions: %w", err)
	}
	names, err := a.tables.versioned(ctx, conn)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		// Only what lies above the submissions' sequence matters; the index on _version skips the rest.
		query := "SELECT max(_version) FROM " + a.tables.qualify(name) + " WHERE _version >= ?"
		var version uint64
		if err := conn.QueryRow(ctx, query, versionsBefore(sequence)).Scan(&version); err != nil {
			return 0, fmt.Errorf("highest version of %s: %w", name, err)
		}
		sequence = max(sequence, version>>sequenceBits)
	}
	return sequence, nil
}

// quote writes an identifier of ours. Names come from contracts, whose loader allows
// letters, digits and underscores only; anything else would be a fault of ours.
func quote(name string) string {
	if strings.ContainsAny(name, "`\\\x00") {
		panic("analytics: identifier " + name)
	}
	return "`" + name + "`"
}
