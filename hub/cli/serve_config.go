package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/cobra"

	"github.com/zida-hub/zida/connectors"
	"github.com/zida-hub/zida/hub"
)

// envPrefix begins the environment variable of every setting: ZIDA_LOG_LEVEL is log-level.
const envPrefix = "ZIDA_"

func envName(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, "-", "_"))
}

// settingFlags gives every setting of the hub a flag.
func settingFlags(cmd *cobra.Command) {
	for _, s := range hub.DefaultConfig().Settings() {
		if cmd.Flags().Lookup(s.Key) == nil {
			cmd.Flags().String(s.Key, s.Default, s.Help)
		}
	}
}

// layer is one source of settings: a YAML file, the environment or the flags.
type layer map[string]any

// ReadBytes is not how a layer is read.
func (l layer) ReadBytes() ([]byte, error) { return nil, errors.New("a layer is a map") }

// Read gives koanf the layer.
func (l layer) Read() (map[string]any, error) { return l, nil }

// loadConfig puts flags over the environment over the file over the defaults, and
// answers with each setting's source beside it.
func loadConfig(cmd *cobra.Command, file string) (*hub.Config, map[string]string, error) {
	cfg := hub.DefaultConfig()
	settings := cfg.Settings()
	sources := map[string]string{}
	k := koanf.New("/") // no setting's name holds a slash, so none is taken apart
	add := func(from string, l layer) error {
		for key := range l {
			sources[key] = from
		}
		return k.Load(l, nil)
	}
	if file == "" {
		file = os.Getenv(envPrefix + "CONFIG")
	}
	if file != "" {
		l, err := fileLayer(file, settings)
		if err != nil {
			return nil, nil, err
		}
		if err := add(file, l); err != nil {
			return nil, nil, err
		}
	}
	env, flags := layer{}, layer{}
	for _, s := range settings {
		if v, ok := os.LookupEnv(envName(s.Key)); ok {
			env[s.Key] = v
		}
		if f := cmd.Flags().Lookup(s.Key); f != nil && f.Changed {
			flags[s.Key] = f.Value.String()
		}
	}
	if err := add("environment", env); err != nil {
		return nil, nil, err
	}
	if err := add("flag", flags); err != nil {
		return nil, nil, err
	}
	for _, s := range settings {
		if !k.Exists(s.Key) {
			continue
		}
		if err := s.Set(settingText(k.Get(s.Key))); err != nil {
			return nil, nil, usage("%v\n(given by %s)", err, where(sources[s.Key], s.Key))
		}
	}
	cfg.Version = Version()
	return cfg, sources, nil
}

func where(source, key string) string {
	switch source {
	case "flag":
		return "--" + key
	case "environment":
		return envName(key)
	}
	return source
}

func settingText(v any) string {
	if list, ok := v.([]any); ok {
		parts := make([]string, len(list))
		for i, e := range list {
			parts[i] = fmt.Sprint(e)
		}
		return strings.Join(parts, ",")
	}
	return fmt.Sprint(v)
}

// fileLayer reads the YAML file; a key it does not know is an error, for it would
// otherwise be a setting that silently does nothing.
func fileLayer(path string, settings []hub.Setting) (layer, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, usage("the configuration file cannot be read: %v", err)
	}
	l := layer{}
	if err := yaml.Unmarshal(data, &l); err != nil {
		return nil, usage("%s is not valid YAML: %v\nit holds lines such as listen: 127.0.0.1:8440", path, err)
	}
	known := map[string]bool{}
	names := make([]string, len(settings))
	for i, s := range settings {
		known[s.Key], names[i] = true, s.Key
	}
	for key := range l {
		if !known[key] {
			hint := "see: zida serve --help"
			if near := connectors.Nearest(key, names); near != "" {
				hint = "did you mean: " + near
			}
			return nil, usage("%s: %q is not a setting\n%s", path, key, hint)
		}
	}
	return l, nil
}

const hidden = "(hidden)"

// printConfig shows every setting as it stands, secrets hidden, in a form that
// --config takes back.
func (s *session) printConfig(cfg *hub.Config, sources map[string]string) error {
	if s.json {
		out := map[string]string{}
		for _, set := range cfg.Settings() {
			out[set.Key] = shown(set)
		}
		enc := json.NewEncoder(s.out)
		enc.SetIndent("", "  ")
		return enc.Encode(out)
	}
	for _, set := range cfg.Settings() {
		value, err := yaml.Marshal(shown(set))
		if err != nil {
			return err
		}
		source := "default"
		if from := sources[set.Key]; from != "" {
			source = where(from, set.Key)
		}
		if _, err := fmt.Fprintf(s.out, "%-40s # %s; from %s\n", set.Key+": "+strings.TrimSpace(string(value)), set.Help, source); err != nil {
			return err
		}
	}
	return nil
}

func shown(s hub.Setting) string {
	if s.Secret && s.Text() != "" {
		return hidden
	}
	return s.Text()
}
