package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// LibraryVariable overrides where the library is looked for.
const LibraryVariable = "ZIDA_ENGINE_LIBRARY"

// ErrNotInstalled is returned by Locate and Start where the library is not in the cache.
var ErrNotInstalled = errors.New("the engine is not installed")

var platforms = map[string]string{
	"linux/amd64":  "linux-x64-gnu",
	"linux/arm64":  "linux-arm64-gnu",
	"darwin/arm64": "darwin-arm64",
	"darwin/amd64": "darwin-x64",
}

// Platform is this machine's name in the engine's package, as linux-x64-gnu.
func Platform() (string, error) {
	if name, ok := platforms[runtime.GOOS+"/"+runtime.GOARCH]; ok {
		return name, nil
	}
	return "", fmt.Errorf("there is no embedded engine for %s/%s: use --clickhouse with an existing server", runtime.GOOS, runtime.GOARCH)
}

const libraryName = "libchdb.so" // on every platform, Darwin included

// cachePath is where the library is kept, once per user and version.
func cachePath() (string, error) {
	platform, err := Platform()
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache directory for this user (set HOME, or %s to the library's path): %w", LibraryVariable, err)
	}
	return filepath.Join(cache, "zida", "engine", Version, platform, libraryName), nil
}

// Locate is the installed library's path.
func Locate() (string, error) {
	if path := os.Getenv(LibraryVariable); path != "" {
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			return "", fmt.Errorf("%w: %s names %s, which is not a file", ErrNotInstalled, LibraryVariable, path)
		}
		return path, nil
	}
	path, err := cachePath()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%w (looked for %s): run `zida engine install`", ErrNotInstalled, path)
	}
	return path, nil
}
