package schemas

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// gate is a small contract that each test damages in one place.
const gate = `apiVersion: v3.1.0
kind: DataContract
id: gate
name: 闸机
version: 1.2.0
status: active
domain: tourism
customProperties:
  - {property: zidaLabelEn, value: Gate}
slaProperties:
  - {property: freshness, value: 4, unit: hours}
schema:
  - name: gate
    properties:
      - name: gate_id
        businessName: 编号
        logicalType: string
        logicalTypeOptions: {minLength: 2, maxLength: 8, pattern: "^[A-Z0-9-]+$"}
        required: true
        primaryKey: true
        primaryKeyPosition: 1
        classification: sensitive
        examples: [G-01]
        customProperties:
          - {property: zidaLabelEn, value: Gate}
      - name: at
        businessName: 时刻
        logicalType: timestamp
        required: true
        primaryKey: true
        primaryKeyPosition: 2
        partitioned: true
        examples: ["2025-10-01T00:00:00Z"]
        customProperties:
          - {property: zidaLabelEn, value: At}
          - {property: zidaTime, value: true}
      - name: region
        businessName: 区划
        logicalType: string
        required: true
        examples: ["500111"]
        customProperties:
          - {property: zidaLabelEn, value: Region}
          - {property: zidaRegion, value: true}
      - name: fee
        businessName: 费用
        logicalType: number
        logicalTypeOptions: {exclusiveMinimum: 0, maximum: 9999999999999999.99}
        examples: ["1.50", 2]
        customProperties:
          - {property: zidaLabelEn, value: Fee}
          - {property: zidaDecimal, value: {precision: 18, scale: 2}}
          - {property: zidaUnit, value: 元}
      - name: kind
        businessName: 类别
        logicalType: string
        examples: [in]
        quality:
          - {type: library, metric: invalidValues, mustBe: 0, arguments: {validValues: [in, out]}}
        customProperties:
          - {property: zidaLabelEn, value: Kind}
          - {property: zidaDefault, value: in}
    quality:
      - name: fee_of_exit
        type: custom
        engine: cel
        description: 出口不收费。
        implementation: kind != "out" || !has(fee)
        customProperties:
          - {property: zidaMessageEn, value: An exit takes no fee.}
`

func TestParseContractReadsEveryPart(t *testing.T) {
	c, err := ParseContract([]byte(gate))
	if err != nil {
		t.Fatal(err)
	}
	if c.ID != "gate" || c.Name != "闸机" || c.NameEN != "Gate" || c.Version != "1.2.0" || c.Freshness != 4*time.Hour {
		t.Errorf("header: %+v", c)
	}
	if !slices.Equal(c.Key, []int{0, 1}) || c.Region != 2 || c.RegionFrom != -1 || c.Time != 1 || c.Partition != 1 {
		t.Errorf("key %v, region %d from %d, time %d, partition %d", c.Key, c.Region, c.RegionFrom, c.Time, c.Partition)
	}
	id, fee, kind := c.Properties[0], c.Properties[3], c.Properties[4]
	if id.MinLength != 2 || id.MaxLength != 8 || id.Pattern.String() != "^[A-Z0-9-]+$" || id.Classification != Sensitive || id.KeyPosition != 1 {
		t.Errorf("gate_id: %+v", id)
	}
	// The bound has 18 digits: it must not have gone through a float.
	if fee.Minimum != "0" || !fee.ExclusiveMinimum || fee.Maximum != "9999999999999999.99" || fee.ExclusiveMaximum ||
		fee.Precision != 18 || fee.Scale != 2 || fee.Unit != "元" || fee.Classification != Internal {
		t.Errorf("fee: %+v", fee)
	}
	if !slices.Equal(kind.Enum, []string{"in", "out"}) || kind.Default != "in" || !kind.LowCardinality || !slices.Equal(fee.Examples, []string{"1.50", "2"}) {
		t.Errorf("kind: %+v", kind)
	}
	if len(c.Rules) != 1 || !slices.Equal(c.Rules[0].Fields, []string{"kind", "fee"}) || c.Rules[0].MessageEN != "An exit takes no fee." {
		t.Errorf("rules: %+v", c.Rules)
	}
	if string(c.ODCS()) != gate {
		t.Error("ODCS is not the text that was loaded")
	}
}

