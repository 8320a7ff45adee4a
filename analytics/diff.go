package analytics

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/zida-hub/zida/schemas"
)

// DiffQuery asks what changed in a dataset between two moments: GET
// /v1/datasets/{id}/diff. Each is read as as_of is.
type DiffQuery struct {
	Dataset  string
	From, To string // To "": now
	Filters  []Filter
	Limit    int
	Cursor   string
}

// What a key's record did between the two moments.
const (
	changeAdded     = "added"
	changeRevised   = "revised"
	changeRetracted = "retracted"
)

// ParseDiffParameters reads the parameters of GET /v1/datasets/{id}/diff; those with
// other names filter by the key's properties.
func ParseDiffParameters(dataset string, parameters url.Values) (DiffQuery, error) {
	records := url.Values{}
	for name, values := range parameters {
		if name == "limit" && slices.Contains(values, "all") {
			return DiffQuery{}, invalid("limit", "limit 须为 1 至 1000000 的整数", "limit is a whole number from 1 to 1000000", "分页读取（cursor）", "read page by page (cursor)")
		}
		if name == "as_of" || name == "history" || name == "fields" {
			return DiffQuery{}, invalid(name, "diff 没有参数 "+name, "diff has no parameter "+name, "用 from 与 to 指定两个时刻", "name the two moments by from and to")
		}
		records[name] = values
	}
	q, err := ParseRecordsParameters(dataset, records)
	if err == nil && q.From == "" {
		err = invalid("from", "缺少 from", "from is missing", "写明 from=2025-03-01，to 可省略（至今）", "give from=2025-03-01; without to it is until now")
	}
	return DiffQuery{Dataset: q.Dataset, From: q.From, To: q.To, Filters: q.Filters, Limit: q.Limit, Cursor: q.Cursor}, err
}

// WriteDiff writes one page of the keys whose record is another, or is there no more or
// only now, with its values before and after, in the order of the last change. A record
// that was pushed again with equal values has not changed.
func (a *Analytics) WriteDiff(ctx context.Context, q DiffQuery, reader Reader, position Position, out Encoder) (Tail, error) {
	base := RecordsQuery{Dataset: q.Dataset, Filters: q.Filters, Limit: q.Limit, AsOf: q.From + " " + q.To, History: true}
	p, err := a.planRecords(base, &reader)
	if err != nil {
		return Tail{}, err
	}
	if len(p.where) > 0 {
		return Tail{}, invalid("filter", "diff 只能按主键字段筛选", "a diff is filtered by properties of the key only", "去掉其他筛选条件", "leave the other filters out")
	}
	from, _, err := a.snapshot(ctx, q.From, position)
	if err != nil {
		return Tail{}, of("from", err)
	}
	to, tail, err := a.snapshot(ctx, q.To, Position{Watermark: position.HistoryWatermark, HistoryWatermark: position.HistoryWatermark})
	if err != nil {
		return Tail{}, of("to", err)
	}
	if !to.asOf {
		to.before = versionsBefore(position.HistoryWatermark)
	}
	if from.before > to.before {
		return Tail{}, invalid("from", "from 晚于 to", "from is later than to", "对调两个时刻", "turn the two round")
	}
	// Who goes on from the answer's moment must miss nothing: it is that of the last
	// submission that the answer knows of, not that of the question.
	if err := a.store.Reader().QueryRow(undated(ctx), "SELECT max(received_at) FROM "+a.tables.submissions()+" WHERE seq <= ?", to.before>>sequenceBits-1).Scan(&tail.AsOf); err != nil {
		return Tail{}, fmt.Errorf("moment of the watermark: %w", explain(err))
	}
	// The cursor belongs to the state at to.
	p.at = snapshot{asOf: true, before: to.before}
	if err := p.resume(q.Cursor, &tail); err != nil {
		return Tail{}, err
	}
	s, columns := a.tables.compileDiff(p, &reader, from.before, p.at.before)
	head := Head{Columns: columns, Dataset: q.Dataset, Request: q, Reader: reader}
	head.note("名称", "Name", reader.either(p.contract.Name, p.contract.NameEN))
	head.note("之前", "Before", q.From)
	head.note("之后", "After", q.To)
	head.noteFilters(q.Filters, func(i int) string { return p.filterLabels[i] })
	if err := a.stream(ctx, s, head, out, &tail.Stats, p.limit, len(columns)+1, p.page(&tail)); err != nil {
		return Tail{}, err
	}
	return tail, out.End(tail)
}

