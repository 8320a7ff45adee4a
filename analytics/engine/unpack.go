package engine

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	libraryEntry   = "package/" + libraryName // where npm puts a package's files
	maxLibrarySize = 2 * gibibyte
	maxSkipped     = 64 * mebibyte // of other files before the library
)

// unpackLibrary writes the one file that is wanted of the tarball to path and syncs it. No name of the archive becomes a path. size, where
// known, must agree.
func unpackLibrary(tarball io.Reader, path string, size int64) (int64, error) {
	plain, err := gzip.NewReader(tarball)
	if err != nil {
		return 0, fmt.Errorf("not a gzipped tarball: %w", err)
	}
	archive := tar.NewReader(plain)
	for skipped := int64(0); ; {
		entry, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return 0, fmt.Errorf("holds no %s", libraryEntry)
		}
		if err != nil {
			return 0, err
		}
		if entry.Name == libraryEntry && entry.Typeflag == tar.TypeReg {
			if entry.Size > maxLibrarySize || (size != 0 && entry.Size != size) {
				return 0, fmt.Errorf("%s has %d bytes, expected %d", libraryEntry, entry.Size, size)
			}
			return entry.Size, writeSynced(path, archive, entry.Size)
		}
		if skipped += entry.Size; skipped > maxSkipped {
			return 0, fmt.Errorf("%s is not among its first %d MiB", libraryEntry, maxSkipped/mebibyte)
		}
	}
}

func writeSynced(path string, r io.Reader, size int64) (err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755) //nolint:gosec // a library is read and mapped by everyone
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := io.CopyN(file, r, size); err != nil {
		return fmt.Errorf("unpacking %s: %w", libraryName, err)
	}
	return file.Sync()
}
