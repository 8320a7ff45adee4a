package hub

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/zida-hub/zida/connectors"
	"github.com/zida-hub/zida/schemas"
)

var (
	classificationWords = [...]string{"public", "internal", "sensitive", "core"}
	typeWords           = map[schemas.Type]string{
		schemas.TypeString: "string", schemas.TypeInteger: "integer", schemas.TypeNumber: "number",
		schemas.TypeBoolean: "boolean", schemas.TypeTimestamp: "timestamp", schemas.TypeDate: "date",
	}
)

// datasetEntry is a dataset in the catalogue.
type datasetEntry struct {
	ID             string          `json:"id"`
	Name           string          `json:"name"`
	NameEN         string          `json:"name_en,omitempty"`
	Version        string          `json:"version"`
	Status         string          `json:"status,omitempty"`
	Description    string          `json:"description,omitempty"`
	DescriptionEN  string          `json:"description_en,omitempty"`
	Domain         string          `json:"domain,omitempty"`
	Tags           []string        `json:"tags,omitempty"`
	Reference      bool            `json:"reference"`
	Classification string          `json:"classification"` // the highest of its properties
	Key            []string        `json:"key"`
	SLA            *slaEntry       `json:"sla,omitempty"`
	Properties     []propertyEntry `json:"properties,omitempty"`
	Rules          []ruleEntry     `json:"rules,omitempty"`
	Versions       []versionEntry  `json:"versions,omitempty"` // newest first
}

// slaEntry is what the contract promises.
type slaEntry struct {
	FreshnessHours float64 `json:"freshness_hours"`
}

// propertyEntry says of a property what one needs to fill it in.
type propertyEntry struct {
	Name           string   `json:"name"`
	Label          string   `json:"label,omitempty"`
	LabelEN        string   `json:"label_en,omitempty"`
	Description    string   `json:"description,omitempty"`
	DescriptionEN  string   `json:"description_en,omitempty"`
	Type           string   `json:"type"`
	Unit           string   `json:"unit,omitempty"`
	UnitEN         string   `json:"unit_en,omitempty"`
	Required       bool     `json:"required"`
	Key            int      `json:"key,omitempty"`
	Unique         bool     `json:"unique,omitempty"`
	Classification string   `json:"classification"`
	CodeList       string   `json:"code_list,omitempty"`
	ListAttribute  string   `json:"list_attribute,omitempty"`
	Enum           []string `json:"enum,omitempty"`
	Period         string   `json:"period,omitempty"`
	Pattern        string   `json:"pattern,omitempty"`
	MinLength      int      `json:"min_length,omitempty"`
	MaxLength      int      `json:"max_length,omitempty"`
	Minimum        string   `json:"minimum,omitempty"` // exact, so as text
	Maximum        string   `json:"maximum,omitempty"`
	MinimumOpen    bool     `json:"exclusive_minimum,omitempty"`
	MaximumOpen    bool     `json:"exclusive_maximum,omitempty"`
	Precision      int      `json:"precision,omitempty"`
	Scale          int      `json:"scale,omitempty"`
	Default        string   `json:"default,omitempty"`
	Examples       []string `json:"examples,omitempty"`
}

// ruleEntry is a rule of a record, with the message of who breaks it.
type ruleEntry struct {
	Name      string   `json:"name"`
	CEL       string   `json:"cel"`
	Message   string   `json:"message"`
	MessageEN string   `json:"message_en"`
	Fields    []string `json:"fields"`
}

// versionEntry is a version of the contract that records may still follow.
type versionEntry struct {
	Version string     `json:"version"`
	Retires *time.Time `json:"retires_at,omitempty"`
}

func newPropertyEntry(p *schemas.Property) propertyEntry {
	e := propertyEntry{
		Name: p.Name, Label: p.Label, LabelEN: p.LabelEN, Description: p.Description, DescriptionEN: p.DescriptionEN,
		Type: typeWords[p.Type], Unit: p.Unit, UnitEN: p.UnitEN, Required: p.Required, Key: p.KeyPosition, Unique: p.Unique,
		Classification: classificationWords[p.Classification], CodeList: p.CodeList, Enum: p.Enum, Period: p.Period,
		MinLength: p.MinLength, MaxLength: p.MaxLength, Minimum: p.Minimum, Maximum: p.Maximum,
		MinimumOpen: p.ExclusiveMinimum, MaximumOpen: p.ExclusiveMaximum,
		Precision: p.Precision, Scale: p.Scale, Default: p.Default, Examples: p.Examples,
	}
	if p.Pattern != nil {
		e.Pattern = p.Pattern.String()
	}
	if p.ListAttr != "" {
		e.ListAttribute = p.ListAttr + "=" + p.ListAttrValue
	}
	return e
}

