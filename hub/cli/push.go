package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zida-hub/zida/connectors"
)

// pushFlags are those of zida push.
type pushFlags struct {
	maps, sets, ignore    []string
	sheet, format         string
	mode, key, encoding   string
	receipts, fixIt       string
	mends                 string
	dryRun, wait, again   bool
	retryFor              time.Duration
	properties, constants map[string]string
	dataset               string
}

const pushLong = `Push the records of files: each file is one submission, taken whole or not at all.

Files may be csv (UTF-8 or GB18030, found by itself), xlsx, ndjson or json, also as .gz or .zst. Headings
are property names or their Chinese names; --map and --set say what the file does not. The whole file is
read before anything is sent. Network errors and a busy hub are waited out; the same command given again
resumes: a file that was accepted is not counted twice.

With --fix-it, what is refused comes back in the file's own workbook (a csv file as a workbook with the same
columns): the cells to mend are filled, a last column 错误原因 says what to do, all else is as it was. Mend it and
push it; the column is not read. With --mode partial the records that were taken are marked 已接收; pushing them
again is a revision with equal values and counts nothing twice. A cell that cannot be read for sure (a formula's
error, merged cells, a row of sums) keeps the whole file back in either mode.

Exit codes: 0 all accepted, 1 refused or partly refused, 2 usage, 3 not reachable, 4 not allowed.`

const pushExample = `  zida push tourism_flow visitors.csv
  zida push tourism_flow visitors.csv --map observed_at=date,entries=tourism_num --set region=512021,interval_minutes=1440,spot_id=512021-S99
  zida push park_monthly 园区月报.xlsx --sheet 2025年 --dry-run
  zida push park_monthly 园区月报.xlsx --fix-it 改正.xlsx
  zida push ticket_recognition *.csv --mode partial --receipts receipts/`

func newPush(s *session) *cobra.Command {
	p := &pushFlags{}
	cmd := &cobra.Command{
		Use:     "push DATASET FILE…",
		Short:   "Push the records of files (csv, xlsx, ndjson, json)",
		Long:    pushLong,
		Example: pushExample,
		Args:    argsAtLeast(2, "a dataset and at least one file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.parse(); err != nil {
				return err
			}
			p.dataset = args[0]
			s.retryFor = p.retryFor
			if err := p.checkFix(s, args[1:]); err != nil {
				return err
			}
			return s.push(cmd.Context(), p, args[1:])
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&p.maps, "map", nil, "PROPERTY=COLUMN[,…]: which column a property is read from (repeatable)")
	f.StringArrayVar(&p.sets, "set", nil, "PROPERTY=VALUE[,…]: one value for all records (repeatable)")
	f.StringArrayVar(&p.ignore, "ignore", nil, "a column to leave out (repeatable)")
	f.StringVar(&p.sheet, "sheet", "", "the workbook's sheet")
	f.StringVar(&p.format, "format", "", "csv, xlsx, ndjson or json (default: from the file)")
	f.StringVar(&p.mode, "mode", "atomic", "atomic: one bad record refuses the file; partial: the good ones are taken")
	f.BoolVar(&p.dryRun, "dry-run", false, "check only: list every bad record, take nothing")
	f.BoolVar(&p.wait, "wait", false, "wait until queries answer with the records")
	f.StringVar(&p.key, "idempotency-key", "", "use this key in place of one made from the content (one file only)")
	f.BoolVar(&p.again, "again", false, "push as a new submission what was accepted before")
	f.StringVar(&p.encoding, "compress", "", "compress on the way: gzip or zstd")
	f.StringVar(&p.receipts, "receipts", "", "directory to save the receipts in (default: beside the profiles)")
	f.StringVar(&p.fixIt, "fix-it", "", "workbook to write when records are refused, with what is wrong marked in it (xlsx and csv)")
	f.StringVar(&p.mends, "mends", "", "the partial push whose rejected records this file brings again, mended; the two are linked")
	f.DurationVar(&p.retryFor, "retry-for", 5*time.Minute, "how long a file is tried again while the hub is busy or out of reach; 0: once only")
	return cmd
}

func (p *pushFlags) parse() error {
	var err error
	if p.properties, err = pairs("map", p.maps); err != nil {
		return err
	}
	if p.constants, err = pairs("set", p.sets); err != nil {
		return err
	}
	switch {
	case p.mode != "atomic" && p.mode != "partial":
		return usage("--mode is atomic or partial, not %q", p.mode)
	case p.encoding != "" && p.encoding != "gzip" && p.encoding != "zstd":
		return usage("--compress is gzip or zstd, not %q", p.encoding)
	case len(p.key) > 255:
		return usage("--idempotency-key is at most 255 characters long")
	}
	if p.retryFor <= 0 {
		p.retryFor = -1
	}
	return nil
}

