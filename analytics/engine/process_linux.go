package engine

import (
	"bytes"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// childAttributes: a group of its own, so that an interrupt from the terminal reaches the hub alone, which ends the engine last; and the
// kernel's kill when the thread that started it is gone.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// residentMemory is a process's resident set in bytes, 0 where it cannot be read.
func residentMemory(pid int) int64 {
	statm, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(statm)
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// machineMemory is what this process may use in bytes: the machine's memory, or its control group's limit where that is lower.
func machineMemory() int64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	total := int64(info.Totalram) * int64(info.Unit)
	for _, path := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if limit, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64); err == nil && limit > 0 {
			total = min(total, limit)
		}
	}
	return total
}

// stepBack lets the hub go first where both want the processor: a push waits for an answer, a merge does not. The library's threads
// inherit it from the calling one. The long slice says the same to newer kernels: one
// that wakes up with a shorter slice does not wait for the engine's to end.
func stepBack() {
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, 10)
	if a, err := unix.SchedGetAttr(0, 0); err == nil {
		a.Runtime = engineSlice
		_ = unix.SchedSetAttr(0, a, 0) // a kernel that knows no slices refuses or ignores it
	}
}

// engineSlice is in nanoseconds; the kernel's own are of one to three milliseconds.
const engineSlice = 20_000_000
