package drive

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"crosswire/go/internal/grpctest"
	"crosswire/go/internal/service"
	"crosswire/go/pb"
)

const (
	duplex     = "grpc.testing.TestService/FullDuplexCall"
	halfDuplex = "grpc.testing.TestService/HalfDuplexCall"
	gather     = "grpc.testing.TestService/StreamingInputCall"
)

// Steps, as they stand in a line.
type entry map[string]any

var (
	halfClosing    = entry{"half_close": true}
	cancelling     = entry{"cancel": true}
	headersAwaited = entry{"wait_for_headers": true}
	// Only a call that ends lets go of it.
	hour = entry{"pause_ms": time.Hour.Milliseconds()}
)

func awaiting(messages int) entry { return entry{"wait_for_messages": messages} }

// asking is a message of the duplex calls that asks for payloads of these sizes.
func asking(t *testing.T, sizes ...int32) entry {
	t.Helper()
	return entry{"message": encode(t, sized(sizes...))}
}

func sized(sizes ...int32) *pb.StreamingOutputCallRequest {
	request := &pb.StreamingOutputCallRequest{}
	for _, size := range sizes {
		request.ResponseParameters = append(request.ResponseParameters, &pb.ResponseParameters{Size: size})
	}
	return request
}

func repeated(step entry, times int) entry { return entry{"message": step["message"], "times": times} }

// payloads are the responses of the duplex calls, of these sizes.
func payloads(t *testing.T, sizes ...int) []string {
	t.Helper()
	var messages []string
	for _, size := range sizes {
		response := &pb.StreamingOutputCallResponse{Payload: &pb.Payload{Body: make([]byte, size)}}
		messages = append(messages, encode(t, response))
	}
	return messages
}

func TestSteps(t *testing.T) {
	address := grpctest.Start(t, service.NewServer()).Address
	ended := encode(t, &pb.StreamingOutputCallRequest{ResponseStatus: &pb.EchoStatus{Code: 8, Message: "early"}})
	five := entry{"message": encode(t, &pb.StreamingInputCallRequest{Payload: &pb.Payload{Body: make([]byte, 5)}})}
	sum := encode(t, &pb.StreamingInputCallResponse{AggregatedPayloadSize: 20})
	cases := []struct {
		name     string
		method   string
		send     []entry
		steps    int
		messages []string
		code     codes.Code
	}{
		{"turn by turn", duplex, []entry{
			headersAwaited, asking(t, 1), awaiting(1), asking(t, 2, 3), awaiting(3), asking(t), halfClosing,
		}, 7, payloads(t, 1, 2, 3), codes.OK},
		{"half-closed at once", duplex, []entry{halfClosing}, 1, nil, codes.OK},
		{"answers after the half-close", halfDuplex, []entry{asking(t, 1), asking(t, 2), halfClosing},
			3, payloads(t, 1, 2), codes.OK},
		{"no answers before the half-close", halfDuplex, []entry{asking(t, 1), headersAwaited, cancelling},
			3, nil, codes.Canceled},
		{"an early status", duplex, []entry{asking(t, 1), {"message": ended}, hour, asking(t, 1), halfClosing},
			2, payloads(t, 1), codes.ResourceExhausted},
		{"a status instead of what is waited for", duplex, []entry{{"message": ended}, awaiting(1), halfClosing},
			1, nil, codes.ResourceExhausted},
		{"a cancellation in the middle", duplex, []entry{asking(t, 1), awaiting(1), cancelling},
			3, payloads(t, 1), codes.Canceled},
		{"a cancellation before the sum", gather, []entry{five, {"pause_ms": 1}, cancelling}, 3, nil, codes.Canceled},
		{"a sum", gather, []entry{repeated(five, 3), five, halfClosing}, 3, []string{sum}, codes.OK},
	}
	for _, test := range cases {
		for _, raw := range []bool{false, true} {
			name := test.name
			if raw {
				name += ", raw"
			}
			t.Run(name, func(t *testing.T) {
				got := driveOne(t, map[string]any{"target": address, "method": test.method, "send": test.send, "raw": raw})
				if got.Steps != test.steps || !slices.Equal(got.Messages, test.messages) || codes.Code(got.Status.Code) != test.code {
					t.Errorf("got %d steps, messages %q and status %+v, want %d, %q and %v",
						got.Steps, got.Messages, got.Status, test.steps, test.messages, test.code)
				}
			})
		}
	}
}

