package engine

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

var errNoLandlock = errors.New("this kernel has no Landlock (Linux 5.13 or newer, with \"landlock\" among its security modules)")

// Confinement says in a sentence how far this machine can confine the engine, for `zida engine info`.
func Confinement() string {
	return describeConfinement(landlockVersion())
}

func describeConfinement(version int) string {
	switch {
	case version == 0:
		return "none: " + errNoLandlock.Error()
	case version < 4:
		return fmt.Sprintf("files, by Landlock ABI %d (network rules need Linux 6.7)", version)
	default:
		return fmt.Sprintf("files and TCP, by Landlock ABI %d", version)
	}
}

const confinementPrefix = "confinement: "

// confinementLine is the child's one line about itself; the supervisor passes it on to the hub's log.
func confinementLine(version int, err error) string {
	if err != nil && !errors.Is(err, errNoLandlock) {
		return confinementPrefix + "none: " + err.Error()
	}
	return confinementPrefix + describeConfinement(version)
}

// portList is a repeatable flag.
type portList []uint16

func (p *portList) String() string {
	if p == nil {
		return ""
	}
	words := make([]string, len(*p))
	for i, port := range *p {
		words[i] = strconv.Itoa(int(port))
	}
	return strings.Join(words, ",")
}

func (p *portList) Set(value string) error {
	port, err := strconv.ParseUint(value, 10, 16)
	if err != nil {
		return fmt.Errorf("not a port: %w", err)
	}
	*p = append(*p, uint16(port))
	return nil
}
