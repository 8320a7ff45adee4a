package analytics

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Query is a question in the words of the metric layer: the body of POST /v1/query.
type Query struct {
	Metrics    []string `json:"metrics"`
	Dimensions []string `json:"dimensions,omitempty"`
	Time       Time     `json:"time,omitzero"`
	Filters    []Filter `json:"filters,omitempty"`
	Order      []Order  `json:"order,omitempty"`
	Limit      int      `json:"limit,omitempty"`
	AsOf       string   `json:"as_of,omitempty"`   // RFC 3339, or a day: its first instant
	Compare    string   `json:"compare,omitempty"` // previous_period or previous_year
}

// Time is the range asked for, [from, to), and the width of its buckets.
type Time struct {
	From  string `json:"from,omitempty"`
	To    string `json:"to,omitempty"`
	Grain Grain  `json:"grain,omitempty"`
}

// Filter keeps the records whose dimension has one of the values.
type Filter struct {
	Dimension string  `json:"dimension"`
	Op        string  `json:"op"`
	Values    []Value `json:"values"`
}

// Order is one term of the order of rows.
type Order struct {
	By  string `json:"by"`
	Dir string `json:"dir,omitempty"` // asc or desc
}

// Value is a filter's value as written: the text of a JSON string, number or boolean.
type Value string

// UnmarshalJSON takes a string, a number or a boolean.
func (v *Value) UnmarshalJSON(text []byte) error {
	switch text[0] {
	case '"':
		var s string
		if err := json.Unmarshal(text, &s); err != nil {
			return err
		}
		*v = Value(s)
	case '{', '[', 'n':
		return errors.New("a filter's value is a string, a number or a boolean")
	default:
		*v = Value(text)
	}
	return nil
}

// What one query may hold.
const (
	maxQueryBody  = 256 << 10
	maxMetrics    = 20
	maxDimensions = 10
	maxFilters    = 20
	maxValues     = 1000
	maxValueBytes = 1024
	DefaultLimit  = 10_000
	MaxLimit      = 1_000_000
)

// ParseQuery reads the JSON body of POST /v1/query.
func ParseQuery(body []byte) (Query, error) {
	var q Query
	if err := decodeQuestion(body, &q); err != nil {
		return q, err
	}
	return q, q.check()
}

// decodeQuestion reads a question's members, and no others.
func decodeQuestion(body []byte, into any) error {
	if len(body) > maxQueryBody {
		return invalid("", "查询过长", "the query is too long", "不超过 256 KiB", "send at most 256 KiB")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	if err == nil {
		if _, err = decoder.Token(); err == io.EOF {
			return nil
		}
		err = errors.New("text after the query")
	}
	// In words of ours: the library's own name Go types.
	pointer, zh, en := "", "JSON 不完整或有语法错误", "the JSON is cut short or malformed"
	var wrongType *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &wrongType) && wrongType.Field != "":
		pointer = "/" + strings.ReplaceAll(wrongType.Field, ".", "/")
		zh, en = "此处不能是 "+wrongType.Value, "this cannot be "+wrongType.Value
	case errors.As(err, &syntax):
		zh, en = fmt.Sprintf("JSON 在第 %d 字节处有语法错误", syntax.Offset), fmt.Sprintf("the JSON is malformed at byte %d", syntax.Offset)
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		name := strings.Trim(strings.TrimPrefix(err.Error(), "json: unknown field "), `"`)
		zh, en = "没有成员 "+name, "there is no member "+name
	case !strings.HasPrefix(err.Error(), "json: ") && !errors.Is(err, io.ErrUnexpectedEOF):
		zh, en = err.Error(), err.Error() // said by our own Value.UnmarshalJSON
	}
	return invalid(pointer, "查询不是有效的 JSON 查询："+zh, "not a query in JSON: "+en,
		"见 /docs 中的示例", "see the example at /docs")
}

// ParseQueryParameters reads the parameters of GET /v1/query: metrics and dimensions
// (commas between names), from, to, grain, filter=dimension:op:value,value (repeated),
// order=name or -name (commas), limit, as_of and compare.
func ParseQueryParameters(parameters url.Values) (Query, error) {
	var q Query
	for name, values := range parameters {
		if !slices.Contains(queryParameters, name) {
			return q, invalid(name, "未知参数 "+name, "unknown parameter "+name, "可用参数："+strings.Join(queryParameters, "、"), "the parameters are "+strings.Join(queryParameters, ", "))
		}
		if len(values) > 1 && name != "filter" && name != "metrics" && name != "dimensions" && name != "order" {
			return q, invalid(name, "参数 "+name+" 重复", "parameter "+name+" is given twice", "只写一次", "give it once")
		}
	}
	q.Metrics = names(parameters["metrics"])
	q.Dimensions = names(parameters["dimensions"])
	q.Time = Time{From: parameters.Get("from"), To: parameters.Get("to"), Grain: Grain(parameters.Get("grain"))}
	q.AsOf, q.Compare = parameters.Get("as_of"), parameters.Get("compare")
	for _, text := range parameters["filter"] {
		f, err := parseFilter(text)
		if err != nil {
			return q, err
		}
		q.Filters = append(q.Filters, f)
	}
	for _, name := range names(parameters["order"]) {
		o := Order{By: name, Dir: "asc"}
		if rest, ok := strings.CutPrefix(name, "-"); ok {
			o = Order{By: rest, Dir: "desc"}
		}
		q.Order = append(q.Order, o)
	}
	if text := parameters.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n <= 0 {
			return q, invalidLimit("limit")
		}
		q.Limit = n
	}
	return q, q.check()
}

