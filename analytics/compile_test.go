package analytics

import (
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/zida-hub/zida/schemas"
)

// offline compiles without an engine.
func offline(t testing.TB) *Analytics {
	t.Helper()
	contracts := shipped(t)
	l, err := loadLayer()
	if err != nil {
		t.Fatal(err)
	}
	a := &Analytics{contracts: func() []*schemas.Contract { return contracts }, layer: l, tables: newTables("zida", "")}
	if err := l.check(a.catalogue()); err != nil {
		t.Fatal(err)
	}
	return a
}

var fullQuery = `{"metrics":["visitors","recognitions"],"dimensions":["region","side"],"time":{"from":"2024-01-01","to":"2025-01-01","grain":"month"},
 "filters":[{"dimension":"region","op":"in","values":["500111","512021"]},{"dimension":"spot_level","op":"ne","values":["5A"]},{"dimension":"weekday","op":"gte","values":[6]}],
 "order":[{"by":"visitors_change","dir":"desc"}],"limit":100,"as_of":"2025-03-01T00:00:00+08:00","compare":"previous_year"}`

func TestCompiledSQL(t *testing.T) {
	a := offline(t)
	for name, c := range map[string]struct {
		body string
		at   snapshot
	}{
		"visitors_by_day.sql":  {`{"metrics":["visitors"],"dimensions":["region"],"time":{"from":"2024-01-01","to":"2025-01-01","grain":"day"}}`, snapshot{}},
		"load_as_of.sql":       {`{"metrics":["load_ratio"],"dimensions":["spot_name"],"as_of":"2025-03-01"}`, snapshot{asOf: true, before: versionsBefore(7)}},
		"peak.sql":             {`{"metrics":["peak_in_park"]}`, snapshot{}},
		"two_datasets.sql":     {strings.ReplaceAll(strings.ReplaceAll(fullQuery, `{"dimension":"spot_level","op":"ne","values":["5A"]},`, ""), `"visitors_change"`, `"recognitions_previous"`), snapshot{}},
		"output_by_year.sql":   {`{"metrics":["output_value","tax"],"dimensions":["park_kind"],"time":{"from":"2024-03-01","to":"2025-07-01","grain":"year"}}`, snapshot{}},
		"visitors_by_name.sql": {`{"metrics":["visitors"],"dimensions":["spot_id","spot_name"],"time":{"from":"2024-05-01","to":"2024-06-01"}}`, snapshot{rolled: 7, complete: true}},
		"visitors_by_hour.sql": {`{"metrics":["visitors","in_park_now"],"time":{"from":"2024-05-01","to":"2024-05-02","grain":"hour"}}`, snapshot{}},
	} {
		q, err := ParseQuery([]byte(c.body))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		p, err := a.plan(q, &everything)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s, err := a.tables.compile(p, c.at)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if marks := strings.Count(s.text.String(), "?"); marks != len(s.args) {
			t.Errorf("%s: %d marks for %d values", name, marks, len(s.args))
		}
		golden(t, name, strings.NewReplacer(" FROM ", "\nFROM ", " WHERE ", "\nWHERE ", " UNION ALL ", "\nUNION ALL ", " SETTINGS ", "\nSETTINGS ").Replace(s.text.String())+"\n")
	}
}