// pairs reads NAME=VALUE lists; a comma in a value is written \, .
func pairs(flag string, lists []string) (map[string]string, error) {
	out := map[string]string{}
	for _, list := range lists {
		for _, pair := range splitCommas(list) {
			name, value, ok := strings.Cut(pair, "=")
			name = strings.TrimSpace(name)
			if !ok || name == "" || value == "" {
				return nil, usage("--%s takes PROPERTY=VALUE, not %q\nexample: --map observed_at=date,entries=tourism_num --set region=512021", flag, pair)
			}
			if old, twice := out[name]; twice && old != value {
				return nil, usage("--%s gives %s twice: %q and %q", flag, name, old, value)
			}
			out[name] = value
		}
	}
	return out, nil
}

func splitCommas(list string) []string {
	var out []string
	var b strings.Builder
	for i := 0; i < len(list); i++ {
		switch {
		case list[i] == '\\' && i+1 < len(list) && list[i+1] == ',':
			b.WriteByte(',')
			i++
		case list[i] == ',':
			out = append(out, b.String())
			b.Reset()
		default:
			b.WriteByte(list[i])
		}
	}
	return append(out, b.String())
}

// push sends file after file. A refused file does not keep the others back; a hub
// that cannot be reached or does not allow it does.
func (s *session) push(ctx context.Context, p *pushFlags, files []string) error {
	if p.key != "" && len(files) > 1 {
		return usage("--idempotency-key is for one file; without it each file has a key of its own")
	}
	client, who, err := s.connect()
	if err != nil {
		return err
	}
	defer client.Close()
	contract, err := client.Contract(ctx, p.dataset)
	if err != nil {
		return s.unknownDataset(ctx, client, p.dataset, err)
	}
	job := &pushJob{session: s, pushFlags: p, client: client, state: s.pushState(who)}
	job.options = connectors.FileOptions{
		Contract: contract, Map: p.properties, Set: p.constants, Ignore: p.ignore, Sheet: p.sheet, Format: p.format,
		Collect: p.fixIt != "",
	}
	worst := exitOK
	for i, file := range files {
		err := job.file(ctx, file)
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			s.say("stopped at %s; %d of %d files are done\nto go on, give the same command again: what was accepted is not counted twice", file, i, len(files))
			return said(exitRefused)
		}
		var option *connectors.OptionError
		if errors.As(err, &option) {
			return usage("%v", option)
		}
		code, quiet := exitCode(err)
		if !quiet {
			s.say("zida: %s", s.explain(err))
		}
		worst = max(worst, code)
		if code == exitUnreachable || code == exitDenied {
			if i+1 < len(files) {
				s.say("%d files were not tried; to go on, give the same command again", len(files)-i-1)
			}
			return said(code)
		}
	}
	if worst != exitOK {
		return said(worst)
	}
	return nil
}

// unknownDataset adds the nearest name to a 404.
func (s *session) unknownDataset(ctx context.Context, client *connectors.Client, dataset string, err error) error {
	var problem *connectors.Problem
	if !errors.As(err, &problem) || problem.Status != 404 {
		return err
	}
	all, lerr := client.Datasets(ctx)
	if lerr != nil {
		return err
	}
	names := make([]string, len(all))
	for i, d := range all {
		names[i] = d.ID
	}
	if near := connectors.Nearest(dataset, names); near != "" {
		return usage("there is no dataset %q\ndid you mean: %s", dataset, near)
	}
	return usage("there is no dataset %q\nthe hub has: %s", dataset, strings.Join(names, ", "))
}

// pushJob is one zida push with what its files share.
type pushJob struct {
	*session
	*pushFlags
	client  *connectors.Client
	state   *pushState
	options connectors.FileOptions
	partly  string // the submission that took the other records
}

