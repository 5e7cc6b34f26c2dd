package drive

import (
	"fmt"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"

	"crosswire/go/internal/grpctest"
	"crosswire/go/internal/service"
	"crosswire/go/pb"
)

// The deadline passes while the client waits, and it had read nothing: however long
// it took, the server could not send more than the windows and its own buffers hold.
func TestReadDelayHoldsTheServerBack(t *testing.T) {
	const hourMillis = 60 * 60 * 1000
	// Of 93 messages of 64 KiB. grpc-go's windows start at 64 KiB, and so does
	// what a server's stream keeps for the transport.
	const mostSent = 8
	cases := []struct {
		name   string
		method string
		size   int
		raw    bool
	}{
		{"stream", "FibonacciService/StreamSequence", 64 << 10, false},
		{"stream, raw", "FibonacciService/StreamSequence", 64 << 10, true},
		{"unary", "FibonacciService/GetSequence", 1 << 20, false},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			var sent atomic.Int64
			server := grpctest.Start(t, service.NewServer(grpc.StatsHandler(grpctest.Events(func(event stats.RPCStats) {
				if _, isMessage := event.(*stats.OutPayload); isMessage {
					sent.Add(1)
				}
			}))))
			got := driveOne(t, map[string]any{
				"target": server.Address, "method": test.method, "raw": test.raw,
				"send":       once(encode(t, &pb.SequenceRequest{Count: 93})),
				"metadata":   [][]string{{"x-crosswire-size", fmt.Sprint(test.size)}},
				"timeout_ms": 500, "read_delay_ms": hourMillis,
			})
			if codes.Code(got.Status.Code) != codes.DeadlineExceeded || len(got.Messages) > mostSent {
				t.Errorf("%d messages and status %+v, want at most %d and DEADLINE_EXCEEDED",
					len(got.Messages), got.Status, mostSent)
			}
			if got := sent.Load(); got > mostSent {
				t.Errorf("the server has sent %d messages, want at most %d", got, mostSent)
			}
		})
	}
}

func TestReadDelayLosesNothing(t *testing.T) {
	server := grpctest.Start(t, service.NewServer())
	cases := []struct {
		method   string
		messages int
	}{
		{"FibonacciService/StreamSequence", 93},
		{"FibonacciService/GetSequence", 1},
	}
	for _, test := range cases {
		t.Run(test.method, func(t *testing.T) {
			got := driveOne(t, map[string]any{
				"target": server.Address, "method": test.method, "send": once(encode(t, &pb.SequenceRequest{Count: 93})),
				"metadata": [][]string{{"x-crosswire-size", "65536"}}, "read_delay_ms": 1,
			})
			if got.Status.Code != 0 || len(got.Messages) != test.messages {
				t.Errorf("%d messages and status %+v, want %d and OK", len(got.Messages), got.Status, test.messages)
			}
		})
	}
}