// of names the parameter that a moment came in.
func of(parameter string, err error) error {
	var wrong *QueryError
	if errors.As(err, &wrong) && wrong.Pointer == "/as_of" {
		wrong.Pointer = parameter
	}
	return err
}

// compileDiff writes the page as one SELECT over history; its last column is the version
// of the last change.
func (t tables) compileDiff(p *recordsPlan, reader *Reader, from, to uint64) (*statement, []Column) {
	c := p.contract
	label := func(zh, en string) string {
		if reader.English {
			return en
		}
		return zh
	}
	columns := []Column{{Name: "change", Type: typeString, Label: label("变化", "Change")}}
	// What stands before and after: -1 where there was no record.
	selects := []string{"CAST(multiIf(_was AND _is, '" + changeRevised + "', _is, '" + changeAdded + "', '" + changeRetracted + "'), 'Nullable(String)')"}
	var keys, values []string
	for _, i := range c.Key {
		keys = append(keys, c.Properties[i].Name)
	}
	show := func(prop *schemas.Property, name, expression, when, suffix string) {
		column := Column{Name: name, Type: kindOf(prop), Unit: prop.Unit, Label: label(prop.Label, prop.LabelEN) + suffix, Precision: prop.Precision, Scale: prop.Scale}
		column.tell(prop, c.CodesOf(prop), reader)
		columns = append(columns, column)
		if prop.Classification > reader.Clearance {
			selects = append(selects, "CAST(NULL, 'Nullable(String)')")
			return
		}
		shown := text(expression, column.Type, prop.Scale)
		if when != "" {
			shown = "if(" + when + ", " + shown + ", NULL)"
		}
		selects = append(selects, shown)
	}
	for _, i := range c.Key {
		show(&c.Properties[i], c.Properties[i].Name, quote(c.Properties[i].Name), "", "")
	}
	for i := range c.Properties {
		if prop := &c.Properties[i]; prop.KeyPosition == 0 {
			values = append(values, prop.Name)
			element := ", " + itoa(len(values)) + ")"
			show(prop, prop.Name+"_before", "tupleElement(_before"+element, "_was", label("（之前）", " before"))
			show(prop, prop.Name+"_after", "tupleElement(_after"+element, "_is", label("（之后）", " after"))
		}
	}
	for _, f := range lineageFields {
		if f.Name == "_agency" || f.Name == "_submission" || f.Name == "_received_at" {
			columns = append(columns, f.Column)
			element := map[string]string{"_agency": "_agent", "_received_at": "_at", "_submission": "concat(toString(bitShiftRight(_last, 24)), '-', toString(_sub))"}[f.Name]
			selects = append(selects, text(element, f.Type, 0))
		}
	}
	tuple := "tuple(" + quoteAll(append(values, "_deleted")) + ")"
	gone := itoa(len(values) + 1)
	s := &statement{}
	s.add("SELECT " + strings.Join(selects, ", ") + ", CAST(toString(_last), 'Nullable(String)') FROM (SELECT " + quoteAll(keys) +
		", argMaxIf(" + tuple + ", _version, _version < " + strconv.FormatUint(from, 10) + ") AS _before, countIf(_version < " + strconv.FormatUint(from, 10) + ") > 0 AND tupleElement(_before, " + gone + ") = 0 AS _was" +
		", argMax(" + tuple + ", _version) AS _after, tupleElement(_after, " + gone + ") = 0 AS _is" +
		", max(_version) AS _last, argMax(_agency, _version) AS _agent, argMax(_submission, _version) AS _sub, argMax(_received_at, _version) AS _at FROM " + t.history(c.ID) + " FINAL")
	s.add(" WHERE _version < ?", to)
	s.where(" AND ", p.pushed)
	s.add(" AND ("+quoteAll(keys)+") "+t.global()+"IN (SELECT "+quoteAll(keys)+" FROM "+t.history(c.ID)+" WHERE _version >= ? AND _version < ?", from, to)
	s.where(" AND ", p.pushed)
	s.add(") GROUP BY " + quoteAll(keys) + ") WHERE (_was OR _is) AND NOT (_was AND _is AND toString(_before) = toString(_after))")
	s.add(" AND _last > ?", p.after)
	s.add(" ORDER BY _last LIMIT ?", int64(p.limit)+1)
	s.add(readSettings)
	return s, columns
}