func TestMarksMayStandOnTheObjectToo(t *testing.T) {
	source := strings.NewReplacer("          - {property: zidaTime, value: true}\n", "", "          - {property: zidaRegion, value: true}\n", "",
		"  - {property: zidaLabelEn, value: Gate}\nsla", "  - {property: zidaLabelEn, value: Gate}\n  - {property: zidaRegion, value: region}\n  - {property: zidaTime, value: at}\nsla").Replace(gate)
	c, err := ParseContract([]byte(source))
	if err != nil {
		t.Fatal(err)
	}
	if c.Region != 2 || c.Time != 1 {
		t.Errorf("region %d, time %d", c.Region, c.Time)
	}
}

func TestQualityOfAPropertyBecomesItsLimits(t *testing.T) {
	const kind = "          - {type: library, metric: invalidValues, mustBe: 0, arguments: {validValues: [in, out]}}\n"
	c := parsed(t, kind, `          - {metric: invalidValues, mustBe: 0, arguments: {pattern: "^(in|out)$"}}
          - {metric: nullValues, mustBe: 0}
          - {metric: duplicateValues, mustBe: 0}
          - {type: text, description: 由值班员填写}
          - type: custom
            engine: cel
            name: kind_by_fee
            description: 请核对。
            implementation: "!has(fee) || kind == 'in'"
            customProperties: [{property: zidaMessageEn, value: Check both.}]
`)
	p := c.Properties[4]
	if p.Pattern == nil || !p.Required || !p.Unique || len(p.Enum) > 0 {
		t.Errorf("kind: %+v", p)
	}
	// The property the rule stands on is blamed, though another is read first.
	if len(c.Rules) != 2 || !slices.Equal(c.Rules[0].Fields, []string{"kind", "fee"}) {
		t.Errorf("rules: %+v", c.Rules)
	}
}

