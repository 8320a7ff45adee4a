package hub

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Config is every setting of a hub. Fill one with DefaultConfig, change it
// through Settings (text, as flags, environment and files give it) or directly,
// and let Check say what is wrong before anything is opened.
type Config struct {
	Listen        string
	PublicURL     string
	TLSCert       string
	TLSKey        string
	BehindProxy   []string
	MetricsListen string
	LogLevel      string

	Data          string
	Journal       string
	FirstSequence int64
	ClickHouse    string
	EngineLibrary string
	EngineMemory  int64
	EngineThreads int64
	Contracts     string
	QualityEvery  time.Duration

	BodyWire    int64
	BodyDecoded int64
	BodyRatio   int64
	BodySmall   int64
	RecordMax   int64
	MaxErrors   int64
	QueueBytes  int64
	DiskFloor   int64

	HeaderTimeout time.Duration
	ReadProgress  time.Duration
	WriteProgress time.Duration
	IdleTimeout   time.Duration
	DrainTimeout  time.Duration
	VisibleWait   time.Duration

	TokenTTL  time.Duration
	PushRate  int64
	QueryRate int64

	// Logger receives what the hub has to say; nil means slog.Default.
	Logger *slog.Logger
	// Version is what `zida version` prints; it is told to operators only
	// (metrics, logs), never in an answer to a stranger.
	Version string
}

// Setting is one setting as people meet it: a flag --key, a variable ZIDA_KEY
// (dashes as underscores), a key of the YAML file.
type Setting struct {
	Key     string
	Default string // text form; what a fresh Config holds
	Help    string // English, one line, with the unit
	HelpZH  string
	Secret  bool // hidden by --print-config
	into    any
	check   func(string) error
}

// DefaultConfig holds the default of every setting.
func DefaultConfig() *Config {
	c := &Config{}
	for _, s := range c.Settings() {
		if err := s.Set(s.Default); err != nil {
			panic("hub: default of " + s.Key + ": " + err.Error()) // a programming error, found by any test
		}
	}
	return c
}

// Settings lists every setting of c, bound to it: Set changes c.
func (c *Config) Settings() []Setting {
	return append(append(c.doorSettings(), c.storeSettings()...), c.limitSettings()...)
}

func (c *Config) doorSettings() []Setting {
	return []Setting{
		{Key: "listen", Default: "127.0.0.1:8440", into: &c.Listen, check: isHostPort,
			Help:   "address to listen on; plain HTTP on anything but loopback needs behind-proxy",
			HelpZH: "监听地址；非本机回环地址上的明文 HTTP 须同时设置 behind-proxy"},
		{Key: "public-url", Default: "", into: &c.PublicURL, check: optional(isHTTPURL),
			Help:   "the address agencies use, also the issuer of tokens; empty: made from listen",
			HelpZH: "对外访问地址，也是令牌签发者；留空则由监听地址得出"},
		{Key: "tls-cert", Default: "", into: &c.TLSCert,
			Help:   "certificate chain file (PEM), read again on SIGHUP",
			HelpZH: "证书链文件（PEM），收到 SIGHUP 时重新读取"},
		{Key: "tls-key", Default: "", into: &c.TLSKey,
			Help:   "private key file (PEM) of tls-cert",
			HelpZH: "与 tls-cert 对应的私钥文件（PEM）"},
		{Key: "behind-proxy", Default: "", into: &c.BehindProxy, check: optional(isNetworks),
			Help:   "networks of the TLS-terminating proxies, comma separated (10.0.0.0/8); only they may say who the client is",
			HelpZH: "终结 TLS 的代理所在网段，逗号分隔（如 10.0.0.0/8）；仅信任它们转达的客户端地址"},
		{Key: "metrics-listen", Default: "", into: &c.MetricsListen, check: optional(isHostPort),
			Help:   "address of its own for /metrics; empty: on the main address",
			HelpZH: "/metrics 的独立监听地址；留空则与主地址相同"},
		{Key: "log-level", Default: "info", into: &c.LogLevel, check: oneOf("debug", "info", "warn", "error"),
			Help:   "debug, info, warn or error; debug logs every request",
			HelpZH: "日志级别：debug、info、warn、error；debug 记录每个请求"},
		{Key: "header-timeout", Default: "10s", into: &c.HeaderTimeout, check: isPositive,
			Help:   "longest wait for a request's headers",
			HelpZH: "等待请求头的最长时间"},
		{Key: "read-progress", Default: "30s", into: &c.ReadProgress, check: isPositive,
			Help:   "longest silence of a client while its body is read; a body that flows may take any time",
			HelpZH: "读取请求体时允许客户端静默的最长时间；持续传输则不限总时长"},
		{Key: "write-progress", Default: "60s", into: &c.WriteProgress, check: isPositive,
			Help:   "longest wait for a client to take bytes of an answer",
			HelpZH: "发送应答时等待客户端接收的最长时间"},
		{Key: "idle-timeout", Default: "90s", into: &c.IdleTimeout, check: isPositive,
			Help:   "how long an idle connection is kept",
			HelpZH: "空闲连接保持时间"},
		{Key: "drain-timeout", Default: "30s", into: &c.DrainTimeout, check: isPositive,
			Help:   "how long a shutdown waits for requests under way",
			HelpZH: "停机时等待进行中请求的最长时间"},
		{Key: "token-ttl", Default: "15m", into: &c.TokenTTL, check: isTokenTTL,
			Help:   "life of an access token, at most 15m",
			HelpZH: "访问令牌有效期，最长 15m"},
	}
}

