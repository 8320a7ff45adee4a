package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// lockPatience is how long a directory's lock is waited for: a hub that was just killed may need a moment to be gone.
const lockPatience = 2 * time.Second

// ErrInUse is returned by Start for a directory on which another engine runs.
var ErrInUse = errors.New("another zida runs on this directory")

// lockDirectory makes the directory and takes its lock, which the kernel gives back when this process ends.
func lockDirectory(ctx context.Context, dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, lockFile)
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	file, err := lockPath(ctx, path)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("%w: %s is locked; stop that one, or give this one another --data directory", ErrInUse, path)
	}
	return file, err
}

// lockPath takes an exclusive lock on a file, made where absent, trying until ctx ends: the error is then EWOULDBLOCK.
func lockPath(ctx context.Context, path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, errors.Join(fmt.Errorf("locking %s: %w", path, err), file.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("locking %s: %w", path, unix.EWOULDBLOCK), file.Close())
		case <-ticker.C:
		}
	}
}
