package hub

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/zida-hub/zida/schemas"
)

func testPages(t *testing.T) http.Handler {
	t.Helper()
	handler, err := testHub(t).handler("https://hub.example")
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

func getPage(handler http.Handler, path, accept string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if accept != "" {
		r.Header.Set("Accept-Language", accept)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func TestPagesSpeakTheReadersLanguage(t *testing.T) {
	pages := testPages(t)
	f := func(path, accept, want, htmlLang string) {
		t.Helper()
		w := getPage(pages, path, accept)
		if w.Code != 200 || !strings.Contains(w.Body.String(), want) || !strings.Contains(w.Body.String(), `<html lang="`+htmlLang+`">`) {
			t.Errorf("%s for %q: %d, lacks %q", path, accept, w.Code, want)
		}
		if w.Header().Get("Content-Language") != htmlLang || w.Header().Get("Vary") != "Accept-Language" {
			t.Errorf("%s: headers %v", path, w.Header())
		}
	}
	f("/about", "", "资大数据交换平台", "zh-CN")
	f("/about", "en", "The zida data exchange", "en")
	f("/about", "fr", "资大数据交换平台", "zh-CN") // neither: Chinese
	f("/about", "zh-CN,zh;q=0.9,en;q=0.8", "资大数据交换平台", "zh-CN")
	f("/about", "en-GB,en;q=0.9,zh;q=0.2", "The zida data exchange", "en")
	f("/about?lang=en", "zh", "The zida data exchange", "en") // the address goes before the header
	f("/docs", "", "推送记录", "zh-CN")
	f("/docs", "en", "Push records", "en")
	f("/problems", "en", "/problems/body-incomplete", "en")
	f("/about", "en", "tourism_flow", "en")
}

func TestEveryProblemHasItsPageInBothLanguages(t *testing.T) {
	pages := testPages(t)
	for _, p := range schemas.Problems() {
		zh, en := getPage(pages, "/problems/"+p.Name, ""), getPage(pages, "/problems/"+p.Name, "en")
		if zh.Code != 200 || !strings.Contains(zh.Body.String(), p.TitleZH) || !strings.Contains(zh.Body.String(), "怎么办") {
			t.Errorf("%s: Chinese page %d", p.Name, zh.Code)
		}
		if en.Code != 200 || !strings.Contains(en.Body.String(), "What to do") {
			t.Errorf("%s: English page %d", p.Name, en.Code)
		}
	}
	if w := getPage(pages, "/problems/none-such", ""); w.Code != 404 {
		t.Errorf("a problem that is not: %d", w.Code)
	}
}

// Everything a page shows comes from the hub itself: it works without internet
// and nobody learns who reads it.
func TestPagesNeedNoScriptAndNoOtherHost(t *testing.T) {
	pages := testPages(t)
	inline := regexp.MustCompile(`(?i)<script|<style|\sstyle=|\son[a-z]+=|javascript:`)
	loaded := regexp.MustCompile(`(?i)(?:<link[^>]*href|src)="([^"]*)"`)
	linked := regexp.MustCompile(`href="([^"#]*)[^"]*"`)
	for _, path := range []string{"/about", "/docs", "/problems", "/problems/internal"} {
		for _, lang := range []string{"zh", "en"} {
			w := getPage(pages, path, lang)
			if found := inline.FindString(w.Body.String()); found != "" {
				t.Errorf("%s holds %q", path, found)
			}
			for _, m := range loaded.FindAllStringSubmatch(w.Body.String(), -1) {
				if got := getPage(pages, m[1], ""); !strings.HasPrefix(m[1], "/") || got.Code != 200 {
					t.Errorf("%s loads %s: %d", path, m[1], got.Code)
				}
			}
			for _, m := range linked.FindAllStringSubmatch(w.Body.String(), -1) {
				if !strings.HasPrefix(m[1], "/") && !strings.HasPrefix(m[1], "?") && m[1] != "" {
					t.Errorf("%s links to %s", path, m[1])
				}
			}
			policy := w.Header().Get("Content-Security-Policy")
			if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
				t.Errorf("%s: policy %q", path, policy)
			}
		}
	}
}

func TestDocsShowEveryOperation(t *testing.T) {
	h := testHub(t)
	pages := testPages(t)
	body := getPage(pages, "/docs", "en").Body.String()
	table := h.routes()
	for i := range table {
		if r := &table[i]; !r.hidden && !strings.Contains(body, `id="`+r.name+`"`) {
			t.Errorf("/docs lacks %s", r.name)
		}
	}
	if !strings.Contains(body, "curl") || !strings.Contains(body, "https://hub.example/v1/datasets/tourism_flow/records") {
		t.Error("/docs shows no call to paste")
	}
}

func TestPagesAreNotSentTwice(t *testing.T) {
	pages := testPages(t)
	first := getPage(pages, "/docs", "")
	r := httptest.NewRequest(http.MethodGet, "/docs", nil)
	r.Header.Set("If-None-Match", first.Header().Get("ETag"))
	w := httptest.NewRecorder()
	pages.ServeHTTP(w, r)
	if w.Code != http.StatusNotModified || w.Body.Len() != 0 {
		t.Errorf("%d, %d bytes", w.Code, w.Body.Len())
	}
}

func TestShellWordsAreQuoted(t *testing.T) {
	if got := shellQuote(`it's`); got != `'it'\''s'` {
		t.Error(got)
	}
}
