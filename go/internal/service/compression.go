package service

import (
	"context"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/gzip" // Registers gzip, so that compressed requests are accepted.
)

// grpc-go compresses an answer as its request was, even if the client did not
// say that it can read that. The interceptors below see to it that it did.

func unaryCompression(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	if err := compressOnlyIfAccepted(ctx); err != nil {
		return nil, err
	}
	return handle(ctx, request)
}

func streamCompression(server any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	if err := compressOnlyIfAccepted(stream.Context()); err != nil {
		return err
	}
	return handle(server, stream)
}

func compressOnlyIfAccepted(ctx context.Context) error {
	accepted, err := grpc.ClientSupportedCompressors(ctx)
	if err != nil || slices.Contains(accepted, gzip.Name) {
		return err
	}
	return grpc.SetSendCompressor(ctx, encoding.Identity)
}
