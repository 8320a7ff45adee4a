package engine

import (
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// freePorts finds two loopback ports that nobody listens on. Someone may take one before the child does; then the child ends and is
// started on others.
func freePorts() (first, second uint16, err error) {
	a, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, 0, err
	}
	defer a.Close()
	b, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, 0, err
	}
	defer b.Close()
	return portOf(a), portOf(b), nil
}

func portOf(l net.Listener) uint16 { return l.Addr().(*net.TCPAddr).AddrPort().Port() }

// ping asks ClickHouse's HTTP listener whether it answers; a refused connection costs the server nothing.
func ping(ctx context.Context, port uint16) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	transport := &http.Transport{DisableKeepAlives: true}
	address := "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))) + "/ping"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return false
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64))
	return response.StatusCode == http.StatusOK
}
