// Package grpctest starts gRPC servers for tests, over real sockets.
package grpctest

import (
	"net"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
)

// A Server is a gRPC server that listens on a free port of 127.0.0.1.
type Server struct {
	Address string
	// Accepted counts the connections so far.
	Accepted atomic.Int64
}

// Start serves until the test is over, and then cuts what is left.
func Start(t *testing.T, grpcServer *grpc.Server) *Server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	server := &Server{Address: listener.Addr().String()}
	served := make(chan error, 1)
	go func() { served <- grpcServer.Serve(countingListener{listener, &server.Accepted}) }()
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

type countingListener struct {
	net.Listener
	accepted *atomic.Int64
}

func (l countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.accepted.Add(1)
	}
	return conn, err
}
