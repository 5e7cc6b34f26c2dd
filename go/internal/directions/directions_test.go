package directions_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"crosswire/go/internal/connection"
	"crosswire/go/internal/grpctest"
	"crosswire/go/internal/service"
	"crosswire/go/pb"
)

// outcome is what a client's API shows of a call.
type outcome struct {
	messages        []proto.Message
	status          *status.Status
	header, trailer metadata.MD
}

// A caller makes a call for so many Fibonacci numbers: a message of two bytes for
// each, or one message.
type caller func(ctx context.Context, client pb.FibonacciServiceClient, count int64, options ...grpc.CallOption) outcome

var callers = map[string]caller{"unary": callUnary, "stream": callStream}

func callUnary(ctx context.Context, client pb.FibonacciServiceClient, count int64, options ...grpc.CallOption) outcome {
	var got outcome
	options = append(options, grpc.Header(&got.header), grpc.Trailer(&got.trailer))
	response, err := client.GetSequence(ctx, &pb.SequenceRequest{Count: count}, options...)
	if err == nil {
		got.messages = append(got.messages, response)
	}
	got.status = status.Convert(err)
	return got
}

func callStream(ctx context.Context, client pb.FibonacciServiceClient, count int64, options ...grpc.CallOption) outcome {
	var got outcome
	options = append(options, grpc.Header(&got.header), grpc.Trailer(&got.trailer))
	stream, err := client.StreamSequence(ctx, &pb.SequenceRequest{Count: count}, options...)
	for err == nil {
		var element *pb.SequenceElement
		if element, err = stream.Recv(); err == nil {
			got.messages = append(got.messages, element)
		}
	}
	if !errors.Is(err, io.EOF) {
		got.status = status.Convert(err)
	}
	return got
}

// connect starts the server of the services, and returns a client of it.
func connect(t *testing.T, options ...grpc.ServerOption) pb.FibonacciServiceClient {
	t.Helper()
	conn, err := connection.New(grpctest.Start(t, service.NewServer(options...)).Address)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { conn.Close() })
	return pb.NewFibonacciServiceClient(conn)
}

// directing returns a context whose calls have these names and values.
func directing(words ...string) context.Context {
	return metadata.AppendToOutgoingContext(context.Background(), words...)
}

// forBoth runs the test with a call of either kind.
func forBoth(t *testing.T, test func(t *testing.T, call caller)) {
	for name, call := range callers {
		t.Run(name, func(t *testing.T) { test(t, call) })
	}
}

func TestHeadersAndTrailersAreSentBack(t *testing.T) {
	client := connect(t)
	ctx := directing(
		"x-crosswire-header", "a", "x-crosswire-trailer-b", "b", "x-crosswire-header-list", "1",
		"x-crosswire-header-list", "", "x-crosswire-header-list", "0", "x-crosswire-header-bin", "\x00\xff",
		"x-crosswire-trailer-bin", "\xfe,\x01", "x-crosswire-trailer-b", "a", "x-crosswire-call", "7",
	)
	wantHeader := metadata.MD{
		"x-crosswire-header": {"a"}, "x-crosswire-header-list": {"1", "", "0"}, "x-crosswire-header-bin": {"\x00\xff"},
	}
	wantTrailer := metadata.MD{"x-crosswire-trailer-b": {"b", "a"}, "x-crosswire-trailer-bin": {"\xfe,\x01"}}
	for _, count := range []int64{3, 94} {
		forBoth(t, func(t *testing.T, call caller) {
			got := call(ctx, client, count)
			checkEchoes(t, "header", got.header, wantHeader)
			checkEchoes(t, "trailer", got.trailer, wantTrailer)
		})
	}
}

// checkEchoes compares what is ours; content-type is not.
func checkEchoes(t *testing.T, kind string, got, want metadata.MD) {
	t.Helper()
	for name, values := range want {
		if !slices.Equal(got[name], values) {
			t.Errorf("%s %s = %q, want %q", kind, name, got[name], values)
		}
	}
	for name := range got {
		if _, wanted := want[name]; !wanted && strings.HasPrefix(name, "x-crosswire-") {
			t.Errorf("%s %s is sent, too", kind, name)
		}
	}
}

