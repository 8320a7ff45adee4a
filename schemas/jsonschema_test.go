package schemas

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestJSONSchemaOfShippedContractsIsAsAgreed(t *testing.T) {
	contracts, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range contracts {
		got, err := c.JSONSchema()
		if err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("testdata", "jsonschema", c.ID+".json"), got)
	}
}

// golden compares got with the file, or writes it with -update.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; when the change is meant, run go test ./schemas -run %s -update", file, t.Name())
	}
}

func compiledSchema(t *testing.T, c *Contract) *jsonschema.Schema {
	t.Helper()
	text, err := c.JSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("record.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("record.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// exampleRow is a record of the contract's first examples.
func exampleRow(c *Contract) map[string]any {
	row := map[string]any{}
	for i := range c.Properties {
		row[c.Properties[i].Name] = c.Properties[i].jsonValue(c.Properties[i].Examples[0])
	}
	return row
}

func validates(t *testing.T, schema *jsonschema.Schema, row any) error {
	t.Helper()
	text, err := json.Marshal(row)
	if err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(instance)
}

func TestExamplesOfAContractAreARecordOfIt(t *testing.T) {
	contracts, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range contracts {
		schema := compiledSchema(t, c)
		row := exampleRow(c)
		if err := validates(t, schema, row); err != nil {
			t.Errorf("%s: %v", c.ID, err)
		}
		for i := range c.Properties {
			p := &c.Properties[i]
			for _, example := range p.Examples[1:] {
				row[p.Name] = p.jsonValue(example)
				if err := validates(t, schema, row); err != nil {
					t.Errorf("%s.%s = %s: %v", c.ID, p.Name, example, err)
				}
			}
		}
		// Without what may be absent it is still a record; without a key it is not.
		for i := range c.Properties {
			if !c.Properties[i].MustBeGiven() {
				delete(row, c.Properties[i].Name)
			}
		}
		if err := validates(t, schema, row); err != nil {
			t.Errorf("%s, required only: %v", c.ID, err)
		}
		delete(row, c.Properties[c.Key[0]].Name)
		if validates(t, schema, row) == nil {
			t.Errorf("%s: a record without %s is valid", c.ID, c.Properties[c.Key[0]].Name)
		}
	}
}

func TestJSONSchemaRefusesWhatTheHubRefuses(t *testing.T) {
	f := func(id, property string, value any, valid bool) {
		t.Helper()
		c := shipped(t, id)
		row := exampleRow(c)
		row[property] = value
		if err := validates(t, compiledSchema(t, c), row); (err == nil) != valid {
			t.Errorf("%s.%s = %v: %v", id, property, value, err)
		}
	}
	f("tourism_flow", "entries", -1, false)
	f("tourism_flow", "entries", 1.5, false)
	f("tourism_flow", "entries", "12", false)
	f("tourism_flow", "entries", nil, true)
	f("tourism_flow", "spot_id", nil, false)
	f("tourism_flow", "interval_minutes", 1441, false)
	f("tourism_flow", "source", "guess", false)
	f("tourism_flow", "source", nil, true)
	f("tourism_flow", "visitors", 3, false) // no such property
	f("tourism_flow", "observed_at", "2013-10-07", true)
	f("tourism_flow", "observed_at", "7.10.2013", false)
	f("ticket_recognition", "settlement_price", "80.5", true)
	f("ticket_recognition", "settlement_price", 80.5, true)
	f("ticket_recognition", "settlement_price", "80.505", false)
	f("ticket_recognition", "settlement_price", "080", false)
	f("ticket_recognition", "day", "2025-13-01", false)
	f("park_monthly", "month", "2025-13", false)
	f("indicator_value", "period", "2025-Q4", true)
	f("indicator_value", "period", "2025-Q5", false)
	f("scenic_spot", "spot_id", "512021-S99", true)
	f("scenic_spot", "spot_id", "512021-P99", false)
}

func TestStarterRowsAreRecordsOfTheirLists(t *testing.T) {
	for list, rows := range map[string]int{"region": 5, "scenic_spot": 15, "industrial_park": 8, "indicator": 27} {
		text, ok := StarterRows(list)
		if !ok {
			t.Errorf("%s has no starter rows", list)
			continue
		}
		c := shipped(t, list)
		schema := compiledSchema(t, c)
		code := c.Properties[c.Key[0]].Name
		seen := map[string]bool{}
		for line := range strings.Lines(string(text)) {
			var row map[string]any
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatalf("%s: %s: %v", list, line, err)
			}
			if err := validates(t, schema, row); err != nil {
				t.Errorf("%s: %s: %v", list, line, err)
			}
			id, _ := row[code].(string)
			if region, _ := row["region"].(string); !strings.HasPrefix(id, region) || seen[id] {
				t.Errorf("%s: %q is of another region, or there twice", list, id)
			}
			seen[id] = true
			for _, owned := range []string{"instant_capacity", "daily_capacity", "ticket_price", "lon", "lat", "area_mu", "baseline"} {
				if _, given := row[owned]; given {
					t.Errorf("%s: %s says its %s, which only its owner knows", list, id, owned)
				}
			}
		}
		if len(seen) != rows {
			t.Errorf("%s has %d starter rows, want %d", list, len(seen), rows)
		}
	}
	if _, ok := StarterRows("tourism_flow"); ok {
		t.Error("tourism_flow has starter rows")
	}
}

// The targets of the plan, as its text has them.
func TestStarterIndicatorsCarryThePlansTargets(t *testing.T) {
	text, _ := StarterRows("indicator")
	targets := map[string]string{}
	for line := range strings.Lines(string(text)) {
		var row struct{ Name, Target, Unit, Direction string }
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		targets[row.Name] = row.Target + " " + row.Unit + " " + row.Direction
	}
	for name, want := range map[string]string{
		"地区生产总值": "1300 亿元 up", "常住人口": "70 万人 up", "新增年供水能力": "0.78 亿立方米 up", "空气质量优良天数": "320 天/年 up",
		"城乡居民人均可支配收入比": "1.9 比值（农村为1） down", "城镇调查失业率": "5.5 % down", "黑山羊产业带": "200 万只 up", "进出口总额": "150 亿元 up",
	} {
		if targets[name] != want {
			t.Errorf("%s: %q, want %q", name, targets[name], want)
		}
	}
}
