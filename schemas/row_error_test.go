package schemas

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestErrorsNameRowFieldValueAndRemedy goes through every code a record can earn.
func TestErrorsNameRowFieldValueAndRemedy(t *testing.T) {
	p := mustCompile(t, everything())
	b := p.Batch()
	defer b.Release()
	const good = `{"spot":"512021-S99","at":"2024-10-01"}` + "\n"
	f := func(record, field, code, value, remedy string) {
		t.Helper()
		d := p.Decode(b, []byte(good+record+"\n"+good), FormatNDJSON, everyone())
		if d.Records != 3 || d.Rejected != 1 || b.Rows() != 2 || len(d.Errors) == 0 {
			t.Errorf("%s: %+v", record, d)
			return
		}
		e := d.Errors[0]
		if e.Row != 2 || e.Line != 2 || e.Field != field || e.Code != code || e.Value != value {
			t.Errorf("%s:\n%+v", record, e)
		}
		en := e.In("en-GB")
		if !strings.Contains(en.Message, remedy) || en.Message == e.Message || e.In("zh").Message != e.Message {
			t.Errorf("%s: %q / %q", record, e.Message, en.Message)
		}
	}
	const key = `{"spot":"512021-S99","at":"2024-10-01",`
	// Presence.
	f(`{"at":"2024-10-01"}`, "spot", CodeRequired, "", "give it a value")
	f(`{"spot":null,"at":"2024-10-01","region":"512021"}`, "spot", CodeRequired, "", "give it a value")
	f(`{"spot":"512021-S99"}`, "at", CodeRequired, "", "give it a value")
	f(key+`"notes":"ab"}`, "notes", CodeUnknownField, "", "did you mean note")
	f(key+`"zzzzzzzz":[1,{"a":2}]}`, "zzzzzzzz", CodeUnknownField, "", "remove it")
	f(key+`"at":"2024-10-02"}`, "at", CodeDuplicateField, `"2024-10-02"`, "keep one")
	// Types.
	f(key+`"count":"12"}`, "count", CodeType, `"12"`, "whole number")
	f(key+`"count":1.5}`, "count", CodeType, "1.5", "whole number")
	f(key+`"money":"1,000"}`, "money", CodeType, "1,000", "separators")
	f(key+`"money":true}`, "money", CodeType, "true", "decimal")
	f(key+`"open":1}`, "open", CodeType, "1", "true or false")
	f(key+`"note":{"a":1}}`, "note", CodeType, `{"a":1}`, "double quotes")
	f(key+`"ratio":"0.5"}`, "ratio", CodeType, `"0.5"`, "number")
	// Ranges and precision.
	f(key+`"step":1441}`, "step", CodeRange, "1441", "1 to 1440")
	f(key+`"count":9223372036854775808}`, "count", CodeRange, "9223372036854775808", "check the value")
	f(key+`"ratio":0}`, "ratio", CodeRange, "0", "outside 0 to")
	f(key+`"huge":-100000000000000000001}`, "huge", CodeRange, "-100000000000000000001", "-1e20")
	f(key+`"money":0.125}`, "money", CodePrecision, "0.125", "18 digits, 2 of them")
	f(key+`"money":10000000000000000.00}`, "money", CodePrecision, "10000000000000000.00", "18 digits")
	f(key+`"money":1e99}`, "money", CodePrecision, "1e99", "18 digits")
	// Times.
	f(`{"spot":"512021-S99","at":"2024-02-31T00:00:00Z"}`, "at", CodeInvalidTime, "2024-02-31T00:00:00Z", "write 2024-10-01T08:00:00+08:00")
	f(`{"spot":"512021-S99","at":"2024-02-28T00:00:00.0001Z"}`, "at", CodePrecision, "2024-02-28T00:00:00.0001Z", "millisecond")
	f(`{"spot":"512021-S99","at":"1899-12-31"}`, "at", CodeRange, "1899-12-31", "outside")
	f(key+`"day":"2023-02-29"}`, "day", CodeInvalidTime, "2023-02-29", "YYYY-MM-DD")
	f(key+`"day":"1999-12-31"}`, "day", CodeRange, "1999-12-31", "2000-01-01 to 2299-12-31")
	// Text.
	f(key+`"note":"长长长长长长长"}`, "note", CodeLength, "长长长长长长长", "has 7 characters, 2 to 6")
	f(key+`"month":"2024-1"}`, "month", CodePattern, "2024-1", "must match")
	f(key+`"level":"AAB"}`, "level", CodeUnknownCode, "AAB", "is not one of A, AA, AAA; did you mean AA")
	f(`{"spot":"512021-S98","at":"2024-10-01"}`, "spot", CodeUnknownCode, "512021-S98", "reference list scenic_spot; did you mean 512021-S99")
	f(key+"\"note\":\"a\xff\"}", "note", CodeInvalidUTF8, "a\uFFFD", "GB18030")
	f(key+`"note":"\ud800\ud800"}`, "note", CodeInvalidUTF8, "\uFFFD\uFFFD", "UTF-8")
	// Regions.
	f(key+`"region":"500111"}`, "region", CodeRegionMismatch, "500111", "send 512021 or leave the field out")
	// JSON itself.
	f(`{"spot":"512021-S99" "at":"2024-10-01"}`, "", CodeInvalidJSON, `"spot":"512021-S99" "at":"2024-10-01"}`, "byte 22: a comma")
	f(`[1]`, "", CodeInvalidJSON, "[1]", "must be a JSON object")
	f(good[:len(good)-1]+"{}", "", CodeInvalidJSON, `","at":"2024-10-01"}{}`, "one object a line")
}

