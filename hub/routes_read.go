package hub

import (
	"net/http"

	"github.com/zida-hub/zida/analytics"
	"github.com/zida-hub/zida/connectors"
)

var (
	paramAsOf = param{name: "as_of", in: "query", schema: instant, example: "2026-05-03T00:00:00+08:00",
		zh: "取此刻之前收到的最新版本", en: "the newest version received up to then"}
	// paramsForm say how an answer is written.
	paramsForm = []param{
		{name: "format", in: "query", schema: oneWord("json", "ndjson", "csv", "xlsx", "parquet"), example: "json",
			zh: "应答格式，优先于 Accept；除 json 外，下一页游标在应答尾部 X-Next-Cursor（记录）、是否被 limit 截断在 X-Truncated（查询）",
			en: "format of the answer; goes before Accept. But for json, the next page's cursor of records is the trailer X-Next-Cursor, and X-Truncated says whether the limit cut a query's answer"},
		{name: "bom", in: "query", schema: boolean, example: false, zh: "csv 是否以 UTF-8 字节序标记开头（Excel 需要），默认 true", en: "whether csv begins with a UTF-8 byte order mark, which Excel needs; default true"},
		{name: "headings", in: "query", schema: oneWord("name", "label"), example: "label", zh: "csv 表头：name 为字段名（默认），label 为名称与单位", en: "the heading of csv: names (default), or labels with units"},
		{name: "notes", in: "query", schema: boolean, example: true, zh: "csv 是否在数据之后空一行附上说明（时点、水位、筛选、导出者与时间、各列定义），每行以“说明”开头，默认 false",
			en: "whether csv ends with an empty line and notes (as-of, watermark, filters, who and when, definitions), rows whose first cell is 说明; default false"},
		{name: "lang", in: "query", schema: oneWord("zh", "en"), example: "zh", zh: "名称与说明的语言，优先于 Accept-Language", en: "language of labels and notes; goes before Accept-Language"},
	}
	// paramRecordsLimit takes a page's size, or asks for everything.
	paramRecordsLimit = param{name: "limit", in: "query", example: 1000,
		schema: schema{"oneOf": []any{schema{"type": "integer", "minimum": 1, "maximum": analytics.MaxRecords}, oneWord("all")}},
		zh:     "每页条数；all 为全部记录，一次给出同一时点的状态，次序不定。json 与 ndjson 默认 1000，csv、xlsx、parquet 默认 all",
		en:     "records a page; all gives every record, of one state and in no certain order. Default 1000 with json and ndjson, all with csv, xlsx and parquet"}
	binary     = schema{"type": "string", "contentEncoding": "binary"}
	mediaFiles = []media{
		{analytics.FormatXLSX.ContentType(), described(binary, "two sheets: 数据 with the rows, 说明 with what they are; at most 1,048,575 rows"), "PK…"},
		{analytics.FormatParquet.ContentType(), described(binary, "typed, zstd; as_of, watermark, request, columns and who asked are in the key-value metadata"), "PAR1…"},
	}

	exampleQuery = map[string]any{
		"metrics": []string{"visitors"}, "dimensions": []string{"region"},
		"time":    map[string]any{"from": "2026-01-01", "to": "2027-01-01", "grain": "month"},
		"filters": []any{map[string]any{"dimension": "region", "op": "in", "values": []string{"500111", "512021"}}},
		"order":   []any{map[string]any{"by": "visitors", "dir": "desc"}}, "limit": 100,
	}
	exampleAnswer = map[string]any{
		"columns": []any{
			map[string]any{"name": "time", "type": "date", "label": "月份"},
			map[string]any{"name": "region", "type": "string", "label": "行政区划", "code_list": "region"},
			map[string]any{"name": "visitors", "type": "integer", "unit": "人次", "label": "接待人次", "definition": "各景区的入园人次之和。", "dataset": "tourism_flow", "classification": "public"}},
		"rows":  []any{[]any{"2026-05-01", "500111", 418233}, []any{"2026-05-01", "512021", 96120}},
		"as_of": nil, "watermark": 42, "stats": map[string]any{"rows_read": 8928, "elapsed_ms": 7},
	}
	exampleQueries = map[string]any{
		"queries": []any{
			map[string]any{"id": "visitors", "title": "两地客流", "query": exampleQuery},
			map[string]any{"id": "board", "records": map[string]any{"dataset": "cooperation_project", "fields": []string{"name", "stage", "due_date"},
				"filters": []any{map[string]any{"dimension": "half", "op": "eq", "values": []string{"2026-H2"}}}}}},
		"as_of": "2026-05-03T00:00:00+08:00",
	}
	exampleView = map[string]any{
		"view": "tourism", "order": 20, "title": "文旅客流", "title_en": "Visitors", "range": "30d", "grains": []string{"day", "week", "month"},
		"compare": "previous_year", "filters": []string{"side", "region", "spot_id"},
		"panels": []any{map[string]any{
			"id": "spots", "title": "景区客流排行", "title_en": "Spots by visitors", "chart": "ranking", "span": 6, "wall": true,
			"metrics": []string{"visitors"}, "dimensions": []string{"spot_id", "spot_name"}, "grain": "none", "compare": "view",
			"order": []any{map[string]any{"by": "visitors", "dir": "desc"}}, "limit": 30, "drill": "spot_id", "datasets": []string{"tourism_flow"}, "readable": true}},
	}
	queryProblems = []string{"query-invalid", "unknown-metric", "unknown-dimension", "field-not-readable", "forbidden", "not-acceptable",
		"query-too-expensive", "export-too-large", "disk-low", "overloaded", "engine-unavailable", "quota-exceeded"}
)

