package schemas

import (
	"slices"
	"strings"
	"sync"
)

// Problem is one entry of the catalogue behind every error answer (RFC 9457). Its
// Name is the last segment of the type, /problems/<name>, and is stable: programs
// match on it. The texts are for people, Chinese first.
type Problem struct {
	Name      string `json:"name"`
	Status    int    `json:"status"` // the HTTP status it is answered with
	TitleZH   string `json:"title_zh"`
	TitleEN   string `json:"title_en"`
	ExplainZH string `json:"explain_zh"`
	ExplainEN string `json:"explain_en"`
	RemedyZH  string `json:"remedy_zh"`
	RemedyEN  string `json:"remedy_en"`
}

var problemCatalogue = sync.OnceValue(func() []Problem {
	all := slices.Concat(bodyProblems, recordProblems, accessProblems, queryProblems, requestProblems, hubProblems)
	slices.SortFunc(all, func(a, b Problem) int { return strings.Compare(a.Name, b.Name) })
	return all
})

// Problems lists the whole catalogue by name.
func Problems() []Problem {
	return slices.Clone(problemCatalogue())
}

// ProblemByName finds an entry.
func ProblemByName(name string) (Problem, bool) {
	all := problemCatalogue()
	i, ok := slices.BinarySearchFunc(all, name, func(p Problem, name string) int { return strings.Compare(p.Name, name) })
	if !ok {
		return Problem{}, false
	}
	return all[i], true
}
