package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"github.com/zida-hub/zida/hub"
)

// closeTime is how long parts may take to put themselves away after requests have
// drained; the journal and the engine lose nothing when it is over.
const closeTime = 30 * time.Second

func newServe(s *session) *cobra.Command {
	var file string
	var show bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run a hub",
		Long: `Run a hub. On an empty data directory it makes its keys and an admin client, and writes DIR/admin.json.

Every setting is a flag, an environment variable (ZIDA_LOG_LEVEL for --log-level) and a key of the YAML
file that --config names; a flag goes before the environment, the environment before the file.`,
		Example: "  zida serve --data ./data\n" +
			"  zida serve --data /var/lib/zida --listen :8440 --tls-cert hub.crt --tls-key hub.key\n" +
			"  ZIDA_LISTEN=127.0.0.1:9000 zida serve --config /etc/zida.yaml --print-config",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, sources, err := loadConfig(cmd, file)
			if err != nil {
				return err
			}
			if show {
				return s.printConfig(cfg, sources)
			}
			if err := cfg.Check(); err != nil {
				return usage("%v", err)
			}
			cfg.Logger = logger(s.err, cfg.LogLevel)
			return s.serve(cmd.Context(), cfg)
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "YAML file of settings (or ZIDA_CONFIG)")
	cmd.Flags().BoolVar(&show, "print-config", false, "print every setting with its source, secrets hidden, and stop")
	settingFlags(cmd)
	return cmd
}

func logger(w io.Writer, level string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: l}))
}

// serve runs a hub until the context ends, and puts it away in order.
func (s *session) serve(ctx context.Context, cfg *hub.Config) error {
	return runHub(ctx, cfg, func(_ context.Context, h *hub.Hub) error {
		_, err := fmt.Fprintf(s.out, "zida %s is listening on %s\n", Version(), h.URL())
		return err
	})
}

// runHub starts a hub, calls started beside it, and closes it when the context
// ends or either fails.
func runHub(ctx context.Context, cfg *hub.Config, started func(context.Context, *hub.Hub) error) error {
	boundMemory()
	moreProcessors()
	h, err := hub.New(ctx, *cfg)
	if err != nil {
		return err
	}
	running, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	done := make(chan error, 1)
	go func() {
		err := h.Run(running)
		stop(errors.New("the hub stopped"))
		done <- err
	}()
	startErr := started(running, h)
	if startErr != nil {
		stop(startErr)
	}
	runErr := <-done
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.DrainTimeout+closeTime)
	defer cancel()
	h.Close(closing)
	if ctx.Err() != nil { // asked to stop: what was cut off by that is no fault
		return nil
	}
	if startErr != nil && !errors.Is(startErr, context.Canceled) {
		return startErr
	}
	return runErr
}

// moreProcessors has Go run twice as many goroutines at once as there are processors: a
// block passes through half a dozen goroutines on its way to the disk, and each of them
// would wait in line behind the requests that a processor has taken up. The system
// lets who wakes up go first. GOMAXPROCS has precedence.
func moreProcessors() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(2 * runtime.GOMAXPROCS(0))
	}
}

// boundMemory lets the collector run a sixth as often as by default: a hub
// keeps little and makes much. The limit keeps it below 512 MiB resident, whatever
// the load. GOGC and GOMEMLIMIT have precedence.
func boundMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(600)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(320 << 20)
	}
}
