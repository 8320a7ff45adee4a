package schemas

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
	"github.com/santhosh-tekuri/jsonschema/v6"
	schemakind "github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

const (
	// maxContract bounds a contract's text; the largest shipped one has 17 KB.
	maxContract = 256 << 10
	// maxNesting bounds how deep a contract's text may nest, so that the YAML
	// parser's recursion stays small whatever is uploaded.
	maxNesting = 40
	// maxIssues bounds the answer to a file that is no contract at all.
	maxIssues = 30
)

// The Open Data Contract Standard's own JSON Schema (Bitol, Apache-2.0), as published.
//
//go:embed standard/odcs-json-schema-v3.1.0.json
var odcsStandard []byte

// The parts of an ODCS v3.1 document that zida reads; the JSON Schema above has
// been held against the text before these are filled.
type (
	odcsDocument struct {
		APIVersion       string       `yaml:"apiVersion"`
		ID               string       `yaml:"id"`
		Name             string       `yaml:"name"`
		Version          string       `yaml:"version"`
		Status           string       `yaml:"status"`
		Domain           string       `yaml:"domain"`
		Tags             []string     `yaml:"tags"`
		Description      odcsText     `yaml:"description"`
		Schema           []odcsObject `yaml:"schema"`
		SLA              []odcsSLA    `yaml:"slaProperties"`
		CustomProperties []odcsCustom `yaml:"customProperties"`
	}
	odcsText struct {
		Purpose string `yaml:"purpose"`
	}
	odcsObject struct {
		Name             string         `yaml:"name"`
		Properties       []odcsProperty `yaml:"properties"`
		Quality          []odcsQuality  `yaml:"quality"`
		CustomProperties []odcsCustom   `yaml:"customProperties"`
	}
	odcsProperty struct {
		Name               string        `yaml:"name"`
		BusinessName       string        `yaml:"businessName"`
		Description        string        `yaml:"description"`
		LogicalType        string        `yaml:"logicalType"`
		Options            odcsOptions   `yaml:"logicalTypeOptions"`
		Required           bool          `yaml:"required"`
		Unique             bool          `yaml:"unique"`
		PrimaryKey         bool          `yaml:"primaryKey"`
		PrimaryKeyPosition int           `yaml:"primaryKeyPosition"`
		Partitioned        bool          `yaml:"partitioned"`
		Classification     string        `yaml:"classification"`
		Examples           []odcsValue   `yaml:"examples"`
		Quality            []odcsQuality `yaml:"quality"`
		CustomProperties   []odcsCustom  `yaml:"customProperties"`
	}
	odcsOptions struct {
		MinLength        *int      `yaml:"minLength"`
		MaxLength        *int      `yaml:"maxLength"`
		Pattern          string    `yaml:"pattern"`
		Format           string    `yaml:"format"`
		Minimum          odcsValue `yaml:"minimum"`
		Maximum          odcsValue `yaml:"maximum"`
		ExclusiveMinimum odcsValue `yaml:"exclusiveMinimum"`
		ExclusiveMaximum odcsValue `yaml:"exclusiveMaximum"`
		MultipleOf       odcsValue `yaml:"multipleOf"`
		Timezone         *bool     `yaml:"timezone"`
		DefaultTimezone  string    `yaml:"defaultTimezone"`
	}
	odcsQuality struct {
		Name             string       `yaml:"name"`
		Type             string       `yaml:"type"`
		Metric           string       `yaml:"metric"`
		Rule             string       `yaml:"rule"`
		Engine           string       `yaml:"engine"`
		Description      string       `yaml:"description"`
		Implementation   odcsValue    `yaml:"implementation"`
		MustBe           odcsValue    `yaml:"mustBe"`
		Arguments        odcsArgs     `yaml:"arguments"`
		CustomProperties []odcsCustom `yaml:"customProperties"`
	}
	odcsArgs struct {
		ValidValues []odcsValue `yaml:"validValues"`
		Pattern     string      `yaml:"pattern"`
	}
	odcsSLA struct {
		Property string    `yaml:"property"`
		Value    odcsValue `yaml:"value"`
		Unit     string    `yaml:"unit"`
	}
	odcsCustom struct {
		Property string    `yaml:"property"`
		Value    odcsValue `yaml:"value"`
	}
)

// odcsValue keeps a value's node, so that a bound such as 99999999999999.99 is
// read as it is written and never passes through a float.
type odcsValue struct {
	node ast.Node
}

// UnmarshalYAML keeps the node.
func (v *odcsValue) UnmarshalYAML(node ast.Node) error {
	v.node = node
	return nil
}

// text is the scalar as written, without quotes; ok is false for anything else.
func (v odcsValue) text() (text string, ok bool) {
	switch n := v.node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode:
		return n.Token.Value, true
	case *ast.FloatNode:
		return n.Token.Value, true
	case *ast.BoolNode:
		return strconv.FormatBool(n.Value), true
	}
	return "", false
}

// decode fills into from the node.
func (v odcsValue) decode(into any) error {
	if v.node == nil {
		return errors.New("no value")
	}
	return yaml.NodeToValue(v.node, into)
}

var odcsSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(odcsStandard))
	if err != nil {
		return nil, fmt.Errorf("read the ODCS JSON Schema: %w", err)
	}
	compiler := jsonschema.NewCompiler()
	// The text comes from outside: no schema may make the compiler fetch anything.
	compiler.UseLoader(jsonschema.SchemeURLLoader{})
	const name = "odcs.json"
	if err := compiler.AddResource(name, doc); err != nil {
		return nil, fmt.Errorf("read the ODCS JSON Schema: %w", err)
	}
	return compiler.Compile(name)
})