func TestRegionOutsideTheSendersIsRefused(t *testing.T) {
	p := mustCompile(t, everything())
	b := p.Batch()
	defer b.Release()
	opt := everyone()
	for _, regions := range [][]string{nil, {"500111"}, {"500000"}} {
		opt.Sender.Regions = regions
		d := p.Decode(b, []byte(everythingRows), FormatNDJSON, opt)
		if d.Rejected != 3-len(regions) || d.Errors[0].Code != CodeRegionNotAllowed || d.Errors[0].Value != "512021" {
			t.Errorf("%v: %+v", regions, d.Errors)
		}
	}
}

func TestEveryBadFieldOfARowIsNamed(t *testing.T) {
	p := mustCompile(t, everything())
	b := p.Batch()
	defer b.Release()
	d := p.Decode(b, []byte(`{"spot":"x","step":0,"count":"a","money":0.001,"day":"2024-13-01"}`), FormatNDJSON, everyone())
	var got []string
	for _, e := range d.Errors {
		got = append(got, e.Field+" "+e.Code)
	}
	want := "spot unknown_code, step range, count type, money precision, day invalid_time, at required"
	if strings.Join(got, ", ") != want || d.ErrorCount != 6 || d.Rejected != 1 {
		t.Errorf("%v, want %s", got, want)
	}
}

func TestErrorsAreCountedBeyondTheirLimit(t *testing.T) {
	p := mustCompile(t, flow())
	b := p.Batch()
	defer b.Release()
	opt := &DecodeOptions{MaxErrors: 3, Partial: true, Sender: Sender{Lists: spots()}}
	d := p.Decode(b, flowNDJSON(50), FormatNDJSON, opt)
	if len(d.Errors) != 3 || d.ErrorCount != 50+24 || d.Rejected != 50 || len(d.Quarantine) != 50 {
		t.Fatalf("%d described, %d counted, %d rejected, %d kept apart", len(d.Errors), d.ErrorCount, d.Rejected, len(d.Quarantine))
	}
	last := d.Quarantine[49]
	if last.Row != 50 || last.Reason.Code == "" || last.Reason.Row != 50 || !strings.HasPrefix(string(last.Raw), `{"spot_id"`) {
		t.Errorf("%+v", last)
	}
	d.Shift(1000, 2000)
	if d.Errors[0].Row != 1001 || d.Errors[0].Line != 2001 || d.Quarantine[49].Row != 1050 || d.Quarantine[49].Reason.Row != 1050 {
		t.Errorf("shifted to %+v %+v", d.Errors[0], d.Quarantine[49])
	}
}

