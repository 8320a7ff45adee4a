package analytics

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/zida-hub/zida/analytics/engine"
)

// Cell is one value of an answer as text: a number's digits, true or false, a day,
// milliseconds since 1970 for an instant. Encoders know the column's type.
type Cell struct {
	Text string
	Null bool
}

// Tail is what an answer says after its rows.
type Tail struct {
	AsOf       time.Time // what the rows are as of: the time asked for, else now
	Watermark  uint64    // the last sequence up to which everything is included
	NextCursor string    // of record reads; "" at the end
	Truncated  bool      // of queries: the limit left rows out
	Stats      Stats
}

// Stats is ClickHouse's own account of the query.
type Stats struct {
	RowsRead  uint64 `json:"rows_read"`
	ElapsedMS int64  `json:"elapsed_ms"`
}

// Answer is a whole answer in memory.
type Answer struct {
	Columns []Column
	Rows    [][]Cell
	Tail
}

// Query answers a query in memory; for large answers use WriteQuery.
func (a *Analytics) Query(ctx context.Context, q Query, reader Reader, position Position) (*Answer, error) {
	collected := &Answer{}
	tail, err := a.WriteQuery(ctx, q, reader, position, collected)
	if err != nil {
		return nil, err
	}
	collected.Tail = tail
	return collected, nil
}

// Begin, Row and End make an Answer an Encoder that keeps what it is given.
func (w *Answer) Begin(head Head) error { w.Columns = head.Columns; return nil }

// Row keeps a copy of the cells.
func (w *Answer) Row(cells []Cell) error {
	w.Rows = append(w.Rows, append([]Cell(nil), cells...))
	return nil
}

// End keeps the tail.
func (w *Answer) End(tail Tail) error { w.Tail = tail; return nil }

// Close has nothing to give back.
func (w *Answer) Close() error { return nil }

// Involved checks a question as WriteQuery does, and names the datasets that its answer is
// made of, besides the reference lists.
func (a *Analytics) Involved(q Query, reader Reader) ([]string, error) {
	p, err := a.plan(q, &reader)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, g := range p.groups {
		ids = append(ids, sources(g.contract.ID)...)
	}
	return ids, nil
}

// WriteQuery answers a query row by row into out. Nothing has been written when the
// error is a *QueryError or a *ForbiddenError about the query itself.
func (a *Analytics) WriteQuery(ctx context.Context, q Query, reader Reader, position Position, out Encoder) (Tail, error) {
	p, err := a.plan(q, &reader)
	if err != nil {
		return Tail{}, err
	}
	at, tail, err := a.snapshot(ctx, q.AsOf, position)
	if err != nil {
		return Tail{}, err
	}
	if at.touched, err = a.touched(ctx, p, at, position.Memo); err != nil {
		return Tail{}, err
	}
	if !at.asOf {
		at.sizes = a.sizesNow(ctx)
	}
	s, err := a.tables.compile(p, at)
	if err != nil {
		return Tail{}, err
	}
	n := 0
	err = a.stream(ctx, s, p.head(q, reader), out, &tail.Stats, p.limit, len(p.columns), func([]Cell) bool {
		n++
		tail.Truncated = n > p.limit
		return !tail.Truncated
	})
	if err != nil {
		return Tail{}, err
	}
	return tail, out.End(tail)
}

// touched finds out what came after the rollups of a plan's datasets.
func (a *Analytics) touched(ctx context.Context, p *plan, at snapshot, memo *Memo) (map[string]*touched, error) {
	if at.asOf || at.rolled == 0 || at.complete {
		return nil, nil
	}
	if memo == nil {
		memo = &Memo{}
	}
	memo.mu.Lock()
	defer memo.mu.Unlock()
	found := map[string]*touched{}
	for _, g := range p.groups {
		c := g.contract
		if len(a.layer.rollupsOf(c.ID)) == 0 {
			continue
		}
		t := memo.touched[c.ID]
		if t == nil {
			var err error
			if t, err = a.touchedFrom(undated(ctx), a.store.Reader(), c, versionsBefore(at.rolled)); err != nil {
				return nil, explain(err)
			}
			if memo.touched == nil {
				memo.touched = map[string]*touched{}
			}
			memo.touched[c.ID] = t
		}
		found[c.ID] = t
	}
	return found, nil
}

