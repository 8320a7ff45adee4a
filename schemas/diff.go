package schemas

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The two kinds of change.
const (
	ChangeCompatible = "compatible"
	// ChangeBreaking could refuse a record accepted before, change a key or whose
	// a record is, or give an accepted number another meaning.
	ChangeBreaking = "breaking"
)

// Change is one difference between two versions of a contract.
type Change struct {
	Kind   string `json:"kind"`
	Path   string `json:"path"`
	Text   string `json:"text"`    // English
	TextZH string `json:"text_zh"` // Chinese
}

// Diff lists what changed from old to new, dataset first, then properties in the
// order of new, then rules.
func Diff(old, new *Contract) []Change {
	d := &contractDiff{old: old, new: new}
	d.dataset()
	for i := range old.Properties {
		p := &old.Properties[i]
		if new.PropertyIndex(p.Name) < 0 {
			d.add(true, p.Name, "was removed; records that carry it would be refused", "已删除；带有该字段的记录将被拒收")
		}
	}
	for i := range new.Properties {
		p := &new.Properties[i]
		if j := old.PropertyIndex(p.Name); j >= 0 {
			d.property(&old.Properties[j], p)
		} else {
			d.added(p)
		}
	}
	d.rules()
	return d.changes
}

// CheckVersion reports whether new's version says enough of its changes since old:
// breaking ones need a higher major version, any change a higher version.
func CheckVersion(old, new *Contract, changes []Change) error {
	order, major := compareVersions(old.Version, new.Version)
	breaking := slices.ContainsFunc(changes, func(c Change) bool { return c.Kind == ChangeBreaking })
	switch {
	case order > 0:
		return fmt.Errorf("version %s is older than %s; raise it", new.Version, old.Version)
	case breaking && !major:
		return fmt.Errorf("there are breaking changes, but version %s has the major version of %s; raise the major version or undo them", new.Version, old.Version)
	case order == 0 && len(changes) > 0:
		return fmt.Errorf("there are changes, but the version is still %s; raise the minor version", new.Version)
	}
	return nil
}

// CompareVersions orders two semantic versions that ParseContract accepted.
func CompareVersions(a, b string) int {
	order, _ := compareVersions(a, b)
	return order
}

// Major is a version's major number.
func Major(version string) int {
	text, _, _ := strings.Cut(version, ".")
	n, _ := strconv.Atoi(text)
	return n
}

// compareVersions orders two semantic versions that ParseContract accepted; major
// is whether b's major version is the higher one.
func compareVersions(a, b string) (order int, major bool) {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(x), len(y)) {
		m, _ := strconv.Atoi(x[i])
		n, _ := strconv.Atoi(y[i])
		if m != n {
			if m > n {
				return 1, false
			}
			return -1, i == 0
		}
	}
	return 0, false
}

type contractDiff struct {
	old, new *Contract
	changes  []Change
}

func (d *contractDiff) add(breaking bool, path, text, zh string) {
	kind := ChangeCompatible
	if breaking {
		kind = ChangeBreaking
	}
	d.changes = append(d.changes, Change{Kind: kind, Path: path, Text: text, TextZH: zh})
}

// text notes a changed text; it breaks nothing.
func (d *contractDiff) text(path, old, new, what, zh string) {
	if old != new {
		d.add(false, path, fmt.Sprintf("%s changed from %q to %q", what, old, new), fmt.Sprintf("%s由“%s”改为“%s”", zh, old, new))
	}
}

func (d *contractDiff) dataset() {
	o, n := d.old, d.new
	if o.ID != n.ID {
		d.add(true, "id", fmt.Sprintf("changed from %s to %s", o.ID, n.ID), fmt.Sprintf("数据集编号由 %s 改为 %s", o.ID, n.ID))
	}
	d.text("name", o.Name, n.Name, "the name", "名称")
	d.text("name", o.NameEN, n.NameEN, "the English name", "英文名称")
	d.text("status", o.Status, n.Status, "the status", "状态")
	d.text("domain", o.Domain, n.Domain, "the domain", "领域")
	if o.Description != n.Description || o.DescriptionEN != n.DescriptionEN {
		d.add(false, "description", "the description changed", "说明有改动")
	}
	if o.Freshness != n.Freshness {
		d.add(false, "slaProperties", fmt.Sprintf("freshness changed from %q to %q", isoDuration(o.Freshness), isoDuration(n.Freshness)),
			fmt.Sprintf("时效承诺由“%s”改为“%s”", isoDuration(o.Freshness), isoDuration(n.Freshness)))
	}
	if o.Reference != n.Reference {
		d.add(true, "zidaReference", "whether it is a reference list changed", "是否为基础名录有改动")
	}
	for _, role := range []struct {
		path, what, zh string
		old, new       int
	}{
		{"zidaRegion", "the property that holds the region", "行政区划字段", o.Region, n.Region},
		{"zidaRegionFrom", "where the region follows from", "归属地依据的字段", o.RegionFrom, n.RegionFrom},
		{"zidaTime", "the event-time property", "业务时间字段", o.Time, n.Time},
		{"partitioned", "the partition", "分区字段", o.Partition, n.Partition},
	} {
		if was, is := o.nameOf(role.old), n.nameOf(role.new); was != is {
			d.add(true, role.path, fmt.Sprintf("%s changed from %q to %q", role.what, was, is), fmt.Sprintf("%s由“%s”改为“%s”", role.zh, was, is))
		}
	}
	if was, is := o.keyNames(), n.keyNames(); was != is {
		d.add(true, "primaryKey", fmt.Sprintf("the key changed from (%s) to (%s)", was, is), fmt.Sprintf("主键由（%s）改为（%s）", was, is))
	}
}

func (c *Contract) nameOf(property int) string {
	if property < 0 {
		return ""
	}
	return c.Properties[property].Name
}

func (c *Contract) keyNames() string {
	names := make([]string, len(c.Key))
	for i, k := range c.Key {
		names[i] = c.Properties[k].Name
	}
	return strings.Join(names, ", ")
}

func (d *contractDiff) added(p *Property) {
	if p.MustBeGiven() {
		d.add(true, p.Name, "was added and is required; records without it would be refused", "新增为必填字段；不含该字段的记录将被拒收")
		return
	}
	d.add(false, p.Name, "was added and may be absent", "新增为可选字段")
}

func (d *contractDiff) rules() {
	for i := range d.old.Rules {
		was := &d.old.Rules[i]
		if !slices.ContainsFunc(d.new.Rules, func(r Rule) bool { return r.Name == was.Name }) {
			d.add(false, "quality."+was.Name, "the rule was removed", "规则已删除")
		}
	}
	for i := range d.new.Rules {
		is := &d.new.Rules[i]
		path := "quality." + is.Name
		j := slices.IndexFunc(d.old.Rules, func(r Rule) bool { return r.Name == is.Name })
		if j < 0 {
			d.add(true, path, "a rule was added: "+is.CEL, "新增规则："+is.CEL)
			continue
		}
		was := &d.old.Rules[j]
		if was.CEL != is.CEL {
			d.add(true, path, fmt.Sprintf("the rule changed from %s to %s", was.CEL, is.CEL), fmt.Sprintf("规则由 %s 改为 %s", was.CEL, is.CEL))
		}
		if was.Message != is.Message || was.MessageEN != is.MessageEN {
			d.add(false, path, "the rule's message changed", "规则的提示文字有改动")
		}
	}
}
