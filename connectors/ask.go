package connectors

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"

	"github.com/zida-hub/zida/schemas"
)

// Dataset is one entry of the hub's catalogue.
type Dataset struct {
	ID             string `json:"id"`
	Name           string `json:"name"`
	NameEN         string `json:"name_en,omitempty"`
	Version        string `json:"version"`
	Domain         string `json:"domain"`
	Classification string `json:"classification"`
	Description    string `json:"description,omitempty"`
}

// Datasets lists the catalogue.
func (c *Client) Datasets(ctx context.Context) ([]Dataset, error) {
	var out struct {
		Datasets []Dataset `json:"datasets"`
	}
	err := c.get(ctx, "/v1/datasets", nil, &out)
	return out.Datasets, err
}

// Contract fetches a dataset's contract as the hub serves it now.
func (c *Client) Contract(ctx context.Context, dataset string) (*schemas.Contract, error) {
	data, err := c.ContractYAML(ctx, dataset)
	if err != nil {
		return nil, err
	}
	return schemas.ParseContract(data)
}

// ContractYAML is the contract's ODCS text.
func (c *Client) ContractYAML(ctx context.Context, dataset string) ([]byte, error) {
	var data json.RawMessage
	err := c.do(ctx, &call{
		method: http.MethodGet, path: "/v1/datasets/" + url.PathEscape(dataset),
		header: http.Header{"Accept": {"application/yaml"}},
	}, &data)
	return data, err
}

// Column describes one column of an answer.
type Column struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Unit  string `json:"unit"`
	Label string `json:"label"`
	// Masked: above the client's clearance, so that all its values are null.
	Masked bool `json:"masked,omitempty"`
}

// Metric describes a metric that the client may query.
type Metric struct {
	Name        string `json:"name"`
	Label       string `json:"label"`
	LabelEN     string `json:"label_en"`
	Unit        string `json:"unit"`
	Dataset     string `json:"dataset"`
	Aggregation string `json:"aggregation"`
	Description string `json:"description"`
	Dimensions  []struct {
		Name string `json:"name"`
	} `json:"dimensions"`
}

// Metrics lists the metrics of the datasets that the client may read.
func (c *Client) Metrics(ctx context.Context) ([]Metric, error) {
	var out struct {
		Metrics []Metric `json:"metrics"`
	}
	return out.Metrics, c.get(ctx, "/v1/metrics", nil, &out)
}

// Answer is that of a semantic query; numbers stay as the hub wrote them.
type Answer struct {
	Columns   []Column            `json:"columns"`
	Rows      [][]json.RawMessage `json:"rows"`
	AsOf      string              `json:"as_of,omitempty"`
	Watermark uint64              `json:"watermark"`
	Stats     struct {
		RowsRead  uint64  `json:"rows_read"`
		ElapsedMS float64 `json:"elapsed_ms"`
	} `json:"stats"`
}

// Query asks POST /v1/query; query is its body, already in JSON.
func (c *Client) Query(ctx context.Context, query json.RawMessage) (*Answer, error) {
	var out Answer
	return &out, c.sendJSON(ctx, http.MethodPost, "/v1/query", query, &out)
}

// QueryStream asks the same and copies the answer as it comes, whatever its size.
// form says how it is written: format (json, ndjson, csv, xlsx or parquet), bom, headings.
func (c *Client) QueryStream(ctx context.Context, query json.RawMessage, form url.Values, w io.Writer) error {
	return c.stream(ctx, &call{
		method: http.MethodPost, path: "/v1/query", query: form,
		header: http.Header{"Content-Type": {"application/json"}},
		body:   Bytes(query), size: int64(len(query)),
	}, w)
}

func (c *Client) stream(ctx context.Context, in *call, w io.Writer) error {
	resp, err := c.retry(ctx, c.askBudget(), in)
	if err != nil {
		return err
	}
	defer drain(resp)
	if _, err := io.Copy(w, resp.Body); err != nil {
		return &UnreachableError{URL: c.base.String(), Err: err}
	}
	return nil
}

// Page is one page of records.
type Page struct {
	Records    []json.RawMessage `json:"records"`
	NextCursor string            `json:"next_cursor"`
}

