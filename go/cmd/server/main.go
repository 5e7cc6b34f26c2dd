// The server serves both services; see server --help.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"crosswire/go/internal/server"
)

func main() {
	// That nobody reads stdout any more is an error of writing like any other.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	code := server.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
