// Command zida is the hub, its command line and the agency's push tool in one binary.
package main

import (
	"os"

	"github.com/zida-hub/zida/hub/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
