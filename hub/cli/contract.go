package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zida-hub/zida/connectors"
	"github.com/zida-hub/zida/schemas"
)

func newContract(s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "contract",
		Short: "Check, compare and read data contracts (ODCS v3.1)",
		Example: "  zida contract list\n  zida contract show tourism_flow\n  zida contract check my.odcs.yaml\n" +
			"  zida contract diff old.odcs.yaml new.odcs.yaml\n  zida contract new water_use --name 用水月报 > water_use.odcs.yaml",
	}
	cmd.AddCommand(newContractCheck(s), newContractDiff(s), newContractList(s), newContractShow(s), newContractNew(s), newContractTemplate(s))
	return cmd
}

func newContractCheck(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE…",
		Short: "Check contracts as a hub would when it loads them",
		Args:  argsAtLeast(1, "at least one contract file"),
		RunE: func(_ *cobra.Command, args []string) error {
			bad := false
			for _, path := range args {
				c, err := loadContract(path)
				if err == nil {
					_, err = schemas.Compile(c)
				}
				if err != nil {
					bad = true
					s.say("%s: %v", path, err)
					continue
				}
				if _, err := fmt.Fprintf(s.out, "%s: %s %s is good (%d properties, %d rules)\n", path, c.ID, c.Version, len(c.Properties), len(c.Rules)); err != nil {
					return err
				}
			}
			if bad {
				return said(exitRefused)
			}
			return nil
		},
	}
}

// loadContract reads a contract from a file, or a shipped one by its id.
func loadContract(name string) (*schemas.Contract, error) {
	data, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) && !strings.ContainsAny(name, "/.") {
		return shipped(name)
	}
	if err != nil {
		return nil, usage("the contract cannot be read: %v", err)
	}
	return schemas.ParseContract(data)
}

func shipped(id string) (*schemas.Contract, error) {
	all, err := schemas.Embedded()
	if err != nil {
		return nil, err
	}
	names := make([]string, len(all))
	for i, c := range all {
		if c.ID == id {
			return c, nil
		}
		names[i] = c.ID
	}
	if near := connectors.Nearest(id, names); near != "" {
		return nil, usage("there is no contract %q\ndid you mean: %s", id, near)
	}
	return nil, usage("there is no contract %q\nshipped are: %s", id, strings.Join(names, ", "))
}

// catalogue lists a hub's datasets, or the shipped contracts where no hub is named.
func (s *session) catalogue(ctx context.Context) ([]connectors.Dataset, string, error) {
	if _, err := s.credentials(); err == nil {
		client, who, err := s.connect()
		if err != nil {
			return nil, "", err
		}
		defer client.Close()
		list, err := client.Datasets(ctx)
		return list, "of the hub at " + who.URL, err
	}
	all, err := schemas.Embedded()
	if err != nil {
		return nil, "", err
	}
	list := make([]connectors.Dataset, len(all))
	for i, c := range all {
		list[i] = connectors.Dataset{ID: c.ID, Name: c.Name, NameEN: c.NameEN, Version: c.Version, Domain: c.Domain}
	}
	return list, "shipped with this program (no hub is named)", nil
}

func newContractList(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the datasets of the hub, or the shipped contracts",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, from, err := s.catalogue(cmd.Context())
			if err != nil {
				return err
			}
			if s.json {
				return json.NewEncoder(s.out).Encode(map[string]any{"datasets": list})
			}
			grid := [][]string{{"ID", "VERSION", "DOMAIN", "NAME"}}
			for _, d := range list {
				grid = append(grid, []string{d.ID, d.Version, d.Domain, d.Name})
			}
			s.say("contracts %s:", from)
			return writeGrid(s.out, grid, nil)
		},
	}
}

func newContractShow(s *session) *cobra.Command {
	var asYAML, asSchema bool
	cmd := &cobra.Command{
		Use:     "show DATASET",
		Short:   "Show a contract's properties, its YAML or its JSON Schema",
		Example: "  zida contract show tourism_flow\n  zida contract show tourism_flow --yaml > tourism_flow.odcs.yaml",
		Args:    argsAtLeast(1, "a dataset"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.findContract(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			switch {
			case asYAML:
				_, err = s.out.Write(c.ODCS())
				return err
			case asSchema || s.json:
				data, err := c.JSONSchema()
				if err != nil {
					return err
				}
				return s.printIndented(data)
			}
			return s.showContract(c)
		},
	}
	cmd.Flags().BoolVar(&asYAML, "yaml", false, "the contract itself (ODCS)")
	cmd.Flags().BoolVar(&asSchema, "schema", false, "the JSON Schema of one record")
	return cmd
}

// findContract asks the hub that is named, else takes a file or a shipped contract.
func (s *session) findContract(ctx context.Context, name string) (*schemas.Contract, error) {
	if _, err := s.credentials(); err != nil || strings.ContainsAny(name, "/.") {
		return loadContract(name)
	}
	client, _, err := s.connect()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	c, err := client.Contract(ctx, name)
	if err != nil {
		return nil, s.unknownDataset(ctx, client, name, err)
	}
	return c, nil
}

func (s *session) showContract(c *schemas.Contract) error {
	if _, err := fmt.Fprintf(s.out, "%s %s  %s\n%s\n\n", c.ID, c.Version, c.Name, c.Description); err != nil {
		return err
	}
	grid := [][]string{{"PROPERTY", "NAME", "TYPE", "KEY", "REQUIRED", "UNIT", "EXAMPLE"}}
	for _, p := range c.Properties {
		key, required, example := "", "", ""
		if p.KeyPosition > 0 {
			key = strconv.Itoa(p.KeyPosition)
		}
		if p.Required {
			required = "yes"
		} else if p.Default != "" {
			required = "default " + p.Default
		}
		if len(p.Examples) > 0 {
			example = p.Examples[0]
		}
		grid = append(grid, []string{p.Name, p.Label, typeName(&p), key, required, p.Unit, example})
	}
	return writeGrid(s.out, grid, nil)
}

func typeName(p *schemas.Property) string {
	switch p.Type {
	case schemas.TypeInteger:
		return "integer"
	case schemas.TypeNumber:
		if p.Precision > 0 {
			return fmt.Sprintf("decimal(%d,%d)", p.Precision, p.Scale)
		}
		return "number"
	case schemas.TypeBoolean:
		return "boolean"
	case schemas.TypeTimestamp:
		return "instant"
	case schemas.TypeDate:
		return "date"
	}
	if p.CodeList != "" {
		return "code of " + p.CodeList
	}
	return "text"
}
