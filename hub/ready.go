package hub

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/zida-hub/zida/hub/writer"
)

// diskWatch looks at the free space of the data directory once a second.
type diskWatch struct {
	low  atomic.Bool
	free atomic.Uint64
}

func (h *Hub) watchDisk() error {
	if err := h.lookAtDisk(); err != nil {
		return err
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTicker(time.Second)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				if err := h.lookAtDisk(); err != nil {
					h.slog.Warn("cannot read the free space", "error", err)
				}
			case <-stop:
				return
			}
		}
	}()
	h.onClose(func() { close(stop); <-done })
	return nil
}

func (h *Hub) lookAtDisk() error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(h.conf.Data, &st); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	free := st.Bavail * uint64(st.Bsize)
	h.disk.free.Store(free)
	low := free < uint64(h.conf.DiskFloor)
	if h.disk.low.Swap(low) != low {
		h.slog.Warn("disk floor", "below", low, "free_bytes", free, "floor_bytes", h.conf.DiskFloor)
	}
	return nil
}

// readiness reports the parts of the hub: what is not OK keeps it from working,
// what is degraded wants somebody to look.
func (h *Hub) readiness() []Part {
	journal := Part{Name: "journal", OK: true}
	switch {
	case h.behind.Load() && !h.tables.ready.Load():
		journal.OK, journal.Detail = false, "waiting for ClickHouse to tell how far it is"
	case h.behind.Load():
		journal.OK, journal.Detail = false, "the journal ends below what ClickHouse knows: restore it, or open a higher range (first-sequence)"
	case h.disk.low.Load():
		journal.OK, journal.Detail = false, "free space is below disk-floor: pushes are refused"
	}
	parts := []Part{journal}
	for _, w := range []struct {
		name string
		w    *writer.Writer
	}{{"current", h.current}, {"history", h.history}} {
		p := Part{Name: w.name, OK: true}
		if t := w.w.Trouble(); t != nil {
			p.Degraded = true
			p.Detail = fmt.Sprintf("rows have not reached ClickHouse for %s; the journal keeps them", time.Since(t.Since).Round(time.Second))
		}
		parts = append(parts, p)
	}
	if words := h.heldWords(); words != "" {
		parts = append(parts, Part{Name: "held", OK: true, Degraded: true, Detail: "submissions refused by ClickHouse: " + words})
	}
	return parts
}

// gauges registers what the parts have to show.
func (h *Hub) gauges() {
	gauge := func(name, help string, f func() float64) {
		h.metrics.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f))
	}
	gauge("zida_journal_sequence", "Sequence of the newest block.", func() float64 { return float64(h.committer.Last()) })
	gauge("zida_watermark", "Sequence up to which the current tables are complete.", func() float64 { return float64(h.current.Watermark()) })
	gauge("zida_history_watermark", "Sequence up to which the history tables are complete.", func() float64 { return float64(h.history.Watermark()) })
	gauge("zida_rolled", "Sequence up to which the rollups are complete; what came after it is read from the records.", func() float64 { return float64(h.rollups.upTo.Load()) })
	gauge("zida_answers_reused", "Answers of batches given from those that are kept.", h.answers.reused)
	gauge("zida_engine_restarts", "Restarts of the embedded engine.", func() float64 { return float64(h.store.Restarts()) })
	gauge("zida_engine_resident_bytes", "Resident memory of the embedded engine.", func() float64 { return float64(h.store.Memory()) })
	gauge("zida_disk_free_bytes", "Free space of the data directory.", func() float64 { return float64(h.disk.free.Load()) })
	gauge("zida_held_submissions", "Submissions that ClickHouse refused.", func() float64 { return float64(len(h.held.list())) })
}
