package engine

import (
	"context"
	"encoding/json"
	"net/http"
)

// Stats is what ClickHouse says of a query that it has finished.
type Stats struct {
	ReadRows  uint64 `json:"read_rows,string"`
	ReadBytes uint64 `json:"read_bytes,string"`
	ElapsedNS uint64 `json:"elapsed_ns,string"`
}

type statsKey struct{}

// WithStats has the queries of a context fill in stats, the last one last. The server then answers when it has finished only, so this is
// for answers of bounded size, not for exports.
func WithStats(ctx context.Context, stats *Stats) context.Context {
	return context.WithValue(ctx, statsKey{}, stats)
}

// sharedTransport lets several pools use the same connections: one that is closed leaves them to the others, for it does not pass
// CloseIdleConnections on.
type sharedTransport struct{ base *http.Transport }

func (t sharedTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	stats, ok := request.Context().Value(statsKey{}).(*Stats)
	if !ok {
		return t.base.RoundTrip(request)
	}
	waiting := request.Clone(request.Context())
	query := waiting.URL.Query()
	query.Set("wait_end_of_query", "1")
	waiting.URL.RawQuery = query.Encode()
	response, err := t.base.RoundTrip(waiting)
	if err != nil {
		return nil, err
	}
	if summary := response.Header.Get("X-ClickHouse-Summary"); summary != "" {
		if err := json.Unmarshal([]byte(summary), stats); err != nil {
			*stats = Stats{} // figures for display: a server that words them otherwise shall not fail the query
		}
	}
	return response, nil
}
