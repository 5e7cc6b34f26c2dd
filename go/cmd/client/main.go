// The client calls both services; see client --help.
package main

import (
	"os"

	"crosswire/go/internal/client"
)

func main() {
	os.Exit(client.Run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
