package drive

import (
	"context"

	"google.golang.org/grpc/stats"
)

type whenSentKey struct{}

// whenSent returns a context whose call calls back once the request message was
// handed to the transport. The API says so to stats handlers only: a unary
// stub returns when all is over.
func whenSent(ctx context.Context, callback func()) context.Context {
	return context.WithValue(ctx, whenSentKey{}, callback)
}

// sendWatcher is the stats handler that whenSent needs on the connection. It is
// called in the goroutine that makes the call.
type sendWatcher struct{}

func (sendWatcher) HandleRPC(ctx context.Context, event stats.RPCStats) {
	if _, sent := event.(*stats.OutPayload); !sent {
		return
	}
	if callback, wanted := ctx.Value(whenSentKey{}).(func()); wanted {
		callback()
	}
}

func (sendWatcher) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

func (sendWatcher) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (sendWatcher) HandleConn(context.Context, stats.ConnStats) {}
