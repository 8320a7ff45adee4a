package hub

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/zida-hub/zida/schemas"
)

// testHub has the HTTP side only: enough for its table and documents.
func testHub(t *testing.T) *Hub {
	t.Helper()
	conf, _ := testConfig(t)
	all, err := openCatalog("")
	if err != nil {
		t.Fatal(err)
	}
	return &Hub{shell: newShell(conf, testVerify), catalog: all}
}

func testDocument(t *testing.T, lang string) map[string]any {
	t.Helper()
	text, err := openapi(testHub(t).routes(), lang, "https://hub.example")
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return document.(map[string]any)
}

// at follows keys into a document; nil when there is nothing.
func at(v any, keys ...string) any {
	for _, k := range keys {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v
}

// operations calls f for every operation, with its JSON Pointer.
func operations(document map[string]any, f func(path, method, pointer string, op map[string]any)) {
	for path, item := range at(document, "paths").(map[string]any) {
		for method, op := range item.(map[string]any) {
			f(path, method, "#/paths/"+escapePointer(path)+"/"+method, op.(map[string]any))
		}
	}
}

func escapePointer(s string) string {
	return strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(s)
}

func TestEveryRefOfTheDocumentResolves(t *testing.T) {
	document := testDocument(t, "zh")
	seen := 0
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if r, ok := v["$ref"].(string); ok {
				seen++
				keys, ok := strings.CutPrefix(r, "#/")
				if !ok || at(document, strings.Split(keys, "/")...) == nil {
					t.Errorf("%s leads nowhere", r)
				}
			}
			for _, child := range v {
				walk(child)
			}
		case []any:
			for _, child := range v {
				walk(child)
			}
		}
	}
	walk(document)
	if seen < 50 {
		t.Errorf("only %d references were looked at", seen)
	}
}

