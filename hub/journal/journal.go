// Package journal is the durable log: what the hub acknowledged, in the order
// in which it became durable, and the key-value state every replica agrees on.
//
// It is NATS JetStream, embedded (no listener, fsync before each
// acknowledgement) or a cluster reached by URL, with the same code. Three
// streams: JOURNAL holds one message a block, STAGE the parts of large bodies
// until and after their commit, STATE the keys.
package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Stream and subject names. Blocks with rows of a reference list and commits of
// staged submissions have subjects of their own, so that a starting hub reads
// just those.
const (
	streamJournal = "JOURNAL"
	streamStage   = "STAGE"
	streamState   = "STATE"

	subjectBlock = "zida.journal.block"
	subjectList  = "zida.journal.list"
	subjectBulk  = "zida.journal.bulk"
	subjectAll   = "zida.journal.>"
	subjectStage = "zida.stage."
	subjectState = "zida.state."
)

// MaxMessage bounds one message: a block or a staged part.
const MaxMessage = 8 << 20

// Options say where the journal is.
type Options struct {
	Dir string // of the embedded server; unused with a URL
	// URL of a JetStream cluster ("nats://a,nats://b"); empty: embedded.
	URL         string
	Credentials string // a NATS credentials file; empty: none
	Replicas    int    // of the streams in a cluster; 0: 3 with a URL
	// FirstSequence opens the journal at a higher sequence when it is created: a
	// restore never uses a sequence twice.
	FirstSequence uint64
	// CacheBytes bounds the staged parts kept in memory for the writer. 0: 96 MiB.
	CacheBytes int
	Logger     *slog.Logger
}

// Journal is an open journal.
type Journal struct {
	opts  Options
	log   *slog.Logger
	lock  *os.File // held for the embedded directory's life
	srv   *server.Server
	nc    *nats.Conn
	js    jetstream.JetStream
	main  jetstream.Stream
	stage jetstream.Stream
	state *State
	cache partCache
	close sync.Once
}

// ErrLocked is returned when another process has the directory open.
var ErrLocked = errors.New("journal: another process has this data directory open")

// Open starts or reaches the journal and reads its state.
func Open(ctx context.Context, o Options) (*Journal, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 96 << 20
	}
	if o.Replicas == 0 {
		o.Replicas = 1
		if o.URL != "" {
			o.Replicas = 3
		}
	}
	j := &Journal{opts: o, log: o.Logger, cache: partCache{max: o.CacheBytes}}
	if err := j.connect(ctx); err != nil {
		j.Close()
		return nil, err
	}
	if err := j.settle(ctx); err != nil {
		j.Close()
		return nil, err
	}
	st, err := openState(ctx, j)
	if err != nil {
		j.Close()
		return nil, err
	}
	j.state = st
	return j, nil
}

func (j *Journal) connect(ctx context.Context) error {
	if j.opts.URL != "" {
		opts := []nats.Option{nats.Name("zida hub"), nats.MaxReconnects(-1), nats.ReconnectWait(250 * time.Millisecond), nats.Timeout(5 * time.Second)}
		if j.opts.Credentials != "" {
			opts = append(opts, nats.UserCredentials(j.opts.Credentials))
		}
		nc, err := nats.Connect(j.opts.URL, opts...)
		if err != nil {
			return fmt.Errorf("journal: cannot reach the cluster: %w", err)
		}
		j.nc = nc
	} else if err := j.embed(ctx); err != nil {
		return err
	}
	js, err := jetstream.New(j.nc, jetstream.WithPublishAsyncMaxPending(64))
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	j.js = js
	return nil
}

func (j *Journal) embed(ctx context.Context) error {
	dir := j.opts.Dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "LOCK"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return fmt.Errorf("%w: %s", ErrLocked, dir)
	}
	j.lock = f
	srv, err := server.NewServer(&server.Options{
		ServerName: "zida",
		DontListen: true,
		JetStream:  true,
		StoreDir:   dir,
		SyncAlways: true, // without it the acknowledgement comes up to two minutes before the fsync
		MaxPayload: MaxMessage,
		// The hub watches the disk's floor itself and refuses pushes above it; the
		// server's own limit would come after messages were half taken.
		JetStreamMaxStore:  1 << 50,
		JetStreamMaxMemory: 32 << 20,
		NoSigs:             true,
		NoLog:              true,
	})
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	j.srv = srv
	srv.SetLoggerV2(serverLog{j.log}, false, false, false)
	go srv.Start()
	wait := 30 * time.Second
	if d, ok := ctx.Deadline(); ok {
		wait = time.Until(d)
	}
	if !srv.ReadyForConnections(wait) {
		return fmt.Errorf("journal: not ready after %s; see the log above, and `zida doctor`", wait)
	}
	nc, err := nats.Connect("", nats.InProcessServer(srv), nats.Name("zida hub"))
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	j.nc = nc
	return nil
}