func (c *Config) storeSettings() []Setting {
	return []Setting{
		{Key: "data", Default: "data", into: &c.Data, check: isGiven,
			Help:   "directory of all local state",
			HelpZH: "本地数据目录"},
		{Key: "journal", Default: "", into: &c.Journal, check: optional(isNATSURL), Secret: true,
			Help:   "nats:// URL of a JetStream cluster; empty: the embedded journal",
			HelpZH: "JetStream 集群地址（nats://）；留空则用内嵌日志"},
		{Key: "first-sequence", Default: "0", into: &c.FirstSequence, check: isSize,
			Help:   "sequence at which a new journal opens: after a loss, one above everything that was ever acknowledged",
			HelpZH: "新建日志的起始序号：日志丢失后，须高于曾确认过的全部序号"},
		{Key: "clickhouse", Default: "", into: &c.ClickHouse, check: optional(isClickHouseURL), Secret: true,
			Help:   "clickhouse:// DSN of a server or cluster; empty: the embedded engine",
			HelpZH: "ClickHouse 服务器或集群 DSN（clickhouse://）；留空则用内嵌引擎"},
		{Key: "engine-library", Default: "", into: &c.EngineLibrary,
			Help:   "path of libchdb.so; empty: the user's cache",
			HelpZH: "libchdb.so 路径；留空则取用户缓存"},
		{Key: "engine-memory", Default: "0", into: &c.EngineMemory, check: isSize,
			Help:   "memory limit of the embedded engine (bytes, or 2GiB); 0: from the machine's",
			HelpZH: "内嵌引擎内存上限（字节，或如 2GiB）；0 表示按本机内存推算"},
		{Key: "engine-threads", Default: "0", into: &c.EngineThreads, check: isSize,
			Help:   "threads of the embedded engine; 0: from the machine's",
			HelpZH: "内嵌引擎线程数；0 表示按本机推算"},
		{Key: "contracts", Default: "", into: &c.Contracts,
			Help:   "directory of further contracts (*.odcs.yaml), added to the shipped ones",
			HelpZH: "附加数据合约目录（*.odcs.yaml），与内置合约合并"},
		{Key: "quality-every", Default: "10m", into: &c.QualityEvery, check: isPositive,
			Help:   "how often the zida_quality_… metrics are measured",
			HelpZH: "多久测量一次 zida_quality_… 指标"},
		{Key: "disk-floor", Default: "512MiB", into: &c.DiskFloor, check: isSize,
			Help:   "free space below which pushes are refused with 503",
			HelpZH: "磁盘剩余空间低于此值时以 503 拒收"},
	}
}

