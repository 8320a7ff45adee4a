package analytics

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zida-hub/zida/schemas"
)

// Quality is how well an agency keeps one dataset, over a window of arrival.
type Quality struct {
	Dataset string `json:"dataset"`
	Agency  string `json:"agency"`
	// Freshness: the end of the newest period that a current record covers, its age at
	// the moment asked for, what the contract promises, and whether that is kept.
	Newest       *time.Time `json:"newest"`
	AgeHours     *float64   `json:"age_hours"`
	PromisedHour *float64   `json:"promised_hours"`
	Fresh        *bool      `json:"fresh"`
	Records      uint64     `json:"records"` // current ones
	// Completeness is the share of optional fields that current records fill in.
	Completeness *float64           `json:"completeness"`
	Fields       map[string]float64 `json:"fields"` // the same for each optional field
	// Of what was received in the window:
	Submissions   uint64   `json:"submissions"`
	Received      uint64   `json:"received"`
	Rejected      uint64   `json:"rejected"` // by partial pushes; what an atomic push was refused for is not kept
	RejectedShare *float64 `json:"rejected_share"`
	Duplicates    uint64   `json:"duplicates"` // rows whose key came again in the same submission
	DuplicateRate *float64 `json:"duplicate_share"`
	Retractions   uint64   `json:"retractions"`
	New           uint64   `json:"new"`     // records that were there for the first time
	Revised       uint64   `json:"revised"` // records that came again
	Late          uint64   `json:"late"`    // new ones that came later than the contract promises
	LateShare     *float64 `json:"late_share"`
}

// Quality measures every dataset that the reader may read, or one of them.
func (a *Analytics) Quality(ctx context.Context, dataset string, from, now time.Time, reader Reader) ([]Quality, error) {
	contracts := a.catalogue()
	if dataset != "" && (contracts[dataset] == nil || dataset == bookingID) {
		return nil, &QueryError{
			Problem: ProblemUnknownDataset, Pointer: "dataset", Message: fmt.Sprintf("没有数据集 %q", cut(dataset)), MessageEN: fmt.Sprintf("there is no dataset %q", cut(dataset)),
			Remedy: "GET /v1/datasets 列出全部数据集", FixEN: "GET /v1/datasets lists them",
		}
	}
	sent, err := a.sent(ctx, from)
	if err != nil {
		return nil, err
	}
	var list []Quality
	for _, c := range a.contracts() {
		if dataset != "" && c.ID != dataset || !reader.mayRead(c.ID) {
			continue
		}
		kept, err := a.kept(ctx, c, now)
		if err != nil {
			return nil, err
		}
		came, err := a.came(ctx, c, from)
		if err != nil {
			return nil, err
		}
		agencies := map[string]bool{}
		for _, by := range []map[string]*Quality{kept, came, sent[c.ID]} {
			for agency := range by {
				agencies[agency] = true
			}
		}
		for agency := range agencies {
			q := Quality{Dataset: c.ID, Agency: agency, Fields: map[string]float64{}}
			if c.Freshness > 0 {
				hours := c.Freshness.Hours()
				q.PromisedHour = &hours
			}
			q.merge(kept[agency], came[agency], sent[c.ID][agency])
			list = append(list, q)
		}
	}
	slices.SortFunc(list, func(a, b Quality) int {
		return cmp.Or(cmp.Compare(a.Dataset, b.Dataset), cmp.Compare(a.Agency, b.Agency))
	})
	return list, nil
}

