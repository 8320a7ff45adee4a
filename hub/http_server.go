package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// maxHeaderBytes bounds a request's headers; a token has at most 8 KiB.
const maxHeaderBytes = 16 << 10

// server is the listening side: the main address and, where set, one of its own
// for /metrics.
type server struct {
	conf     *Config
	log      *slog.Logger
	main     *http.Server
	metrics  *http.Server
	listener net.Listener
	side     net.Listener
	certs    *certificates
	stop     context.CancelFunc
	running  sync.WaitGroup
	failed   chan error
}

// listen binds the addresses and loads the certificate; nothing is answered
// before run.
func (s *shell) listen(handler http.Handler) (*server, error) {
	if err := s.conf.checkListen(); err != nil {
		return nil, err
	}
	v := &server{conf: s.conf, log: s.slog, failed: make(chan error, 2)}
	v.main = v.newServer(handler)
	v.main.RegisterOnShutdown(sync.OnceFunc(func() { close(s.stopping) }))
	if s.conf.TLSCert != "" {
		certs, err := loadCertificates(s.conf.TLSCert, s.conf.TLSKey)
		if err != nil {
			return nil, err
		}
		v.certs, v.main.TLSConfig = certs, certs.config()
	}
	var err error
	if v.listener, err = net.Listen("tcp", s.conf.Listen); err != nil {
		return nil, bindProblem("listen", err)
	}
	if s.conf.MetricsListen != "" {
		if v.side, err = net.Listen("tcp", s.conf.MetricsListen); err != nil {
			_ = v.listener.Close()
			return nil, bindProblem("metrics-listen", err)
		}
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", s.metrics.handler)
		v.metrics = v.newServer(mux)
	}
	return v, nil
}

// bindProblem says what to do about an address that cannot be had.
func bindProblem(setting string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s: %w; another program (or another zida) has it: stop that one, or choose another port with --%s", setting, err, setting)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%s: %w; ports below 1024 need the right to bind them: choose a higher one with --%s", setting, err, setting)
	}
	return fmt.Errorf("%s: %w", setting, err)
}

// release gives the addresses back when the server never ran.
func (v *server) release() {
	_ = v.listener.Close()
	if v.side != nil {
		_ = v.side.Close()
	}
}

func (v *server) newServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler: handler,
		// Equal, so that net/http sets one deadline a request and not two.
		ReadHeaderTimeout: v.conf.HeaderTimeout,
		ReadTimeout:       v.conf.HeaderTimeout,
		// From its second read on the read deadline of a body moves with its bytes
		// (progressBody); the write deadline starts here and moves with the answer's
		// (call.Write).
		WriteTimeout:   v.conf.WriteProgress,
		IdleTimeout:    v.conf.IdleTimeout,
		MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:       slog.NewLogLogger(v.log.Handler(), slog.LevelDebug),
	}
}

// addr is the address really bound, for listen on port 0.
func (v *server) addr() string { return v.listener.Addr().String() }

// run starts answering. healthy is asked before each watchdog ping to systemd;
// the returned channel tells when a listener breaks.
func (v *server) run(healthy func() bool) <-chan error {
	ctx, cancel := context.WithCancel(context.Background())
	v.stop = cancel
	v.running.Go(func() {
		var err error
		if v.certs != nil {
			err = v.main.ServeTLS(v.listener, "", "")
		} else {
			err = v.main.Serve(v.listener)
		}
		v.report(err)
	})
	if v.metrics != nil {
		v.running.Go(func() { v.report(v.metrics.Serve(v.side)) })
	}
	v.running.Go(func() { v.certs.reloadOnHangup(ctx, v.log) })
	if every, err := daemon.SdWatchdogEnabled(false); err == nil && every > 0 {
		v.running.Go(func() { watchdog(ctx, every/2, healthy) })
	}
	return v.failed
}

func (v *server) report(err error) {
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		v.failed <- err
	}
}

// shutdown stops accepting, waits for requests under way until the drain
// deadline, then cuts what is left. The metrics address goes last, so that a
// shutdown can be watched.
func (v *server) shutdown(ctx context.Context) error {
	notifySystemd(v.log, daemon.SdNotifyStopping)
	ctx, cancel := context.WithTimeout(ctx, v.conf.DrainTimeout)
	defer cancel()
	err := v.main.Shutdown(ctx)
	if err != nil {
		v.log.Warn("requests cut at the drain deadline", "after", v.conf.DrainTimeout)
		err = v.main.Close()
	}
	_ = v.listener.Close() // when run was never called
	if v.metrics != nil {
		err = errors.Join(err, v.metrics.Close())
		_ = v.side.Close()
	}
	if v.stop != nil {
		v.stop()
	}
	v.running.Wait()
	return err
}

// ready tells systemd (Type=notify) that the hub answers.
func (v *server) ready() { notifySystemd(v.log, daemon.SdNotifyReady) }

func notifySystemd(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("systemd not notified", "state", state, "cause", err)
	}
}

// watchdog pings systemd while the hub is healthy; without a ping it is restarted.
func watchdog(ctx context.Context, every time.Duration, healthy func() bool) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if healthy == nil || healthy() {
				_, _ = daemon.SdNotify(false, daemon.SdNotifyWatchdog)
			}
		}
	}
}
