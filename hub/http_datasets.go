package hub

import (
	"net/http"
	"net/url"
	"strings"

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
	Domain         string          `json:"domain,omitempty"`
	Tags           []string        `json:"tags,omitempty"`
	Reference      bool            `json:"reference"`
	Classification string          `json:"classification"` // the highest of its properties
	Key            []string        `json:"key"`
	Properties     []propertyEntry `json:"properties,omitempty"`
}

type propertyEntry struct {
	Name           string `json:"name"`
	Label          string `json:"label,omitempty"`
	LabelEN        string `json:"label_en,omitempty"`
	Type           string `json:"type"`
	Unit           string `json:"unit,omitempty"`
	Required       bool   `json:"required"`
	Classification string `json:"classification"`
	CodeList       string `json:"code_list,omitempty"`
}

func newDatasetEntry(c *schemas.Contract, whole bool) datasetEntry {
	d := datasetEntry{
		ID: c.ID, Name: c.Name, NameEN: c.NameEN, Version: c.Version, Status: c.Status, Description: c.Description,
		Domain: c.Domain, Tags: c.Tags, Reference: c.Reference, Key: []string{},
	}
	highest := schemas.Public
	for i := range c.Properties {
		p := &c.Properties[i]
		highest = max(highest, p.Classification)
		if whole {
			d.Properties = append(d.Properties, propertyEntry{
				Name: p.Name, Label: p.Label, LabelEN: p.LabelEN, Type: typeWords[p.Type], Unit: p.Unit, Required: p.Required,
				Classification: classificationWords[p.Classification], CodeList: p.CodeList,
			})
		}
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
		list = append(list, newDatasetEntry(contract, false))
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
		writeJSON(c, http.StatusOK, newDatasetEntry(d.contract, true))
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
