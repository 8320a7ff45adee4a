package cli

import (
	"encoding/json"
	"strings"

	"github.com/spf13/cobra"
)

func newMetrics(s *session) *cobra.Command {
	var dataset string
	var long bool
	cmd := &cobra.Command{
		Use:     "metrics",
		Short:   "List the metrics that can be queried, with unit and dataset",
		Example: "  zida metrics\n  zida metrics --dataset park_monthly --dimensions",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, _, err := s.connect()
			if err != nil {
				return err
			}
			defer client.Close()
			list, err := client.Metrics(cmd.Context())
			if err != nil {
				return err
			}
			grid := [][]string{{"METRIC", "DATASET", "UNIT", "NAME"}}
			if long {
				grid[0] = append(grid[0], "DIMENSIONS")
			}
			kept := list[:0]
			for _, m := range list {
				if dataset != "" && m.Dataset != dataset {
					continue
				}
				kept = append(kept, m)
				row := []string{m.Name, m.Dataset, m.Unit, m.Label}
				if long {
					names := make([]string, len(m.Dimensions))
					for i, d := range m.Dimensions {
						names[i] = d.Name
					}
					row = append(row, strings.Join(names, " "))
				}
				grid = append(grid, row)
			}
			if s.json {
				return json.NewEncoder(s.out).Encode(map[string]any{"metrics": kept})
			}
			return writeGrid(s.out, grid, nil)
		},
	}
	cmd.Flags().StringVar(&dataset, "dataset", "", "of this dataset only")
	cmd.Flags().BoolVar(&long, "dimensions", false, "with what each can be grouped and filtered by")
	return cmd
}
