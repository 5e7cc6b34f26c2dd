// Package server is the server's command line: it listens, announces where, and
// serves until it is told to stop.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"crosswire/go/internal/address"
	"crosswire/go/internal/commandline"
	"crosswire/go/internal/service"
)

const help = `Usage: server [--listen HOST:PORT]...

Serves pb.Outliers and FibonacciService, with health checking and reflection.

Options:
  --listen HOST:PORT  Address to listen on; may be given more than once; port 0 takes a free one
                      [default: 127.0.0.1:9999 [::1]:9999 127.0.0.1:50051 [::1]:50051]
  --help              Print this help
`

var grammar = commandline.Grammar{
	Program: "server",
	Flags:   []string{"--help"},
	Valued:  []string{"--listen"},
}

// Run does what the arguments ask for until ctx is done, and returns the exit
// code: 0 after a graceful stop, 1 when serving failed, 2 when the command line
// or an address will not do. An error is one line on stderr.
func Run(ctx context.Context, arguments []string, stdin *os.File, stdout, stderr io.Writer) int {
	logger := log.New(stderr, "server: ", 0)
	err := run(ctx, arguments, stdin, stdout, logger)
	if err == nil {
		return 0
	}
	logger.Print(err)
	var usage *commandline.UsageError
	var unusable *listenError
	if errors.As(err, &usage) || errors.As(err, &unusable) {
		return 2
	}
	return 1
}

func run(ctx context.Context, arguments []string, stdin *os.File, stdout io.Writer, logger *log.Logger) error {
	parsed, err := grammar.Parse(arguments)
	if err != nil {
		return err
	}
	if parsed.Has("--help") {
		_, err := io.WriteString(stdout, help)
		return err
	}
	if len(parsed.Values) > 0 {
		return commandline.Usagef("unexpected argument %q; see server --help", parsed.Values[0])
	}
	for _, text := range parsed.All("--listen") {
		if err := address.Check(text, "127.0.0.1:9999"); err != nil {
			return commandline.Usagef("--listen %s", err)
		}
	}

	listeners, err := listen(parsed.All("--listen"), logger)
	if err != nil {
		return err
	}
	if err := announce(listeners, stdout); err != nil {
		return fmt.Errorf("announce the addresses: %w", err)
	}
	ctx, cancel := stopWhenPipeEnds(ctx, stdin)
	defer cancel()
	return serve(ctx, service.NewServer(), listeners)
}
