package server

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
)

// stopLimit is how long calls in flight may take to end once the server stops.
// No call of these services takes that long unless its client does not read.
const stopLimit = 2 * time.Second

// serve serves on all listeners until ctx is done, then stops gracefully: no new
// calls, and those in flight get stopLimit.
func serve(ctx context.Context, server *grpc.Server, listeners []net.Listener) error {
	failures := make(chan error, len(listeners))
	for _, listener := range listeners {
		go func() {
			if err := server.Serve(listener); err != nil {
				failures <- fmt.Errorf("serve on %s: %w", listener.Addr(), err)
			}
		}()
	}

	select {
	case err := <-failures:
		return err
	case <-ctx.Done():
	}

	stopped := make(chan struct{})
	go func() {
		server.GracefulStop()
		close(stopped)
	}()
	select {
	case <-stopped:
	case <-time.After(stopLimit):
		// The end of the process cuts what is left. grpc-go's Stop would wait
		// for connections that have not finished their handshake, which it
		// gives two minutes.
	}
	return nil
}

// stopWhenPipeEnds returns a context that is done with ctx, or when stdin ends,
// if stdin is a pipe: then whoever started the server holds the other end, and
// the server must not outlive it. A terminal, a file or /dev/null say nothing.
func stopWhenPipeEnds(ctx context.Context, stdin *os.File) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	info, err := stdin.Stat()
	if err == nil && info.Mode()&os.ModeNamedPipe != 0 {
		go func() {
			io.Copy(io.Discard, stdin)
			cancel()
		}()
	}
	return ctx, cancel
}
