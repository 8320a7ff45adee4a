package engine

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	pinned "github.com/zida-hub/zida/deploy/engine"
)

type entry struct {
	name string
	kind byte
	text string
}

// tarball writes a package's tarball to a file and gives it with its hash.
func tarball(t *testing.T, entries ...entry) (path string, pkg pinned.Package) {
	t.Helper()
	var file bytes.Buffer
	zip := gzip.NewWriter(&file)
	archive := tar.NewWriter(zip)
	for _, e := range entries {
		header := &tar.Header{Name: e.name, Typeflag: e.kind, Mode: 0o755, Linkname: "/etc/passwd"}
		if e.kind == tar.TypeReg {
			header.Linkname, header.Size = "", int64(len(e.text))
		}
		if err := archive.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(archive, e.text); e.kind == tar.TypeReg && err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "package.tgz")
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512(file.Bytes())
	return path, pinned.Package{Name: "@chdb/lib-test", Integrity: "sha512-" + base64.StdEncoding.EncodeToString(sum[:])}
}

var library = entry{libraryEntry, tar.TypeReg, "the library"}

func installTo(t *testing.T, opts InstallOptions, pkg pinned.Package) (target string, installed Installed, err error) {
	t.Helper()
	target = filepath.Join(t.TempDir(), "cache", libraryName)
	installed, err = install(t.Context(), opts, pkg, target)
	return target, installed, err
}

