package hub

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/zida-hub/zida/schemas"
)

//go:embed web
var web embed.FS

// page is one answer made at the start, in one language.
type page struct {
	kind string // content type
	text []byte
	etag string
}

func newPage(kind string, text []byte) *page {
	sum := sha256.Sum256(text)
	return &page{kind: kind, text: text, etag: `"` + hex.EncodeToString(sum[:8]) + `"`}
}

// pages holds everything that does not change while the hub runs, by language
// and address.
type pages struct {
	byLang map[string]map[string]*page
	style  *page
}

// pageData is what the templates see.
type pageData struct {
	Lang, HTMLLang, Title string
	Groups                []docGroup
	Datasets              []*schemas.Contract
	Problems              []schemas.Problem
	Problem               schemas.Problem
	Calls                 []docOperation
}

// renderPages makes the documents of the table in both languages. server is the
// hub's public address.
func renderPages(table []route, contracts []*schemas.Contract, server string) (*pages, error) {
	style, err := web.ReadFile("web/zida.css")
	if err != nil {
		return nil, err
	}
	p := &pages{byLang: map[string]map[string]*page{}, style: newPage("text/css; charset=utf-8", style)}
	for _, lang := range []string{"zh", "en"} {
		if p.byLang[lang], err = renderLanguage(table, contracts, server, lang); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func renderLanguage(table []route, contracts []*schemas.Contract, server, lang string) (map[string]*page, error) {
	pick := func(zh, en string) string { return either(lang, zh, en) }
	templates, err := template.New("").Funcs(template.FuncMap{"t": pick}).ParseFS(web, "web/*.html")
	if err != nil {
		return nil, err
	}
	out := map[string]*page{}
	render := func(at, name string, data pageData) {
		data.Lang, data.HTMLLang = lang, contentLanguage(lang)
		var b bytes.Buffer
		if e := templates.ExecuteTemplate(&b, name, data); e != nil && err == nil {
			err = fmt.Errorf("page %s: %w", at, e)
		}
		out[at] = newPage("text/html; charset=utf-8", b.Bytes())
	}
	groups := docGroups(table, lang, server)
	render("/about", "landing", pageData{Title: pick("数据交换", "data exchange"), Datasets: contracts})
	out["/"] = out["/about"] // where no page of the joint picture is built in
	render("/docs", "docs", pageData{Title: pick("接口文档", "API"), Groups: groups})
	render("/problems", "problems", pageData{Title: pick("错误说明", "Problems"), Problems: schemas.Problems()})
	for _, p := range schemas.Problems() {
		render("/problems/"+p.Name, "problem", pageData{Title: pick(p.TitleZH, p.TitleEN), Problem: p, Calls: callsWith(groups, p.Name)})
	}
	document, e := openapi(table, lang, server)
	if e != nil {
		return nil, e
	}
	out["/openapi.json"] = newPage("application/json; charset=utf-8", document)
	return out, err
}

// pagePolicy allows our own style sheet and nothing else: the pages need no script.
const pagePolicy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// servePage answers with the page of the request's own path.
func (h *Hub) servePage(c *gin.Context) {
	lang := languageOf(c.Request)
	p := h.pages.Load().byLang[lang][c.Request.URL.Path]
	if p == nil {
		h.problem(c, "not-found", "没有这个页面："+c.Request.URL.Path, "There is no page "+c.Request.URL.Path)
		return
	}
	c.Header("Content-Language", contentLanguage(lang))
	c.Header("Vary", "Accept-Language")
	p.serve(c)
}

func (h *Hub) serveStyle(c *gin.Context) { h.pages.Load().style.serve(c) }

func (p *page) serve(c *gin.Context) {
	c.Header("ETag", p.etag)
	c.Header("Cache-Control", "no-cache")
	c.Header("Content-Security-Policy", pagePolicy)
	c.Header("Referrer-Policy", "no-referrer")
	if strings.Contains(c.GetHeader("If-None-Match"), p.etag) {
		c.Writer.WriteHeader(http.StatusNotModified)
		return
	}
	c.Header("Content-Type", p.kind)
	c.Writer.WriteHeader(http.StatusOK)
	_, _ = c.Writer.Write(p.text)
}

func (h *Hub) pageRoutes() []route {
	page := func(path, name, zh, en string) route {
		return route{method: http.MethodGet, path: path, name: name, group: "service", hidden: true, handle: h.servePage,
			zh: text{summary: zh}, en: text{summary: en}, answers: ok("网页", "A page", []media{{"text/html", text1, "<!doctype html>…"}})}
	}
	style := page("/assets/zida.css", "style", "样式", "Style")
	style.handle = h.serveStyle
	home := page("/", "home", "首页", "Home page")
	home.handle = h.serveHome
	files := page("/page/*file", "pageFiles", "首页的文件", "Files of the home page")
	files.handle = h.servePageFile
	return []route{
		home,
		files,
		page("/about", "landing", "关于", "About"),
		page("/docs", "docs", "接口文档", "API documentation"),
		page("/problems", "problems", "错误说明", "Problems"),
		page("/problems/:name", "problem", "一种错误", "One problem"),
		style,
	}
}

// pretty is an example as people read it.
func pretty(example any) string {
	if s, ok := example.(string); ok {
		return strings.TrimRight(s, "\n")
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(example); err != nil {
		return ""
	}
	return strings.TrimRight(b.String(), "\n")
}
