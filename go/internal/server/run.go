// Package server is the server's command line: it listens, announces where, and
// serves until it is told to stop.
package server

import (
	"context"
	"io"
	"log"
	"os"

	"crosswire/go/internal/address"
	"crosswire/go/internal/commandline"
	"crosswire/go/internal/service"
)

const help = `Usage: server [--listen ADDRESS]...

Serves pb.Outliers and FibonacciService, with health checking and reflection.

Options:
  --listen ADDRESS      HOST:PORT or unix:PATH to listen on; may be given more than once; port 0 takes a free one
                        [default: 127.0.0.1:9999 [::1]:9999 127.0.0.1:50051 [::1]:50051]
  --max-age MS          Let no connection take calls that is older than this, in milliseconds
  --max-age-grace MS    Close it so long after that, whatever runs on it
  --max-idle MS         Let no connection stay that has been without a call for so long
  --keepalive MS        Send a PING on a connection that has been silent for so long
  --keepalive-wait MS   Close it if no answer comes within this
  --ping-interval MS    Take a client's PINGs as often as this, also while no call runs
  --tls-cert FILE       Serve TLS with this certificate chain (PEM); needs --tls-key
  --tls-key FILE        The certificate's private key (PEM)
  --tls-client-ca FILE  Ask every client for a certificate that this CA has signed (PEM)
  --help                Print this help
`

var program = commandline.Program{
	Name:   "server",
	Help:   help,
	Valued: append([]string{"--listen", certificateOption, keyOption, clientCAOption}, lifetimeOptions...),
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
	addresses, err := parsed.Addresses("--listen", "127.0.0.1:9999", address.ParseListening)
	if err != nil {
		return err
	}
	options, err := lifetimes(parsed)
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
	// Whatever ends it, no Unix socket stays behind.
	defer closeAll(listeners)
	if err := announce(listeners, stdout); err != nil {
		return err
	}
	ctx, cancel := stopWhenPipeEnds(ctx, stdin)
	defer cancel()
	return serve(ctx, service.NewServer(append(options, secure...)...), listeners)
}
