package cli

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// run is one command line with nothing of the caller's environment in it.
func run(t *testing.T, in string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = Main(args, strings.NewReader(in), &o, &e)
	return code, o.String(), e.String()
}

// alone takes the caller's profiles and variables away from a test.
func alone(t *testing.T) {
	t.Helper()
	for _, name := range []string{envURL, envID, envSecret, envKey, envKeyID, envToken, "LC_ALL", "LC_MESSAGES", "LANG", "ZIDA_CONFIG", "ZIDA_LISTEN", "ZIDA_DATA"} {
		t.Setenv(name, "")
		_ = os.Unsetenv(name)
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "config"))
}

func TestHelpIsAsWritten(t *testing.T) {
	alone(t)
	for _, args := range [][]string{
		{}, {"push"}, {"query"}, {"records"}, {"admin"}, {"admin", "client", "add"}, {"login"}, {"demo"}, {"contract"}, {"receipt", "verify"}, {"doctor"}, {"token"},
	} {
		name := strings.Join(append([]string{"help"}, args...), "-") + ".txt"
		code, out, errs := run(t, "", append(args, "--help")...)
		if code != 0 || errs != "" {
			t.Errorf("%v: exit %d, %s", args, code, errs)
		}
		golden(t, name, out)
		if len(args) > 0 && !strings.Contains(out, "zida "+args[0]) {
			t.Errorf("the help of %v shows no example", args)
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (write it with: go test ./hub/cli -run Help -update)", err)
	}
	if got != string(want) {
		t.Errorf("%s differs from what is now printed (go test ./hub/cli -run Help -update, then read the difference):\n%s", path, got)
	}
}

func TestATypoGetsASuggestion(t *testing.T) {
	alone(t)
	f := func(want string, args ...string) {
		t.Helper()
		code, out, errs := run(t, "", args...)
		if code != exitUsage || !strings.Contains(errs, want) || out != "" {
			t.Errorf("zida %v: exit %d, out %q, err %q; want exit 2 with %q", args, code, out, errs, want)
		}
	}
	f("did you mean: zida push", "psuh")
	f("did you mean: zida admin client", "admin", "cleint")
	f("did you mean: --dry-run", "push", "d", "f", "--dry-rnu")
	f("did you mean: tourism_flow", "contract", "show", "tourism_flaw")
	f("see: zida --help", "frobnicate")
	f("needs a dataset and at least one file", "push")
	f("needs a dataset and at least one file", "push", "tourism_flow")
	f("--mode is atomic or partial", "push", "d", "f", "--mode", "some")
	f("--map takes PROPERTY=VALUE", "push", "d", "f", "--map", "observed_at")
	f("--set gives region twice", "push", "d", "f", "--set", "region=1,region=2")
	f("no hub is named", "push", "d", "f")
	f("zida login --url URL", "query", "visitors")
	f("zida serve --data /nowhere", "token", "--data", "/nowhere")
	f("takes no arguments", "version", "now")
	f("there is no profile", "token", "--profile", "anyue")
	f("a profile's name", "token", "--profile", "../x")
	f("needs at least one --scope", "admin", "client", "add")
	f("needs --id, --name", "admin", "agency", "add")
	f("needs --url and --client-id", "login")
}

func TestVersionIsThatOfTheFile(t *testing.T) {
	file, err := os.ReadFile("VERSION")
	if err != nil {
		t.Fatal(err)
	}
	code, out, _ := run(t, "", "version")
	if want := "zida " + strings.TrimSpace(string(file)) + " "; code != 0 || !strings.HasPrefix(out, want) {
		t.Errorf("exit %d, %q, want %q…", code, out, want)
	}
}

func TestPairsTakeListsAndEscapedCommas(t *testing.T) {
	got, err := pairs("set", []string{`a=1,b=x\,y`, "c==", "d=1"})
	if err != nil || len(got) != 4 || got["b"] != "x,y" || got["c"] != "=" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestColumnsLineUpWithChineseText(t *testing.T) {
	var b bytes.Buffer
	if err := writeGrid(&b, [][]string{{"名称", "N"}, {"ab", "10"}, {"大足石刻", "5"}}, map[int]bool{1: true}); err != nil {
		t.Fatal(err)
	}
	want := "名称       N\nab        10\n大足石刻   5\n"
	if b.String() != want {
		t.Errorf("\n%s\nwant\n%s", b.String(), want)
	}
}
