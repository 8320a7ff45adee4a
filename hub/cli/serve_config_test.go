package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSettingsComeFromFlagsThenEnvironmentThenFileThenDefaults(t *testing.T) {
	alone(t)
	file := filepath.Join(t.TempDir(), "zida.yaml")
	yaml := "listen: 127.0.0.1:1001\nlog-level: warn\nidle-timeout: 11s\nbehind-proxy: [10.0.0.0/8, 192.168.0.0/16]\nclickhouse: clickhouse://hub:sesame@db:9000/zida\n"
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ZIDA_LOG_LEVEL", "error")
	t.Setenv("ZIDA_LISTEN", "127.0.0.1:1002")
	code, out, errs := run(t, "", "serve", "--config", file, "--listen", "127.0.0.1:1003", "--print-config", "--json")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	var got map[string]string
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"listen": "127.0.0.1:1003", "log-level": "error", "idle-timeout": "11s", "header-timeout": "10s",
		"behind-proxy": "10.0.0.0/8,192.168.0.0/16", "clickhouse": hidden,
	} {
		if got[key] != want {
			t.Errorf("%s is %q, want %q", key, got[key], want)
		}
	}
	_, out, _ = run(t, "", "serve", "--config", file, "--print-config")
	if strings.Contains(out, "sesame") {
		t.Error("a password is printed")
	}
	for _, want := range []string{"from " + file, "from ZIDA_LISTEN", "from default"} {
		if !strings.Contains(out, want) {
			t.Errorf("the sources lack %q:\n%s", want, out)
		}
	}
}

func TestWrongSettingsSayWhereTheyStand(t *testing.T) {
	alone(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "zida.yaml")
	f := func(yaml string, want string, args ...string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		code, _, errs := run(t, "", append([]string{"serve", "--data", filepath.Join(dir, "data"), "--config", file}, args...)...)
		if code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("exit %d, %q; want exit 2 with %q", code, errs, want)
		}
	}
	f("lisetn: 127.0.0.1:1\n", "did you mean: listen")
	f("listen: [\n", "is not valid YAML")
	f("idle-timeout: soon\n", "given by "+file)
	f("", "given by --log-level", "--log-level", "loud")
	f("listen: 0.0.0.0:80\n", "behind-proxy")
	t.Setenv("ZIDA_READ_PROGRESS", "-")
	f("", "given by ZIDA_READ_PROGRESS")
}
