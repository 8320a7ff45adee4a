package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// npmPack fetches a package's tarball into dir, from wherever this user's npm is set up to fetch.
func npmPack(ctx context.Context, spec, dir string) (path string, err error) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", fmt.Errorf("npm is missing, which fetches the engine. Install it:\n"+
			"    apt-get install nodejs npm      (Debian, Ubuntu)\n"+
			"    brew install node               (macOS)\n"+
			"or fetch the package on another machine with `npm pack %s` and run `zida engine install FILE` here", spec)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, npm, "pack", spec, "--pack-destination", dir, "--ignore-scripts", "--loglevel", "error")
	cmd.Dir, cmd.Stderr = dir, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("npm pack %s: %w%s\nWithout a way to npm's packages, fetch this one elsewhere and run `zida engine install FILE`",
			spec, err, indented(stderr.String()))
	}
	tarballs, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err == nil && len(tarballs) != 1 {
		err = errors.New("npm pack said it was done but left no tarball")
	}
	if err != nil {
		return "", err
	}
	return tarballs[0], nil
}

// indented is the beginning of npm's words, each line below the last.
func indented(text string) string {
	var out strings.Builder
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if i == 6 {
			break
		}
		out.WriteString("\n    " + line)
	}
	return out.String()
}
