package analytics

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zida-hub/zida/schemas"
)

// A metric's expression names properties (entries), attributes of the reference list
// that a property's codes come from (scenic_spot.instant_capacity), parts of the event
// time (time.day) and, after a step, the step's values. This file turns those names into
// columns; everything else in an expression is SQL as it stands.

// rowScope is what names mean at the level of records, and what has been named so far.
type rowScope struct {
	contracts catalogue
	contract  *schemas.Contract
	columns   []string // of the dataset's table, in the order first named
	joins     []*join
	used      []fieldRef
	moment    time.Time // the question's own time, or as_of
}

// join is a reference list beside the records.
type join struct {
	list    *schemas.Contract
	by      string   // the property that holds the code
	columns []string // attributes named so far
}

// The columns of a joined list begin with an underscore, which contracts leave to us.
func (j *join) key() string                    { return "_list__" + j.by }
func (j *join) column(attribute string) string { return j.key() + "__" + attribute }

func newRowScope(contracts catalogue, c *schemas.Contract) *rowScope {
	return &rowScope{contracts: contracts, contract: c}
}

func (s *rowScope) fields() []fieldRef { return s.used }

// column names a column of the dataset's own table.
func (s *rowScope) column(name string) (string, error) {
	if !strings.HasPrefix(name, "_") {
		p, ok := property(s.contract, name)
		if !ok {
			return "", fmt.Errorf("%s has no property %q", s.contract.ID, name)
		}
		s.note(s.contract, p)
	} else if !slices.ContainsFunc(LineageColumns(), func(c schemas.Column) bool { return c.Name == name }) {
		return "", fmt.Errorf("no lineage column %q", name)
	}
	if !slices.Contains(s.columns, name) {
		s.columns = append(s.columns, name)
	}
	return quote(name), nil
}

func (s *rowScope) note(c *schemas.Contract, p *schemas.Property) {
	ref := fieldRef{c.ID, p}
	if !slices.Contains(s.used, ref) {
		s.used = append(s.used, ref)
	}
}

// attribute names an attribute of a list, found through the property by; with by "" the
// one property whose codes come from that list.
func (s *rowScope) attribute(list, by, name string) (string, error) {
	target := s.contracts[list]
	if target == nil {
		return "", fmt.Errorf("no reference list %q", list)
	}
	if len(target.Key) != 1 {
		return "", fmt.Errorf("reference list %s has no single key", list)
	}
	if by == "" {
		for i := range s.contract.Properties {
			p := &s.contract.Properties[i]
			switch {
			case p.CodeList != list:
			case by != "":
				return "", fmt.Errorf("%s has several properties with codes of %s", s.contract.ID, list)
			default:
				by = p.Name
			}
		}
		if by == "" {
			return "", fmt.Errorf("%s has no property with codes of %s", s.contract.ID, list)
		}
	}
	p, ok := property(target, name)
	if !ok {
		return "", fmt.Errorf("%s has no property %q", list, name)
	}
	if _, err := s.column(by); err != nil {
		return "", err
	}
	s.note(target, p)
	at := slices.IndexFunc(s.joins, func(j *join) bool { return j.by == by })
	if at < 0 {
		s.joins = append(s.joins, &join{list: target, by: by})
		at = len(s.joins) - 1
	}
	j := s.joins[at]
	if !slices.Contains(j.columns, name) {
		j.columns = append(j.columns, name)
	}
	return quote(j.column(name)), nil
}

// name resolves a name at the level of records.
func (s *rowScope) name(qualifier, name string) (string, error) {
	switch qualifier {
	case "":
		return s.column(name)
	case "time":
		return s.timePart(name)
	}
	return s.attribute(qualifier, "", name)
}

// timePart is a part of the event time, in Asia/Shanghai.
func (s *rowScope) timePart(part string) (string, error) {
	if part == "today" {
		return "toDate32(fromUnixTimestamp64Milli(" + strconv.FormatInt(s.moment.UnixMilli(), 10) + ", 'Asia/Shanghai'))", nil
	}
	local, err := s.localTime()
	if err != nil {
		return "", err
	}
	switch part {
	case "day":
		return "toDate32(" + local + ")", nil
	case "five_minutes":
		return "toStartOfFiveMinutes(" + local + ")", nil
	case "start":
		return local, nil
	case "end":
		p := &s.contract.Properties[s.contract.Time]
		if p.Type == schemas.TypeString {
			return periodEnd(quote(p.Name)), nil
		}
		return local, nil
	}
	return "", fmt.Errorf("no part of time is named %q", part)
}

// localTime is the event time as a day or an instant in Asia/Shanghai; of a period
// written as text, its first day.
func (s *rowScope) localTime() (string, error) {
	if s.contract.Time < 0 {
		return "", fmt.Errorf("%s has no event time", s.contract.ID)
	}
	p := &s.contract.Properties[s.contract.Time]
	column, err := s.column(p.Name)
	if err != nil {
		return "", err
	}
	switch p.Type {
	case schemas.TypeTimestamp:
		return "toTimeZone(" + column + ", 'Asia/Shanghai')", nil
	case schemas.TypeDate:
		return column, nil
	}
	return periodStart(column), nil
}

