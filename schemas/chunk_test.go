package schemas

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestBodiesThatCannotBeCutAreRefused(t *testing.T) {
	f := func(format Format, body, code, want string) {
		t.Helper()
		c := NewChunker(strings.NewReader(body), format, ChunkOptions{Size: 64, MaxRecord: 200})
		if format == FormatCSV {
			if _, errs := c.Header(mustCompile(t, everything())); errs != nil {
				t.Fatal(errs)
			}
		}
		for {
			chunk, err := c.Next()
			var refused *BodyError
			if err == nil {
				p := mustCompile(t, everything())
				d := p.Decode(p.Batch(), chunk, format, everyone())
				if refused = d.Body; refused == nil {
					continue
				}
				err, c.err = refused, refused // Decode may be the one to see it
			}
			if !errors.As(err, &refused) || refused.Code != code || !strings.Contains(refused.In("en").Message, want) {
				t.Errorf("%.40q: %v", body, err)
			}
			if _, again := c.Next(); !errors.Is(again, err) {
				t.Errorf("%.40q: the error does not stay: %v", body, again)
			}
			return
		}
	}
	long := strings.Repeat("x", 300)
	f(FormatNDJSON, `{"a":"`+long+"\"}\n{}\n", CodeTooLarge, "line breaks")
	f(FormatNDJSON, "{}\n"+`{"a":"`+long, CodeTooLarge, "line breaks")
	f(FormatJSON, `[{},{"a":"`+long+`"}]`, CodeTooLarge, "size limit")
	f(FormatJSON, `{"a":"`+long+`"}`, CodeTooLarge, "size limit")
	f(FormatJSON, `[{}`+strings.Repeat(" ", 190), CodeInvalidJSON, "before it is complete")
	f(FormatJSON, `[{},`+strings.Repeat(" ", 70)+`]`, CodeInvalidJSON, "beside a comma")
	f(FormatJSON, `[`+strings.Repeat(" ", 70)+`,{}]`, CodeInvalidJSON, "beside a comma")
	f(FormatJSON, `[{}] x`, CodeInvalidJSON, "text follows")
	f(FormatCSV, "spot,at\n"+long+","+long+"\n", CodeTooLarge, "size limit")
	f(FormatCSV, "spot,at\n\""+long+"\n", CodeTooLarge, "size limit")
}

func TestReadErrorsComeThrough(t *testing.T) {
	broken := errors.New("connection reset")
	for _, format := range []Format{FormatNDJSON, FormatJSON} {
		c := NewChunker(io.MultiReader(strings.NewReader("[{}"), iotest.ErrReader(broken)), format, ChunkOptions{})
		if _, err := c.Next(); !errors.Is(err, broken) {
			t.Errorf("%v", err)
		}
	}
	c := NewChunker(iotest.ErrReader(broken), FormatCSV, ChunkOptions{})
	if _, errs := c.Header(mustCompile(t, everything())); len(errs) != 1 {
		t.Errorf("%v", errs)
	}
	if _, err := c.Next(); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

func TestChunksAreOfTheSizeAskedFor(t *testing.T) {
	body := flowNDJSON(20_000)
	array := "[" + strings.ReplaceAll(strings.TrimSpace(string(body)), "\n", ",\n") + "]"
	for format, text := range map[Format]string{FormatNDJSON: string(body), FormatJSON: array} {
		c := NewChunker(strings.NewReader(text), format, ChunkOptions{Size: 64 << 10})
		chunks, bytes := 0, 0
		for {
			chunk, err := c.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(chunk) > 70<<10 {
				t.Errorf("a chunk of %d bytes", len(chunk))
			}
			chunks++
			bytes += len(chunk)
			c.Recycle(chunk)
		}
		if want := len(text) >> 16; chunks < want || chunks > want+3 || bytes < len(text) {
			t.Errorf("%d chunks, %d of %d bytes", chunks, bytes, len(text))
		}
	}
}
