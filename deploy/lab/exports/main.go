// Command exports measures exports of a whole dataset through a hub: how long one takes,
// how large it is, and how much memory the hub and the engine need at most. It fills
// tourism_flow by an INSERT … SELECT straight into the engine, and reads it with the
// client that `zida records` uses.
//
//	make build && go run ./deploy/lab/exports -rows 10000000
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/zida-hub/zida/analytics/engine"
	"github.com/zida-hub/zida/connectors"
)

const (
	dataset = "tourism_flow"
	longest = 30 * time.Minute // of a whole run
)

func main() {
	engine.ChildMain() // this binary is also the child of the engine it starts
	rows := flag.Int("rows", 10_000_000, "records to export")
	binary := flag.String("bin", "bin/zida", "the binary to measure")
	formats := flag.String("formats", "csv,ndjson,parquet", "formats, comma separated; xlsx holds 1048575 records")
	atOnce := flag.Int("at-once", 1, "how many take each export at the same time; the hub lets four")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, longest)
	err := run(ctx, *rows, *atOnce, *binary, strings.Split(*formats, ","))
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "exports:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, rows, atOnce int, binary string, formats []string) (err error) {
	dir, err := os.MkdirTemp("", "zida-exports-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	store, err := engine.Start(ctx, engine.Options{Dir: filepath.Join(dir, "engine"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close(context.WithoutCancel(ctx))) }()
	data := filepath.Join(dir, "hub")
	hub, address, err := startHub(ctx, binary, data, asHub(store.DSN()))
	if err != nil {
		return err
	}
	defer func() {
		_ = hub.Process.Signal(syscall.SIGTERM)
		_ = hub.Wait()
	}()
	client, err := register(ctx, data, address)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := fill(ctx, store, rows); err != nil {
		return err
	}
	fmt.Printf("%d records, %d at once\n%-8s  %8s  %9s  %10s  %8s  %8s\n", rows, atOnce, "format", "seconds", "rows/s", "MiB", "hub", "engine")
	for _, format := range formats {
		if err := measure(ctx, client, format, rows, atOnce, hub.Process.Pid, store.PID()); err != nil {
			return fmt.Errorf("%s: %w", format, err)
		}
	}
	return nil
}

// asHub leaves the reader's user out of a DSN: the hub's own user reads then, and the
// hub itself sends the limits of an export along, as with an engine of its own.
func asHub(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		return dsn
	}
	q := u.Query()
	q.Del("reader_user")
	q.Del("reader_password")
	u.RawQuery = q.Encode()
	return u.String()
}

func startHub(ctx context.Context, binary, data, dsn string) (*exec.Cmd, string, error) {
	cmd := exec.Command(binary, "serve", "--data", data, "--listen", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "ZIDA_CLICKHOUSE="+dsn)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	go func() { _, _ = io.Copy(io.Discard, out) }()
	at := strings.Index(line, "http://")
	if at < 0 {
		_ = cmd.Process.Kill()
		return nil, "", errors.Join(fmt.Errorf("the hub said %q", line), cmd.Wait())
	}
	address := strings.TrimSpace(line[at:])
	for {
		answer, err := http.Get(address + "/readyz")
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return cmd, address, nil
			}
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			_ = cmd.Process.Kill()
			return nil, "", errors.Join(ctx.Err(), cmd.Wait())
		}
	}
}

// register makes an agency and a client that may read.
func register(ctx context.Context, data, address string) (*connectors.Client, error) {
	type account struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	open := func(text []byte) (*connectors.Client, error) {
		var a account
		if err := json.Unmarshal(text, &a); err != nil {
			return nil, err
		}
		return connectors.New(connectors.Config{URL: address, ClientID: a.ID, ClientSecret: a.Secret})
	}
	text, err := os.ReadFile(filepath.Join(data, "admin.json"))
	if err != nil {
		return nil, err
	}
	admin, err := open(text)
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	if _, err := admin.Admin(ctx, http.MethodPost, "/agencies", nil, map[string]any{"id": "lab", "name": "测试机构", "regions": []string{"500111"}}); err != nil {
		return nil, err
	}
	if text, err = admin.Admin(ctx, http.MethodPost, "/clients", nil, map[string]any{"agency": "lab", "name": "lab", "scopes": []string{"read:*"}}); err != nil {
		return nil, err
	}
	return open(text)
}

// fill makes records of a hundred spots, one every five minutes each.
func fill(ctx context.Context, store *engine.Store, rows int) error {
	begin := time.Now()
	err := store.Conn().Exec(ctx, "INSERT INTO "+dataset+" (_version, _agency, _client, _row, _received_at, spot_id, observed_at, interval_minutes, region, entries, exits, in_park, source) "+
		"SELECT 1099511627776 + number, 'lab', 'lab', number % 1000000, now64(3), concat('500111-S', leftPad(toString(number % 100), 2, '0')), "+
		"toDateTime64('2020-01-01 00:00:00', 3, 'UTC') + toIntervalMinute(5 * intDiv(number, 100)), 5, '500111', cityHash64(number) % 1000, "+
		"if(number % 7 = 0, NULL, cityHash64(number, 1) % 1000), cityHash64(number, 2) % 5000, 'gate' FROM numbers(?)", uint64(rows))
	if err != nil {
		return err
	}
	var n uint64
	if err := store.Conn().QueryRow(ctx, "SELECT count() FROM "+dataset+" FINAL").Scan(&n); err != nil {
		return err
	}
	if n != uint64(rows) {
		return fmt.Errorf("the table holds %d records", n)
	}
	fmt.Printf("filled in %v\n", time.Since(begin).Round(time.Second))
	return nil
}

// measure takes one export and counts its bytes; what it holds is compared elsewhere.
func measure(ctx context.Context, client *connectors.Client, format string, rows, atOnce int, pids ...int) error {
	for _, pid := range pids {
		// "5" sets the highest resident size back to what it is now, proc(5).
		if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0o600); err != nil {
			return err
		}
	}
	all := make([]counter, atOnce)
	begin := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	for i := range all {
		g.Go(func() error {
			return client.RecordsStream(ctx, dataset, url.Values{"limit": {"all"}, "format": {format}}, &all[i])
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	took := time.Since(begin).Seconds()
	for _, counted := range all {
		if lines := int64(rows) + 1; format == "csv" && counted.lines != lines || format == "ndjson" && counted.lines != lines-1 {
			return fmt.Errorf("%d lines for %d records", counted.lines, rows)
		}
	}
	var peaks [2]float64
	for i, pid := range pids {
		var err error
		if peaks[i], err = peak(pid); err != nil {
			return err
		}
	}
	fmt.Printf("%-8s  %8.1f  %9.0f  %10.1f  %4.0f MiB  %4.0f MiB\n", format, took, float64(rows*atOnce)/took, float64(all[0].bytes)/(1<<20), peaks[0], peaks[1])
	return nil
}

type counter struct{ bytes, lines int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.bytes += int64(len(p))
	for _, b := range p {
		if b == '\n' {
			c.lines++
		}
	}
	return len(p), nil
}

// peak is a process's highest resident size since it was set back, in MiB.
func peak(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("process %d tells no VmHWM", pid)
}
