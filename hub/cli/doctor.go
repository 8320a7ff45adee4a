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

	"github.com/zida-hub/zida/analytics/engine"
	"github.com/zida-hub/zida/connectors"
)

// finding is one thing that doctor looked at.
type finding struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy,omitempty"` // one command, or one sentence
}

func newDoctor(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Say what is wrong, and the one command that mends it",
		Long: `Look at this machine and at the hub that is named (--data, --profile or ZIDA_URL), and say for each
failure it knows the cause and one command. Exit code 1: something is wrong.`,
		Example: "  zida doctor\n  zida doctor --data ./data\n  ZIDA_URL=https://hub.example zida doctor --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), time.Minute)
			defer cancel()
			return s.doctor(ctx)
		},
	}
}

func (s *session) doctor(ctx context.Context) error {
	findings := []finding{s.checkEngine()}
	if s.data != "" {
		findings = append(findings, s.checkData()...)
	}
	findings = append(findings, s.checkHub(ctx)...)
	bad := false
	for _, f := range findings {
		bad = bad || !f.OK
	}
	if s.json {
		if err := json.NewEncoder(s.out).Encode(map[string]any{"ok": !bad, "findings": findings}); err != nil {
			return err
		}
	} else if err := s.printFindings(findings); err != nil {
		return err
	}
	if bad {
		return said(exitRefused)
	}
	return nil
}

func (s *session) printFindings(findings []finding) error {
	for _, f := range findings {
		mark := "ok  "
		if !f.OK {
			mark = "BAD "
		}
		text := mark + f.Name + ": " + f.Detail
		if f.Remedy != "" {
			text += "\n      " + f.Remedy
		}
		if _, err := fmt.Fprintln(s.out, text); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) checkEngine() finding {
	f := finding{Name: "engine"}
	path, err := engine.Locate()
	if err != nil {
		f.Detail = firstLine(err)
		f.Remedy = "zida engine install      (not needed with --clickhouse)"
		return f
	}
	f.OK, f.Detail = true, path
	return f
}

// checkData looks at a data directory from outside; a running hub is not disturbed.
func (s *session) checkData() []finding {
	dir := finding{Name: "data directory", Detail: s.data}
	info, err := os.Stat(s.data)
	switch {
	case errors.Is(err, os.ErrNotExist):
		dir.Detail, dir.Remedy = s.data+" does not exist", "zida serve --data "+s.data
		return []finding{dir}
	case err != nil:
		dir.Detail, dir.Remedy = err.Error(), "run as the user that runs the hub"
		return []finding{dir}
	case !info.IsDir():
		dir.Detail, dir.Remedy = s.data+" is a file", "name a directory with --data"
		return []finding{dir}
	case info.Mode().Perm()&0o077 != 0:
		dir.Detail = fmt.Sprintf("%s can be read by other users (mode %04o), and it holds keys", s.data, info.Mode().Perm())
		dir.Remedy = "chmod 700 " + s.data
	default:
		dir.OK = true
	}
	admin := finding{Name: "admin.json", Detail: filepath.Join(s.data, "admin.json")}
	info, err = os.Stat(admin.Detail)
	switch {
	case err != nil:
		admin.Detail += " cannot be read: " + err.Error()
		admin.Remedy = "it is written at the first start: zida serve --data " + s.data
	case info.Mode().Perm()&0o077 != 0:
		admin.Remedy = "chmod 600 " + admin.Detail
		admin.Detail += " can be read by other users"
	default:
		admin.OK = true
	}
	return []finding{dir, admin}
}

// checkHub goes from the outside in: address, answer, readiness, log-in.
func (s *session) checkHub(ctx context.Context) []finding {
	who, err := s.credentials()
	if err != nil {
		return []finding{{Name: "hub", OK: true, Detail: "none is named, so none was asked (--data, --profile or " + envURL + ")"}}
	}
	reach := finding{Name: "hub", Detail: who.URL}
	client, err := connectors.New(connectors.Config{
		URL: who.URL, ClientID: who.ClientID, ClientSecret: who.ClientSecret, Token: who.Token,
		Language: s.language(), UserAgent: "zida/" + Version(), RetryFor: -1,
	})
	if err != nil {
		reach.Detail, reach.Remedy = err.Error(), "set "+envURL+" to an address such as https://hub.example"
		return []finding{reach}
	}
	defer client.Close()
	status, body, err := client.Public(ctx, "/readyz")
	if err != nil {
		reach.Detail, reach.Remedy = firstLine(err), networkRemedy(err, s.data)
		return []finding{reach}
	}
	var ready struct {
		Status string `json:"status"`
		Parts  []struct {
			Name, Detail string
			OK, Degraded bool
		} `json:"parts"`
	}
	if json.Unmarshal(body, &ready) != nil || ready.Status == "" {
		reach.Detail = fmt.Sprintf("what answers at %s (status %d) is not a zida hub", who.URL, status)
		reach.Remedy = "check the address and the port; a proxy in between must pass /readyz on"
		return []finding{reach}
	}
	reach.OK, reach.Detail = status == http.StatusOK, who.URL+" is "+ready.Status
	findings := []finding{reach}
	for _, p := range ready.Parts {
		if !p.OK || p.Degraded {
			findings = append(findings, finding{Name: "hub part " + p.Name, Detail: p.Detail, Remedy: partRemedy(p.Name)})
		}
	}
	return append(findings, s.checkLogin(ctx, who))
}

func (s *session) checkLogin(ctx context.Context, who *credentials) finding {
	f := finding{Name: "log-in", Detail: who.ClientID + " (from " + who.from + ")"}
	client, err := s.client(who)
	if err != nil {
		f.Detail, f.Remedy = firstLine(err), "zida login --url "+who.URL+" --client-id ID"
		return f
	}
	defer client.Close()
	if who.Token != "" {
		_, err = client.Datasets(ctx)
	} else {
		var token connectors.Token
		if token, err = client.Token(ctx); err == nil {
			f.Detail += ", scopes: " + token.Scope
		}
	}
	if err != nil {
		f.Detail = who.ClientID + ": " + firstLine(err)
		f.Remedy = "zida login --url " + who.URL + " --client-id " + who.ClientID
		return f
	}
	f.OK = true
	return f
}

func networkRemedy(err error, data string) string {
	text := err.Error()
	switch {
	case strings.Contains(text, "connection refused"):
		if data != "" {
			return "no hub is running there: zida serve --data " + data
		}
		return "no hub is running there, or a firewall refuses: systemctl status zida    (on the hub's machine)"
	case strings.Contains(text, "no such host"):
		return "the name is not known: getent hosts NAME    (check the address in " + envURL + ")"
	case strings.Contains(text, "certificate"):
		return "its certificate is not trusted here: set SSL_CERT_FILE to the file of the authority that signed it"
	case strings.Contains(text, "HTTP response to HTTPS"):
		return "the hub speaks plain HTTP: use http:// in the address"
	case strings.Contains(text, "timeout"), strings.Contains(text, "deadline"):
		return "nothing answers: a firewall or a proxy stands between (HTTPS_PROXY, NO_PROXY)"
	}
	return "check the address and the network"
}

func partRemedy(part string) string {
	switch part {
	case "engine", "analytics", "clickhouse":
		return "the hub restarts its engine by itself; if it stays so: zida engine info, and the log in DATA/engine"
	case "disk":
		return "free space on the hub's disk: df -h DATA"
	case "journal":
		return "look at the hub's log; the journal needs a disk it can write to"
	}
	return "look at the hub's log for this part"
}
