package schemas

import (
	"bytes"
	"encoding/csv"
	"slices"
	"testing"
)

// FuzzCSV holds that text is split into records and cells as encoding/csv splits it,
// and refused where that refuses. Carriage returns are left out: encoding/csv
// rewrites them inside quotes, this reader keeps them.
func FuzzCSV(f *testing.F) {
	for _, body := range csvSeeds {
		f.Add([]byte(body))
	}
	f.Add([]byte("a,\"b\"\"\n\",c\n\n\"\",\"\"\n"))
	f.Add([]byte("a\"b\n"))
	f.Add([]byte("\"a\"b\n\"c"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if bytes.IndexByte(body, '\r') >= 0 {
			return
		}
		reference := csv.NewReader(bytes.NewReader(body))
		reference.FieldsPerRecord = -1
		want, err := reference.ReadAll()
		var got [][]string
		refused := false
		for i := 0; i < len(body); {
			end, _, quoted := recordEnd(body, i, ',')
			record := trimLine(body[i:end])
			i = end
			if len(record) == 0 {
				continue
			}
			cells, ok := splitCSV(record, ',')
			if !ok || quoted {
				refused = true
				break
			}
			row := make([]string, len(cells))
			for n := range cells {
				row[n] = string(cells[n])
			}
			got = append(got, row)
		}
		if refused != (err != nil) {
			t.Fatalf("refused %v, encoding/csv says %v", refused, err)
		}
		if err == nil && !slices.EqualFunc(got, want, slices.Equal[[]string]) {
			t.Fatalf("%q, encoding/csv has %q", got, want)
		}
	})
}
