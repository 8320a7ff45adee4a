package hub

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncFiles puts everything written to the file system of dir on the disk.
func syncFiles(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Syncfs(int(f.Fd()))
}
