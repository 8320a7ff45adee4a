package hub

import (
	"net/http"

	"github.com/zida-hub/zida/connectors"
)

var (
	exampleRecord = map[string]any{
		"spot_id": "512021-S99", "region": "512021", "observed_at": "2026-05-01T10:00:00+08:00",
		"interval_minutes": 60, "entries": 318,
	}
	exampleReceipt = map[string]any{
		"submission": "42-7", "dataset": "tourism_flow", "agency": "anyue-wglj", "received": 1, "accepted": 1, "rejected": 0, "superseded": 0,
		"sequence": 42, "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "received_at": "2026-05-01T02:00:03.120Z",
		"kid": "r-2026-1", "signature": "MEUCIQ…", "path": []string{"r:q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA="}, "errors": []any{},
	}
	exampleSubmission = map[string]any{
		"submission": "42-7", "dataset": "tourism_flow", "agency": "anyue-wglj", "state": "visible", "kind": "push",
		"received": 1, "accepted": 1, "rejected": 0, "superseded": 0, "sequence": 42, "received_at": "2026-05-01T02:00:03.120Z",
	}
	exampleRowError = map[string]any{
		"row": 3, "field": "entries", "code": "range", "message": "不得小于 0，请核对入园人数", "value": "-5",
	}

	paramDataset = param{name: "id", in: "path", schema: text1, example: "tourism_flow", zh: "数据集编号", en: "the dataset's id"}
	paramSubmit  = param{name: "submission", in: "path", schema: text1, example: "42-7", zh: "提交编号，见回执", en: "the submission's id, from its receipt"}
	paramCursor  = param{name: "cursor", in: "query", schema: text1, example: "MTIzNA", zh: "上一页给出的 next_cursor", en: "next_cursor of the page before"}
	paramIdem    = param{name: "Idempotency-Key", in: "header", schema: schema{"type": "string", "minLength": 1, "maxLength": 255}, example: "flow-2026-05-01-10",
		zh: "重试同一推送时保持不变；保留 7 天，内容不同则 422", en: "the same for every retry of one push; kept 7 days, another body under it is 422"}
	paramMends = param{name: "mends", in: "query", schema: text1, example: "42-7", zh: "本次推送改正了哪次部分接收的提交；两次提交互相链接", en: "the partial push whose rejected records this one brings again, mended; the two are linked"}
	paramWait  = param{name: "wait", in: "query", schema: oneWord("visible"), example: "visible", zh: "等到可查询再应答，过久则 202", en: "answer once queries see it; 202 when that takes too long"}
	paramDry   = param{name: "dry_run", in: "query", schema: boolean, example: true, zh: "只检查，不接收", en: "check only, take nothing"}

	pushProblems = []string{"unknown-dataset", "invalid-request", "malformed-body", "body-empty", "body-corrupt", "body-too-large", "decompression-bomb",
		"record-too-large", "too-many-rows", "unsupported-encoding", "unsupported-media-type", "validation-failed", "region-not-allowed",
		"unknown-contract-version", "contract-retired", "idempotency-key-invalid", "idempotency-key-reused", "quota-exceeded", "journal-full", "journal-unavailable", "journal-behind", "disk-low"}
)

func paramLimit(most int) param {
	return param{name: "limit", in: "query", schema: schema{"type": "integer", "minimum": 1, "maximum": most}, example: 100,
		zh: "每页条数", en: "how many a page"}
}

