// Package hub is the exchange: it receives submissions, checks them against
// their contracts, makes them durable, hands them to ClickHouse and answers
// questions about them. New, Run and Close are the only wiring there is.
package hub

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zida-hub/zida/analytics"
	"github.com/zida-hub/zida/analytics/engine"
	"github.com/zida-hub/zida/hub/auth"
	"github.com/zida-hub/zida/hub/journal"
	"github.com/zida-hub/zida/hub/receipt"
	"github.com/zida-hub/zida/hub/registry"
	"github.com/zida-hub/zida/hub/writer"
)

// Hub is one running exchange process: the HTTP side (shell) before the parts
// that a submission walks through, in that order.
type Hub struct {
	shell
	auth      *auth.Authority
	registry  *registry.Registry
	catalog   *catalog
	ledger    *ledger
	journal   *journal.Journal
	committer *journal.Committer
	current   *writer.Writer // fills the tables that answer
	history   *writer.Writer // fills those of the past, and the list of submissions
	store     *engine.Store
	analytics *analytics.Analytics

	server    *server
	serving   http.Handler
	larges    chan struct{} // a slot for each large body being read
	books     chan struct{} // a slot for each workbook under way
	marking   chan struct{} // a slot for the one that is being marked
	held      held
	feed      feed
	batches   turns
	freshness freshness
	answers   keptAnswers
	outlines  atomic.Pointer[mapNow] // the map; nil before there was any
	rollups   rollups
	tables    tables
	disk      diskWatch
	behind    atomic.Bool // the journal ends below what ClickHouse knows

	undo   []func() // closes what New opened, last first
	closed sync.Once
}

// New opens every part of a hub and binds its address; nothing is answered
// before Run. What it opened is closed again when it fails.
func New(ctx context.Context, cfg Config) (*Hub, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	h := &Hub{larges: make(chan struct{}, largeSlots), books: make(chan struct{}, workbooksAtOnce), marking: make(chan struct{}, 1)}
	h.shell = newShell(&cfg, func(token string) (*auth.Principal, error) { return h.auth.Verify(token) })
	h.session = func(token string) (*auth.Principal, error) { return h.auth.VerifySession(token) }
	for _, open := range []func(context.Context) error{
		h.openData, h.bind, h.openJournal, h.openEngine, h.openLedger, h.openServer, h.openAuth, h.openWriters, h.openRollups, h.openFreshness, h.watchQuality, h.openHandler, h.fillLists,
	} {
		if err := open(ctx); err != nil {
			h.Close(context.Background())
			return nil, err
		}
	}
	return h, nil
}

func (h *Hub) onClose(f func()) { h.undo = append(h.undo, f) }

func (h *Hub) openData(context.Context) error {
	var err error
	if h.catalog, err = openCatalog(h.conf.Contracts); err != nil {
		return err
	}
	if err := os.MkdirAll(h.conf.Data, 0o700); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	if err := h.openExports(); err != nil {
		return err
	}
	return h.watchDisk()
}

func (h *Hub) openJournal(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	j, err := journal.Open(ctx, journal.Options{Dir: filepath.Join(h.conf.Data, "journal"), URL: h.conf.Journal, FirstSequence: uint64(h.conf.FirstSequence), Logger: h.slog})
	if err != nil {
		return err
	}
	h.journal = j
	h.onClose(j.Close)
	h.held.follow(j.State(), h.answers.forget)
	h.followContracts(j.State())
	h.followMap(j.State())
	h.registry, err = registry.Open(ctx, registry.Options{State: j.State(), Logger: h.slog})
	return err
}

func (h *Hub) openEngine(ctx context.Context) error {
	var err error
	if h.conf.ClickHouse != "" {
		h.store, err = engine.Connect(ctx, h.conf.ClickHouse, h.slog)
	} else {
		h.store, err = engine.Start(ctx, engine.Options{
			Dir: filepath.Join(h.conf.Data, "engine"), Library: h.conf.EngineLibrary, Logger: h.slog,
			Limits: engine.Limits{Memory: h.conf.EngineMemory, Threads: int(h.conf.EngineThreads)},
		})
	}
	if err != nil {
		return err
	}
	h.onClose(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := h.store.Close(ctx); err != nil {
			h.slog.Warn("engine", "error", err)
		}
	})
	h.analytics, err = analytics.New(h.store, h.catalog.contracts)
	return err
}

