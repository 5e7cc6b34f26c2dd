package service

import (
	"context"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"crosswire/go/pb"
)

// What TestService is asked about compression. grpc-go compresses all responses of a
// call or none, so what a stream's parameters say of each is passed over.

// compressResponse has the response of a unary call compressed, or not, if the request
// says which and the client takes it.
func compressResponse(ctx context.Context, asked *pb.BoolValue) error {
	if asked == nil {
		return nil
	}
	if !asked.GetValue() {
		return grpc.SetSendCompressor(ctx, encoding.Identity)
	}
	offered, err := grpc.ClientSupportedCompressors(ctx)
	if err != nil || !slices.Contains(offered, gzip.Name) {
		return err
	}
	return grpc.SetSendCompressor(ctx, gzip.Name)
}

// checkCompressed refuses a request that should have come compressed, and has not.
func checkCompressed(ctx context.Context, expected *pb.BoolValue) error {
	if expected.GetValue() && !lastRequest(ctx).compressed {
		return status.Error(codes.InvalidArgument, "the message came uncompressed")
	}
	return nil
}

// requestSeen tells of the request message of a call that was read last. Who reads
// the messages of a call is one goroutine.
type requestSeen struct {
	compressed bool
}

type requestSeenKey struct{}

func lastRequest(ctx context.Context) *requestSeen {
	return ctx.Value(requestSeenKey{}).(*requestSeen)
}

// requestWatcher is the stats handler that checkCompressed needs on the server: the
// API shows handlers no more than the call's encoding. It hears of lengths only, so a
// message that gzip left exactly as long as it was passes for uncompressed.
type requestWatcher struct{}

func (requestWatcher) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, requestSeenKey{}, &requestSeen{})
}

func (requestWatcher) HandleRPC(ctx context.Context, event stats.RPCStats) {
	if message, ok := event.(*stats.InPayload); ok {
		lastRequest(ctx).compressed = message.CompressedLength != message.Length
	}
}

func (requestWatcher) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (requestWatcher) HandleConn(context.Context, stats.ConnStats) {}
