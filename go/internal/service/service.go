// Package service implements the two services, and gRPC's own test service, and puts
// them on a gRPC server together with health checking and reflection.
// docs/contract.md says what they answer.
package service

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	"crosswire/go/internal/directions"
	"crosswire/go/internal/fibonacci"
	"crosswire/go/pb"
)

// NewServer returns a gRPC server that has everything but listeners. Messages
// may have grpc-go's default size, 4 MiB; calls in flight are not limited. A
// request's metadata may direct how it is answered. The options come on top.
func NewServer(options ...grpc.ServerOption) *grpc.Server {
	server := grpc.NewServer(append(options,
		grpc.StatsHandler(requestWatcher{}),
		grpc.ChainUnaryInterceptor(unaryCompression, directions.Unary),
		grpc.ChainStreamInterceptor(streamCompression, directions.Stream),
	)...)
	pb.RegisterOutliersServer(server, outliers{})
	pb.RegisterFibonacciServiceServer(server, sequences{numbers: fibonacci.Numbers})
	pb.RegisterTestServiceServer(server, testService{})

	// A new health server has "", the server as a whole, as serving already.
	checks := health.NewServer()
	for name := range server.GetServiceInfo() {
		checks.SetServingStatus(name, grpc_health_v1.HealthCheckResponse_SERVING)
	}
	grpc_health_v1.RegisterHealthServer(server, checks)

	reflection.Register(server)
	return server
}