// settle makes the streams where they are missing. A cluster that is choosing its
// leader drops requests instead of refusing them, so they are asked again.
func (j *Journal) settle(ctx context.Context) error {
	if j.Embedded() {
		return j.streams(ctx)
	}
	for {
		try, cancel := context.WithTimeout(ctx, 3*time.Second)
		err := j.streams(try)
		cancel()
		if err == nil {
			return nil
		}
		if !pause(ctx, 200*time.Millisecond) {
			return err
		}
	}
}

func (j *Journal) streams(ctx context.Context) error {
	ensure := func(cfg jetstream.StreamConfig) (jetstream.Stream, error) {
		cfg.Storage = jetstream.FileStorage
		cfg.Replicas = j.opts.Replicas
		cfg.Retention = jetstream.LimitsPolicy
		cfg.Discard = jetstream.DiscardNew
		cfg.AllowDirect = false // a read must be of the leader: the newest
		cfg.DenyDelete = false
		s, err := j.js.Stream(ctx, cfg.Name)
		if err == nil {
			return s, nil
		}
		if !errors.Is(err, jetstream.ErrStreamNotFound) {
			return nil, fmt.Errorf("journal: stream %s: %w", cfg.Name, err)
		}
		s, err = j.js.CreateStream(ctx, cfg)
		if err != nil {
			return nil, fmt.Errorf("journal: create stream %s: %w", cfg.Name, err)
		}
		return s, nil
	}
	var err error
	if j.main, err = ensure(jetstream.StreamConfig{Name: streamJournal, Subjects: []string{subjectBlock, subjectList, subjectBulk}, FirstSeq: j.opts.FirstSequence}); err != nil {
		return err
	}
	if j.stage, err = ensure(jetstream.StreamConfig{Name: streamStage, Subjects: []string{subjectStage + ">"}}); err != nil {
		return err
	}
	_, err = ensure(jetstream.StreamConfig{Name: streamState, Subjects: []string{subjectState + ">"}})
	return err
}

// State is the key-value state every replica sees.
func (j *Journal) State() *State { return j.state }

// Embedded tells whether the journal runs in this process, so that no other
// replica writes to it.
func (j *Journal) Embedded() bool { return j.opts.URL == "" }

// Last returns the sequence of the newest block, 0 when there is none yet.
func (j *Journal) Last(ctx context.Context) (uint64, error) {
	i, err := j.info(ctx)
	if err != nil {
		return 0, fmt.Errorf("journal: %w", err)
	}
	return i.State.LastSeq, nil
}

// Stats are the journal's sizes.
type Stats struct {
	Blocks, Bytes, StageBytes uint64
	First, Last               uint64
}

// Stats reads the streams' sizes.
func (j *Journal) Stats(ctx context.Context) (Stats, error) {
	m, err := j.main.Info(ctx)
	if err != nil {
		return Stats{}, fmt.Errorf("journal: %w", err)
	}
	s, err := j.stage.Info(ctx)
	if err != nil {
		return Stats{}, fmt.Errorf("journal: %w", err)
	}
	return Stats{Blocks: m.State.Msgs, Bytes: m.State.Bytes, StageBytes: s.State.Bytes, First: m.State.FirstSeq, Last: m.State.LastSeq}, nil
}

// Close stops in reverse order: the connection, then the server.
func (j *Journal) Close() {
	j.close.Do(func() {
		if j.state != nil {
			j.state.stop()
		}
		if j.nc != nil {
			j.nc.Close()
		}
		if j.srv != nil {
			j.srv.Shutdown()
			j.srv.WaitForShutdown()
		}
		if j.lock != nil {
			_ = j.lock.Close() // releases the flock
		}
	})
}

// serverLog hands the embedded server's words to the hub's log.
type serverLog struct{ l *slog.Logger }

func (s serverLog) Noticef(f string, v ...any) { s.l.Debug(fmt.Sprintf(f, v...), "part", "nats") }
func (s serverLog) Warnf(f string, v ...any)   { s.l.Warn(fmt.Sprintf(f, v...), "part", "nats") }
func (s serverLog) Fatalf(f string, v ...any)  { s.l.Error(fmt.Sprintf(f, v...), "part", "nats") }
func (s serverLog) Errorf(f string, v ...any)  { s.l.Error(fmt.Sprintf(f, v...), "part", "nats") }
func (s serverLog) Debugf(f string, v ...any)  { s.l.Debug(fmt.Sprintf(f, v...), "part", "nats") }
func (s serverLog) Tracef(string, ...any)      {}