// wholeEntry is a dataset's entry with its contract.
func (h *Hub) wholeEntry(d *dataset) datasetEntry {
	c := d.contract
	e := newDatasetEntry(c)
	for i := range c.Properties {
		e.Properties = append(e.Properties, newPropertyEntry(&c.Properties[i]))
	}
	for _, r := range c.Rules {
		e.Rules = append(e.Rules, ruleEntry{Name: r.Name, CEL: r.CEL, Message: r.Message, MessageEN: r.MessageEN, Fields: r.Fields})
	}
	for _, v := range h.catalog.versions(c.ID) {
		entry := versionEntry{Version: v.contract.Version}
		if !v.retired.IsZero() {
			entry.Retires = &v.retired
		}
		e.Versions = append(e.Versions, entry)
	}
	return e
}

func newDatasetEntry(c *schemas.Contract) datasetEntry {
	d := datasetEntry{
		ID: c.ID, Name: c.Name, NameEN: c.NameEN, Version: c.Version, Status: c.Status, Description: c.Description, DescriptionEN: c.DescriptionEN,
		Domain: c.Domain, Tags: c.Tags, Reference: c.Reference, Key: []string{},
	}
	if c.Freshness > 0 {
		d.SLA = &slaEntry{FreshnessHours: c.Freshness.Hours()}
	}
	highest := schemas.Public
	for i := range c.Properties {
		highest = max(highest, c.Properties[i].Classification)
	}
	d.Classification = classificationWords[highest]
	for _, i := range c.Key {
		d.Key = append(d.Key, c.Properties[i].Name)
	}
	return d
}

func (h *Hub) listDatasets(c *gin.Context) {
	list := []datasetEntry{}
	for _, contract := range h.catalog.contracts() {
		list = append(list, newDatasetEntry(contract))
	}
	writeJSON(c, http.StatusOK, map[string]any{"datasets": list})
}

// getDataset gives the catalogue's entry, the contract itself the JSON Schema
// of one record or the Excel template, by Accept.
func (h *Hub) getDataset(c *gin.Context) {
	d := h.catalog.get(c.Param("id"))
	if d == nil {
		h.fail(c, unknownDataset(c.Param("id")))
		return
	}
	c.Header("Vary", "Accept")
	var text []byte
	kind := accepts(c.Request, "application/json", "application/yaml", "application/x-yaml", "text/yaml", "application/schema+json", connectors.MediaXLSX)
	switch kind {
	case "":
		h.problem(c, "not-acceptable", "可用 application/json、application/yaml（合约）、application/schema+json 或 Excel 模板", "There are application/json, application/yaml (the contract), application/schema+json and the Excel template")
		return
	case "application/json":
		writeJSON(c, http.StatusOK, h.wholeEntry(d))
		return
	case "application/schema+json":
		var err error
		if text, err = d.contract.JSONSchema(); err != nil {
			h.fail(c, err)
			return
		}
	case connectors.MediaXLSX:
		var err error
		if text, err = connectors.Template(d.contract, h.ledger.lists.Load()); err != nil {
			h.fail(c, err)
			return
		}
		c.Header("Content-Disposition", "attachment; filename*=UTF-8''"+url.PathEscape(d.contract.Name+".xlsx"))
	default:
		text = d.contract.ODCS()
	}
	c.Header("Content-Type", kind)
	c.Writer.WriteHeader(http.StatusOK)
	_, _ = c.Writer.Write(text)
}

func unknownDataset(id string) *problemError {
	if len(id) > 100 {
		id = id[:100]
	}
	id = strings.ToValidUTF8(id, "")
	return refuse("unknown-dataset", "没有数据集“"+id+"”", "There is no dataset “"+id+"”")
}