// readODCS parses the YAML, holds it against the standard's JSON Schema and
// returns the parts zida reads.
func readODCS(source []byte) (*odcsDocument, error) {
	if len(source) > maxContract {
		return nil, oneIssue("", fmt.Sprintf("the file has %d bytes", len(source)),
			fmt.Sprintf("a contract has at most %d bytes", maxContract))
	}
	if nestsTooDeep(source) {
		return nil, oneIssue("", fmt.Sprintf("the YAML nests deeper than %d levels", maxNesting), "a contract is flat; write it in block style")
	}
	// Tokens first: the parser takes a minute for 240 KB of tags.
	for _, t := range lexer.Tokenize(string(source)) {
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType, token.TagType:
			return nil, oneIssue(fmt.Sprintf("line %d", t.Position.Line), "anchors, aliases, merge keys and tags are not used in contracts", "write the value out")
		}
	}
	file, err := parser.ParseBytes(source, 0)
	if err != nil {
		return nil, oneIssue("", "not YAML: "+err.Error(), "")
	}
	if len(strings.TrimSpace(string(source))) == 0 {
		return nil, oneIssue("", "the file is empty", "zida contract new writes the beginning of a contract")
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return nil, oneIssue("", fmt.Sprintf("the file holds %d YAML documents", len(file.Docs)), "put exactly one contract in a file")
	}
	root := file.Docs[0].Body
	var tree any
	if err := yaml.NodeToValue(root, &tree); err != nil {
		return nil, oneIssue("", "not YAML: "+err.Error(), "")
	}
	if err := matchStandard(tree); err != nil {
		return nil, err
	}
	doc := &odcsDocument{}
	if err := yaml.NodeToValue(root, doc); err != nil {
		return nil, oneIssue("", "not as the standard has it: "+err.Error(), "")
	}
	return doc, nil
}

// matchStandard holds the tree against the ODCS JSON Schema.
func matchStandard(tree any) error {
	// By way of JSON, so that the validator sees JSON's own numbers and no NaN.
	text, err := json.Marshal(tree)
	if err != nil {
		return oneIssue("", "not expressible as JSON: "+err.Error(), "use plain numbers, strings, lists and maps")
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return oneIssue("", "not expressible as JSON: "+err.Error(), "")
	}
	schema, err := odcsSchema()
	if err != nil {
		return err
	}
	err = schema.Validate(instance)
	var invalid *jsonschema.ValidationError
	if errors.As(err, &invalid) {
		return standardIssues(invalid, instance)
	}
	return err
}

// standardIssues turns the validator's tree into a flat list of innermost causes,
// which say what is wrong where.
func standardIssues(invalid *jsonschema.ValidationError, instance any) *ContractError {
	const remedy = "the Open Data Contract Standard v3.1 asks for it"
	var issues, unknown []ContractIssue
	printer := message.NewPrinter(language.English)
	var walk func(*jsonschema.ValidationError)
	walk = func(v *jsonschema.ValidationError) {
		for _, cause := range v.Causes {
			walk(cause)
		}
		if len(v.Causes) > 0 {
			return
		}
		path := dotted(v.InstanceLocation, instance)
		if _, notHere := v.ErrorKind.(*schemakind.FalseSchema); notHere {
			unknown = append(unknown, ContractIssue{path, "is not a member that the standard has here", "take it out, or make it a customProperty"})
			return
		}
		issues = append(issues, ContractIssue{path, v.ErrorKind.LocalizedString(printer), remedy})
	}
	walk(invalid)
	// Where a part fails, the standard's schema calls all its members unknown too:
	// they are worth naming only when nothing else is wrong.
	if len(issues) == 0 {
		issues = unknown
	}
	slices.SortFunc(issues, func(a, b ContractIssue) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Text, b.Text))
	})
	issues = slices.Compact(issues)
	return &ContractError{Issues: issues[:min(len(issues), maxIssues)]}
}

// dotted writes a JSON location as people do, a property by its name:
// schema[0].properties.entries.examples[1].
func dotted(location []string, instance any) string {
	var path strings.Builder
	for i, step := range location {
		if list, ok := instance.([]any); ok {
			n, err := strconv.Atoi(step)
			if err != nil || n < 0 || n >= len(list) {
				return path.String()
			}
			instance = list[n]
			if member, ok := instance.(map[string]any); ok && i > 0 && location[i-1] == "properties" {
				if name, ok := member["name"].(string); ok {
					path.WriteString("." + name)
					continue
				}
			}
			path.WriteString("[" + step + "]")
			continue
		}
		if member, ok := instance.(map[string]any); ok {
			instance = member[step]
		}
		if path.Len() > 0 {
			path.WriteByte('.')
		}
		path.WriteString(step)
	}
	return path.String()
}

func oneIssue(path, text, remedy string) error {
	return &ContractError{Issues: []ContractIssue{{Path: path, Text: text, Remedy: remedy}}}
}

// nestsTooDeep bounds nesting from the raw bytes, before any parser recurses:
// brackets that stay open, and the indicators at the beginning of a line.
func nestsTooDeep(source []byte) bool {
	depth := 0
	for line := range bytes.Lines(source) {
		indicators := 0
		for _, c := range line {
			if c != ' ' && c != '-' && c != '?' && c != ':' && c != '\t' {
				break
			}
			if c != ' ' && c != '\t' {
				indicators++
			}
		}
		// Block nesting costs at least one column a level.
		if indicators > maxNesting || len(line)-len(bytes.TrimLeft(line, " ")) > 8*maxNesting {
			return true
		}
		for _, c := range line {
			switch c {
			case '[', '{':
				depth++
			case ']', '}':
				depth = max(0, depth-1)
			}
			if depth > maxNesting {
				return true
			}
		}
	}
	return false
}
