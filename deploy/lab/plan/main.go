// Command plan writes docs/plan.md: for each clause of the plan that implies data, the
// questions, the command that answers each, and its answer on the demo's data beside
// the same answer worked out here from the records that the demo pushes. It starts
// the shipped binary as a user does. A hub that answers otherwise makes it fail.
//
//	go run ./deploy/lab/plan             # docs/plan.md
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/zida-hub/zida/hub/cli/demo"
	"github.com/zida-hub/zida/schemas"
)

// untilDay stands for today, so that the document is the same in every run.
const untilDay = "2026-11-20"

// longest bounds a whole run.
const longest = 10 * time.Minute

func main() {
	binary := flag.String("bin", "bin/zida", "the binary to ask")
	out := flag.String("out", "docs/plan.md", "where the document goes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, longest)
	err := run(ctx, *binary, *out)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "plan:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, binary, out string) (err error) {
	day, err := time.Parse(time.DateOnly, untilDay)
	if err != nil {
		return err
	}
	world, err := demo.New(day.Add(6 * time.Hour)) // 14 o'clock in Shanghai, as --until has it
	if err != nil {
		return err
	}
	books, err := keep(world)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "zida-plan-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	hub, err := startDemo(ctx, binary, filepath.Join(dir, "zida-demo"))
	if err != nil {
		return err
	}
	defer hub.stop()

	wrong := 0
	all := questions()
	if err := covers(all); err != nil {
		return err
	}
	for _, q := range all {
		if err := q.ask(ctx, hub, books); err != nil {
			return fmt.Errorf("zida query %s: %w", q.command, err)
		}
		for _, difference := range q.differences {
			wrong++
			fmt.Fprintf(os.Stderr, "zida query %s\n  %s\n", q.command, difference)
		}
	}
	if err := os.WriteFile(out, document(all, books), 0o600); err != nil {
		return err
	}
	if wrong > 0 {
		return fmt.Errorf("%d cells of the hub's answers differ from those worked out from the records", wrong)
	}
	fmt.Fprintf(os.Stderr, "plan: %d questions, every answer is the one worked out from the records\n", len(all))
	return nil
}

// covers makes sure that no dataset with figures is left unasked, and no clause out of the table.
func covers(all []*question) error {
	contracts, err := schemas.Embedded()
	if err != nil {
		return err
	}
	asked, listed := map[string]bool{}, map[string]bool{}
	for _, c := range clauses {
		listed[c.no] = true
	}
	for _, q := range all {
		asked[q.dataset] = true
		for _, no := range q.clauses {
			if !listed[no] {
				return fmt.Errorf("clause %s is not in the table of clauses", no)
			}
		}
	}
	for _, c := range contracts {
		figures := !c.Reference && !slices.Contains(c.Tags, "note")
		if figures && !asked[c.ID] {
			return fmt.Errorf("nothing is asked of %s", c.ID)
		}
	}
	return nil
}
