package writer

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/zida-hub/zida/hub/journal"
)

// rowset is a number of rows of one dataset, on their way into one table: a
// section of a block, or one staged part of a large submission.
type rowset struct {
	dataset  string
	rows     int
	block    *journal.Block
	section  *journal.Section // nil: a staged part
	part     journal.Part
	owners   []owner // whose rows they are, in order
	index    int     // of the first row in its message or submission
	firstRow int     // record number before the first row, of a staged part
	columns  []string
}

// owner is a submission and how many of the rows are its.
type owner struct {
	submission int
	rows       int
}

// rowsets lists what a block brings, in the order of its rows.
func rowsets(b *journal.Block) []rowset {
	sets := make([]rowset, len(b.Sections))
	index := 0
	for i := range b.Sections {
		s := &b.Sections[i]
		sets[i] = rowset{dataset: s.Dataset, rows: int(s.Rows), block: b, section: s, index: index, columns: s.Columns}
		index += int(s.Rows)
	}
	for i := range b.Submissions {
		s := &b.Submissions[i]
		if s.Section >= 0 {
			sets[s.Section].owners = append(sets[s.Section].owners, owner{i, int(s.Accepted)})
			continue
		}
		index, records := 0, 0
		for _, p := range s.Parts {
			if p.Rows > 0 {
				sets = append(sets, rowset{
					dataset: s.Dataset, rows: int(p.Rows), block: b, part: p,
					owners: []owner{{i, int(p.Rows)}}, index: index, firstRow: records, columns: s.Columns,
				})
			}
			index += int(p.Rows)
			records += int(p.Rows + p.Rejects)
		}
	}
	kept := sets[:0]
	for _, s := range sets {
		if s.rows > 0 { // a block of no rows is refused by the server (code 62)
			kept = append(kept, s)
		}
	}
	return kept
}

// load makes a staged part's section available.
func (w *Writer) load(ctx context.Context, r *rowset) error {
	if r.section != nil {
		return nil
	}
	frame, err := w.o.Journal.ReadPart(ctx, r.part.Sequence)
	if err != nil {
		return err
	}
	part, _, err := journal.ParsePart(frame)
	if err != nil {
		return fmt.Errorf("part %d: %w", r.part.Sequence, err)
	}
	r.section = &part
	return nil
}

const lineageColumns = 7

// appendLineage writes the lineage columns of sets that become one Native block.
func appendLineage(n *native, sets []rowset) {
	each := func(f func(r *rowset)) {
		for i := range sets {
			f(&sets[i])
		}
	}
	n.head("_version", "UInt64")
	each(func(r *rowset) {
		for i := range r.rows {
			n.u64(journal.Version(r.block.Sequence, r.index+i))
		}
	})
	n.head("_deleted", "UInt8")
	each(func(r *rowset) {
		deleted := uint8(0)
		if r.section.Deleted {
			deleted = 1
		}
		for range r.rows {
			n.u8(deleted)
		}
	})
	var agencies, clients []run
	each(func(r *rowset) {
		for _, o := range r.owners {
			sub := &r.block.Submissions[o.submission]
			agencies, clients = append(agencies, run{sub.Agency, o.rows}), append(clients, run{sub.Client, o.rows})
		}
	})
	n.lowCardinality("_agency", agencies)
	n.lowCardinality("_client", clients)
	n.head("_submission", "UInt32")
	each(func(r *rowset) {
		for _, o := range r.owners {
			for range o.rows {
				n.u32(uint32(o.submission))
			}
		}
	})
	n.head("_row", "UInt32")
	each(func(r *rowset) { r.appendRows(n) })
	n.head("_received_at", "DateTime64(3, 'UTC')")
	each(func(r *rowset) {
		at := uint64(r.block.ReceivedAt.UnixMilli())
		for range r.rows {
			n.u64(at)
		}
	})
}

func (r *rowset) appendRows(n *native) {
	if r.section.RowNumbers != nil {
		for _, row := range r.section.RowNumbers {
			n.u32(row + uint32(r.firstRow))
		}
		return
	}
	for _, o := range r.owners {
		for i := range o.rows {
			n.u32(uint32(r.firstRow + i + 1))
		}
	}
}

// stream is the body of one INSERT: the Native blocks of its rowsets, made as
// they are read, so that a body of any size needs the memory of one block.
type stream struct {
	ctx  context.Context
	w    *Writer
	sets []rowset
	n    native
	m    merger
	now  [2][]byte
}

