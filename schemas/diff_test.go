package schemas

import (
	"strings"
	"testing"
)

// parsed loads gate with replacements made in it.
func parsed(t *testing.T, replacements ...string) *Contract {
	t.Helper()
	for i := 0; i < len(replacements); i += 2 {
		if !strings.Contains(gate, replacements[i]) {
			t.Fatalf("gate does not hold %q", replacements[i])
		}
	}
	c, err := ParseContract([]byte(strings.NewReplacer(replacements...).Replace(gate)))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDiffTellsBreakingChangesFromCompatibleOnes(t *testing.T) {
	f := func(kind, path, text string, replacements ...string) {
		t.Helper()
		changes := Diff(parsed(t), parsed(t, replacements...))
		for _, change := range changes {
			if !hasHan(change.TextZH) || change.Text == "" {
				t.Errorf("not said in both languages: %+v", change)
			}
		}
		for _, change := range changes {
			if change.Kind == kind && change.Path == path && strings.Contains(change.Text, text) {
				return
			}
		}
		t.Errorf("no %s change of %s with %q in %+v", kind, path, text, changes)
	}
	const (
		ok = ChangeCompatible
		no = ChangeBreaking
	)
	more := "      - name: lane\n        businessName: 车道\n        logicalType: integer\n        examples: [1]\n        customProperties:\n          - {property: zidaLabelEn, value: Lane}\n    quality:\n      - name: fee"
	f(ok, "lane", "may be absent", "    quality:\n      - name: fee", more)
	f(no, "lane", "is required", "    quality:\n      - name: fee", strings.Replace(more, "integer\n", "integer\n        required: true\n", 1))
	f(no, "fee", "was removed", "name: fee\n", "name: toll\n", "has(fee)", "has(toll)")
	f(no, "fee", "type changed from number to integer", "logicalType: number", "logicalType: integer", "maximum: 9999999999999999.99", "maximum: 100", `["1.50", 2]`, "[2]",
		"          - {property: zidaDecimal, value: {precision: 18, scale: 2}}\n", "")
	f(no, "primaryKey", "(gate_id, at) to (gate_id)", "        primaryKey: true\n        primaryKeyPosition: 2\n        partitioned: true\n", "")
	f(no, "partitioned", "partition", "        partitioned: true\n", "")
	f(no, "primaryKey", "(at, gate_id)", "primaryKeyPosition: 1", "primaryKeyPosition: 2", "primaryKeyPosition: 2", "primaryKeyPosition: 1")
	f(ok, "gate_id", "greatest length changed from 8 to 9", "maxLength: 8", "maxLength: 9")
	f(no, "gate_id", "greatest length changed from 8 to 7", "maxLength: 8", "maxLength: 7")
	f(ok, "gate_id", "greatest length changed from 8 to none", "maxLength: 8, ", "")
	f(no, "gate_id", "shortest length", "minLength: 2", "minLength: 3")
	f(ok, "gate_id", "shortest length", "minLength: 2", "minLength: 1")
	f(no, "gate_id", "pattern", "^[A-Z0-9-]+$", "^[A-Z0-9-]*$")
	f(ok, "gate_id", "pattern", `, pattern: "^[A-Z0-9-]+$"`, "")
	f(no, "fee", "maximum changed from 9999999999999999.99 to 100", "maximum: 9999999999999999.99", "maximum: 100")
	f(ok, "fee", "maximum changed from 9999999999999999.99 to none", ", maximum: 9999999999999999.99", "")
	f(ok, "fee", "minimum changed from 0 (exclusive) to 0", "exclusiveMinimum: 0", "minimum: 0")
	f(no, "fee", "minimum changed from 0 (exclusive) to 1", "exclusiveMinimum: 0", "minimum: 1")
	f(ok, "fee", "decimal(18,2) to decimal(20,4)", "precision: 18, scale: 2", "precision: 20, scale: 4")
	f(no, "fee", "decimal(18,2) to decimal(18,1)", "precision: 18, scale: 2", "precision: 18, scale: 1", `"1.50"`, `"1.5"`, "9999999999999999.99", "9999999999999999.9")
	f(no, "fee", "unit", "value: 元", "value: 万元")
	f(ok, "kind", "more values are allowed: side", "[in, out]", "[in, out, side]")
	f(no, "kind", "no longer allowed: out", "[in, out]", "[in]")
	f(ok, "kind", "any value", "        quality:\n          - {type: library, metric: invalidValues, mustBe: 0, arguments: {validValues: [in, out]}}\n", "")
	f(ok, "kind", "labels of values", kindLabel, labelled("{value: in, label: 进, label_en: In}"))
	f(ok, "kind", "default changed", "value: in}", "value: out}")
	f(no, "kind", "reference list", "          - {property: zidaLabelEn, value: Kind}", "          - {property: zidaLabelEn, value: Kind}\n          - {property: zidaCodeList, value: kinds}")
	f(no, "quality.fee_of_exit", "rule changed", "!has(fee)", "fee > 1")
	f(ok, "quality.fee_of_exit", "message", "An exit takes no fee.", "Exits are free.")
	f(no, "quality.no_fee", "a rule was added", "name: fee_of_exit", "name: no_fee")
	f(ok, "quality.fee_of_exit", "the rule was removed", "name: fee_of_exit", "name: no_fee")
	f(ok, "gate_id", "classification changed from sensitive to core", "classification: sensitive", "classification: core")
	f(ok, "name", "the name", "name: 闸机", "name: 闸机表")
	f(ok, "slaProperties", "PT4H", "value: 4", "value: 2")
	f(no, "id", "changed from gate to gates", "id: gate\n", "id: gates\n", "  - name: gate\n", "  - name: gates\n")
	f(no, "zidaTime", "event-time", "          - {property: zidaTime, value: true}\n", "")
}

func TestCheckVersionAsksForTheRightStep(t *testing.T) {
	f := func(version string, breaking bool, want string) {
		t.Helper()
		change := Change{Kind: ChangeCompatible}
		if breaking {
			change.Kind = ChangeBreaking
		}
		err := CheckVersion(parsed(t), parsed(t, "version: 1.2.0", "version: "+version), []Change{change})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s, breaking %v: %v", version, breaking, err)
		}
	}
	f("1.2.0", false, "raise the minor version")
	f("1.3.0", false, "")
	f("1.10.0", false, "") // numbers, not texts
	f("1.1.9", false, "is older")
	f("1.3.0", true, "raise the major version")
	f("2.0.0", true, "")
	f("0.9.0", true, "is older")
	if err := CheckVersion(parsed(t), parsed(t), nil); err != nil {
		t.Error("an unchanged contract:", err)
	}
}

func TestAContractDoesNotDifferFromItself(t *testing.T) {
	contracts, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range contracts {
		if changes := Diff(c, c); len(changes) > 0 {
			t.Errorf("%s: %+v", c.ID, changes)
		}
	}
}
