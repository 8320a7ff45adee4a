package schemas

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// RegionList is the id of the list of GB/T 2260 codes itself: a property checked
// against it names a region, but does not say whose a row is.
const RegionList = "region"

const (
	maxContractProperties = 200
	historySuffix         = "_history"
)

var (
	contractID   = regexp.MustCompile(`^[a-z][a-z0-9_]{0,40}$`)
	propertyName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
	semanticVer  = regexp.MustCompile(`^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})$`)
	statuses     = []string{"proposed", "draft", "active", "deprecated", "retired"}
)

// ParseContract reads a data contract: YAML that the Open Data Contract Standard
// v3.1 accepts, with one schema object, and with the rules of zida's own
// custom properties (zida…). The error is a *ContractError that names every
// place and its remedy.
func ParseContract(source []byte) (*Contract, error) {
	doc, err := readODCS(source)
	if err != nil {
		return nil, err
	}
	b := &contractBuilder{doc: doc, c: &Contract{Region: -1, RegionFrom: -1, Time: -1, Partition: -1}}
	b.c.source = slices.Clone(source)
	b.header()
	if len(doc.Schema) != 1 {
		b.fail("schema", fmt.Sprintf("has %d objects", len(doc.Schema)), "a contract describes exactly one dataset: leave one schema object")
		return nil, &ContractError{Issues: b.issues}
	}
	b.object(&doc.Schema[0])
	if len(b.issues) > 0 {
		return nil, &ContractError{Issues: b.issues[:min(len(b.issues), maxIssues)]}
	}
	return b.c, nil
}

// ODCS is the contract's YAML as it was loaded.
func (c *Contract) ODCS() []byte {
	return slices.Clone(c.source)
}

// contractBuilder fills a Contract and gathers what is wrong on the way.
type contractBuilder struct {
	doc    *odcsDocument
	c      *Contract
	issues []ContractIssue
	// Named on the contract or the object instead of on the property.
	region, time, regionFrom string
}

func (b *contractBuilder) fail(path, text, remedy string) {
	b.issues = append(b.issues, ContractIssue{Path: path, Text: text, Remedy: remedy})
}

// header checks what stands outside the schema object.
func (b *contractBuilder) header() {
	d, c := b.doc, b.c
	c.ID, c.Version, c.Status, c.Name, c.Domain, c.Tags = d.ID, d.Version, d.Status, d.Name, d.Domain, d.Tags
	c.Description = strings.TrimSpace(d.Description.Purpose)
	if d.APIVersion != "v3.1.0" {
		b.fail("apiVersion", fmt.Sprintf("is %q", d.APIVersion), "write v3.1.0")
	}
	if !contractID.MatchString(d.ID) {
		b.fail("id", fmt.Sprintf("%q is not a dataset id", d.ID), "use a lower-case letter, then up to 40 lower-case letters, digits and _")
	}
	if Reserved(d.ID) {
		b.fail("id", fmt.Sprintf("%q is the name of a table the hub keeps itself", d.ID), "choose another id, not ending in "+historySuffix+", _rollup or _local")
	}
	if !semanticVer.MatchString(d.Version) {
		b.fail("version", fmt.Sprintf("%q is not a semantic version", d.Version), "write MAJOR.MINOR.PATCH, such as 1.0.0")
	}
	if !slices.Contains(statuses, d.Status) {
		b.fail("status", fmt.Sprintf("is %q", d.Status), "use one of "+strings.Join(statuses, ", "))
	}
	if strings.TrimSpace(d.Name) == "" {
		b.fail("name", "is missing", "give the dataset's Chinese name")
	}
	if !propertyName.MatchString(d.Domain) {
		b.fail("domain", fmt.Sprintf("%q is not a domain", d.Domain), "use a lower-case word, such as tourism")
	}
	b.customs("customProperties", d.CustomProperties, map[string]func(string, odcsValue){
		"zidaLabelEn":       b.textInto(&c.NameEN),
		"zidaDescriptionEn": b.textInto(&c.DescriptionEN),
		"zidaReference":     b.boolInto(&c.Reference),
		"zidaRegion":        b.textInto(&b.region),
		"zidaTime":          b.textInto(&b.time),
		"zidaRegionFrom":    b.textInto(&b.regionFrom),
	})
	if c.NameEN == "" {
		b.fail("customProperties", "zidaLabelEn is missing", "give the dataset's English name as {property: zidaLabelEn, value: …}")
	}
	b.freshness()
}

