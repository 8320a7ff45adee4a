package schemas

import "regexp"

// everything is a contract with a property of every kind and check.
func everything() *Contract {
	return &Contract{
		ID: "everything", Version: "1.0.0",
		Properties: []Property{
			{Name: "spot", Label: "景区", Type: TypeString, Required: true, KeyPosition: 1, CodeList: "scenic_spot"},
			{Name: "at", Label: "时刻", Type: TypeTimestamp, Required: true, KeyPosition: 2},
			{Name: "step", Type: TypeInteger, KeyPosition: 3, Minimum: "1", Maximum: "1440", Default: "5"},
			{Name: "region", Label: "区划", Type: TypeString, LowCardinality: true},
			{Name: "month", Type: TypeString, Pattern: regexp.MustCompile(`^[0-9]{4}(-Q[1-4]|-(0[1-9]|1[0-2]))?$`)},
			{Name: "note", Label: "备注", Type: TypeString, MinLength: 2, MaxLength: 6},
			{Name: "tags", Type: TypeString, Pattern: regexp.MustCompile(`^[a-z]+(;[a-z]+)*$`)},
			{Name: "small", Type: TypeNumber, Precision: 9, Scale: 6, Minimum: "-180", Maximum: "180"},
			{Name: "money", Label: "金额", Type: TypeNumber, Precision: 18, Scale: 2},
			{Name: "huge", Type: TypeNumber, Precision: 38, Scale: 10, Minimum: "-1e20"},
			{Name: "ratio", Type: TypeNumber, Minimum: "0", ExclusiveMinimum: true},
			{Name: "open", Label: "开放", Type: TypeBoolean},
			{Name: "day", Label: "日期", Type: TypeDate, Minimum: "2000-01-01"},
			{Name: "level", Type: TypeString, Enum: []string{"A", "AA", "AAA"}},
			{Name: "count", Type: TypeInteger},
			{Name: "from", Type: TypeString, CodeList: "region"},
		},
		Key: []int{0, 1, 2}, Region: 3, RegionFrom: 0, Time: 1, Partition: 1,
	}
}

// everythingRows are three rows that are right.
const everythingRows = `{"spot":"512021-S99","at":"2024-10-01T08:00:00.125+08:00","step":1440,"region":"512021","month":"2024-10","note":"国庆节","tags":"a;bc","small":105.500001,"money":-0.05,"huge":12345678901234567890.0123456789,"ratio":0.25,"open":true,"day":"2024-02-29","level":"AAA","count":-7,"from":"500111"}
{"at":"1988-07-01 12:00:00","spot":"512021-S01","ratio":1e-3,"money":"100","count":9223372036854775807,"from":null,"open":false}
{"spot":"500111-S01","at":"2024-10-02"}
`

func everyone() *DecodeOptions {
	regions := NewList("region", []ListEntry{{Code: "500111"}, {Code: "512000"}, {Code: "512021"}})
	return &DecodeOptions{Sender: Sender{Regions: []string{"500000", "510000"}, Lists: spots().With(regions)}}
}

func mustPattern(s string) *regexp.Regexp { return regexp.MustCompile(s) }
