package hub

import (
	"crypto/rand"
	"encoding/base32"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/zida-hub/zida/hub/auth"
)

// call is what the hub knows of one request under way. It stands in gin's place
// for the response writer, so that a handler finds it without gin's map of keys
// (an allocation a request on the push path): callOf(c).
type call struct {
	gin.ResponseWriter
	ID        string          // X-Request-Id
	Principal *auth.Principal // nil on routes that need no token
	Began     time.Time

	route *route
	body  progressBody
	ctl   *http.ResponseController // made on first use
	raw   http.ResponseWriter

	writeProgress time.Duration
	writeSet      time.Time // when the write deadline was last pushed forward
}

var calls = sync.Pool{New: func() any { return new(call) }}

// callOf finds the call of c. Handlers run below serve only, so it is never nil there.
func callOf(c *gin.Context) *call {
	k, _ := c.Writer.(*call)
	return k
}

// Unwrap lets http.ResponseController reach the connection.
func (k *call) Unwrap() http.ResponseWriter { return k.raw }

func (k *call) control() *http.ResponseController {
	if k.ctl == nil {
		k.ctl = http.NewResponseController(k.raw)
	}
	return k.ctl
}

// Write pushes the write deadline forward: a client that takes bytes may take
// its time over the whole answer, one that does not is cut off.
func (k *call) Write(p []byte) (int, error) {
	k.writing()
	return k.ResponseWriter.Write(p)
}

// WriteString is Write for text.
func (k *call) WriteString(s string) (int, error) {
	k.writing()
	return k.ResponseWriter.WriteString(s)
}

// Flush sends what was written and, on a route that streams, lifts the deadline:
// between two events a stream is silent by right.
func (k *call) Flush() {
	k.writing()
	k.ResponseWriter.Flush()
	if k.route != nil && k.route.streams {
		k.liftWriteDeadline()
	}
}

func (k *call) writing() {
	// A quarter of the allowance is the precision of the deadline; it spares all
	// but the first write of a short answer the system's timers.
	now := time.Now()
	if now.Sub(k.writeSet) < k.writeProgress/4 {
		return
	}
	if err := k.control().SetWriteDeadline(now.Add(k.writeProgress)); err == nil {
		k.writeSet = now
	}
}

func (k *call) liftWriteDeadline() {
	_ = k.control().SetWriteDeadline(time.Time{})
	k.writeSet = time.Time{}
}

// progressBody is a request body whose deadline moves with its bytes and which
// refuses to grow over limit. It is part of the call: no allocation a request.
type progressBody struct {
	io.ReadCloser
	call     *call
	limit    int64
	got      int64
	progress time.Duration
	set      time.Time // when the read deadline was last pushed forward
	done     bool
}

// errBodyTooLarge says that the wire limit of the route was reached.
var errBodyTooLarge = errors.New("request body over the limit")

func (b *progressBody) Read(p []byte) (int, error) {
	if b.done {
		return 0, io.EOF
	}
	if b.got > b.limit {
		return 0, errBodyTooLarge
	}
	// The first read is under the server's own deadline for headers and the start
	// of the body, which is all that a small push needs.
	if now := time.Now(); b.got > 0 && now.Sub(b.set) >= b.progress/4 {
		if err := b.call.control().SetReadDeadline(now.Add(b.progress)); err == nil {
			b.set = now
		}
	}
	n, err := b.ReadCloser.Read(p)
	b.got += int64(n)
	if b.got > b.limit {
		// The rest is not worth keeping: say so, and let the server hang up.
		b.call.Header().Set("Connection", "close")
		if err == nil {
			b.drain()
		}
		return max(0, n-int(b.got-b.limit)), errBodyTooLarge
	}
	// net/http lifts the read deadline itself once it has seen the end of a body,
	// so that it does not fire while the handler works.
	b.done = err == io.EOF
	return n, err
}

// drained is how much beyond its limit a body is read and thrown away.
const drained = 1 << 20

// drain reads on for a while: a client that sends its whole body before it listens
// would find the connection reset, and never the answer.
func (b *progressBody) drain() {
	if b.call.control().SetReadDeadline(time.Now().Add(b.progress)) == nil {
		_, _ = io.CopyN(io.Discard, b.ReadCloser, drained)
	}
}

// requestIDs makes ids that are unique without asking the system for entropy
// each time: a random prefix a process, then a counter.
type requestIDs struct {
	prefix string
	next   atomic.Uint64
}

func newRequestIDs() *requestIDs {
	var b [10]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return &requestIDs{prefix: strings.ToLower(base32.StdEncoding.EncodeToString(b[:])) + "-"}
}

func (g *requestIDs) id() string {
	var b [40]byte
	return string(strconv.AppendUint(append(b[:0], g.prefix...), g.next.Add(1), 36))
}

// saneRequestID says whether a caller's own X-Request-Id may be kept: it goes
// into logs and answers as it is.
func saneRequestID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		switch b := id[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '-', b == '_', b == '.', b == ':':
		default:
			return false
		}
	}
	return true
}
