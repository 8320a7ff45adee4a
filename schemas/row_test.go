package schemas

import (
	"testing"
)

// flow is a contract like tourism_flow: 8 properties, a list that gives the region.
func flow() *Contract {
	return &Contract{
		ID: "flow", Version: "1.0.0",
		Properties: []Property{
			{Name: "spot_id", Label: "景区", Type: TypeString, Required: true, KeyPosition: 1, CodeList: "scenic_spot"},
			{Name: "observed_at", Label: "时间", Type: TypeTimestamp, Required: true, KeyPosition: 2},
			{Name: "interval_minutes", Type: TypeInteger, KeyPosition: 3, Minimum: "1", Maximum: "1440", Default: "5"},
			{Name: "region", Label: "区划", Type: TypeString, LowCardinality: true},
			{Name: "entries", Label: "入园人数", Type: TypeInteger, Required: true, Minimum: "0"},
			{Name: "exits", Type: TypeInteger, Minimum: "0"},
			{Name: "in_park", Type: TypeInteger, Minimum: "0"},
			{Name: "price", Type: TypeNumber, Precision: 18, Scale: 2, Minimum: "0"},
		},
		Key: []int{0, 1, 2}, Region: 3, RegionFrom: 0, Time: 1, Partition: 1,
	}
}

func spots() *Lists {
	return NewLists(1, NewList("scenic_spot", []ListEntry{
		{Code: "500111-S01", Region: "500111"}, {Code: "500111-S02", Region: "500111"},
		{Code: "512021-S01", Region: "512021"}, {Code: "512021-S99", Region: "512021"},
	}))
}

func mustCompile(t testing.TB, c *Contract) *Plan {
	t.Helper()
	p, err := Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestDecodeKeepsGoodRowsAndNamesBadOnes(t *testing.T) {
	p := mustCompile(t, flow())
	b := p.Batch()
	defer b.Release()
	opt := &DecodeOptions{Sender: Sender{Regions: []string{"512000"}, Lists: spots()}, Partial: true}
	d := p.Decode(b, []byte(`{"spot_id":"512021-S99","observed_at":"2024-10-01","entries":12,"price":1.5}
{"spot_id":"500111-S01","observed_at":"2024-10-01","entries":12}
{"entries":13,"spot_id":"512021-S01","observed_at":"2024-10-01T08:00:00Z"}
`), FormatNDJSON, opt)
	if d.Records != 3 || d.Rejected != 1 || b.Rows() != 2 || d.ErrorCount != 1 || d.Errors[0].Code != CodeRegionNotAllowed || d.Errors[0].Row != 2 {
		t.Fatalf("%+v", d)
	}
	if n := b.RowNumbers(); len(n) != 2 || n[0] != 1 || n[1] != 3 {
		t.Fatalf("row numbers %v", n)
	}
}
