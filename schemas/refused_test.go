package schemas

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"
)

// refusedRow is one wrong row as a bureau might send it, and how it must be refused.
// The tables in testdata/refused are kept by hand.
type refusedRow struct {
	What  string `yaml:"what"`
	Row   string `yaml:"row"`
	Code  string `yaml:"code"`
	Field string `yaml:"field"`
}

const refusedAtLeast = 10

func TestEveryShippedContractRefusesWrongRowsForTheRightReason(t *testing.T) {
	contracts, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range contracts {
		text, err := os.ReadFile(filepath.Join("testdata", "refused", c.ID+".yaml"))
		if err != nil {
			t.Error(err)
			continue
		}
		var rows []refusedRow
		if err := yaml.UnmarshalWithOptions(text, &rows, yaml.Strict()); err != nil {
			t.Errorf("%s: %v", c.ID, err)
			continue
		}
		kinds := map[string]bool{}
		for _, r := range rows {
			got := checked(t, c, r.Row+"\n")
			if len(got.Errors) != 1 || got.Errors[0].Code != r.Code || got.Errors[0].Field != r.Field {
				t.Errorf("%s: %s: %s: want one error %s at %q, got %+v %+v", c.ID, r.What, r.Row, r.Code, r.Field, got.Errors, got.Body)
				continue
			}
			e := &got.Errors[0]
			if zh, en := e.In("zh").Message, e.In("en").Message; zh == "" || en == "" || zh == en {
				t.Errorf("%s: %s: messages %q and %q", c.ID, r.What, zh, en)
			}
			kinds[r.Code+" "+r.Field] = true
		}
		if len(rows) < refusedAtLeast || len(kinds) < refusedAtLeast-2 {
			t.Errorf("%s: %d wrong rows of %d kinds, want %d of %d", c.ID, len(rows), len(kinds), refusedAtLeast, refusedAtLeast-2)
		}
	}
}
