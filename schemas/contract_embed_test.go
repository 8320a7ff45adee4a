package schemas

import "testing"

func TestEveryShippedContractLoads(t *testing.T) {
	contracts, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range contracts {
		t.Log(c.ID, c.Version, c.Key, c.Region, c.RegionFrom, c.Time, c.Partition, len(c.Rules))
		for _, r := range c.Rules {
			t.Log("  ", r.Name, r.Fields)
		}
	}
}