// badContracts: what is replaced in gate, by what, and a part of the answer.
var badContracts = []struct{ name, old, new, want string }{
	{"no YAML", "apiVersion: v3.1.0", "apiVersion: [", "not YAML"},
	{"not of the standard", "kind: DataContract", "kind: Dataset", "kind: value must be 'DataContract'"},
	{"unknown member", "domain: tourism", "domain: tourism\nowner: me", "additional properties 'owner' not allowed"},
	{"wrong kind of value", "version: 1.2.0", "version: 1.2", "version: got number, want string"},
	{"older standard", "apiVersion: v3.1.0", "apiVersion: v3.0.2", "write v3.1.0"},
	{"id with capitals", "id: gate", "id: Gate", "is not a dataset id"},
	{"id of a history table", "id: gate", "id: gate_history", "not ending in _history"},
	{"id of the hub's own table", "id: gate", "id: submissions", "the hub keeps itself"},
	{"unknown member of a property", "        businessName: 费用\n", "        businessName: 费用\n        nullable: true\n", "schema[0].properties.fee.nullable: is not a member that the standard has here"},
	{"no semver", "version: 1.2.0", "version: v1", "is not a semantic version"},
	{"unknown status", "status: active", "status: live", "use one of proposed"},
	{"no domain", "domain: tourism\n", "", "is not a domain"},
	{"no English name", "  - {property: zidaLabelEn, value: Gate}\nsla", "  - {property: x, value: y}\nsla", "zidaLabelEn is missing"},
	{"no Chinese name", "name: 闸机\n", "", "give the dataset's Chinese name"},
	{"object of another name", "  - name: gate\n", "  - name: door\n", `schema[0].name: is "door"`},
	{"two objects", "    quality:\n      - name: fee", "  - name: more\n    quality:\n      - name: fee", "exactly one dataset"},
	{"unknown zida property", "property: zidaUnit,", "property: zidaUnitt,", "zidaUnitt: is not a custom property that zida knows here"},
	{"zida property in the wrong place", "property: zidaUnit,", "property: zidaReference,", "is not a custom property that zida knows here"},
	{"zida property twice", "          - {property: zidaUnit, value: 元}", "          - {property: zidaUnit, value: 元}\n          - {property: zidaUnit, value: 角}", "is there twice"},
	{"lineage name", "name: kind\n", "name: _kind\n", "lineage columns"},
	{"capitals in a name", "name: kind\n", "name: Kind\n", "is not a property name"},
	{"word of the rule language", "name: kind\n", "name: in\n", "word of the rule language"},
	{"same name twice", "name: kind\n", "name: fee\n", "is there twice"},
	{"no Chinese label", "        businessName: 费用\n", "", "fee.businessName: is missing"},
	{"no English label", "          - {property: zidaLabelEn, value: Fee}\n", "", "fee.customProperties: zidaLabelEn is missing"},
	{"no examples", "        examples: [in]\n", "", "kind.examples: is missing"},
	{"example that breaks the list", "examples: [in]", "examples: [up]", `"up" is none of in, out`},
	{"example that does not fit", `examples: ["1.50", 2]`, `examples: ["1.505"]`, "does not fit 18 digits"},
	{"example below the bound", `examples: ["1.50", 2]`, "examples: [0]", "is below 0"},
	{"example that is too long", "examples: [G-01]", "examples: [G-0123456]", "may have 8"},
	{"example against the pattern", "examples: [G-01]", "examples: [g-01]", "does not match"},
	{"example that is no time", `["2025-10-01T00:00:00Z"]`, `["2025-02-31T00:00:00Z"]`, "RFC 3339"},
	{"default outside the list", "value: in}", "value: up}", "give a default that the hub would accept"},
	{"time of day", "logicalType: timestamp", "logicalType: time", "cannot be a column"},
	{"no type", "        logicalType: timestamp\n", "", "use string, integer, number"},
	{"classification", "classification: sensitive", "classification: secret", "use public, internal, sensitive or core"},
	{"key without position", "        primaryKeyPosition: 1\n", "", "number the key's properties"},
	{"position without key", "        primaryKey: true\n        primaryKeyPosition: 1\n", "        primaryKeyPosition: 1\n", "write primaryKey: true"},
	{"gap in the key", "primaryKeyPosition: 2", "primaryKeyPosition: 3", "without a gap"},
	{"position taken", "primaryKeyPosition: 2", "primaryKeyPosition: 1", "1 is taken"},
	{"optional key", "        required: true\n        primaryKey: true\n        primaryKeyPosition: 1", "        primaryKey: true\n        primaryKeyPosition: 1", "in the primary key but may be absent"},
	{"pattern outside RE2", "^[A-Z0-9-]+$", "^(?!X)[A-Z0-9-]+$", "the pattern of gate_id is not RE2"},
	{"back-reference", "^[A-Z0-9-]+$", `^([A-Z])\\1$`, "look-behind and back-references"},
	{"pattern on a number", "{exclusiveMinimum: 0,", `{pattern: "x",`, "additional properties 'pattern' not allowed"},
	{"lengths crossed", "maxLength: 8", "maxLength: 1", "1 leaves no value"},
	{"bounds crossed", "exclusiveMinimum: 0, maximum: 9999999999999999.99", "exclusiveMinimum: 5, maximum: 5", "no value lies between"},
	{"two lower bounds", "{exclusiveMinimum: 0,", "{exclusiveMinimum: 0, minimum: 1,", "leave one of the two"},
	{"bound that does not fit", "maximum: 9999999999999999.99", "maximum: 99999999999999999.99", "does not fit 18 digits"},
	{"bound in exponents", "maximum: 9999999999999999.99", "maximum: 1.5e+9", "not a plain decimal"},
	{"multipleOf", "{exclusiveMinimum: 0,", "{multipleOf: 5,", "is not checked by zida"},
	{"format", "minLength: 2,", "format: email,", `"email" is not checked by zida`},
	{"decimal too wide", "precision: 18", "precision: 39", "1 to 38 digits"},
	{"scale above precision", "scale: 2", "scale: 19", "is not a decimal's size"},
	{"decimal on a string", "          - {property: zidaLabelEn, value: Kind}", "          - {property: zidaLabelEn, value: Kind}\n          - {property: zidaDecimal, value: {precision: 9, scale: 2}}", "write logicalType: number"},
	{"code list's id", "          - {property: zidaLabelEn, value: Kind}", "          - {property: zidaLabelEn, value: Kind}\n          - {property: zidaCodeList, value: A-B}", "is not a list's id"},
	{"list attribute without a list", "          - {property: zidaLabelEn, value: Kind}", "          - {property: zidaLabelEn, value: Kind}\n          - {property: zidaListAttribute, value: a=b}", "with a zidaCodeList"},
	{"label of no value", kindLabel, labelled("{value: up, label: 上, label_en: Up}"), `"up" is none of the property's values`},
	{"two labels of a value", kindLabel, labelled("{value: in, label: 进, label_en: In}", "{value: in, label: 入, label_en: Entry}"), `"in" has a label already`},
	{"label in one language", kindLabel, labelled("{value: in, label: 进}"), `the label of "in" is not given in both languages`},
	{"label of a property without a list", "          - {property: zidaLabelEn, value: Fee}", strings.Replace(labelled("{value: in, label: 进, label_en: In}"), "Kind", "Fee", 1), "label a value of validValues"},
	{"labels that are no list", kindLabel, kindLabel + "\n          - {property: zidaValueLabels, value: 进}", "is no list of labels"},
	{"period on a time", "          - {property: zidaTime, value: true}", "          - {property: zidaTime, value: true}\n          - {property: zidaPeriod, value: month}", "write year, half, quarter, month or period, on a string"},
	{"no region", "          - {property: zidaRegion, value: true}\n", "", "no property is the region"},
	{"two regions", "          - {property: zidaLabelEn, value: Kind}", "          - {property: zidaLabelEn, value: Kind}\n          - {property: zidaRegion, value: true}", "mark one property only"},
	{"region that nothing fills in", "        logicalType: string\n        required: true\n        examples: [\"500111\"]", "        logicalType: string\n        examples: [\"500111\"]", "may be absent"},
	{"time on a text", "          - {property: zidaLabelEn, value: Kind}", "          - {property: zidaLabelEn, value: Kind}\n          - {property: zidaTime, value: true}", "zidaTime is on a second property"},
	{"partition outside the key", "      - name: fee\n", "      - name: fee\n        partitioned: true\n", "partitioned is on a second property"},
	{"region mark that names nothing", "  - {property: zidaLabelEn, value: Gate}\nsla", "  - {property: zidaLabelEn, value: Gate}\n  - {property: zidaRegion, value: nowhere}\nsla", "which is no property"},
	{"freshness in fortnights", "unit: hours", "unit: fortnights", "use minutes, hours"},
	{"freshness of nothing", "value: 4,", "value: soon,", "is no number of units"},
	{"metric that a push cannot check", "metric: invalidValues, mustBe: 0, arguments: {validValues: [in, out]}", "metric: rowCount, mustBe: 0", "is not checked at a push"},
	{"tolerance", "mustBe: 0", "mustBe: 3", "write mustBe: 0"},
	{"value twice", "[in, out]", "[in, in]", "list each value once"},
	{"list of values on a number", "          - {property: zidaUnit, value: 元}", "          - {property: zidaUnit, value: 元}\n        quality:\n          - {metric: invalidValues, mustBe: 0, arguments: {validValues: [\"1\"]}}", "lists of values are for strings"},
	{"SQL rule", "        type: custom\n        engine: cel\n        description: 出口不收费。\n        implementation: kind != \"out\" || !has(fee)\n", "        type: sql\n        query: select 1\n        mustBe: 0\n", "is not run at a push"},
	{"other engine", "engine: cel", "engine: soda", "write type: custom, engine: cel"},
	{"rule without a message", "        description: 出口不收费。\n", "", "say in Chinese"},
	{"rule without an English message", "          - {property: zidaMessageEn, value: An exit takes no fee.}", "          - {property: x, value: y}", "say in English"},
	{"rule that reads nothing", `kind != "out" || !has(fee)`, `1 == 1`, "reads no property"},
	{"rule without a name", "name: fee_of_exit", "name: Fee of exit", "is not a rule's name"},
	{"alias", "name: 闸机", "name: &a 闸机", "anchors, aliases"},
	{"two documents", "apiVersion: v3.1.0", "a: 1\n---\napiVersion: v3.1.0", "2 YAML documents"},
	{"key twice", "status: active", "status: active\nstatus: draft", "not YAML"},
	{"too deep", "domain: tourism", "domain: " + strings.Repeat("[", 60) + strings.Repeat("]", 60), "nests deeper"},
	{"too deep in block style", "domain: tourism", "tags:\n" + strings.Repeat("- ", 100) + "x", "nests deeper"},
	{"too long", "domain: tourism", "domain: tourism #" + strings.Repeat("x", 300<<10), "at most"},
}

