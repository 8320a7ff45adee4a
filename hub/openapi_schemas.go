package hub

import "strings"

// The few words that schemas are made of.
var (
	text1   = schema{"type": "string"}
	integer = schema{"type": "integer"}
	boolean = schema{"type": "boolean"}
	instant = schema{"type": "string", "format": "date-time"}
)

func ref(name string) schema { return schema{"$ref": "#/components/schemas/" + name} }

func list(of schema) schema { return schema{"type": "array", "items": of} }

func oneWord(words ...string) schema { return schema{"type": "string", "enum": words} }

func described(s schema, description string) schema {
	out := schema{"description": description}
	for k, v := range s {
		out[k] = v
	}
	return out
}

// object makes an object schema; required lists names separated by spaces.
func object(required string, properties map[string]schema) schema {
	s := schema{"type": "object", "properties": properties}
	if required != "" {
		s["required"] = strings.Fields(required)
	}
	return s
}

// openapiSchemas are the shapes that more than one call answers with.
func openapiSchemas() map[string]schema {
	return map[string]schema{
		"Problem": object("type title status", map[string]schema{
			"type":       described(text1, "a page of the hub, /problems/<name>"),
			"title":      text1,
			"status":     integer,
			"detail":     text1,
			"remedy":     described(text1, "what to do about it"),
			"instance":   text1,
			"request_id": text1,
			"errors":     list(ref("RowError")),
		}),
		"RowError": object("code message", map[string]schema{
			"row":     described(integer, "the record's number, from 1"),
			"line":    described(integer, "the line it begins on, in NDJSON and CSV"),
			"field":   text1,
			"code":    text1,
			"message": described(text1, "in the language asked for, with the remedy"),
			"value":   described(text1, "as sent, cut to 200 bytes"),
			"sheet":   described(text1, "of a workbook; line is its row number then"),
			"cell":    described(text1, "of a workbook, such as B7"),
			"column":  described(text1, "the heading over the cell"),
			"record":  described(text1, "of a quarantined record: as it came, empty when masked"),
			"masked":  described(boolean, "the record, and a value above the caller's clearance, are left out"),
		}),
		"Receipt": object("submission dataset agency received accepted rejected sequence sha256 received_at kid signature path", map[string]schema{
			"submission":  text1,
			"dataset":     text1,
			"agency":      text1,
			"received":    described(integer, "accepted + rejected"),
			"accepted":    described(integer, "includes superseded"),
			"rejected":    integer,
			"superseded":  described(integer, "rows whose key comes again later in the submission"),
			"sequence":    integer,
			"sha256":      described(text1, "hex, of the body after content decoding"),
			"received_at": instant,
			"kid":         described(text1, "which receipt key signed"),
			"signature":   described(text1, "Ed25519 over the block's Merkle root, base64"),
			"path":        described(list(text1), "l: or r: and a base64 hash a step, from the receipt to the root"),
			"errors":      list(ref("RowError")),
		}),
		"Submission": object("submission dataset agency state", map[string]schema{
			"submission":       text1,
			"dataset":          text1,
			"contract_version": text1,
			"agency":           text1,
			"client":           text1,
			"state":            oneWord("received", "visible", "held"),
			"kind":             oneWord("push", "retraction"),
			"mode":             oneWord("atomic", "partial"),
			"received":         integer,
			"accepted":         integer,
			"rejected":         integer,
			"superseded":       integer,
			"sequence":         integer,
			"sha256":           text1,
			"bytes":            integer,
			"received_at":      instant,
			"reason":           described(text1, "of a retraction"),
			"held_reason":      text1,
			"mends":            described(text1, "the partial push whose rejected records it brings again"),
			"mended_by":        described(list(text1), "the pushes that brought its rejected records again"),
		}),
		"Dataset": object("id name version classification", map[string]schema{
			"id":             text1,
			"name":           text1,
			"name_en":        text1,
			"version":        text1,
			"status":         text1,
			"description":    text1,
			"description_en": text1,
			"domain":         text1,
			"tags":           list(text1),
			"reference":      described(boolean, "a reference list"),
			"classification": described(oneWord("public", "internal", "sensitive", "core"), "the highest of its properties"),
			"key":            list(text1),
			"sla":            described(object("freshness_hours", map[string]schema{"freshness_hours": {"type": "number"}}), "what the contract promises; absent where it promises nothing"),
			"properties":     described(list(ref("Property")), "of one dataset, not in the list of all"),
			"rules": list(object("name cel message message_en fields", map[string]schema{
				"name": text1, "cel": described(text1, "true for a good record"), "message": text1, "message_en": text1, "fields": list(text1)})),
			"versions": described(list(object("version", map[string]schema{
				"version": text1, "retires_at": described(instant, "pushes that follow it are refused from then on")})), "those that records may follow, newest first"),
		}),
		"Property": object("name type required classification", map[string]schema{
			"name":              text1,
			"label":             text1,
			"label_en":          text1,
			"description":       text1,
			"description_en":    text1,
			"type":              oneWord("string", "integer", "number", "boolean", "timestamp", "date"),
			"unit":              text1,
			"unit_en":           text1,
			"required":          described(boolean, "a record without it, or its default, is refused"),
			"key":               described(integer, "its place in the key, from 1; absent outside it"),
			"unique":            boolean,
			"classification":    oneWord("public", "internal", "sensitive", "core"),
			"code_list":         described(text1, "the reference list that its values are codes of"),
			"list_attribute":    described(text1, "attribute=value that the code's entry in the list must have"),
			"enum":              list(text1),
			"period":            described(oneWord("month", "quarter", "half", "year", "period"), "the kind of period that the text names"),
			"pattern":           described(text1, "RE2"),
			"min_length":        integer,
			"max_length":        integer,
			"minimum":           described(text1, "an exact decimal"),
			"maximum":           text1,
			"exclusive_minimum": boolean,
			"exclusive_maximum": boolean,
			"precision":         described(integer, "digits of an exact decimal, scale of them behind the point"),
			"scale":             integer,
			"default":           described(text1, "used where the property is absent"),
			"examples":          list(text1),
		}),
		"Query": object("metrics", map[string]schema{
			"metrics":    list(text1),
			"dimensions": list(text1),
			"time": object("", map[string]schema{
				"from":  text1,
				"to":    described(text1, "exclusive"),
				"grain": oneWord("hour", "day", "week", "month", "quarter", "year"),
			}),
			"filters": list(object("dimension op values", map[string]schema{"dimension": text1, "op": text1, "values": list(schema{})})),
			"order":   list(object("by", map[string]schema{"by": text1, "dir": oneWord("asc", "desc")})),
			"limit":   integer,
			"as_of":   instant,
			"compare": oneWord("previous_period", "previous_year"),
		}),
		"Answer": object("columns rows watermark", map[string]schema{
			"columns": list(object("name type", map[string]schema{
				"name": text1, "type": oneWord("string", "integer", "number", "decimal", "boolean", "date", "timestamp"), "unit": text1, "label": text1,
				"masked":         described(boolean, "above the caller's clearance: every value is null"),
				"scale":          described(integer, "digits behind the point of a decimal"),
				"definition":     described(text1, "what is counted"),
				"labels":         described(schema{"type": "object", "additionalProperties": text1}, "of a dimension or field: what people read in place of a value"),
				"code_list":      described(text1, "of a dimension or field: the reference list whose entries its values are"),
				"dataset":        described(text1, "of a metric or a record's field"),
				"classification": oneWord("public", "internal", "sensitive", "core"),
			})),
			"rows":      list(list(schema{})),
			"truncated": described(boolean, "the limit left rows out"),
			"as_of":     {"type": []string{"string", "null"}},
			"watermark": described(integer, "the last sequence the answer includes"),
			"stats":     object("", map[string]schema{"rows_read": integer, "elapsed_ms": {"type": "number"}}),
		}),
		"Queries": object("queries", map[string]schema{
			"queries": {"type": "array", "minItems": 1, "maxItems": maxBatch, "items": object("id", map[string]schema{
				"id":        {"type": "string", "minLength": 1, "maxLength": maxBatchID},
				"title":     described(schema{"type": "string", "maxLength": maxBatchTitle}, "of its sheet in a workbook"),
				"query":     ref("Query"),
				"freshness": described(schema{"type": "object", "maxProperties": 0}, "how new each agency's data are, the latest against its contract's promise first"),
				"records": object("dataset", map[string]schema{
					"dataset": text1,
					"fields":  list(text1),
					"filters": list(object("dimension op values", map[string]schema{"dimension": described(text1, "a field"), "op": text1, "values": list(schema{})})),
					"from":    text1,
					"to":      described(text1, "exclusive"),
					"as_of":   instant,
					"history": boolean,
					"limit":   integer,
				}),
			})},
			"as_of": instant,
		}),
		"QueriesAnswer": object("id", map[string]schema{"id": text1, "answer": ref("Answer"), "problem": ref("Problem")}),
		"View": object("view order title title_en range grains compare filters panels", map[string]schema{
			"view":      text1,
			"order":     integer,
			"title":     text1,
			"title_en":  text1,
			"text":      text1,
			"text_en":   text1,
			"range":     described(text1, "30d, 4w, 12m, 8q, 3y up to today; month, quarter, year, plan or all"),
			"grains":    list(text1),
			"compare":   oneWord("none", "previous_period", "previous_year"),
			"filters":   described(list(text1), "dimensions to filter by"),
			"generated": described(boolean, "made from a contract"),
			"panels": list(object("id title title_en chart span grain compare datasets readable", map[string]schema{
				"id":           text1,
				"title":        text1,
				"title_en":     text1,
				"text":         text1,
				"text_en":      text1,
				"chart":        oneWord("kpi", "line", "bar", "stacked", "ranking", "matrix", "flow", "tiles", "bullet", "table", "heat", "board", "list"),
				"span":         described(integer, "of twelve columns"),
				"wall":         boolean,
				"metrics":      list(text1),
				"dimensions":   list(text1),
				"grain":        described(text1, "view, none or a grain"),
				"range":        described(text1, "of its own; else the view's"),
				"compare":      oneWord("view", "none", "previous_period", "previous_year"),
				"filters":      list(object("dimension op values", map[string]schema{"dimension": text1, "op": text1, "values": list(schema{})})),
				"order":        list(object("by", map[string]schema{"by": text1, "dir": oneWord("asc", "desc")})),
				"limit":        integer,
				"drill":        described(text1, "the dimension that a mark filters by"),
				"target":       text1,
				"limit_line":   {"type": "number"},
				"limit_metric": text1,
				"records":      object("dataset fields", map[string]schema{"dataset": text1, "fields": list(text1), "board_by": text1, "due": text1}),
				"datasets":     list(text1),
				"readable":     boolean,
			})),
		}),
		"Agency": object("id name regions", map[string]schema{
			"id":         text1,
			"name":       text1,
			"regions":    list(text1),
			"scopes":     list(text1),
			"clearance":  oneWord("public", "internal", "sensitive", "core"),
			"disabled":   boolean,
			"created_at": instant,
			"updated_at": instant,
			"revision":   integer,
		}),
		"Client": object("id agency scopes", map[string]schema{
			"id":         text1,
			"agency":     text1,
			"name":       text1,
			"scopes":     list(text1),
			"clearance":  oneWord("public", "internal", "sensitive", "core"),
			"secrets":    list(object("id", map[string]schema{"id": text1, "created_at": instant, "expires_at": instant})),
			"keys":       list(ref("PublicKey")),
			"disabled":   boolean,
			"not_before": described(instant, "tokens issued before it are void"),
			"created_at": instant,
			"updated_at": instant,
			"revision":   integer,
		}),
		"PublicKey": object("kid kty crv x", map[string]schema{
			"kid": text1, "alg": oneWord("EdDSA", "ES256"), "kty": text1, "crv": text1, "x": text1, "y": text1, "use": text1, "added_at": instant,
		}),
		"Credentials": object("client_id client", map[string]schema{
			"client_id":     text1,
			"client_secret": described(text1, "shown once, stored as a hash"),
			"client":        ref("Client"),
		}),
		"User": object("id agency name role clearance disabled must_change", map[string]schema{
			"id":          described(text1, "recorded as the client of what the user pushes"),
			"agency":      text1,
			"name":        text1,
			"role":        described(oneWord("viewer", "analyst", "steward", "admin"), "its scopes are cut down to the agency's"),
			"clearance":   described(oneWord("public", "internal", "sensitive", "core"), "a viewer's is internal at most"),
			"disabled":    boolean,
			"must_change": described(boolean, "the password must be changed before anything else"),
			"created_at":  instant,
			"updated_at":  instant,
			"revision":    integer,
		}),
		"UserPassword": object("user", map[string]schema{
			"user":     ref("User"),
			"password": described(text1, "when it was generated; shown once, stored as a hash"),
		}),
		"Session": object("user name agency agency_name side regions role scopes clearance must_change expires_at", map[string]schema{
			"user":        text1,
			"name":        text1,
			"agency":      text1,
			"agency_name": text1,
			"side":        described(oneWord("大足", "资阳", ""), "empty for an agency of both"),
			"regions":     list(text1),
			"role":        oneWord("viewer", "analyst", "steward", "admin"),
			"scopes":      described(list(text1), "the role's, cut down to the agency's"),
			"clearance":   oneWord("public", "internal", "sensitive", "core"),
			"must_change": described(boolean, "only /v1/session and /v1/session/password answer until the password is changed"),
			"expires_at":  described(instant, "12 h after the log-in"),
		}),
		"Act": object("actor actor_agency action object at", map[string]schema{
			"sequence":     integer,
			"actor":        text1,
			"actor_agency": text1,
			"action":       text1,
			"object":       text1,
			"agency":       text1,
			"at":           instant,
			"request_id":   text1,
			"reason":       text1,
			"changes":      list(object("field", map[string]schema{"field": text1, "from": text1, "to": text1})),
		}),
	}
}
