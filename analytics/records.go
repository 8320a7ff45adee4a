package analytics

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/zida-hub/zida/schemas"
)

// RecordsQuery asks for a dataset's records: GET /v1/datasets/{id}/records.
type RecordsQuery struct {
	Dataset string   `json:"dataset"`
	Fields  []string `json:"fields,omitempty"`  // properties and lineage fields; empty: all properties, with History lineage too
	Filters []Filter `json:"filters,omitempty"` // on properties and lineage fields
	From    string   `json:"from,omitempty"`    // of the event time, as in Query
	To      string   `json:"to,omitempty"`
	AsOf    string   `json:"as_of,omitempty"`
	History bool     `json:"history,omitempty"` // every version ever accepted, retractions included
	Limit   int      `json:"limit,omitempty"`
	// All asks for every record at once, in no certain order, in place of a page by version.
	All    bool   `json:"all,omitempty"`
	Cursor string `json:"cursor,omitempty"`
}

// What one page of records may hold.
const (
	DefaultRecords = 1000
	MaxRecords     = 1_000_000
)

// lineageField is a field that follows from the submission and not from the record.
type lineageField struct {
	Column
	labelEN string
	sql     string
	columns []string // that sql reads
}

// submissionText is a submission's name, as its receipt has it.
const submissionText = "concat(toString(bitShiftRight(_version, 24)), '-', toString(_submission))"

// lineageFields are what every record carries beside its properties.
var lineageFields = []lineageField{
	{Column{Name: "_version", Type: typeInteger, Label: "版本"}, "Version", "_version", []string{"_version"}},
	{Column{Name: "_deleted", Type: typeBoolean, Label: "已撤回"}, "Retracted", "(_deleted = 1)", []string{"_deleted"}},
	{Column{Name: "_agency", Type: typeString, Label: "报送机构"}, "Agency", "_agency", []string{"_agency"}},
	{Column{Name: "_client", Type: typeString, Label: "客户端"}, "Client", "_client", []string{"_client"}},
	{Column{Name: "_submission", Type: typeString, Label: "提交编号"}, "Submission", submissionText, []string{"_version", "_submission"}},
	{Column{Name: "_row", Type: typeInteger, Label: "记录序号"}, "Record number", "_row", []string{"_row"}},
	{Column{Name: "_received_at", Type: typeInstant, Label: "接收时刻"}, "Received at", "_received_at", []string{"_received_at"}},
}

// recordsPlan is a RecordsQuery with names resolved.
type recordsPlan struct {
	contract *schemas.Contract
	columns  []Column
	selects  []string // one for each column
	reads    []string // table columns
	pushed   []condition
	where    []condition
	history  bool
	all      bool
	limit    int
	after    uint64 // versions up to it have been given
	at       snapshot
	print    uint32 // of everything but limit and cursor

	filterLabels []string
}

// WriteRecords writes one page of records, ordered by version, and returns the cursor of
// the next in the tail. A record that is revised while a reader pages through moves to a
// higher version, so it may come twice and is never missed. With q.All it writes all of
// them by one SELECT, which ClickHouse answers from one set of parts as it reads: each
// once, of one state, and in as little memory as a page.
func (a *Analytics) WriteRecords(ctx context.Context, q RecordsQuery, reader Reader, position Position, out Encoder) (Tail, error) {
	p, err := a.planRecords(q, &reader)
	if err != nil {
		return Tail{}, err
	}
	if q.History {
		position.Watermark = min(position.Watermark, position.HistoryWatermark)
	}
	var tail Tail
	if p.at, tail, err = a.snapshot(ctx, q.AsOf, position); err != nil {
		return Tail{}, err
	}
	if err := p.resume(q.Cursor, &tail); err != nil {
		return Tail{}, err
	}
	if err := a.checkRows(ctx, p, out); err != nil {
		return Tail{}, err
	}
	if q.All {
		ctx = clickhouse.Context(ctx, clickhouse.WithSettings(a.store.ExportSettings()))
	}
	s := a.tables.compileRecords(p)
	if err := a.stream(ctx, s, p.head(q, reader), out, &tail.Stats, p.limit, len(p.columns)+1, p.page(&tail)); err != nil {
		return Tail{}, err
	}
	return tail, out.End(tail)
}

// page lets a page's rows through, whose last cell is the version, and leaves the next
// page's cursor behind.
func (p *recordsPlan) page(tail *Tail) func(cells []Cell) bool {
	n, last := 0, ""
	return func(cells []Cell) bool {
		if n++; n > p.limit {
			tail.NextCursor = p.cursor(last)
			return false
		}
		last = cells[len(cells)-1].Text
		return true
	}
}

