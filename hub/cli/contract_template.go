package cli

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zida-hub/zida/connectors"
)

const templateLong = `Write an Excel template of a dataset: Chinese headings, drop-downs of value and reference lists,
checks of numbers and dates, and two pages to read, 填写说明 and 示例.

Rows filled in below the headings are pushed as they are: zida push DATASET FILE.xlsx. The example is on a
page of its own and is never read. Asked of a hub (--data, --profile or ZIDA_URL), the drop-downs hold the
hub's lists; without one, those that this program ships with.`

func newContractTemplate(s *session) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:     "template DATASET",
		Short:   "Write an Excel template to fill in",
		Long:    templateLong,
		Example: "  zida contract template tourism_flow --out 客流.xlsx\n  zida push tourism_flow 客流.xlsx",
		Args:    argsAtLeast(1, "a dataset"),
		RunE: func(cmd *cobra.Command, args []string) error {
			data, from, err := s.template(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if out == "-" {
				_, err := s.out.Write(data)
				return err
			}
			name := out
			if name == "" {
				name = args[0]
				if i := strings.LastIndexAny(name, "/\\"); i >= 0 {
					name = name[i+1:]
				}
				name, _, _ = strings.Cut(name, ".")
				name += ".xlsx"
				if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
					return usage("%s is there already, perhaps filled in\nname another file with --out", name)
				}
			}
			if err := writeFile(name, data); err != nil {
				return usage("the template cannot be written: %v", err)
			}
			s.say("%s: the drop-downs hold the lists %s", name, from)
			return nil
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "file to write, - for the standard output (default: DATASET.xlsx)")
	return cmd
}

// template asks the hub that is named, else makes one from a file or a shipped contract.
func (s *session) template(ctx context.Context, name string) (data []byte, from string, err error) {
	if _, err := s.credentials(); err != nil || strings.ContainsAny(name, "/.") {
		c, err := loadContract(name)
		if err != nil {
			return nil, "", err
		}
		lists, err := connectors.StarterLists()
		if err != nil {
			return nil, "", err
		}
		data, err := connectors.Template(c, lists)
		return data, "that this program ships with", err
	}
	client, who, err := s.connect()
	if err != nil {
		return nil, "", err
	}
	defer client.Close()
	if data, err = client.Template(ctx, name); err != nil {
		return nil, "", s.unknownDataset(ctx, client, name, err)
	}
	return data, "of the hub at " + who.URL, nil
}
