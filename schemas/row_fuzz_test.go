package schemas

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// The slow reference: encoding/json, big.Rat and regular expressions, with nothing in
// common with the decoder but the contract.

// slowRow reads one record; ok is false when it must be refused.
func slowRow(c *Contract, opt *DecodeOptions, line []byte) (row map[string]string, ok bool) {
	raw, ok := slowObject(line)
	if !ok {
		return nil, false
	}
	row = map[string]string{}
	for i := range c.Properties {
		prop := &c.Properties[i]
		value, there := raw[prop.Name]
		delete(raw, prop.Name)
		if !there || string(value) == "null" {
			if prop.Default == "" {
				continue
			}
			value = json.RawMessage(prop.Default)
		}
		text, ok := slowValue(prop, opt, value)
		if !ok {
			return nil, false
		}
		row[prop.Name] = text
	}
	if len(raw) > 0 {
		return nil, false
	}
	if c.RegionFrom >= 0 {
		spot, there := row[c.Properties[c.RegionFrom].Name]
		if !there {
			return nil, false
		}
		entry, _ := opt.Sender.Lists.List(c.Properties[c.RegionFrom].CodeList).Lookup(spot)
		name := c.Properties[c.Region].Name
		if given, there := row[name]; there && given != entry.Region {
			return nil, false
		}
		row[name] = entry.Region
		if !CoversRegion(opt.Sender.Regions, entry.Region) {
			return nil, false
		}
	}
	for i := range c.Properties {
		prop := &c.Properties[i]
		if _, there := row[prop.Name]; !there && (prop.Required || prop.KeyPosition > 0 || i == c.Region) {
			return nil, false
		}
	}
	return row, true
}

// slowObject splits an object, refusing what encoding/json lets pass: bad UTF-8,
// lone surrogates, the same name twice.
func slowObject(line []byte) (map[string]json.RawMessage, bool) {
	if !json.Valid(line) || !utf8.Valid(line) || loneSurrogate(string(line)) {
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return nil, false
	}
	fields := map[string]json.RawMessage{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, false
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, false
		}
		if _, twice := fields[name.(string)]; twice {
			return nil, false
		}
		fields[name.(string)] = value
	}
	return fields, true
}

var (
	escapes    = regexp.MustCompile(`\\(?:u[0-9a-fA-F]{4}|.)`)
	highPair   = regexp.MustCompile(`(?i)^\\ud[89ab]`)
	lowPair    = regexp.MustCompile(`(?i)^\\ud[c-f]`)
	jsonNumber = regexp.MustCompile(`^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$`)
	instants   = regexp.MustCompile(`^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)?)?$`)
)

func loneSurrogate(s string) bool {
	high := -1 // where a high half ended
	for _, at := range escapes.FindAllStringIndex(s, -1) {
		e := s[at[0]:at[1]]
		switch {
		case lowPair.MatchString(e):
			if high != at[0] {
				return true
			}
			high = -1
			continue
		case high >= 0:
			return true
		case highPair.MatchString(e):
			high = at[1]
		}
	}
	return high >= 0
}

func slowValue(prop *Property, opt *DecodeOptions, value json.RawMessage) (string, bool) {
	text := ""
	isText := value[0] == '"'
	if isText {
		if json.Unmarshal(value, &text) != nil {
			return "", false
		}
	}
	switch prop.Type {
	case TypeString:
		return text, isText && slowText(prop, opt, text)
	case TypeBoolean:
		return string(value), string(value) == "true" || string(value) == "false"
	case TypeTimestamp, TypeDate:
		if !isText {
			return "", false
		}
		return slowTime(prop, text)
	case TypeInteger:
		return slowNumber(prop, string(value), 0, big.NewInt(math.MinInt64), big.NewInt(math.MaxInt64))
	}
	if prop.Precision == 0 {
		v, err := strconv.ParseFloat(string(value), 64)
		low := prop.Minimum == "0" && v <= 0
		return strconv.FormatFloat(v, 'g', -1, 64), jsonNumber.Match(value) && err == nil && !low
	}
	if !isText {
		text = string(value)
	}
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(prop.Precision)), nil)
	limit.Sub(limit, big.NewInt(1))
	return slowNumber(prop, text, prop.Scale, new(big.Int).Neg(limit), limit)
}

