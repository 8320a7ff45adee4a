// Package cli holds every command of zida, one file each. Results go to stdout,
// messages to stderr, and the exit code says what happened.
package cli

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/zida-hub/zida/connectors"
)

//go:embed VERSION
var versionFile string

// Version is the release this binary was built from.
func Version() string { return strings.TrimSpace(versionFile) }

// The exit codes that scripts rely on.
const (
	exitOK          = 0
	exitRefused     = 1 // refused or partly refused
	exitUsage       = 2
	exitUnreachable = 3
	exitDenied      = 4
)

// session is one run of the command: its streams and the flags every command has.
type session struct {
	in       io.Reader
	out, err io.Writer
	json     bool
	data     string
	profile  string
	lang     string
	retryFor time.Duration
}

// Main runs one command line and answers the process's exit code.
func Main(args []string, in io.Reader, out, errw io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second Ctrl-C ends the process at once.
	context.AfterFunc(ctx, stop)
	s := &session{in: in, out: out, err: errw}
	root := newRoot(s)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	return s.finish(err)
}

func newRoot(s *session) *cobra.Command {
	root := &cobra.Command{
		Use:   "zida",
		Short: "zida (资大): a data exchange between agencies of two governments",
		Long: `zida (资大): a data exchange between agencies of two governments.

  zida demo                                    a hub with generated data of both sides
  zida serve --data ./data                     a hub; its admin client is in ./data/admin.json
  zida push tourism_flow visitors.csv          push a file (csv, xlsx, ndjson, json)
  zida query visitors --by day --from 2024-01-01 --to 2025-01-01
  zida records tourism_flow --out flow.xlsx    export a dataset (csv, xlsx, parquet, ndjson)
  zida receipt verify receipt.json             prove offline what the hub took
  zida doctor                                  what is wrong, and the command that mends it`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          unknownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetIn(s.in)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(flagError)
	f := root.PersistentFlags()
	f.BoolVar(&s.json, "json", false, "write the result as JSON")
	f.StringVar(&s.data, "data", "", "data directory of a hub on this machine; its admin.json is used to log in")
	f.StringVar(&s.profile, "profile", "", "profile of zida login to use (default: ZIDA_URL, ZIDA_CLIENT_ID, ZIDA_CLIENT_SECRET)")
	f.StringVar(&s.lang, "lang", "", "language of the hub's messages: zh or en (default: that of LANG)")
	root.AddCommand(
		newServe(s), newDemo(s), newAdmin(s), newLogin(s), newToken(s), newPush(s), newQuery(s), newMetrics(s), newRecords(s),
		newContract(s), newSubmission(s), newReceipt(s), engineCommand(), newDoctor(s), newVersion(s),
	)
	for _, cmd := range root.Commands() {
		groupArgs(cmd)
	}
	return root
}

// groupArgs makes a mistyped subcommand an error with a suggestion, not a help page.
func groupArgs(cmd *cobra.Command) {
	if cmd.HasSubCommands() && cmd.RunE == nil && cmd.Run == nil {
		cmd.Args = unknownCommand
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		for _, sub := range cmd.Commands() {
			groupArgs(sub)
		}
	}
}

func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	near := connectors.Nearest(args[0], names)
	if near == "" {
		return usage("%q is not a command of %s\nsee: %s --help", args[0], cmd.CommandPath(), cmd.CommandPath())
	}
	return usage("%q is not a command of %s\ndid you mean: %s %s", args[0], cmd.CommandPath(), cmd.CommandPath(), near)
}

// exitError carries the exit code of an error; quiet means all has been said.
type exitError struct {
	code  int
	err   error
	quiet bool
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// usage is an error of the command line itself: what, where, the next step.
func usage(format string, args ...any) error {
	return &exitError{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// said ends the command with a code when its output already told why.
func said(code int) error {
	return &exitError{code: code, err: errors.New("see above"), quiet: true}
}
