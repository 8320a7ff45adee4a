package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"
)

// crashPusher is one sender: it sends a submission until it is acknowledged,
// through as many lives of the hub as that takes, under one Idempotency-Key.
type crashPusher struct {
	t        *testing.T
	door     *door
	http     *http.Client
	number   int
	next     int // of its rows
	repeated int

	mu    sync.Mutex
	acked []ackedPush
}

// ackedPush is what was acknowledged: rows of the pusher, and the answer.
type ackedPush struct {
	first, rows int
	receipt     []byte
}

func (p *crashPusher) spot() string { return fmt.Sprintf("512021-S%02d", 1+p.number%3) }

// base keeps the pushers' rows apart: each has two weeks of seconds.
func (p *crashPusher) base() int { return p.number * 14 * 86400 }

// crashInstant is when the n-th second of the year began.
func crashInstant(n int) time.Time {
	return time.Date(2025, 1, 1, 0, 0, n, 0, time.FixedZone("", 8*3600))
}

// crashEntries is a value that only this row has to have.
func crashEntries(n int) int { return 1 + n*7919%9_999_991 }

func (p *crashPusher) body(first, rows int) []byte {
	var b bytes.Buffer
	for n := first; n < first+rows; n++ {
		fmt.Fprintf(&b, `{"spot_id":%q,"observed_at":%q,"interval_minutes":1,"entries":%d}`+"\n",
			p.spot(), crashInstant(n).Format(time.DateTime), crashEntries(n))
	}
	return b.Bytes()
}

func (p *crashPusher) key(first int) string { return fmt.Sprintf("crash-%d-%d", p.number, first) }

// singles pushes row after row until the door is shut.
func (p *crashPusher) singles(ctx context.Context) {
	for !p.door.closed() && ctx.Err() == nil {
		if l := p.push(ctx, 1, nil); l != nil {
			l.acked.Add(1)
		}
	}
}

// bulks makes one large push a life, and brings it to the point of the kill.
func (p *crashPusher) bulks(ctx context.Context) {
	for ctx.Err() == nil {
		l := p.door.now()
		select {
		case <-l.bulk:
		case <-ctx.Done():
			return
		}
		if l.number >= crashes {
			return // the last life is not killed
		}
		point := crashPoints[l.number]
		sent := p.push(ctx, crashBulk, func(now *life, body []byte) io.Reader {
			if now != l { // sent again
				return bytes.NewReader(body)
			}
			return &cutReader{body: body, point: point, life: l, done: ctx.Done()}
		})
		if sent == l { // acknowledged before the kill
			if point == "acknowledged" {
				close(l.point)
			}
			select {
			case <-l.successor:
			case <-ctx.Done():
			}
		}
	}
}

// push sends the next rows until they are acknowledged, and says in which life.
func (p *crashPusher) push(ctx context.Context, rows int, through func(*life, []byte) io.Reader) *life {
	first := p.base() + p.next
	p.next += rows
	body := p.body(first, rows)
	for l := p.door.now(); ; l = p.door.now() {
		var from io.Reader = bytes.NewReader(body)
		if through != nil {
			from = through(l, body)
		}
		receipt, err := p.send(ctx, l, p.key(first), from, len(body))
		if err == nil {
			p.mu.Lock()
			p.acked = append(p.acked, ackedPush{first, rows, receipt})
			p.mu.Unlock()
			return l
		}
		select {
		case <-l.successor: // nothing is known of the push: send it again
		case <-ctx.Done():
			p.t.Errorf("pusher %d: row %d was never acknowledged: %v", p.number, first, err)
			return nil
		}
	}
}

// send makes one attempt. A refusal fails the test: what is sent is in order,
// and the hub is ready or gone.
func (p *crashPusher) send(ctx context.Context, l *life, key string, body io.Reader, size int) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url+"/v1/datasets/tourism_flow/records", body)
	if err != nil {
		return nil, err
	}
	req.ContentLength = int64(size)
	req.Header.Set("Authorization", "Bearer "+l.token)
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Header.Set("Idempotency-Key", key)
	resp, err := p.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	receipt, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusAccepted {
		err = fmt.Errorf("%d: %s", resp.StatusCode, receipt)
		p.t.Errorf("push %s was refused: %v", key, err)
	}
	return receipt, err
}

// again pushes what was acknowledged last once more, under its key, to a hub
// that has started anew: it answers with the very same receipt.
func (p *crashPusher) again(ctx context.Context) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.acked) == 0 {
		return
	}
	a := p.acked[len(p.acked)-1]
	body := p.body(a.first, a.rows)
	receipt, err := p.send(ctx, p.door.now(), p.key(a.first), bytes.NewReader(body), len(body))
	if err != nil || !bytes.Equal(receipt, a.receipt) {
		p.t.Errorf("a push sent again under its key got another receipt (%v):\n%s\n%s", err, a.receipt, receipt)
	}
	p.repeated++
}

// cutReader gives a body and says when the point of the kill is reached. At half
// of the body it gives no more until the hub is dead.
type cutReader struct {
	body  []byte
	point string
	life  *life
	done  <-chan struct{}
	at    int
	once  sync.Once
}

func (r *cutReader) Read(b []byte) (int, error) {
	if r.point == "half of the body sent" && r.at >= len(r.body)/2 {
		r.reached()
		select {
		case <-r.life.dead:
		case <-r.done:
		}
		return 0, io.ErrUnexpectedEOF
	}
	if r.at == len(r.body) {
		return 0, io.EOF
	}
	n := copy(b, r.body[r.at:])
	r.at += n
	if r.at == len(r.body) && r.point == "all of the body sent" {
		r.reached()
	}
	return n, nil
}

func (r *cutReader) reached() { r.once.Do(func() { close(r.life.point) }) }
