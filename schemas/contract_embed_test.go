package schemas

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestShippedContractsHoldTogether(t *testing.T) {
	contracts, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckSet(contracts); err != nil {
		t.Error(err)
	}
}

func TestCheckSetFindsWhatOneContractCannotKnow(t *testing.T) {
	contracts, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	without := func(id string) []*Contract {
		var rest []*Contract
		for _, c := range contracts {
			if c.ID != id {
				rest = append(rest, c)
			}
		}
		return rest
	}
	f := func(want string, set []*Contract) {
		t.Helper()
		if err := CheckSet(set); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %q", err, want)
		}
	}
	f(`tourism_flow.spot_id: its code list "scenic_spot" is not a reference list`, without("scenic_spot"))
	f("two contracts of this id", append(without("none"), shipped(t, "region")))
	spots := *shipped(t, "scenic_spot")
	spots.Reference = false
	f(`"scenic_spot" is not a reference list`, append(without("scenic_spot"), &spots))
	spots.Reference, spots.Region = true, -1
	f("does not say a region", append(without("scenic_spot"), &spots))
	changed := func(attr, value string) []*Contract {
		c := *shipped(t, "ticket_recognition")
		c.Properties = append([]Property{}, c.Properties...)
		c.Properties[0].ListAttr, c.Properties[0].ListAttrValue = attr, value
		return append(without("ticket_recognition"), &c)
	}
	f("has no property", changed("reporting", "daily"))
	f("ticket_reporting=weekly is none of daily, single", changed("ticket_reporting", "weekly"))
}

func TestLoadContractsReadsAFolder(t *testing.T) {
	folder := fstest.MapFS{
		"c/gate.odcs.yaml": {Data: []byte(gate)},
		"c/notes.txt":      {Data: []byte("not a contract")},
	}
	contracts, err := LoadContracts(folder, "c")
	if err != nil || len(contracts) != 1 || contracts[0].ID != "gate" {
		t.Errorf("%v, %v", contracts, err)
	}
	folder["c/broken.odcs.yaml"] = &fstest.MapFile{Data: []byte("id: x")}
	if _, err := LoadContracts(folder, "c"); err == nil || !strings.Contains(err.Error(), "broken.odcs.yaml") {
		t.Errorf("the broken file is not named: %v", err)
	}
	if _, err := LoadContracts(folder, "nowhere"); err == nil {
		t.Error("a folder that is not there is read")
	}
}
