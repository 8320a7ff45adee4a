package hub

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// testCertificate writes a self-signed pair for 127.0.0.1.
func testCertificate(t *testing.T, until time.Time) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "zida test"}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	write(t, certFile, certPEM)
	write(t, keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return certFile, keyFile, pool
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	write(t, to, text)
}

func TestReloadTakesTheNewCertificateAndKeepsTheOldOnError(t *testing.T) {
	certFile, keyFile, _ := testCertificate(t, time.Now().Add(time.Hour))
	c, err := loadCertificates(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	first := c.current.Load()
	nextCert, nextKey, _ := testCertificate(t, time.Now().Add(2*time.Hour))
	copyFile(t, nextCert, certFile) // the key is still the old one: a pair half written
	if err := c.reload(); err == nil {
		t.Error("a certificate without its key was taken")
	}
	if got, _ := c.config().GetCertificate(nil); got != first {
		t.Error("the old certificate is gone after a failed reload")
	}
	copyFile(t, nextKey, keyFile)
	if err := c.reload(); err != nil {
		t.Fatal(err)
	}
	if got, _ := c.config().GetCertificate(nil); got == first {
		t.Error("the new certificate is not served")
	}
}

func TestAnExpiredCertificateIsRefusedAtTheStart(t *testing.T) {
	certFile, keyFile, _ := testCertificate(t, time.Now().Add(-time.Hour))
	if _, err := loadCertificates(certFile, keyFile); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("got %v", err)
	}
}

func TestTLSBelow12IsRefused(t *testing.T) {
	conf, _ := testConfig(t)
	var pool *x509.CertPool
	conf.TLSCert, conf.TLSKey, pool = testCertificate(t, time.Now().Add(time.Hour))
	_, addr := serveTable(t, conf)
	f := func(version uint16, taken bool) {
		t.Helper()
		conn, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: pool, MinVersion: version, MaxVersion: version})
		if err == nil {
			conn.Close()
		}
		if (err == nil) != taken {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
	f(tls.VersionTLS11, false)
	f(tls.VersionTLS12, true)
	f(tls.VersionTLS13, true)
}
