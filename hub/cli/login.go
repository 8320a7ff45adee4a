package cli

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/zida-hub/zida/connectors"
)

// credentials are what admin.json and a profile hold; files of them are 0600.
type credentials struct {
	URL          string `json:"url"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret,omitempty"`
	PrivateKey   string `json:"private_key,omitempty"` // path of a PEM file
	KeyID        string `json:"key_id,omitempty"`
	Token        string `json:"-"`
	from         string // where they were found, for messages
}

// The environment that scripts set in place of a profile.
const (
	envURL    = "ZIDA_URL"
	envID     = "ZIDA_CLIENT_ID"
	envSecret = "ZIDA_CLIENT_SECRET" //nolint:gosec // the name of a variable, not a secret
	envKey    = "ZIDA_PRIVATE_KEY"
	envKeyID  = "ZIDA_KEY_ID"
	envToken  = "ZIDA_TOKEN" //nolint:gosec // the name of a variable, not a secret
)

// credentials finds who calls: --profile, --data, the environment, the profile
// named default, in this order.
func (s *session) credentials() (*credentials, error) {
	switch {
	case s.profile != "":
		return readProfile(s.profile)
	case s.data != "":
		return readAdmin(s.data)
	case os.Getenv(envURL) != "":
		c := &credentials{
			URL: os.Getenv(envURL), ClientID: os.Getenv(envID), ClientSecret: os.Getenv(envSecret),
			PrivateKey: os.Getenv(envKey), KeyID: os.Getenv(envKeyID), Token: os.Getenv(envToken), from: "the environment",
		}
		return c, nil
	}
	c, err := readProfile("default")
	if err == nil {
		return c, nil
	}
	return nil, usage(`no hub is named, so there is nowhere to ask
  on the hub's own machine:  --data DIR (its admin.json is used)
  elsewhere:                 zida login --url URL    or set ZIDA_URL, ZIDA_CLIENT_ID, ZIDA_CLIENT_SECRET`)
}

func readAdmin(dir string) (*credentials, error) {
	path := filepath.Join(dir, "admin.json")
	c, err := readCredentials(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, usage("%s is not there: %s is not the data directory of a hub that has started\nstart one: zida serve --data %s", path, dir, dir)
	}
	return c, err
}

func readCredentials(path string) (*credentials, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c := &credentials{from: path}
	if err := json.Unmarshal(data, c); err != nil || c.URL == "" {
		return nil, usage("%s is damaged: it must hold url, client_id and client_secret", path)
	}
	return c, nil
}

// connect makes the client that a command uses.
func (s *session) connect() (*connectors.Client, *credentials, error) {
	c, err := s.credentials()
	if err != nil {
		return nil, nil, err
	}
	client, err := s.client(c)
	return client, c, err
}

func (s *session) client(c *credentials) (*connectors.Client, error) {
	cfg := connectors.Config{
		URL: c.URL, ClientID: c.ClientID, ClientSecret: c.ClientSecret, Token: c.Token, KeyID: c.KeyID,
		Language: s.language(), UserAgent: "zida/" + Version(), RetryFor: s.retryFor,
		Notify: func(err error, wait time.Duration) {
			s.say("%v; trying again in %v", firstLine(err), wait.Round(100*time.Millisecond))
		},
	}
	if c.PrivateKey != "" {
		key, err := readPrivateKey(c.PrivateKey)
		if err != nil {
			return nil, err
		}
		cfg.PrivateKey = key
	}
	if c.Token == "" && c.ClientID == "" {
		return nil, usage("the hub at %s is named, but not who calls: set %s and %s (found in %s)", c.URL, envID, envSecret, c.from)
	}
	client, err := connectors.New(cfg)
	if err != nil {
		return nil, usage("%v (found in %s)", err, c.from)
	}
	return client, nil
}

func readPrivateKey(path string) (crypto.Signer, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, usage("the private key cannot be read: %v", err)
	}
	if block, _ := pem.Decode(data); block != nil {
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if signer, ok := key.(crypto.Signer); ok {
				return signer, nil
			}
		}
	}
	return nil, usage("%s is not a PKCS #8 private key in PEM\nmake one: openssl genpkey -algorithm ed25519 -out %s", path, path)
}

