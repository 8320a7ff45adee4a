package hub

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/klauspost/compress/zstd"
)

func gzipped(text []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(text)
	_ = w.Close()
	return b.Bytes()
}

func zstdOf(text []byte, options ...zstd.EOption) []byte {
	w, err := zstd.NewWriter(nil, options...)
	if err != nil {
		panic(err)
	}
	defer w.Close()
	return w.EncodeAll(text, nil)
}

// pushed is what a handler got of a body.
type pushed struct {
	text    []byte
	wire    int64
	length  int64
	problem *problemError
}

// pushBody sends a body through openBody.
func pushBody(t *testing.T, conf *Config, text io.Reader, encodings ...string) pushed {
	t.Helper()
	s := newShell(conf, testVerify)
	var got pushed
	r := post("/x", func(c *gin.Context) {
		b, err := s.openBody(c)
		if err == nil {
			defer b.Close()
			got.length = b.Length()
			got.text, err = io.ReadAll(b)
			got.wire = b.Wire()
			if err == nil && int64(len(got.text)) != b.Decoded() {
				t.Errorf("read %d bytes, Decoded says %d", len(got.text), b.Decoded())
			}
		}
		if err != nil && !errors.As(err, &got.problem) {
			t.Errorf("not a problem: %T %v", err, err)
		}
	})
	r.maxBody = conf.BodyWire
	e, err := s.engine([]route{r})
	if err != nil {
		t.Fatal(err)
	}
	q := httptest.NewRequest(http.MethodPost, "/x", text)
	q.Header["Content-Encoding"] = encodings
	e.ServeHTTP(httptest.NewRecorder(), q)
	return got
}

func sample() []byte {
	var b bytes.Buffer
	for i := range 20_000 {
		fmt.Fprintf(&b, `{"spot_id":"512021-S%02d","entries":%d}`+"\n", i%97, i*7919%10007)
	}
	return b.Bytes()
}

func TestBodiesComeOutAsTheyWere(t *testing.T) {
	conf, _ := testConfig(t)
	text := sample()
	f := func(sent []byte, length int64, encodings ...string) {
		t.Helper()
		for range 2 { // the second time from the pools
			got := pushBody(t, conf, bytes.NewReader(sent), encodings...)
			if got.problem != nil || !bytes.Equal(got.text, text) {
				t.Fatalf("%v: %d bytes, %v", encodings, len(got.text), got.problem)
			}
			if got.wire != int64(len(sent)) || got.length != length {
				t.Errorf("%v: wire %d of %d, length %d", encodings, got.wire, len(sent), got.length)
			}
		}
	}
	f(text, int64(len(text)))
	f(text, int64(len(text)), "identity")
	f(gzipped(text), -1, "gzip")
	f(gzipped(text), -1, "X-GZIP")
	f(append(gzipped(text[:5000]), gzipped(text[5000:])...), -1, "gzip") // two members, RFC 1952 §2.2
	f(zstdOf(text), -1, "zstd")
	f(append(zstdOf(text[:5000]), zstdOf(text[5000:])...), -1, "zstd") // two frames, RFC 8878 §3
}

func TestDamagedBodiesEachHaveTheirProblem(t *testing.T) {
	conf, _ := testConfig(t)
	text := sample()
	zipped, packed := gzipped(text), zstdOf(text, zstd.WithEncoderCRC(true))
	flipped := func(b []byte) []byte { b = bytes.Clone(b); b[len(b)/2] ^= 0x40; return b }
	f := func(name string, sent []byte, want string, encodings ...string) {
		t.Helper()
		got := pushBody(t, conf, bytes.NewReader(sent), encodings...)
		if got.problem == nil || got.problem.Name != want {
			t.Errorf("%s: %v, want %s", name, got.problem, want)
		}
	}
	for _, n := range []int{1, 5, 12, len(zipped) / 2, len(zipped) - 8, len(zipped) - 1} {
		f(fmt.Sprint("gzip cut at ", n), zipped[:n], "body-incomplete", "gzip")
	}
	for _, n := range []int{3, 5, len(packed) / 2, len(packed) - 1} {
		f(fmt.Sprint("zstd cut at ", n), packed[:n], "body-incomplete", "zstd")
	}
	f("an empty gzip", nil, "body-incomplete", "gzip")
	f("gzip with a flipped bit", flipped(zipped), "body-corrupt", "gzip")
	f("zstd with a flipped bit", flipped(packed), "body-corrupt", "zstd")
	f("plain text called gzip", text, "body-corrupt", "gzip")
	f("plain text called zstd", text, "body-corrupt", "zstd")
	f("garbage after gzip", append(bytes.Clone(zipped), "garbage that is no member"...), "body-corrupt", "gzip")
	f("br", text, "unsupported-encoding", "br")
	f("gzip twice", gzipped(zipped), "unsupported-encoding", "gzip, gzip")
	f("gzip in zstd, two headers", zipped, "unsupported-encoding", "gzip", "zstd")
	f("an unknown word", text, "unsupported-encoding", "nonsense")
}

func TestAZstdWindowOver8MiBIsRefusedWithTheRemedy(t *testing.T) {
	conf, _ := testConfig(t)
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, zstd.WithWindowSize(64<<20))
	if err != nil {
		t.Fatal(err)
	}
	text := sample()
	for range 10 { // the frame header names the window because the size is not known in advance
		_, _ = w.Write(text)
	}
	_ = w.Close()
	got := pushBody(t, conf, &b, "zstd")
	if got.problem == nil || got.problem.Name != "unsupported-encoding" || !strings.Contains(got.problem.EN, "--long") {
		t.Errorf("%v", got.problem)
	}
}

