package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/zida-hub/zida/schemas"
)

func newContractDiff(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Compare two versions; a breaking change needs a major version",
		Long: `Compare two versions of a contract (files, or ids of shipped ones).

A change that could refuse a record accepted before, or that changes a key, is breaking; it is refused
(exit code 1) unless the new version is a major one.`,
		Example: "  zida contract diff tourism_flow new.odcs.yaml",
		Args:    argsAtLeast(2, "two contracts"),
		RunE: func(_ *cobra.Command, args []string) error {
			older, err := loadContract(args[0])
			if err != nil {
				return err
			}
			newer, err := loadContract(args[1])
			if err != nil {
				return err
			}
			return s.printDiff(older, newer)
		},
	}
}

func (s *session) printDiff(older, newer *schemas.Contract) error {
	changes := schemas.Diff(older, newer)
	if s.json {
		if err := json.NewEncoder(s.out).Encode(map[string]any{"changes": changes}); err != nil {
			return err
		}
	}
	breaking := 0
	for _, c := range changes {
		if c.Kind == "breaking" {
			breaking++
		}
		text := c.Text
		if s.language() == "zh" {
			text = c.TextZH
		}
		if !s.json {
			if _, err := fmt.Fprintf(s.out, "%-10s %s: %s\n", c.Kind, c.Path, text); err != nil {
				return err
			}
		}
	}
	switch {
	case breaking > 0 && major(older.Version) == major(newer.Version):
		s.say("%d breaking changes, but %s → %s is not a major version: raise it, or take them back", breaking, older.Version, newer.Version)
		return said(exitRefused)
	case len(changes) == 0:
		s.say("no difference")
	}
	return nil
}

// major is the first number of a semver.
func major(version string) string {
	for i, c := range version {
		if c == '.' {
			return version[:i]
		}
	}
	return version
}
