// Package server is the server's command line: it listens, announces where, and
// serves until it is told to stop.
package server

import (
	"context"
	"io"
	"log"
	"os"

	"crosswire/go/internal/commandline"
	"crosswire/go/internal/service"
)

const help = `Usage: server [--listen HOST:PORT]...

Serves pb.Outliers and FibonacciService, with health checking and reflection.

Options:
  --listen HOST:PORT    Address to listen on; may be given more than once; port 0 takes a free one
                        [default: 127.0.0.1:9999 [::1]:9999 127.0.0.1:50051 [::1]:50051]
  --tls-cert FILE       Serve TLS with this certificate chain (PEM); needs --tls-key
  --tls-key FILE        The certificate's private key (PEM)
  --tls-client-ca FILE  Ask every client for a certificate that this CA has signed (PEM)
  --help                Print this help
`

var program = commandline.Program{
	Name:   "server",
	Help:   help,
	Valued: []string{"--listen", certificateOption, keyOption, clientCAOption},
}

// Run does what the arguments ask for until ctx is done, and returns the exit
// code of commandline.Program.Run.
func Run(ctx context.Context, arguments []string, stdin *os.File, stdout, stderr io.Writer) int {
	return program.Run(arguments, stdout, stderr, func(parsed commandline.Arguments, stdout io.Writer, logger *log.Logger) error {
		return run(ctx, parsed, stdin, stdout, logger)
	})
}

func run(ctx context.Context, parsed commandline.Arguments, stdin *os.File, stdout io.Writer, logger *log.Logger) error {
	if err := parsed.AllowNoValues(); err != nil {
		return err
	}
	addresses, err := parsed.Addresses("--listen", "127.0.0.1:9999")
	if err != nil {
		return err
	}
	secure, err := security(parsed)
	if err != nil {
		return err
	}
	listeners, err := listen(addresses, bind, logger)
	if err != nil {
		return err
	}
	if err := announce(listeners, stdout); err != nil {
		return err
	}
	ctx, cancel := stopWhenPipeEnds(ctx, stdin)
	defer cancel()
	return serve(ctx, service.NewServer(secure...), listeners)
}
