package cli

import (
	"bufio"
	"bytes"
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
)

// demoSide is one of the two agencies that the demo plays.
type demoSide struct {
	ID, Name, Region string
}

var demoSides = []demoSide{
	{"dazu-wlj", "大足区文化和旅游发展委员会（演示）", "500111"},
	{"ziyang-wglj", "资阳市文化广播电视和旅游局（演示）", "512000"},
}

// mine says whether a region is the side's, as 512000 covers 5120xx.
func (d demoSide) mine(region string) bool {
	prefix := strings.TrimRight(d.Region, "0")
	return region == d.Region || strings.HasSuffix(d.Region, "000") && strings.HasPrefix(region, prefix)
}

// demoLogin is a line of DIR/demo.json.
type demoLogin struct {
	Agency       string `json:"agency"`
	Name         string `json:"name"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
}

func newDemo(s *session) *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run a hub filled with generated data of both sides",
		Long: `Run a hub filled with generated data of two agencies, one on each side, and print its address and log-ins.

Everything is made up, the same in every run, and says so in its names: 演示数据 generated. The data
directory is ./zida-demo unless --data names another; a second start finds its data again.`,
		Example: "  zida demo\n  zida demo --listen 127.0.0.1:9000 --data /tmp/demo",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return s.demo(cmd.Context(), listen) },
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8440", "address to listen on")
	return cmd
}

func (s *session) demo(ctx context.Context, listen string) error {
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
	return runHub(ctx, cfg, func(ctx context.Context, h *hub.Hub) error { return s.fillDemo(ctx, h.URL()) })
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
func (s *session) fillDemo(ctx context.Context, url string) error {
	var logins []demoLogin
	data, err := os.ReadFile(s.demoFile())
	if err == nil {
		err = json.Unmarshal(data, &logins)
	}
	switch {
	case err == nil && len(logins) == len(demoSides):
		s.say("its data is from an earlier start; remove %s to make it anew", s.data)
	case err == nil || errors.Is(err, os.ErrNotExist):
		// The file goes first, so that a start that is cut short is known for a demo.
		if err := writeFile(s.demoFile(), []byte("[]\n")); err != nil {
			return err
		}
		if logins, err = s.makeDemo(ctx, url); err != nil {
			return err
		}
		if data, err = json.MarshalIndent(logins, "", "  "); err != nil { //nolint:gosec // the demo's log-ins are kept for its user, 0600
			return err
		}
		if err := writeFile(s.demoFile(), append(data, '\n')); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%s is damaged: %w; remove %s to start anew", s.demoFile(), err, s.data)
	}
	return s.welcome(url, logins)
}

func (s *session) makeDemo(ctx context.Context, url string) ([]demoLogin, error) {
	who, err := readAdmin(s.data)
	if err != nil {
		return nil, err
	}
	admin, err := s.client(&credentials{URL: url, ClientID: who.ClientID, ClientSecret: who.ClientSecret, from: who.from})
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	world, err := newDemoWorld(time.Now())
	if err != nil {
		return nil, err
	}
	var logins []demoLogin
	for _, side := range demoSides {
		login, err := registerDemo(ctx, admin, side)
		if err != nil {
			return nil, err
		}
		if err := s.pushDemo(ctx, url, world, side, login); err != nil {
			return nil, err
		}
		logins = append(logins, login)
	}
	return logins, nil
}

// registerDemo makes an agency and its client; an agency that a start cut short
// has left behind is taken as it is.
func registerDemo(ctx context.Context, admin *connectors.Client, side demoSide) (demoLogin, error) {
	login := demoLogin{Agency: side.ID, Name: side.Name}
	agency := map[string]any{"id": side.ID, "name": side.Name, "regions": []string{side.Region}}
	_, err := admin.Admin(ctx, http.MethodPost, "/agencies", nil, agency)
	var problem *connectors.Problem
	if err != nil && (!errors.As(err, &problem) || problem.Status != http.StatusConflict) {
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

func (s *session) pushDemo(ctx context.Context, url string, world *demoWorld, side demoSide, login demoLogin) error {
	client, err := s.client(&credentials{URL: url, ClientID: login.ClientID, ClientSecret: login.ClientSecret, from: s.demoFile()})
	if err != nil {
		return err
	}
	defer client.Close()
	for _, f := range demoFiles {
		var body bytes.Buffer // 11 MB for the largest
		out := bufio.NewWriter(&body)
		f.write(world, out, side.mine)
		_ = out.Flush() // a buffer takes everything
		if body.Len() == 0 {
			continue
		}
		bar := s.progress(side.ID+" "+f.dataset, int64(body.Len()))
		receipt, err := client.Push(ctx, f.dataset, connectors.Bytes(body.Bytes()), connectors.PushOptions{
			IdempotencyKey: "demo-" + f.dataset, Size: int64(body.Len()), Wait: true, Progress: bar.set,
		})
		bar.done()
		if err != nil {
			return fmt.Errorf("pushing generated %s of %s: %w", f.dataset, side.ID, err)
		}
		s.say("%s pushed %d generated records of %s", side.ID, receipt.Accepted, f.dataset)
	}
	return nil
}

// welcome prints the address and the log-ins: this is what the demo is for.
func (s *session) welcome(url string, logins []demoLogin) error {
	if s.json {
		return json.NewEncoder(s.out).Encode(map[string]any{"url": url, "data": s.data, "logins": logins})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nzida demo is ready: %s        (documents: %s/docs)\nall of its data is generated (演示数据)\n\n", url, url)
	grid := [][]string{{"AGENCY", "CLIENT ID", "SECRET", "NAME"}}
	for _, l := range logins {
		grid = append(grid, []string{l.Agency, l.ClientID, l.ClientSecret, l.Name})
	}
	if err := writeGrid(&b, grid, nil); err != nil {
		return err
	}
	fmt.Fprintf(&b, "the operator's is in %s\n\ntry, in another terminal:\n", filepath.Join(s.data, "admin.json"))
	fmt.Fprintf(&b, "  zida query visitors --by region --grain month --data %s\n", s.data)
	fmt.Fprintf(&b, "  zida contract list --data %s\n\nCtrl-C stops it\n", s.data)
	_, err := s.out.Write([]byte(b.String()))
	return err
}
