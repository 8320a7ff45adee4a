package connectors

import (
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/klauspost/compress/zstd"
)

// Body opens what is to be sent, from its start; it is called once an attempt.
type Body func() (io.ReadCloser, error)

// PushOptions are those of one submission.
type PushOptions struct {
	// IdempotencyKey (at most 255 characters) keeps a retry from counting twice.
	// When empty a random one is used, which covers the retries of this call only.
	IdempotencyKey string
	Mode           string // "atomic" (the hub's default) or "partial"
	Mends          string // the partial push whose rejected records this one brings again
	DryRun         bool
	Wait           bool   // answer once the rows can be queried
	Encoding       string // "" as is, "gzip" or "zstd": compressed on the way
	ContentType    string // application/x-ndjson when empty
	Size           int64  // bytes of the body; 0: not known
	// Progress hears how many bytes of the body this attempt has read so far.
	Progress func(int64)
}

// Receipt is the hub's answer to a push. Raw keeps it exactly as it came: that
// is what a verifier needs.
type Receipt struct {
	Submission string          `json:"submission"`
	Dataset    string          `json:"dataset"`
	Agency     string          `json:"agency"`
	Received   int             `json:"received"`
	Accepted   int             `json:"accepted"`
	Rejected   int             `json:"rejected"`
	Superseded int             `json:"superseded"`
	Sequence   uint64          `json:"sequence"`
	SHA256     string          `json:"sha256"`
	ReceivedAt string          `json:"received_at"`
	Signature  string          `json:"signature"`
	Errors     []RowError      `json:"errors"`
	ErrorCount int             `json:"error_count"` // of a dry run, which may name fewer
	Visible    bool            `json:"-"`           // the hub answered 200: its rows can be queried
	Raw        json.RawMessage `json:"-"`
}

// Push sends one submission and answers its receipt. Network errors and the
// answers 429 and 503 are tried again, with back-off and as Retry-After says,
// under one Idempotency-Key. A refusal is a *Problem, whose Errors name the rows.
func (c *Client) Push(ctx context.Context, dataset string, body Body, opt PushOptions) (*Receipt, error) {
	return c.submit(ctx, submission("/v1/datasets/"+url.PathEscape(dataset)+"/records", body, opt))
}

// Retract sends the keys of records to retract, with the reason.
func (c *Client) Retract(ctx context.Context, dataset, reason string, keys []json.RawMessage, opt PushOptions) (*Receipt, error) {
	data, err := json.Marshal(map[string]any{"reason": reason, "keys": keys})
	if err != nil {
		return nil, err
	}
	opt.ContentType, opt.Size = "application/json", int64(len(data))
	return c.submit(ctx, submission("/v1/datasets/"+url.PathEscape(dataset)+"/retractions", Bytes(data), opt))
}

func (c *Client) submit(ctx context.Context, in *call) (*Receipt, error) {
	for lost := 0; ; lost++ {
		resp, err := c.retry(ctx, c.cfg.RetryFor, in) //nolint:bodyclose // readReceipt closes it
		if err != nil {
			return nil, err
		}
		receipt, err := readReceipt(resp)
		if err == nil {
			return receipt, nil
		}
		// The receipt was cut off on its way: the same key fetches it again.
		if ctx.Err() != nil || lost == 3 {
			return nil, &UnreachableError{URL: c.base.String(), Err: err}
		}
	}
}

// submission makes the one request that every attempt repeats.
func submission(path string, body Body, opt PushOptions) *call {
	query := url.Values{}
	if opt.Mode != "" {
		query.Set("mode", opt.Mode)
	}
	if opt.Mends != "" {
		query.Set("mends", opt.Mends)
	}
	if opt.DryRun {
		query.Set("dry_run", "true")
	}
	if opt.Wait {
		query.Set("wait", "visible")
	}
	header := http.Header{"Content-Type": {opt.ContentType}, "Accept": {"application/json"}}
	if opt.ContentType == "" {
		header.Set("Content-Type", "application/x-ndjson")
	}
	key := opt.IdempotencyKey
	if key == "" {
		key = rand.Text()
	}
	header.Set("Idempotency-Key", key)
	size := opt.Size
	if size == 0 || opt.Encoding != "" {
		size = -1
	}
	if opt.Encoding != "" {
		header.Set("Content-Encoding", opt.Encoding)
	}
	open := func() (io.ReadCloser, error) {
		r, err := body()
		if err != nil {
			return nil, err
		}
		r = &countedBody{r: r, progress: opt.Progress}
		switch opt.Encoding {
		case "":
			return r, nil
		case "gzip", "zstd":
			return compressed(r, opt.Encoding), nil
		}
		_ = r.Close()
		return nil, fmt.Errorf("encoding %q is not known: use gzip or zstd", opt.Encoding)
	}
	return &call{method: http.MethodPost, path: path, query: query, header: header, body: open, size: size}
}

func readReceipt(resp *http.Response) (*Receipt, error) {
	defer drain(resp)
	data, err := readAll(resp.Body)
	if err != nil {
		return nil, err
	}
	r := &Receipt{Raw: data, Visible: resp.StatusCode == http.StatusOK}
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("the receipt is not JSON: %w", err)
	}
	return r, nil
}

// bodyError is a fault of the sender's own input, met while it was being sent.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }

type countedBody struct {
	r        io.ReadCloser
	n        int64
	progress func(int64)
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.n += int64(n)
	if b.progress != nil && n > 0 {
		b.progress(b.n)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = &bodyError{err}
	}
	return n, err
}

func (b *countedBody) Close() error { return b.r.Close() }

// compressed pipes a body through an encoder; memory stays at the encoder's window.
func compressed(src io.ReadCloser, encoding string) io.ReadCloser {
	pr, pw := io.Pipe()
	go func() {
		var w io.WriteCloser = gzip.NewWriter(pw)
		if encoding == "zstd" {
			// One goroutine and an 1 MiB window are plenty for text.
			w, _ = zstd.NewWriter(pw, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
		}
		_, err := io.Copy(w, src)
		if cerr := w.Close(); err == nil {
			err = cerr
		}
		_ = src.Close()
		_ = pw.CloseWithError(err) // nil means EOF
	}()
	return pr
}
