package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Landlock (Linux 5.13 and newer) takes rights away from a thread and all it starts, without privileges. The engine needs it because its
// scalar function file() reads any path for every user, whatever the grants. Called by number: the rules must fall on this thread only.

const (
	readRights  = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	fileRights  = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	netRights   = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	ruleNetPort = 2 // LANDLOCK_RULE_NET_PORT, without a name in x/sys
	// Everything up to and including IOCTL_DEV (ABI 5); the version says how much of it this kernel knows.
	allRights = unix.LANDLOCK_ACCESS_FS_IOCTL_DEV<<1 - 1
)

// What the engine reads of the machine: its own process, processors, memory. Nothing of /etc but the time zone.
var readable = []string{
	"/proc/self", "/proc/meminfo", "/proc/cpuinfo", "/proc/stat", "/proc/loadavg", "/proc/uptime", "/proc/sys", "/proc/version",
	"/sys/fs/cgroup", "/sys/devices/system", "/etc/localtime", "/usr/share/zoneinfo", "/dev/urandom", "/dev/random",
}

// landlockVersion is the kernel's Landlock ABI, 0 where it has none or it is switched off.
func landlockVersion() int {
	version, _, errno := unix.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(version)
}

func handledRights(version int) (fs, net, scoped uint64) {
	fs = allRights
	switch {
	case version < 2:
		fs &^= unix.LANDLOCK_ACCESS_FS_REFER
		fallthrough
	case version < 3:
		fs &^= unix.LANDLOCK_ACCESS_FS_TRUNCATE
		fallthrough
	case version < 5:
		fs &^= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if version >= 4 {
		net = netRights
	}
	if version >= 6 {
		scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	return fs, net, scoped
}

// confine leaves the calling thread its own directory, the library and what readable lists; TCP only from and to the given ports. It
// returns the ABI in force. The thread must be locked.
func confine(dir, library string, ports []uint16) (version int, err error) {
	version = landlockVersion()
	if version == 0 {
		return 0, errNoLandlock
	}
	var attr unix.LandlockRulesetAttr
	attr.Handled_access_fs, attr.Handled_access_net, attr.Scoped = handledRights(version)
	fd, _, errno := unix.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return 0, fmt.Errorf("landlock_create_ruleset: %w", errno)
	}
	defer func() { _ = unix.Close(int(fd)) }()

	if err := allowPath(int(fd), dir, attr.Handled_access_fs); err != nil {
		return 0, err
	}
	for _, path := range append([]string{filepath.Dir(library)}, readable...) {
		if err := allowPath(int(fd), path, readRights); err != nil && !os.IsNotExist(err) {
			return 0, err
		}
	}
	if err := allowPath(int(fd), os.DevNull, fileRights&attr.Handled_access_fs); err != nil {
		return 0, err
	}
	for _, port := range ports {
		if err := allowPort(int(fd), port, attr.Handled_access_net); err != nil {
			return 0, err
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 0, fmt.Errorf("no_new_privs: %w", err)
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return 0, fmt.Errorf("landlock_restrict_self: %w", errno)
	}
	return version, nil
}

func allowPath(ruleset int, path string, rights uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "landlock", Path: path, Err: err}
	}
	defer func() { _ = unix.Close(fd) }()
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return &os.PathError{Op: "landlock", Path: path, Err: err}
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= fileRights // the kernel refuses a directory's rights on a file
	}
	attr := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(fd)}
	_, _, errno := unix.RawSyscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&attr)), 0, 0, 0)
	if errno != 0 {
		return &os.PathError{Op: "landlock_add_rule", Path: path, Err: errno}
	}
	return nil
}

func allowPort(ruleset int, port uint16, rights uint64) error {
	if rights == 0 {
		return nil // the kernel is older than network rules
	}
	attr := struct{ access, port uint64 }{rights, uint64(port)}
	_, _, errno := unix.RawSyscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), ruleNetPort, uintptr(unsafe.Pointer(&attr)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("landlock_add_rule, port %d: %w", port, errno)
	}
	return nil
}
