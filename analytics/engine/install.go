package engine

import (
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	pinned "github.com/zida-hub/zida/deploy/engine"
)

// InstallOptions say where the package comes from.
type InstallOptions struct {
	File      string    // a tarball that was fetched elsewhere; empty: fetched through npm
	Integrity string    // overrides the pinned hash; needed for a platform that has none
	Force     bool      // install although it is there
	Out       io.Writer // told what is going on, a line a step; nil: nothing
}

// Installed says what Install found or did.
type Installed struct {
	Path    string // of the library
	Size    int64  // of the library, bytes
	Already bool   // it was there before
}

// ErrIntegrity is returned for a package whose hash is another than the pinned one. Nothing of it is kept.
var ErrIntegrity = errors.New("the package is not the pinned one")

const (
	installPatience = 30 * time.Minute // another installation's lock: a slow line fetches 170 MiB
	partialPrefix   = ".partial-"
)

// Install puts the library into the user's cache. It may be run again, and by two at once: the library appears under its name complete,
// checked and synced, or not at all.
func Install(ctx context.Context, opts InstallOptions) (Installed, error) {
	platform, err := Platform()
	if err != nil {
		return Installed{}, err
	}
	target, err := cachePath()
	if err != nil {
		return Installed{}, err
	}
	packages, err := pinned.Load()
	if err != nil {
		return Installed{}, err
	}
	return install(ctx, opts, packages.Packages[platform], target)
}

func install(ctx context.Context, opts InstallOptions, pkg pinned.Package, target string) (_ Installed, err error) {
	if opts.Out == nil {
		opts.Out = io.Discard
	}
	if opts.Integrity != "" {
		pkg.Integrity, pkg.LibrarySize = opts.Integrity, 0
	}
	want, err := parseIntegrity(pkg)
	if err != nil {
		return Installed{}, err
	}
	dir := filepath.Dir(target)
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // a library is read by everyone
		return Installed{}, err
	}
	lock, err := lockInstallation(ctx, dir)
	if err != nil {
		return Installed{}, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if info, err := os.Stat(target); err == nil && !opts.Force && (pkg.LibrarySize == 0 || info.Size() == pkg.LibrarySize) {
		return Installed{Path: target, Size: info.Size(), Already: true}, nil
	}
	if err := removePartial(dir); err != nil {
		return Installed{}, err
	}
	work, err := os.MkdirTemp(dir, partialPrefix)
	if err != nil {
		return Installed{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()

	file := opts.File
	if file == "" {
		fmt.Fprintf(opts.Out, "fetching %s@%s through npm%s\n", pkg.Name, Version, sizes(pkg))
		if file, err = npmPack(ctx, pkg.Name+"@"+Version, work); err != nil {
			return Installed{}, err
		}
	}
	return installTarball(file, want, pkg, work, target, opts.Out)
}

// installTarball checks a tarball's hash, then takes the library out of it: first into the work directory, last under its name.
func installTarball(path string, want []byte, pkg pinned.Package, work, target string, out io.Writer) (Installed, error) {
	tarball, err := os.Open(path)
	if err != nil {
		return Installed{}, err
	}
	defer tarball.Close()
	if err := checkIntegrity(tarball, want); err != nil {
		return Installed{}, fmt.Errorf("%s: %w", path, err)
	}
	fmt.Fprintln(out, "hash agrees, unpacking the library")
	if _, err := tarball.Seek(0, io.SeekStart); err != nil {
		return Installed{}, err
	}
	partial := filepath.Join(work, libraryName)
	size, err := unpackLibrary(tarball, partial, pkg.LibrarySize)
	if err != nil {
		return Installed{}, fmt.Errorf("%s: %w", path, err)
	}
	if err := os.Rename(partial, target); err != nil {
		return Installed{}, err
	}
	if err := syncDirectory(filepath.Dir(target)); err != nil {
		return Installed{}, err
	}
	return Installed{Path: target, Size: size}, nil
}

func parseIntegrity(pkg pinned.Package) ([]byte, error) {
	if pkg.Integrity == "" {
		return nil, fmt.Errorf("no hash is pinned for %s yet: compare it with a source you trust and give it, "+
			"--integrity \"$(npm view %s@%s dist.integrity)\"", pkg.Name, pkg.Name, Version)
	}
	digits, ok := strings.CutPrefix(strings.TrimSpace(pkg.Integrity), "sha512-")
	sum, err := base64.StdEncoding.DecodeString(digits)
	if !ok || err != nil || len(sum) != sha512.Size {
		return nil, fmt.Errorf("the hash %q is not of the form sha512-BASE64, as `npm view NAME dist.integrity` prints it", pkg.Integrity)
	}
	return sum, nil
}

func checkIntegrity(r io.Reader, want []byte) error {
	hash := sha512.New()
	if _, err := io.Copy(hash, r); err != nil {
		return err
	}
	if got := hash.Sum(nil); string(got) != string(want) {
		return fmt.Errorf("%w: its hash is sha512-%s, expected sha512-%s; fetch it again, and version %s exactly", ErrIntegrity,
			base64.StdEncoding.EncodeToString(got), base64.StdEncoding.EncodeToString(want), Version)
	}
	return nil
}

func lockInstallation(ctx context.Context, dir string) (*os.File, error) {
	ctx, cancel := context.WithTimeout(ctx, installPatience)
	defer cancel()
	lock, err := lockPath(ctx, filepath.Join(dir, lockFile))
	if err != nil {
		return nil, fmt.Errorf("another installation is at work: %w", err)
	}
	return lock, nil
}

// removePartial clears away what an installation that was killed left behind.
func removePartial(dir string) error {
	partial, err := filepath.Glob(filepath.Join(dir, partialPrefix+"*"))
	for _, path := range partial {
		err = errors.Join(err, os.RemoveAll(path))
	}
	return err
}

func sizes(pkg pinned.Package) string {
	if pkg.Size == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d MiB, %d MiB unpacked)", pkg.Size/mebibyte, pkg.LibrarySize/mebibyte)
}

func syncDirectory(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
