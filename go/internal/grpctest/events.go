package grpctest

import (
	"context"

	"google.golang.org/grpc/stats"
)

// Events is a stats handler, of a server or a client, that is called with each
// event of each call.
type Events func(event stats.RPCStats)

func (e Events) HandleRPC(_ context.Context, event stats.RPCStats)             { e(event) }
func (Events) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

func (Events) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (Events) HandleConn(context.Context, stats.ConnStats)                       {}
