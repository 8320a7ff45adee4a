package analytics

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/zida-hub/zida/schemas"
)

// Column describes a column of an answer.
type Column struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Unit  string `json:"unit"`
	Label string `json:"label"`

	// Masked says that the values are above the reader's clearance, and come as null.
	Masked bool `json:"masked,omitempty"`

	Precision  int    `json:"-"` // digits of a decimal, Scale of them behind the point
	Scale      int    `json:"scale,omitempty"`
	Definition string `json:"definition,omitempty"` // what is counted, in the reader's language

	// What values stand for, of a dimension or a record's property: labels in the reader's
	// language by value, and the reference list whose entries name the values.
	Labels   map[string]string `json:"labels,omitempty"`
	CodeList string            `json:"code_list,omitempty"`

	// Dataset and Classification are those of a metric, or of a record's property.
	Dataset        string `json:"dataset,omitempty"`
	Classification string `json:"classification,omitempty"`
}

// heading is a column as people call it: label and unit.
func (c *Column) heading(english bool) string {
	label := c.Label
	if label == "" {
		label = c.Name
	}
	switch {
	case c.Unit == "":
		return label
	case english:
		return label + " (" + c.Unit + ")"
	}
	return label + "（" + c.Unit + "）"
}

// tell says what the column's values stand for, besides what is said already: where one
// column is of several datasets, the first that has a label for a value gives it.
func (c *Column) tell(p *schemas.Property, codes string, reader *Reader) {
	if c.CodeList == "" {
		c.CodeList = codes
	}
	if c.Labels == nil && len(p.ValueLabels) > 0 {
		c.Labels = make(map[string]string, len(p.ValueLabels))
	}
	for i := range p.ValueLabels {
		l := &p.ValueLabels[i]
		if c.Labels[l.Value] == "" {
			c.Labels[l.Value] = reader.either(l.Label, l.LabelEN)
		}
	}
}

// Head is what an answer is before its rows: its columns, and the question, for the
// formats that carry it along.
type Head struct {
	Columns []Column
	Dataset string   // of a read of records
	Metrics []string // of a query
	Request any      // the question as it was put, in JSON
	Filters []Filter
	Notes   []Note // the question in words
	Reader  Reader
}

// Note is one line about an answer, in the reader's language.
type Note struct{ Label, Value string }

// either picks the language.
func (r *Reader) either(zh, en string) string {
	if r.English && en != "" {
		return en
	}
	return zh
}

// note adds a line, unless there is nothing to say.
func (h *Head) note(zh, en, value string) {
	if value != "" {
		h.Notes = append(h.Notes, Note{h.Reader.either(zh, en), value})
	}
}

// noteTime says which part of the event time was asked for.
func (h *Head) noteTime(from, to string) {
	h.note("时间起（含）", "From (inclusive)", from)
	h.note("时间止（不含）", "To (exclusive)", to)
}

// operators are a filter's words for people.
var operators = map[string][2]string{
	"eq": {"等于", "is"}, "ne": {"不等于", "is not"}, "gt": {"大于", "above"}, "gte": {"不小于", "at least"},
	"lt": {"小于", "below"}, "lte": {"不大于", "at most"}, "in": {"属于", "is one of"}, "not_in": {"不属于", "is none of"},
	"starts_with": {"开头为", "begins with"}, "is_null": {"为空", "is empty"}, "not_null": {"不为空", "is not empty"},
}

// noteFilters writes each filter on a line; label finds what a filter's field is called.
func (h *Head) noteFilters(filters []Filter, label func(i int) string) {
	h.Filters = filters
	var lines []string
	for i := range filters {
		f := &filters[i]
		values := make([]string, len(f.Values))
		for n, value := range f.Values {
			values[n] = string(value)
		}
		words := operators[f.Op]
		line := label(i) + " " + h.Reader.either(words[0], words[1]) + " " + strings.Join(values, h.Reader.either("、", ", "))
		lines = append(lines, strings.TrimSpace(line))
	}
	if len(lines) == 0 {
		lines = []string{h.Reader.either("无", "none")}
	}
	h.note("筛选", "Filters", strings.Join(lines, "\n"))
}

// about is everything that is said of an answer beside its rows, in words.
func (h *Head) about(tail Tail, now time.Time) []Note {
	all := Head{Reader: h.Reader}
	all.note("数据集", "Dataset", h.Dataset)
	all.note("指标", "Metrics", strings.Join(h.Metrics, h.Reader.either("、", ", ")))
	all.note("数据时点", "As of", instantText(tail.AsOf))
	all.note("水位（该序号及以前的提交全部计入）", "Watermark (every submission up to it is included)", strconv.FormatUint(tail.Watermark, 10))
	all.Notes = append(all.Notes, h.Notes...)
	if tail.Truncated || tail.NextCursor != "" {
		all.note("不完整", "Incomplete", h.Reader.either("已达行数上限，其后的行未导出", "the limit of rows was reached; what follows was left out"))
	}
	all.note("导出者", "Exported by", h.Reader.Name)
	all.note("导出时间", "Exported at", instantText(now))
	return all.Notes
}

// metadata is the same for programs.
func (h *Head) metadata(tail Tail, now time.Time) (map[string]string, error) {
	filters := h.Filters
	if filters == nil {
		filters = []Filter{}
	}
	all := map[string]string{
		"as_of": instantText(tail.AsOf), "watermark": strconv.FormatUint(tail.Watermark, 10), "truncated": strconv.FormatBool(tail.Truncated || tail.NextCursor != ""),
		"exported_at": instantText(now), "exported_by": h.Reader.Name,
	}
	if h.Dataset != "" {
		all["dataset"] = h.Dataset
	}
	if len(h.Metrics) > 0 {
		all["metrics"] = strings.Join(h.Metrics, ",")
	}
	for name, value := range map[string]any{"request": h.Request, "filters": filters, "columns": h.Columns} {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		all[name] = string(text)
	}
	return all, nil
}

func instantText(t time.Time) string { return t.In(shanghai).Format(time.RFC3339) }
