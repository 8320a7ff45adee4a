package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"
)

const readbackCommand = "readback"

// readTask says what must be readable: the records of a file, as the only ones
// in a span of time.
type readTask struct {
	URL, Token string
	From, To   string
	File       string
}

// readPage is how many records one request asks for.
const readPage = 200_000

// readback reads acknowledged records back in a process of its own.
func readback(ctx context.Context, tasks []readTask) error {
	text, err := json.Marshal(tasks)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, readbackCommand)
	cmd.Stdin = bytes.NewReader(text)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("read back: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

func readbackMain() error {
	var tasks []readTask
	if err := json.NewDecoder(os.Stdin).Decode(&tasks); err != nil {
		return err
	}
	for _, t := range tasks {
		if err := t.check(); err != nil {
			return fmt.Errorf("%s to %s: %w", t.From, t.To, err)
		}
	}
	return nil
}

// tally is a count and two sums over the records' hashes that do not depend on
// their order; a lost, doubled or altered record changes them.
type tally struct {
	count    int
	sum, mix uint64
}

// flow is a record as the bench knows it, whoever wrote it down.
type flow struct {
	Spot     string `json:"spot_id"`
	At       string `json:"observed_at"`
	Interval int64  `json:"interval_minutes"`
	Region   string `json:"region"`
	Entries  int64  `json:"entries"`
	Exits    int64  `json:"exits"`
	InPark   int64  `json:"in_park"`
	Source   string `json:"source"`
}

func (t *tally) add(line []byte) error {
	var f flow
	if err := json.Unmarshal(line, &f); err != nil {
		return fmt.Errorf("record %d: %w: %s", t.count+1, err, line)
	}
	at, err := time.ParseInLocation(time.DateTime, f.At, shanghai)
	if err != nil {
		if at, err = time.Parse(time.RFC3339Nano, f.At); err != nil {
			return err
		}
	}
	h := fnv.New64a()
	fmt.Fprint(h, f.Spot, "|", at.UnixMilli(), "|", f.Interval, "|", f.Region, "|", f.Entries, "|", f.Exits, "|", f.InPark, "|", f.Source)
	sum := h.Sum64()
	t.count++
	t.sum += sum
	t.mix += mix(sum)
	return nil
}

func (t *tally) lines(r io.Reader) error {
	s := bufio.NewScanner(r)
	for s.Scan() {
		if err := t.add(s.Bytes()); err != nil {
			return err
		}
	}
	return s.Err()
}

func (t *readTask) check() error {
	var sent, stored tally
	var sentErr, storedErr error
	var wg sync.WaitGroup
	wg.Go(func() { sentErr = t.fromFile(&sent) })
	wg.Go(func() { storedErr = t.fromHub(&stored) })
	wg.Wait()
	if err := errors.Join(sentErr, storedErr); err != nil {
		return err
	}
	if sent != stored {
		return fmt.Errorf("%d records were acknowledged (sums %x %x), %d are read back (sums %x %x)",
			sent.count, sent.sum, sent.mix, stored.count, stored.sum, stored.mix)
	}
	return nil
}

func (t *readTask) fromFile(into *tally) error {
	f, err := os.Open(t.File)
	if err != nil {
		return err
	}
	defer f.Close()
	return into.lines(f)
}

func (t *readTask) fromHub(into *tally) error {
	for cursor := ""; ; {
		q := url.Values{"from": {t.From}, "to": {t.To}, "format": {"ndjson"}, "limit": {strconv.Itoa(readPage)}}
		if cursor != "" {
			q.Set("cursor", cursor)
		}
		request, err := http.NewRequest(http.MethodGet, t.URL+"/v1/datasets/"+dataset+"/records?"+q.Encode(), nil)
		if err != nil {
			return err
		}
		request.Header.Set("Authorization", "Bearer "+t.Token)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK {
			text, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
			_ = response.Body.Close()
			return fmt.Errorf("%s: %s", response.Status, text)
		}
		before := into.count
		err = into.lines(response.Body)
		_ = response.Body.Close()
		if err != nil {
			return err
		}
		if cursor = response.Trailer.Get("X-Next-Cursor"); cursor == "" {
			return nil
		}
		if into.count == before {
			return errors.New("an empty page has a next one")
		}
	}
}
