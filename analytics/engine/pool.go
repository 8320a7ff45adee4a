package engine

import (
	"crypto/tls"
	"net/http"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Everything goes over ClickHouse's HTTP interface, its own Native format in the bodies. libchdb dies of any exception that leaves a
// connection's thread, and its native TCP protocol throws one whenever a client goes away in the middle of an answer: an analyst who
// closes the page would end the engine. Over HTTP the same costs nothing, and queries are as fast.

// Few connections, kept: libchdb bears fresh ones by the hundred badly.
const (
	hubConnections    = 4
	readerConnections = 8
	insertConnections = 4

	dialTimeout        = 15 * time.Second // waiting for a restart with a large store included
	connectionLifetime = 24 * time.Hour
	idleLifetime       = 50 * time.Minute // below the server's keep_alive_timeout
)

// newTransport makes the kept connections of one server; of 0 connections: as many as its users open.
func newTransport(dial dialFunc, secure *tls.Config, connections int) *http.Transport {
	return &http.Transport{
		DialContext:         dial,
		TLSClientConfig:     secure,
		MaxConnsPerHost:     connections,
		MaxIdleConnsPerHost: max(connections, hubConnections+readerConnections),
		IdleConnTimeout:     idleLifetime,
		TLSHandshakeTimeout: dialTimeout,
		DisableCompression:  true,
		WriteBufferSize:     128 << 10,
	}
}

func clientInfo() clickhouse.ClientInfo {
	info := clickhouse.ClientInfo{}
	info.Products = append(info.Products, struct{ Name, Version string }{"zida", Version})
	return info
}

// pool is one user's way into a database.
type pool struct {
	addresses []string
	database  string
	user      login
	size      int
	settings  clickhouse.Settings
	secure    *tls.Config
	transport *http.Transport
}

func (p pool) open() (driver.Conn, error) {
	settings := clickhouse.Settings{"cancel_http_readonly_queries_on_client_close": 1}
	for name, value := range p.settings {
		settings[name] = value
	}
	return clickhouse.Open(&clickhouse.Options{
		Protocol:        clickhouse.HTTP,
		Addr:            p.addresses,
		Auth:            clickhouse.Auth{Database: p.database, Username: p.user.User, Password: p.user.Password},
		TLS:             p.secure,
		Settings:        settings,
		DialTimeout:     dialTimeout,
		MaxOpenConns:    p.size,
		MaxIdleConns:    p.size,
		ConnMaxLifetime: connectionLifetime,
		ClientInfo:      clientInfo(),
		TransportFunc:   func(*http.Transport) (http.RoundTripper, error) { return sharedTransport{p.transport}, nil },
	})
}