func TestStatus(t *testing.T) {
	const message = "naïve\n\x00 100 % \U0001f600"
	// grpc-go's client wants the same code there, and takes the message from there.
	serialized, err := proto.Marshal(status.New(codes.NotFound, message).Proto())
	if err != nil {
		t.Fatalf("serialize the details: %v", err)
	}
	details := string(serialized)
	cases := []struct {
		name                  string
		words                 []string
		count                 int64
		code                  codes.Code
		message, details      string
		unaryCount, sentCount int
	}{
		{"the code alone", []string{"x-crosswire-status", "5"}, 3, codes.NotFound, "", "", 0, 3},
		{"a message", []string{"x-crosswire-status", "5", "x-crosswire-status-message-bin", message},
			3, codes.NotFound, message, "", 0, 3},
		{"everything", []string{"x-crosswire-status", "5", "x-crosswire-status-message-bin", message,
			"x-crosswire-status-details-bin", details}, 3, codes.NotFound, message, details, 0, 3},
		{"instead of an error", []string{"x-crosswire-status", "16"}, 94, codes.Unauthenticated, "", "", 0, 93},
		{"no code of gRPC's", []string{"x-crosswire-status", "17"}, 3, codes.Code(17), "", "", 0, 3},
		{"OK", []string{"x-crosswire-status", "0"}, 3, codes.OK, "", "", 1, 3},
		{"a message without a code", []string{"x-crosswire-status-message-bin", message,
			"x-crosswire-status-details-bin", details}, 3, codes.OK, "", "", 1, 3},
	}
	client := connect(t)
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			forBoth(t, func(t *testing.T, call caller) {
				got := call(directing(test.words...), client, test.count)
				if got.status.Code() != test.code || got.status.Message() != test.message {
					t.Errorf("status = %v, want %v %q", got.status, test.code, test.message)
				}
				if shown := strings.Join(got.trailer["grpc-status-details-bin"], " and "); shown != test.details {
					t.Errorf("details = %q, want %q", shown, test.details)
				}
			})
			if got := len(callUnary(directing(test.words...), client, test.count).messages); got != test.unaryCount {
				t.Errorf("unary: %d messages, want %d", got, test.unaryCount)
			}
			if got := len(callStream(directing(test.words...), client, test.count).messages); got != test.sentCount {
				t.Errorf("stream: %d messages, want %d", got, test.sentCount)
			}
		})
	}
}

// OK without a message would be no answer to a unary call.
func TestAUnaryErrorIsNotMadeOK(t *testing.T) {
	client, ctx := connect(t), directing("x-crosswire-status", "0")
	if got := callUnary(ctx, client, 94).status.Code(); got != codes.OutOfRange {
		t.Errorf("unary: code = %v, want %v", got, codes.OutOfRange)
	}
	if got := callStream(ctx, client, 94).status.Code(); got != codes.OK {
		t.Errorf("stream: code = %v, want %v", got, codes.OK)
	}
}

func TestSize(t *testing.T) {
	client := connect(t)
	forBoth(t, func(t *testing.T, call caller) {
		got := call(directing("x-crosswire-size", "65536"), client, 5)
		if got.status.Code() != codes.OK || len(got.messages) == 0 {
			t.Fatalf("%d messages and status %v, want some and OK", len(got.messages), got.status)
		}
		for _, message := range got.messages {
			if size := proto.Size(message); size != 65536 {
				t.Errorf("a message of %d bytes, want 65536", size)
			}
		}
	})
}

func TestClientsTakeFourMebibytes(t *testing.T) {
	client := connect(t)
	cases := []struct {
		size int
		want codes.Code
	}{
		{4<<20 - 1, codes.OK},
		{4 << 20, codes.OK},
		{4<<20 + 1, codes.ResourceExhausted},
	}
	for _, test := range cases {
		t.Run(fmt.Sprint(test.size), func(t *testing.T) {
			forBoth(t, func(t *testing.T, call caller) {
				got := call(directing("x-crosswire-size", fmt.Sprint(test.size)), client, 1)
				if got.status.Code() != test.want {
					t.Errorf("status = %v, want %v", got.status, test.want)
				}
			})
		})
	}
}

func TestCompress(t *testing.T) {
	grpctest.RegisterOtherEncoding()
	cases := []struct {
		name    string
		words   []string
		options []grpc.CallOption
		want    string
	}{
		{"not asked for", nil, nil, ""},
		{"offered", []string{"x-crosswire-compress", "gzip"}, nil, "gzip"},
		{"not offered", []string{"x-crosswire-compress", "gzip"},
			[]grpc.CallOption{experimental.AcceptCompressors(grpctest.OtherEncoding)}, encoding.Identity},
	}
	address := grpctest.Start(t, service.NewServer()).Address
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			forBoth(t, func(t *testing.T, call caller) {
				var encodings []string
				conn, err := connection.New(address, grpc.WithStatsHandler(grpctest.ResponseEncodings(&encodings)))
				if err != nil {
					t.Fatalf("connect: %v", err)
				}
				defer conn.Close()
				got := call(directing(test.words...), pb.NewFibonacciServiceClient(conn), 50, test.options...)
				if got.status.Code() != codes.OK || len(got.messages) == 0 {
					t.Errorf("%d messages and status %v, want some and OK", len(got.messages), got.status)
				}
				if want := []string{test.want}; !slices.Equal(encodings, want) {
					t.Errorf("response encodings = %q, want %q", encodings, want)
				}
			})
		})
	}
}

// ends returns a server's stats handler, and the channel where it puts a value for
// each call whose handler has returned.
func ends() (stats.Handler, <-chan struct{}) {
	ended := make(chan struct{}, len(callers))
	return grpctest.Events(func(event stats.RPCStats) {
		if _, isEnd := event.(*stats.End); isEnd {
			ended <- struct{}{}
		}
	}), ended
}