func (q *Quality) merge(kept, came, sent *Quality) {
	if kept != nil {
		q.Newest, q.AgeHours, q.Records, q.Completeness, q.Fields = kept.Newest, kept.AgeHours, kept.Records, kept.Completeness, kept.Fields
		if q.AgeHours != nil && q.PromisedHour != nil {
			fresh := *q.AgeHours <= *q.PromisedHour
			q.Fresh = &fresh
		}
	}
	if came != nil {
		q.New, q.Revised, q.Late = came.New, came.Revised, came.Late
		if q.PromisedHour != nil {
			q.LateShare = share(q.Late, q.New)
		}
	}
	if sent != nil {
		q.Submissions, q.Received, q.Rejected, q.Duplicates, q.Retractions = sent.Submissions, sent.Received, sent.Rejected, sent.Duplicates, sent.Retractions
		q.RejectedShare, q.DuplicateRate = share(q.Rejected, q.Received), share(q.Duplicates, q.Received)
	}
}

// share is nil where there is nothing to have a share of.
func share(part, whole uint64) *float64 {
	if whole == 0 {
		return nil
	}
	s := float64(part) / float64(whole)
	return &s
}

// sent is what the submissions of the window say, by dataset and agency.
func (a *Analytics) sent(ctx context.Context, from time.Time) (map[string]map[string]*Quality, error) {
	s := &statement{}
	s.add("SELECT toString(dataset), toString(agency), countIf(kind = 'push'), sumIf(received, kind = 'push'), sumIf(rejected, kind = 'push'), sumIf(superseded, kind = 'push'), sumIf(accepted, kind != 'push') FROM "+
		a.tables.submissions()+" FINAL WHERE received_at >= fromUnixTimestamp64Milli(?, 'UTC') GROUP BY dataset, agency", from.UnixMilli())
	rows, err := a.store.Reader().Query(undated(ctx), s.text.String(), s.args...)
	if err != nil {
		return nil, explain(err)
	}
	defer rows.Close()
	out := map[string]map[string]*Quality{}
	for rows.Next() {
		var dataset, agency string
		q := &Quality{}
		if err := rows.Scan(&dataset, &agency, &q.Submissions, &q.Received, &q.Rejected, &q.Duplicates, &q.Retractions); err != nil {
			return nil, fmt.Errorf("quality: %w", err)
		}
		if out[dataset] == nil {
			out[dataset] = map[string]*Quality{}
		}
		out[dataset][agency] = q
	}
	return out, explain(rows.Err())
}

// kept is what the current records say, by agency.
func (a *Analytics) kept(ctx context.Context, c *schemas.Contract, now time.Time) (map[string]*Quality, error) {
	var optional []string
	columns := []string{"_agency"}
	for i := range c.Properties {
		if p := &c.Properties[i]; p.KeyPosition == 0 && !p.Required && p.Default == "" && i != c.Region {
			optional = append(optional, p.Name)
			columns = append(columns, p.Name)
		}
	}
	newest := "toInt64(0)"
	if c.Time >= 0 {
		scope := newRowScope(nil, c)
		end, err := scope.endOfPeriod()
		if err != nil {
			return nil, err
		}
		columns = append(columns, scope.columns...)
		newest = "max(" + end + ")"
	}
	counts := make([]string, len(optional))
	for i, name := range optional {
		counts[i] = "count(" + quote(name) + ")"
	}
	s := &statement{}
	s.add("SELECT toString(_agency), count(), " + newest + ", [" + strings.Join(append(counts, "toUInt64(0)"), ", ") + "] FROM ")
	a.tables.stored(s, c, unique(columns), snapshot{}, nil)
	s.add(" GROUP BY _agency" + readSettings)
	rows, err := a.store.Reader().Query(undated(ctx), s.text.String(), s.args...)
	if err != nil {
		return nil, explain(err)
	}
	defer rows.Close()
	out := map[string]*Quality{}
	for rows.Next() {
		var agency string
		var end int64
		var filled []uint64
		q := &Quality{Fields: map[string]float64{}}
		if err := rows.Scan(&agency, &q.Records, &end, &filled); err != nil {
			return nil, fmt.Errorf("quality of %s: %w", c.ID, err)
		}
		if c.Time >= 0 {
			at := time.UnixMilli(end).In(shanghai)
			age := max(0, now.Sub(at).Hours())
			q.Newest, q.AgeHours = &at, &age
		}
		sum := uint64(0)
		for i, name := range optional {
			q.Fields[name] = float64(filled[i]) / float64(q.Records)
			sum += filled[i]
		}
		q.Completeness = share(sum, q.Records*uint64(len(optional)))
		out[agency] = q
	}
	return out, explain(rows.Err())
}