func (c *Config) limitSettings() []Setting {
	return []Setting{
		{Key: "body-wire", Default: "1GiB", into: &c.BodyWire, check: isSize,
			Help:   "largest push body as sent",
			HelpZH: "推送请求体（传输时）上限"},
		{Key: "body-decoded", Default: "1GiB", into: &c.BodyDecoded, check: isSize,
			Help:   "largest push body after decompression",
			HelpZH: "推送请求体（解压后）上限"},
		{Key: "body-ratio", Default: "200", into: &c.BodyRatio, check: isSize,
			Help:   "largest ratio of decompressed to sent bytes, looked at from 4 MiB decompressed on",
			HelpZH: "解压比上限，解压超过 4 MiB 后起算"},
		{Key: "body-small", Default: "1MiB", into: &c.BodySmall, check: isSize,
			Help:   "largest body of every call that is not a push",
			HelpZH: "推送以外各接口的请求体上限"},
		{Key: "record-max", Default: "1MiB", into: &c.RecordMax, check: isSize,
			Help:   "largest single record",
			HelpZH: "单条记录上限"},
		{Key: "max-errors", Default: "1000", into: &c.MaxErrors, check: isSize,
			Help:   "most record errors listed in one answer; all are counted",
			HelpZH: "单次应答列出的记录错误上限；总数照常统计"},
		{Key: "queue-bytes", Default: "64MiB", into: &c.QueueBytes, check: isSize,
			Help:   "most bytes of pushes waiting for the journal; beyond: 503",
			HelpZH: "等待写入日志的推送字节上限；超过则返回 503"},
		{Key: "visible-wait", Default: "30s", into: &c.VisibleWait, check: isPositive,
			Help:   "longest wait of ?wait=visible before the answer is 202",
			HelpZH: "?wait=visible 的最长等待时间，超过则返回 202"},
		{Key: "push-rate", Default: "0", into: &c.PushRate, check: isSize,
			Help:   "pushes a second one client may make; 0: no limit",
			HelpZH: "每个客户端每秒推送次数上限；0 表示不限"},
		{Key: "query-rate", Default: "50", into: &c.QueryRate, check: isSize,
			Help:   "queries a second one client may make; 0: no limit",
			HelpZH: "每个客户端每秒查询次数上限；0 表示不限"},
	}
}

// Set parses text into the setting. Sizes take KiB, MiB and GiB, lists commas.
func (s Setting) Set(text string) error {
	text = strings.TrimSpace(text)
	if s.check != nil {
		if err := s.check(text); err != nil {
			return fmt.Errorf("%s: %w", s.Key, err)
		}
	}
	switch into := s.into.(type) {
	case *string:
		*into = text
	case *int64:
		n, err := parseSize(text)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Key, err)
		}
		*into = n
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%s: %q is not a duration such as 30s or 5m", s.Key, text)
		}
		*into = d
	case *[]string:
		*into = splitList(text)
	default:
		return fmt.Errorf("%s: a setting of type %T cannot be set from text", s.Key, s.into)
	}
	return nil
}

// Text is the setting's value as Set takes it.
func (s Setting) Text() string {
	switch from := s.into.(type) {
	case *string:
		return *from
	case *int64:
		return formatSize(*from)
	case *time.Duration:
		return from.String()
	case *[]string:
		return strings.Join(*from, ",")
	}
	return ""
}

// Check checks each value and how they fit together, before anything is opened.
func (c *Config) Check() error {
	var errs []error
	for _, s := range c.Settings() {
		if s.check == nil {
			continue
		}
		if err := s.check(s.Text()); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.Key, err))
		}
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		errs = append(errs, errors.New("tls-cert and tls-key belong together: give both or neither"))
	}
	if c.BodyDecoded < c.RecordMax {
		errs = append(errs, errors.New("body-decoded is below record-max: one record could never be pushed"))
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	return c.checkListen()
}

