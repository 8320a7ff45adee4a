package schemas

import (
	"fmt"
	"strings"
	"testing"
)

// ruled is a contract of many kinds with one rule.
func ruled(cel string) *Contract {
	return &Contract{
		ID: "ruled", Version: "1.0.0", Region: -1, RegionFrom: -1, Key: []int{0},
		Properties: []Property{
			{Name: "id", Type: TypeString, Required: true, KeyPosition: 1},
			{Name: "a", Type: TypeInteger}, {Name: "b", Type: TypeInteger},
			{Name: "p", Type: TypeNumber, Precision: 18, Scale: 2}, {Name: "q", Type: TypeNumber, Precision: 12, Scale: 4},
			{Name: "w", Type: TypeNumber, Precision: 38, Scale: 10},
			{Name: "f", Type: TypeNumber}, {Name: "ok", Type: TypeBoolean},
			{Name: "t", Type: TypeTimestamp}, {Name: "u", Type: TypeTimestamp}, {Name: "d", Type: TypeDate},
			{Name: "s", Type: TypeString}, {Name: "e", Type: TypeString, Enum: []string{"x", "y", "xyz"}},
		},
		Rules: []Rule{{Name: "r", CEL: cel, Message: "不合规则", MessageEN: "breaks it"}},
	}
}

func decodeOne(t testing.TB, p *Plan, record string) Decoded {
	t.Helper()
	b := p.Batch()
	defer b.Release()
	return p.Decode(b, []byte(record), FormatNDJSON, nil)
}

func TestRulesHoldOrBreakAsTheirAuthorMeant(t *testing.T) {
	f := func(cel string, typed bool, good, bad string) {
		t.Helper()
		p := mustCompile(t, ruled(cel))
		if p.rules[0].typed != typed {
			t.Errorf("%s: typed is %v", cel, p.rules[0].typed)
		}
		for _, fields := range strings.Split(good, " / ") {
			if d := decodeOne(t, p, `{"id":"1"`+fields+"}"); d.Rejected != 0 {
				t.Errorf("%s refuses %s: %+v", cel, fields, d.Errors)
			}
		}
		for _, fields := range strings.Split(bad, " / ") {
			if d := decodeOne(t, p, `{"id":"1"`+fields+"}"); d.Rejected != 1 || d.Errors[0].Code != CodeRule || d.Errors[0].In("en").Message != "breaks it" {
				t.Errorf("%s takes %s: %+v", cel, fields, d.Errors)
			}
		}
	}
	const typed, slow = true, false
	// Columns and constants; what is absent is no offence.
	f("a <= b", typed, `,"a":1,"b":1 / ,"a":9 / `, `,"a":2,"b":1`)
	f("a > 5", typed, `,"a":6 / `, `,"a":5`)
	f("5 > a", typed, `,"a":4`, `,"a":5`)
	f("a != b && a > 0", typed, `,"a":1,"b":2`, `,"a":1,"b":1 / ,"a":0,"b":1`)
	f("a > 0 || b > 0", typed, `,"a":1,"b":0 / ,"b":0`, `,"a":0,"b":0`)
	f("has(a) || has(b)", typed, `,"a":1 / ,"b":1`, ` / ,"p":1`)
	f("!has(a) || b == a", typed, ` / ,"b":1 / ,"a":1,"b":1`, `,"a":1,"b":2`)
	f("a == null || a > 1", typed, ` / ,"a":2`, `,"a":1`)
	f("a > 0 ? b > 0 : b < 0", typed, `,"a":1,"b":1 / ,"a":0,"b":-1 / ,"b":5`, `,"a":1,"b":0`)
	f("ok", typed, `,"ok":true`, `,"ok":false`)
	f("ok == (a > 1)", typed, `,"ok":true,"a":2 / ,"ok":false,"a":1`, `,"ok":true,"a":1`)
	// Exact decimals: 0.1 + 0.2 is 0.3 here.
	f("p + q == 0.3", typed, `,"p":0.1,"q":0.2`, `,"p":0.1,"q":0.2001`)
	f("p <= q", typed, `,"p":0.12,"q":0.1200 / ,"p":-1,"q":-0.9999`, `,"p":0.12,"q":0.1199`)
	f("p * a == q", typed, `,"p":1.5,"a":3,"q":4.5`, `,"p":1.5,"a":3,"q":4.5001`)
	f("p - a >= -0.005", typed, `,"p":1,"a":1`, `,"p":0.99,"a":1`)
	f("p < 0.005", typed, `,"p":0.00`, `,"p":0.01`)
	f("w > p", typed, `,"w":0.0000000001,"p":0 / ,"w":9999999999999999999999999999.9999999999,"p":1`, `,"w":0.0000000001,"p":0.01 / ,"w":-9999999999999999999999999999,"p":1`)
	f("w * w > 1", typed, `,"w":2`, `,"w":1 / ,"w":9999999999999999999999999999`) // the last has no value
	f("-a < b", typed, `,"a":1,"b":0`, `,"a":-1,"b":0`)
	f("a + b > 0", typed, `,"a":9223372036854775807,"b":1`, `,"a":-9223372036854775808,"b":-1`)
	// Floats, as CEL compares them.
	f("f >= 0.5", typed, `,"f":0.5 / ,"f":1`, `,"f":0.4999`)
	f("f > a", typed, `,"f":1.5,"a":1`, `,"f":1,"a":1`)
	// Instants and days.
	f("t <= u", typed, `,"t":"2024-10-01","u":"2024-09-30T16:00:00Z"`, `,"t":"2024-10-01","u":"2024-09-30T15:59:59Z"`)
	f("d <= t", typed, `,"d":"2024-10-01","t":"2024-10-01T00:00:00+08:00"`, `,"d":"2024-10-01","t":"2024-09-30T23:59:59+08:00"`)
	f("t >= timestamp('2024-01-01T00:00:00+08:00')", typed, `,"t":"2024-01-01"`, `,"t":"2023-12-31T23:59:59+08:00"`)
	f("d < timestamp('2024-01-01T00:00:00+08:00')", typed, `,"d":"2023-12-31"`, `,"d":"2024-01-01"`)
	// Text.
	f("s == e", typed, `,"s":"x","e":"x"`, `,"s":"x","e":"y"`)
	f("s.startsWith(e)", typed, `,"s":"xyz","e":"x"`, `,"s":"xyz","e":"y"`)
	f("e in ['x', 'y']", typed, `,"e":"y"`, `,"e":"xyz"`)
	f("a in [1, 2]", typed, `,"a":2`, `,"a":3`)
	f("e != 'x' || s < 'm'", typed, `,"e":"y" / ,"e":"x","s":"a"`, `,"e":"x","s":"z"`)
	// What only cel-go knows.
	f("size(s) <= 3", slow, `,"s":"一二三" / `, `,"s":"一二三四"`)
	f("s.matches('^[a-z]+$') && (!has(a) || a % 2 == 0)", slow, `,"s":"ab" / ,"s":"ab","a":2 / ,"a":4`, `,"s":"AB" / ,"s":"ab","a":1`)
	f("a / b == 2", slow, `,"a":4,"b":2`, `,"a":4,"b":0`)
	f("t.getFullYear('Asia/Shanghai') == 2024", slow, `,"t":"2024-01-01"`, `,"t":"2023-12-31"`)
	f("e.endsWith('z') == ok", slow, `,"e":"xyz","ok":true`, `,"e":"x","ok":true`)
}

