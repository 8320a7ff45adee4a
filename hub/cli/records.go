package cli

import (
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// recordsFlags become the parameters of GET /v1/datasets/{id}/records.
type recordsFlags struct {
	outputFlags
	fields, filters []string
	from, to, asOf  string
	history         bool
	limit           int
}

func newRecords(s *session) *cobra.Command {
	r := &recordsFlags{}
	cmd := &cobra.Command{
		Use:   "records DATASET",
		Short: "Export a dataset's records, all of them: CSV, Excel, Parquet, NDJSON or JSON",
		Long: "Export a dataset's records: every one, as of one state, in no certain order.\n\n" +
			"Excel holds 1,048,575 records and takes a minute for them; CSV, NDJSON and Parquet have no such bound.",
		Example: "  zida records tourism_flow --out flow.csv\n" +
			"  zida records ticket_recognition --from 2026-05-01 --to 2026-06-01 --out may.xlsx\n" +
			"  zida records tourism_flow --filter region=500111 --as-of 2026-06-01 --out then.parquet\n" +
			"  zida records scenic_spot --format ndjson | jq .name",
		Args: argsAtLeast(1, "a dataset"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("zida records takes one dataset, not %d", len(args))
			}
			filters, err := r.request()
			if err != nil {
				return err
			}
			client, _, err := s.connect()
			if err != nil {
				return err
			}
			defer client.Close()
			return s.write(&r.outputFlags, func(w io.Writer) error { return client.RecordsStream(cmd.Context(), args[0], filters, w) })
		},
	}
	f := cmd.Flags()
	r.register(f)
	f.StringSliceVar(&r.fields, "fields", nil, "fields, comma separated; those with _ tell where a record came from")
	f.StringArrayVar(&r.filters, "filter", nil, "FIELD=VALUE[,VALUE…] or FIELD:OP:VALUE[,VALUE…] (repeatable)")
	f.StringVar(&r.from, "from", "", "event time from")
	f.StringVar(&r.to, "to", "", "event time up to, exclusive")
	f.StringVar(&r.asOf, "as-of", "", "the records as they were known at this instant")
	f.BoolVar(&r.history, "history", false, "every version, those revised or retracted included")
	f.IntVar(&r.limit, "limit", 0, "most records (default: all)")
	return cmd
}

func (r *recordsFlags) request() (url.Values, error) {
	if err := r.resolve(); err != nil {
		return nil, err
	}
	if r.format == "" {
		r.format = "csv"
	}
	values := r.form()
	values.Set("limit", "all")
	if r.limit > 0 {
		values.Set("limit", strconv.Itoa(r.limit))
	}
	for name, value := range map[string]string{"fields": strings.Join(r.fields, ","), "from": r.from, "to": r.to, "as_of": r.asOf} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if r.history {
		values.Set("history", "true")
	}
	for _, f := range r.filters {
		name, list, ok := strings.Cut(f, "=")
		switch {
		case ok && name != "" && list != "" && !strings.Contains(name, ":"):
			values.Add("filter", name+":in:"+list)
		case strings.Count(f, ":") > 0:
			values.Add("filter", f)
		default:
			return nil, usage("--filter takes FIELD=VALUE[,VALUE…], not %q", f)
		}
	}
	return values, nil
}
