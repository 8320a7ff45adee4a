// Command views measures how long the page's views take at a size that no demo has: it
// starts the shipped binary on an empty directory, fills it by pushes with generated data
// of both sides and with millions of records of tourism_flow, and puts each view's
// questions to it as the page does, in one POST /v1/queries, while an agency goes on
// pushing once a second. It prints the times and the rows read, of now and of a moment of
// the past, and how much memory the hub and the engine needed.
//
//	make build && go run ./deploy/lab/views -rows 100
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// longest bounds a whole run; most of it is the pushing.
const longest = 3 * time.Hour

type options struct {
	millions     int
	runs         int
	binary, keep string
	jsonFile     string
	view         string
}

func main() {
	var o options
	flag.IntVar(&o.millions, "rows", 100, "millions of records of tourism_flow")
	flag.IntVar(&o.runs, "runs", 30, "how often each view is asked for")
	flag.StringVar(&o.binary, "bin", "bin/zida", "the binary to measure")
	flag.StringVar(&o.keep, "keep", "", "directory that is filled once and used again; empty: one that is removed at the end")
	flag.StringVar(&o.jsonFile, "json", "", "file for the figures, in JSON")
	flag.StringVar(&o.view, "view", "", "this view only, and each of its panels by itself")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, longest)
	err := run(ctx, &o)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "views:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o *options) (err error) {
	dir := o.keep
	if dir == "" {
		if dir, err = os.MkdirTemp("", "zida-views-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	h, err := startHub(ctx, o.binary, filepath.Join(dir, "hub"), filepath.Join(dir, "hub.log"))
	if err != nil {
		return err
	}
	defer h.stop()
	f, err := filled(ctx, h, filepath.Join(dir, "filled.json"), o.millions)
	if err != nil {
		return err
	}
	if err := h.rest(ctx); err != nil {
		return err
	}
	return measure(ctx, h, f, o)
}
