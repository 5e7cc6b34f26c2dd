// Package connection makes the client side's connections.
package connection

import (
	"context"
	"fmt"
	"net"
	"net/url"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// New returns a plaintext connection to HOST:PORT, which is dialled with the
// first call.
func New(address string, options ...grpc.DialOption) (*grpc.ClientConn, error) {
	return connect(address, insecure.NewCredentials(), options)
}

// connect leaves the address's name to the dialler; gRPC's own resolver would ask
// the DNS for a service configuration as well. Proxies are for other machines: a
// call to loopback must not end up at one. A call is made once, unless the server
// has not seen it.
func connect(address string, security credentials.TransportCredentials, options []grpc.DialOption) (*grpc.ClientConn, error) {
	options = append(options,
		grpc.WithTransportCredentials(security),
		grpc.WithContextDialer(dial),
		grpc.WithNoProxy(),
		grpc.WithDisableRetry(),
	)
	conn, err := grpc.NewClient("passthrough:///"+url.PathEscape(address), options...)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	return conn, nil
}

// loopback has the addresses that localhost stands for. Many a machine's hosts
// file lists only one of them, and a server may listen on the other.
var loopback = []string{"127.0.0.1", "::1"}

// dial connects to HOST:PORT, and to whichever address answers if there are
// several.
func dial(ctx context.Context, address string) (net.Conn, error) {
	var dialer net.Dialer
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
