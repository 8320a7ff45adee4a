package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// startCluster runs three JetStream servers on loopback, as an operator would on
// three machines.
func startCluster(t *testing.T) (urls string, servers []*server.Server) {
	t.Helper()
	ports := make([]int, 3)
	routes := make([]*url.URL, 3)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ports[i] = l.Addr().(*net.TCPAddr).Port
		_ = l.Close()
		routes[i] = &url.URL{Scheme: "nats", Host: fmt.Sprint("127.0.0.1:", ports[i])}
	}
	var clients []string
	for i := range ports {
		s, err := server.NewServer(&server.Options{
			ServerName: fmt.Sprint("n", i), Host: "127.0.0.1", Port: server.RANDOM_PORT,
			JetStream: true, StoreDir: t.TempDir(), SyncAlways: true, MaxPayload: MaxMessage, NoSigs: true, NoLog: true,
			Cluster: server.ClusterOpts{Name: "zida", Host: "127.0.0.1", Port: ports[i]}, Routes: routes,
		})
		if err != nil {
			t.Fatal(err)
		}
		go s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		servers = append(servers, s)
	}
	for _, s := range servers {
		if !s.ReadyForConnections(30 * time.Second) {
			t.Fatal("a server of the cluster is not ready")
		}
		clients = append(clients, s.ClientURL())
	}
	return strings.Join(clients, ","), servers
}

func openCluster(t *testing.T, urls string) *Journal {
	t.Helper()
	ctx := testContext(t)
	for { // until the cluster has chosen its leader
		j, err := Open(ctx, Options{URL: urls, Logger: slog.New(slog.DiscardHandler)})
		if err == nil {
			t.Cleanup(j.Close)
			return j
		}
		if !pause(ctx, 100*time.Millisecond) {
			t.Fatal(errors.Join(err, ctx.Err()))
		}
	}
}

// Two hubs push through three servers while one of those is lost: what was
// acknowledged is there, once, in one order for both.
func TestTwoHubsOnAClusterLoseNothing(t *testing.T) {
	urls, servers := startCluster(t)
	a := openCluster(t, urls)
	b := openCluster(t, urls)
	plan := testPlan(t)
	hubs := []*testCommitter{startCommitter(t, a, 0), startCommitter(t, b, 0)}
	ctx := testContext(t)
	var mu sync.Mutex
	acked := map[string]bool{}
	var wg sync.WaitGroup
	for i, c := range hubs {
		wg.Go(func() {
			for n := range 60 {
				if i == 0 && n == 20 {
					servers[2].Shutdown() // one machine is lost in the middle
				}
				p := pending(t, plan, fmt.Sprint("hub", i, "-", n), n)
				if err := c.Submit(p); err != nil {
					t.Error(err)
					return
				}
				if err := p.Wait(); err != nil {
					t.Errorf("hub %d submission %d: %v", i, n, err)
					return
				}
				mu.Lock()
				acked[fmt.Sprint(p.Block.Sequence, "-", p.Index)] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for _, c := range hubs {
		c.Close(context.Background())
	}
	there := map[string]bool{}
	if _, err := a.Replay(ctx, All, 0, time.Time{}, func(b *Block) error {
		for i := range b.Submissions {
			there[fmt.Sprint(b.Sequence, "-", i)] = true
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(acked) != 120 || len(there) != 120 {
		t.Fatalf("%d acknowledged, %d in the journal", len(acked), len(there))
	}
	for id := range acked {
		if !there[id] {
			t.Fatalf("%s was acknowledged and is not there", id)
		}
	}
}
