package hub

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/zida-hub/zida/hub/registry"
	"github.com/zida-hub/zida/schemas"
)

// answerTo is what a caller gets of an error.
func answerTo(t *testing.T, err error, accept string) (*httptest.ResponseRecorder, map[string]any) {
	t.Helper()
	conf, _ := testConfig(t)
	s := newShell(conf, testVerify)
	e, failed := s.engine([]route{get("/x", func(c *gin.Context) { s.fail(c, err) })})
	if failed != nil {
		t.Fatal(failed)
	}
	r := httptest.NewRequest(http.MethodGet, "/x", nil)
	r.Header.Set("Accept-Language", accept)
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w, decodeProblem(t, w)
}

func TestProblemsSpeakTheCallersLanguage(t *testing.T) {
	refusal := refuse("not-found", "没有甲", "There is no A")
	for accept, want := range map[string]string{"": "没有甲", "zh-CN": "没有甲", "en": "There is no A", "en-US,en;q=0.5": "There is no A",
		"fr": "没有甲", "en;q=0.3,zh;q=0.7": "没有甲", "en;q=0": "没有甲", "en;q=nonsense": "没有甲", "*": "没有甲"} {
		if _, p := answerTo(t, refusal, accept); p["detail"] != want {
			t.Errorf("%q: %v", accept, p["detail"])
		}
	}
	w, _ := answerTo(t, refusal, "en")
	if w.Header().Get("Content-Language") != "en" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", w.Header())
	}
}

func TestProblemWithoutDetailExplainsItself(t *testing.T) {
	entry, _ := schemas.ProblemByName("journal-full")
	w, p := answerTo(t, refuse("journal-full", "", "").retryIn(1200*time.Millisecond), "en")
	if p["detail"] != entry.ExplainEN || p["remedy"] != entry.RemedyEN || p["title"] != entry.TitleEN {
		t.Errorf("%v", p)
	}
	if w.Header().Get("Retry-After") != "2" { // rounded up: sooner would be refused again
		t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
	}
}

func TestProblemCarriesErrorsAndFurtherMembers(t *testing.T) {
	rows := []schemas.RowError{{Row: 3, Field: "entries", Code: schemas.CodeRange, Message: "m", Value: "-5"}}
	_, p := answerTo(t, refuse("validation-failed", "", "").rows(rows).with("rejected", 1), "")
	list := p["errors"].([]any)
	first := list[0].(map[string]any)
	if len(list) != 1 || first["row"] != 3.0 || first["field"] != "entries" || first["code"] != "range" || first["value"] != "-5" || p["rejected"] != 1.0 {
		t.Errorf("%v", p)
	}
}

func TestProblemMissingFromTheCatalogueIsInternal(t *testing.T) {
	w, p := answerTo(t, refuse("no-such-problem", "x", "x"), "")
	if w.Code != 500 || p["type"] != "/problems/internal" {
		t.Errorf("%d %v", w.Code, p)
	}
}

func TestRegistryRefusalsBecomeProblems(t *testing.T) {
	f := func(kind error, problem string, status int) {
		t.Helper()
		err := registryProblem(&registry.Error{Kind: kind, ZH: "不行", EN: "no", Fields: []registry.FieldError{{Field: "id", Code: "pattern", ZH: "错", EN: "wrong"}}})
		w, p := answerTo(t, err, "en")
		if w.Code != status || p["type"] != "/problems/"+problem || p["detail"] != "no" {
			t.Errorf("%v: %d %v", kind, w.Code, p)
		}
		if first := p["errors"].([]any)[0].(map[string]any); first["field"] != "id" || first["message"] != "wrong" {
			t.Errorf("%v: %v", kind, first)
		}
	}
	f(registry.ErrInvalid, "invalid-request", 400)
	f(registry.ErrNotFound, "not-found", 404)
	f(registry.ErrExists, "conflict", 409)
	f(registry.ErrConflict, "conflict", 409)
	f(registry.ErrForbidden, "forbidden", 403)
	if other := errors.New("x"); registryProblem(other) != other {
		t.Error("another error was changed")
	}
}

func TestJSONFaultsNameTheMemberAndNoGoType(t *testing.T) {
	f := func(body, field, code string) {
		t.Helper()
		var into struct {
			ID     string   `json:"id"`
			Scopes []string `json:"scopes"`
			Keep   int      `json:"keep"`
		}
		d := json.NewDecoder(strings.NewReader(body))
		d.DisallowUnknownFields()
		_, p := answerTo(t, jsonFault(d.Decode(&into)), "en")
		first := p["errors"].([]any)[0].(map[string]any)
		if first["field"] != field || first["code"] != code {
			t.Errorf("%s: %v", body, first)
		}
		if text, _ := json.Marshal(p); strings.Contains(string(text), "Go ") || strings.Contains(string(text), "struct") {
			t.Errorf("%s: %s", body, text)
		}
	}
	f(`{"id":5}`, "id", "type")
	f(`{"scopes":"x"}`, "scopes", "type")
	f(`{"keep":"x"}`, "keep", "type")
	f(`{"scope":["x"]}`, "scope", "unknown_field")
}

func TestAcceptPicksTheBestOffer(t *testing.T) {
	f := func(accept, want string) {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if accept != "" {
			r.Header.Set("Accept", accept)
		}
		if got := accepts(r, "application/json", "text/csv"); got != want {
			t.Errorf("%q: %q, want %q", accept, got, want)
		}
	}
	f("", "application/json")
	f("*/*", "application/json")
	f("text/*", "text/csv")
	f("text/csv;q=0.5, application/json;q=0.4", "text/csv")
	f("application/json;q=0, */*", "text/csv") // the most specific range decides
	f("image/png", "")
	f("text/csv; charset=utf-8", "text/csv")
	f("nonsense;;;", "")
}