func slowText(prop *Property, opt *DecodeOptions, text string) bool {
	n := utf8.RuneCountInString(text)
	if n < prop.MinLength || prop.MaxLength > 0 && n > prop.MaxLength || prop.Pattern != nil && !prop.Pattern.MatchString(text) {
		return false
	}
	if prop.CodeList != "" {
		_, found := opt.Sender.Lists.List(prop.CodeList).Lookup(text)
		return found
	}
	if prop.Enum != nil {
		return strings.Contains("|"+strings.Join(prop.Enum, "|")+"|", "|"+text+"|") && text != "" && !strings.Contains(text, "|")
	}
	return prop.KeyPosition == 0 || text != ""
}

func slowNumber(prop *Property, text string, scale int, low, high *big.Int) (string, bool) {
	if !jsonNumber.MatchString(text) {
		return "", false
	}
	if mantissa, e, found := strings.Cut(strings.ToLower(text), "e"); found {
		// big.Rat would spell such a power out in full.
		if n, err := strconv.Atoi(e); err != nil || n > 5000 || n < -5000 {
			if strings.Trim(mantissa, "-0.") != "" {
				return "", false
			}
			text = "0"
		}
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return "", false
	}
	for bound, sign := range map[string]int{prop.Minimum: 1, prop.Maximum: -1} {
		if bound == "" {
			continue
		}
		limit, _ := new(big.Rat).SetString(bound)
		if r.Cmp(limit)*sign < 0 {
			return "", false
		}
	}
	scaled := new(big.Rat).Mul(r, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)))
	if !scaled.IsInt() || scaled.Num().Cmp(low) < 0 || scaled.Num().Cmp(high) > 0 {
		return "", false
	}
	return r.FloatString(scale), true
}

func slowTime(prop *Property, text string) (string, bool) {
	m := instants.FindStringSubmatch(text)
	if m == nil || prop.Type == TypeDate && m[0] != m[1] {
		return "", false
	}
	day, err := time.Parse("2006-01-02", m[1])
	if err != nil {
		return "", false
	}
	if prop.Type == TypeDate {
		days := int(day.Unix() / 86400)
		return strconv.Itoa(days), days >= 10957 && day.Year() <= 2299
	}
	clock := m[2]
	if clock == "" {
		clock = "00:00:00"
	}
	t, err := time.Parse("2006-01-02 15:04:05", m[1]+" "+clock)
	if err != nil || len(m[3]) > 3 && strings.Trim(m[3][3:], "0") != "" {
		return "", false
	}
	switch {
	case m[4] == "":
		t = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, shanghai)
	case len(m[4]) == 6:
		hours, _ := strconv.Atoi(m[4][1:3])
		minutes, _ := strconv.Atoi(m[4][4:6])
		if hours > 23 || minutes > 59 {
			return "", false
		}
		offset := time.Duration(hours*60+minutes) * time.Minute
		if m[4][0] == '+' {
			offset = -offset
		}
		t = t.Add(offset)
	}
	ms, _ := strconv.Atoi((m[3] + "000")[:3])
	t = t.Add(time.Duration(ms) * time.Millisecond)
	return strconv.FormatInt(t.UnixMilli(), 10), t.UTC().Year() >= 1900 && t.UTC().Year() <= 2299
}