func TestColumnsSayWhatTheirValuesStandFor(t *testing.T) {
	a := offline(t)
	f := func(column Column, value, label, list string) {
		t.Helper()
		if column.Labels[value] != label || column.CodeList != list {
			t.Errorf("%s: %q is read as %q, codes of %q; want %q, %q", column.Name, value, column.Labels[value], column.CodeList, label, list)
		}
	}
	query := func(body string, reader Reader) []Column {
		t.Helper()
		q, err := ParseQuery([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		p, err := a.plan(q, &reader)
		if err != nil {
			t.Fatal(err)
		}
		return p.columns
	}
	english := everything
	english.English = true
	ledger := `{"metrics":["projects"],"dimensions":["stage","region","side","agency","half"],"filters":[{"dimension":"half","op":"eq","values":["2026-H2"]}]}`
	zh, en := query(ledger, everything), query(ledger, english)
	f(zh[0], "carrying_out", "落实", "")
	f(en[0], "carrying_out", "Carrying out", "")
	f(zh[1], "500111", "", "region")
	for _, c := range append(zh[2:], en[2:]...) { // derived, or not coded
		if c.Labels != nil || c.CodeList != "" {
			t.Errorf("%s: %v, %q", c.Name, c.Labels, c.CodeList)
		}
	}
	spots := query(`{"metrics":["visitors"],"dimensions":["spot_id","spot_level","region"]}`, everything)
	f(spots[0], "512021-S05", "", "scenic_spot")
	f(spots[1], "resort_national", "国家级旅游度假区", "") // of the list's entries
	f(spots[2], "512021", "", "region")            // its own contract names no list
	// One column of two datasets: what each of them says.
	both := query(`{"metrics":["cooperation_project_records","agri_belt_records"],"dimensions":["stage"]}`, everything)
	f(both[0], "carrying_out", "落实", "")
	f(both[0], "flash", "快报", "")

	p, err := a.planRecords(RecordsQuery{Dataset: "ticket_redemption", Fields: []string{"spot_id", "issuer_region", "_agency"}}, &everything)
	if err != nil {
		t.Fatal(err)
	}
	f(p.columns[0], "x", "", "scenic_spot")
	f(p.columns[1], "x", "", "region")
	f(p.columns[2], "x", "", "")
	p, err = a.planRecords(RecordsQuery{Dataset: "cooperation_project"}, &everything)
	if err != nil {
		t.Fatal(err)
	}
	f(p.columns[slices.IndexFunc(p.columns, func(c Column) bool { return c.Name == "action" })], "10", "资大文旅融合发展示范区共建", "")
	_, columns := a.tables.compileDiff(p, &everything, 1, 2)
	f(columns[slices.IndexFunc(columns, func(c Column) bool { return c.Name == "stage_after" })], "reported", "上报", "")
	text, err := json.Marshal(zh[:2])
	if err != nil || !strings.Contains(string(text), `"labels":{"assigned":"分办",`) || strings.Count(string(text), `"labels"`) != 1 || strings.Count(string(text), `"code_list":"region"`) != 1 {
		t.Errorf("%s, %v", text, err)
	}
}

func TestQueriesThatMeanNothingAreRefused(t *testing.T) {
	a := offline(t)
	for body, pointer := range map[string]string{
		``:                                    "",
		`[]`:                                  "",
		`{"metrics":[]}`:                      "/metrics",
		`{"metrics":"a"}`:                     "/metrics",
		`{"metric":["a"]}`:                    "",
		`{"metrics":["visitors"]} {}`:         "",
		`{"metrics":["visitors","visitors"]}`: "/metrics/1",
		`{"metrics":["visitors"],"dimensions":["region","region"]}`:                             "/dimensions/1",
		`{"metrics":["visitors"],"dimensions":["interval_minutes"]}`:                            "/dimensions/0",
		`{"metrics":["visitors"],"dimensions":["agency"]}`:                                      "/dimensions/0",
		`{"metrics":["visitors"],"time":{"grain":"fortnight"}}`:                                 "/time/grain",
		`{"metrics":["output_value"],"time":{"grain":"day"}}`:                                   "/time/grain",
		`{"metrics":["visitors"],"time":{"from":"2024-02-31"}}`:                                 "/time/from",
		`{"metrics":["visitors"],"time":{"from":"2024-02-01","to":"2024-02-01"}}`:               "/time/to",
		`{"metrics":["visitors"],"time":{"to":"2024-01-01T00:00:00.0001Z"}}`:                    "/time/to",
		`{"metrics":["visitors"],"limit":-1}`:                                                   "/limit",
		`{"metrics":["visitors"],"limit":1000001}`:                                              "/limit",
		`{"metrics":["visitors"],"compare":"last_week"}`:                                        "/compare",
		`{"metrics":["visitors"],"order":[{"by":"tax"}]}`:                                       "/order/0/by",
		`{"metrics":["visitors"],"order":[{"by":"visitors","dir":"up"}]}`:                       "/order/0/dir",
		`{"metrics":["visitors"],"filters":[{"dimension":"region","op":"eq","values":[null]}]}`: "",
		`{"metrics":["indicator_value"]}`:                                                       "/metrics/0",
	} {
		q, err := ParseQuery([]byte(body))
		if err == nil {
			_, err = a.plan(q, &everything)
		}
		var wrong *QueryError
		if !errors.As(err, &wrong) || wrong.Pointer != pointer {
			t.Errorf("%s: %v", body, err)
			continue
		}
		if _, ok := schemas.ProblemByName(wrong.Problem); !ok {
			t.Errorf("%s: problem %s is not in the catalogue", body, wrong.Problem)
		}
	}
}

func TestProblemsAreInTheCatalogue(t *testing.T) {
	for _, name := range []string{ProblemInvalid, ProblemUnknownMetric, ProblemUnknownDimension, ProblemUnknownField, ProblemUnknownDataset, ProblemCursor, ProblemTooExpensive, ProblemBusy, problemField, problemScope} {
		if _, ok := schemas.ProblemByName(name); !ok {
			t.Errorf("problem %s is not in the catalogue", name)
		}
	}
}

func TestQueryParametersSayWhatABodySays(t *testing.T) {
	got, err := ParseQueryParameters(url.Values{
		"metrics": {"visitors,recognitions"}, "dimensions": {"region", "side"}, "from": {"2024-01-01"}, "to": {"2025-01-01"}, "grain": {"month"},
		"filter": {"region:in:500111,512021", "spot_level:ne:5A", "weekday:gte:6"}, "order": {"-visitors_change"}, "limit": {"100"}, "as_of": {"2025-03-01T00:00:00+08:00"}, "compare": {"previous_year"},
	})
	if err != nil {
		t.Fatal(err)
	}
	wanted, err := ParseQuery([]byte(fullQuery))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Metrics, wanted.Metrics) || !slices.Equal(got.Dimensions, wanted.Dimensions) || got.Time != wanted.Time || !slices.Equal(got.Order, wanted.Order) ||
		!slices.EqualFunc(got.Filters, wanted.Filters, func(a, b Filter) bool {
			return a.Dimension == b.Dimension && a.Op == b.Op && slices.Equal(a.Values, b.Values)
		}) || got.Limit != 100 || got.AsOf != wanted.AsOf || got.Compare != wanted.Compare {
		t.Errorf("got %+v want %+v", got, wanted)
	}
	for _, bad := range []url.Values{{"metric": {"visitors"}}, {"metrics": {"visitors"}, "limit": {"0"}}, {"metrics": {"visitors"}, "grain": {"day", "week"}}, {"metrics": {"visitors"}, "filter": {"region"}}} {
		if _, err := ParseQueryParameters(bad); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
}

// sqlToken finds quoted names, texts, words, numbers and single signs.
var sqlToken = regexp.MustCompile("`[^`]*`" + `|'(?:[^'\\]|\\.)*'|[A-Za-z_][A-Za-z0-9_]*|[0-9]+|\s+|.`)

// ownName is a name that compile makes: _t, _d0, _k0_1, …
var ownName = regexp.MustCompile(`^_(gt|t|r|f|s|x|y|at|of|bucket|home|cents|amount|part|figure|rule|from|region|share|shares|[dgmpekv][0-9]+(_[0-9]+)?|last|last_version|version|deleted|submission|agency|client|row|received_at)$`)

var sqlWords = strings.Fields(`SELECT DISTINCT FROM FINAL WHERE AND OR NOT AS IN GROUP BY HAVING ORDER DESC NULLS LAST LIMIT SETTINGS UNION ALL ANY LEFT JOIN ON NULL
 CAST toString toInt64 toUnixTimestamp toUnixTimestamp64Milli fromUnixTimestamp64Milli isFinite toFloat64 if round any sum sumIf max argMax argMaxIf count uniqExact coalesce toNullable tuple
 tupleElement toDate32 toTimeZone toDateTime64 toStartOfFiveMinutes toStartOfDay toStartOfHour toMonday toStartOfMonth toStartOfQuarter toStartOfYear toYear toQuarter toHour toDayOfWeek addMonths addDays addMilliseconds
 greatest toDayOfYear toUInt8OrZero endsWith countIf maxIf least arrayJoin arrayFilter arrayMap arraySum ifNull intDiv toInt128 assumeNotNull ASOF
 makeDate32 toInt32OrZero substring length multiIf startsWith concat isNull isNotNull toDecimalString toDecimal128 toDecimal256 divideDecimal toRelativeDayNum bitShiftRight
 enable_extended_results_for_datetime_functions enable_shared_storage_snapshot_in_query use_skip_indexes_if_final use_skip_indexes_if_final_exact_mode join_use_nulls`)

var sqlTexts = []string{"''", "'UTC'", "'Asia/Shanghai'", "'50'", "'51'", "'大足'", "'资阳'", "'Q'", "'H'", "'-Q'", "'-'", "'down'", "'true'", "'false'", "'Nullable(String)'", "'Nullable(Int64)'", "'Nullable(Float64)'",
	"'red'", "'orange'", "'yellow'", "'blue'", "'warning'", "'occurred'", "'withdrawn'", "'cancelled'", "'inbound'", "'outbound'", "'unknown'", "'500111'", "'5120'",
	"'output_value'", "'revenue'", "'tax'", "'industrial_investment'", "'512000'", "'512002'", "'512021'", "'512022'", "'Nullable(Decimal(76, 18))'", "'Nullable(Bool)'", "'Nullable(Date32)'", `'Nullable(DateTime64(3, \'UTC\'))'`,
	"'city'", "'city_mean'", "'national'", "'municipal'", "'III'", "'worse'", "'in_transit'", "'black_goat'", "'lemon'", "'rice_plus'", "'rape_shoot'", "'00'"}

// foreign returns a token that is not ours, "" when all are.
func foreign(a *Analytics, sql string) string {
	for _, token := range sqlToken.FindAllString(sql, -1) {
		switch c := token[0]; {
		case c == '`':
			if !ownQuoted(a, strings.Trim(token, "`")) {
				return token
			}
		case c == '\'':
			if !slices.Contains(sqlTexts, token) {
				return token
			}
		case isNameStart(c):
			if !slices.Contains(sqlWords, token) && !ownName.MatchString(token) {
				return token
			}
		case c >= '0' && c <= '9', strings.TrimSpace(token) == "", strings.ContainsAny(token, "(),=<>!+-*/?.[]"):
		default:
			return token
		}
	}
	return ""
}

// ownQuoted is a table, a property, a lineage column or a column of a joined list.
func ownQuoted(a *Analytics, name string) bool {
	if slices.ContainsFunc(a.layer.rollups, func(r *rollup) bool { return r.table() == name }) {
		return true
	}
	if name == "zida" || strings.HasPrefix(name, "_") && ownName.MatchString(name) {
		return true
	}
	for _, part := range strings.Split(strings.TrimPrefix(strings.TrimPrefix(name, "_j_"), "_list__"), "__") {
		if !slices.ContainsFunc(a.contracts(), func(c *schemas.Contract) bool {
			_, ok := property(c, part)
			return ok || part == c.ID || part == c.ID+historySuffix
		}) {
			return false
		}
	}
	return true
}

// FuzzQueryCompile holds that no text from outside becomes SQL: whatever the body, what
// is compiled is one SELECT of known words, and everything else is a bound value.
func FuzzQueryCompile(f *testing.F) {
	a := offline(f)
	f.Add([]byte(fullQuery), uint64(0))
	f.Add([]byte(`{"metrics":["indicator_progress"],"dimensions":["indicator","indicator_name","region_side"],"order":[{"by":"time"}],"time":{"grain":"year"}}`), uint64(5))
	f.Add([]byte(`{"metrics":["peak_in_park","load_ratio","visitors"],"dimensions":["spot_id","hour"],"time":{"from":"2024-01-01","to":"2024-01-02","grain":"5min"},"compare":"previous_period"}`), uint64(1<<40))
	f.Add([]byte(`{"metrics":["amount_net"],"filters":[{"dimension":"ticket_type","op":"starts_with","values":["'; DROP TABLE x; --"]},{"dimension":"day","op":"eq","values":["2024-01-01"]}]}`), uint64(0))
	f.Add([]byte("{\"metrics\":[\"output_per_mu\"],\"filters\":[{\"dimension\":\"park_kind\",\"op\":\"in\",\"values\":[\"`\",\"\\\\\",\"?\",1e400,true]}]}"), uint64(3))
	f.Add([]byte(`{"metrics":["tax_booked"],"dimensions":["region","side","park_id"],"time":{"from":"2024-01-01","to":"2025-01-01","grain":"month"},"filters":[{"dimension":"park_id","op":"eq","values":["500111-P05"]}]}`), uint64(7))
	f.Add([]byte(`{"metrics":["projects_overdue"],"dimensions":["half","stage"]}`), uint64(0))
	f.Fuzz(func(t *testing.T, body []byte, before uint64) {
		q, err := ParseQuery(body)
		if err != nil {
			return
		}
		p, err := a.plan(q, &everything)
		if err != nil {
			return
		}
		at := snapshot{asOf: before != 0, before: before, rolled: uint64(len(body)) % 3, complete: len(body)%2 == 0}
		if len(body)%5 > 1 {
			at.touched = map[string]*touched{"tourism_flow": {groups: []touchedGroup{{"500111-S01", 1_704_067_200_000}, {"' --", 1_714_492_800_000}}}}
		}
		s, err := a.tables.compile(p, at)
		if err != nil {
			t.Fatalf("planned and not compiled: %v", err)
		}
		sql := s.text.String()
		if token := foreign(a, sql); token != "" {
			t.Fatalf("%q in %s", token, sql)
		}
		if !strings.HasPrefix(sql, "SELECT ") || strings.Count(sql, "?") != len(s.args) {
			t.Fatalf("%d values in %s", len(s.args), sql)
		}
		for _, arg := range s.args {
			switch arg.(type) {
			case string, int64, uint64, float64, bool:
			default:
				t.Fatalf("%T is bound", arg)
			}
		}
	})
}

// FuzzRecordsCompile holds the same of record reads.
func FuzzRecordsCompile(f *testing.F) {
	a := offline(f)
	f.Add("region=500111&filter=entries:gte:5&fields=spot_id,_submission,in_park&from=2024-01-01&to=2024-02-01&limit=5", "tourism_flow", true)
	f.Add("filter=settlement_price:lt:12.50&filter=_agency:eq:x'&history=true", "ticket_recognition", false)
	f.Add("filter=_received_at:gt:2024-01-01T00:00:00Z&filter=_deleted:eq:true", "indicator_value", true)
	f.Fuzz(func(t *testing.T, query, dataset string, asOf bool) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		q, err := ParseRecordsParameters(dataset, values)
		if err != nil {
			return
		}
		p, err := a.planRecords(q, &everything)
		if err != nil {
			return
		}
		p.at = snapshot{asOf: asOf, before: 1 << 30}
		s := a.tables.compileRecords(p)
		if token := foreign(a, s.text.String()); token != "" || strings.Count(s.text.String(), "?") != len(s.args) {
			t.Fatalf("%q, %d values in %s", token, len(s.args), s.text.String())
		}
	})
}

func TestLimitsOfTheReaderAreExplained(t *testing.T) {
	f := newFixture(t, "tourism_flow")
	f.push("tourism_flow", flow("500111-S01", "2024-05-01 09:00", 5, 1), flow("500111-S01", "2024-05-01 09:05", 5, 1))
	for settings, problem := range map[string]string{
		"max_rows_to_read = 1": ProblemTooExpensive, "max_result_rows = 1": ProblemTooExpensive, "max_memory_usage = 1": ProblemTooExpensive,
	} {
		err := f.store.Reader().Exec(t.Context(), "SELECT * FROM "+f.tables.current("tourism_flow")+" SETTINGS "+settings)
		var wrong *QueryError
		if !errors.As(explain(err), &wrong) || wrong.Problem != problem || wrong.Remedy == "" {
			t.Errorf("%s: %v", settings, err)
		}
	}
	if err := f.store.Reader().Exec(t.Context(), "INSERT INTO "+f.tables.current("tourism_flow")+" (spot_id) VALUES ('x')"); err == nil {
		t.Error("the reader writes")
	}
}
