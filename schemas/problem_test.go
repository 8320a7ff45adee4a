package schemas

import (
	"net/http"
	"regexp"
	"testing"
	"unicode"
)

func TestEveryProblemIsCompleteInBothLanguages(t *testing.T) {
	name := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	seen := map[string]bool{}
	for _, p := range Problems() {
		if !name.MatchString(p.Name) || seen[p.Name] {
			t.Errorf("%q is malformed or there twice", p.Name)
		}
		seen[p.Name] = true
		if p.Status < 400 || p.Status > 599 || http.StatusText(p.Status) == "" {
			t.Errorf("%s: status %d", p.Name, p.Status)
		}
		for _, zh := range []string{p.TitleZH, p.ExplainZH, p.RemedyZH} {
			if !hasHan(zh) {
				t.Errorf("%s: %q is not Chinese", p.Name, zh)
			}
		}
		for _, en := range []string{p.TitleEN, p.ExplainEN, p.RemedyEN} {
			if en == "" || hasHan(en) {
				t.Errorf("%s: %q is not English", p.Name, en)
			}
		}
		if found, ok := ProblemByName(p.Name); !ok || found != p {
			t.Errorf("%s is not found by its name", p.Name)
		}
	}
	if _, ok := ProblemByName("no-such-problem"); ok {
		t.Error("an unknown name is found")
	}
}

func TestProblemsKeepTheStatusThatClientsRelyOn(t *testing.T) {
	for name, status := range map[string]int{
		"validation-failed": 422, "malformed-body": 400, "body-incomplete": 400, "unsupported-media-type": 415,
		"unsupported-encoding": 415, "body-too-large": 413, "decompression-bomb": 413, "record-too-large": 413,
		"unknown-dataset": 404, "unknown-submission": 404, "unauthorized": 401, "token-expired": 401, "forbidden": 403,
		"missing-scope": 403, "region-not-allowed": 422, "field-not-readable": 403, "idempotency-key-reused": 422,
		"idempotency-key-invalid": 400, "quota-exceeded": 429, "journal-full": 503, "disk-low": 503, "not-ready": 503,
		"journal-behind": 503, "query-invalid": 400, "unknown-metric": 400, "query-too-expensive": 422,
		"engine-unavailable": 503, "conflict": 409, "not-found": 404, "method-not-allowed": 405, "not-acceptable": 406,
		"too-many-rows": 422, "export-too-large": 422, "agency-exists": 409, "internal": 500, "history-gone": 410,
		"login-failed": 401, "login-throttled": 429, "cross-site": 403, "password-change-needed": 403,
	} {
		if p, ok := ProblemByName(name); !ok || p.Status != status {
			t.Errorf("%s: status %d, want %d", name, p.Status, status)
		}
	}
}

func hasHan(text string) bool {
	for _, r := range text {
		if unicode.Is(unicode.Han, r) {
			return true
		}
	}
	return false
}
