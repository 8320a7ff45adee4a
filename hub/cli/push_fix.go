package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"github.com/zida-hub/zida/connectors"
)

// checkFix looks at --fix-it before anything is read.
func (p *pushFlags) checkFix(s *session, files []string) error {
	if p.fixIt == "" {
		return nil
	}
	if len(files) > 1 {
		return usage("--fix-it is for one file: each needs a workbook of its own")
	}
	out, err := os.Stat(p.fixIt)
	in, inErr := os.Stat(files[0])
	if err == nil && inErr == nil && os.SameFile(out, in) {
		return usage("--fix-it would write over %s itself; name another file", files[0])
	}
	if s.lang == "" {
		s.lang = "zh" // the workbook is read at a desk
	}
	return nil
}

// fix writes the workbook with what is wrong marked in it. accepted says that the
// other records were taken.
func (j *pushJob) fix(ctx context.Context, c *connectors.Converted, errs []connectors.RowError, accepted bool) error {
	var book bytes.Buffer
	if err := c.Mended(ctx, errs, accepted, &book); err != nil {
		return err
	}
	if err := writeFile(j.fixIt, book.Bytes()); err != nil {
		return fmt.Errorf("the marked workbook cannot be written: %w", err)
	}
	again := "mend the marked cells (the column 错误原因 says how) and push it"
	if j.language() == "zh" {
		again = "请按标红的单元格和“错误原因”一列改正后重新报送"
	}
	linked := ""
	if accepted && j.partly != "" {
		linked = " --mends " + j.partly
	}
	j.say("%s: %s: zida push %s %s%s", j.fixIt, again, j.dataset, j.fixIt, linked)
	return nil
}

// faulty answers for a file some of whose cells could not be read: nothing is sent
// for keeping, but the hub is asked what else is wrong, so that one round mends all.
func (j *pushJob) faulty(ctx context.Context, path string, c *connectors.Converted) error {
	bad, err := j.badRecords(ctx, c)
	if err != nil {
		return err
	}
	errs := append(c.FaultsIn(j.language()), c.Explained(bad)...)
	if j.json {
		raw := fmt.Appendf(nil, `{"dataset":%q,"received":%d,"error_count":%d,"errors":[]}`, j.dataset, c.Records, len(errs))
		if err := j.printJSON(path, raw, errs); err != nil {
			return err
		}
	} else {
		for i := range errs {
			if i == mostListed {
				j.say("… and %d more, all of them in the workbook", len(errs)-i)
				break
			}
			j.say("%s", rowText(&errs[i]))
		}
		j.say("%s: nothing was taken", path)
	}
	if err := j.fix(ctx, c, errs, false); err != nil {
		return err
	}
	return said(exitRefused)
}

// fixRefused marks what the hub refused or, in partial mode, what it did not take.
// named are the errors in the answer; there may be more.
func (j *pushJob) fixRefused(ctx context.Context, c *connectors.Converted, named []connectors.RowError, all, accepted bool) error {
	if !all {
		bad, err := j.badRecords(ctx, c)
		if err != nil {
			return err
		}
		named = bad
	}
	return j.fix(ctx, c, named, accepted)
}

// badRows counts the records that errors name.
func badRows(errs []connectors.RowError) int {
	rows := map[int]bool{}
	for i := range errs {
		if errs[i].Row > 0 {
			rows[errs[i].Row] = true
		}
	}
	return len(rows)
}