var queryParameters = append([]string{"metrics", "dimensions", "from", "to", "grain", "filter", "order", "limit", "as_of", "compare"}, formParameters...)

func names(values []string) []string {
	var out []string
	for _, value := range values {
		for name := range strings.SplitSeq(value, ",") {
			if name = strings.TrimSpace(name); name != "" {
				out = append(out, name)
			}
		}
	}
	return out
}

// parseFilter reads dimension:op:value,value; a comma inside a value is written "\,".
func parseFilter(text string) (Filter, error) {
	name, rest, ok := strings.Cut(text, ":")
	op, values, ok2 := strings.Cut(rest, ":")
	if !ok || !ok2 && op != "is_null" && op != "not_null" {
		return Filter{}, invalid("filter", fmt.Sprintf("筛选 %q 写法不对", cut(text)), fmt.Sprintf("filter %q is not in the form dimension:op:value", cut(text)),
			"例如 filter=region:in:500111,512021", "write for instance filter=region:in:500111,512021")
	}
	f := Filter{Dimension: name, Op: op}
	if !ok2 {
		return f, nil
	}
	var value strings.Builder
	for i := 0; i < len(values); i++ {
		switch {
		case values[i] == '\\' && i+1 < len(values) && (values[i+1] == ',' || values[i+1] == '\\'):
			i++
			value.WriteByte(values[i])
		case values[i] == ',':
			f.Values = append(f.Values, Value(value.String()))
			value.Reset()
		default:
			value.WriteByte(values[i])
		}
	}
	f.Values = append(f.Values, Value(value.String()))
	return f, nil
}

func invalidLimit(pointer string) error {
	return invalid(pointer, "limit 须为 1 至 1000000 的整数", "limit must be a whole number from 1 to 1000000", "改为该范围内的整数", "give a number in that range")
}

// check holds the query to its bounds and shapes; names are resolved later.
func (q *Query) check() error {
	for _, bound := range []struct {
		pointer string
		n, most int
	}{{"/metrics", len(q.Metrics), maxMetrics}, {"/dimensions", len(q.Dimensions), maxDimensions}, {"/filters", len(q.Filters), maxFilters}, {"/order", len(q.Order), maxMetrics * 3}} {
		if bound.n > bound.most {
			return invalid(bound.pointer, fmt.Sprintf("最多 %d 项", bound.most), fmt.Sprintf("at most %d entries are allowed", bound.most), "拆成几次查询", "split the query")
		}
	}
	if len(q.Metrics) == 0 {
		return invalid("/metrics", "至少写一个指标", "a query needs at least one metric", "GET /v1/metrics 列出全部指标", "GET /v1/metrics lists them")
	}
	if q.Time.Grain != GrainNone && q.Time.Grain.rank() < 0 {
		return invalid("/time/grain", fmt.Sprintf("未知粒度 %q", cut(string(q.Time.Grain))), fmt.Sprintf("unknown grain %q", cut(string(q.Time.Grain))),
			"可用：5min、hour、day、week、month、quarter、year", "use 5min, hour, day, week, month, quarter or year")
	}
	if q.Compare != "" && q.Compare != ComparePreviousPeriod && q.Compare != ComparePreviousYear {
		return invalid("/compare", fmt.Sprintf("未知比较方式 %q", cut(q.Compare)), fmt.Sprintf("unknown comparison %q", cut(q.Compare)),
			"可用：previous_period、previous_year", "use previous_period or previous_year")
	}
	if q.Limit < 0 || q.Limit > MaxLimit {
		return invalidLimit("/limit")
	}
	for i, o := range q.Order {
		if o.Dir != "" && o.Dir != "asc" && o.Dir != "desc" {
			return invalid(fmt.Sprintf("/order/%d/dir", i), fmt.Sprintf("未知次序 %q", cut(o.Dir)), fmt.Sprintf("unknown direction %q", cut(o.Dir)), "写 asc 或 desc", "write asc or desc")
		}
	}
	return nil
}

// cut shortens a text that goes into a message.
func cut(text string) string {
	const most = 60
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
