package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/zida-hub/zida/connectors"
)

// badRecords lists what is wrong with every record. The hub names so many errors in
// one answer and counts the rest; the rest is asked for from the last record named.
func (j *pushJob) badRecords(ctx context.Context, c *connectors.Converted) ([]connectors.RowError, error) {
	var bad []connectors.RowError
	for from := 1; from <= c.Records; {
		errs, all, err := j.checkFrom(ctx, c, from)
		if err != nil {
			return nil, err
		}
		last := 0
		for i := range errs {
			errs[i].Row += from - 1
			last = max(last, errs[i].Row)
		}
		if all {
			bad = append(bad, errs...)
			break
		}
		// Not all errors of the last record may have been named; one that fills
		// the whole answer by itself is left at that.
		next := last
		if last == from {
			next++
		}
		for _, e := range errs {
			if e.Row < next {
				bad = append(bad, e)
			}
		}
		from = next
	}
	c.Place(bad)
	return bad, nil
}

// check is --dry-run: it lists every bad record.
func (j *pushJob) check(ctx context.Context, c *connectors.Converted) error {
	bad, err := j.badRecords(ctx, c)
	if err != nil {
		return err
	}
	rejected := badRows(bad)
	if j.json {
		raw := fmt.Appendf(nil, `{"dry_run":true,"dataset":%q,"received":%d,"rejected":%d,"sha256":%q,"errors":[]}`, j.dataset, c.Records, rejected, c.SHA256)
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
			j.say("%s: %d of %d records are bad; nothing was taken", c.File, rejected, c.Records)
		}
	}
	if len(bad) > 0 {
		if j.fixIt != "" {
			if err := j.fix(ctx, c, bad, false); err != nil {
				return err
			}
		}
		return said(exitRefused)
	}
	return nil
}

// checkFrom asks about the records from one on; rows in the answer count from it.
// all says that no error is left unnamed.
func (j *pushJob) checkFrom(ctx context.Context, c *connectors.Converted, from int) (errs []connectors.RowError, all bool, err error) {
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
		return receipt.Errors, len(receipt.Errors) == 0 || receipt.ErrorCount <= len(receipt.Errors), nil
	case errors.As(err, &problem) && len(problem.Errors) > 0 && problem.Errors[0].Row > 0:
		return problem.Errors, true, nil // where a broken body ends is not certain, so there is no asking on
	}
	return nil, false, err
}