// checkRows refuses an answer that its format has no room for before a row of it is read.
func (a *Analytics) checkRows(ctx context.Context, p *recordsPlan, out Encoder) error {
	switch out.(type) {
	case *xlsxEncoder, *SheetEncoder:
	default:
		return nil
	}
	if p.limit <= maxSheetRows {
		return nil
	}
	var rows uint64
	s := a.tables.countRecords(p, maxSheetRows+1)
	if err := a.store.Reader().QueryRow(undated(ctx), s.text.String(), s.args...).Scan(&rows); err != nil {
		return fmt.Errorf("count %s: %w", p.contract.ID, explain(err))
	}
	if rows > maxSheetRows {
		return tooManyRows()
	}
	return nil
}

// head tells formats that carry it along what was asked.
func (p *recordsPlan) head(q RecordsQuery, reader Reader) Head {
	h := Head{Columns: p.columns, Dataset: q.Dataset, Request: q, Reader: reader}
	h.note("名称", "Name", reader.either(p.contract.Name, p.contract.NameEN))
	h.noteTime(q.From, q.To)
	h.noteFilters(q.Filters, func(i int) string { return p.filterLabels[i] })
	if q.History {
		h.note("版本", "Versions", reader.either("全部版本，含已修订与已撤回的", "all, those revised or retracted included"))
	}
	return h
}

func (a *Analytics) planRecords(q RecordsQuery, reader *Reader) (*recordsPlan, error) {
	c := a.catalogue()[q.Dataset]
	if c == nil || c.ID == bookingID {
		return nil, &QueryError{
			Problem: ProblemUnknownDataset, Pointer: "dataset", Message: fmt.Sprintf("没有数据集 %q", cut(q.Dataset)), MessageEN: fmt.Sprintf("there is no dataset %q", cut(q.Dataset)),
			Remedy: "GET /v1/datasets 列出全部数据集", FixEN: "GET /v1/datasets lists them",
		}
	}
	if !reader.mayRead(c.ID) {
		return nil, &ForbiddenError{Dataset: c.ID}
	}
	p := &recordsPlan{contract: c, history: q.History, all: q.All, limit: q.Limit, print: q.fingerprint()}
	switch {
	case q.All:
		p.limit = math.MaxInt
	case p.limit == 0:
		p.limit = DefaultRecords
	case p.limit < 0 || p.limit > MaxRecords:
		return nil, invalidRecordsLimit()
	}
	if len(q.Filters) > maxFilters {
		return nil, invalid("filter", fmt.Sprintf("最多 %d 项", maxFilters), fmt.Sprintf("at most %d entries are allowed", maxFilters), "拆成几次查询", "split the query")
	}
	p.read("_version")
	if err := p.selectFields(q, reader); err != nil {
		return nil, err
	}
	if err := p.filter(q.Filters, reader); err != nil {
		return nil, err
	}
	return p, p.filterTime(q)
}

func (p *recordsPlan) read(columns ...string) {
	for _, column := range columns {
		if !slices.Contains(p.reads, column) {
			p.reads = append(p.reads, column)
		}
	}
}

// field finds a property or lineage field: its column, its SQL and its classification.
func (p *recordsPlan) field(pointer, name string, english bool) (Column, string, schemas.Classification, error) {
	for _, f := range lineageFields {
		if f.Name == name {
			p.read(f.columns...)
			column := f.Column
			if english {
				column.Label = f.labelEN
			}
			return column, f.sql, schemas.Public, nil
		}
	}
	property, ok := property(p.contract, name)
	if !ok {
		var known []string
		for i := range p.contract.Properties {
			known = append(known, p.contract.Properties[i].Name)
		}
		e := &QueryError{
			Problem: ProblemUnknownField, Pointer: pointer, Message: fmt.Sprintf("数据集 %s 没有字段 %q", p.contract.ID, cut(name)), MessageEN: fmt.Sprintf("dataset %s has no field %q", p.contract.ID, cut(name)),
			Remedy: "可用：" + strings.Join(known, "、"), FixEN: "use one of " + strings.Join(known, ", "),
		}
		return Column{}, "", 0, e.suggest(name, known)
	}
	p.read(name)
	in := Reader{English: english}
	column := Column{
		Name: name, Type: kindOf(property), Unit: in.either(property.Unit, property.UnitEN), Label: in.either(property.Label, property.LabelEN),
		Precision: property.Precision, Scale: property.Scale, Definition: in.either(property.Description, property.DescriptionEN),
		Dataset: p.contract.ID, Classification: classificationNames[property.Classification],
	}
	column.tell(property, p.contract.CodesOf(property), &in)
	return column, quote(name), property.Classification, nil
}