// Records reads one page of a dataset's records; filters are those of
// GET /v1/datasets/{id}/records (limit, cursor, as_of, history …).
func (c *Client) Records(ctx context.Context, dataset string, filters url.Values) (*Page, error) {
	var out Page
	return &out, c.get(ctx, "/v1/datasets/"+url.PathEscape(dataset)+"/records", filters, &out)
}

// RecordsStream copies a dataset's records as they come, whatever their number; filters
// are those of Records, and format, bom and headings.
func (c *Client) RecordsStream(ctx context.Context, dataset string, filters url.Values, w io.Writer) error {
	return c.stream(ctx, &call{method: http.MethodGet, path: "/v1/datasets/" + url.PathEscape(dataset) + "/records", query: filters}, w)
}

// Submissions lists submissions as the hub writes them.
func (c *Client) Submissions(ctx context.Context, filters url.Values) (json.RawMessage, error) {
	var out json.RawMessage
	err := c.get(ctx, "/v1/submissions", filters, &out)
	return out, err
}

// Submission is one submission's state.
func (c *Client) Submission(ctx context.Context, id string) (json.RawMessage, error) {
	var out json.RawMessage
	err := c.get(ctx, "/v1/submissions/"+url.PathEscape(id), nil, &out)
	return out, err
}

// RejectedRecord is a record that a partial push did not take: why, and as it came.
type RejectedRecord struct {
	RowError
	Record string `json:"record"`
	// Masked says that the reader's clearance does not reach the record: it is empty.
	Masked bool `json:"masked,omitempty"`
}

// SubmissionErrors reads one page of a partial push's rejected records, and the cursor
// of the next ("" at the end).
func (c *Client) SubmissionErrors(ctx context.Context, id, cursor string) ([]RejectedRecord, string, error) {
	var out struct {
		Errors     []RejectedRecord `json:"errors"`
		NextCursor string           `json:"next_cursor"`
	}
	query := url.Values{"limit": {"1000"}}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	err := c.get(ctx, "/v1/submissions/"+url.PathEscape(id)+"/errors", query, &out)
	return out.Errors, out.NextCursor, err
}

// Proof fetches a submission's receipt again, with its path to the signed root.
func (c *Client) Proof(ctx context.Context, id string) (*Receipt, error) {
	var raw json.RawMessage
	if err := c.get(ctx, "/v1/submissions/"+url.PathEscape(id)+"/proof", nil, &raw); err != nil {
		return nil, err
	}
	r := &Receipt{Raw: raw}
	return r, json.Unmarshal(raw, r)
}

// Public fetches a document that needs no token, such as /readyz; status is the
// HTTP status, whatever it says.
func (c *Client) Public(ctx context.Context, path string) (status int, body []byte, err error) {
	resp, err := c.sendOnce(ctx, &call{method: http.MethodGet, path: path, public: true}, "")
	if err != nil {
		return 0, nil, withoutBackoff(err)
	}
	defer drain(resp)
	body, err = readAll(resp.Body)
	return resp.StatusCode, body, err
}

// PublishContract hands a contract (ODCS YAML) to the hub; query may hold dry_run,
// retire and reason. The answer is returned as the hub wrote it.
func (c *Client) PublishContract(ctx context.Context, source []byte, query url.Values) (json.RawMessage, error) {
	var out json.RawMessage
	err := c.do(ctx, &call{
		method: http.MethodPost, path: "/v1/admin/contracts", query: query, body: Bytes(source), size: int64(len(source)),
		header: http.Header{"Content-Type": {"application/yaml"}},
	}, &out)
	return out, err
}

// Map fetches the map that the operator uploaded, with its source and approval
// number, as the hub wrote it.
func (c *Client) Map(ctx context.Context) (json.RawMessage, error) {
	var out json.RawMessage
	err := c.get(ctx, "/v1/map", nil, &out)
	return out, err
}

// Admin makes a call of the admin API: a method, the path under /v1/admin, its
// parameters, a body or nil. The answer is returned as the hub wrote it.
func (c *Client) Admin(ctx context.Context, method, path string, query url.Values, body any) (json.RawMessage, error) {
	in := &call{method: method, path: "/v1/admin" + path, query: query, once: method != http.MethodGet}
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		in.body, in.size = Bytes(data), int64(len(data))
		in.header = http.Header{"Content-Type": {"application/json"}}
	}
	var out json.RawMessage
	err := c.do(ctx, in, &out)
	return out, err
}