// snapshot maps as_of to the versions that count: those of the last submission received
// by then, and of all before, as far as history has followed.
func (a *Analytics) snapshot(ctx context.Context, asOf string, position Position) (snapshot, Tail, error) {
	if asOf == "" {
		now := position.Moment
		if now.IsZero() {
			now = time.Now()
		}
		now = now.In(shanghai).Truncate(time.Second)
		return snapshot{moment: now, rolled: position.Rolled, complete: position.Rolled >= position.Watermark}, Tail{AsOf: now, Watermark: position.Watermark}, nil
	}
	t, ok := parseTime(asOf)
	if !ok {
		return snapshot{}, Tail{}, invalid("/as_of", fmt.Sprintf("%q 不是 1900 至 2299 年间的日期或时刻", cut(asOf)), fmt.Sprintf("%q is neither a day nor an instant of the years 1900 to 2299", cut(asOf)),
			"写 2025-03-01T00:00:00+08:00", "write 2025-03-01T00:00:00+08:00")
	}
	var sequence uint64
	query := "SELECT max(seq) FROM " + a.tables.submissions() + " WHERE received_at <= fromUnixTimestamp64Milli(?, 'UTC')"
	if err := a.store.Reader().QueryRow(undated(ctx), query, t.UnixMilli()).Scan(&sequence); err != nil {
		return snapshot{}, Tail{}, fmt.Errorf("sequence as of %s: %w", asOf, explain(err))
	}
	sequence = min(sequence, position.HistoryWatermark)
	return snapshot{asOf: true, before: versionsBefore(sequence), moment: t}, Tail{AsOf: t, Watermark: sequence}, nil
}

// boundedAnswer is the most rows that ClickHouse holds back until its query has ended:
// then an error comes before the first row, the query's figures are known, and a slow
// reader keeps no query waiting. More rows are sent as they come, without figures.
const boundedAnswer = 100_000

// stream runs a statement as the reader and hands its rows on. more is asked about each
// row and says whether to write it. Columns of the statement beyond those given are for
// more alone.
//
// A long answer holds a connection for as long as its reader takes, so there are few at once.
func (a *Analytics) stream(ctx context.Context, s *statement, head Head, out Encoder, stats *Stats, limit, width int, more func([]Cell) bool) error {
	ctx, cancel := context.WithCancel(undated(ctx))
	defer cancel()
	var account engine.Stats
	if limit <= boundedAnswer {
		ctx = engine.WithStats(ctx, &account)
	} else {
		select {
		case a.long <- struct{}{}:
			defer func() { <-a.long }()
		default:
			return errBusy(nil, 10)
		}
	}
	rows, err := a.store.Reader().Query(ctx, s.text.String(), s.args...)
	if err != nil {
		return explain(err)
	}
	defer rows.Close()
	if err := out.Begin(head); err != nil {
		return err
	}
	raw := make([]sql.NullString, width)
	targets := make([]any, width)
	for i := range raw {
		targets[i] = &raw[i]
	}
	cells := make([]Cell, width)
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return fmt.Errorf("read a row: %w", err)
		}
		for i, value := range raw {
			cells[i] = Cell{Text: value.String, Null: !value.Valid}
		}
		if !more(cells) {
			continue // the last row; what follows are ClickHouse's figures
		}
		if err := out.Row(cells[:len(head.Columns)]); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return explain(err)
	}
	*stats = Stats{RowsRead: account.ReadRows, ElapsedMS: int64(time.Duration(account.ElapsedNS) / time.Millisecond)}
	return nil
}

// undated is ctx without its deadline, still cancelled with it. clickhouse-go sends a
// deadline to the server as max_execution_time, where it would lift the reader's own
// limit or break its bounds.
func undated(ctx context.Context) context.Context {
	free, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	return free
}
