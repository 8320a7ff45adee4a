// Package engine is the analytics store: a real ClickHouse server, run from libchdb as a child process of ours and supervised, or an
// existing server. It alone knows libchdb; everyone else sees a Store with two users: the hub's, and a reader with limits.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Version is the pinned engine: the npm package's version, whose first three numbers are ClickHouse's.
const Version = "26.7.3-stable.1"

// DefaultDatabase is where the hub's tables live. An embedded engine's users may use any database whose name begins with it.
const DefaultDatabase = "zida"

var databaseName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

// Options of an embedded engine.
type Options struct {
	Dir      string // the engine's own directory, made where absent; one process at a time
	Library  string // path of libchdb; empty: Locate()
	Database string // empty: DefaultDatabase
	Limits   Limits
	Logger   *slog.Logger // empty: slog.Default()

	// Cluster names the Shards for Distributed tables over several engines, and opens the native port they need. Only for trying sharding
	// out: a peer's port changes when it is restarted, and the native port is what libchdb's server is weakest at.
	Cluster string
	Shards  []Shard
}

// Shard is one engine of a cluster on this machine; the zero value is the engine itself.
type Shard struct {
	Host           string
	Port           uint16 // native TCP
	User, Password string
}

// Store is a reachable ClickHouse. Its methods may be called from many goroutines.
type Store struct {
	database, cluster string
	hub, reader       driver.Conn
	inserts           *inserter
	transports        []*http.Transport // closed with this Store
	child             *child            // nil: an existing server
	logins            logins
	view              bool // of a Store that owns the child
	exports           clickhouse.Settings
	closed            atomic.Bool
}

type logins struct{ hub, reader login }

// Start runs an engine on opts.Dir and returns once it answers. It is restarted whenever it dies, until Close.
func Start(ctx context.Context, opts Options) (*Store, error) {
	if opts.Dir == "" {
		return nil, errors.New("engine: no directory given")
	}
	if opts.Database == "" {
		opts.Database = DefaultDatabase
	}
	if !databaseName.MatchString(opts.Database) {
		return nil, fmt.Errorf("engine: %q is no name for a database (letters, digits and _)", opts.Database)
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	if opts.Library == "" {
		library, err := Locate()
		if err != nil {
			return nil, err
		}
		opts.Library = library
	}
	users := logins{newLogin("hub"), newLogin("reader")}
	child, err := startChild(ctx, opts, users)
	if err != nil {
		return nil, err
	}
	store, err := openEmbedded(ctx, child, users, opts.Database)
	if err != nil {
		return nil, errors.Join(err, child.close(context.WithoutCancel(ctx)))
	}
	store.cluster = opts.Cluster
	return store, nil
}

// openEmbedded opens a database of a running child, making it where absent.
func openEmbedded(ctx context.Context, child *child, users logins, database string) (*Store, error) {
	s := &Store{database: database, child: child, logins: users, exports: exportSettings(child.settings.Limits)}
	queries, inserts := newTransport(child.dial, nil, 0), newTransport(child.dial, nil, insertConnections)
	s.transports = []*http.Transport{queries, inserts}
	s.inserts = newInserter(users.hub, database, []string{"http://engine"}, inserts)
	address := []string{"engine"} // the transports know where it is
	hub := pool{addresses: address, database: database, user: users.hub, size: hubConnections, transport: queries}
	reader := pool{addresses: address, database: database, user: users.reader, size: readerConnections, transport: queries}
	err := s.inserts.exec(ctx, "CREATE DATABASE IF NOT EXISTS "+database)
	if err == nil {
		s.hub, err = hub.open()
	}
	if err == nil {
		s.reader, err = reader.open()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("engine: opening database %s: %w", database, err), s.closePools())
	}
	return s, nil
}

// In opens another database of the same embedded engine, making it where absent: how tests that share one engine keep apart. Its name
// begins with that of the first. Closing it closes its connections only.
func (s *Store) In(ctx context.Context, database string) (*Store, error) {
	if s.child == nil {
		return nil, errors.New("engine: an existing server is used with the one database of its DSN")
	}
	if !databaseName.MatchString(database) {
		return nil, fmt.Errorf("engine: %q is no name for a database (letters, digits and _)", database)
	}
	view, err := openEmbedded(ctx, s.child, s.logins, database)
	if err != nil {
		return nil, err
	}
	view.view, view.cluster = true, s.cluster
	return view, nil
}

