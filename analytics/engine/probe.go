package engine

import (
	"math/rand/v2"
	"net"
	"runtime"
	"strconv"
)

// loopbackHost is where the engine listens: on Linux an address of the machine's 2²⁴ loopback ones taken by chance. A malformed request ends
// libchdb's server, and whatever tries all ports of 127.0.0.1 sends some.
func loopbackHost() string {
	if runtime.GOOS != "linux" {
		return "127.0.0.1"
	}
	random := rand.Uint32()
	return net.IPv4(127, byte(random>>16), byte(random>>8), byte(random)%254+1).String()
}

// freePorts finds two loopback ports that nobody listens on. Someone may take one before the child does; then the child ends and is
// started on others.
func freePorts(host string) (first, second uint16, err error) {
	a, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return 0, 0, err
	}
	defer a.Close()
	b, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return 0, 0, err
	}
	defer b.Close()
	return portOf(a), portOf(b), nil
}

func portOf(l net.Listener) uint16 { return l.Addr().(*net.TCPAddr).AddrPort().Port() }

func hostPort(host string, port uint16) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}
