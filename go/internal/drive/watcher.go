package drive

import (
	"context"

	"google.golang.org/grpc/stats"
)

type progressKey struct{}

// watched returns a context whose call tells its progress when a request message
// was handed to the transport, and when the initial metadata has arrived. The API
// says so to stats handlers only: a unary stub returns when all is over, and a
// stream's Header, beside a Recv, may take a failure for an OK.
func watched(ctx context.Context, told *progress) context.Context {
	return context.WithValue(ctx, progressKey{}, told)
}

// watcher is the stats handler that watched needs on the connection. It hears of
// what was sent in the goroutine that sends.
type watcher struct{}

func (watcher) HandleRPC(ctx context.Context, event stats.RPCStats) {
	told, wanted := ctx.Value(progressKey{}).(*progress)
	if !wanted {
		return
	}
	switch event.(type) {
	case *stats.OutPayload:
		told.sent()
	case *stats.InHeader:
		told.sawHeaders()
	}
}

func (watcher) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

func (watcher) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (watcher) HandleConn(context.Context, stats.ConnStats) {}
