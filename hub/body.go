package hub

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
	kgzip "github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Bounds of decompression that are not worth a setting.
const (
	// zstdWindow is RFC 9659's bound for the content coding; `zstd --long` and
	// `--ultra` exceed it.
	zstdWindow = 8 << 20
	// ratioFrom is how much may come out before the ratio counts: small bodies
	// of equal rows compress very well and harm nobody.
	ratioFrom = 4 << 20
)

// body is a push's decoded bytes. Reading it never needs more memory than the
// decoder's window, whatever the size; Close gives the decoder back.
type body struct {
	shell   *shell
	wire    *progressBody // nil when the request has no body
	from    io.Reader
	gzip    *kgzip.Reader
	zstd    *zstd.Decoder
	encoded string // "", "gzip" or "zstd"
	length  int64  // Content-Length of a plain body, else -1
	decoded int64
	err     error
}

var (
	bodies = sync.Pool{New: func() any { return new(body) }}
	gzips  = sync.Pool{New: func() any { return new(kgzip.Reader) }}
	zstds  = sync.Pool{New: func() any {
		// Concurrency 1 decodes in the caller's goroutine: nothing is left behind
		// when the pool drops one.
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow))
		if err != nil {
			panic("hub: zstd options: " + err.Error()) // constant options
		}
		return d
	}}
)

// openBody gives the decoded body of a push. Its errors, and those of Read, are
// problems that name the remedy; hand them to fail. Close it when done.
func (s *shell) openBody(c *gin.Context) (*body, error) {
	encoding, err := contentEncoding(c.Request.Header["Content-Encoding"])
	if err != nil {
		return nil, err
	}
	if c.Request.ContentLength > s.conf.BodyWire {
		c.Header("Connection", "close")
		return nil, tooLarge(s.conf.BodyWire)
	}
	b := bodies.Get().(*body)
	*b = body{shell: s, encoded: encoding, length: -1}
	b.wire, _ = c.Request.Body.(*progressBody)
	b.from = c.Request.Body
	switch encoding {
	case "":
		b.length = c.Request.ContentLength
	case "zstd":
		b.zstd = zstds.Get().(*zstd.Decoder)
		if err := b.zstd.Reset(c.Request.Body); err != nil {
			return nil, b.closed(err)
		}
		b.from = b.zstd
	case "gzip":
		b.gzip = gzips.Get().(*kgzip.Reader)
		if err := b.gzip.Reset(c.Request.Body); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF // an empty body is not a gzip stream
			}
			return nil, b.closed(err)
		}
		b.from = b.gzip
	}
	return b, nil
}

func (b *body) closed(err error) error {
	err = b.problem(err)
	b.Close()
	return err
}

// contentEncoding accepts one coding at most: codings within codings multiply
// what a small body can grow to.
func contentEncoding(headers []string) (string, error) {
	if len(headers) == 0 {
		return "", nil
	}
	value := strings.ToLower(strings.TrimSpace(strings.Join(headers, ",")))
	switch value {
	case "", "identity":
		return "", nil
	case "gzip", "x-gzip":
		return "gzip", nil
	case "zstd":
		return "zstd", nil
	}
	if strings.Contains(value, ",") {
		return "", refuse("unsupported-encoding", "请求体只能压缩一次：Content-Encoding 取 gzip 或 zstd 之一",
			"A body is compressed once at most: Content-Encoding is gzip or zstd")
	}
	return "", refuse("unsupported-encoding", "不支持此 Content-Encoding，请用 gzip、zstd 或不压缩",
		"This Content-Encoding is not taken; use gzip, zstd or none")
}

// Length is the number of bytes to come when the sender said so and did not
// compress, else -1.
func (b *body) Length() int64 { return b.length }

// Wire is how many bytes were read from the connection.
func (b *body) Wire() int64 {
	if b.wire == nil {
		return 0
	}
	return b.wire.got
}

// Decoded is how many bytes Read gave out.
func (b *body) Decoded() int64 { return b.decoded }

// Read reads decoded bytes. io.EOF comes only after a whole body.
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.from.Read(p)
	b.decoded += int64(n)
	if over := b.overgrown(); over != nil {
		b.err = over
		return 0, b.err
	}
	if err != nil {
		if err != io.EOF {
			err = b.problem(err)
		}
		b.err = err
	}
	return n, err
}

