// Command bench measures a hub beside the direct way, in one run: the same
// binary and flags as a user starts, an engine of the same library and limits
// that rows are posted straight into, and a handler that does nothing. The
// three take turns within every round, in alternating order, on data that none
// of them has seen; while one is measured the others are idle. After each round
// an independent program reads back every acknowledged row.
//
//	go run ./deploy/lab/bench            # bench.json and a table
//	go run ./deploy/lab/bench -only bulk -rounds 3
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/zida-hub/zida/analytics/engine"
)

type settings struct {
	rounds   int
	rows     int
	duration time.Duration // of each phase of small pushes
	binary   string
	out      string
	groups   map[string]bool
	strict   bool
	keep     bool
}

// The groups that -only takes.
const (
	groupBulk  = "bulk"  // a file of -rows records
	groupSmall = "small" // single rows, as fast as they are answered
	groupPace  = "pace"  // single rows at a constant rate
)

// longest bounds a whole run, so that nothing is left behind by a hub that hangs.
const longest = 40 * time.Minute

func main() {
	engine.ChildMain() // this binary is also the child of the engine it starts
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case readbackCommand:
			os.Exit(exitCode(readbackMain()))
		case noopCommand:
			os.Exit(exitCode(noopMain()))
		}
	}
	s, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, longest)
		defer cancel()
		err = run(ctx, s)
	}
	if code := exitCode(err); code != 0 {
		os.Exit(code) //nolint:gocritic // both deferred calls only free what the exit frees
	}
}

func exitCode(err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "bench:", err)
	return 1
}

func parse(args []string) (settings, error) {
	var s settings
	var only string
	var seconds float64
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.IntVar(&s.rounds, "rounds", 5, "rounds; ratios are paired within one, and the medians are reported")
	f.IntVar(&s.rows, "rows", 1_000_000, "records of a bulk push")
	f.Float64Var(&seconds, "seconds", 5, "seconds of each phase of single-row pushes")
	f.StringVar(&s.binary, "bin", "bin/zida", "the binary to measure")
	f.StringVar(&s.out, "out", "bench.json", "where the figures go")
	f.StringVar(&only, "only", "", "groups to measure, comma separated: bulk, small, pace (default: all)")
	f.BoolVar(&s.strict, "strict", false, "exit with an error when a target is missed")
	f.BoolVar(&s.keep, "keep", false, "keep the temporary directory, logs included")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	if s.rounds < 1 || s.rows < 1 || s.rows > maxBulkRows || seconds < 0.5 || seconds > 60 {
		return s, fmt.Errorf("want -rounds of 1 or more, -rows of 1 to %d, -seconds of 0.5 to 60", maxBulkRows)
	}
	if months := s.rounds * monthsPerRound; months > maxMonths {
		return s, fmt.Errorf("%d rounds need more months than the contract allows; at most %d rounds", s.rounds, maxMonths/monthsPerRound)
	}
	s.duration = time.Duration(seconds * float64(time.Second))
	s.groups = map[string]bool{groupBulk: true, groupSmall: true, groupPace: true}
	if only != "" {
		chosen := map[string]bool{}
		for group := range strings.SplitSeq(only, ",") {
			if !s.groups[group] {
				return s, fmt.Errorf("-only knows bulk, small and pace, not %q", group)
			}
			chosen[group] = true
		}
		s.groups = chosen
	}
	return s, nil
}
