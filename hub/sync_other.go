//go:build !linux

package hub

import "golang.org/x/sys/unix"

// syncFiles puts everything written on the disk. It may return before it is
// there on systems other than Linux, where a power cut can cost a start that
// writes the journal's last half minute by hand (remove DATA/engine).
func syncFiles(string) error {
	unix.Sync()
	return nil
}