func (b *body) overgrown() error {
	limits := b.shell.conf
	if b.decoded > limits.BodyDecoded {
		if b.encoded == "" {
			return tooLarge(limits.BodyDecoded)
		}
		return refuse("body-too-large",
			"解压后超过 "+formatSize(limits.BodyDecoded)+"，请拆分后分次推送", "The body exceeds "+formatSize(limits.BodyDecoded)+" once decompressed; split it into several pushes")
	}
	if b.encoded != "" && b.decoded > ratioFrom && b.decoded > limits.BodyRatio*max(b.Wire(), 1) {
		return refuse("decompression-bomb",
			fmt.Sprintf("解压比超过 %d 倍，疑似压缩炸弹；请不压缩或拆分后推送", limits.BodyRatio),
			fmt.Sprintf("The body grows more than %d times when decompressed; push it uncompressed or in parts", limits.BodyRatio))
	}
	return nil
}

// Close gives the decoder back. The body must not be used afterwards.
func (b *body) Close() {
	if b.gzip != nil {
		gzips.Put(b.gzip)
	}
	if b.zstd != nil {
		_ = b.zstd.Reset(nil) // drops the reference to the request
		zstds.Put(b.zstd)
	}
	*b = body{}
	bodies.Put(b)
}

func tooLarge(limit int64) *problemError {
	return refuse("body-too-large", "请求体超过 "+formatSize(limit)+"，请拆分或压缩（gzip、zstd）后推送",
		"The body exceeds "+formatSize(limit)+"; split it, or compress it with gzip or zstd")
}

// problem names what went wrong below Read. The order matters: a cut connection
// shows as a cut stream too, and is what the sender must hear of.
func (b *body) problem(err error) error {
	switch {
	case errors.Is(err, errBodyTooLarge):
		return tooLarge(b.wire.limit)
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return refuse("unsupported-encoding", "zstd 窗口超过 8 MiB，请去掉 --long 与 --ultra 后重新压缩",
			"The zstd window exceeds 8 MiB; compress again without --long and --ultra").because(err)
	case b.encoded != "" && b.wire != nil && b.wire.done && errors.Is(err, io.ErrUnexpectedEOF):
		return refuse("body-incomplete", b.encoded+" 数据在中途截断，未接收任何记录；请检查文件后重新推送",
			"The "+b.encoded+" stream is cut short, nothing was taken; check the file and push it again").because(err)
	case b.encoded == "gzip" && errors.Is(err, gzip.ErrHeader):
		return refuse("body-corrupt", "请求体不是 gzip 数据，或压缩流之后还有多余内容，未接收任何记录；请核对 Content-Encoding，重新压缩后推送",
			"The body is not a gzip stream, or something follows the stream; nothing was taken: check Content-Encoding, compress again and push").because(err)
	case b.encoded == "zstd" && errors.Is(err, zstd.ErrMagicMismatch):
		return refuse("body-corrupt", "请求体不是 zstd 数据，或压缩流之后还有多余内容，未接收任何记录；请核对 Content-Encoding，重新压缩后推送",
			"The body is not a zstd stream, or something follows the stream; nothing was taken: check Content-Encoding, compress again and push").because(err)
	case b.encoded != "" && isCorrupt(err):
		return refuse("body-corrupt", b.encoded+" 数据已损坏，未接收任何记录；请重新压缩后推送",
			"The "+b.encoded+" stream is damaged, nothing was taken; compress the file again and push it").because(err)
	}
	return problemFor(err)
}

func isCorrupt(err error) bool {
	var network net.Error
	return !errors.As(err, &network) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, os.ErrDeadlineExceeded) &&
		!errors.Is(err, context.Canceled)
}

// problemFor gives the problem an error stands for: errors of the connection and
// of the caller's patience have one, everything else is internal.
func problemFor(err error) *problemError {
	var p *problemError
	var network net.Error
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, errBodyTooLarge):
		return refuse("payload-too-large", "请求体过大", "The request body is too large").because(err)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return refuse("request-timeout", "长时间没有收到数据，请重新发送", "No bytes arrived for too long; send the request again").because(err)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.As(err, &network), errors.Is(err, gzip.ErrChecksum):
		return refuse("body-incomplete", "请求体短于声明的长度，未接收任何记录；请重新发送",
			"The body ended before the length it announced, nothing was taken; send it again").because(err)
	case errors.Is(err, context.Canceled):
		return refuse("body-incomplete", "请求已被发送方取消", "The caller gave the request up").because(err)
	}
	return &problemError{Name: "internal", Cause: err}
}