func (h *Hub) pushRoutes() []route {
	receipt := jsonOf(ref("Receipt"), exampleReceipt)
	records := []media{
		{"application/json", schema{"oneOf": []any{schema{"type": "object"}, list(schema{"type": "object"})}}, []any{exampleRecord}},
		{"application/x-ndjson", text1, `{"spot_id":"512021-S99","region":"512021","observed_at":"2026-05-01T10:00:00+08:00","interval_minutes":60,"entries":318}` + "\n"},
		{"text/csv", text1, "spot_id,region,observed_at,interval_minutes,entries\n512021-S99,512021,2026-05-01 10:00:00,60,318\n"},
	}
	return []route{
		{method: http.MethodPost, path: "/v1/datasets/:id/records", name: "pushRecords", group: "push", needs: needPush, handle: h.pushRecords,
			maxBody: h.conf.BodyWire, quota: pushQuota,
			zh: text{"推送记录", "逐条按数据合约检查，落盘后才给出签名回执。atomic（默认）：一条不合格则全部拒收（422）；partial：合格的收下，不合格的连同原因隔离。" +
				"请求体为 JSON 对象或数组、NDJSON 或 CSV（UTF-8），可用 gzip 或 zstd 压缩一次。"},
			en: text{"Push records", "Each record is checked against the contract; the signed receipt comes only once all is durable. atomic (the default): one bad record refuses all (422); " +
				"partial: the good ones are taken, the bad ones quarantined with their reasons. The body is a JSON object or array, NDJSON or CSV (UTF-8), compressed once with gzip or zstd or not at all."},
			params: []param{paramDataset, paramIdem,
				{name: "mode", in: "query", schema: oneWord("atomic", "partial"), example: "atomic", zh: "接收方式", en: "all or nothing, or the good records"},
				paramDry,
				paramWait,
				paramMends,
				{name: "Content-Contract-Version", in: "header", schema: text1, example: "1.0.0", zh: "记录所依据的契约版本；省略时取记录所满足的最新版本", en: "the contract version that the records follow; without it, the newest that they satisfy"},
				{name: "Content-Encoding", in: "header", schema: oneWord("identity", "gzip", "zstd"), example: "gzip", zh: "压缩方式", en: "how the body is compressed"}},
			body: records,
			answers: []answer{
				{status: http.StatusAccepted, zh: "已落盘，附回执", en: "Durable, with its receipt", headers: []string{"Location"}, media: receipt},
				{status: http.StatusOK, zh: "已可查询（wait=visible），或仅作检查（dry_run）", en: "Visible to queries (wait=visible), or only checked (dry_run)", headers: []string{"Location"}, media: receipt}},
			problems: pushProblems},
		{method: http.MethodPost, path: "/v1/datasets/:id/workbooks", name: "pushWorkbook", group: "push", needs: needPush, handle: h.pushWorkbook,
			maxBody: workbookMax, quota: pushQuota,
			zh: text{"推送 Excel 工作簿", "与推送记录相同，请求体为 .xlsx（至多 20 MiB，模板见数据集的 Excel 模板）；回执的 sha256 即工作簿文件的摘要。" +
				"有错时 errors 另附工作表、行号与单元格（如 B7）；Accept 为 xlsx 时，422 的内容就是标好错误的原工作簿：出错单元格标红，末列“错误原因”写明改法，" +
				"计数在 Zida-Received、Zida-Rejected、Zida-Error-Count 头中；改好后可再次推送，该列不会被读取。有读不准的单元格（错误值、合并单元格、合计行）时，partial 也整体拒收。"},
			en: text{"Push an Excel workbook", "As records are pushed, with an .xlsx of at most 20 MiB for its body (a dataset's Excel template is one); sha256 on the receipt is that of the workbook's bytes. " +
				"Errors also carry sheet, line and cell, such as B7. With Accept of xlsx a 422 holds the workbook itself with what is wrong marked: cells filled, a last column 错误原因 with the remedy, " +
				"counts in the headers Zida-Received, Zida-Rejected and Zida-Error-Count. Mended, it can be pushed again; the column is not read. A cell that cannot be read for sure (a formula's error, merged cells, a row of sums) refuses the workbook, in partial mode too."},
			params: []param{paramDataset, paramIdem,
				paramMends,
				{name: "sheet", in: "query", schema: text1, example: "景区客流", zh: "工作表；只有一个可填写的工作表时可省略", en: "the sheet; not needed where there is only one to read"},
				{name: "mode", in: "query", schema: oneWord("atomic", "partial"), example: "atomic", zh: "接收方式", en: "all or nothing, or the good records"},
				paramDry, paramWait},
			body: []media{{connectors.MediaXLSX, described(text1, "the workbook's bytes"), "PK…"}},
			answers: []answer{
				{status: http.StatusAccepted, zh: "已落盘，附回执", en: "Durable, with its receipt", headers: []string{"Location"}, media: receipt},
				{status: http.StatusOK, zh: "已可查询（wait=visible），或仅作检查（dry_run）", en: "Visible to queries (wait=visible), or only checked (dry_run)",
					headers: []string{"Location", "Zida-Received", "Zida-Rejected", "Zida-Error-Count"}, media: append(receipt[:1:1], media{connectors.MediaXLSX, described(text1, "of a dry run: the workbook, marked"), "PK…"})}},
			problems: append([]string{"workbook-unreadable"}, pushProblems...)},
		{method: http.MethodPost, path: "/v1/datasets/:id/retractions", name: "retractRecords", group: "push", needs: needPush, handle: h.retractRecords,
			maxBody: h.conf.BodyWire,
			quota:   pushQuota,
			zh:      text{"撤回记录", "给出要撤回记录的主键与事由。撤回也是一次提交，历史仍可按 as_of 查询。"},
			en:      text{"Retract records", "Gives the keys to retract, and why. A retraction is a submission like any other; as_of still answers with what was. A key that no record has is taken, too, and changes no figure."},
			params:  []param{paramDataset, paramIdem, paramDry, paramWait},
			body: jsonOf(object("reason keys", map[string]schema{"reason": {"type": "string", "minLength": 1, "maxLength": 500}, "keys": list(schema{"type": "object"})}),
				map[string]any{"reason": "闸机重复计数", "keys": []any{map[string]any{"spot_id": "512021-S99", "observed_at": "2026-05-01T10:00:00+08:00", "interval_minutes": 60}}}),
			answers: []answer{
				{status: http.StatusAccepted, zh: "已落盘，附回执", en: "Durable, with its receipt", headers: []string{"Location"}, media: receipt},
				{status: http.StatusOK, zh: "已可查询（wait=visible），或仅作检查（dry_run）", en: "Visible to queries (wait=visible), or only checked (dry_run)", media: receipt}},
			problems: pushProblems},
		{method: http.MethodGet, path: "/v1/submissions", name: "listSubmissions", group: "push", needs: needToken, handle: h.listSubmissions,
			zh: text{"列出提交", "本机构的提交，新的在前；audit 权限可见全部。"}, en: text{"List submissions", "Those of the caller's agency, newest first; with audit, all."},
			params: []param{
				{name: "dataset", in: "query", schema: text1, example: "tourism_flow", zh: "只列此数据集", en: "of this dataset only"},
				{name: "agency", in: "query", schema: text1, example: "dazu-wlj", zh: "只列此机构；须有 audit 权限", en: "of this agency only; needs audit"},
				paramLimit(1000), paramCursor},
			answers: ok("提交", "The submissions", jsonOf(object("submissions next_cursor", map[string]schema{"submissions": list(ref("Submission")), "next_cursor": text1}),
				map[string]any{"submissions": []any{exampleSubmission}, "next_cursor": ""})),
			problems: []string{"invalid-request", "cursor-invalid", "engine-unavailable"}},
		{method: http.MethodGet, path: "/v1/submissions/:submission", name: "getSubmission", group: "push", needs: needToken, handle: h.getSubmission,
			zh: text{"查看提交", "state：received 已落盘，visible 全部记录可查询，held 待处理。"}, en: text{"Show a submission", "state: received is durable, visible means that queries see every row, held waits for repair."},
			params: []param{paramSubmit}, answers: ok("提交", "The submission", jsonOf(ref("Submission"), exampleSubmission)), problems: []string{"unknown-submission", "engine-unavailable"}},
		{method: http.MethodGet, path: "/v1/submissions/:submission/errors", name: "getSubmissionErrors", group: "push", needs: needToken, handle: h.getSubmissionErrors,
			zh:     text{"被拒记录及原因", "record 为原样的记录。提交方机构中有该数据集推送权限者可见全部；其他人须有读取权限，数据级别低于该数据集最高级别的，record 为空且 masked 为 true，级别不够的字段不给出 value，message 也不引用其内容。"},
			en:     text{"Rejected records and why", "record is the record as it came. Who may push the dataset for the agency that sent it sees everything; others need the right to read it, and below the highest classification of the dataset's fields record is empty and masked is true; of a field above the caller's clearance there is no value, and message does not quote it."},
			params: []param{paramSubmit, paramLimit(1000), paramCursor},
			answers: ok("被拒记录", "The rejected records", jsonOf(object("errors", map[string]schema{"errors": list(ref("RowError")), "next_cursor": text1}),
				map[string]any{"errors": []any{exampleRowError}, "next_cursor": ""})),
			problems: []string{"unknown-submission", "invalid-request", "cursor-invalid", "engine-unavailable"}},
		{method: http.MethodGet, path: "/v1/submissions/:submission/proof", name: "getSubmissionProof", group: "push", needs: needToken, handle: h.getSubmissionProof,
			zh: text{"取回回执与证明", "与推送时给出的回执相同，可离线验证（zida receipt verify）。"}, en: text{"The receipt and its proof again", "The same as the push was answered with; it verifies offline (zida receipt verify)."},
			params: []param{paramSubmit}, answers: ok("回执", "The receipt", receipt), problems: []string{"unknown-submission", "engine-unavailable"}},
	}
}
