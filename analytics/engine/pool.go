package engine

import (
	"context"
	"net"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Few connections, kept: fresh ones by the hundred are what the embedded server was seen to die of.
const (
	hubConnections    = 4
	readerConnections = 8
	insertConnections = 4

	dialTimeout        = 15 * time.Second // a restart with a large store included
	readTimeout        = 10 * time.Minute // between two packets of an answer
	connectionLifetime = 24 * time.Hour
)

func clientInfo() clickhouse.ClientInfo {
	info := clickhouse.ClientInfo{}
	info.Products = append(info.Products, struct{ Name, Version string }{"zida", Version})
	return info
}

// openPool opens native connections to wherever the child is at the moment of dialling.
func openPool(child *child, user login, database string, size int) (driver.Conn, error) {
	return clickhouse.Open(&clickhouse.Options{
		Addr:            []string{"engine"},
		Auth:            clickhouse.Auth{Database: database, Username: user.User, Password: user.Password},
		DialContext:     func(ctx context.Context, _ string) (net.Conn, error) { return child.dialTCP(ctx) },
		DialTimeout:     dialTimeout,
		ReadTimeout:     readTimeout,
		MaxOpenConns:    size,
		MaxIdleConns:    size,
		ConnMaxLifetime: connectionLifetime,
		ClientInfo:      clientInfo(),
	})
}