// Conn is the hub's user on a small pool of kept HTTP connections, all rights on its database. Queries that begin while the child is being
// restarted wait for it, within their context and 15 s. clickhouse-go's progress callbacks stay silent over HTTP: see WithStats.
func (s *Store) Conn() driver.Conn { return s.hub }

// Reader is the read-only user: SELECT on the hub's database, within Limits.
func (s *Store) Reader() driver.Conn { return s.reader }

// ExportSettings let one query of the reader answer with as many rows as it reads, for as long as whoever takes them does. On a server with
// a reader_user of the operator's they are empty: that user's own limits are the operator's to set.
func (s *Store) ExportSettings() clickhouse.Settings { return s.exports }

// exportBlock is how many rows of an export come at once: what they are decoded into is most of the memory that an export needs here.
const exportBlock = 8192

func exportSettings(limits Limits) clickhouse.Settings {
	return clickhouse.Settings{
		"max_execution_time": seconds(limits.ReaderTimeCeiling), "max_result_rows": limits.ReaderRows,
		"max_block_size": exportBlock,
	}
}

// Insert sends body, frames of ClickHouse's compressed format as they are, with the hub's user over a kept connection. The body is sent
// once: after an error that is Temporary nothing is known of the rows' fate, and the caller sends the same again. What ClickHouse itself
// answered is an *Error.
func (s *Store) Insert(ctx context.Context, query string, body io.Reader) error {
	return s.inserts.insert(ctx, query, body)
}

// Database is the name of the hub's database.
func (s *Store) Database() string { return s.database }

// Cluster is the name given for ON CLUSTER and Distributed, empty for a single server.
func (s *Store) Cluster() string { return s.cluster }

// Embedded says whether the engine is a child of ours.
func (s *Store) Embedded() bool { return s.child != nil }

// readyPatience bounds Ready: a child that died this very moment is not waited for.
const readyPatience = 3 * time.Second

// Ready asks the server for an answer, as the hub's user.
func (s *Store) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	if s.child != nil {
		if err := s.child.state(); err != nil {
			return err
		}
	}
	return s.hub.Ping(ctx)
}

// Restarts counts how often the child was started again.
func (s *Store) Restarts() int {
	if s.child == nil {
		return 0
	}
	return s.child.restartCount()
}

// PID of the child, 0 where there is none at the moment.
func (s *Store) PID() int {
	if s.child == nil {
		return 0
	}
	return s.child.pid()
}

// Memory is the child's resident memory in bytes, 0 where it is not known.
func (s *Store) Memory() int64 {
	if pid := s.PID(); pid != 0 {
		return residentMemory(pid)
	}
	return 0
}

// Shard is this engine as a peer of another one's Options.Shards, until it is next restarted.
func (s *Store) Shard() Shard {
	if s.child == nil {
		return Shard{}
	}
	tcp, _ := s.child.ports()
	return Shard{Host: s.child.settings.Host, Port: tcp, User: s.logins.hub.User, Password: s.logins.hub.Password}
}

// DSN reaches this very engine for Connect, until it is next restarted: passwords included, for tests and for tools on this machine.
func (s *Store) DSN() string {
	if s.child == nil {
		return ""
	}
	_, port := s.child.ports()
	query := url.Values{
		"http_port": {strconv.Itoa(int(port))}, "reader_user": {s.logins.reader.User}, "reader_password": {s.logins.reader.Password},
	}
	if s.cluster != "" {
		query.Set("cluster", s.cluster)
	}
	dsn := url.URL{
		Scheme: "clickhouse", User: url.UserPassword(s.logins.hub.User, s.logins.hub.Password),
		Host: s.child.settings.Host, Path: "/" + s.database, RawQuery: query.Encode(),
	}
	return dsn.String()
}

// Close closes the connections, then ends the child and waits for it; when ctx ends first, it is killed. Nothing is left behind but the
// directory.
func (s *Store) Close(ctx context.Context) error {
	if !s.closed.CompareAndSwap(false, true) {
		return nil
	}
	err := s.closePools()
	if s.child == nil || s.view {
		return err
	}
	return errors.Join(err, s.child.close(ctx))
}

func (s *Store) closePools() (err error) {
	for _, pool := range []driver.Conn{s.hub, s.reader} {
		if pool != nil {
			err = errors.Join(err, pool.Close())
		}
	}
	for _, transport := range s.transports {
		transport.CloseIdleConnections()
	}
	return err
}
