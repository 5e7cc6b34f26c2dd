// Package connection makes the client side's connections.
package connection

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// New returns a plaintext connection to HOST:PORT or unix:PATH, which is dialled
// with the first call.
func New(address string, dialOptions ...grpc.DialOption) (*grpc.ClientConn, error) {
	return NewWith(address, Options{}, dialOptions...)
}

// NewWith returns a connection as New does, but with the options.
func NewWith(address string, options Options, dialOptions ...grpc.DialOption) (*grpc.ClientConn, error) {
	return connect(address, insecure.NewCredentials(), options, dialOptions)
}

// connect leaves the address's name to the dialler; gRPC's own resolver would ask
// the DNS for a service configuration as well. Proxies are for other machines: a
// call to loopback must not end up at one.
func connect(
	address string, security credentials.TransportCredentials, options Options, dialOptions []grpc.DialOption,
) (*grpc.ClientConn, error) {
	dialOptions = append(dialOptions,
		grpc.WithTransportCredentials(security),
		grpc.WithContextDialer(dial),
		grpc.WithNoProxy(),
	)
	conn, err := grpc.NewClient(options.target(address), append(dialOptions, options.dialOptions()...)...)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	return conn, nil
}

// target returns what grpc-go is told to connect to. Its authority is the address,
// or that of grpc-go for a Unix socket, which is localhost.
func target(address string) string {
	if path, isUnix := strings.CutPrefix(address, "unix:"); isUnix {
		return (&url.URL{Scheme: "unix", Path: path}).String()
	}
	return "passthrough:///" + url.PathEscape(address)
}

// loopback has the addresses that localhost stands for. Many a machine's hosts
// file lists only one of them, and a server may listen on the other.
var loopback = []string{"127.0.0.1", "::1"}

// dial connects to HOST:PORT, and to whichever address answers if there are
// several, or to a Unix socket, which grpc-go gives a dialler as unix:// and its path.
func dial(ctx context.Context, address string) (net.Conn, error) {
	var dialer net.Dialer
	if path, isUnix := strings.CutPrefix(address, "unix://"); isUnix {
		return dialer.DialContext(ctx, "unix", path)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || host != "localhost" {
		return dialer.DialContext(ctx, "tcp", address)
	}
	var refused error
	for _, candidate := range loopback {
		conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(candidate, port))
		if err == nil {
			return conn, nil
		}
		refused = err
	}
	return nil, refused
}