// language is zh where --lang or the locale says so, else en.
func (s *session) language() string {
	if s.lang != "" {
		return s.lang
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := os.Getenv(name); v != "" {
			if strings.HasPrefix(v, "zh") {
				return "zh"
			}
			break
		}
	}
	return "en"
}

// say is for messages; results go to s.out.
func (s *session) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.err, format+"\n", args...)
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

var profileName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// configDir is the user's own directory for profiles, keys and receipts.
func configDir() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("no directory for settings: %w (set XDG_CONFIG_HOME or HOME)", err)
	}
	return filepath.Join(dir, "zida"), nil
}

func profilePath(name string) (string, error) {
	if !profileName.MatchString(name) {
		return "", usage("a profile's name is made of letters, digits, - and _, not %q", name)
	}
	dir, err := configDir()
	return filepath.Join(dir, "profiles", name+".json"), err
}

func readProfile(name string) (*credentials, error) {
	path, err := profilePath(name)
	if err != nil {
		return nil, err
	}
	c, err := readCredentials(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, usage("there is no profile %q\nmake it: zida login --profile %s --url URL --client-id ID", name, name)
	}
	return c, err
}

// writeFile replaces a file as a whole, readable by this user alone.
func writeFile(path string, data []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func newLogin(s *session) *cobra.Command {
	var c credentials
	cmd := &cobra.Command{
		Use:   "login",
		Short: "Save a hub's address and a client's secret as a profile",
		Long: `Save a hub's address and a client's secret as a profile, readable by you alone.

The secret is asked for, or read from standard input or ZIDA_CLIENT_SECRET; it is never an argument.
It is tried before it is saved.`,
		Example: "  zida login --url https://hub.example --client-id dazu-wlj-k3v7a2nq\n" +
			"  zida login --profile anyue --url https://hub.example --client-id anyue-wglj-1 < secret.txt",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.login(cmd.Context(), &c) },
	}
	f := cmd.Flags()
	f.StringVar(&c.URL, "url", os.Getenv(envURL), "the hub's address")
	f.StringVar(&c.ClientID, "client-id", os.Getenv(envID), "the client's id")
	f.StringVar(&c.PrivateKey, "private-key", "", "PEM file of the client's key (private_key_jwt), in place of a secret")
	f.StringVar(&c.KeyID, "key-id", "", "id of that key at the hub, when it has several")
	return cmd
}

func (s *session) login(ctx context.Context, c *credentials) error {
	if c.URL == "" || c.ClientID == "" {
		return usage("zida login needs --url and --client-id")
	}
	name := s.profile
	if name == "" {
		name = "default"
	}
	path, err := profilePath(name)
	if err != nil {
		return err
	}
	if c.PrivateKey == "" {
		if c.ClientSecret, err = s.readSecret(); err != nil {
			return err
		}
	} else if c.PrivateKey, err = filepath.Abs(c.PrivateKey); err != nil {
		return err
	}
	c.from = "the flags"
	client, err := s.client(c)
	if err != nil {
		return err
	}
	defer client.Close()
	token, err := client.Token(ctx)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(c, "", "  ") //nolint:gosec // a profile holds its secret, 0600
	if err != nil {
		return err
	}
	if err := writeFile(path, append(data, '\n')); err != nil {
		return err
	}
	s.say("logged in as %s; saved as profile %s (%s)\nscopes: %s", c.ClientID, name, path, token.Scope)
	return nil
}

// readSecret takes the secret from the environment, a prompt or standard input.
func (s *session) readSecret() (string, error) {
	if v := os.Getenv(envSecret); v != "" {
		return v, nil
	}
	secret, err := s.readHidden("client secret: ")
	if secret = strings.TrimSpace(secret); err == nil && secret == "" {
		err = usage("no secret was given: type it, or pipe it in, or set %s", envSecret)
	}
	return secret, err
}

// readHidden takes a line from a prompt that does not show what is typed, or all of
// standard input, without the end of its line.
func (s *session) readHidden(prompt string) (string, error) {
	var data []byte
	var err error
	if f, ok := s.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		_, _ = fmt.Fprint(s.err, prompt)
		data, err = term.ReadPassword(int(f.Fd()))
		s.say("")
	} else {
		data, err = io.ReadAll(io.LimitReader(s.in, 4096))
	}
	return strings.TrimRight(string(data), "\r\n"), err
}
