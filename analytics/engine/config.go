package engine

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
)

// What lies in the engine's directory.
const (
	configFile = "config.xml"
	usersFile  = "users.xml"
	storeDir   = "store"   // ClickHouse's own path
	logDir     = "log"     // clickhouse.log, clickhouse.err.log, stderr.log
	backupDir  = "backups" // the one place BACKUP … TO File('…') may write to
	lockFile   = "lock"
)

//go:embed config.xml.tmpl users.xml.tmpl
var templates embed.FS

var configTemplates = template.Must(template.New("").Funcs(template.FuncMap{"xml": escapeXML}).ParseFS(templates, "*.tmpl"))

// settings is what both files are made of.
type settings struct {
	Dir         string
	Host        string // the loopback address that the child listens on
	HTTPPort    uint16
	TCPPort     uint16 // used with a Cluster only
	Database    string
	Limits      Limits
	Hub, Reader login
	Shards      []Shard
	Cluster     string
}

// login is a user of the engine. The password is made at each start of the hub and lives in its memory only; the file holds its hash.
type login struct{ User, Password string }

func newLogin(user string) login { return login{user, rand.Text() + rand.Text()} }

// Hash is SHA-256 in hex, as users.xml wants it. A plain hash is enough for 256 random bits.
func (l login) Hash() string {
	sum := sha256.Sum256([]byte(l.Password))
	return hex.EncodeToString(sum[:])
}

func escapeXML(text string) (string, error) {
	var escaped bytes.Buffer
	err := xml.EscapeText(&escaped, []byte(text))
	return escaped.String(), err
}

// write puts both files into the directory, readable by their owner only.
func (s *settings) write() error {
	for _, name := range []string{storeDir, logDir, backupDir, "tmp", "user_files"} {
		if err := os.MkdirAll(filepath.Join(s.Dir, name), 0o700); err != nil {
			return err
		}
	}
	for _, name := range []string{usersFile, configFile} {
		var text bytes.Buffer
		if err := configTemplates.ExecuteTemplate(&text, name+".tmpl", s); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(s.Dir, name), text.Bytes(), 0o600); err != nil {
			return err
		}
	}
	return nil
}