// object builds the properties and what spans them.
func (b *contractBuilder) object(o *odcsObject) {
	if o.Name != b.doc.ID {
		b.fail("schema[0].name", fmt.Sprintf("is %q", o.Name), fmt.Sprintf("give it the contract's id, %q", b.doc.ID))
	}
	b.customs("schema[0].customProperties", o.CustomProperties, map[string]func(string, odcsValue){
		"zidaRegion":     b.textInto(&b.region),
		"zidaTime":       b.textInto(&b.time),
		"zidaRegionFrom": b.textInto(&b.regionFrom),
	})
	if n := len(o.Properties); n == 0 || n > maxContractProperties {
		b.fail("schema[0].properties", fmt.Sprintf("has %d properties", n), fmt.Sprintf("give it 1 to %d", maxContractProperties))
		return
	}
	marks := propertyMarks{}
	seen := map[string]bool{}
	for i := range o.Properties {
		source := &o.Properties[i]
		if seen[source.Name] {
			b.fail("schema[0].properties."+source.Name, "is there twice", "property names are unique in a dataset")
		}
		seen[source.Name] = true
		b.c.Properties = append(b.c.Properties, b.property(source, i, &marks))
	}
	b.key()
	b.place(&marks)
	for i := range o.Properties {
		path := "schema[0].properties." + o.Properties[i].Name
		b.propertyRules(path+".quality", i, o.Properties[i].Quality)
		b.valueLabels(path, &b.c.Properties[i])
	}
	b.objectRules("schema[0].quality", o.Quality)
	if len(b.issues) == 0 {
		b.examples()
	}
}

// key orders the primary key and checks that its positions are 1..n.
func (b *contractBuilder) key() {
	at := map[int]int{}
	for i, p := range b.c.Properties {
		if p.KeyPosition == 0 {
			continue
		}
		if _, taken := at[p.KeyPosition]; taken {
			b.fail("schema[0].properties."+p.Name+".primaryKeyPosition", fmt.Sprintf("%d is taken", p.KeyPosition), "number the key's properties 1, 2, 3 …")
		}
		at[p.KeyPosition] = i
	}
	if len(at) == 0 {
		b.fail("schema[0].properties", "no property is in the primary key", "mark what identifies a record with primaryKey: true and primaryKeyPosition: 1, 2 …")
		return
	}
	for position := 1; position <= len(at); position++ {
		i, ok := at[position]
		if !ok {
			b.fail("schema[0].properties", fmt.Sprintf("no property has primaryKeyPosition %d", position), "number the key's properties 1, 2, 3 … without a gap")
			return
		}
		b.c.Key = append(b.c.Key, i)
	}
	if b.c.Reference && len(b.c.Key) != 1 {
		b.fail("schema[0].properties", fmt.Sprintf("the key of a reference list has %d properties", len(b.c.Key)), "a list's key is its code alone")
	}
	if b.c.Reference && b.c.Properties[b.c.Key[0]].Type != TypeString {
		b.fail("schema[0].properties."+b.c.Properties[b.c.Key[0]].Name, "the code of a reference list is not a string", "write logicalType: string")
	}
}

// propertyMarks are the properties that bear one of the dataset's roles.
type propertyMarks struct {
	region, time, regionFrom, partition []int
}

// place decides the dataset's region, region source, time and partition.
func (b *contractBuilder) place(m *propertyMarks) {
	c := b.c
	c.Region = b.role("zidaRegion", b.region, m.region)
	c.Time = b.role("zidaTime", b.time, m.time)
	c.RegionFrom = b.role("zidaRegionFrom", b.regionFrom, m.regionFrom)
	c.Partition = b.role("partitioned", "", m.partition)
	if c.Region < 0 {
		b.fail("schema[0].properties", "no property is the region", "mark the one that holds the GB/T 2260 code with {property: zidaRegion, value: true}: whose a record is follows from it")
		return
	}
	region := &c.Properties[c.Region]
	region.LowCardinality = true
	if region.Type != TypeString {
		b.fail("schema[0].properties."+region.Name, "the region is not a string", "write logicalType: string")
	}
	if c.RegionFrom >= 0 {
		from := &c.Properties[c.RegionFrom]
		if from.KeyPosition == 0 || from.CodeList == "" {
			b.fail("schema[0].properties."+from.Name, "zidaRegionFrom is not a key property with a code list", "the region follows from a list's entry that the key names")
		}
	} else if region.KeyPosition == 0 && !c.Reference {
		for _, i := range c.Key {
			if list := c.Properties[i].CodeList; list != "" && list != RegionList {
				c.RegionFrom = i
				break
			}
		}
	}
	if c.RegionFrom < 0 && !region.Required {
		b.fail("schema[0].properties."+region.Name, "may be absent, and no key property's reference list can fill it in", "write required: true")
	}
	if c.Time >= 0 {
		if p := &c.Properties[c.Time]; p.Type != TypeTimestamp && p.Type != TypeDate && p.Period == "" {
			b.fail("schema[0].properties."+p.Name, "zidaTime is on neither a timestamp, a date nor a period", "use logicalType timestamp or date, or a string with zidaPeriod")
		}
	}
	if c.Partition >= 0 {
		if p := &c.Properties[c.Partition]; p.KeyPosition == 0 || (p.Type != TypeTimestamp && p.Type != TypeDate && p.Period == "") {
			b.fail("schema[0].properties."+p.Name, "partitioned is on a property that is not a time in the key", "partition by a timestamp, date or period of the primary key, so that a revision stays in its partition; or leave it out")
		}
	}
}

