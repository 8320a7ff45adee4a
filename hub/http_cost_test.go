package hub

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
)

// sink is a response writer that costs nothing.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }
func (s *sink) WriteHeader(int)             {}

func (s *sink) SetReadDeadline(time.Time) error  { return nil }
func (s *sink) SetWriteDeadline(time.Time) error { return nil }

// noop is the handler that the push path is measured against.
func noop(c *gin.Context) {
	_, _ = io.Copy(io.Discard, c.Request.Body)
	c.Writer.WriteHeader(http.StatusAccepted)
}

func bareEngine() http.Handler {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.POST("/v1/datasets/:id/records", noop)
	return e
}

func shellEngine(tb testing.TB) http.Handler {
	conf := DefaultConfig()
	conf.Logger = slog.New(slog.DiscardHandler)
	s := newShell(conf, testVerify)
	r := post("/v1/datasets/:id/records", noop)
	r.needs, r.answers = needPush, []answer{{status: http.StatusAccepted}}
	e, err := s.engine([]route{r})
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

func pushOnce(handler http.Handler) func() {
	w := &sink{header: http.Header{}}
	const text = `{"spot_id":"512021-S99","observed_at":"2026-05-01T10:00:00+08:00","interval_minutes":60,"entries":318}`
	reader := strings.NewReader(text)
	r, _ := http.NewRequest(http.MethodPost, "http://hub/v1/datasets/tourism_flow/records", nil)
	r.Header.Set("Authorization", "Bearer good")
	return func() {
		clear(w.header)
		reader.Reset(text)
		r.Body = io.NopCloser(reader)
		handler.ServeHTTP(w, r)
	}
}

// The push path is measured against a handler that does nothing, so what the
// shell adds is counted: the request id, two headers and the controller of the
// deadlines; testVerify makes two more, the principal and its scopes.
func TestTheShellAddsFewAllocations(t *testing.T) {
	bare := testing.AllocsPerRun(1000, pushOnce(bareEngine()))
	ours := testing.AllocsPerRun(1000, pushOnce(shellEngine(t)))
	if ours-bare > 6 {
		t.Errorf("%v allocations a push, a bare handler has %v", ours, bare)
	}
}

func BenchmarkShell(b *testing.B) {
	for name, handler := range map[string]http.Handler{"bare": bareEngine(), "shell": shellEngine(b)} {
		b.Run(name, func(b *testing.B) {
			once := pushOnce(handler)
			b.ReportAllocs()
			for b.Loop() {
				once()
			}
		})
	}
}
