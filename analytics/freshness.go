package analytics

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zida-hub/zida/schemas"
)

// Freshness is the newest period that an agency's records of a dataset cover.
type Freshness struct {
	Dataset  string
	Agency   string
	Newest   time.Time
	Promised time.Duration // of the contract; 0 for none
}

// recently bounds the first look: the newest period is nearly always among the newest
// records, and the partitions of the years before need not be read for it.
const recently = 60 * 24 * time.Hour

// Freshness looks at every dataset that has a time. asOf is as in queries.
func (a *Analytics) Freshness(ctx context.Context, asOf string, position Position) ([]Freshness, Tail, error) {
	at, tail, err := a.snapshot(ctx, asOf, position)
	if err != nil {
		return nil, Tail{}, err
	}
	var list []Freshness
	for _, c := range a.contracts() {
		if c.Time < 0 || c.Reference {
			continue
		}
		known := len(list)
		if list, err = a.newest(ctx, list, c, at, timeRange{from: at.moment.Add(-max(recently, 2*c.Freshness))}); err != nil {
			return nil, Tail{}, err
		}
		if len(list) == known { // nothing lately: whatever there is
			if list, err = a.newest(ctx, list, c, at, timeRange{}); err != nil {
				return nil, Tail{}, err
			}
		}
	}
	return list, tail, nil
}

func (a *Analytics) newest(ctx context.Context, list []Freshness, c *schemas.Contract, at snapshot, within timeRange) ([]Freshness, error) {
	scope := newRowScope(nil, c)
	end, err := scope.endOfPeriod()
	if err != nil {
		return nil, err
	}
	level := &records{}
	if err := level.addRange(scope, c, within); err != nil {
		return nil, err
	}
	s := &statement{}
	s.add("SELECT toString(_agency), max(" + end + ") FROM ")
	a.tables.stored(s, c, unique(append([]string{"_agency"}, scope.columns...)), at, level.pushed)
	s.where(" WHERE ", level.where)
	s.add(" GROUP BY _agency ORDER BY _agency" + readSettings)
	rows, err := a.store.Reader().Query(undated(ctx), s.text.String(), s.args...)
	if err != nil {
		return nil, explain(err)
	}
	defer rows.Close()
	for rows.Next() {
		f := Freshness{Dataset: c.ID, Promised: c.Freshness}
		var millis int64
		if err := rows.Scan(&f.Agency, &millis); err != nil {
			return nil, fmt.Errorf("freshness of %s: %w", c.ID, err)
		}
		f.Newest = time.UnixMilli(millis)
		list = append(list, f)
	}
	return list, explain(rows.Err())
}

// WriteFreshness answers with what the reader may read of it, the latest against its
// promise first.
func (a *Analytics) WriteFreshness(list []Freshness, tail Tail, reader Reader, out Encoder) error {
	contracts := a.catalogue()
	now := tail.AsOf
	late := func(f Freshness) time.Duration {
		if f.Promised == 0 {
			return -now.Sub(f.Newest) - 1<<50
		}
		return now.Sub(f.Newest) - f.Promised
	}
	list = slices.DeleteFunc(slices.Clone(list), func(f Freshness) bool { return !reader.mayRead(f.Dataset) || contracts[f.Dataset] == nil })
	slices.SortStableFunc(list, func(x, y Freshness) int { return int(min(1, max(-1, late(y)-late(x)))) })
	names := map[string]string{}
	for id, c := range contracts {
		names[id] = reader.either(c.Name, c.NameEN)
	}
	err := out.Begin(Head{Reader: reader, Columns: []Column{
		{Name: "dataset", Type: typeString, Label: reader.either("数据集", "Dataset"), Labels: names},
		{Name: "agency", Type: typeString, Label: reader.either("报送机构", "Agency")},
		{Name: "newest", Type: typeInstant, Label: reader.either("最新数据截止", "Newest period ends"), Definition: reader.either("现行记录所涵盖的最新时段的末尾。", "The end of the newest period that a current record covers.")},
		{Name: "age_hours", Type: typeNumber, Unit: reader.either("小时", "h"), Label: reader.either("距今", "Age")},
		{Name: "promised_hours", Type: typeNumber, Unit: reader.either("小时", "h"), Label: reader.either("契约承诺", "Promised"), Definition: reader.either("数据契约承诺的最长滞后。", "The longest delay that the contract promises.")},
		{Name: "late", Type: typeBoolean, Label: reader.either("迟于承诺", "Late")},
	}})
	if err != nil {
		return err
	}
	hours := func(d time.Duration) Cell {
		return Cell{Text: strconv.FormatFloat(float64(d.Round(6*time.Minute))/float64(time.Hour), 'f', -1, 64)}
	}
	for _, f := range list {
		promised, isLate := Cell{Null: true}, Cell{Null: true}
		if f.Promised > 0 {
			promised, isLate = hours(f.Promised), Cell{Text: strconv.FormatBool(late(f) > 0)}
		}
		cells := []Cell{{Text: f.Dataset}, {Text: f.Agency}, {Text: strconv.FormatInt(f.Newest.UnixMilli(), 10)}, hours(max(0, now.Sub(f.Newest))), promised, isLate}
		if err := out.Row(cells); err != nil {
			return err
		}
	}
	return out.End(tail)
}

// checkFreshness says what a panel of freshness may not say besides.
func (p *Panel) checkFreshness() error {
	if len(p.Metrics)+len(p.Dimensions)+len(p.Filters)+len(p.Order) > 0 || p.Records != nil || p.Grain != none || p.Range != "" || strings.TrimSpace(p.Drill) != "" {
		return errors.New("a panel of freshness asks for nothing else")
	}
	return nil
}