// FuzzDecodeNDJSON holds that a record is accepted exactly when the slow reference
// accepts it, with the same values, read back from the Native bytes.
func FuzzDecodeNDJSON(f *testing.F) {
	c := everything()
	p := mustCompile(f, c)
	opt := everyone()
	for _, line := range strings.Split(strings.TrimSpace(everythingRows), "\n") {
		f.Add([]byte(line))
	}
	for _, line := range rowSeeds {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if bytes.ContainsRune(line, '\n') || blank(line) {
			return
		}
		b := p.Batch()
		defer b.Release()
		d := p.Decode(b, line, FormatNDJSON, opt)
		row, ok := slowRow(c, opt, line)
		if ok != (b.Rows() == 1) || d.Records != 1 || d.Rejected+b.Rows() != 1 {
			t.Fatalf("kept %d rows, the reference says %v: %+v", b.Rows(), ok, d)
		}
		if !ok {
			if d.ErrorCount == 0 || d.Errors[0].Row != 1 || d.Errors[0].Code == "" || d.Errors[0].Message == "" {
				t.Fatalf("refused without a reason: %+v", d)
			}
			for _, e := range d.Errors {
				if !utf8.ValidString(e.Value) || len(e.Value) > maxErrorValue+len("…") {
					t.Fatalf("value %q", e.Value)
				}
			}
			return
		}
		data, columns := p.AppendColumns(nil, false, b)
		names, _, cells := readNative(t, data, columns, 1)
		for i, name := range names {
			want, there := row[name]
			if !there {
				want = null
			}
			if want == "0" && cells[i][0] == "-0" {
				want = "-0"
			}
			if cells[i][0] != want {
				t.Fatalf("%s is %q, the reference says %q", name, cells[i][0], want)
			}
		}
	})
}

// rowSeeds are records around the edges.
var rowSeeds = func() []string {
	const start = `{"spot":"512021-S99","at":"2024-10-01",`
	seeds := []string{`{}`, `[]`, `{"spot":`, `null`, "\xff", `{"spot":"512021-S99","at":"2024-10-01"} x`,
		`{"spot" : "512021-S99" , "at":"2024-02-30T00:00:00Z"}`, `{"spot":"\u0035\u00312021-S99","\u0061t":"2024-10-01t00:00:00z"}`}
	for _, field := range []string{
		`"money":1e400`, `"money":0e999999999`, `"money":1.005`, `"money":1.500`, `"money":-9999999999999999.99`, `"money":10000000000000000`, `"money":"1.0"`,
		`"huge":9999999999999999999999999999.9999999999`, `"huge":1E+27`, `"huge":1e-10`, `"huge":1e-11`, `"huge":-100000000000000000001`,
		`"small":180.0000001`, `"small":-180`, `"small":0.000001`, `"ratio":0`, `"ratio":-0`, `"ratio":1e-400`, `"ratio":1e308`, `"ratio":1e309`, `"ratio":9007199254740993`,
		`"count":1.0`, `"count":1e3`, `"count":1.5`, `"count":9223372036854775808`, `"count":-9223372036854775808`, `"count":-0`, `"count":01`, `"count":+1`, `"count":.5`, `"count":1.`, `"count":"1"`,
		`"note":"\ud83d\ude00好"`, `"note":"\ud83d好"`, `"note":"\udE00a"`, `"note":"a"`, `"note":"一二三四五六七"`, "\"note\":\"a\tb\"", `"note":"a\/b"`, `"note":"\x"`, `"note":"` + "\xc3\x28" + `"`,
		`"month":"2024-Q4"`, `"month":"2024-13"`, `"tags":"a;"`, `"level":""`, `"level":"B"`, `"day":"1999-12-31"`, `"day":"2100-02-29"`, `"day":"2024-10-01T00:00:00Z"`, `"open":1`, `"open":tru`,
		`"day":null`, `"open":"true"`, `"from":"500111"`, `"from":["500111"]`, `"region":"500111"`, `"step":0`, `"step":1440`, `"step":null`, `"spot":"512021-S01"`, `"other":{"a":[1,{"b":null}]}`, `"other":{"a":1,}`,
	} {
		seeds = append(seeds, start+field+"}")
	}
	for _, at := range []string{"2024-10-01T08:00:00.1234Z", "2024-10-01T08:00:00.1230Z", "2024-10-01T24:00:00Z", "2024-10-01T23:59:60Z", "1899-12-31T23:59:59Z", "2299-12-31T23:59:59.999Z",
		"2300-01-01T00:00:00+00:01", "0000-01-01", "1991-09-15 00:30:00", "1986-05-04 02:30:00", "2024-10-01 8:00:00", "2024-10-01T08:00:00+0800", "2024-10-01T08:00:00-23:59", "2024-10-01T08:00:00.Z", "20241001"} {
		seeds = append(seeds, fmt.Sprintf(`{"at":%q,"spot":"500111-S02"}`, at))
	}
	return seeds
}()