func TestLimitsOnTheWireAndAfterDecompression(t *testing.T) {
	conf, _ := testConfig(t)
	conf.BodyWire, conf.BodyDecoded, conf.BodyRatio = 1<<20, 8<<20, 50
	f := func(name string, sent []byte, want string, encodings ...string) {
		t.Helper()
		for _, r := range []io.Reader{bytes.NewReader(sent), io.MultiReader(bytes.NewReader(sent))} { // the second has no Content-Length
			got := pushBody(t, conf, r, encodings...)
			if (got.problem == nil) != (want == "") || got.problem != nil && got.problem.Name != want {
				t.Errorf("%s: %v, want %q", name, got.problem, want)
			}
		}
	}
	f("just the wire's limit", make([]byte, 1<<20), "")
	f("a byte more", make([]byte, 1<<20+1), "body-too-large")
	f("zeros, gzip", gzipped(make([]byte, 16<<20)), "decompression-bomb", "gzip")
	f("zeros, zstd", zstdOf(make([]byte, 16<<20)), "decompression-bomb", "zstd")
	f("a small body may compress as well as it likes", gzipped(make([]byte, 3<<20)), "", "gzip")
	conf.BodyRatio = 1 << 30
	f("over the decoded limit, at a ratio that is allowed", gzipped(make([]byte, 8<<20+1)), "body-too-large", "gzip")
	f("just the decoded limit", gzipped(make([]byte, 8<<20)), "", "gzip")
}

func TestABombStopsEarly(t *testing.T) {
	conf, _ := testConfig(t)
	bomb := zstdOf(make([]byte, 48<<20))
	got := pushBody(t, conf, bytes.NewReader(bomb), "zstd")
	if got.problem == nil || got.problem.Name != "decompression-bomb" || len(got.text) > 2*ratioFrom {
		t.Errorf("unpacked %d bytes of %d, %v", len(got.text), len(bomb), got.problem)
	}
}

func TestABodyShorterThanItsLengthIsIncomplete(t *testing.T) {
	conf, _ := testConfig(t)
	s := newShell(conf, testVerify)
	_, addr := serveTable(t, conf, post("/x", func(c *gin.Context) {
		b, err := s.openBody(c)
		if err == nil {
			_, err = io.ReadAll(b)
		}
		s.fail(c, err)
	}))
	f := func(head, body string) {
		t.Helper()
		conn, r := dial(t, addr)
		fmt.Fprintf(conn, "POST /x HTTP/1.1\r\nHost: hub\r\n%s\r\n\r\n%s", head, body)
		if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if text, _ := io.ReadAll(resp.Body); resp.StatusCode != 400 || !strings.Contains(string(text), "/problems/body-incomplete") {
			t.Errorf("%s: %d %s", head, resp.StatusCode, text)
		}
	}
	f("Content-Length: 100", `{"a":1}`)
	f("Transfer-Encoding: chunked", "7\r\n{\"a\":1}\r\n")                                           // the last chunk never comes
	f("Content-Encoding: gzip\r\nContent-Length: 500", string(gzipped([]byte(`{"a":1}`))[:20]))     // both are cut
	f("Content-Encoding: zstd\r\nContent-Length: 500", string(zstdOf([]byte(`{"a":1,"b":2}`))[:9])) // both are cut
}

func TestSmallBodiesAreBoundedOnOtherRoutes(t *testing.T) {
	conf, _ := testConfig(t)
	conf.BodySmall = 100
	s := newShell(conf, testVerify)
	e, err := s.engine([]route{post("/x", func(c *gin.Context) {
		var v map[string]any
		if err := readJSON(c, &v, false); err != nil {
			s.fail(c, err)
			return
		}
		writeJSON(c, 200, v)
	})})
	if err != nil {
		t.Fatal(err)
	}
	f := func(body string, status int, problem string) {
		t.Helper()
		r := httptest.NewRequest(http.MethodPost, "/x", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		if w.Code != status {
			t.Errorf("%.20q: %d %s", body, w.Code, w.Body)
		} else if problem != "" && decodeProblem(t, w)["type"] != "/problems/"+problem {
			t.Errorf("%.20q: %s", body, w.Body)
		}
	}
	f(`{"a":"`+strings.Repeat("x", 92)+`"}`, 200, "")
	f(`{"a":"`+strings.Repeat("x", 93)+`"}`, 413, "payload-too-large")
	f(`{"a":`, 400, "invalid-request")
	f(`{"a":1} {"b":2}`, 400, "invalid-request")
	f(``, 400, "invalid-request")
}

func FuzzBody(f *testing.F) {
	text := []byte(`{"a":1}` + "\n")
	f.Add(text, "")
	f.Add(gzipped(text), "gzip")
	f.Add(zstdOf(text), "zstd")
	conf := DefaultConfig()
	conf.BodyDecoded = 1 << 20
	f.Fuzz(func(t *testing.T, sent []byte, encoding string) {
		got := pushBody(t, conf, bytes.NewReader(sent), encoding)
		if int64(len(got.text)) > conf.BodyDecoded {
			t.Errorf("%d bytes came out over the limit", len(got.text))
		}
		if got.problem != nil && got.problem.Name == "internal" {
			t.Errorf("an input made an internal error: %v", got.problem)
		}
	})
}
