package connectors

import (
	"strings"
	"testing"
)

func cellsOf(xml string) *sheetCells { return &sheetCells{xml: newXML(strings.NewReader(xml))} }

func TestCellsAreToldByTheirXML(t *testing.T) {
	s := cellsOf(`<x:worksheet xmlns:x="u"><x:sheetData><x:row r="2"><x:c r="B2"><x:v>1</x:v></x:c><x:c t="s"><x:v>0</x:v></x:c>` +
		`<x:c r="E2"><x:f>A1</x:f></x:c><x:c r="F2" t="e"><x:f>A1</x:f><x:v>#N/A</x:v></x:c></x:row><x:row><x:c><x:v>7</x:v></x:c></x:row></x:sheetData>` +
		`<x:mergeCells><x:mergeCell ref="A5:$C$6"/><x:mergeCell ref="junk"/></x:mergeCells></x:worksheet>`)
	f := func(line int, want ...cellFact) {
		t.Helper()
		got, err := s.at(line)
		must(t, err)
		if len(got) != len(want) {
			t.Fatalf("line %d: %+v, want %+v", line, got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("line %d: %+v, want %+v", line, got[i], want[i])
			}
		}
	}
	f(1)
	f(2, cellFact{column: 1, numeric: true}, cellFact{column: 4, uncalc: true}, cellFact{column: 5, failed: true})
	f(3, cellFact{column: 0, numeric: true}) // a row and a cell without their references
	f(4)
	merged, err := s.end()
	must(t, err)
	if len(merged) != 1 || merged[0] != (mergedRange{ref: "A5:$C$6", column: 0, line: 5, lastColumn: 2, lastLine: 6}) {
		t.Errorf("%+v", merged)
	}
}

func TestTheRecordAtALineIsFound(t *testing.T) {
	var m lineMap
	for row, line := range []int{2, 3, 6, 7, 9} {
		m.add(row+1, line)
	}
	for line, want := range []int{0, 0, 1, 2, 0, 0, 3, 4, 0, 5} {
		if got := m.row(line); got != want {
			t.Errorf("line %d: record %d, want %d", line, got, want)
		}
	}
}

func FuzzSheetCells(f *testing.F) {
	f.Add(`<worksheet><sheetData><row r="1"><c r="A1"><v>1</v></c></row></sheetData><mergeCells><mergeCell ref="A1:B2"/></mergeCells></worksheet>`)
	f.Add(`<row r="-5"><c r="ZZZZ9"/></row>`)
	f.Fuzz(func(t *testing.T, xml string) {
		s := cellsOf(xml)
		for line := 1; line < 5; line++ {
			facts, err := s.at(line)
			if err != nil {
				return
			}
			for _, c := range facts {
				if c.column < 0 {
					t.Fatalf("%+v", c)
				}
			}
		}
		merged, err := s.end()
		for _, m := range merged {
			if err == nil && (m.column < 0 || m.line < 1) {
				t.Fatalf("%+v", m)
			}
		}
	})
}