// left lists what an installation left in its directory, the lock aside.
func left(t *testing.T, target string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(target))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != lockFile {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestInstallFromAFileAndAgain(t *testing.T) {
	path, pkg := tarball(t, entry{"package/package.json", tar.TypeReg, "{}"}, library, entry{"package/late.js", tar.TypeReg, "x"})
	target, installed, err := installTo(t, InstallOptions{File: path}, pkg)
	if err != nil || installed != (Installed{Path: target, Size: int64(len(library.text))}) {
		t.Fatalf("%+v, %v", installed, err)
	}
	if text, err := os.ReadFile(target); err != nil || string(text) != library.text {
		t.Errorf("%q, %v", text, err)
	}
	if names := left(t, target); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
	again, err := install(t.Context(), InstallOptions{File: path}, pkg, target)
	if err != nil || !again.Already {
		t.Errorf("again: %+v, %v", again, err)
	}
	forced, err := install(t.Context(), InstallOptions{File: path, Force: true}, pkg, target)
	if err != nil || forced.Already {
		t.Errorf("by force: %+v, %v", forced, err)
	}
}

func TestInstallOfAWrongFileLeavesNothing(t *testing.T) {
	refuses := func(name, want string, opts InstallOptions, pkg pinned.Package) {
		t.Helper()
		target, _, err := installTo(t, opts, pkg)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want something about %q", name, err, want)
		}
		if names := left(t, target); len(names) != 0 {
			t.Errorf("%s: left behind %v", name, names)
		}
	}
	good, goodPackage := tarball(t, library)
	other, otherPackage := tarball(t, entry{libraryEntry, tar.TypeReg, "another library"})
	refuses("another package", "not the pinned one", InstallOptions{File: other}, goodPackage)
	refuses("another hash given", "not the pinned one", InstallOptions{File: good, Integrity: otherPackage.Integrity}, goodPackage)
	refuses("no such file", "no such file", InstallOptions{File: good + ".absent"}, goodPackage)
	refuses("no hash at all", "npm view @chdb/lib-test@", InstallOptions{File: good}, pinned.Package{Name: "@chdb/lib-test"})
	refuses("no hash at all", "sha512-BASE64", InstallOptions{File: good, Integrity: "sha1-abc"}, goodPackage)
	sized := goodPackage
	sized.LibrarySize = 12
	refuses("another size", "expected 12", InstallOptions{File: good}, sized)

	// Tarballs that carry the right hash and are wrong all the same.
	for name, e := range map[string]entry{
		"outside":   {"../" + libraryName, tar.TypeReg, "x"},
		"elsewhere": {"other/" + libraryName, tar.TypeReg, "x"},
		"symlink":   {libraryEntry, tar.TypeSymlink, ""},
		"directory": {libraryEntry, tar.TypeDir, ""},
	} {
		path, pkg := tarball(t, e)
		refuses(name, "holds no "+libraryEntry, InstallOptions{File: path}, pkg)
	}
	text := filepath.Join(t.TempDir(), "text.tgz")
	if err := os.WriteFile(text, []byte("no tarball"), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512([]byte("no tarball"))
	refuses("no tarball", "not a gzipped tarball", InstallOptions{File: text, Integrity: "sha512-" + base64.StdEncoding.EncodeToString(sum[:])}, goodPackage)
}

func TestCutTarballIsNotInstalled(t *testing.T) {
	random := entry{libraryEntry, tar.TypeReg, strings.Repeat("0123456789abcdef", 4096)}
	path, _ := tarball(t, random)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cut := whole[:len(whole)/2]
	if err := os.WriteFile(path, cut, 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512(cut) // even where somebody gives the cut one's hash
	target, _, err := installTo(t, InstallOptions{File: path, Integrity: "sha512-" + base64.StdEncoding.EncodeToString(sum[:])}, pinned.Package{})
	if err == nil || len(left(t, target)) != 0 {
		t.Errorf("%v, left %v", err, left(t, target))
	}
}

func TestTwoInstallationsAtOnce(t *testing.T) {
	path, pkg := tarball(t, library)
	target := filepath.Join(t.TempDir(), libraryName)
	results := make([]Installed, 8)
	var group sync.WaitGroup
	for i := range results {
		group.Go(func() {
			var err error
			if results[i], err = install(t.Context(), InstallOptions{File: path}, pkg, target); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	fresh := 0
	for _, result := range results {
		if !result.Already {
			fresh++
		}
	}
	if fresh != 1 || len(left(t, target)) != 1 {
		t.Errorf("%d installed, left %v", fresh, left(t, target))
	}
}

func TestInstallClearsAwayWhatAKilledOneLeft(t *testing.T) {
	path, pkg := tarball(t, library)
	target := filepath.Join(t.TempDir(), libraryName)
	if err := os.MkdirAll(filepath.Join(filepath.Dir(target), partialPrefix+"x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := install(t.Context(), InstallOptions{File: path}, pkg, target); err != nil {
		t.Fatal(err)
	}
	if names := left(t, target); len(names) != 1 {
		t.Errorf("left %v", names)
	}
}

func TestInstallWithoutNpmNamesTheRemedies(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, pkg := tarball(t, library)
	target, _, err := installTo(t, InstallOptions{}, pkg)
	for _, remedy := range []string{"apt-get install", "brew install", "zida engine install FILE", "npm pack @chdb/lib-test@" + Version} {
		if err == nil || !strings.Contains(err.Error(), remedy) {
			t.Errorf("%v, want %q in it", err, remedy)
		}
	}
	if names := left(t, target); len(names) != 0 {
		t.Errorf("left %v", names)
	}
}

// npm itself is a script here: what it prints when it fails reaches the reader, what it fetches is checked like a file.
func TestInstallThroughNpm(t *testing.T) {
	path, pkg := tarball(t, library)
	bin := t.TempDir()
	script := func(body string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(bin, "npm"), []byte("#!/bin/sh\n"+body), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	script("cp " + path + " \"$4\"/package.tgz\n")
	target, installed, err := installTo(t, InstallOptions{}, pkg)
	if err != nil || installed.Path != target || len(left(t, target)) != 1 {
		t.Errorf("%+v, %v, left %v", installed, err, left(t, target))
	}
	script("echo 'npm error no way there' >&2; exit 1\n")
	target, _, err = installTo(t, InstallOptions{}, pkg)
	if err == nil || !strings.Contains(err.Error(), "no way there") || len(left(t, target)) != 0 {
		t.Errorf("%v, left %v", err, left(t, target))
	}
}

func TestPinnedPackagesAreOfThisVersion(t *testing.T) {
	packages, err := pinned.Load()
	if err != nil || packages.Version != Version {
		t.Fatalf("%s, %v; this engine is %s", packages.Version, err, Version)
	}
	for key, name := range platforms {
		pkg, ok := packages.Packages[name]
		if !ok || pkg.Name != "@chdb/lib-"+name {
			t.Errorf("%s: %+v", key, pkg)
		}
		if pkg.Integrity != "" {
			if _, err := parseIntegrity(pkg); err != nil {
				t.Errorf("%s: %v", key, err)
			}
		}
	}
}

func TestLocateHonoursTheVariable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lib.so")
	t.Setenv(LibraryVariable, path)
	if _, err := Locate(); !errors.Is(err, ErrNotInstalled) || !strings.Contains(err.Error(), LibraryVariable) {
		t.Errorf("absent: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := Locate(); err != nil || got != path {
		t.Errorf("%s, %v", got, err)
	}
	t.Setenv(LibraryVariable, "")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	if _, err := Locate(); !errors.Is(err, ErrNotInstalled) || !strings.Contains(err.Error(), "zida engine install") {
		t.Errorf("nothing in the cache: %v", err)
	}
}

func TestInstallStopsWithItsContext(t *testing.T) {
	path, pkg := tarball(t, library)
	target := filepath.Join(t.TempDir(), libraryName)
	lock, err := lockPath(t.Context(), filepath.Join(filepath.Dir(target), lockFile))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := install(ctx, InstallOptions{File: path}, pkg, target); err == nil || !strings.Contains(err.Error(), "another installation") {
		t.Errorf("got %v", err)
	}
}
