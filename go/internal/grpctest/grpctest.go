// Package grpctest starts gRPC servers for tests, over real sockets.
package grpctest

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
)

// A Server is a gRPC server that listens on a free port of 127.0.0.1.
type Server struct {
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
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	server := &Server{Address: listener.Addr().String(), Left: make(chan struct{}, manyConnections)}
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