// kindLabel is the line of gate behind which labels of values are put.
const kindLabel = "          - {property: zidaLabelEn, value: Kind}"

func labelled(labels ...string) string {
	return kindLabel + "\n          - property: zidaValueLabels\n            value: [" + strings.Join(labels, ", ") + "]"
}

func TestValuesHaveLabelsInBothLanguages(t *testing.T) {
	c := parsed(t, kindLabel, labelled("{value: out, label: 出, label_en: Out}"))
	kind := &c.Properties[4]
	if !slices.Equal(kind.ValueLabels, []ValueLabel{{"out", "出", "Out"}}) {
		t.Errorf("labels: %+v", kind.ValueLabels)
	}
	if zh, en, none := kind.ValueIn("zh", "out"), kind.ValueIn("en", "out"), kind.ValueIn("zh", "in"); zh != "出" || en != "Out" || none != "in" {
		t.Errorf("read as %q, %q and %q", zh, en, none)
	}
	if e := c.Catalog().Properties[4]; len(e.ValueLabels) != 1 {
		t.Errorf("catalogue: %+v", e)
	}
	// Digits stay as they are written: a code is no number.
	codes := parsed(t, "[in, out]", `["01", "02"]`, "examples: [in]", `examples: ["01"]`, "{property: zidaDefault, value: in}", `{property: zidaDefault, value: "01"}`,
		kindLabel, labelled("{value: 01, label: 进, label_en: In}"))
	if got := codes.Properties[4].ValueIn("zh", "01"); got != "进" {
		t.Errorf("01 is read as %q", got)
	}
}

