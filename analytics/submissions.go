package analytics

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// Submission is one row of the table of submissions: what the journal holds, for listing
// and for mapping a moment to a sequence.
type Submission struct {
	Sequence        uint64
	Index           uint32 // in its journal message
	Dataset         string
	ContractVersion string
	Agency, Client  string
	Kind            string // push or retraction
	Mode            string // atomic or partial
	Received        uint32
	Accepted        uint32
	Rejected        uint32
	Superseded      uint32
	SHA256          string
	Reason          string // of a retraction
	Bytes           uint64 // of the body after decoding
	ReceivedAt      time.Time
	Mends           string // the submission whose rejected rows it brings again
}

// ID is the submission's id as people see it.
func (s *Submission) ID() string {
	return strconv.FormatUint(s.Sequence, 10) + "-" + strconv.FormatUint(uint64(s.Index), 10)
}

// InsertSubmissions adds rows to the table of submissions; the writer calls it with each
// pass over history. Rows added twice count once.
func (a *Analytics) InsertSubmissions(ctx context.Context, rows []Submission) error {
	if len(rows) == 0 {
		return nil // a block without rows is an error to ClickHouse
	}
	var names []string
	for _, column := range submissionColumns() {
		names = append(names, column.Name)
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(insertSettingsMap()))
	batch, err := a.store.Conn().PrepareBatch(ctx, "INSERT INTO "+a.tables.submissions()+" ("+quoteAll(names)+")")
	if err != nil {
		return fmt.Errorf("insert submissions: %w", err)
	}
	for i := range rows {
		s := &rows[i]
		err := batch.Append(s.Sequence, s.Index, s.Dataset, s.ContractVersion, s.Agency, s.Client, s.Kind, s.Mode,
			s.Received, s.Accepted, s.Rejected, s.Superseded, s.SHA256, s.Reason, s.Bytes, s.ReceivedAt, s.Mends)
		if err != nil {
			_ = batch.Abort() // the error of the row is the one to tell
			return fmt.Errorf("submission %s: %w", s.ID(), err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("insert submissions: %w", err)
	}
	return nil
}

// SubmissionFilter keeps the submissions that agree in every field that is not "".
type SubmissionFilter struct{ Agency, Client, Dataset string }

// MaxSubmissions is the most that one page lists.
const MaxSubmissions = 1000

// Submissions lists submissions, newest first, and the cursor of the next page ("" at the
// end). Those that the writer has not reached yet are not among them.
func (a *Analytics) Submissions(ctx context.Context, filter SubmissionFilter, limit int, cursor string) ([]Submission, string, error) {
	if limit == 0 {
		limit = 100
	}
	if limit < 0 || limit > MaxSubmissions {
		return nil, "", invalid("limit", "limit 须为 1 至 1000 的整数", "limit must be a whole number from 1 to 1000", "改为该范围内的整数", "give a number in that range")
	}
	var where []condition
	for _, f := range []struct{ column, value string }{{"agency", filter.Agency}, {"client", filter.Client}, {"dataset", filter.Dataset}} {
		if f.value != "" {
			where = append(where, condition{f.column + " = ?", []any{f.value}})
		}
	}
	if cursor != "" {
		sequence, index, ok := parseSubmission(cursor)
		if !ok {
			return nil, "", &QueryError{Problem: ProblemCursor, Pointer: "cursor", Message: "游标无效", MessageEN: "the cursor is not valid", Remedy: "从第一页读起", FixEN: "begin at the first page"}
		}
		where = append(where, condition{"(seq, idx) < (?, ?)", []any{sequence, index}})
	}
	s := &statement{}
	var names []string
	for _, column := range submissionColumns() {
		names = append(names, column.Name)
	}
	s.add("SELECT " + quoteAll(names) + " FROM " + a.tables.submissions() + " FINAL")
	s.where(" WHERE ", where)
	s.add(" ORDER BY seq DESC, idx DESC LIMIT ?", int64(limit)+1)
	list, err := a.readSubmissions(ctx, s)
	if err != nil || len(list) <= limit {
		return list, "", err
	}
	return list[:limit], list[limit-1].ID(), nil
}

// FirstReceived is when the first submission that is still known came in; zero for none.
func (a *Analytics) FirstReceived(ctx context.Context) (time.Time, error) {
	var first time.Time
	err := a.store.Reader().QueryRow(undated(ctx), "SELECT min(received_at) FROM "+a.tables.submissions()).Scan(&first)
	if err != nil {
		return time.Time{}, fmt.Errorf("first submission: %w", explain(err))
	}
	if first.Unix() <= 0 { // ClickHouse's minimum of nothing
		return time.Time{}, nil
	}
	return first, nil
}

// Submission finds one submission by its id; nil when there is none yet.
func (a *Analytics) Submission(ctx context.Context, id string) (*Submission, error) {
	sequence, index, ok := parseSubmission(id)
	if !ok {
		return nil, nil
	}
	s := &statement{}
	var names []string
	for _, column := range submissionColumns() {
		names = append(names, column.Name)
	}
	s.add("SELECT "+quoteAll(names)+" FROM "+a.tables.submissions()+" FINAL WHERE seq = ? AND idx = ?", sequence, index)
	list, err := a.readSubmissions(ctx, s)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// MendedBy lists the submissions that bring the rejected rows of one again, oldest first.
func (a *Analytics) MendedBy(ctx context.Context, id string) ([]string, error) {
	s := &statement{}
	var names []string
	for _, column := range submissionColumns() {
		names = append(names, column.Name)
	}
	s.add("SELECT "+quoteAll(names)+" FROM "+a.tables.submissions()+" FINAL WHERE mends = ? ORDER BY seq, idx LIMIT 1000", id)
	list, err := a.readSubmissions(ctx, s)
	var ids []string
	for i := range list {
		ids = append(ids, list[i].ID())
	}
	return ids, err
}

func (a *Analytics) readSubmissions(ctx context.Context, s *statement) ([]Submission, error) {
	rows, err := a.store.Reader().Query(undated(ctx), s.text.String(), s.args...)
	if err != nil {
		return nil, explain(err)
	}
	defer rows.Close()
	var list []Submission
	for rows.Next() {
		var s Submission
		if err := rows.Scan(&s.Sequence, &s.Index, &s.Dataset, &s.ContractVersion, &s.Agency, &s.Client, &s.Kind, &s.Mode,
			&s.Received, &s.Accepted, &s.Rejected, &s.Superseded, &s.SHA256, &s.Reason, &s.Bytes, &s.ReceivedAt, &s.Mends); err != nil {
			return nil, fmt.Errorf("read a submission: %w", err)
		}
		list = append(list, s)
	}
	if err := rows.Err(); err != nil {
		return nil, explain(err)
	}
	return list, nil
}

func parseSubmission(id string) (sequence uint64, index uint32, ok bool) {
	first, second, ok := strings.Cut(id, "-")
	sequence, err1 := strconv.ParseUint(first, 10, 64)
	n, err2 := strconv.ParseUint(second, 10, 32)
	return sequence, uint32(n), ok && err1 == nil && err2 == nil
}