// openLedger folds the journal and starts the committer after it.
func (h *Hub) openLedger(ctx context.Context) error {
	h.ledger = newLedger(h.catalog.isList, h.catalog.uses)
	if err := h.ledger.open(ctx, h.journal); err != nil {
		return err
	}
	h.answers.begin(h.ledger.last)
	if err := h.dropOrphans(ctx); err != nil {
		return err
	}
	h.committer = h.journal.NewCommitter(h.ledger.last, h.ledger.lastTime, journal.CommitterOptions{
		Admit: h.ledger.admit,
		Apply: func(b *journal.Block) error {
			h.feed.note(b)
			h.answers.note(b)
			h.metrics.rows.note(b)
			return h.ledger.apply(b)
		},
		Seal:   func(b *journal.Block) { receipt.Seal(b, h.auth.SignReceipt) },
		IsList: h.catalog.isList, QueueBytes: h.conf.QueueBytes, Logger: h.slog,
	})
	h.onClose(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		h.committer.Close(ctx)
	})
	return nil
}

// dropOrphans drops the stages of pushes that a kill cut short. Only an embedded
// journal is known to have no other hub in the middle of one.
func (h *Hub) dropOrphans(ctx context.Context) error {
	if !h.journal.Embedded() {
		return nil
	}
	committed := map[uint64]bool{}
	if _, err := h.journal.Replay(ctx, journal.Bulk, 0, time.Time{}, func(b *journal.Block) error {
		for i := range b.Submissions {
			for _, p := range b.Submissions[i].Parts {
				committed[p.Sequence] = true
			}
		}
		return nil
	}); err != nil {
		return err
	}
	n, err := h.journal.DropOrphans(ctx, func(sequence uint64) bool { return committed[sequence] })
	if n > 0 {
		h.slog.Info("dropped stages that no submission committed", "stages", n)
	}
	return err
}

// bind takes the address before anything large is started: an address that is
// taken is heard of at once. The issuer's name may be made from it; the handler
// comes later.
func (h *Hub) bind(context.Context) error {
	v, err := h.listen(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.serving.ServeHTTP(w, r) }))
	if err != nil {
		return err
	}
	h.server = v
	h.onClose(v.release)
	return nil
}

// openServer has the server stopped after what answers requests, and before
// what they need.
func (h *Hub) openServer(context.Context) error {
	h.onClose(func() {
		if err := h.server.shutdown(context.Background()); err != nil {
			h.slog.Warn("shutdown", "error", err)
		}
	})
	return nil
}

func (h *Hub) openAuth(ctx context.Context) error {
	master, err := masterKey(h.conf.Data)
	if err != nil {
		return err
	}
	h.auth, err = auth.New(ctx, auth.Options{
		Issuer: h.URL(), Registry: h.registry, State: h.journal.State(), MasterKey: master, Lifetime: h.conf.TokenTTL, Logger: h.slog,
	})
	if err != nil {
		return err
	}
	h.onClose(h.auth.Close)
	credentials, made, err := h.registry.Bootstrap(ctx)
	if err != nil {
		return err
	}
	if !made {
		return nil
	}
	return writeAdminFile(h.conf.Data, h.URL(), credentials)
}

func (h *Hub) openHandler(context.Context) error {
	var err error
	h.serving, err = h.handler(h.URL())
	if err == nil {
		h.gauges()
	}
	return err
}

// URL is the hub's address as agencies use it.
func (h *Hub) URL() string { return h.conf.Issuer(h.server.addr()) }

// Run answers requests until ctx ends or a listener fails.
func (h *Hub) Run(ctx context.Context) error {
	// The watchdog hears that the process answers; a full disk is not mended by a restart.
	failed := h.server.run(nil)
	h.server.ready()
	h.slog.Info("ready", "url", h.URL(), "sequence", h.committer.Last(), "watermark", h.current.Watermark())
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return fmt.Errorf("listener: %w", err)
	}
}

// Close stops every part in the reverse order of its start: no new requests,
// then those under way, then the writers, the committer, the engine, the journal.
func (h *Hub) Close(context.Context) {
	h.closed.Do(func() {
		for i := len(h.undo) - 1; i >= 0; i-- {
			h.undo[i]()
		}
	})
}

// accepting says why pushes are refused at the moment, nil when they are not.
func (h *Hub) accepting() error {
	switch {
	case h.behind.Load():
		return refuse("journal-behind", "", "").retryIn(time.Minute)
	case h.disk.low.Load():
		return refuse("disk-low", "", "").retryIn(30 * time.Second)
	}
	return nil
}

// position is how far the tables have come, for queries.
func (h *Hub) position() analytics.Position {
	mark := h.current.Watermark()
	return analytics.Position{Watermark: mark, HistoryWatermark: min(mark, h.history.Watermark()), Rolled: h.rolled(mark)}
}
