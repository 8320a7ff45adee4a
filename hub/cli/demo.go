package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zida-hub/zida/connectors"
	"github.com/zida-hub/zida/hub"
	"github.com/zida-hub/zida/hub/cli/demo"
)

// demoLogins is DIR/demo.json. Earlier versions wrote the list of clients alone.
type demoLogins struct {
	Clients []demoLogin `json:"logins"`
	Users   []demoUser  `json:"users"`
}

// demoLogin is a client of a side.
type demoLogin struct {
	Agency       string `json:"agency"`
	Name         string `json:"name"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
}

// UnmarshalJSON reads the earlier form too.
func (d *demoLogins) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &d.Clients) == nil {
		return nil
	}
	type plain demoLogins
	return json.Unmarshal(data, (*plain)(d))
}

func newDemo(s *session) *cobra.Command {
	var listen, until string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run a hub filled with generated data of both sides",
		Long: `Run a hub filled with generated data of two agencies, one on each side, and print its address and log-ins.

Three years of every dataset: first reports, then revisions, late figures and retractions. Everything is
made up, the same in every run on the same day, and says so in its names: 演示数据 generated. The data
directory is ./zida-demo unless --data names another; a second start finds its data again.`,
		Example: "  zida demo\n  zida demo --listen 127.0.0.1:9000 --data /tmp/demo",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			now := time.Now()
			if until != "" {
				day, err := time.Parse(time.DateOnly, until)
				if err != nil {
					return usage("--until takes a day such as 2026-11-20, not %q", until)
				}
				now = day.Add(demoHour)
			}
			return s.demo(cmd.Context(), listen, now)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8440", "address to listen on")
	cmd.Flags().StringVar(&until, "until", "", "the day that stands for today, at 14 o'clock")
	_ = cmd.Flags().MarkHidden("until") // for documents that are made from the demo
	return cmd
}

// demoHour is 14 o'clock in Shanghai, when people are in the parks.
const demoHour = 6 * time.Hour

func (s *session) demo(ctx context.Context, listen string, now time.Time) error {
	if s.data == "" {
		s.data = "zida-demo"
	}
	if err := s.ownDemo(); err != nil {
		return err
	}
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		return err
	}
	logs, err := os.OpenFile(filepath.Join(s.data, "hub.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer logs.Close()
	cfg := hub.DefaultConfig()
	cfg.Data, cfg.Listen, cfg.Version, cfg.Logger = s.data, listen, Version(), logger(logs, "info")
	if err := cfg.Check(); err != nil {
		return usage("%v", err)
	}
	s.say("starting a hub on %s (its log: %s)", s.data, logs.Name())
	return runHub(ctx, cfg, func(ctx context.Context, h *hub.Hub) error { return s.fillDemo(ctx, h.URL(), now) })
}

// ownDemo refuses to pour made-up figures into a directory of real ones.
func (s *session) ownDemo() error {
	_, hubErr := os.Stat(filepath.Join(s.data, "admin.json"))
	_, demoErr := os.Stat(s.demoFile())
	if hubErr == nil && demoErr != nil {
		return usage("%s is the data directory of a hub that is not a demo: made-up figures would mix with its own\nchoose another: zida demo --data DIR", s.data)
	}
	return nil
}

func (s *session) demoFile() string { return filepath.Join(s.data, "demo.json") }

// fillDemo registers the two sides and pushes their figures, once a directory.
func (s *session) fillDemo(ctx context.Context, url string, now time.Time) error {
	var first string
	var logins demoLogins
	data, err := os.ReadFile(s.demoFile())
	if err == nil {
		err = json.Unmarshal(data, &logins)
	}
	switch {
	case err == nil && len(logins.Clients) == len(demo.Sides):
		s.say("its data is from an earlier start; remove %s to make it anew", s.data)
	case err == nil || errors.Is(err, os.ErrNotExist):
		// The file goes first, so that a start that is cut short is known for a demo.
		if err := writeFile(s.demoFile(), []byte("{}\n")); err != nil {
			return err
		}
		if logins.Clients, first, err = s.makeDemo(ctx, url, now); err != nil {
			return err
		}
		if err := s.keepDemo(&logins); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%s is damaged: %w; remove %s to start anew", s.demoFile(), err, s.data)
	}
	if len(logins.Users) == 0 { // data of an earlier version has none
		if logins.Users, err = s.demoUsers(ctx, url); err != nil {
			return err
		}
		if err := s.keepDemo(&logins); err != nil {
			return err
		}
	}
	return s.welcome(url, &logins, first)
}

func (s *session) keepDemo(logins *demoLogins) error {
	data, err := json.MarshalIndent(logins, "", "  ") //nolint:gosec // the demo's log-ins are kept for its user, 0600
	if err != nil {
		return err
	}
	return writeFile(s.demoFile(), append(data, '\n'))
}

// demoAdmin is the operator's client.
func (s *session) demoAdmin(url string) (*connectors.Client, error) {
	who, err := readAdmin(s.data)
	if err != nil {
		return nil, err
	}
	return s.client(&credentials{URL: url, ClientID: who.ClientID, ClientSecret: who.ClientSecret, from: who.from})
}

// makeDemo answers the log-ins, and the moment up to which there were first reports
// only.
func (s *session) makeDemo(ctx context.Context, url string, now time.Time) (logins []demoLogin, first string, err error) {
	admin, err := s.demoAdmin(url)
	if err != nil {
		return nil, "", err
	}
	defer admin.Close()
	world, err := demo.New(now)
	if err != nil {
		return nil, "", err
	}
	clients := map[string]*connectors.Client{}
	for _, side := range demo.Sides {
		login, err := registerDemo(ctx, admin, side)
		if err != nil {
			return nil, "", err
		}
		client, err := s.client(&credentials{URL: url, ClientID: login.ClientID, ClientSecret: login.ClientSecret, from: s.demoFile()})
		if err != nil {
			return nil, "", err
		}
		defer client.Close()
		clients[side.ID], logins = client, append(logins, login)
	}
	first, err = s.pushDemo(ctx, world, clients)
	return logins, first, err
}

// registerDemo makes an agency and its client; an agency that a start cut short
// has left behind is taken as it is.
func registerDemo(ctx context.Context, admin *connectors.Client, side demo.Side) (demoLogin, error) {
	login := demoLogin{Agency: side.ID, Name: side.Name}
	agency := map[string]any{"id": side.ID, "name": side.Name, "regions": []string{side.Region}}
	if _, err := admin.Admin(ctx, http.MethodPost, "/agencies", nil, agency); err != nil && !isThere(err) {
		return login, err
	}
	raw, err := admin.Admin(ctx, http.MethodPost, "/clients", nil, map[string]any{
		"agency": side.ID, "name": "演示客户端", "scopes": []string{"push:*", "read:*", "query", "audit"}, "clearance": "sensitive",
	})
	if err != nil {
		return login, err
	}
	return login, json.Unmarshal(raw, &login)
}

// isThere says that what was to be made had been made before.
func isThere(err error) bool {
	var problem *connectors.Problem
	return errors.As(err, &problem) && problem.Status == http.StatusConflict
}

// pushDemo pushes everything in its order, without waiting for each to be seen, and
// then waits for the last: what it answers, all before it do.
func (s *session) pushDemo(ctx context.Context, world *demo.World, clients map[string]*connectors.Client) (firstReports string, err error) {
	n := 0
	var first *connectors.Receipt
	var last func() (*connectors.Receipt, error)
	for sub := range world.Submissions() {
		n++
		if !sub.First && firstReports == "" {
			if firstReports, err = wholeSecond(ctx, first); err != nil {
				return "", err
			}
		}
		kind := pushKind(sub)
		bar := s.progress(fmt.Sprintf("%s %s%s", sub.Side.ID, sub.Dataset, kind), int64(len(sub.Body)))
		opt := connectors.PushOptions{IdempotencyKey: fmt.Sprintf("demo-%d", n), Size: int64(len(sub.Body)), Progress: bar.set}
		push := func(wait bool) (*connectors.Receipt, error) {
			opt := opt
			opt.Wait = wait
			if sub.Reason != "" {
				return clients[sub.Side.ID].Retract(ctx, sub.Dataset, sub.Reason+demo.Mark, sub.Keys(), opt)
			}
			if len(sub.Refused) > 0 {
				opt.Mode = "partial"
			}
			return clients[sub.Side.ID].Push(ctx, sub.Dataset, connectors.Bytes(sub.Body), opt)
		}
		receipt, err := push(false)
		bar.done()
		if err != nil {
			return "", fmt.Errorf("pushing generated %s%s of %s: %w", sub.Dataset, kind, sub.Side.ID, err)
		}
		if sub.First {
			first = receipt
		}
		last = func() (*connectors.Receipt, error) { return push(true) }
		s.say("%s pushed %d generated records of %s%s", sub.Side.ID, receipt.Accepted, sub.Dataset, kind)
	}
	// The same key and body again: the hub answers the same receipt once its rows are there.
	receipt, err := last()
	for again := 0; err == nil && !receipt.Visible && again < 10; again++ {
		receipt, err = last()
	}
	switch {
	case err != nil:
		return "", err
	case !receipt.Visible:
		return "", fmt.Errorf("the generated data is on disk but not all of it can be queried yet: %s says why", filepath.Join(s.data, "hub.log"))
	}
	return firstReports, remembers(ctx, clients[receipt.Agency], first, firstReports)
}

// wholeSecond waits for the end of the second in which a push was received, and answers it:
// what is received from then on is later also to who writes moments without fractions.
func wholeSecond(ctx context.Context, r *connectors.Receipt) (string, error) {
	at, err := time.Parse(time.RFC3339, r.ReceivedAt)
	if err != nil {
		return "", err
	}
	at = at.Truncate(time.Second).Add(time.Second)
	t := time.NewTimer(time.Until(at.Add(2 * time.Millisecond))) // received later than it
	defer t.Stop()
	select {
	case <-t.C:
		return at.Format(time.RFC3339), nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// remembers waits until answers as of a moment hold what had been pushed by then: the
// history follows the current figures by a moment.
func remembers(ctx context.Context, client *connectors.Client, r *connectors.Receipt, asOf string) error {
	query, err := json.Marshal(map[string]any{"metrics": []string{r.Dataset + "_records"}, "as_of": asOf})
	if err != nil {
		return err
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		answer, err := client.Query(ctx, query)
		if err != nil || answer.Watermark >= r.Sequence {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func pushKind(s *demo.Submission) string {
	switch {
	case s.Reason != "":
		return ": retracted, " + s.Reason
	case len(s.Refused) > 0:
		return fmt.Sprintf(": a broken file, %d records refused", len(s.Refused))
	case !s.First:
		return ": revised or late"
	}
	return ""
}

// welcome prints the address and the log-ins: this is what the demo is for.
// first is empty when the data is from an earlier start.
func (s *session) welcome(url string, logins *demoLogins, first string) error {
	if s.json {
		doc := map[string]any{"url": url, "data": s.data, "logins": logins.Clients, "users": logins.Users}
		optional(doc, "first_reports_until", first)
		return json.NewEncoder(s.out).Encode(doc)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nzida demo is ready: %s        (documents: %s/docs)\nall of its data is generated (演示数据)\n\n", url, url)
	grid := [][]string{{"AGENCY", "CLIENT ID", "SECRET", "NAME"}}
	for _, l := range logins.Clients {
		grid = append(grid, []string{l.Agency, l.ClientID, l.ClientSecret, l.Name})
	}
	if err := writeGrid(&b, grid, nil); err != nil {
		return err
	}
	b.WriteString("\nPAGE LOG-INS\n")
	if err := writeGrid(&b, userGrid(logins.Users), nil); err != nil {
		return err
	}
	fmt.Fprintf(&b, "\nthe operator's is in %s\n\ntry, in another terminal:\n", filepath.Join(s.data, "admin.json"))
	fmt.Fprintf(&b, "  zida query visitors --by region --grain month --data %s\n", s.data)
	fmt.Fprintf(&b, "  zida query output_value --by year --data %s\n", s.data)
	if first != "" {
		fmt.Fprintf(&b, "  zida query output_value --by year --as-of %s --data %s    # before its revisions\n", first, s.data)
	}
	fmt.Fprintf(&b, "  zida contract list --data %s\n\nCtrl-C stops it\n", s.data)
	_, err := s.out.Write([]byte(b.String()))
	return err
}
