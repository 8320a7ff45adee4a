package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/zida-hub/zida/connectors"
)

// check is --dry-run: it lists every bad record, however many the hub names at
// once, by asking again from behind the last one named.
func (j *pushJob) check(ctx context.Context, c *connectors.Converted) error {
	var bad []connectors.RowError
	for from := 1; from <= c.Records; {
		errs, err := j.checkFrom(ctx, c, from)
		if err != nil {
			return err
		}
		last := 0
		for _, e := range errs {
			last = max(last, e.Row)
			e.Row += from - 1
			bad = append(bad, e)
		}
		if len(errs) < askAgainFrom || last == 0 {
			break
		}
		from += last
	}
	c.Place(bad)
	rows := map[int]bool{}
	for _, e := range bad {
		rows[e.Row] = true
	}
	if j.json {
		raw := fmt.Appendf(nil, `{"dry_run":true,"dataset":%q,"received":%d,"rejected":%d,"sha256":%q,"errors":[]}`, j.dataset, c.Records, len(rows), c.SHA256)
		if err := j.printJSON(c.File, raw, bad); err != nil {
			return err
		}
	} else {
		for i := range bad {
			_, _ = fmt.Fprintln(j.out, rowText(&bad[i]))
		}
		if len(bad) == 0 {
			_, _ = fmt.Fprintf(j.out, "%s: all %d records are good; nothing was sent for keeping\n", c.File, c.Records)
		} else {
			j.say("%s: %d of %d records are bad; nothing was taken", c.File, len(rows), c.Records)
		}
	}
	if len(bad) > 0 {
		return said(exitRefused)
	}
	return nil
}

// askAgainFrom is fewer errors than any hub stops naming at.
const askAgainFrom = 100

// checkFrom asks about the records from one on; rows in the answer count from it.
func (j *pushJob) checkFrom(ctx context.Context, c *connectors.Converted, from int) ([]connectors.RowError, error) {
	body := func() (io.ReadCloser, error) {
		r, err := c.Open()
		if err != nil || from == 1 {
			return r, err
		}
		b := bufio.NewReaderSize(r, 256<<10)
		for skipped := 1; skipped < from; {
			_, err := b.ReadSlice('\n')
			switch {
			case err == nil:
				skipped++
			case !errors.Is(err, bufio.ErrBufferFull):
				return nil, err
			}
		}
		return struct {
			io.Reader
			io.Closer
		}{b, r}, nil
	}
	receipt, err := j.client.Push(ctx, j.dataset, body, connectors.PushOptions{Mode: j.mode, DryRun: true, Encoding: j.encoding})
	var problem *connectors.Problem
	switch {
	case err == nil:
		return receipt.Errors, nil
	case errors.As(err, &problem) && len(problem.Errors) > 0 && problem.Errors[0].Row > 0:
		return problem.Errors, nil
	}
	return nil, err
}