// A handler that went on waiting would wait for an hour.
const hourMillis = "3600000"

func TestDelayStopsAtTheDeadline(t *testing.T) {
	handler, ended := ends()
	client := connect(t, grpc.StatsHandler(handler))
	forBoth(t, func(t *testing.T, call caller) {
		// A status that is directed is that of a call which came to its end.
		ctx, cancel := context.WithTimeout(directing("x-crosswire-delay-ms", hourMillis, "x-crosswire-status", "5"), 100*time.Millisecond)
		defer cancel()
		got := call(ctx, client, 3)
		if got.status.Code() != codes.DeadlineExceeded || len(got.messages) > 0 {
			t.Errorf("%d messages and status %v, want none and %v", len(got.messages), got.status, codes.DeadlineExceeded)
		}
		<-ended
	})
}

func TestDelayStopsAtACancellation(t *testing.T) {
	handler, ended := ends()
	client := connect(t, grpc.StatsHandler(handler))
	forBoth(t, func(t *testing.T, call caller) {
		ctx, cancel := context.WithCancel(directing("x-crosswire-delay-ms", hourMillis, "x-crosswire-header", "a"))
		// It makes no difference whether the handler waits already.
		time.AfterFunc(50*time.Millisecond, cancel)
		got := call(ctx, client, 94)
		if got.status.Code() != codes.Canceled || len(got.messages) > 0 {
			t.Errorf("%d messages and status %v, want none and %v", len(got.messages), got.status, codes.Canceled)
		}
		<-ended
	})
}

func TestDelayLosesNothing(t *testing.T) {
	client := connect(t)
	ctx := directing("x-crosswire-delay-ms", "1", "x-crosswire-status", "5")
	if got := callStream(ctx, client, 3); got.status.Code() != codes.NotFound || len(got.messages) != 3 {
		t.Errorf("stream: %d messages and status %v, want 3 and %v", len(got.messages), got.status, codes.NotFound)
	}
	if got := callUnary(ctx, client, 94); got.status.Code() != codes.NotFound {
		t.Errorf("unary: status %v, want %v", got.status, codes.NotFound)
	}
}

func TestValuesThatMakeNoSense(t *testing.T) {
	cases := []struct {
		words []string
		want  string
	}{
		{[]string{"x-crosswire-status", "18"}, `x-crosswire-status: "18" is not a whole number from 0 to 17`},
		{[]string{"x-crosswire-status", ""}, `x-crosswire-status: "" is not a whole number from 0 to 17`},
		{[]string{"x-crosswire-status", "5", "x-crosswire-status-message-bin", "a\xff"},
			"x-crosswire-status-message-bin: \"a\ufffd\" is not UTF-8"},
		{[]string{"x-crosswire-status-message-bin", "\xff"}, "x-crosswire-status-message-bin: \"\ufffd\" is not UTF-8"},
		{[]string{"x-crosswire-delay-ms", "-1"}, `x-crosswire-delay-ms: "-1" is not a whole number from 0 to 86400000`},
		{[]string{"x-crosswire-delay-ms", "1.5"}, `x-crosswire-delay-ms: "1.5" is not a whole number from 0 to 86400000`},
		{[]string{"x-crosswire-delay-ms", "99999999999999999999"},
			`x-crosswire-delay-ms: "99999999999999999999" is not a whole number from 0 to 86400000`},
		{[]string{"x-crosswire-size", "1_000"}, `x-crosswire-size: "1_000" is not a whole number from 0 to 67108864`},
		{[]string{"x-crosswire-size", "67108865"}, `x-crosswire-size: "67108865" is not a whole number from 0 to 67108864`},
		{[]string{"x-crosswire-size", "1", "x-crosswire-size", "x"},
			`x-crosswire-size: "x" is not a whole number from 0 to 67108864`},
		{[]string{"x-crosswire-compress", "br"}, `x-crosswire-compress: "br" is not an encoding of this server; give gzip`},
	}
	client := connect(t)
	for _, test := range cases {
		t.Run(strings.Join(test.words, " "), func(t *testing.T) {
			forBoth(t, func(t *testing.T, call caller) {
				got := call(directing(test.words...), client, 3)
				if got.status.Code() != codes.InvalidArgument || got.status.Message() != test.want || len(got.messages) > 0 {
					t.Errorf("%d messages and status %v, want none and %v %q",
						len(got.messages), got.status, codes.InvalidArgument, test.want)
				}
			})
		})
	}
}

// The stream ends where a message cannot be made so long.
func TestASizeThatOneMessageCannotHave(t *testing.T) {
	// The first element has no bytes, the second has four.
	got := callStream(directing("x-crosswire-size", "6", "x-crosswire-status", "5"), connect(t), 3)
	if got.status.Code() != codes.InvalidArgument || len(got.messages) != 1 {
		t.Errorf("%d messages and status %v, want 1 and %v", len(got.messages), got.status, codes.InvalidArgument)
	}
}
