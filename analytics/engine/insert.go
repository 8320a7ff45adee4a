package engine

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
)

// inserter posts to ClickHouse's HTTP interface over kept connections.
type inserter struct {
	client   *http.Client
	user     login
	database string
	bases    []string // addresses of equal servers, tried in turn after trouble
	current  atomic.Uint32
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

func newInserter(user login, database string, bases []string, transport *http.Transport) *inserter {
	return &inserter{client: &http.Client{Transport: transport}, user: user, database: database, bases: bases}
}

func (i *inserter) insert(ctx context.Context, query string, body io.Reader) error {
	return i.post(ctx, url.Values{"database": {i.database}, "query": {query}, "decompress": {"1"}, "async_insert": {"0"}}, body)
}

// exec runs a statement outside any database.
func (i *inserter) exec(ctx context.Context, statement string) error {
	return i.post(ctx, url.Values{}, strings.NewReader(statement))
}

// maxAnswer bounds what is read of an answer: an INSERT has none, an exception is a few hundred bytes.
const maxAnswer = 64 << 10

func (i *inserter) post(ctx context.Context, params url.Values, body io.Reader) error {
	index := i.current.Load()
	base := i.bases[int(index)%len(i.bases)]
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/?"+params.Encode(), body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/octet-stream")
	request.Header.Set("X-ClickHouse-User", i.user.User)
	request.Header.Set("X-ClickHouse-Key", i.user.Password)
	response, err := i.client.Do(request)
	if err != nil {
		i.current.CompareAndSwap(index, index+1)
		return fmt.Errorf("posting to ClickHouse: %w", trimURL(err))
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if failure := httpError(response, answer); failure != nil {
		return failure
	}
	if err != nil {
		return fmt.Errorf("reading ClickHouse's answer: %w", err)
	}
	return nil
}

// trimURL drops the statement that net/http repeats in its errors.
func trimURL(err error) error {
	if wrapped, ok := err.(*url.Error); ok { //nolint:errorlint // Do returns this very type
		return wrapped.Err
	}
	return err
}
