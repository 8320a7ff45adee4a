package schemas

import (
	"slices"
	"strings"
	"testing"
)

func TestContractsThatCannotBeHeldAreRefused(t *testing.T) {
	f := func(want string, change func(c *Contract)) {
		t.Helper()
		c := everything()
		change(c)
		if _, err := Compile(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	f("kept for the hub's lineage columns", func(c *Contract) { c.Properties[5].Name = "_row" })
	f("no quotes", func(c *Contract) { c.Properties[5].Name = `a"b` })
	f("the same name", func(c *Contract) { c.Properties[5].Name = "money" })
	f("at least one property", func(c *Contract) { c.Properties = nil })
	f("at most 256", func(c *Contract) { c.Properties = slices.Repeat(c.Properties, 20) })
	f("precision is 1 to 38", func(c *Contract) { c.Properties[8].Precision = 39 })
	f("scale 0 to precision", func(c *Contract) { c.Properties[8].Scale = 19 })
	f("leave nothing", func(c *Contract) { c.Properties[2].Minimum = "1441" })
	f("leave nothing", func(c *Contract) { c.Properties[5].MaxLength = 1 })
	f("not a number", func(c *Contract) { c.Properties[2].Minimum = "one" })
	f("not a date", func(c *Contract) { c.Properties[12].Minimum = "2000" })
	f("code list needs a string", func(c *Contract) { c.Properties[2].CodeList = "x" })
	f("enumeration needs a string", func(c *Contract) { c.Properties[2].Enum = []string{"1"} })
	f(`default "0"`, func(c *Contract) { c.Properties[2].Default = "0" })
	f("must have a code list", func(c *Contract) { c.RegionFrom = 1 })
	f("must be a string", func(c *Contract) { c.Region = 1 })
	f("the key names property 99", func(c *Contract) { c.Key = []int{99} })
}

func TestBoundsBetweenValuesCutTowardsTheInside(t *testing.T) {
	f := func(prop Property, good, bad string) {
		t.Helper()
		prop.Name = "v"
		c := ruled("true")
		c.Properties = append(c.Properties, prop)
		p := mustCompile(t, c)
		for text, rejected := range map[string]int{good: 0, bad: 1} {
			for _, v := range strings.Fields(text) {
				if d := decodeOne(t, p, `{"id":"1","v":`+v+`}`); d.Rejected != rejected {
					t.Errorf("%+v takes %s: %+v", prop, v, d)
				}
			}
		}
	}
	f(Property{Type: TypeInteger, Minimum: "0.5"}, "1", "0 -1")
	f(Property{Type: TypeInteger, Minimum: "-0.5"}, "0 1", "-1")
	f(Property{Type: TypeInteger, Minimum: "-0.5", ExclusiveMinimum: true}, "0", "-1")
	f(Property{Type: TypeInteger, Minimum: "1", ExclusiveMinimum: true}, "2", "1")
	f(Property{Type: TypeInteger, Maximum: "1.5"}, "1", "2")
	f(Property{Type: TypeInteger, Maximum: "-1.5"}, "-2", "-1")
	f(Property{Type: TypeInteger, Maximum: "1", ExclusiveMaximum: true}, "0", "1")
	f(Property{Type: TypeNumber, Precision: 9, Scale: 2, Minimum: "0", ExclusiveMinimum: true}, "0.01", "0 -0.01")
	f(Property{Type: TypeNumber, Precision: 30, Scale: 2, Maximum: "1e3", ExclusiveMaximum: true}, "999.99", "1000")
	f(Property{Type: TypeNumber, Maximum: "1", ExclusiveMaximum: true}, "0.999", "1")
}