func (j *pushJob) file(ctx context.Context, path string) error {
	c, err := connectors.Convert(ctx, path, j.options)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, n := range c.Notes {
		j.say("%s: %s", path, n)
	}
	if len(c.Faults) > 0 {
		return j.faulty(ctx, path, c)
	}
	if j.dryRun {
		return j.check(ctx, c)
	}
	key := j.key
	if key == "" {
		key = j.state.key(j.dataset, j.mode, c.SHA256, j.again)
		if old := j.state.accepted(ctx, j.client, key); old != nil {
			j.say("%s: already accepted at %s as submission %s; not sent again (--again pushes it as a new submission)", path, old.ReceivedAt, old.Submission)
			return j.report(ctx, path, c, old)
		}
	}
	bar := j.progress(filepath.Base(path), c.Bytes)
	receipt, err := j.client.Push(ctx, j.dataset, c.Open, connectors.PushOptions{
		IdempotencyKey: key, Mode: j.mode, Mends: j.mends, Wait: j.wait, Encoding: j.encoding, Size: c.Bytes, Progress: bar.set,
	})
	bar.done()
	if err != nil {
		return j.refused(ctx, path, c, err)
	}
	if saved, err := j.state.save(key, receipt); err != nil {
		j.say("%s: the receipt could not be kept: %v", path, err)
	} else if !j.json {
		j.say("%s: receipt saved as %s", path, saved)
	}
	if err := j.saveReceipt(path, receipt); err != nil {
		return err
	}
	return j.report(ctx, path, c, receipt)
}

// report writes a receipt to stdout; rejected records make the exit code 1.
func (j *pushJob) report(ctx context.Context, path string, c *connectors.Converted, r *connectors.Receipt) error {
	c.Place(r.Errors)
	if j.json {
		if err := j.printJSON(path, r.Raw, r.Errors); err != nil {
			return err
		}
	} else {
		state := "durable"
		switch {
		case r.Visible:
			state = "visible"
		case j.wait:
			state = "durable; queries do not show it yet, and the hub goes on by itself"
		}
		text := fmt.Sprintf("%s: %d accepted", path, r.Accepted)
		if r.Superseded > 0 {
			text += fmt.Sprintf(" (%d of them superseded by a later record with the same key)", r.Superseded)
		}
		if r.Rejected > 0 {
			text += fmt.Sprintf(", %d rejected", r.Rejected)
		}
		if _, err := fmt.Fprintf(j.out, "%s; submission %s, %s\n", text, r.Submission, state); err != nil {
			return err
		}
		for i := range r.Errors {
			j.say("%s", rowText(&r.Errors[i]))
		}
	}
	if r.Rejected > 0 {
		j.partly = r.Submission
		if j.fixIt != "" {
			if err := j.fixRefused(ctx, c, r.Errors, badRows(r.Errors) >= r.Rejected, true); err != nil {
				return err
			}
		} else if !j.json {
			j.say("mend the rejected records and push them again; the others are taken:\nzida submission errors %s > to-mend.ndjson, then zida push %s to-mend.ndjson --mends %s", r.Submission, j.dataset, r.Submission)
		}
		return said(exitRefused)
	}
	return nil
}

// refused adds the places in the file to what the hub said.
func (j *pushJob) refused(ctx context.Context, path string, c *connectors.Converted, err error) error {
	var problem *connectors.Problem
	if !errors.As(err, &problem) {
		return err
	}
	c.Place(problem.Errors)
	if j.fixIt != "" && len(problem.Errors) > 0 && problem.Errors[0].Row > 0 {
		if ferr := j.fixRefused(ctx, c, problem.Errors, problem.ErrorCount > 0 && problem.ErrorCount <= len(problem.Errors), false); ferr != nil {
			return errors.Join(err, ferr)
		}
	}
	if j.json {
		code, _ := exitCode(err)
		if perr := j.printJSON(path, problem.Body, problem.Errors); perr != nil {
			return perr
		}
		return said(code)
	}
	if len(problem.Errors) > 0 {
		j.say("%s: nothing was taken", path)
	}
	return err
}

// printJSON writes the hub's own document with the file's name and the places added.
func (j *pushJob) printJSON(path string, raw json.RawMessage, errs []connectors.RowError) error {
	doc := map[string]json.RawMessage{}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &doc); err != nil {
			return err
		}
	}
	added := map[string]any{"file": path}
	if len(errs) > 0 {
		added["errors"] = errs
	}
	for name, v := range added {
		data, err := json.Marshal(v)
		if err != nil {
			return err
		}
		maps.Copy(doc, map[string]json.RawMessage{name: data})
	}
	return json.NewEncoder(j.out).Encode(doc)
}

// saveReceipt writes the receipt to --receipts, named after file and submission.
func (j *pushJob) saveReceipt(path string, r *connectors.Receipt) error {
	if j.receipts == "" {
		return nil
	}
	name := filepath.Join(j.receipts, filepath.Base(path)+"."+r.Submission+".receipt.json")
	if err := writeFile(name, append(r.Raw, '\n')); err != nil {
		return fmt.Errorf("%s was accepted as %s, but its receipt cannot be saved: %w", path, r.Submission, err)
	}
	if info, err := os.Stat(name); err == nil && info.Size() > 0 {
		j.say("%s: receipt saved as %s", path, name)
	}
	return nil
}