// checkListen refuses plain HTTP where a stranger could listen in: tokens and
// records would cross the network in the clear.
func (c *Config) checkListen() error {
	if c.TLSCert != "" || len(c.BehindProxy) > 0 {
		return nil
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("listen: %q is not HOST:PORT", c.Listen)
	}
	if host == "localhost" {
		return nil
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Unmap().IsLoopback() {
		return nil
	}
	return fmt.Errorf("listen: %s is not a loopback address and would carry tokens in plain HTTP: "+
		"give tls-cert and tls-key, or, behind a proxy that terminates TLS, behind-proxy with its networks (for example 10.0.0.0/8)", c.Listen)
}

// Issuer is the hub's own name in tokens and links, without a trailing slash.
// bound is the address that was really bound, for listen on port 0.
func (c *Config) Issuer(bound string) string {
	if c.PublicURL != "" {
		return strings.TrimRight(c.PublicURL, "/")
	}
	scheme := "http"
	if c.TLSCert != "" {
		scheme = "https"
	}
	if bound == "" {
		bound = c.Listen
	}
	return scheme + "://" + bound
}

func (c *Config) logger() *slog.Logger {
	if c.Logger != nil {
		return c.Logger
	}
	return slog.Default()
}

func parseSize(text string) (int64, error) {
	number, unit := text, int64(1)
	for suffix, factor := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if cut, ok := strings.CutSuffix(text, suffix); ok {
			number, unit = strings.TrimSpace(cut), factor
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > (1<<62)/unit {
		return 0, fmt.Errorf("%q is not a whole number or a size such as 64MiB", text)
	}
	return n * unit, nil
}

func formatSize(n int64) string {
	for _, u := range []struct {
		suffix string
		factor int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n > 0 && n%u.factor == 0 {
			return strconv.FormatInt(n/u.factor, 10) + u.suffix
		}
	}
	return strconv.FormatInt(n, 10)
}

func splitList(text string) []string {
	var out []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

func optional(check func(string) error) func(string) error {
	return func(text string) error {
		if text == "" {
			return nil
		}
		return check(text)
	}
}

func oneOf(words ...string) func(string) error {
	return func(text string) error {
		for _, w := range words {
			if text == w {
				return nil
			}
		}
		return fmt.Errorf("%q is none of %s", text, strings.Join(words, ", "))
	}
}

func isGiven(text string) error {
	if text == "" {
		return errors.New("must not be empty")
	}
	return nil
}

func isSize(text string) error {
	_, err := parseSize(text)
	return err
}

func isPositive(text string) error {
	if d, err := time.ParseDuration(text); err != nil || d <= 0 {
		return fmt.Errorf("%q is not a duration above zero, such as 30s or 5m", text)
	}
	return nil
}

func isTokenTTL(text string) error {
	if d, err := time.ParseDuration(text); err != nil || d < time.Second || d > 15*time.Minute {
		return fmt.Errorf("%q is not a duration between 1s and 15m", text)
	}
	return nil
}

func isHostPort(text string) error {
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%q is not HOST:PORT, such as 127.0.0.1:8440", text)
	}
	return nil
}

func isNetworks(text string) error {
	for _, part := range splitList(text) {
		if _, err := netip.ParsePrefix(part); err != nil {
			if _, err := netip.ParseAddr(part); err != nil {
				return fmt.Errorf("%q is not a network such as 10.0.0.0/8", part)
			}
		}
	}
	return nil
}

func isHTTPURL(text string) error { return hasScheme(text, "http", "https") }

func isNATSURL(text string) error { return hasScheme(splitList(text)[0], "nats", "tls") }

func isClickHouseURL(text string) error { return hasScheme(text, "clickhouse") }

// hasScheme never repeats the text: a URL may hold a password.
func hasScheme(text string, schemes ...string) error {
	u, err := url.Parse(text)
	if err == nil && u.Host != "" {
		for _, s := range schemes {
			if u.Scheme == s {
				return nil
			}
		}
	}
	return fmt.Errorf("not a %s:// address", strings.Join(schemes, ":// or "))
}
