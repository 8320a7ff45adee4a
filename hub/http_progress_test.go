package hub

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
)

// patience is the deadline of these tests; what must outlive it lasts three times as long.
const patience = 400 * time.Millisecond

func progressConfig(t *testing.T) *Config {
	conf, _ := testConfig(t)
	conf.ReadProgress, conf.WriteProgress = patience, patience
	return conf
}

func drainBody(s **shell) gin.HandlerFunc {
	return func(c *gin.Context) {
		n, err := io.Copy(io.Discard, c.Request.Body)
		if err != nil {
			(*s).fail(c, err)
			return
		}
		writeJSON(c, 200, n)
	}
}

func TestABodyThatFlowsOutlivesTheDeadline(t *testing.T) {
	var s *shell
	s2, addr := serveTable(t, progressConfig(t), post("/x", drainBody(&s)))
	s = s2
	conn, r := dial(t, addr)
	const bytes = 60
	fmt.Fprintf(conn, "POST /x HTTP/1.1\r\nHost: hub\r\nContent-Length: %d\r\n\r\n", bytes)
	tick := time.NewTicker(3 * patience / bytes)
	defer tick.Stop()
	for range bytes {
		<-tick.C
		if _, err := conn.Write([]byte("a")); err != nil {
			t.Fatal(err)
		}
	}
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("status %d", resp.StatusCode)
	}
}

func TestASilentSenderIsCutOff(t *testing.T) {
	var s *shell
	s2, addr := serveTable(t, progressConfig(t), post("/x", drainBody(&s)))
	s = s2
	conn, r := dial(t, addr)
	fmt.Fprint(conn, "POST /x HTTP/1.1\r\nHost: hub\r\nContent-Length: 10\r\n\r\nabc")
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 408 || !strings.Contains(string(body), "/problems/request-timeout") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if _, err := r.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the connection stays open: %v", err)
	}
}

// A client that writes all of its body before it reads must find the answer, not a reset.
func TestASenderOfTooMuchReadsWhy(t *testing.T) {
	conf := progressConfig(t)
	conf.BodySmall = 100
	var s *shell
	s2, addr := serveTable(t, conf, post("/x", drainBody(&s)))
	s = s2
	for _, more := range []int{1, 300 << 10, drained} {
		conn, r := dial(t, addr)
		fmt.Fprintf(conn, "POST /x HTTP/1.1\r\nHost: hub\r\nContent-Length: %d\r\n\r\n", 100+more)
		if _, err := conn.Write(make([]byte, 100+more)); err != nil {
			t.Fatalf("%d more: %v", more, err)
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("%d more: %v", more, err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 413 || !strings.Contains(string(body), "/problems/payload-too-large") {
			t.Errorf("%d more: %d %s", more, resp.StatusCode, body)
		}
		if _, err := r.ReadByte(); !errors.Is(err, io.EOF) {
			t.Errorf("%d more: the connection ends with %v", more, err)
		}
	}
	// One that stops in the middle is waited for no longer than the deadline.
	conn, r := dial(t, addr)
	fmt.Fprintf(conn, "POST /x HTTP/1.1\r\nHost: hub\r\nContent-Length: %d\r\n\r\n%s", 1<<30, strings.Repeat("x", 200))
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 413 {
		t.Errorf("status %d", resp.StatusCode)
	}
}

func TestAHandlerMayTakeLongerThanTheDeadlineAfterItsBody(t *testing.T) {
	_, addr := serveTable(t, progressConfig(t), post("/x", func(c *gin.Context) {
		_, _ = io.Copy(io.Discard, c.Request.Body)
		select {
		case <-time.After(3 * patience):
			writeJSON(c, 200, nil)
		case <-c.Request.Context().Done():
			c.Writer.WriteHeader(599) // the deadline of the body reached the handler
		}
	}))
	resp, err := http.Post("http://"+addr+"/x", "text/plain", strings.NewReader("abc"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("status %d", resp.StatusCode)
	}
}

func TestAClientThatTakesNothingIsCutOff(t *testing.T) {
	ended := make(chan error, 1)
	_, addr := serveTable(t, progressConfig(t), get("/x", func(c *gin.Context) {
		block := make([]byte, 1<<20)
		for {
			if _, err := c.Writer.Write(block); err != nil {
				ended <- err
				return
			}
		}
	}))
	conn, _ := dial(t, addr)
	fmt.Fprint(conn, "GET /x HTTP/1.1\r\nHost: hub\r\n\r\n")
	select {
	case err := <-ended:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the export still waits for a client that reads nothing")
	}
}

func TestAStreamMayBeSilentLongerThanTheDeadline(t *testing.T) {
	certFile, keyFile, pool := testCertificate(t, time.Now().Add(time.Hour))
	f := func(name string, conf *Config, client *http.Client, scheme, protocol string) {
		t.Run(name, func(t *testing.T) {
			r := get("/x", func(c *gin.Context) {
				_, _ = c.Writer.WriteString("data: 1\n\n")
				c.Writer.Flush()
				<-time.After(3 * patience)
				_, _ = c.Writer.WriteString("data: 2\n\n")
				c.Writer.Flush()
			})
			r.streams = true
			_, addr := serveTable(t, conf, r)
			resp, err := client.Get(scheme + addr + "/x")
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil || string(body) != "data: 1\n\ndata: 2\n\n" || resp.Proto != protocol {
				t.Errorf("%s %q %v", resp.Proto, body, err)
			}
		})
	}
	f("HTTP/1.1", progressConfig(t), http.DefaultClient, "http://", "HTTP/1.1")
	secure := progressConfig(t)
	secure.TLSCert, secure.TLSKey = certFile, keyFile
	client := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
	t.Cleanup(client.CloseIdleConnections)
	f("HTTP/2", secure, client, "https://", "HTTP/2.0")
}

func TestShutdownEndsStreamsAndWaitsForAnswers(t *testing.T) {
	conf := progressConfig(t)
	s := newShell(conf, testVerify)
	entered, release := make(chan struct{}, 2), make(chan struct{})
	stream := get("/stream", func(c *gin.Context) {
		entered <- struct{}{}
		<-s.stopping
		writeJSON(c, 200, "stopped")
	})
	slow := get("/slow", func(c *gin.Context) {
		entered <- struct{}{}
		<-release
		writeJSON(c, 200, "whole")
	})
	e, err := s.engine([]route{stream, slow})
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.listen(e)
	if err != nil {
		t.Fatal(err)
	}
	v.run(nil)
	answers := make(chan string, 2)
	for _, path := range []string{"/stream", "/slow"} {
		go func() {
			resp, err := http.Get("http://" + v.addr() + path)
			if err != nil {
				answers <- err.Error()
				return
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			answers <- string(body)
		}()
	}
	<-entered
	<-entered
	down := make(chan error, 1)
	go func() { down <- v.shutdown(t.Context()) }()
	if got := <-answers; got != `"stopped"` {
		t.Errorf("the stream ended with %s", got)
	}
	close(release)
	if got := <-answers; got != `"whole"` {
		t.Errorf("the answer under way ended with %s", got)
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
	if _, err := http.Get("http://" + v.addr() + "/slow"); err == nil {
		t.Error("still answering after the shutdown")
	}
}
