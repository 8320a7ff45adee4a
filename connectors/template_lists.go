package connectors

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/zida-hub/zida/schemas"
)

// StarterLists are the reference lists as a new hub has them: what a template's
// drop-downs hold where no hub is asked.
func StarterLists() (*schemas.Lists, error) {
	contracts, err := schemas.Embedded()
	if err != nil {
		return nil, err
	}
	var lists []*schemas.List
	for _, c := range contracts {
		rows, ok := schemas.StarterRows(c.ID)
		if !ok || !c.Reference {
			continue
		}
		var entries []schemas.ListEntry
		for line := range bytes.Lines(rows) {
			e, err := starterEntry(c, line)
			if err != nil {
				return nil, fmt.Errorf("the starter rows of %s: %w", c.ID, err)
			}
			entries = append(entries, e)
		}
		lists = append(lists, schemas.NewList(c.ID, entries))
	}
	return schemas.NewLists(1, lists...), nil
}

func starterEntry(c *schemas.Contract, line []byte) (schemas.ListEntry, error) {
	var row map[string]any
	if err := json.Unmarshal(line, &row); err != nil {
		return schemas.ListEntry{}, err
	}
	e := schemas.ListEntry{Attrs: map[string]string{}}
	for i := range c.Properties {
		p := &c.Properties[i]
		text, ok := row[p.Name].(string)
		if !ok {
			text = p.Default
		}
		switch {
		case i == c.Key[0]:
			e.Code = text
		case i == c.Region:
			e.Region = text
		case p.Name == "name":
			e.Name = text
		case text != "" && (p.CodeList != "" || len(p.Enum) > 0):
			e.Attrs[p.Name] = text
		}
	}
	return e, nil
}

// Template fetches a dataset's Excel template; its drop-downs hold the hub's lists.
func (c *Client) Template(ctx context.Context, dataset string) ([]byte, error) {
	resp, err := c.retry(ctx, c.askBudget(), &call{
		method: http.MethodGet, path: "/v1/datasets/" + url.PathEscape(dataset), header: http.Header{"Accept": {MediaXLSX}},
	})
	if err != nil {
		return nil, err
	}
	defer drain(resp)
	return readAll(resp.Body)
}
