package schemas

import (
	"fmt"
	"time"
)

// CatalogEntry is what the catalogue says of a dataset, in both languages.
type CatalogEntry struct {
	ID             string            `json:"id"`
	Name           string            `json:"name"`
	NameEN         string            `json:"name_en"`
	Version        string            `json:"version"`
	Status         string            `json:"status"`
	Domain         string            `json:"domain"`
	DomainLabel    string            `json:"domain_label,omitempty"`
	Classification string            `json:"classification"` // the highest of its properties
	Description    string            `json:"description,omitempty"`
	DescriptionEN  string            `json:"description_en,omitempty"`
	Tags           []string          `json:"tags,omitempty"`
	Reference      bool              `json:"reference"` // a reference list
	Key            []string          `json:"key"`
	Region         string            `json:"region,omitempty"`
	Time           string            `json:"time,omitempty"`
	Freshness      string            `json:"freshness,omitempty"` // promised age of the newest record, ISO 8601
	Properties     []CatalogProperty `json:"properties,omitempty"`
	Rules          []CatalogRule     `json:"rules,omitempty"`
}

// CatalogProperty is one property in the catalogue.
type CatalogProperty struct {
	Name           string   `json:"name"`
	Label          string   `json:"label"`
	LabelEN        string   `json:"label_en"`
	Type           string   `json:"type"`
	Precision      int      `json:"precision,omitempty"`
	Scale          int      `json:"scale,omitempty"`
	Unit           string   `json:"unit,omitempty"`
	UnitEN         string   `json:"unit_en,omitempty"`
	Description    string   `json:"description,omitempty"`
	DescriptionEN  string   `json:"description_en,omitempty"`
	Required       bool     `json:"required"`
	KeyPosition    int      `json:"key_position,omitempty"`
	Classification string   `json:"classification"`
	CodeList       string   `json:"code_list,omitempty"`
	Values         []string `json:"values,omitempty"`
	Default        string   `json:"default,omitempty"`
	Example        string   `json:"example,omitempty"`

	ValueLabels []ValueLabel `json:"value_labels,omitempty"`
}

// CatalogRule is one rule in the catalogue.
type CatalogRule struct {
	Name      string `json:"name"`
	CEL       string `json:"cel"`
	Message   string `json:"message"`
	MessageEN string `json:"message_en"`
}

// domainLabels are the Chinese names of the domains that ship with zida.
var domainLabels = map[string]string{
	"tourism": "文化旅游", "industry": "产业发展", "plan": "行动计划", "reference": "基础名录",
	"environment": "生态环境", "safety": "安全应急", "agriculture": "现代农业", "service": "公共服务",
	"trade": "开放合作", "innovation": "科技创新", "project": "重大项目", "governance": "协同治理", "economy": "经济运行",
}

// Classification is the highest level among the contract's properties.
func (c *Contract) Classification() Classification {
	level := Public
	for i := range c.Properties {
		level = max(level, c.Properties[i].Classification)
	}
	return level
}

// Label is the dataset's name in "en", or in Chinese for anything else.
func (c *Contract) Label(lang string) string {
	if lang == "en" && c.NameEN != "" {
		return c.NameEN
	}
	return c.Name
}

// In is the property's label in "en", or in Chinese for anything else.
func (p *Property) In(lang string) string {
	if lang == "en" && p.LabelEN != "" {
		return p.LabelEN
	}
	return p.Label
}

// UnitIn is the property's unit in "en", or in Chinese for anything else.
func (p *Property) UnitIn(lang string) string {
	if lang == "en" && p.UnitEN != "" {
		return p.UnitEN
	}
	return p.Unit
}

// Summary is the dataset's line in the catalogue, without properties and rules.
func (c *Contract) Summary() CatalogEntry {
	e := CatalogEntry{
		ID: c.ID, Name: c.Name, NameEN: c.NameEN, Version: c.Version, Status: c.Status,
		Domain: c.Domain, DomainLabel: domainLabels[c.Domain], Classification: c.Classification().String(),
		Description: c.Description, DescriptionEN: c.DescriptionEN, Tags: c.Tags, Reference: c.Reference,
		Freshness: isoDuration(c.Freshness),
	}
	for _, i := range c.Key {
		e.Key = append(e.Key, c.Properties[i].Name)
	}
	if c.Region >= 0 {
		e.Region = c.Properties[c.Region].Name
	}
	if c.Time >= 0 {
		e.Time = c.Properties[c.Time].Name
	}
	return e
}

// Catalog is the whole entry of the dataset.
func (c *Contract) Catalog() CatalogEntry {
	e := c.Summary()
	for i := range c.Properties {
		p := &c.Properties[i]
		entry := CatalogProperty{
			Name: p.Name, Label: p.Label, LabelEN: p.LabelEN, Type: p.Type.String(), Precision: p.Precision, Scale: p.Scale,
			Unit: p.Unit, UnitEN: p.UnitEN, Description: p.Description, DescriptionEN: p.DescriptionEN,
			Required: p.MustBeGiven(), KeyPosition: p.KeyPosition, Classification: p.Classification.String(),
			CodeList: p.CodeList, Values: p.Enum, ValueLabels: p.ValueLabels, Default: p.Default,
		}
		if len(p.Examples) > 0 {
			entry.Example = p.Examples[0]
		}
		e.Properties = append(e.Properties, entry)
	}
	for _, r := range c.Rules {
		e.Rules = append(e.Rules, CatalogRule{Name: r.Name, CEL: r.CEL, Message: r.Message, MessageEN: r.MessageEN})
	}
	return e
}

// isoDuration writes whole minutes as ISO 8601: PT15M, PT4H, P2D; "" for none.
func isoDuration(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d == 0:
		return ""
	case d%day == 0:
		return fmt.Sprintf("P%dD", d/day)
	case d%time.Hour == 0:
		return fmt.Sprintf("PT%dH", d/time.Hour)
	}
	return fmt.Sprintf("PT%dM", d/time.Minute)
}