func TestARegionsNamesAreThoseOfTheListOfRegions(t *testing.T) {
	f := func(id, property, want string) {
		t.Helper()
		c := shipped(t, id)
		if got := c.CodesOf(&c.Properties[c.PropertyIndex(property)]); got != want {
			t.Errorf("%s.%s: %q, want %q", id, property, got, want)
		}
	}
	f("tourism_flow", "region", "region") // no list of its own: the region follows from the spot
	f("tourism_flow", "spot_id", "scenic_spot")
	f("ticket_recognition", "issuer_region", "region")
	f("tourism_flow", "source", "")
	f("region", "region", "")
}

func TestBadContractsAreRefusedWithPlaceAndRemedy(t *testing.T) {
	for _, bad := range badContracts {
		if !strings.Contains(gate, bad.old) {
			t.Errorf("%s: gate does not hold %q", bad.name, bad.old)
			continue
		}
		_, err := ParseContract([]byte(strings.Replace(gate, bad.old, bad.new, 1)))
		var refused *ContractError
		if !errors.As(err, &refused) {
			t.Errorf("%s: %v", bad.name, err)
			continue
		}
		if !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%s: %v\nlacks %q", bad.name, err, bad.want)
		}
	}
}

func TestAllErrorsOfAContractComeAtOnce(t *testing.T) {
	source := strings.NewReplacer("status: active", "status: live", "classification: sensitive", "classification: secret", "engine: cel", "engine: soda").Replace(gate)
	_, err := ParseContract([]byte(source))
	var refused *ContractError
	if !errors.As(err, &refused) || len(refused.Issues) != 3 {
		t.Fatalf("want three issues: %v", err)
	}
	for _, issue := range refused.Issues {
		if issue.Path == "" || issue.Text == "" || issue.Remedy == "" {
			t.Errorf("incomplete: %+v", issue)
		}
	}
}

