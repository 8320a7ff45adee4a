package hub

import (
	"strings"
	"testing"
	"time"
)

func TestDefaultsPassTheirOwnChecks(t *testing.T) {
	c := DefaultConfig()
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, s := range c.Settings() {
		if seen[s.Key] || s.Help == "" || s.HelpZH == "" {
			t.Errorf("%s is there twice or lacks its help", s.Key)
		}
		seen[s.Key] = true
		if err := s.Set(s.Text()); err != nil {
			t.Errorf("%s does not take its own text: %v", s.Key, err)
		}
	}
}

func TestSettingsRefuseWhatTheyCannotMean(t *testing.T) {
	f := func(key, text string, taken bool) {
		t.Helper()
		for _, s := range DefaultConfig().Settings() {
			if s.Key != key {
				continue
			}
			if err := s.Set(text); (err == nil) != taken {
				t.Errorf("%s=%q: %v", key, text, err)
			} else if err != nil && !strings.HasPrefix(err.Error(), key+": ") {
				t.Errorf("%s=%q: the error does not name the setting: %v", key, text, err)
			}
			return
		}
		t.Errorf("no setting %s", key)
	}
	f("listen", "0.0.0.0:8440", true)
	f("listen", ":8440", true)
	f("listen", "8440", false)
	f("listen", "host:70000", false)
	f("body-wire", "64MiB", true)
	f("body-wire", "64 MiB", true)
	f("body-wire", "-1", false)
	f("body-wire", "64MB", false)
	f("body-wire", "9999999999GiB", false)
	f("read-progress", "0s", false)
	f("read-progress", "30", false)
	f("token-ttl", "16m", false)
	f("behind-proxy", "10.0.0.0/8, 192.168.1.1", true)
	f("behind-proxy", "proxy.local", false)
	f("public-url", "hub.example", false)
	f("public-url", "https://hub.example", true)
	f("journal", "http://x", false)
	f("journal", "nats://a:4222,nats://b:4222", true)
	f("clickhouse", "clickhouse://u:p@h:9000/db", true)
	f("log-level", "loud", false)
}

func TestAWrongSecretSettingIsNotRepeated(t *testing.T) {
	for _, s := range DefaultConfig().Settings() {
		if !s.Secret {
			continue
		}
		if err := s.Set("wrong://user:hunter2@host"); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", s.Key, err)
		}
	}
}

func TestPlainHTTPStaysOnLoopback(t *testing.T) {
	f := func(listen string, change func(*Config), taken bool) {
		t.Helper()
		c := DefaultConfig()
		c.Listen = listen
		if change != nil {
			change(c)
		}
		err := c.Check()
		if (err == nil) != taken {
			t.Errorf("%s: %v", listen, err)
		}
		if err != nil && !strings.Contains(err.Error(), "behind-proxy") {
			t.Errorf("%s: the error names no remedy: %v", listen, err)
		}
	}
	f("127.0.0.1:8440", nil, true)
	f("127.8.8.8:8440", nil, true)
	f("[::1]:8440", nil, true)
	f("[::ffff:127.0.0.1]:8440", nil, true)
	f("localhost:8440", nil, true)
	f("0.0.0.0:8440", nil, false)
	f(":8440", nil, false)
	f("[::]:8440", nil, false)
	f("192.168.1.4:8440", nil, false)
	f("hub.example:8440", nil, false)
	f("0.0.0.0:8440", func(c *Config) { c.BehindProxy = []string{"10.0.0.0/8"} }, true)
	f("0.0.0.0:8440", func(c *Config) { c.TLSCert, c.TLSKey = "c.pem", "k.pem" }, true)
}

func TestSettingsThatBelongTogether(t *testing.T) {
	c := DefaultConfig()
	c.TLSCert = "cert.pem"
	if err := c.Check(); err == nil {
		t.Error("a certificate without a key was taken")
	}
	c = DefaultConfig()
	c.BodyDecoded = 10
	if err := c.Check(); err == nil {
		t.Error("a body smaller than a record was taken")
	}
	c = DefaultConfig()
	c.IdleTimeout = -time.Second
	if err := c.Check(); err == nil || !strings.Contains(err.Error(), "idle-timeout") {
		t.Errorf("got %v", err)
	}
}

func TestIssuerFollowsTheAddress(t *testing.T) {
	c := DefaultConfig()
	if got := c.Issuer("127.0.0.1:5555"); got != "http://127.0.0.1:5555" {
		t.Error(got)
	}
	c.TLSCert = "c.pem"
	if got := c.Issuer(""); got != "https://127.0.0.1:8440" {
		t.Error(got)
	}
	c.PublicURL = "https://hub.example/"
	if got := c.Issuer("x"); got != "https://hub.example" {
		t.Error(got)
	}
}
