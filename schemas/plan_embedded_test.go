package schemas

import "testing"

// Every shipped contract compiles, and all of its rules without falling back to cel-go.
func TestShippedContractsCompileToTypedRules(t *testing.T) {
	contracts, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range contracts {
		p := mustCompile(t, c)
		for i := range p.rules {
			if !p.rules[i].typed {
				t.Errorf("%s: rule %s runs in cel-go", c.ID, p.rules[i].name)
			}
		}
		for _, column := range p.Columns() {
			t.Log(c.ID, column)
		}
	}
}