func TestRegionFollowsFromTheFirstKeyWithAListThatIsNotRegions(t *testing.T) {
	f := func(id, region, from string) {
		t.Helper()
		c := shipped(t, id)
		if got := c.nameOf(c.Region); got != region {
			t.Errorf("%s: region is %q", id, got)
		}
		if got := c.nameOf(c.RegionFrom); got != from {
			t.Errorf("%s: region follows from %q, want %q", id, got, from)
		}
	}
	f("tourism_flow", "region", "spot_id")
	f("ticket_recognition", "region", "spot_id") // not from issuer_region, whose list is region
	f("park_monthly", "region", "park_id")
	f("indicator_value", "region", "") // the region is in the key
	f("scenic_spot", "region", "")
}

func TestCELIdentifiers(t *testing.T) {
	f := func(expression string, want ...string) {
		t.Helper()
		if got := celIdentifiers(expression); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", expression, got, want)
		}
	}
	f(`a <= b`, "a", "b")
	f(`!has(a) || a > 1.5e3`, "a", "a")
	f(`a.startsWith("b") && c . size() > 0`, "a", "c")
	f(`a == 'it\'s b' // c`, "a")
	f(`a == """ b " c """ || d`, "a", "d")
	f(`"open`)
	f("")
}

// embedded spares the tests reading the shipped contracts again and again.
var embedded = sync.OnceValues(Embedded)

func shipped(t testing.TB, id string) *Contract {
	t.Helper()
	contracts, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(contracts, func(c *Contract) bool { return c.ID == id })
	if i < 0 {
		t.Fatalf("%s is not shipped", id)
	}
	return contracts[i]
}

func FuzzParseContract(f *testing.F) {
	f.Add([]byte(gate))
	for _, bad := range badContracts {
		if source := strings.Replace(gate, bad.old, bad.new, 1); len(source) < 8<<10 {
			f.Add([]byte(source))
		}
	}
	for _, text := range []string{"", "---", "a: &a [*a]", "? ? ? x", "- - - -", "!!binary x", "a: .inf", "a: 1e999", "\xff", "{["} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		c, err := ParseContract(source)
		if err != nil {
			if c != nil || err.Error() == "" {
				t.Error("an error beside a contract, or without words")
			}
			return
		}
		// What is accepted must hold together.
		if _, err := c.JSONSchema(); err != nil {
			t.Error(err)
		}
		if changes := Diff(c, c); len(changes) != 0 {
			t.Errorf("differs from itself: %v", changes)
		}
		c.Catalog()
	})
}
