package cli

import (
	"encoding/json"
	"io"
	"strings"

	"github.com/mattn/go-runewidth"
)

// table prints a JSON answer as columns that line up, Chinese included.
type table struct {
	list    string // the member that holds the rows; an answer without it is one row
	columns []tableColumn
}

type tableColumn struct{ title, member string }

func (t *table) print(w io.Writer, raw json.RawMessage) error {
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(raw, &doc); err != nil {
		return err
	}
	items := []map[string]json.RawMessage{doc}
	if list, ok := doc[t.list]; ok {
		items = nil
		if err := json.Unmarshal(list, &items); err != nil {
			return err
		}
	}
	grid := make([][]string, 0, len(items)+1)
	head := make([]string, len(t.columns))
	for i, c := range t.columns {
		head[i] = c.title
	}
	grid = append(grid, head)
	for _, item := range items {
		row := make([]string, len(t.columns))
		for i, c := range t.columns {
			row[i] = cellText(item[c.member])
		}
		grid = append(grid, row)
	}
	return writeGrid(w, grid, nil)
}

// cellText is a JSON value as people read it.
func cellText(raw json.RawMessage) string {
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	switch raw[0] {
	case '"':
		var s string
		if json.Unmarshal(raw, &s) == nil {
			return s
		}
	case '[':
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) == nil {
			parts := make([]string, len(list))
			for i, e := range list {
				parts[i] = cellText(e)
			}
			return strings.Join(parts, " ")
		}
	}
	return string(raw)
}

// writeGrid lines columns up by their width on a screen, where a Chinese
// character takes two places. Columns in right stand to the right.
func writeGrid(w io.Writer, grid [][]string, right map[int]bool) error {
	var widths []int
	for _, row := range grid {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], runewidth.StringWidth(cell))
		}
	}
	var b strings.Builder
	for _, row := range grid {
		cells := make([]string, len(row))
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-runewidth.StringWidth(cell))
			if right[i] {
				cells[i] = pad + cell
			} else {
				cells[i] = cell + pad
			}
		}
		b.WriteString(strings.TrimRight(strings.Join(cells, "  "), " "))
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}