func (h *Hub) readRoutes() []route {
	dataset := map[string]any{
		"id": "tourism_flow", "name": "景区客流", "name_en": "Visitor flow", "version": "1.0.0", "status": "active", "domain": "tourism",
		"reference": false, "classification": "internal", "key": []string{"spot_id", "observed_at", "interval_minutes"},
	}
	resume := []param{
		{name: "Last-Event-ID", in: "header", schema: text1, example: "42", zh: "已收到的最后一个事件的 id；省略则从现在起", en: "id of the last event received; from now on without it"},
		{name: "after", in: "query", schema: text1, example: "42", zh: "同 Last-Event-ID，供不能设请求头的客户端", en: "as Last-Event-ID, for clients that cannot set headers"},
	}
	events := ok("事件流", "The events", []media{{"text/event-stream", text1,
		"id: 42\nevent: submission\ndata: {\"submission\":\"42-0\",\"dataset\":\"tourism_flow\",\"sequence\":42,\"agency\":\"anyue-wglj\",\"kind\":\"push\",\"contract_version\":\"1.0.0\",\"accepted\":1,\"state\":\"visible\",\"received_at\":\"2026-05-01T02:00:03.12Z\"}\n\n"}})
	return []route{
		{method: http.MethodGet, path: "/v1/datasets", name: "listDatasets", group: "read", needs: needToken, handle: h.listDatasets,
			zh: text{summary: "数据目录"}, en: text{summary: "The catalogue"},
			answers: ok("全部数据集", "Every dataset", jsonOf(object("datasets", map[string]schema{"datasets": list(ref("Dataset"))}),
				map[string]any{"datasets": []any{dataset}}))},
		{method: http.MethodGet, path: "/v1/datasets/:id", name: "getDataset", group: "read", needs: needToken, handle: h.getDataset,
			zh:     text{"数据集与合约", "按 Accept 给出目录条目、ODCS v3.1 合约（application/yaml）、单条记录的 JSON Schema（application/schema+json）或可直接填报的 Excel 模板（.xlsx 的类型），其下拉选项取自当前参考列表。"},
			en:     text{"A dataset and its contract", "By Accept: the catalogue's entry, the ODCS v3.1 contract (application/yaml), the JSON Schema of one record (application/schema+json), or an Excel template to fill in and push, with drop-downs from the reference lists as they are now."},
			params: []param{paramDataset},
			answers: ok("数据集", "The dataset", []media{
				{"application/json", ref("Dataset"), dataset},
				{"application/yaml", text1, "apiVersion: v3.1.0\nkind: DataContract\nid: tourism_flow\n"},
				{"application/schema+json", schema{"type": "object"}, map[string]any{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"}},
				{connectors.MediaXLSX, described(text1, "the template's bytes"), "PK…"}}),
			problems: []string{"unknown-dataset", "not-acceptable"}},
		{method: http.MethodGet, path: "/v1/datasets/:id/records", name: "readRecords", group: "read", needs: needRead, quota: queryQuota, handle: h.readRecords,
			zh: text{"读取记录", "每条记录的当前版本；history=true 给出全部版本，as_of 给出当时的版本。高于本客户端密级的字段为 null。未列出的查询参数按字段名筛选。"},
			en: text{"Read records", "The current version of each; history=true gives every version, as_of those of that moment. Fields above the client's clearance are null. Any other parameter filters by the field of that name."},
			params: append([]param{paramDataset, paramRecordsLimit, paramCursor, paramAsOf,
				{name: "from", in: "query", schema: text1, example: "2026-05-01", zh: "事件时间起（含）", en: "event time from, inclusive"},
				{name: "to", in: "query", schema: text1, example: "2026-06-01", zh: "事件时间止（不含）", en: "event time to, exclusive"},
				{name: "fields", in: "query", schema: text1, example: "spot_id,entries,_submission", zh: "字段，逗号分隔；_ 开头的为来源字段", en: "fields, comma separated; those with _ tell where a record came from"},
				{name: "filter", in: "query", schema: text1, example: "region:in:500111,512021", zh: "筛选 字段:运算:值,值，可重复", en: "field:op:value,value; may be repeated"},
				{name: "history", in: "query", schema: boolean, example: false, zh: "包含被修订、被撤回的版本", en: "with versions that were revised or retracted"}}, paramsForm...),
			answers: ok("记录", "The records", append([]media{
				{"application/json", object("records next_cursor", map[string]schema{"records": list(schema{"type": "object"}), "next_cursor": text1}),
					map[string]any{"records": []any{exampleRecord}, "next_cursor": ""}},
				{"application/x-ndjson", text1, `{"spot_id":"512021-S99","region":"512021","entries":318}` + "\n"},
				{"text/csv", text1, "spot_id,region,entries\n512021-S99,512021,318\n"}}, mediaFiles...)),
			problems: []string{"unknown-dataset", "unknown-field", "cursor-invalid", "invalid-request", "query-invalid", "field-not-readable",
				"not-acceptable", "query-too-expensive", "export-too-large", "disk-low", "overloaded", "engine-unavailable", "quota-exceeded"}},
		{method: http.MethodGet, path: "/v1/datasets/:id/diff", name: "readDiff", group: "read", needs: needRead, quota: queryQuota, handle: h.readDiff,
			zh: text{"两个时刻之间的变化", "from 与 to 之间新增（added）、修订（revised）、撤回（retracted）的记录，附前后数值与末次改动的提交；重报而数值未变的不列。其他查询参数按主键字段筛选。"},
			en: text{"What changed between two moments", "The records added, revised or retracted between from and to, with their values before and after and the submission of the last change; what was pushed again with equal values is left out. Any other parameter filters by a property of the key."},
			params: append([]param{paramDataset,
				{name: "from", in: "query", required: true, schema: text1, example: "2026-05-01", zh: "之前的时刻：日期（北京时间零点）或 RFC 3339", en: "the earlier moment: a day (its first instant in Asia/Shanghai) or RFC 3339"},
				{name: "to", in: "query", schema: text1, example: "2026-05-08", zh: "之后的时刻，省略为现在", en: "the later one; now when left out"},
				paramLimit(1_000_000), paramCursor}, paramsForm...),
			answers: ok("变化", "The changes", append([]media{
				{"application/json", object("records next_cursor", map[string]schema{"records": list(schema{"type": "object"}), "next_cursor": text1}),
					map[string]any{"next_cursor": "", "records": []any{map[string]any{
						"change": "revised", "park_id": "500111-P05", "month": "2026-04", "tax_before": "1200.00", "tax_after": "1350.00",
						"_agency": "dazu-jxw", "_submission": "42-7", "_received_at": "2026-05-06T10:12:00+08:00"}}}},
				{"application/x-ndjson", text1, `{"change":"revised","park_id":"500111-P05","month":"2026-04","tax_before":"1200.00","tax_after":"1350.00"}` + "\n"},
				{"text/csv", text1, "change,park_id,month,tax_before,tax_after\nrevised,500111-P05,2026-04,1200.00,1350.00\n"}}, mediaFiles...)),
			problems: []string{"unknown-dataset", "unknown-field", "cursor-invalid", "invalid-request", "query-invalid", "field-not-readable",
				"not-acceptable", "query-too-expensive", "export-too-large", "disk-low", "overloaded", "engine-unavailable", "quota-exceeded"}},
		{method: http.MethodGet, path: "/v1/datasets/:id/changes", name: "streamChanges", group: "read", needs: needRead, handle: h.streamChanges, streams: true,
			zh:       text{"订阅变更（SSE）", "每个提交在其记录可查询后给出一个事件，按日志顺序；id 为序号。断线后以 Last-Event-ID 续订，不漏任何提交；日志已不保留该处时为 410，并给出从何处读取记录的 cursor。令牌到期时连接结束，换新令牌续订即可。"},
			en:       text{"Subscribe to changes (SSE)", "One event a submission, once its records answer, in the order of the journal; the id is the sequence. Last-Event-ID resumes with nothing missed; where the journal no longer reaches back that far it is 410, with a cursor to read records from. A stream ends with its token; come back with a new one."},
			params:   append([]param{paramDataset}, resume...),
			answers:  events,
			problems: []string{"unknown-dataset", "invalid-request", "history-gone", "overloaded", "journal-unavailable"}},
		{method: http.MethodGet, path: "/v1/changes", name: "streamAllChanges", group: "read", needs: needToken, handle: h.streamAllChanges, streams: true,
			zh: text{"订阅多个数据集的变更（SSE）", "同 /v1/datasets/{id}/changes，一条连接涵盖多个数据集，按日志顺序。省略 datasets 则为令牌可读的全部数据集，连接期间新发布的也在内。id 写在同一序号的最后一个事件上；410 时 cursors 给出每个数据集从何处读取记录。"},
			en: text{"Subscribe to changes of several datasets (SSE)", "As /v1/datasets/{id}/changes, over several datasets on one connection, in the order of the journal. Without datasets it is all that the token may read, with those that are published meanwhile. The id stands on the last event of its sequence; with a 410, cursors says for each dataset where to read its records from."},
			params: append([]param{{name: "datasets", in: "query", schema: text1, example: "tourism_flow,ticket_redemption",
				zh: "数据集，逗号分隔；每个都须有 read 权限", en: "datasets, comma separated; each needs its read scope"}}, resume...),
			answers:  events,
			problems: []string{"unknown-dataset", "invalid-request", "history-gone", "overloaded", "journal-unavailable"}},
	}
}

func (h *Hub) queryRoutes() []route {
	answers := ok("结果：列依次为时间、维度、指标；小数为字符串", "The answer: columns are time, dimensions, metrics; decimals are strings", append([]media{
		{"application/json", ref("Answer"), exampleAnswer},
		{"application/x-ndjson", text1, `{"time":"2026-05-01","region":"500111","visitors":418233}` + "\n"},
		{"text/csv", text1, "time,region,visitors\n2026-05-01,500111,418233\n"}}, mediaFiles...))
	return []route{
		{method: http.MethodGet, path: "/v1/metrics", name: "listMetrics", group: "query", needs: needQuery, handle: h.listMetrics,
			zh: text{"指标目录", "本客户端可查询的指标、单位与维度。"}, en: text{"The metrics", "Those the client may query, with unit and dimensions."},
			answers: ok("指标", "The metrics", jsonOf(object("metrics", map[string]schema{"metrics": list(schema{"type": "object"})}),
				map[string]any{"metrics": []any{map[string]any{"name": "visitors", "label": "接待人次", "label_en": "Visitors", "unit": "人次", "dataset": "tourism_flow",
					"dimensions": []any{map[string]any{"name": "region", "label": "行政区划", "label_en": "Region", "type": "string"}}}}})),
			problems: []string{"engine-unavailable"}},
		{method: http.MethodGet, path: "/v1/views", name: "listViews", group: "query", needs: needQuery, handle: h.listViews,
			zh:      text{"视图", "页面各视图的图表与其查询；未被任何视图提到的数据集有一个按合约自动生成的视图（data_ 开头）。datasets 为图表所用的数据集，readable 为本客户端能否读到。筛选值 $half 由使用者换成当前半年，如 2026-H2。"},
			en:      text{"The views", "The page's views, their charts and what each asks; a dataset that none names has one made from its contract (data_…). datasets are those that a chart is made of, readable whether the client may read them. The filter value $half stands for the running half-year, such as 2026-H2, which whoever asks writes in its place."},
			answers: ok("视图", "The views", jsonOf(object("views", map[string]schema{"views": list(ref("View"))}), map[string]any{"views": []any{exampleView}}))},
		{method: http.MethodPost, path: "/v1/queries", name: "queries", group: "query", needs: needQuery, quota: queryQuota, handle: h.postQueries,
			zh: text{"一次提交多个查询", "一至四十项，每项为 query（同 POST /v1/query）、records（一个数据集的现行记录，filters 的 dimension 为字段名）或 freshness（各机构数据的时效）；全部按同一水位、同一时刻作答，次序不变。一项被拒绝时以 problem 说明，不影响其他各项。顶层 as_of 用于没有写明的各项。format=xlsx 时每项一张工作表，表名取 title，末页“说明”。json 每项最多 100000 行，合计最多 200000 行、64 MiB；同一调用方同时最多四批。计一次配额。"},
			en: text{"Several queries in one request", "One to forty entries, each a query (as POST /v1/query), records (current records of a dataset; a filter's dimension is a field) or freshness (how new each agency's data are); all are answered from one watermark at one moment, in order. An entry that is refused says so in problem and does not fail the others. as_of at the top is for entries without their own. With format=xlsx each has a sheet, named by title, and 说明 comes last. In JSON an entry has at most 100000 rows, all together 200000 and 64 MiB; one caller has at most four batches under way at once. It counts as one call against the quota."},
			params: []param{
				{name: "format", in: "query", schema: oneWord("json", "xlsx"), example: "json", zh: "应答格式，优先于 Accept", en: "format of the answer; goes before Accept"},
				paramsForm[len(paramsForm)-1]},
			body: jsonOf(ref("Queries"), exampleQueries),
			answers: ok("各项的结果或原因", "Each entry's answer, or why there is none", append(jsonOf(object("answers", map[string]schema{"answers": list(ref("QueriesAnswer"))}),
				map[string]any{"answers": []any{
					map[string]any{"id": "visitors", "answer": exampleAnswer},
					map[string]any{"id": "board", "problem": map[string]any{
						"type": "/problems/missing-scope", "title": "权限不足", "status": 403, "detail": "令牌没有所需权限：read:cooperation_project",
						"remedy": "请向管理方申请该权限", "instance": "/v1/queries", "request_id": "kq3v7a2n-1f"}}}}),
				media{analytics.FormatXLSX.ContentType(), described(binary, "a sheet for each entry, and 说明 with what they are"), "PK…"})),
			problems: []string{"invalid-request", "not-acceptable", "export-too-large", "disk-low", "overloaded", "engine-unavailable", "quota-exceeded"}},
		{method: http.MethodPost, path: "/v1/query", name: "query", group: "query", needs: needQuery, quota: queryQuota, handle: h.postQuery,
			zh:     text{"查询指标", "time.to 不含当日；as_of 取当时所见；limit 默认 10000，csv、xlsx、parquet 默认 1000000；compare 与上期或上年同期比较。watermark 及以前的提交全部计入。"},
			en:     text{"Query metrics", "time.to is exclusive; limit is 10000 by default, 1000000 with csv, xlsx and parquet; as_of answers with what was known then; compare sets the previous period or year beside. Every submission up to watermark is included."},
			params: paramsForm, body: jsonOf(ref("Query"), exampleQuery), answers: answers,
			problems: queryProblems},
		{method: http.MethodGet, path: "/v1/query", name: "queryByAddress", group: "query", needs: needQuery, quota: queryQuota, handle: h.getQuery,
			zh: text{summary: "查询指标（参数在地址中）"}, en: text{summary: "Query metrics, by address"},
			params: append([]param{
				{name: "metrics", in: "query", required: true, schema: text1, example: "visitors", zh: "指标，逗号分隔", en: "metrics, comma separated"},
				{name: "dimensions", in: "query", schema: text1, example: "region", zh: "维度，逗号分隔", en: "dimensions, comma separated"},
				{name: "from", in: "query", schema: text1, example: "2026-01-01", zh: "起始（含）", en: "from, inclusive"},
				{name: "to", in: "query", schema: text1, example: "2027-01-01", zh: "截止（不含）", en: "to, exclusive"},
				{name: "grain", in: "query", schema: text1, example: "month", zh: "时间粒度", en: "grain of time"},
				{name: "filter", in: "query", schema: text1, example: "region:in:500111,512021", zh: "筛选 维度:运算:值,值，可重复", en: "dimension:op:value,value; may be repeated"},
				{name: "order", in: "query", schema: text1, example: "-visitors", zh: "排序，负号为降序", en: "order, a minus for descending"},
				paramLimit(analytics.MaxLimit), paramAsOf,
				{name: "compare", in: "query", schema: oneWord("previous_period", "previous_year"), example: "previous_year", zh: "对比", en: "compare with"}}, paramsForm...),
			answers: answers, problems: queryProblems},
	}
}
