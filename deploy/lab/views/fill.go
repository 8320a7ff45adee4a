package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/zida-hub/zida/connectors"
	"github.com/zida-hub/zida/hub/cli/demo"
)

// A thousand spots report every five minutes of the twelve hours that they are open, up to
// the end of today: whatever the time of day, today's panels have a whole day to look at.
const (
	dataset     = "tourism_flow"
	spotsOfSide = 500
	opens       = 7 // o'clock
	intervals   = 12 * 12
	perDay      = spotsOfSide * intervals // records of a side
	mostDays    = 10_000_000 / perDay     // of one submission
)

var (
	shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)
	regions  = [][]string{{"500111"}, {"512002", "512021", "512022"}} // of each side
)

func midnight(t time.Time) time.Time {
	t = t.In(shanghai)
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, shanghai)
}

// fill is what a directory was filled with.
type fill struct {
	Accounts []account `json:"accounts"`
	Millions int       `json:"millions"`
	Today    time.Time `json:"today"`
	Past     time.Time `json:"past"` // when all of it was there, and nothing of it revised yet
	Seconds  float64   `json:"seconds"`
}

// filled fills the hub, unless an earlier run did.
func filled(ctx context.Context, h *hub, note string, millions int) (*fill, error) {
	text, err := os.ReadFile(note)
	if err == nil {
		f := &fill{}
		return f, json.Unmarshal(text, f)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	f := &fill{Millions: millions, Today: midnight(time.Now())}
	if f.Accounts, err = h.register(ctx); err != nil {
		return nil, err
	}
	clients := map[string]*connectors.Client{}
	for i, side := range demo.Sides {
		if clients[side.ID], err = h.as(f.Accounts[i]); err != nil {
			return nil, err
		}
		defer clients[side.ID].Close()
	}
	begin := time.Now()
	if err := pushDemo(ctx, clients); err != nil {
		return nil, err
	}
	if err := f.pushFlow(ctx, clients); err != nil {
		return nil, err
	}
	if err := h.rest(ctx); err != nil {
		return nil, err
	}
	f.Past, f.Seconds = time.Now(), time.Since(begin).Seconds()
	fmt.Fprintf(os.Stderr, "filled, to the last rollup, in %.0f s\n", f.Seconds)
	if text, err = json.Marshal(f); err != nil { //nolint:gosec // log-ins of a hub of this machine's own
		return nil, err
	}
	return f, os.WriteFile(note, text, 0o600)
}

// pushDemo pushes the demo's records of every dataset.
func pushDemo(ctx context.Context, clients map[string]*connectors.Client) error {
	world, err := demo.New(time.Now())
	if err != nil {
		return err
	}
	for sub := range world.Submissions() {
		client, opt := clients[sub.Side.ID], connectors.PushOptions{Size: int64(len(sub.Body))}
		if len(sub.Refused) > 0 {
			opt.Mode = "partial"
		}
		if sub.Reason != "" {
			_, err = client.Retract(ctx, sub.Dataset, sub.Reason, sub.Keys(), opt)
		} else {
			_, err = client.Push(ctx, sub.Dataset, connectors.Bytes(sub.Body), opt)
		}
		if err != nil {
			return fmt.Errorf("%s of %s: %w", sub.Dataset, sub.Side.ID, err)
		}
	}
	return nil
}

// pushFlow pushes the spots and their records, oldest first, both sides at once.
func (f *fill) pushFlow(ctx context.Context, clients map[string]*connectors.Client) error {
	for side, s := range demo.Sides {
		if _, err := clients[s.ID].Push(ctx, "scenic_spot", connectors.Bytes(spotList(side)), connectors.PushOptions{Wait: true}); err != nil {
			return err
		}
	}
	days := f.Millions * 1_000_000 / (perDay * len(demo.Sides))
	first := f.Today.AddDate(0, 0, 1-days)
	for from := 0; from < days; from += mostDays {
		g, pushing := errgroup.WithContext(ctx)
		for side, s := range demo.Sides {
			g.Go(func() error {
				// Not more at once than a body may be long; some tens of bytes a record.
				receipt, err := clients[s.ID].Push(pushing, dataset, records(side, first.AddDate(0, 0, from), min(mostDays, days-from)), connectors.PushOptions{ContentType: "text/csv"})
				if err == nil {
					fmt.Fprintf(os.Stderr, "%s pushed %d records\n", s.ID, receipt.Accepted)
				}
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
	return nil
}

func spotID(side, n int) (id, region string) {
	region = regions[side][n%len(regions[side])]
	return region + "-S" + strconv.Itoa(100+n), region
}

func spotList(side int) []byte {
	var body []byte
	for n := range spotsOfSide {
		id, region := spotID(side, n)
		body = fmt.Appendf(body, `{"spot_id":%q,"name":"景区 %d%s","region":%q,"instant_capacity":%d,"ticket_reporting":"daily"}`+"\n", id, 100+n, demo.Mark, region, 5000+n)
	}
	return body
}

// records are a side's of some days, spot by spot at each instant, as they were reported.
func records(side int, first time.Time, days int) connectors.Body {
	return func() (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() { _ = w.CloseWithError(writeRecords(w, side, first, days)) }()
		return r, nil
	}
}

const heading = "spot_id,observed_at,interval_minutes,entries,exits,in_park,source\n"

func writeRecords(w io.Writer, side int, first time.Time, days int) error {
	out := bufio.NewWriterSize(w, 1<<20)
	_, _ = out.WriteString(heading) // what goes wrong is kept for Flush
	ids := make([]string, spotsOfSide)
	for n := range ids {
		ids[n], _ = spotID(side, n)
	}
	var row []byte
	for day := range days {
		open := first.AddDate(0, 0, day).Add(opens * time.Hour)
		for i := range intervals {
			at := open.Add(time.Duration(i) * 5 * time.Minute)
			for n, id := range ids {
				row = record(row[:0], id, at, mix(uint64(at.Unix())<<10^uint64(side*spotsOfSide+n))) //nolint:gosec // a seed
				_, _ = out.Write(row)
			}
		}
	}
	return out.Flush()
}

func record(row []byte, id string, at time.Time, h uint64) []byte {
	row = append(append(row, id...), ',')
	row = append(at.AppendFormat(row, "2006-01-02 15:04:05"), ",5,"...)
	row = append(strconv.AppendUint(row, h%400, 10), ',')
	row = append(strconv.AppendUint(row, h>>16%400, 10), ',')
	return append(strconv.AppendUint(row, h>>32%6000, 10), ",gate\n"...)
}

// mix is a cheap hash: a record's figures follow from its spot and instant.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// goOn pushes the reports of three spots each second until ctx ends: the latest interval
// of today once more, as a gate does that counts on. It tells when each is visible.
func goOn(ctx context.Context, client *connectors.Client, today time.Time, visible chan<- struct{}) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			at := min(max(now.Sub(today).Truncate(5*time.Minute), opens*time.Hour), (opens+11)*time.Hour)
			body := bytes.NewBufferString(heading)
			for i := range 3 {
				id, _ := spotID(0, (3*n+i)%spotsOfSide)
				body.Write(record(nil, id, today.Add(at), mix(uint64(n)))) //nolint:gosec // a seed
			}
			_, err := client.Push(ctx, dataset, connectors.Bytes(body.Bytes()), connectors.PushOptions{ContentType: "text/csv", Wait: true})
			if err != nil && ctx.Err() == nil {
				return fmt.Errorf("the pushes beside the questions: %w", err)
			}
			select {
			case visible <- struct{}{}:
			default: // nobody waits
			}
		}
	}
}
