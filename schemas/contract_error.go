package schemas

import (
	"strconv"
	"strings"
)

// ContractIssue is one thing wrong with a contract: where, what, and what to do.
type ContractIssue struct {
	Path   string `json:"path"`
	Text   string `json:"text"`
	Remedy string `json:"remedy,omitempty"`
}

// ContractError lists everything that keeps a contract from being loaded.
type ContractError struct {
	Issues []ContractIssue
}

// Error has one line an issue.
func (e *ContractError) Error() string {
	var text strings.Builder
	text.WriteString("the contract has " + strconv.Itoa(len(e.Issues)) + " error(s)")
	for _, issue := range e.Issues {
		text.WriteString("\n  ")
		if issue.Path != "" {
			text.WriteString(issue.Path + ": ")
		}
		text.WriteString(issue.Text)
		if issue.Remedy != "" {
			text.WriteString("; " + issue.Remedy)
		}
	}
	return text.String()
}