func (p *recordsPlan) selectFields(q RecordsQuery, reader *Reader) error {
	fields := q.Fields
	if len(fields) == 0 {
		for i := range p.contract.Properties {
			fields = append(fields, p.contract.Properties[i].Name)
		}
		if q.History {
			for _, f := range lineageFields {
				fields = append(fields, f.Name)
			}
		}
	}
	for i, name := range fields {
		column, expression, class, err := p.field("fields", name, reader.English)
		if err != nil {
			return err
		}
		if slices.Index(fields, name) != i {
			return invalid("fields", "字段 "+name+" 重复", "field "+name+" is asked for twice", "只写一次", "ask for it once")
		}
		if class > reader.Clearance {
			column.Masked = true
			column.Definition = strings.TrimSpace(reader.either("高于读取者的密级，未给出。", "Above the reader's clearance, left out. ") + column.Definition)
		}
		p.columns = append(p.columns, column)
		if class > reader.Clearance {
			p.selects = append(p.selects, "CAST(NULL, 'Nullable(String)')")
			continue
		}
		if name == "_deleted" {
			p.selects = append(p.selects, "CAST(if("+expression+", 'true', 'false'), 'Nullable(String)')")
			continue
		}
		p.selects = append(p.selects, text(expression, column.Type, column.Scale))
	}
	return nil
}

func (p *recordsPlan) filter(filters []Filter, reader *Reader) error {
	for i := range filters {
		f := &filters[i]
		column, expression, class, err := p.field(f.Dimension, f.Dimension, reader.English)
		if err != nil {
			return err
		}
		p.filterLabels = append(p.filterLabels, column.Label)
		if class > reader.Clearance {
			return &ForbiddenError{Field: f.Dimension, Dataset: p.contract.ID}
		}
		c, err := filterCondition(f.Dimension, expression, column.Type, f)
		if err != nil {
			return err
		}
		if property, ok := property(p.contract, f.Dimension); ok && property.KeyPosition > 0 {
			p.pushed = append(p.pushed, c)
		} else {
			p.where = append(p.where, c)
		}
	}
	return nil
}

func (p *recordsPlan) filterTime(q RecordsQuery) error {
	var period plan
	if err := period.parseRange(Query{Time: Time{From: q.From, To: q.To}}); err != nil {
		return err
	}
	if q.From == "" && q.To == "" {
		return nil
	}
	if p.contract.Time < 0 {
		return invalid("from", "数据集 "+p.contract.ID+" 没有时间", "dataset "+p.contract.ID+" has no event time", "去掉 from 与 to", "leave from and to out")
	}
	property := &p.contract.Properties[p.contract.Time]
	p.read(property.Name)
	conditions := rangeConditions(property, quote(property.Name), period.period)
	if property.KeyPosition > 0 {
		p.pushed = append(p.pushed, conditions...)
	} else {
		p.where = append(p.where, conditions...)
	}
	return nil
}

// compileRecords writes the page as one SELECT; its last column is the version. All
// records come as they are read: to order them ClickHouse would have to hold them.
func (t tables) compileRecords(p *recordsPlan) *statement {
	s := &statement{}
	s.add("SELECT " + strings.Join(p.selects, ", ") + ", CAST(toString(_version), 'Nullable(String)')")
	t.fromRecords(s, p)
	if !p.all {
		s.add(" ORDER BY _version LIMIT ?", int64(p.limit)+1)
	}
	s.add(readSettings)
	return s
}

// countRecords counts what compileRecords selects, up to most.
func (t tables) countRecords(p *recordsPlan, most int64) *statement {
	s := &statement{}
	s.add("SELECT count() FROM (SELECT 1")
	t.fromRecords(s, p)
	s.add(" LIMIT ?)", most)
	s.add(readSettings)
	return s
}

func (t tables) fromRecords(s *statement, p *recordsPlan) {
	s.add(" FROM ")
	if p.history {
		s.add("(SELECT " + quoteAll(p.reads) + " FROM " + t.history(p.contract.ID) + " FINAL")
		conditions := p.pushed
		if p.at.asOf {
			conditions = append([]condition{{"_version < ?", []any{p.at.before}}}, conditions...)
		}
		s.where(" WHERE ", conditions)
		s.add(")")
	} else {
		t.stored(s, p.contract, p.reads, p.at, p.pushed)
	}
	s.add(" AS _r WHERE _version > ?", p.after)
	s.where(" AND ", p.where)
}

// cursorContent is what a cursor holds, as JSON in base64url. It is checked, not signed:
// it grants nothing that the same request without it does not.
type cursorContent struct {
	After  uint64 `json:"v"`
	Before uint64 `json:"b,omitempty"` // of an as_of read, so that all pages are of one state
	Print  uint32 `json:"p"`
}

