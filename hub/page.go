package hub

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
	"github.com/klauspost/compress/gzip"

	"github.com/zida-hub/zida/analytics/dashboard"
)

// front is the page of the joint picture: index.html at /, and under /page/ the files
// that it loads. All of it is in memory from the start, packed where that helps.
type front struct {
	index *frontFile
	files map[string]*frontFile // by the path under page/
}

// frontFile is one file as it is answered.
type frontFile struct {
	kind    string // content type
	etag    string // without quotes
	fixed   bool   // its name holds the hash of what is in it: it never changes
	text    []byte
	gzipped []byte // nil where gzip does not make it smaller
}

// frontPolicy allows what comes from this hub and nothing else. Pictures may also be
// made by the page's own script (data:, blob:), as the charts' exports are.
const frontPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; " +
	"manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// frontPermissions denies what a browser would otherwise let the page ask for. What
// only shows or copies (fullscreen, on a wall; the clipboard, on a click) stays.
const frontPermissions = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), magnetometer=(), " +
	"microphone=(), midi=(), payment=(), publickey-credentials-get=(), serial=(), usb=(), xr-spatial-tracking=()"

// frontKinds are the content types by ending. They are ours: the system's table is not
// the same everywhere, and nosniff makes a wrong one fatal.
var frontKinds = map[string]struct {
	kind string
	pack bool
}{
	".js":          {"text/javascript; charset=utf-8", true},
	".css":         {"text/css; charset=utf-8", true},
	".html":        {"text/html; charset=utf-8", true},
	".svg":         {"image/svg+xml", true},
	".json":        {"application/json; charset=utf-8", true},
	".webmanifest": {"application/manifest+json; charset=utf-8", true},
	".txt":         {"text/plain; charset=utf-8", true},
	".woff2":       {"font/woff2", false},
	".png":         {"image/png", false},
	".jpg":         {"image/jpeg", false},
	".webp":        {"image/webp", false},
	".ico":         {"image/x-icon", false},
}

// hashedName is the form of vite's names, chart-B3kx9_aQ.js.
var hashedName = regexp.MustCompile(`-([A-Za-z0-9_-]{8})\.[a-z0-9]+$`)

// namedByHash says whether a name holds a hash: a word of eight small letters is none.
func namedByHash(name string) bool {
	m := hashedName.FindStringSubmatch(name)
	return m != nil && strings.ContainsAny(m[1], "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
}

// builtFront is the page in this binary, read and packed once in a process.
var builtFront = sync.OnceValue(func() *front {
	files, ok := dashboard.Files()
	if !ok {
		return nil
	}
	f, err := newFront(files)
	if err != nil {
		panic(err) // the files are in the binary: one that cannot be read is a broken build
	}
	return f
})

func newFront(files fs.FS) (*front, error) {
	index, err := readFront(files, "index.html")
	if err != nil {
		return nil, err
	}
	f := &front{index: index, files: map[string]*frontFile{}}
	if _, err := fs.Stat(files, "page"); err != nil {
		return f, nil //nolint:nilerr // a page of one file
	}
	err = fs.WalkDir(files, "page", func(at string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		file, err := readFront(files, at)
		f.files[strings.TrimPrefix(at, "page")] = file
		return err
	})
	return f, err
}

func readFront(files fs.FS, name string) (*frontFile, error) {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	return newFrontFile(name, text)
}

func newFrontFile(name string, text []byte) (*frontFile, error) {
	known, ok := frontKinds[path.Ext(name)]
	if !ok {
		known.kind = "application/octet-stream"
	}
	sum := sha256.Sum256(text)
	file := &frontFile{kind: known.kind, etag: hex.EncodeToString(sum[:8]), fixed: namedByHash(name), text: text}
	if !known.pack {
		return file, nil
	}
	packed, err := packGzip(text)
	if err == nil && len(packed) < len(text) {
		file.gzipped = packed
	}
	return file, err
}

func packGzip(text []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// serveHome answers / with the page of the joint picture, or with the documents'
// first page where none is built in.
func (h *Hub) serveHome(c *gin.Context) {
	if h.front == nil {
		h.servePage(c)
		return
	}
	h.front.index.serve(c)
}

// servePageFile answers /page/*file.
func (h *Hub) servePageFile(c *gin.Context) {
	if h.front != nil {
		if file := h.front.files[c.Param("file")]; file != nil {
			file.serve(c)
			return
		}
	}
	h.problem(c, "not-found", "没有这个文件："+c.Request.URL.Path, "There is no file "+c.Request.URL.Path)
}

func (f *frontFile) serve(c *gin.Context) {
	header := c.Writer.Header()
	header.Set("Content-Security-Policy", frontPolicy)
	header.Set("Permissions-Policy", frontPermissions)
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cache-Control", "no-cache")
	if f.fixed {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	f.send(c)
}

// send answers with the file in the form that the reader takes, or with 304 when it
// has it.
func (f *frontFile) send(c *gin.Context) {
	header := c.Writer.Header()
	header.Set("Vary", "Accept-Encoding")
	text, etag := f.text, `"`+f.etag+`"`
	if f.gzipped != nil && takesGzip(c.GetHeader("Accept-Encoding")) {
		text, etag = f.gzipped, `"`+f.etag+`-gzip"` // other bytes, so another strong tag
		header.Set("Content-Encoding", "gzip")
	}
	header.Set("ETag", etag)
	if strings.Contains(c.GetHeader("If-None-Match"), etag) {
		header.Del("Content-Encoding")
		c.Writer.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", f.kind)
	header.Set("Content-Length", strconv.Itoa(len(text)))
	c.Writer.WriteHeader(http.StatusOK)
	_, _ = c.Writer.Write(text)
}

// takesGzip says whether an Accept-Encoding header allows gzip: what it names itself
// goes before *, and q=0 is a refusal (RFC 9110 §12.5.3).
func takesGzip(accept string) bool {
	others := false
	for item := range strings.SplitSeq(accept, ",") {
		name, params, _ := strings.Cut(item, ";")
		allowed := true
		if q, ok := strings.CutPrefix(strings.ToLower(strings.ReplaceAll(params, " ", "")), "q="); ok {
			value, err := strconv.ParseFloat(q, 64)
			allowed = err == nil && value > 0
		}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "gzip", "x-gzip":
			return allowed
		case "*":
			others = allowed
		}
	}
	return others
}