// role finds the one property that bears a role, named on the contract or marked on itself.
func (b *contractBuilder) role(mark, named string, marked []int) int {
	if named != "" {
		i := b.c.PropertyIndex(named)
		if i < 0 {
			b.fail("customProperties", fmt.Sprintf("%s names %q, which is no property", mark, named), "name a property of the schema object")
			return -1
		}
		if !slices.Contains(marked, i) {
			marked = append(marked, i)
		}
	}
	switch len(marked) {
	case 0:
		return -1
	case 1:
		return marked[0]
	}
	b.fail("schema[0].properties."+b.c.Properties[marked[1]].Name, mark+" is on a second property", "mark one property only")
	return marked[0]
}

// freshness reads the promise of how old the newest record may be.
func (b *contractBuilder) freshness() {
	for i, sla := range b.doc.SLA {
		if sla.Property != "freshness" {
			continue
		}
		path := fmt.Sprintf("slaProperties[%d]", i)
		text, _ := sla.Value.text()
		n, err := strconv.Atoi(text)
		unit, known := freshnessUnits[strings.ToLower(sla.Unit)]
		if err != nil || n < 1 || n > 10000 {
			b.fail(path+".value", fmt.Sprintf("%q is no number of units", text), "write a whole number from 1 to 10000")
		}
		if !known {
			b.fail(path+".unit", fmt.Sprintf("%q is no unit", sla.Unit), "use minutes, hours, days, months or years")
		}
		b.c.Freshness = time.Duration(n) * unit
	}
}

// A month of freshness is 31 days and a year 366: a promise is late only when it
// surely is.
var freshnessUnits = map[string]time.Duration{
	"min": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"h": time.Hour, "hour": time.Hour, "hours": time.Hour,
	"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
	"mo": 31 * 24 * time.Hour, "month": 31 * 24 * time.Hour, "months": 31 * 24 * time.Hour,
	"y": 366 * 24 * time.Hour, "yr": 366 * 24 * time.Hour, "year": 366 * 24 * time.Hour, "years": 366 * 24 * time.Hour,
}

// customs hands each custom property that begins with zida to its reader; one
// that no reader knows would be silently ignored, so it is an error.
func (b *contractBuilder) customs(path string, list []odcsCustom, readers map[string]func(string, odcsValue)) {
	seen := map[string]bool{}
	for _, custom := range list {
		if !strings.HasPrefix(strings.ToLower(custom.Property), "zida") {
			continue
		}
		at := path + "." + custom.Property
		read, known := readers[custom.Property]
		switch {
		case !known:
			names := make([]string, 0, len(readers))
			for name := range readers {
				names = append(names, name)
			}
			slices.Sort(names)
			b.fail(at, "is not a custom property that zida knows here", "use one of "+strings.Join(names, ", "))
		case seen[custom.Property]:
			b.fail(at, "is there twice", "leave one")
		default:
			seen[custom.Property] = true
			read(at, custom.Value)
		}
	}
}

func (b *contractBuilder) textInto(into *string) func(string, odcsValue) {
	return func(path string, v odcsValue) {
		text, ok := v.text()
		if text = strings.TrimSpace(text); !ok || text == "" {
			b.fail(path, "has no text", "write a string")
			return
		}
		*into = text
	}
}

func (b *contractBuilder) boolInto(into *bool) func(string, odcsValue) {
	return func(path string, v odcsValue) {
		text, _ := v.text()
		if text != "true" && text != "false" {
			b.fail(path, fmt.Sprintf("is %q", text), "write true or false")
			return
		}
		*into = text == "true"
	}
}

// Reserved says that a dataset's name is one of the hub's own tables or derived datasets.
func Reserved(id string) bool {
	switch id {
	case "submissions", "rollups", "park_booking":
		return true
	}
	return strings.HasSuffix(id, historySuffix) || strings.HasSuffix(id, "_rollup") || strings.HasSuffix(id, "_local")
}
