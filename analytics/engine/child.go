package engine

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"
	"unsafe"

	"github.com/ebitengine/purego"
)

// The two words that turn any binary of ours into the engine's child: the hidden command `zida engine run`, and ChildMain in a test binary.
const (
	childCommand    = "engine"
	childSubcommand = "run"
)

// The last statement keeps the engine up for nine years (3 s a row), doing nothing.
const (
	listenHTTP = "SYSTEM START LISTEN HTTP"
	listenTCP  = "SYSTEM START LISTEN TCP"
	stayUp     = "SELECT sleepEachRow(3) FROM system.numbers LIMIT 100000000 SETTINGS max_block_size=1 FORMAT Null"
)

// ChildMain makes a test binary able to start engines: called first in TestMain, it returns at once in the test itself, and never where
// the binary was run again by Start as the engine's child.
func ChildMain() {
	if len(os.Args) < 3 || os.Args[1] != childCommand || os.Args[2] != childSubcommand {
		return
	}
	if err := RunChild(os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, "engine:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// RunChild is the engine's process: it confines itself, loads the library and serves until its standard input ends. It returns only
// when the engine does, which is always an error for the one who supervises it.
func RunChild(args []string) error {
	flags := flag.NewFlagSet("engine run", flag.ContinueOnError)
	library := flags.String("library", "", "path of libchdb")
	dir := flags.String("dir", "", "the engine's directory, with config.xml in it")
	var ports portList
	flags.Var(&ports, "port", "a TCP port the engine may bind or connect to (repeatable)")
	native := flags.Bool("native", false, "listen on the native TCP port as well, for Distributed tables")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *library == "" || *dir == "" {
		return errors.New("run by the hub, not by hand: it needs --library and --dir")
	}

	// Confinement belongs to the thread: the one that is confined here must be the one that enters the library, whose own threads inherit it.
	runtime.LockOSThread()
	stepBack()
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}) // a core would be gigabytes of other agencies' rows
	debug.SetGCPercent(-1)                                        // nothing of Go's is allocated from here on; its collector needs no threads of its own
	go exitWithParent(os.Stdin)

	handle, err := purego.Dlopen(*library, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return fmt.Errorf("loading %s: %w", *library, err)
	}
	var queryCmdline func(argc int32, argv **byte) int32
	symbol, err := purego.Dlsym(handle, "chdb_query_cmdline")
	if err != nil {
		return fmt.Errorf("%s has no chdb_query_cmdline, so it is not the pinned version %s: %w", *library, Version, err)
	}
	purego.RegisterFunc(&queryCmdline, symbol)

	fmt.Fprintln(os.Stderr, confinementLine(confine(*dir, *library, ports)))
	argv := cStrings(childArguments(*dir, *native))
	code := queryCmdline(int32(len(argv)-1), &argv[0])
	runtime.KeepAlive(argv)
	return fmt.Errorf("the engine ended by itself with code %d", code)
}

func childArguments(dir string, native bool) []string {
	args := []string{"clickhouse-local", "--config-file", filepath.Join(dir, configFile), "--path", filepath.Join(dir, storeDir)}
	if native {
		args = append(args, "-q", listenTCP)
	}
	return append(args, "-q", listenHTTP, "-q", stayUp)
}

// exitWithParent ends the process with the hub, however the hub ended: the kernel closes the other end of the pipe. The exit is as abrupt
// as a kill, which every acknowledged insert survives: it is in the system's cache.
func exitWithParent(stdin io.Reader) {
	_, _ = io.Copy(io.Discard, stdin)
	os.Exit(0)
}

// cStrings gives argv in C's shape: NUL-ended strings, and a nil after the last.
func cStrings(args []string) []*byte {
	argv := make([]*byte, 0, len(args)+1)
	for _, arg := range args {
		argv = append(argv, unsafe.StringData(arg+"\x00"))
	}
	return append(argv, nil)
}
