package engine

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

const (
	watchEvery   = time.Second
	watchTimeout = 5 * time.Second
	stuckAfter   = time.Minute // without an answer: longer than a machine is seen to pause
)

// watch asks the serving child for /ping over one kept connection and kills it when it has stopped serving without ending: libchdb takes
// some 4 s to write down why it crashed, its listener closed, and a restart 0.4 s. It returns when the child ends.
func (c *child) watch(ctx context.Context, ended <-chan struct{}, process *os.Process, port uint16) {
	host := c.settings.Host
	transport := newTransport((&net.Dialer{Timeout: watchTimeout}).DialContext, nil, 1)
	defer transport.CloseIdleConnections()
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	answered := time.Now()
	for {
		select {
		case <-ended:
			return
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if ping(ctx, transport, host, port) {
			answered = time.Now()
			continue
		}
		if refused := !listens(ctx, host, port); refused || time.Since(answered) > stuckAfter {
			if ctx.Err() == nil {
				c.opts.Logger.Warn("engine no longer answers, killing it", "listener_closed", refused, "last_answer", answered)
				_ = process.Kill()
			}
			return
		}
	}
}

// listens is false where a connection is refused at once; a slow answer is no refusal.
func listens(ctx context.Context, host string, port uint16) bool {
	ctx, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", hostPort(host, port))
	if err != nil {
		return ctx.Err() != nil
	}
	_ = conn.Close()
	return true
}

// ping asks ClickHouse's HTTP listener whether it answers.
func ping(ctx context.Context, transport http.RoundTripper, host string, port uint16) bool {
	ctx, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+hostPort(host, port)+"/ping", http.NoBody)
	if err != nil {
		return false
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, 64))
	return err == nil && response.StatusCode == http.StatusOK
}