func TestRulesThatCannotBeExactAreRefusedWhenCompiled(t *testing.T) {
	f := func(cel, want string) {
		t.Helper()
		if _, err := Compile(ruled(cel)); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `rule "r"`) {
			t.Errorf("%s: %v", cel, err)
		}
	}
	f("p / q > 1", "decimal p")
	f("double(p) > 1.5", "decimal p")
	f("p > f", "decimal p")
	f("a + 1", "must be true or false")
	f("nothing > 1", "undeclared reference to 'nothing'")
	f("s > 1", "no matching overload")
	f("a >", "Syntax error")
}

func TestABrokenRuleBlamesItsFirstField(t *testing.T) {
	c := ruled("a <= b")
	if d := decodeOne(t, mustCompile(t, c), `{"id":"1","a":2,"b":1}`); d.Errors[0].Field != "a" || d.Errors[0].Value != "2" {
		t.Errorf("%+v", d.Errors)
	}
	c.Rules[0].Fields = []string{"b", "a"}
	if d := decodeOne(t, mustCompile(t, c), `{"id":"1","a":2,"b":1}`); d.Errors[0].Field != "b" || d.Errors[0].Value != "1" {
		t.Errorf("%+v", d.Errors)
	}
}

// Typed rules and cel-go must give the same verdict on every row of a grid of values.
func TestTypedRulesAgreeWithCEL(t *testing.T) {
	for _, cel := range []string{"a <= b", "a < 1 || b >= 1", "!(a == b) && has(f)", "f < a ? ok : !ok", "a - b != 1", "s == e || e in ['x']", "f >= 0.5 && t < u", "!has(a) || !has(b) || a + b > 0"} {
		p := mustCompile(t, ruled(cel))
		env, err := ruleEnv(p)
		if err != nil {
			t.Fatal(err)
		}
		checked, issues := env.Compile(cel)
		if issues.Err() != nil {
			t.Fatal(issues.Err())
		}
		reads, _ := p.reads(checked.NativeRep().Expr())
		reference, err := celCheck(p, env, checked, reads)
		if err != nil {
			t.Fatal(err)
		}
		slow := mustCompile(t, ruled(cel))
		slow.rules[0].check = reference
		values := map[string][]string{"a": {"", "0", "1", "2"}, "b": {"", "0", "1"}, "f": {"", "0.5", "1"}, "ok": {"", "true", "false"}, "s": {"", `"x"`}, "e": {"", `"x"`, `"y"`}, "t": {"", `"2024-10-01"`}, "u": {"", `"2024-10-02"`}}
		records := []string{`{"id":"1"`}
		for _, at := range reads {
			name := p.fields[at].name
			var next []string
			for _, head := range records {
				for _, v := range values[name] {
					if v == "" {
						next = append(next, head)
					} else {
						next = append(next, fmt.Sprintf("%s,%q:%s", head, name, v))
					}
				}
			}
			records = next
		}
		for _, record := range records {
			if fast, want := decodeOne(t, p, record+"}"), decodeOne(t, slow, record+"}"); fast.Rejected != want.Rejected {
				t.Errorf("%s on %s}: typed refuses %d, cel-go %d", cel, record, fast.Rejected, want.Rejected)
			}
		}
	}
}
