package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zida-hub/zida/connectors"
)

// finish prints what went wrong, once, and chooses the exit code.
func (s *session) finish(err error) int {
	if err == nil {
		return exitOK
	}
	code, quiet := exitCode(err)
	if !quiet {
		_, _ = fmt.Fprintf(s.err, "zida: %s\n", s.explain(err))
	}
	return code
}

func exitCode(err error) (code int, quiet bool) {
	var exit *exitError
	if errors.As(err, &exit) {
		return exit.code, exit.quiet
	}
	var problem *connectors.Problem
	if errors.As(err, &problem) {
		switch {
		case problem.Denied():
			return exitDenied, false
		case problem.Temporary() || problem.Status >= 500:
			return exitUnreachable, false
		}
		return exitRefused, false
	}
	var unreachable *connectors.UnreachableError
	if errors.As(err, &unreachable) {
		return exitUnreachable, false
	}
	return exitRefused, false
}

// explain adds the next step to errors that have a known one.
func (s *session) explain(err error) string {
	if errors.Is(err, context.Canceled) {
		return "stopped"
	}
	text := err.Error()
	var file *connectors.FileError
	if s.language() == "zh" && errors.As(err, &file) && file.ZH != "" {
		return file.Chinese()
	}
	var problem *connectors.Problem
	if errors.As(err, &problem) {
		return explainProblem(problem, text)
	}
	var unreachable *connectors.UnreachableError
	if errors.As(err, &unreachable) {
		text += "\nis it running, and is the address right? zida doctor names the cause"
	}
	return text
}

// mostListed is how many bad records a person is shown at once; --dry-run and
// --json list them all.
const mostListed = 20

func explainProblem(p *connectors.Problem, text string) string {
	lines := []string{text}
	for i := range p.Errors {
		if i == mostListed {
			lines = append(lines, fmt.Sprintf("… and %d more; --dry-run lists every one", len(p.Errors)-i))
			break
		}
		lines = append(lines, rowText(&p.Errors[i]))
	}
	if p.Remedy != "" {
		lines = append(lines, p.Remedy)
	}
	if p.Status == http.StatusUnauthorized || p.Title == "invalid_client" {
		lines = append(lines, "check the client's id and secret: zida login --url URL --client-id ID, or "+envID+" and "+envSecret)
	}
	if p.RequestID != "" {
		lines = append(lines, "request "+p.RequestID+" (the hub's operator finds it in the log)")
	}
	return strings.Join(lines, "\n")
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("%s takes no arguments, but got %q\nsee: %s --help", cmd.CommandPath(), args[0], cmd.CommandPath())
	}
	return nil
}

// argsAtLeast asks for n arguments, naming what they are.
func argsAtLeast(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < n {
			return usage("%s needs %s\nsee: %s --help", cmd.CommandPath(), what, cmd.CommandPath())
		}
		return nil
	}
}

var unknownFlag = regexp.MustCompile(`^unknown (?:shorthand )?flag: (?:'.' in )?-{1,2}([^ ]+)`)

// flagError suggests the nearest flag for a mistyped one.
func flagError(cmd *cobra.Command, err error) error {
	text := err.Error()
	if m := unknownFlag.FindStringSubmatch(text); m != nil {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := connectors.Nearest(m[1], names); near != "" {
			text += "\ndid you mean: --" + near
		}
	}
	return usage("%s\nsee: %s --help", text, cmd.CommandPath())
}

// rowText is one bad record as people read it: where, what, with which value.
func rowText(e *connectors.RowError) string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		if e.Sheet != "" {
			b.WriteString(" sheet " + e.Sheet)
		}
		if e.Line > 0 {
			fmt.Fprintf(&b, " line %d", e.Line)
		}
		if e.Cell != "" {
			b.WriteString(" cell " + e.Cell)
		}
		fmt.Fprintf(&b, " (record %d): ", e.Row)
	} else if e.Row > 0 {
		fmt.Fprintf(&b, "record %d: ", e.Row)
	}
	if e.Field != "" {
		b.WriteString(e.Field)
		if e.Column != "" && e.Column != e.Field {
			b.WriteString(" " + e.Column)
		}
		b.WriteString(": ")
	}
	b.WriteString(e.Message)
	if e.Value != "" && !strings.Contains(e.Message, e.Value) {
		fmt.Fprintf(&b, " (%s)", e.Value)
	}
	return b.String()
}
