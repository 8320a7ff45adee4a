package hub

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/zida-hub/zida/analytics/dashboard"
)

const testScript = "/page/main-B3kx9_aQ.js"

// testFront is a hub with a page of the form that vite builds.
func testFront(t *testing.T) (pages http.Handler, script []byte) {
	t.Helper()
	script = []byte(strings.Repeat("export const 资大 = 1;\n", 200))
	h := testHub(t)
	var err error
	h.front, err = newFront(fstest.MapFS{
		"README.md":                {Data: []byte("not for the web")},
		"index.html":               {Data: []byte("<!doctype html><title>资大</title><script type=module src=" + testScript + "></script>" + strings.Repeat("<p>x", 50))},
		"page/main-B3kx9_aQ.js":    {Data: script},
		"page/main-Dk2_x01z.css":   {Data: []byte("p{}")},
		"page/text-Aa00bb11.woff2": {Data: bytes.Repeat([]byte("a"), 1000)},
		"page/map-outlines.json":   {Data: []byte("{}")},
		"page/deep/x.bin":          {Data: []byte("x")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if pages, err = h.handler("https://hub.example"); err != nil {
		t.Fatal(err)
	}
	return pages, script
}

func getFile(handler http.Handler, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func TestPageIsAtTheRootAndDocumentsAtAbout(t *testing.T) {
	pages, _ := testFront(t)
	home := getFile(pages, "/?view=tourism")
	if home.Code != 200 || !strings.Contains(home.Body.String(), testScript) || home.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("/: %d %v", home.Code, home.Header())
	}
	if cache := home.Header().Get("Cache-Control"); cache != "no-cache" {
		t.Errorf("/ may be kept: %q", cache)
	}
	if about := getPage(pages, "/about", "en"); about.Code != 200 || !strings.Contains(about.Body.String(), "The zida data exchange") {
		t.Errorf("/about: %d", about.Code)
	}
	h := testHub(t)
	h.front = nil
	plain, err := h.handler("https://hub.example")
	if err != nil {
		t.Fatal(err)
	}
	if w := getPage(plain, "/", "en"); w.Code != 200 || !strings.Contains(w.Body.String(), "The zida data exchange") {
		t.Errorf("/ without a page built in: %d", w.Code)
	}
	if w := getFile(plain, testScript); w.Code != 404 || !strings.HasPrefix(w.Header().Get("Content-Type"), "application/problem+json") {
		t.Errorf("a file without a page built in: %d %v", w.Code, w.Header())
	}
}

func TestPageFilesCarryTheirHeaders(t *testing.T) {
	pages, script := testFront(t)
	f := func(path, kind, cache string) {
		t.Helper()
		w := getFile(pages, path)
		header := w.Header()
		if w.Code != 200 || header.Get("Content-Type") != kind || header.Get("Cache-Control") != cache || header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %d %v", path, w.Code, header)
		}
		for name, want := range map[string]string{
			"Content-Security-Policy": frontPolicy, "Permissions-Policy": frontPermissions, "Referrer-Policy": "no-referrer",
			"X-Content-Type-Options": "nosniff", "Cross-Origin-Opener-Policy": "same-origin", "Vary": "Accept-Encoding",
		} {
			if got := header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
	}
	const forever = "public, max-age=31536000, immutable"
	f("/", "text/html; charset=utf-8", "no-cache")
	f(testScript, "text/javascript; charset=utf-8", forever)
	f("/page/main-Dk2_x01z.css", "text/css; charset=utf-8", forever)
	f("/page/text-Aa00bb11.woff2", "font/woff2", forever)
	f("/page/map-outlines.json", "application/json; charset=utf-8", "no-cache") // eight letters are not a hash
	f("/page/deep/x.bin", "application/octet-stream", "no-cache")
	for _, path := range []string{"/page/", "/page/none.js", "/page/../README.md", "/page/deep", "/page", "/README.md", "/index.html"} {
		if w := getFile(pages, path); w.Code != 404 || !strings.HasPrefix(w.Header().Get("Content-Type"), "application/problem+json") {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
	if got := getFile(pages, testScript).Body.Bytes(); !bytes.Equal(got, script) {
		t.Error("the script came out changed")
	}
}

func TestPageFilesArePackedForWhoTakesIt(t *testing.T) {
	pages, script := testFront(t)
	w := getFile(pages, testScript, "Accept-Encoding", "br, gzip;q=0.8")
	if w.Header().Get("Content-Encoding") != "gzip" || w.Body.Len() >= len(script) {
		t.Fatalf("%d bytes, %v", w.Body.Len(), w.Header())
	}
	r, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, script) {
		t.Errorf("unpacks to %d bytes, %v", len(got), err)
	}
	if w := getFile(pages, "/page/text-Aa00bb11.woff2", "Accept-Encoding", "gzip"); w.Header().Get("Content-Encoding") != "" {
		t.Error("a font is packed twice")
	}
	for accept, want := range map[string]bool{
		"gzip": true, "GZIP": true, "*": true, "deflate, *;q=0.1": true, "x-gzip": true,
		"": false, "br": false, "gzip;q=0": false, "gzip; q=0.000, *": false, "*;q=0": false, "gzip;q=x": false,
	} {
		if takesGzip(accept) != want {
			t.Errorf("Accept-Encoding %q: not %v", accept, want)
		}
	}
}

func TestPageFilesAreNotSentTwice(t *testing.T) {
	pages, _ := testFront(t)
	plain, packed := getFile(pages, testScript).Header().Get("ETag"), getFile(pages, testScript, "Accept-Encoding", "gzip").Header().Get("ETag")
	if plain == "" || plain == packed {
		t.Fatalf("tags %s and %s", plain, packed)
	}
	for _, known := range []struct {
		tag, accept string
		status      int
	}{{plain, "", 304}, {packed, "gzip", 304}, {packed, "", 200}, {plain, "gzip", 200}} {
		w := getFile(pages, testScript, "If-None-Match", known.tag, "Accept-Encoding", known.accept)
		if w.Code != known.status || (w.Code == 304) != (w.Body.Len() == 0) {
			t.Errorf("%+v: %d, %d bytes", known, w.Code, w.Body.Len())
		}
	}
}

// What this binary holds is whole: every file that the page names is there.
func TestPageBuiltInIsWhole(t *testing.T) {
	files, built := dashboard.Files()
	h := testHub(t)
	if (h.front != nil) != built {
		t.Fatalf("built in: %v; served: %v", built, h.front != nil)
	}
	if !built {
		return // the documents at / are tested above
	}
	pages, err := h.handler("https://hub.example")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newFront(files); err != nil {
		t.Fatal(err)
	}
	home := getFile(pages, "/").Body.String()
	if inline := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|javascript:|<script>`).FindString(home); inline != "" {
		t.Errorf("the policy refuses %q of the page", inline)
	}
	named := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(home, -1)
	if len(named) == 0 {
		t.Error("the page loads nothing")
	}
	for _, m := range named {
		if m[1] == "/about" {
			continue // for those without scripts
		}
		if w := getFile(pages, m[1]); w.Code != 200 || !strings.HasPrefix(m[1], "/page/") {
			t.Errorf("the page names %s: %d", m[1], w.Code)
		}
	}
}