func TestStepsOfMethodsOfOneRequest(t *testing.T) {
	address := grpctest.Start(t, service.NewServer()).Address
	for _, method := range []string{"EmptyCall", "UnaryCall", "CacheableUnaryCall", "StreamingOutputCall", "UnimplementedCall"} {
		t.Run(method, func(t *testing.T) {
			asked := map[string]any{"target": address, "method": "grpc.testing.TestService/" + method}
			if got := driveOne(t, asked); got.Steps != 2 {
				t.Errorf("%d steps, want 2", got.Steps)
			}
		})
	}
	t.Run("nobody serves it", func(t *testing.T) {
		asked := map[string]any{"target": grpctest.ClosedAddress(t), "method": "pb.Outliers/Detect"}
		if got := driveOne(t, asked); got.Steps != 0 {
			t.Errorf("%d steps, want 0", got.Steps)
		}
	})
}

func TestDeadlineWhileWaiting(t *testing.T) {
	address := grpctest.Start(t, service.NewServer()).Address
	for _, waiting := range []entry{awaiting(2), hour} {
		got := driveOne(t, map[string]any{
			"target": address, "method": duplex, "timeout_ms": 200, "send": []entry{asking(t, 1), waiting, halfClosing},
		})
		if got.Steps != 1 || len(got.Messages) != 1 || codes.Code(got.Status.Code) != codes.DeadlineExceeded {
			t.Errorf("%v: got %+v, want 1 step, 1 message and DEADLINE_EXCEEDED", waiting, got)
		}
	}
}

// The server ends the call, and the client goes on to send more than any window takes.
func TestStatusWhileSending(t *testing.T) {
	address := anything(t, func(grpc.ServerStream) error { return status.Error(codes.Aborted, "enough") }).Address
	large := entry{"message": encode(t, &pb.StreamingOutputCallRequest{Payload: &pb.Payload{Body: make([]byte, 1<<20)}})}
	got := driveOne(t, map[string]any{
		"target": address, "method": duplex, "send": []entry{repeated(large, 1_000_000), halfClosing},
	})
	if got.Steps != 0 || codes.Code(got.Status.Code) != codes.Aborted {
		t.Errorf("%d steps and status %+v, want 0 and ABORTED", got.Steps, got.Status)
	}
}

// A server that does not read holds the client back; the call ends all the same.
func TestSendingWaitsForTheServer(t *testing.T) {
	address := anything(t, func(stream grpc.ServerStream) error {
		<-stream.Context().Done()
		return stream.Context().Err()
	}).Address
	large := entry{"message": encode(t, &pb.StreamingOutputCallRequest{Payload: &pb.Payload{Body: make([]byte, 1<<20)}})}
	got := driveOne(t, map[string]any{
		"target": address, "method": duplex, "timeout_ms": 200, "send": []entry{large, large, halfClosing},
	})
	if got.Steps > 1 || codes.Code(got.Status.Code) != codes.DeadlineExceeded {
		t.Errorf("%d steps and status %+v, want at most 1 and DEADLINE_EXCEEDED", got.Steps, got.Status)
	}
}

func TestManyMessages(t *testing.T) {
	const many = 10_000
	address := grpctest.Start(t, service.NewServer()).Address
	got := driveOne(t, map[string]any{
		"target": address, "method": duplex, "send": []entry{repeated(asking(t, 1), many), awaiting(many), halfClosing},
	})
	if got.Steps != 3 || len(got.Messages) != many || got.Status.Code != 0 {
		t.Errorf("%d steps, %d messages and status %+v, want 3, %d and OK", got.Steps, len(got.Messages), got.Status, many)
	}
}

// What was sent before the cancellation has left, as far as the window goes.
func TestCancellationComesAfterTheMessages(t *testing.T) {
	var received int
	seen := make(chan struct{})
	address := anything(t, func(stream grpc.ServerStream) error {
		defer close(seen)
		for {
			if err := stream.RecvMsg(&pb.StreamingOutputCallRequest{}); err != nil {
				return err
			}
			received++
		}
	}).Address
	message := entry{"message": encode(t, &pb.StreamingOutputCallRequest{Payload: &pb.Payload{Body: make([]byte, 10_000)}})}
	got := driveOne(t, map[string]any{"target": address, "method": duplex, "send": []entry{repeated(message, 6), cancelling}})
	<-seen
	if got.Steps != 2 || received != 6 || codes.Code(got.Status.Code) != codes.Canceled {
		t.Errorf("%d steps, %d messages received and status %+v, want 2, 6 and CANCELLED", got.Steps, received, got.Status)
	}
}
