// The client calls both services; see client --help.
package main

import (
	"os"
	"os/signal"
	"syscall"

	"crosswire/go/internal/client"
)

func main() {
	// That nobody reads stdout any more is an error of writing like any other.
	signal.Ignore(syscall.SIGPIPE)
	os.Exit(client.Run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
