package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/zida-hub/zida/analytics"
	"github.com/zida-hub/zida/connectors"
)

// errLater says that a client's quota was used up, and that its time has passed.
var errLater = errors.New("asked again")

// asker puts questions as the page does.
type asker struct {
	hub    *hub
	client *connectors.Client
	has    map[string][]string // metric → its dimensions
	of     map[string]string   // metric → its dataset
	pushed chan struct{}       // told when a push has become visible
}

func (a *asker) call(ctx context.Context, method, path string, body []byte, into any) error {
	token, err := a.client.Token(ctx)
	if err != nil {
		return err
	}
	return a.with(ctx, token.AccessToken, method, path, body, into)
}

func (a *asker) with(ctx context.Context, token, method, path string, body []byte, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, a.hub.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	if answer.StatusCode == http.StatusTooManyRequests { // the quota of a client, which asks more than a page does
		seconds, err := strconv.Atoi(answer.Header.Get("Retry-After"))
		if err = errors.Join(err, answer.Body.Close()); err != nil {
			return err
		}
		select {
		case <-time.After(time.Duration(seconds) * time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
		return errLater
	}
	text, err := io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s answered %s: %s", method, path, answer.Status, text)
	}
	return json.Unmarshal(text, into)
}

// look fetches the views, and which dimensions each metric has.
func (a *asker) look(ctx context.Context) ([]analytics.View, error) {
	var metrics struct {
		Metrics []analytics.Metric `json:"metrics"`
	}
	if err := a.call(ctx, http.MethodGet, "/v1/metrics", nil, &metrics); err != nil {
		return nil, err
	}
	a.has, a.of = map[string][]string{}, map[string]string{}
	for _, m := range metrics.Metrics {
		a.of[m.Name] = m.Dataset
		for _, d := range m.Dimensions {
			a.has[m.Name] = append(a.has[m.Name], d.Name)
		}
	}
	var views struct {
		Views []analytics.View `json:"views"`
	}
	return views.Views, a.call(ctx, http.MethodGet, "/v1/views", nil, &views)
}

// variant is a way in which a reader looks at a view.
type variant struct {
	name    string
	filters []analytics.Filter
	grain   analytics.Grain
	asOf    time.Time
}

func (a *asker) questions(v *analytics.View, way *variant, today time.Time) []analytics.Question {
	grain := way.grain
	if grain == "" && len(v.Grains) > 0 {
		grain = v.Grains[0]
	}
	if !way.asOf.IsZero() {
		today = midnight(way.asOf)
	}
	return v.Questions(today, grain, way.filters, func(metric, dimension string) bool { return slices.Contains(a.has[metric], dimension) })
}

// outcome is what a view in one of its ways came to, in milliseconds.
type outcome struct {
	View    string  `json:"view"`
	Variant string  `json:"variant"`
	Panels  int     `json:"panels"`
	Cold    float64 `json:"first_ms"` // the first answer
	// Asked after a push of dataset has become visible, as a page does that is told of it; of
	// the views that look at it.
	MovedP50 float64 `json:"moved_p50_ms,omitempty"`
	MovedP95 float64 `json:"moved_p95_ms,omitempty"`
	// Every panel worked out anew, as after pushes that touch them all.
	P50 float64 `json:"p50_ms"`
	P95 float64 `json:"p95_ms"`
	Max float64 `json:"max_ms"`
	// The same questions again and again, as between pushes.
	KeptP50 float64 `json:"again_p50_ms"`
	KeptP95 float64 `json:"again_p95_ms"`

	RowsRead uint64            `json:"rows_read"`
	ByPanel  map[string]uint64 `json:"rows_read_by_panel"`
	Refused  []string          `json:"refused,omitempty"` // panels whose answer costs more than a reader may spend
}

// ask puts the questions once, then so many times each a little otherwise, so that no
// answer is one that the hub has kept, then as many times as they are.
func (a *asker) ask(ctx context.Context, view, name string, questions []analytics.Question, asOf time.Time, runs int, moves bool) (*outcome, error) {
	o := &outcome{View: view, Variant: name, Panels: len(questions)}
	put := func(questions []analytics.Question) (float64, error) { return a.put(ctx, o, questions, asOf) }
	var err error
	if o.Cold, err = put(questions); err != nil {
		return nil, err
	}
	var moved, anew, again []float64
	for i := 0; moves && i < runs; i++ {
		if err := a.awaitPush(ctx); err != nil {
			return nil, err
		}
		took, err := put(questions)
		if err != nil {
			return nil, err
		}
		moved = append(moved, took)
	}
	for i := range runs {
		took, err := put(otherwise(questions, i+1))
		if err != nil {
			return nil, err
		}
		anew = append(anew, took)
	}
	for range runs {
		if !asOf.IsZero() { // nothing is kept of the past
			again = anew
			break
		}
		took, err := put(questions)
		if err != nil {
			return nil, err
		}
		again = append(again, took)
	}
	for _, times := range [][]float64{moved, anew, again} {
		slices.Sort(times)
	}
	at := func(times []float64, q float64) float64 {
		return times[max(0, int(math.Ceil(q*float64(len(times))))-1)]
	}
	o.P50, o.P95, o.Max = at(anew, 0.5), at(anew, 0.95), anew[len(anew)-1]
	o.KeptP50, o.KeptP95 = at(again, 0.5), at(again, 0.95)
	if moves {
		o.MovedP50, o.MovedP95 = at(moved, 0.5), at(moved, 0.95)
	}
	return o, nil
}

// gather is how long an open page waits for more after it was told of a change, before it
// asks again (analytics/dashboard/src/live.ts).
const gather = 700 * time.Millisecond

// awaitPush waits for the next push to become visible, and then as the page does.
func (a *asker) awaitPush(ctx context.Context) error {
	select { // the last one is over
	case <-a.pushed:
	default:
	}
	select {
	case <-a.pushed:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-time.After(gather):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// otherwise asks for a few rows more of each.
func otherwise(questions []analytics.Question, more int) []analytics.Question {
	list := slices.Clone(questions)
	for i := range list {
		if list[i].Query == nil {
			continue
		}
		q := *list[i].Query
		if q.Limit == 0 {
			q.Limit = analytics.DefaultLimit
		}
		q.Limit += more
		list[i].Query = &q
	}
	return list
}

// put puts the questions and takes the milliseconds until the last byte of the answer.
func (a *asker) put(ctx context.Context, o *outcome, questions []analytics.Question, asOf time.Time) (float64, error) {
	body := map[string]any{"queries": questions}
	if !asOf.IsZero() {
		body["as_of"] = asOf.Format(time.RFC3339)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	token, err := a.client.Token(ctx)
	if err != nil {
		return 0, err
	}
	var answer struct {
		Answers []struct {
			ID     string `json:"id"`
			Answer *struct {
				Stats analytics.Stats `json:"stats"`
			} `json:"answer"`
			Problem json.RawMessage `json:"problem"`
		} `json:"answers"`
	}
	var begin time.Time
	for err = errLater; errors.Is(err, errLater); { // the time is that of the try that was answered
		begin = time.Now()
		err = a.with(ctx, token.AccessToken, http.MethodPost, "/v1/queries", text, &answer)
	}
	if err != nil {
		return 0, err
	}
	took := float64(time.Since(begin).Microseconds()) / 1000
	o.RowsRead, o.ByPanel, o.Refused = 0, map[string]uint64{}, nil
	for _, item := range answer.Answers {
		if item.Answer == nil {
			if asOf.IsZero() {
				return 0, fmt.Errorf("view %s, panel %s: %s", o.View, item.ID, item.Problem)
			}
			o.Refused = append(o.Refused, item.ID) // what is beyond a reader's limits is told
			continue
		}
		o.ByPanel[item.ID] = item.Answer.Stats.RowsRead
		o.RowsRead += item.Answer.Stats.RowsRead
	}
	return took, nil
}

// report is what -json writes.
type report struct {
	Millions  int        `json:"millions_of_rows"`
	Runs      int        `json:"runs"`
	Filled    float64    `json:"filled_s"`
	Outcomes  []*outcome `json:"outcomes"`
	HubMiB    float64    `json:"hub_peak_mib"`
	EngineMiB float64    `json:"engine_peak_mib"`
}

func measure(ctx context.Context, h *hub, f *fill, o *options) error {
	client, err := h.as(f.Accounts[0])
	if err != nil {
		return err
	}
	defer client.Close()
	a := &asker{hub: h, client: client, pushed: make(chan struct{}, 1)}
	views, err := a.look(ctx)
	if err != nil {
		return err
	}
	if err := h.forget(); err != nil {
		return err
	}
	r := &report{Millions: f.Millions, Runs: o.runs, Filled: f.Seconds}
	pushing, stop := context.WithCancel(ctx)
	pushed := make(chan error, 1)
	go func() { pushed <- goOn(pushing, client, f.Today, a.pushed) }()
	err = r.askAll(ctx, a, views, f, o)
	stop()
	if err = errors.Join(err, <-pushed); err != nil {
		return err
	}
	if r.HubMiB, r.EngineMiB, err = h.memory(); err != nil {
		return err
	}
	fmt.Printf("at most resident: hub %.0f MiB, engine %.0f MiB\n", r.HubMiB, r.EngineMiB)
	if o.jsonFile == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.jsonFile, append(text, '\n'), 0o600)
}

func (r *report) askAll(ctx context.Context, a *asker, views []analytics.View, f *fill, o *options) error {
	region := []analytics.Filter{{Dimension: "region", Op: "in", Values: []analytics.Value{"500111"}}}
	ways := []variant{
		{name: "as opened"},
		{name: "region 500111", filters: region},
		{name: "by month", grain: analytics.GrainMonth},
		{name: "as of the past", asOf: f.Past},
	}
	fmt.Printf("%d million records of %s, %d runs, a push a second\n%-14s  %-16s  %6s  %9s  %9s  %9s  %8s  %8s  %8s  %9s  %9s  %11s\n", f.Millions, dataset, o.runs,
		"view", "", "panels", "first ms", "p50 moved", "p95 moved", "p50 anew", "p95 anew", "max anew", "p50 again", "p95 again", "rows read")
	tell := func(view, name string, questions []analytics.Question, way *variant) error {
		runs := o.runs
		if !way.asOf.IsZero() {
			runs = min(runs, 5) // each takes its time
		}
		moves := way.asOf.IsZero() && slices.ContainsFunc(questions, func(q analytics.Question) bool {
			return q.Query != nil && slices.ContainsFunc(q.Query.Metrics, func(m string) bool { return a.of[m] == dataset })
		})
		out, err := a.ask(ctx, view, name, questions, way.asOf, runs, moves)
		if err != nil {
			return err
		}
		r.Outcomes = append(r.Outcomes, out)
		fmt.Printf("%-14s  %-16s  %6d  %9.1f  %9.1f  %9.1f  %8.1f  %8.1f  %8.1f  %9.1f  %9.1f  %11d\n", view, name, out.Panels, out.Cold, out.MovedP50, out.MovedP95, out.P50, out.P95, out.Max, out.KeptP50, out.KeptP95, out.RowsRead)
		if len(out.Refused) > 0 {
			fmt.Printf("%-14s  beyond a reader's limits: %v\n", "", out.Refused)
		}
		return nil
	}
	for _, way := range ways {
		for i := range views {
			v := &views[i]
			switch {
			case o.view != "" && v.ID != o.view,
				way.grain != "" && !slices.Contains(v.Grains, way.grain),
				way.filters != nil && !slices.Contains(v.Filters, way.filters[0].Dimension):
				continue
			}
			questions := a.questions(v, &way, f.Today)
			if err := tell(v.ID, way.name, questions, &way); err != nil {
				return err
			}
			for n := range questions {
				if o.view == "" {
					break
				}
				if err := tell("  "+questions[n].ID, way.name, questions[n:n+1], &way); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
