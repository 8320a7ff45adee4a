package analytics

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// The problems this package answers with, names of the catalogue in schemas.
const (
	ProblemInvalid          = "query-invalid"
	ProblemUnknownMetric    = "unknown-metric"
	ProblemUnknownDimension = "unknown-dimension"
	ProblemUnknownField     = "unknown-field"
	ProblemUnknownDataset   = "unknown-dataset"
	ProblemCursor           = "cursor-invalid"
	ProblemTooExpensive     = "query-too-expensive"
	ProblemBusy             = "overloaded"
	ProblemExportTooLarge   = "export-too-large"
	problemField            = "field-not-readable"
	problemScope            = "missing-scope"
)

// QueryError is a question that cannot be answered as it was put. Its texts are for people.
type QueryError struct {
	Problem           string // a name of the problem catalogue
	Pointer           string // JSON Pointer (RFC 6901) into the query, or the parameter's name
	Message, Remedy   string // Chinese
	MessageEN, FixEN  string // English
	underlying        error
	RetryAfterSeconds int // 0: asking again will not help
}

func (e *QueryError) Error() string {
	text := e.MessageEN
	if e.Pointer != "" {
		text = e.Pointer + ": " + text
	}
	if e.FixEN != "" {
		text += "; " + e.FixEN
	}
	return text
}

func (e *QueryError) Unwrap() error { return e.underlying }

// In returns message and remedy in "en", or in Chinese for every other language.
func (e *QueryError) In(lang string) (message, remedy string) {
	if lang == "en" {
		return e.MessageEN, e.FixEN
	}
	return e.Message, e.Remedy
}

// ForbiddenError is a question by or about what the reader may not see.
type ForbiddenError struct {
	Field   string // the property, "" when it is the whole dataset
	Dataset string
}

// Problem is a name of the problem catalogue.
func (e *ForbiddenError) Problem() string {
	if e.Field == "" {
		return problemScope
	}
	return problemField
}

func (e *ForbiddenError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("dataset %s: the token's scope does not include read:%s", e.Dataset, e.Dataset)
	}
	return fmt.Sprintf("field %s of %s is classified above the reader's clearance; it cannot be filtered, grouped or ordered by", e.Field, e.Dataset)
}

// invalid makes the error of a query that says something it cannot mean.
func invalid(pointer, zh, en, remedyZH, remedyEN string) *QueryError {
	return &QueryError{Problem: ProblemInvalid, Pointer: pointer, Message: zh, MessageEN: en, Remedy: remedyZH, FixEN: remedyEN}
}

// unknownMetric names the metric that was probably meant.
func unknownMetric(pointer, name string, l *layer) error {
	var known []string
	for _, m := range l.metrics {
		known = append(known, m.Name)
	}
	e := &QueryError{
		Problem: ProblemUnknownMetric, Pointer: pointer, Message: fmt.Sprintf("没有指标 %q", cut(name)), MessageEN: fmt.Sprintf("there is no metric %q", cut(name)),
		Remedy: "GET /v1/metrics 列出全部指标", FixEN: "GET /v1/metrics lists them",
	}
	return e.suggest(name, known)
}

// unknownDimension names the dimension that was probably meant.
func unknownDimension(pointer, name, dataset string, dimensions []*dimension) error {
	var known []string
	for _, d := range dimensions {
		known = append(known, d.name)
	}
	e := &QueryError{
		Problem: ProblemUnknownDimension, Pointer: pointer, Message: fmt.Sprintf("数据集 %s 没有维度 %q", dataset, cut(name)), MessageEN: fmt.Sprintf("dataset %s has no dimension %q", dataset, cut(name)),
		Remedy: "可用：" + strings.Join(known, "、"), FixEN: "use one of " + strings.Join(known, ", "),
	}
	return e.suggest(name, known)
}

// suggest puts the nearest known name before the remedy, where one is near.
func (e *QueryError) suggest(name string, known []string) error {
	best, least := "", len(name)/3+2
	for _, candidate := range known {
		if d := distance(name, candidate, least); d < least {
			best, least = candidate, d
		}
	}
	if best != "" {
		e.Remedy = "是否指 " + best + "？" + e.Remedy
		e.FixEN = "did you mean " + best + "? " + e.FixEN
	}
	return e
}

// distance is the number of edits from a to b (Levenshtein), or limit when it is at least that.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(b)], limit)
}

// ClickHouse's own numbers for a query that ran into a limit (ErrorCodes.cpp).
var limitCodes = map[int32]string{
	158: ProblemTooExpensive, // TOO_MANY_ROWS
	159: ProblemTooExpensive, // TIMEOUT_EXCEEDED
	160: ProblemTooExpensive, // TOO_SLOW
	191: ProblemTooExpensive, // SET_SIZE_LIMIT_EXCEEDED
	202: ProblemBusy,         // TOO_MANY_SIMULTANEOUS_QUERIES
	241: ProblemTooExpensive, // MEMORY_LIMIT_EXCEEDED
	307: ProblemTooExpensive, // TOO_MANY_BYTES
	396: ProblemTooExpensive, // TOO_MANY_ROWS_OR_BYTES
}

// explain turns ClickHouse's refusal by a reader's limit into an answer for people;
// every other error stays what it is.
func explain(err error) error {
	var exception *clickhouse.Exception
	problem := ""
	switch {
	case errors.As(err, &exception):
		problem = limitCodes[exception.Code]
	case errors.Is(err, clickhouse.ErrAcquireConnTimeout):
		problem = ProblemBusy
	}
	switch problem {
	case ProblemTooExpensive:
		return &QueryError{
			Problem: problem, underlying: err,
			Message: "查询超过了读取者的时间、内存或行数上限", MessageEN: "the query went over a reader's limit of time, memory or rows",
			Remedy: "缩短时间范围、增加筛选或使用更粗的粒度", FixEN: "ask for a shorter time, add a filter or take a coarser grain",
		}
	case ProblemBusy:
		return errBusy(err, 1)
	}
	return err
}

func errBusy(underlying error, seconds int) error {
	return &QueryError{
		Problem: ProblemBusy, underlying: underlying, RetryAfterSeconds: seconds,
		Message: "同时进行的查询过多", MessageEN: "too many queries run at once",
		Remedy: "稍后重试", FixEN: "try again shortly",
	}
}
