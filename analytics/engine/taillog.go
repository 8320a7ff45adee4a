package engine

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

const (
	stderrMaxSize = 1 * mebibyte // then the file is renamed to .1, which is replaced
	tailSize      = 4 << 10
)

// tailLog takes the child's standard error: into a file that rotates, with the last words kept for the error of a child that died.
type tailLog struct {
	path string

	mu     sync.Mutex
	file   *os.File
	size   int64
	tail   []byte
	logger *slog.Logger
}

func newTailLog(path string) *tailLog { return &tailLog{path: path} }

func (t *tailLog) open(logger *slog.Logger) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tail, t.logger = t.tail[:0], logger
	return t.openFile()
}

func (t *tailLog) openFile() error {
	if err := os.MkdirAll(filepath.Dir(t.path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(t.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return err
	}
	t.file, t.size = file, info.Size()
	return nil
}

// Write never fails: a full disk must not stop the child's stderr and with it the child.
func (t *tailLog) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for line := range bytes.Lines(p) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(string(line)), confinementPrefix); ok {
			t.logger.Info("engine confined", "to", text)
		}
	}
	t.tail = append(t.tail, p...)
	if over := len(t.tail) - tailSize; over > 0 {
		t.tail = append(t.tail[:0], t.tail[over:]...)
	}
	if t.file != nil {
		n, _ := t.file.Write(p)
		if t.size += int64(n); t.size > stderrMaxSize {
			t.rotate()
		}
	}
	return len(p), nil
}

func (t *tailLog) rotate() {
	_ = t.file.Close()
	t.file = nil
	if os.Rename(t.path, t.path+".1") == nil {
		_ = t.openFile()
	}
}

func (t *tailLog) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.file != nil {
		_ = t.file.Close()
		t.file = nil
	}
}

// lastWords are the last lines that the child wrote, as the end of a sentence; empty where it said nothing.
func (t *tailLog) lastWords() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var words []string
	for line := range strings.Lines(string(t.tail)) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, confinementPrefix) && !strings.HasPrefix(line, "Logging ") {
			words = append(words, line)
		}
	}
	if len(words) == 0 {
		return ""
	}
	return "; its last words: " + strings.Join(words[max(0, len(words)-5):], " | ")
}