func TestPathParametersAreDeclaredAndNoOthers(t *testing.T) {
	inPath := regexp.MustCompile(`\{([^}]+)\}`)
	operations(testDocument(t, "en"), func(path, method, _ string, op map[string]any) {
		var want, got []string
		for _, m := range inPath.FindAllStringSubmatch(path, -1) {
			want = append(want, m[1])
		}
		params, _ := op["parameters"].([]any)
		names := map[string]bool{}
		for _, p := range params {
			name, in := at(p, "name").(string), at(p, "in").(string)
			if names[in+name] {
				t.Errorf("%s %s declares %s twice", method, path, name)
			}
			names[in+name] = true
			if in == "path" {
				got = append(got, name)
				if at(p, "required") != true {
					t.Errorf("%s %s: path parameter %s is not required", method, path, name)
				}
			}
			if at(p, "schema") == nil || at(p, "description") == "" || at(p, "example") == nil {
				t.Errorf("%s %s: parameter %s lacks schema, description or example", method, path, name)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			t.Errorf("%s %s: in the path %v, declared %v", method, path, want, got)
		}
	})
}

func TestEveryOperationHasANameAndExamples(t *testing.T) {
	for _, lang := range []string{"zh", "en"} {
		names := map[string]bool{}
		operations(testDocument(t, lang), func(path, method, _ string, op map[string]any) {
			name, _ := op["operationId"].(string)
			if name == "" || names[name] {
				t.Errorf("%s %s: operationId %q is missing or used twice", method, path, name)
			}
			names[name] = true
			if s, _ := op["summary"].(string); s == "" {
				t.Errorf("%s %s has no summary in %s", method, path, lang)
			}
			if body := op["requestBody"]; body != nil {
				for kind, m := range at(body, "content").(map[string]any) {
					if at(m, "example") == nil {
						t.Errorf("%s %s: body %s has no example", method, path, kind)
					}
				}
			}
			succeeds := false
			for status, answer := range op["responses"].(map[string]any) {
				if at(answer, "description") == "" {
					t.Errorf("%s %s: answer %s has no description in %s", method, path, status, lang)
				}
				succeeds = succeeds || status[0] == '2'
				content, _ := at(answer, "content").(map[string]any)
				for kind, m := range content {
					if at(m, "example") == nil && at(m, "examples") == nil {
						t.Errorf("%s %s: answer %s %s has no example", method, path, status, kind)
					}
				}
			}
			if !succeeds {
				t.Errorf("%s %s never succeeds", method, path)
			}
		})
	}
}

func TestExamplesFitTheirSchemas(t *testing.T) {
	document := testDocument(t, "zh")
	c := jsonschema.NewCompiler()
	if err := c.AddResource("mem:openapi.json", document); err != nil {
		t.Fatal(err)
	}
	checked := 0
	check := func(where string, pointer string, example any) {
		t.Helper()
		s, err := c.Compile("mem:openapi.json" + pointer)
		if err != nil {
			t.Errorf("%s: %v", where, err)
			return
		}
		checked++
		if err := s.Validate(example); err != nil {
			t.Errorf("%s: %v", where, err)
		}
	}
	operations(document, func(path, method, pointer string, op map[string]any) {
		where := method + " " + path
		params, _ := op["parameters"].([]any)
		for i, p := range params {
			check(where+" "+at(p, "name").(string), fmt.Sprintf("%s/parameters/%d/schema", pointer, i), at(p, "example"))
		}
		media := func(at2 string, content any) {
			all, _ := content.(map[string]any)
			for kind, m := range all {
				schema := pointer + at2 + "/content/" + escapePointer(kind) + "/schema"
				if example := at(m, "example"); example != nil {
					check(where+at2, schema, example)
				}
				many, _ := at(m, "examples").(map[string]any)
				for name, e := range many {
					check(where+at2+" "+name, schema, at(e, "value"))
				}
			}
		}
		media("/requestBody", at(op, "requestBody", "content"))
		for status, answer := range op["responses"].(map[string]any) {
			media("/responses/"+status, at(answer, "content"))
		}
	})
	if checked < 150 {
		t.Errorf("only %d examples were checked", checked)
	}
}

func TestEveryProblemARouteNamesIsInTheCatalogue(t *testing.T) {
	table := testHub(t).routes()
	for i := range table {
		for _, name := range table[i].allProblems() {
			if _, ok := schemas.ProblemByName(name); !ok {
				t.Errorf("%s %s names %s", table[i].method, table[i].path, name)
			}
		}
	}
}

func TestEveryRouteBelongsToAGroupAndIsBuiltOnce(t *testing.T) {
	h, seen := testHub(t), map[string]bool{}
	table := h.routes()
	for i := range table {
		r := &table[i]
		if !slices.ContainsFunc(routeGroups, func(g routeGroup) bool { return g.name == r.group }) {
			t.Errorf("%s is in no group", r.path)
		}
		if seen[r.method+r.path] || r.handle == nil {
			t.Errorf("%s %s is there twice, or has no handler", r.method, r.path)
		}
		seen[r.method+r.path] = true
		if strings.HasPrefix(r.path, "/v1/") && r.needs == nil && r.name != "logIn" {
			t.Errorf("%s %s asks for no token", r.method, r.path)
		}
		if strings.HasPrefix(r.path, "/v1/admin/") && r.method != http.MethodGet && r.needs != needAdmin && r.needs != needChief {
			t.Errorf("%s %s changes the registry and asks for less than admin", r.method, r.path)
		}
	}
	if _, err := h.engine(table); err != nil {
		t.Fatal(err)
	}
}

func TestTheTwoLanguagesDescribeTheSameCalls(t *testing.T) {
	shape := func(lang string) string {
		var lines []string
		operations(testDocument(t, lang), func(path, method, _ string, op map[string]any) {
			text, _ := json.Marshal(op["operationId"])
			lines = append(lines, method+path+string(text))
		})
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
	if shape("zh") != shape("en") {
		t.Error("they differ")
	}
}