// next makes the frames of the next Native block: the lineage columns and, when
// it is made of several small sections, theirs joined; then the columns of a
// large one as they were journalled.
func (s *stream) next() (own, journalled []byte, err error) {
	k := s.together()
	sets := s.sets[:k]
	s.sets = s.sets[k:]
	rows := 0
	for i := range sets {
		if err := s.w.load(s.ctx, &sets[i]); err != nil {
			return nil, nil, err
		}
		if got := int(sets[i].section.Rows); got != sets[i].rows {
			return nil, nil, fmt.Errorf("%w: %d rows where %d were counted", journal.ErrCorrupt, got, sets[i].rows)
		}
		rows += sets[i].rows
	}
	s.n.begin(len(sets[0].columns)+lineageColumns, rows)
	appendLineage(&s.n, sets)
	if k == 1 {
		journalled = sets[0].section.Frames
		if sets[0].part.Sequence != 0 {
			sets[0].section = nil // a retry loads it again; a body of any size must not stay in memory
		}
	} else {
		s.m.reset()
		for i := range sets {
			if err := s.m.add(sets[i].section); err != nil {
				return nil, nil, err
			}
		}
		s.m.append(&s.n)
	}
	own, err = s.n.frame()
	return own, journalled, err
}

// together is how many of the next rowsets go into one Native block: small
// sections of one contract version, whose columns have the same types.
func (s *stream) together() int {
	k, rows := 0, 0
	for k < len(s.sets) && rows < mergeUpTo {
		r := &s.sets[k]
		if r.part.Sequence != 0 || r.rows >= mergeBelow || r.section.Contract != s.sets[0].section.Contract {
			break
		}
		rows += r.rows
		k++
	}
	return max(k, 1)
}

func (s *stream) Read(p []byte) (int, error) {
	for len(s.now[0]) == 0 {
		if len(s.now[1]) > 0 {
			s.now[0], s.now[1] = s.now[1], nil
			continue
		}
		if len(s.sets) == 0 {
			return 0, io.EOF
		}
		var err error
		if s.now[0], s.now[1], err = s.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.now[0])
	s.now[0] = s.now[0][n:]
	return n, nil
}

// WriteTo spares a copy: whole frames go to the connection.
func (s *stream) WriteTo(to io.Writer) (int64, error) {
	var total int64
	for len(s.sets) > 0 {
		own, journalled, err := s.next()
		if err != nil {
			return total, err
		}
		for _, b := range [][]byte{own, journalled} {
			n, err := to.Write(b)
			total += int64(n)
			if err != nil {
				return total, err
			}
		}
	}
	return total, nil
}

// SubmissionColumns are the columns of the table of submissions, in the order in
// which the writer sends them.
var SubmissionColumns = []string{
	"seq", "idx", "dataset", "contract_version", "agency", "client", "kind", "mode",
	"received", "accepted", "rejected", "superseded", "sha256", "reason", "bytes", "received_at", "mends",
}

// submissionRows lists the blocks' submissions as one Native block.
func submissionRows(n *native, blocks []*journal.Block) ([]byte, error) {
	var subs []*journal.Submission
	var at []*journal.Block
	var idx []int
	for _, b := range blocks {
		for i := range b.Submissions {
			subs, at, idx = append(subs, &b.Submissions[i]), append(at, b), append(idx, i)
		}
	}
	n.begin(len(SubmissionColumns), len(subs))
	n.head("seq", "UInt64")
	for _, b := range at {
		n.u64(b.Sequence)
	}
	n.head("idx", "UInt32")
	for _, i := range idx {
		n.u32(uint32(i))
	}
	low := func(name string, of func(*journal.Submission) string) {
		runs := make([]run, len(subs))
		for i, s := range subs {
			runs[i] = run{of(s), 1}
		}
		n.lowCardinality(name, runs)
	}
	low("dataset", func(s *journal.Submission) string { return s.Dataset })
	low("contract_version", func(s *journal.Submission) string { return s.Contract })
	low("agency", func(s *journal.Submission) string { return s.Agency })
	low("client", func(s *journal.Submission) string { return s.Client })
	low("kind", func(s *journal.Submission) string { return s.Kind.String() })
	low("mode", func(s *journal.Submission) string {
		if s.Partial {
			return "partial"
		}
		return "atomic"
	})
	for c, of := range []func(*journal.Submission) uint32{
		func(s *journal.Submission) uint32 { return s.Received },
		func(s *journal.Submission) uint32 { return s.Accepted },
		func(s *journal.Submission) uint32 { return s.Rejected },
		func(s *journal.Submission) uint32 { return s.Superseded },
	} {
		n.head(SubmissionColumns[8+c], "UInt32")
		for _, s := range subs {
			n.u32(of(s))
		}
	}
	n.head("sha256", "String")
	for _, s := range subs {
		n.text(hex.EncodeToString(s.SHA256[:]))
	}
	n.head("reason", "String")
	for _, s := range subs {
		n.text(s.Reason)
	}
	n.head("bytes", "UInt64")
	for _, s := range subs {
		n.u64(s.Bytes)
	}
	n.head("received_at", "DateTime64(3, 'UTC')")
	for _, b := range at {
		n.u64(uint64(b.ReceivedAt.UnixMilli()))
	}
	n.head("mends", "String")
	for _, s := range subs {
		n.text(s.Mends)
	}
	return n.frame()
}