// periodStart is the first day of a period written YYYY, YYYY-Qn, YYYY-Hn or YYYY-MM.
func periodStart(column string) string {
	return "makeDate32(toInt32OrZero(substring(" + column + ", 1, 4)), multiIf(length(" + column + ") < 6, 1, " +
		"substring(" + column + ", 6, 1) = 'Q', toInt32OrZero(substring(" + column + ", 7, 1)) * 3 - 2, " +
		"substring(" + column + ", 6, 1) = 'H', toInt32OrZero(substring(" + column + ", 7, 1)) * 6 - 5, " +
		"toInt32OrZero(substring(" + column + ", 6, 2))), 1)"
}

// periodEnd is the first day after such a period.
func periodEnd(column string) string {
	return "addMonths(" + periodStart(column) + ", multiIf(length(" + column + ") < 6, 12, substring(" + column + ", 6, 1) = 'Q', 3, substring(" + column + ", 6, 1) = 'H', 6, 1))"
}

// rewrite replaces the names in an expression by what resolve makes of them.
func rewrite(expression string, resolve func(qualifier, name string) (string, error)) (string, error) {
	var b strings.Builder
	for i := 0; i < len(expression); {
		c := expression[i]
		switch {
		case c == '\'':
			end := strings.IndexByte(expression[i+1:], '\'')
			if end < 0 {
				return "", fmt.Errorf("unclosed text in %q", expression)
			}
			b.WriteString(expression[i : i+end+2])
			i += end + 2
		case c == '`' || c == '"' || c == ';' || c == '?' || c == '\\' || c == '#' || c == '@' || c == '$':
			return "", fmt.Errorf("%q in %q", c, expression)
		case isNameStart(c):
			end := i
			for end < len(expression) && isNamePart(expression[end]) {
				end++
			}
			word := expression[i:end]
			i = end
			qualifier := ""
			if i+1 < len(expression) && expression[i] == '.' && isNameStart(expression[i+1]) {
				end = i + 1
				for end < len(expression) && isNamePart(expression[end]) {
					end++
				}
				qualifier, word, i = word, expression[i+1:end], end
			}
			if qualifier == "" && (i < len(expression) && expression[i] == '(' || isKeyword(word)) {
				b.WriteString(word)
				continue
			}
			text, err := resolve(qualifier, word)
			if err != nil {
				return "", err
			}
			b.WriteString(text)
		case c >= '0' && c <= '9':
			end := i
			for end < len(expression) && (expression[end] >= '0' && expression[end] <= '9' || expression[end] == '.') {
				end++
			}
			b.WriteString(expression[i:end])
			i = end
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String(), nil
}

func isNameStart(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isNamePart(c byte) bool  { return isNameStart(c) || c >= '0' && c <= '9' }

// isKeyword: SQL's own words are written in capitals in the metric files.
func isKeyword(word string) bool {
	return slices.Contains([]string{"AND", "OR", "NOT", "IS", "NULL", "IN", "BETWEEN", "LIKE"}, word)
}

// compiledSteps is a metric's steps with names resolved.
type compiledSteps struct {
	steps      []compiledStep
	expression string // over the last step's values, or over records when there is no step
}

type compiledStep struct {
	by     []string // group expressions, each with its alias in names
	names  []string
	values []string // aggregate expressions with their aliases
}

// compileSteps resolves every name, level by level.
func compileSteps(scope *rowScope, steps []step, expression string) (compiledSteps, error) {
	var out compiledSteps
	resolve := scope.name
	for i, st := range steps {
		var level compiledStep
		inner := map[string]string{}
		for n, by := range st.By {
			text, err := rewrite(by, resolve)
			if err != nil {
				return out, err
			}
			name := fmt.Sprintf("_k%d_%d", i, n)
			level.by = append(level.by, text+" AS "+name)
			level.names = append(level.names, name)
			inner[by] = name
		}
		for n, item := range st.Values {
			text, err := rewrite(fmt.Sprint(item.Value), resolve)
			if err != nil {
				return out, err
			}
			name := fmt.Sprintf("_v%d_%d", i, n)
			level.values = append(level.values, text+" AS "+name)
			inner[fmt.Sprint(item.Key)] = name
		}
		out.steps = append(out.steps, level)
		resolve = func(qualifier, name string) (string, error) {
			if qualifier != "" {
				name = qualifier + "." + name
			}
			if column, ok := inner[name]; ok {
				return column, nil
			}
			return "", fmt.Errorf("%q is not a value of the step before", name)
		}
	}
	text, err := rewrite(expression, resolve)
	out.expression = text
	return out, err
}
