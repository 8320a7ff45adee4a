package hub

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// certificates serves one certificate from files and changes it without a
// restart. A reload that fails keeps the old one: a half-written file must not
// stop the exchange.
type certificates struct {
	certFile, keyFile string
	current           atomic.Pointer[tls.Certificate]
}

func loadCertificates(certFile, keyFile string) (*certificates, error) {
	c := &certificates{certFile: certFile, keyFile: keyFile}
	if err := c.reload(); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *certificates) reload() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("tls-cert %s with tls-key %s: %w", c.certFile, c.keyFile, err)
	}
	if pair.Leaf == nil {
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return fmt.Errorf("tls-cert %s: %w", c.certFile, err)
		}
	}
	if now := time.Now(); now.After(pair.Leaf.NotAfter) {
		return fmt.Errorf("tls-cert %s expired on %s", c.certFile, pair.Leaf.NotAfter.Format(time.DateOnly))
	}
	c.current.Store(&pair)
	return nil
}

// config takes TLS 1.2 with Go's own choice of suites, and 1.3.
func (c *certificates) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.current.Load(), nil
		},
	}
}

// reloadOnHangup reloads on every SIGHUP until ctx ends. Without certificates
// there is nothing to reload, and the signal must not end the hub.
func (c *certificates) reloadOnHangup(ctx context.Context, log *slog.Logger) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
			if c == nil {
				continue
			}
			if err := c.reload(); err != nil {
				log.Error("certificate not reloaded, the old one stays", "cause", err)
				continue
			}
			log.Info("certificate reloaded", "not_after", c.current.Load().Leaf.NotAfter)
		}
	}
}
