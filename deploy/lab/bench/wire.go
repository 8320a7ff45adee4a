package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// wire is one kept connection that speaks as little HTTP/1.1 as will do: the
// load program shares the machine's processors with what it measures.
type wire struct {
	conn net.Conn
	in   []byte
}

func dial(address string) (*wire, error) {
	conn, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		return nil, err
	}
	return &wire{conn: conn, in: make([]byte, 16<<10)}, nil
}

func (w *wire) close() { _ = w.conn.Close() }

// answerPatience bounds the wait for one answer.
const answerPatience = 2 * time.Minute

// patience sets the deadline of what follows; it is moved once a phase and not
// once a request, which would cost a timer each.
func (w *wire) patience(d time.Duration) { _ = w.conn.SetDeadline(time.Now().Add(d)) }

var (
	headEnd       = []byte("\r\n\r\n")
	lengthField   = []byte("\r\nContent-Length: ")
	chunkedField  = []byte("\r\nTransfer-Encoding: chunked")
	lastChunk     = []byte("0\r\n\r\n")
	errLongAnswer = errors.New("the answer is longer than the load program reads")
)

// ask sends a request and returns the answer's status and body, which is valid
// until the next one.
func (w *wire) ask(request ...[]byte) (int, []byte, error) {
	for _, part := range request {
		if _, err := w.conn.Write(part); err != nil {
			return 0, nil, err
		}
	}
	have, head := 0, -1
	for {
		n, err := w.conn.Read(w.in[have:])
		if err != nil {
			return 0, nil, err
		}
		have += n
		if head < 0 {
			if head = bytes.Index(w.in[:have], headEnd); head < 0 {
				if have == len(w.in) {
					return 0, nil, errLongAnswer
				}
				continue
			}
		}
		body, done, err := whole(w.in[:have], head)
		if err != nil {
			return 0, nil, err
		}
		if done {
			status, err := strconv.Atoi(string(w.in[9:12]))
			return status, body, err
		}
		if have == len(w.in) {
			return 0, nil, errLongAnswer
		}
	}
}

// whole says whether an answer whose head ends at head has come to its end.
// ClickHouse answers in chunks, which are told apart only by the last one.
func whole(answer []byte, head int) (body []byte, done bool, err error) {
	fields, body := answer[:head+2], answer[head+4:]
	if i := bytes.Index(fields, lengthField); i >= 0 {
		text := fields[i+len(lengthField):]
		length, err := strconv.Atoi(string(text[:bytes.IndexByte(text, '\r')]))
		if err != nil {
			return nil, false, err
		}
		return body, len(body) >= length, nil
	}
	if fold := bytes.ToLower(fields); bytes.Contains(fold, bytes.ToLower(chunkedField)) {
		return body, bytes.HasSuffix(body, lastChunk), nil
	}
	return nil, false, fmt.Errorf("an answer of no known length: %q", fields)
}

// target is where a load goes: its requests, less the body.
type target struct {
	address string
	path    string
	token   string
	headers string            // each ended by CR LF
	status  int               // of an answer that counts
	after   func(n int) error // called with each single row that was taken; nil: nothing
}

// head is a request's head for a body of the given size.
func (t *target) head(size int) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\n%sContent-Length: %d\r\n\r\n", t.path, t.address, t.headers, size)
}

// post sends one body on a connection of its own and tells how long the answer took.
func (t *target) post(body []byte) (time.Duration, []byte, error) {
	w, err := dial(t.address)
	if err != nil {
		return 0, nil, err
	}
	defer w.close()
	w.patience(answerPatience)
	head := t.head(len(body))
	begin := time.Now()
	status, answer, err := w.ask(head, body)
	took := time.Since(begin)
	if err == nil && status != t.status {
		err = fmt.Errorf("%s answered %d, not %d: %s", t.path, status, t.status, answer)
	}
	return took, bytes.Clone(answer), err
}
