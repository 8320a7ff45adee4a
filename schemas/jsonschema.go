package schemas

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// JSON Schema's text forms of a time and of a retrievable schema id.
const (
	instantPattern = `^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})?)?$`
	datePattern    = `^[0-9]{4}-[0-9]{2}-[0-9]{2}$`
	schemaDialect  = "https://json-schema.org/draft/2020-12/schema"
)

// schemaNode is one JSON Schema object, its keywords in the order people read.
type schemaNode struct {
	Dialect              string            `json:"$schema,omitempty"`
	ID                   string            `json:"$id,omitempty"`
	Title                string            `json:"title,omitempty"`
	Description          string            `json:"description,omitempty"`
	Type                 any               `json:"type,omitempty"`
	Enum                 []any             `json:"enum,omitempty"`
	Format               string            `json:"format,omitempty"`
	Pattern              string            `json:"pattern,omitempty"`
	MinLength            int               `json:"minLength,omitempty"`
	MaxLength            int               `json:"maxLength,omitempty"`
	Minimum              json.Number       `json:"minimum,omitempty"`
	ExclusiveMinimum     json.Number       `json:"exclusiveMinimum,omitempty"`
	Maximum              json.Number       `json:"maximum,omitempty"`
	ExclusiveMaximum     json.Number       `json:"exclusiveMaximum,omitempty"`
	Default              any               `json:"default,omitempty"`
	Examples             []any             `json:"examples,omitempty"`
	Properties           schemaNodes       `json:"properties,omitempty"`
	Required             []string          `json:"required,omitempty"`
	AdditionalProperties *bool             `json:"additionalProperties,omitempty"`
	Key                  []string          `json:"x-zida-key,omitempty"`
	Rules                []schemaRule      `json:"x-zida-rules,omitempty"`
	Labels               map[string]string `json:"x-zida-labels,omitempty"`
	Units                map[string]string `json:"x-zida-unit,omitempty"`
	Classification       string            `json:"x-zida-classification,omitempty"`
	CodeList             string            `json:"x-zida-code-list,omitempty"`
}

type schemaRule struct {
	Name     string            `json:"name"`
	CEL      string            `json:"cel"`
	Messages map[string]string `json:"messages"`
}

// schemaNodes are named nodes that keep the contract's order.
type schemaNodes []struct {
	name string
	node schemaNode
}

// MarshalJSON writes the nodes as one object, in order.
func (nodes schemaNodes) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, n := range nodes {
		if i > 0 {
			out = append(out, ',')
		}
		text, err := marshalPlain(n.node)
		if err != nil {
			return nil, fmt.Errorf("property %s: %w", n.name, err)
		}
		out = append(out, '"')
		out = append(out, n.name...) // [a-z0-9_] only
		out = append(out, '"', ':')
		out = append(out, text...)
	}
	return append(out, '}'), nil
}

// JSONSchema describes one record of a push in JSON Schema draft 2020-12. What
// JSON Schema cannot say (rules across fields, code lists, whose region it is) is
// carried in x-zida… members and checked by the hub.
func (c *Contract) JSONSchema() ([]byte, error) {
	closed := false
	root := schemaNode{
		Dialect: schemaDialect, ID: "urn:zida:dataset:" + c.ID + ":" + c.Version,
		Title: c.Name, Description: c.Description, Type: "object", AdditionalProperties: &closed,
		Labels: map[string]string{"zh": c.Name, "en": c.NameEN},
	}
	for i := range c.Properties {
		p := &c.Properties[i]
		root.Properties = append(root.Properties, struct {
			name string
			node schemaNode
		}{p.Name, p.schema()})
		if p.MustBeGiven() {
			root.Required = append(root.Required, p.Name)
		}
	}
	for _, i := range c.Key {
		root.Key = append(root.Key, c.Properties[i].Name)
	}
	for _, r := range c.Rules {
		root.Rules = append(root.Rules, schemaRule{r.Name, r.CEL, map[string]string{"zh": r.Message, "en": r.MessageEN}})
	}
	text, err := marshalPlain(root)
	if err != nil {
		return nil, fmt.Errorf("write the JSON Schema of %s: %w", c.ID, err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		return nil, fmt.Errorf("write the JSON Schema of %s: %w", c.ID, err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// MustBeGiven reports whether a record without the property is refused.
func (p *Property) MustBeGiven() bool {
	return p.Required && p.Default == ""
}

func (p *Property) schema() schemaNode {
	n := schemaNode{
		Title: p.Label, Description: p.Description, Classification: p.Classification.String(), CodeList: p.CodeList,
		Labels: map[string]string{"zh": p.Label, "en": p.LabelEN},
	}
	if p.Unit != "" {
		n.Units = map[string]string{"zh": p.Unit}
		if p.UnitEN != "" {
			n.Units["en"] = p.UnitEN
		}
	}
	kinds := p.schemaType(&n)
	if !p.MustBeGiven() {
		kinds = append(kinds, "null") // null is the same as absent
	}
	n.Type = kinds
	if len(kinds) == 1 {
		n.Type = kinds[0]
	}
	for _, value := range p.Enum {
		n.Enum = append(n.Enum, value)
	}
	if len(n.Enum) > 0 && !p.MustBeGiven() {
		n.Enum = append(n.Enum, nil)
	}
	if p.Default != "" {
		n.Default = p.jsonValue(p.Default)
	}
	for _, example := range p.Examples {
		n.Examples = append(n.Examples, p.jsonValue(example))
	}
	return n
}

// schemaType sets the keywords of the property's type and returns its JSON types.
func (p *Property) schemaType(n *schemaNode) []string {
	switch p.Type {
	case TypeInteger, TypeNumber:
		if n.Minimum = json.Number(p.Minimum); p.ExclusiveMinimum {
			n.Minimum, n.ExclusiveMinimum = "", n.Minimum
		}
		if n.Maximum = json.Number(p.Maximum); p.ExclusiveMaximum {
			n.Maximum, n.ExclusiveMaximum = "", n.Maximum
		}
		switch {
		case p.Type == TypeInteger:
			return []string{"integer"}
		case p.Precision == 0:
			return []string{"number"}
		}
		n.Pattern = p.decimalPattern()
		return []string{"string", "number"}
	case TypeBoolean:
		return []string{"boolean"}
	case TypeTimestamp:
		n.Pattern = instantPattern
	case TypeDate:
		n.Format, n.Pattern = "date", datePattern
	case TypeString:
		n.MinLength, n.MaxLength = p.MinLength, p.MaxLength
		if p.Pattern != nil {
			n.Pattern = p.Pattern.String()
		}
	}
	return []string{"string"}
}

// decimalPattern is the text form of the property's exact decimal.
func (p *Property) decimalPattern() string {
	whole, fraction := "0", ""
	if digits := p.Precision - p.Scale; digits > 0 {
		whole = fmt.Sprintf("(0|[1-9][0-9]{0,%d})", digits-1)
	}
	if p.Scale > 0 {
		fraction = fmt.Sprintf(`(\.[0-9]{1,%d})?`, p.Scale)
	}
	return "^-?" + whole + fraction + "$"
}

// jsonValue is the text form of a value as JSON carries it.
func (p *Property) jsonValue(text string) any {
	switch {
	case p.Type == TypeBoolean:
		return text == "true"
	case p.Type == TypeInteger, p.Type == TypeNumber && p.Precision == 0:
		return json.Number(text)
	}
	return text
}

// marshalPlain is json.Marshal without escaping <, > and &, for people to read.
func marshalPlain(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(out.Bytes(), "\n"), nil
}