func (p *recordsPlan) cursor(last string) string {
	version, err := strconv.ParseUint(last, 10, 64)
	if err != nil {
		return ""
	}
	content := cursorContent{After: version, Print: p.print}
	if p.at.asOf {
		content.Before = p.at.before
	}
	text, err := json.Marshal(content)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// CursorAfter is the cursor of a plain read of a dataset's records (no filters) whose
// submissions up to a sequence have been seen.
func CursorAfter(dataset string, sequence uint64) string {
	q := RecordsQuery{Dataset: dataset}
	p := recordsPlan{print: q.fingerprint()}
	return p.cursor(strconv.FormatUint(versionsBefore(sequence)-1, 10))
}

// resume goes on where a cursor was given.
func (p *recordsPlan) resume(cursor string, tail *Tail) error {
	if cursor == "" {
		return nil
	}
	var content cursorContent
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		err = json.Unmarshal(text, &content)
	}
	if err != nil || content.Print != p.print || p.at.asOf != (content.Before != 0) || content.Before > p.at.before {
		return &QueryError{
			Problem: ProblemCursor, Pointer: "cursor", Message: "游标不属于这个请求", MessageEN: "the cursor is not one of this request",
			Remedy: "参数保持不变，原样使用上一页的 next_cursor，或从第一页读起", FixEN: "keep the other parameters, use next_cursor as it is, or begin at the first page",
		}
	}
	p.after = content.After
	if p.at.asOf {
		p.at.before = content.Before
		tail.Watermark = content.Before>>sequenceBits - 1
	}
	return nil
}

// fingerprint tells requests apart, so that a cursor is not used with other filters.
func (q *RecordsQuery) fingerprint() uint32 {
	h := fnv.New32a()
	fmt.Fprintf(h, "%q %q %q %q %q %v", q.Dataset, q.Filters, q.From, q.To, q.AsOf, q.History)
	return h.Sum32()
}

// recordsParameters are those of GET …/records; every other one names a property.
var recordsParameters = append([]string{"fields", "filter", "from", "to", "as_of", "history", "limit", "cursor"}, formParameters...)

// formParameters say how an answer is written, and not what is asked.
var formParameters = []string{"format", "bom", "headings", "notes", "lang"}

// ParseRecordsParameters reads the parameters of GET /v1/datasets/{id}/records. A
// parameter with another name is a property that must equal its value (or one of them).
func ParseRecordsParameters(dataset string, parameters url.Values) (RecordsQuery, error) {
	q := RecordsQuery{Dataset: dataset, Fields: names(parameters["fields"]), From: parameters.Get("from"), To: parameters.Get("to"), AsOf: parameters.Get("as_of"), Cursor: parameters.Get("cursor")}
	for _, text := range parameters["filter"] {
		f, err := parseFilter(text)
		if err != nil {
			return q, err
		}
		q.Filters = append(q.Filters, f)
	}
	var others []string
	for name, values := range parameters {
		if !slices.Contains(recordsParameters, name) {
			others = append(others, name)
		} else if len(values) > 1 && name != "filter" && name != "fields" {
			return q, invalid(name, "参数 "+name+" 重复", "parameter "+name+" is given twice", "只写一次", "give it once")
		}
	}
	slices.Sort(others)
	for _, name := range others {
		f := Filter{Dimension: name, Op: "in"}
		for _, value := range parameters[name] {
			f.Values = append(f.Values, Value(value))
		}
		q.Filters = append(q.Filters, f)
	}
	var err error
	if text := parameters.Get("history"); text != "" {
		if q.History, err = strconv.ParseBool(text); err != nil {
			return q, invalid("history", "history 须为 true 或 false", "history is true or false", "改为 true 或 false", "write true or false")
		}
	}
	if text := parameters.Get("limit"); text == "all" {
		q.All = true
	} else if text != "" {
		if q.Limit, err = strconv.Atoi(text); err != nil || q.Limit <= 0 || q.Limit > MaxRecords {
			return q, invalidRecordsLimit()
		}
	}
	return q, nil
}

// ParseRecordsQuery reads a question about records that stands among others, in JSON.
func ParseRecordsQuery(body []byte) (RecordsQuery, error) {
	var q struct {
		Dataset string   `json:"dataset"`
		Fields  []string `json:"fields"`
		Filters []Filter `json:"filters"`
		From    string   `json:"from"`
		To      string   `json:"to"`
		AsOf    string   `json:"as_of"`
		History bool     `json:"history"`
		Limit   int      `json:"limit"`
	}
	err := decodeQuestion(body, &q)
	return RecordsQuery{Dataset: q.Dataset, Fields: q.Fields, Filters: q.Filters, From: q.From, To: q.To, AsOf: q.AsOf, History: q.History, Limit: q.Limit}, err
}

func invalidRecordsLimit() error {
	return invalid("limit", "limit 须为 1 至 1000000 的整数，或 all", "limit must be a whole number from 1 to 1000000, or all", "改为该范围内的整数或 all", "give a number in that range, or all")
}