func TestQuotedValuesAreCutAtACharacter(t *testing.T) {
	for _, v := range []string{strings.Repeat("好", 100), strings.Repeat("a", 199) + "好", strings.Repeat("\xff", 300), strings.Repeat("a", 200)} {
		got := quote([]byte(v))
		if !utf8.ValidString(got) || len(strings.TrimSuffix(got, "…")) > maxErrorValue || strings.HasSuffix(got, "…") != (len(v) > maxErrorValue) {
			t.Errorf("%d bytes became %q", len(v), got)
		}
	}
}

func TestUniqueHoldsWithinASubmission(t *testing.T) {
	c := everything()
	c.Properties[14].Unique = true
	p := mustCompile(t, c)
	b, other := p.Batch(), p.Batch()
	const row = `{"spot":"512021-S99","at":"2024-10-01","count":7}` + "\n"
	const bad = `{"spot":"512021-S99","at":"2024-10-41","count":8}` + "\n"
	const absent = `{"spot":"512021-S99","at":"2024-10-01"}` + "\n"
	opt := everyone()
	opt.Unique = p.Unique()
	d := p.Decode(b, []byte(row+bad+absent+absent+strings.ReplaceAll(row, "7", "8")+row), FormatNDJSON, opt)
	if b.Rows() != 4 || d.Rejected != 2 || d.Errors[1].Code != CodeDuplicateKey || d.Errors[1].Row != 6 || d.Errors[1].Value != "7" {
		t.Errorf("%+v", d)
	}
	if d := p.Decode(other, []byte(row), FormatNDJSON, opt); d.Rejected != 1 {
		t.Errorf("the next chunk may repeat a value: %+v", d)
	}
	opt.Unique = nil
	if d := p.Decode(other, []byte(row), FormatNDJSON, opt); d.Rejected != 0 {
		t.Errorf("another submission may not repeat a value: %+v", d)
	}
}

func TestListAttributeSaysWhichDatasetASpotMayPush(t *testing.T) {
	c := everything()
	c.Properties[0].ListAttr, c.Properties[0].ListAttrValue = "ticket_reporting", "daily"
	p := mustCompile(t, c)
	b := p.Batch()
	defer b.Release()
	list := func(reporting string) *DecodeOptions {
		return &DecodeOptions{Sender: Sender{Regions: []string{"512000"}, Lists: NewLists(1, NewList("scenic_spot",
			[]ListEntry{{Code: "512021-S99", Region: "512021", Attrs: map[string]string{"ticket_reporting": reporting}}}))}}
	}
	row := []byte(`{"spot":"512021-S99","at":"2024-10-01"}`)
	if d := p.Decode(b, row, FormatNDJSON, list("single")); d.Rejected != 1 || d.Errors[0].Code != CodeListAttribute {
		t.Errorf("%+v", d)
	}
	// A later snapshot counts, though the batch has seen another.
	if d := p.Decode(b, row, FormatNDJSON, list("daily")); d.Rejected != 0 {
		t.Errorf("%+v", d)
	}
}

func TestRetractionsHoldTheKeyOnly(t *testing.T) {
	p := mustCompile(t, everything())
	b := p.Batch()
	defer b.Release()
	opt := everyone()
	opt.KeysOnly = true
	d := p.Decode(b, []byte(`{"spot":"512021-S99","at":"2024-10-01"}
{"spot":"512021-S99","at":"2024-10-01","step":5,"region":"512021"}
{"spot":"512021-S99","at":"2024-10-01","count":1}
{"spot":"512021-S99"}
`), FormatNDJSON, opt)
	if b.Rows() != 2 || d.Errors[0].Code != CodeUnknownField || d.Errors[1].Code != CodeRequired {
		t.Fatalf("%+v", d)
	}
	if h := b.KeyHashes(); h[0] != h[1] {
		t.Error("the default of a key property is not part of the key")
	}
	data, columns := p.AppendColumns(nil, true, b)
	names, _, cells := readNative(t, data, columns, 2)
	for i, column := range p.KeyColumns() {
		if names[i] != column.Name {
			t.Errorf("column %d is %s, not %s", i, names[i], column.Name)
		}
	}
	if columns != 4 || cells[2][0] != "5" || cells[3][0] != "512021" {
		t.Errorf("%v %v", names, cells)
	}
}
