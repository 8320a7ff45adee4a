package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// existing is a DSN taken apart: what clickhouse-go understands, and our own parameters.
type existing struct {
	options   *clickhouse.Options
	secure    *tls.Config // nil: plain HTTP
	cluster   string
	addresses []string // host:port of the HTTP interface
	bases     []string // the same as URLs
	reader    login    // without a user: the hub's
}

// Connect uses a server or cluster that is there already:
//
//	clickhouse://user:password@host:9000/zida?http_port=8123&cluster=NAME&reader_user=USER&reader_password=PASSWORD
//
// It is spoken to over HTTP, at http_port (8123, or 8443 with secure=true), whatever port stands behind the host. Several hosts
// (host1,host2) are equal ways into one cluster. The database and the users
// are the operator's to make: the hub's user owns its database, the reader's has SELECT on it, readonly=2 and limits. Without a reader_user
// the hub's own user reads, with readonly=2 and the limits sent with each query: weaker, for they are then the client's word only.
func Connect(ctx context.Context, dsn string, logger *slog.Logger) (*Store, error) {
	if logger == nil {
		logger = slog.Default()
	}
	server, err := parseDSN(dsn)
	if err != nil {
		return nil, err
	}
	user := login{server.options.Auth.Username, server.options.Auth.Password}
	database := server.options.Auth.Database
	s := &Store{database: database, cluster: server.cluster}
	dial := (&net.Dialer{Timeout: dialTimeout}).DialContext
	queries, inserts := newTransport(dial, server.secure, 0), newTransport(dial, server.secure, insertConnections)
	s.transports = []*http.Transport{queries, inserts}
	s.inserts = newInserter(user, database, server.bases, inserts)

	hub := pool{
		addresses: server.addresses, database: database, user: user, size: hubConnections, secure: server.secure, transport: queries,
		settings: withSettings(server.options.Settings, clickhouse.Settings{"async_insert": 0}),
	}
	reader := hub
	reader.size, reader.settings = readerConnections, server.options.Settings
	if server.reader.User != "" {
		reader.user = server.reader
	} else {
		logger.Warn("no reader_user in the ClickHouse DSN: the hub's own user reads, held to reading by readonly=2 only")
		reader.settings = withSettings(server.options.Settings, readerSettings(DefaultLimits()))
		s.exports = exportSettings(DefaultLimits())
	}
	if s.hub, err = hub.open(); err == nil {
		s.reader, err = reader.open()
	}
	if err == nil {
		err = errors.Join(s.hub.Ping(ctx), s.inserts.exec(ctx, "SELECT 1 FORMAT Null"), s.reader.Ping(ctx))
		if _, answered := AsError(err); err != nil && !answered {
			// Away for the moment, perhaps: the hub takes pushes without it, and tries again.
			logger.Warn("ClickHouse does not answer yet", "error", err)
			err = nil
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("ClickHouse at %s does not answer: %w", strings.Join(server.bases, ", "), err), s.Close(ctx))
	}
	return s, nil
}

// readerSettings are the reader's profile where it has to be sent along.
func readerSettings(limits Limits) clickhouse.Settings {
	return clickhouse.Settings{
		"readonly":           2,
		"max_execution_time": limits.ReaderSeconds(),
		"max_memory_usage":   limits.ReaderMemory,
		"max_rows_to_read":   limits.ReaderRows,
		"max_result_rows":    limits.ReaderResultRows,
	}
}

func withSettings(base, added clickhouse.Settings) clickhouse.Settings {
	all := clickhouse.Settings{}
	for _, settings := range []clickhouse.Settings{base, added} {
		for name, value := range settings {
			all[name] = value
		}
	}
	return all
}

// parseDSN takes our own parameters out of a DSN: clickhouse-go would send them on as settings. Its errors never repeat the password.
func parseDSN(dsn string) (existing, error) {
	head, query, _ := strings.Cut(dsn, "?")
	params, err := url.ParseQuery(query)
	if err != nil || !strings.HasPrefix(head, "clickhouse://") {
		return existing{}, errors.New("the ClickHouse DSN is not of the form clickhouse://user:password@host:9000/database?http_port=8123")
	}
	take := func(name string) string {
		value := params.Get(name)
		params.Del(name)
		return value
	}
	httpPort := take("http_port")
	server := existing{cluster: take("cluster"), reader: login{take("reader_user"), take("reader_password")}}
	if server.options, err = clickhouse.ParseDSN(head + "?" + params.Encode()); err != nil {
		return existing{}, fmt.Errorf("the ClickHouse DSN: %w", err)
	}
	options := server.options
	for what, name := range map[string]string{"database": options.Auth.Database, "cluster": server.cluster} {
		if name != "" && !databaseName.MatchString(name) {
			return existing{}, fmt.Errorf("the ClickHouse DSN: %q is no name for a %s (letters, digits and _)", name, what)
		}
	}
	if options.Auth.Database == "" {
		return existing{}, errors.New("the ClickHouse DSN names no database: clickhouse://user:password@host:9000/zida")
	}
	server.secure = options.TLS
	scheme, defaultPort := "http", "8123"
	if server.secure != nil {
		scheme, defaultPort = "https", "8443"
	}
	if httpPort == "" {
		httpPort = defaultPort
	}
	if _, err := strconv.ParseUint(httpPort, 10, 16); err != nil {
		return existing{}, fmt.Errorf("the ClickHouse DSN: http_port=%s is not a port", httpPort)
	}
	for _, address := range options.Addr {
		host := address
		if name, _, err := net.SplitHostPort(address); err == nil {
			host = name
		}
		address = net.JoinHostPort(host, httpPort)
		server.addresses, server.bases = append(server.addresses, address), append(server.bases, scheme+"://"+address)
	}
	return server, nil
}
