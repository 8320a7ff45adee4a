package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// hub is the hub under test: `zida serve`, as anybody starts it.
type hub struct {
	*process
	data    string
	url     string
	address string
	engine  int           // its engine's process
	ready   time.Duration // from the start of the process to the first 200 of /readyz
	admin   account
	client  account
}

// account is a client of the hub.
type account struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
}

func startHub(ctx context.Context, binary, data, log string) (*hub, error) {
	begin := time.Now()
	p, err := startProcess(log, binary, "serve", "--data", data, "--listen", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h := &hub{process: p, data: data}
	if err := h.open(ctx, begin); err != nil {
		h.stop()
		return nil, fmt.Errorf("%w; its log ends with:\n%s", err, h.tail())
	}
	return h, nil
}

func (h *hub) open(ctx context.Context, begin time.Time) error {
	i := strings.Index(h.first, "http://")
	if i < 0 {
		return fmt.Errorf("no address in %q", h.first)
	}
	h.url = h.first[i:]
	h.address = strings.TrimPrefix(h.url, "http://")
	for {
		answer, err := http.Get(h.url + "/readyz")
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				break
			}
		}
		select {
		case <-time.After(2 * time.Millisecond):
		case <-h.ended:
			return errors.New("the hub ended")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	h.ready = time.Since(begin)
	text, err := os.ReadFile(filepath.Join(h.data, "admin.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &h.admin); err != nil {
		return fmt.Errorf("admin.json: %w", err)
	}
	pids := children(h.pid())
	if len(pids) != 1 {
		return fmt.Errorf("the hub has %d children, not its engine alone", len(pids))
	}
	h.engine = pids[0]
	return nil
}

// register makes an agency and a client through the admin API, and the spots.
func (h *hub) register(ctx context.Context) error {
	admin, err := h.token(ctx, h.admin)
	if err != nil {
		return err
	}
	agency := map[string]any{"id": "bench", "name": "测试机构", "regions": []string{"500111", "512021"}}
	if _, err := h.call(ctx, admin, "/v1/admin/agencies", "application/json", agency); err != nil {
		return err
	}
	client := map[string]any{
		"agency": "bench", "name": "bench", "clearance": "internal",
		"scopes": []string{"push:" + dataset, "push:" + spotList, "read:" + dataset},
	}
	answer, err := h.call(ctx, admin, "/v1/admin/clients", "application/json", client)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer, &h.client); err != nil {
		return err
	}
	token, err := h.token(ctx, h.client)
	if err != nil {
		return err
	}
	_, err = h.call(ctx, token, "/v1/datasets/"+spotList+"/records", "application/x-ndjson", spotRows())
	return err
}

// token logs in with a client's secret.
func (h *hub) token(ctx context.Context, a account) (string, error) {
	form := url.Values{"grant_type": {"client_credentials"}}.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+"/oauth2/token", strings.NewReader(form))
	if err != nil {
		return "", err
	}
	request.SetBasicAuth(a.ID, a.Secret)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := do(request)
	if err != nil {
		return "", err
	}
	var granted struct {
		Token string `json:"access_token"`
	}
	return granted.Token, json.Unmarshal(answer, &granted)
}

func (h *hub) call(ctx context.Context, token, path, kind string, body any) ([]byte, error) {
	text, ok := body.([]byte)
	if !ok {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", kind)
	return do(request)
}

func do(request *http.Request) ([]byte, error) {
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s answered %s: %s", request.Method, request.URL.Path, response.Status, answer)
	}
	return answer, err
}

// push is the hub's door for records, with a token good for a quarter of an hour.
func (h *hub) push(ctx context.Context, query string, status int) (*target, error) {
	token, err := h.token(ctx, h.client)
	if err != nil {
		return nil, err
	}
	return &target{
		token:   token,
		address: h.address, path: "/v1/datasets/" + dataset + "/records" + query, status: status,
		headers: "Authorization: Bearer " + token + "\r\nContent-Type: application/x-ndjson\r\n",
	}, nil
}

// pids are the hub's processes.
func (h *hub) pids() []int { return []int{h.pid(), h.engine} }

// rest waits until the hub has nothing left to do: both watermarks at the end
// of the journal, and both processes idle.
func (h *hub) rest(ctx context.Context) error {
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url+"/metrics", nil)
		if err != nil {
			return err
		}
		text, err := do(request)
		if err != nil {
			return err
		}
		end, current, history := gauge(text, "zida_journal_sequence"), gauge(text, "zida_watermark"), gauge(text, "zida_history_watermark")
		if end > 0 && current == end && history == end {
			return settle(ctx, h.pids()...)
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("the hub does not come to rest: journal %v, current %v, history %v", end, current, history)
		}
	}
}

// gauge reads one value of a Prometheus page.
func gauge(page []byte, name string) float64 {
	for line := range strings.Lines(string(page)) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			value, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			if err == nil {
				return value
			}
		}
	}
	return -1
}

// look reads the records of one spot at one instant.
func (h *hub) look(ctx context.Context, token, spot string, at time.Time) (found tally, err error) {
	q := url.Values{"spot_id": {spot}, "observed_at": {at.Format(time.RFC3339)}, "format": {"ndjson"}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url+"/v1/datasets/"+dataset+"/records?"+q.Encode(), nil)
	if err != nil {
		return found, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := do(request)
	if err != nil {
		return found, err
	}
	return found, found.lines(bytes.NewReader(answer))
}