// came is what was received in the window: new, revised, late, by agency.
func (a *Analytics) came(ctx context.Context, c *schemas.Contract, from time.Time) (map[string]*Quality, error) {
	var key []string
	for _, i := range c.Key {
		key = append(key, c.Properties[i].Name)
	}
	late := "0"
	if c.Time >= 0 && c.Freshness > 0 {
		scope := newRowScope(nil, c)
		end, err := scope.endOfPeriod()
		if err != nil {
			return nil, err
		}
		late = "argMin(toUnixTimestamp64Milli(_received_at) - " + end + " > " + strconv.FormatInt(c.Freshness.Milliseconds(), 10) + ", _version)"
	}
	keys := quoteAll(key)
	s := &statement{}
	s.add("SELECT _who, countIf(_first), countIf(_again), countIf(_first AND _behind) FROM (SELECT toString(argMax(_agency, _version)) AS _who, min(_received_at) >= fromUnixTimestamp64Milli(?, 'UTC') AS _first, countIf(_received_at >= fromUnixTimestamp64Milli(?, 'UTC') AND _deleted = 0) > if(_first, 1, 0) AS _again, "+
		late+" AS _behind, argMin(_deleted, _version) AS _gone FROM "+a.tables.history(c.ID)+" FINAL WHERE ("+keys+") "+a.tables.global()+"IN (SELECT "+keys+" FROM "+a.tables.history(c.ID)+
		" WHERE _received_at >= fromUnixTimestamp64Milli(?, 'UTC') AND _deleted = 0) GROUP BY "+keys+") WHERE _gone = 0 GROUP BY _who"+readSettings, from.UnixMilli(), from.UnixMilli(), from.UnixMilli())
	rows, err := a.store.Reader().Query(undated(ctx), s.text.String(), s.args...)
	if err != nil {
		return nil, explain(err)
	}
	defer rows.Close()
	out := map[string]*Quality{}
	for rows.Next() {
		var agency string
		q := &Quality{}
		if err := rows.Scan(&agency, &q.New, &q.Revised, &q.Late); err != nil {
			return nil, fmt.Errorf("quality of %s: %w", c.ID, err)
		}
		out[agency] = q
	}
	return out, explain(rows.Err())
}

// endOfPeriod is when the period that a record is of has ended, in milliseconds since
// 1970: of an instant with an interval in minutes the interval's end, of a day or a
// period the first instant after it.
func (s *rowScope) endOfPeriod() (string, error) {
	p := &s.contract.Properties[s.contract.Time]
	column, err := s.column(p.Name)
	if err != nil {
		return "", err
	}
	switch p.Type {
	case schemas.TypeTimestamp:
		end := "toUnixTimestamp64Milli(" + column + ")"
		if minutes, ok := property(s.contract, "interval_minutes"); ok {
			interval, err := s.column(minutes.Name)
			if err != nil {
				return "", err
			}
			end += " + ifNull(" + interval + ", 0) * 60000"
		}
		return "toInt64(" + end + ")", nil
	case schemas.TypeDate:
		return "(toInt64(toInt32(" + column + ")) + 1) * 86400000 - 28800000", nil
	}
	return "toInt64(toInt32(toDate32(" + periodEnd(column) + "))) * 86400000 - 28800000", nil
}

func unique(names []string) []string {
	var out []string
	seen := map[string]bool{}
	for _, name := range names {
		if !seen[name] {
			seen[name] = true
			out = append(out, name)
		}
	}
	return out
}
