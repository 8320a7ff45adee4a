package cli

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zida-hub/zida/schemas"
)

func newAdminContract(s *session) *cobra.Command {
	cmd := &cobra.Command{Use: "contract", Short: "Publish data contracts"}
	var retire string
	var dry bool
	publish := &cobra.Command{
		Use:   "publish FILE",
		Short: "Put a contract in force, at once and without a restart (the operator can)",
		Long: `Put a contract in force, at once and without a restart.

A new id is a new dataset. A higher minor version adds optional properties; pushes go on meanwhile.
A breaking change needs a higher major version; the older ones are taken until --retire.`,
		Example: "  zida admin contract publish water_use.odcs.yaml --dry-run\n  zida admin contract publish tourism_flow.odcs.yaml --reason 增加自驾车辆数",
		Args:    argsAtLeast(1, "a contract file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			source, err := os.ReadFile(args[0])
			if err != nil {
				return usage("the contract cannot be read: %v", err)
			}
			if _, err := schemas.ParseContract(source); err != nil { // named here, before a hub is asked
				return fmt.Errorf("%s: %w", args[0], err)
			}
			query := url.Values{}
			for name, values := range reason(cmd) {
				query[name] = values
			}
			if dry {
				query.Set("dry_run", "true")
			}
			if retire != "" {
				query.Set("retire", retire)
			}
			client, _, err := s.connect()
			if err != nil {
				return err
			}
			defer client.Close()
			raw, err := client.PublishContract(cmd.Context(), source, query)
			if err != nil {
				return err
			}
			if s.json {
				return s.printIndented(raw)
			}
			return s.showPublication(raw)
		},
	}
	publish.Flags().StringVar(&retire, "retire", "", "day (YYYY-MM-DD) on which older major versions end")
	publish.Flags().BoolVar(&dry, "dry-run", false, "only say what would change, and for whom")
	cmd.AddCommand(reasoned(publish))
	return cmd
}

func (s *session) showPublication(raw json.RawMessage) error {
	var p struct {
		Dataset   string           `json:"dataset"`
		Version   string           `json:"version"`
		Previous  string           `json:"previous"`
		Changes   []schemas.Change `json:"changes"`
		Affected  []map[string]any `json:"affected"`
		Published bool             `json:"published"`
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return err
	}
	verb := "not published (checked only, or in force already)"
	if p.Published {
		verb = "in force"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s\n", p.Dataset, p.Version, verb)
	for _, c := range p.Changes {
		fmt.Fprintf(&b, "  %-10s %s: %s\n", c.Kind, c.Path, c.Text)
	}
	for _, a := range p.Affected {
		fmt.Fprintf(&b, "  concerns   %v (%v)\n", a["agency"], a["client"])
	}
	_, err := s.out.Write([]byte(b.String()))
	return err
}

var scaffoldID = regexp.MustCompile(`^[a-z][a-z0-9_]{1,47}$`)

func newContractNew(s *session) *cobra.Command {
	var name, label, list string
	cmd := &cobra.Command{
		Use:   "new ID",
		Short: "Write the beginning of a contract: a file that is good as it is, to be filled in",
		Long: `Write the beginning of a contract to standard output: one that checks, can be published and
pushed to as it is, with a comment wherever something is to be decided.`,
		Example: "  zida contract new water_use --name 用水月报 > water_use.odcs.yaml\n  zida contract check water_use.odcs.yaml\n  zida admin contract publish water_use.odcs.yaml",
		Args:    argsAtLeast(1, "an id for the dataset"),
		RunE: func(_ *cobra.Command, args []string) error {
			id := args[0]
			if !scaffoldID.MatchString(id) {
				return usage("%q is not a dataset's id\nuse a small letter, then small letters, digits and _", id)
			}
			if name == "" {
				name = id
			}
			if label == "" {
				label = strings.ReplaceAll(id, "_", " ")
			}
			text := scaffold
			if list != "" {
				text = strings.Replace(scaffold, scaffoldRegion, scaffoldList, 1)
			}
			text = strings.NewReplacer("{id}", id, "{name}", yamlText(name), "{label}", yamlText(label), "{list}", list).Replace(text)
			c, err := schemas.ParseContract([]byte(text))
			if err == nil {
				_, err = schemas.Compile(c)
			}
			if err != nil {
				return err
			}
			_, err = s.out.Write([]byte(text))
			return err
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "Chinese name of the dataset")
	cmd.Flags().StringVar(&label, "label", "", "English name of the dataset")
	cmd.Flags().StringVar(&list, "list", "", "reference list whose codes its records are of, such as scenic_spot or industrial_park")
	return cmd
}

// yamlText is a text as a quoted YAML scalar.
func yamlText(s string) string {
	q, _ := json.Marshal(s) // JSON's strings are YAML's
	return string(q)
}

// The first property says whose a record is: its region itself, or a list's code.
const scaffoldRegion = `      - name: region            # whose the record is: a region's code is part of the key …
        businessName: 行政区划
        logicalType: string
        required: true
        primaryKey: true
        primaryKeyPosition: 1
        classification: public
        examples: ["500111"]
        customProperties:
          - {property: zidaLabelEn, value: Region}
          - {property: zidaRegion, value: true}
          - {property: zidaCodeList, value: region}
`

const scaffoldList = `      - name: {list}_id
        businessName: 编号
        description: 名录 {list} 中的编号，记录的归属地由此确定。
        logicalType: string
        required: true
        primaryKey: true
        primaryKeyPosition: 1
        classification: public
        examples: ["500111-X01"]   # a code that the list holds
        customProperties:
          - {property: zidaLabelEn, value: Code}
          - {property: zidaCodeList, value: {list}}
      - name: region
        businessName: 行政区划
        description: 可不填，由名录补齐。
        logicalType: string
        classification: public
        examples: ["500111"]
        customProperties:
          - {property: zidaLabelEn, value: Region}
          - {property: zidaRegion, value: true}
`

const scaffold = `# A data contract in the Open Data Contract Standard v3.1. What may stand here:
# schemas/contracts/README.md. Check it with: zida contract check FILE
apiVersion: v3.1.0
kind: DataContract
id: {id}
name: {name}
version: 1.0.0
status: active
domain: plan                  # tourism, industry, plan, environment, safety, agriculture, service, trade, innovation, project, governance, economy
description:
  purpose: 说明这些数据是什么、给谁用。
customProperties:
  - {property: zidaLabelEn, value: {label}}
slaProperties:
  - {property: freshness, value: 40, unit: days}   # how old the newest record may be
schema:
  - name: {id}
    logicalType: object
    properties:
` + scaffoldRegion + `      - name: month             # … and so is the period
        businessName: 月份
        logicalType: string
        required: true
        primaryKey: true
        primaryKeyPosition: 2
        partitioned: true
        classification: public
        examples: [2025-09]
        customProperties:
          - {property: zidaLabelEn, value: Month}
          - {property: zidaPeriod, value: month}
          - {property: zidaTime, value: true}
      - name: amount            # what is measured, with unit and bounds
        businessName: 数量
        description: 说明口径。
        logicalType: number
        logicalTypeOptions:
          minimum: 0
          maximum: 1000000000
        required: true
        classification: internal
        examples: ["12.50"]
        customProperties:
          - {property: zidaLabelEn, value: Amount}
          - {property: zidaDecimal, value: {precision: 18, scale: 2}}
          - {property: zidaUnit, value: 元}
          - {property: zidaUnitEn, value: CNY}
          - {property: zidaAdditive, value: true}   # sums mean something: gives a metric of its own
`
