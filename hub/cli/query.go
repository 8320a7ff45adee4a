package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zida-hub/zida/connectors"
)

// queryFlags become the body of POST /v1/query.
type queryFlags struct {
	outputFlags
	by, filters, order []string
	from, to, grain    string
	asOf, compare      string
	limit              int
	csv                bool
	body               string // file with the whole query
}

func newQuery(s *session) *cobra.Command {
	q := &queryFlags{}
	cmd := &cobra.Command{
		Use:   "query METRIC…",
		Short: "Ask for metrics: a table on a terminal, --json or --csv for programs, --out for a file",
		Example: "  zida query visitors --by region --from 2024-01-01 --to 2025-01-01 --grain month\n" +
			"  zida query amount_owed --by issuer_region,region --from 2025-01-01 --to 2025-02-01 --csv\n" +
			"  zida query visitors --grain day --from 2024-10-01 --to 2024-10-08 --compare previous_year --filter region=500111,512021\n" +
			"  zida query visitors --by region,day --from 2024-01-01 --to 2025-01-01 --out visitors.xlsx\n" +
			"  zida query --body query.json",
		RunE: func(cmd *cobra.Command, args []string) error { return s.query(cmd.Context(), q, args) },
	}
	f := cmd.Flags()
	q.register(f)
	f.StringSliceVar(&q.by, "by", nil, "dimensions, comma separated; hour, day, week, month, quarter and year set the grain")
	f.StringVar(&q.from, "from", "", "first day or instant")
	f.StringVar(&q.to, "to", "", "day or instant after the last")
	f.StringVar(&q.grain, "grain", "", "one row for each: hour, day, week, month, quarter or year")
	f.StringArrayVar(&q.filters, "filter", nil, "DIMENSION=VALUE[,VALUE…] (repeatable)")
	f.StringSliceVar(&q.order, "order", nil, "columns to order by; a minus before one turns it round")
	f.IntVar(&q.limit, "limit", 0, "most rows")
	f.StringVar(&q.asOf, "as-of", "", "answer with what was known at this instant")
	f.StringVar(&q.compare, "compare", "", "previous_period or previous_year")
	f.BoolVar(&q.csv, "csv", false, "write CSV, as --format csv does")
	f.StringVar(&q.body, "body", "", "file with the whole query in JSON (- for standard input)")
	return cmd
}

var grains = map[string]bool{"hour": true, "day": true, "week": true, "month": true, "quarter": true, "year": true}

// request makes the query's body.
func (q *queryFlags) request(metrics []string) (json.RawMessage, error) {
	doc := map[string]any{"metrics": metrics}
	var dimensions []string
	for _, d := range q.by {
		if grains[d] && q.grain == "" {
			q.grain = d
		} else {
			dimensions = append(dimensions, d)
		}
	}
	optional(doc, "dimensions", dimensions)
	times := map[string]any{}
	optional(times, "from", q.from)
	optional(times, "to", q.to)
	optional(times, "grain", q.grain)
	if len(times) > 0 {
		doc["time"] = times
	}
	var filters []any
	for _, f := range q.filters {
		name, values, ok := strings.Cut(f, "=")
		if !ok || name == "" || values == "" {
			return nil, usage("--filter takes DIMENSION=VALUE[,VALUE…], not %q", f)
		}
		filters = append(filters, map[string]any{"dimension": name, "op": "in", "values": strings.Split(values, ",")})
	}
	if filters != nil {
		doc["filters"] = filters
	}
	var order []any
	for _, o := range q.order {
		by, desc := strings.CutPrefix(o, "-")
		dir := "asc"
		if desc {
			dir = "desc"
		}
		order = append(order, map[string]string{"by": by, "dir": dir})
	}
	if order != nil {
		doc["order"] = order
	}
	optional(doc, "as_of", q.asOf)
	optional(doc, "compare", q.compare)
	if q.limit > 0 {
		doc["limit"] = q.limit
	}
	return json.Marshal(doc)
}

func (s *session) query(ctx context.Context, q *queryFlags, metrics []string) error {
	if q.csv && q.format == "" {
		q.format = "csv"
	}
	if err := q.resolve(); err != nil {
		return err
	}
	if s.json && q.format == "" {
		q.format = "json"
	}
	body, err := s.queryBody(q, metrics)
	if err != nil {
		return err
	}
	client, _, err := s.connect()
	if err != nil {
		return err
	}
	defer client.Close()
	if q.format != "" {
		return s.write(&q.outputFlags, func(w io.Writer) error { return client.QueryStream(ctx, body, q.form(), w) })
	}
	answer, err := client.Query(ctx, body)
	if err != nil {
		return err
	}
	return s.printAnswer(answer)
}

func (s *session) queryBody(q *queryFlags, metrics []string) (json.RawMessage, error) {
	if q.body == "" {
		if len(metrics) == 0 {
			return nil, usage("zida query needs at least one metric, or --body FILE\nzida metrics lists those there are")
		}
		return q.request(metrics)
	}
	var data []byte
	var err error
	if q.body == "-" {
		data, err = io.ReadAll(s.in)
	} else {
		data, err = os.ReadFile(q.body)
	}
	if err != nil {
		return nil, usage("the query cannot be read: %v", err)
	}
	if !json.Valid(data) {
		return nil, usage("%s does not hold JSON", q.body)
	}
	return data, nil
}

func (s *session) printAnswer(a *connectors.Answer) error {
	var masked []string
	head, right := make([]string, len(a.Columns)), map[int]bool{}
	for i, c := range a.Columns {
		if c.Masked {
			masked = append(masked, c.Name)
		}
		head[i] = c.Name
		if c.Label != "" {
			head[i] = c.Label
		}
		if c.Unit != "" {
			head[i] += "（" + c.Unit + "）"
		}
		right[i] = c.Unit != "" || c.Type == "integer" || c.Type == "decimal" || c.Type == "number"
	}
	grid := [][]string{head}
	for _, row := range a.Rows {
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = cellText(v)
		}
		grid = append(grid, cells)
	}
	if len(masked) > 0 {
		s.say("left empty, since they are above this client's clearance (zida admin client add --clearance): %s", strings.Join(masked, ", "))
	}
	if err := writeGrid(s.out, grid, right); err != nil {
		return err
	}
	rows := fmt.Sprintf("%d rows", len(a.Rows))
	if a.AsOf != "" {
		rows += ", as of " + a.AsOf
	}
	s.say("%s, up to submission block %d, %.0f ms", rows, a.Watermark, a.Stats.ElapsedMS)
	return nil
}
