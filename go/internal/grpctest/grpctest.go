// Package grpctest starts gRPC servers for tests, over real sockets.
package grpctest

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
)

// A Server is a gRPC server that listens on a free port of 127.0.0.1, or elsewhere.
type Server struct {
	// Address is HOST:PORT or unix:PATH.
	Address string
	// Accepted counts the connections so far.
	Accepted atomic.Int64
	// Left gets one value for each connection that is over: before the test is, a
	// server closes only what its client has closed.
	Left chan struct{}
}

// manyConnections is more than any test makes.
const manyConnections = 1000

// Start serves until the test is over, and then cuts what is left.
func Start(t *testing.T, grpcServer *grpc.Server) *Server {
	t.Helper()
	return StartOn(t, grpcServer, Listen(t, "tcp", "127.0.0.1:0"))
}

// Listen listens for a server.
func Listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	return listener
}

// ListenIPv6 listens on a free port of [::1]. Where there is none the test is skipped.
func ListenIPv6(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skipf("this machine has no IPv6: %v", err)
	}
	return listener
}

// StartOn serves as Start does, on the listener.
func StartOn(t *testing.T, grpcServer *grpc.Server, listener net.Listener) *Server {
	t.Helper()
	server := &Server{Address: listener.Addr().String(), Left: make(chan struct{}, manyConnections)}
	if listener.Addr().Network() == "unix" {
		server.Address = "unix:" + server.Address
	}
	served := make(chan error, 1)
	go func() { served <- grpcServer.Serve(watchedListener{listener, server}) }()
	t.Cleanup(func() {
		grpcServer.Stop()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return server
}

// ClosedAddress returns an address on which nothing listens.
func ClosedAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

type watchedListener struct {
	net.Listener
	server *Server
}

func (l watchedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.server.Accepted.Add(1)
	return &watchedConn{Conn: conn, left: l.server.Left}, nil
}

type watchedConn struct {
	net.Conn
	left chan<- struct{}
	once sync.Once
}

func (c *watchedConn) Close() error {
	c.once.Do(func() { c.left <- struct{}{} })
	return c.Conn.Close()
}
