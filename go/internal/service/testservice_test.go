package service

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"crosswire/go/internal/grpctest"
	"crosswire/go/pb"
)

// halfHour is an interval that only a call's end ends.
const halfHour = int32(30 * time.Minute / time.Microsecond)

// hurried returns a context that ends a test which hangs.
func hurried(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), hangLimit)
	t.Cleanup(cancel)
	return ctx
}

type duplexStream = grpc.BidiStreamingClient[pb.StreamingOutputCallRequest, pb.StreamingOutputCallResponse]

func testClient(t *testing.T, options ...grpc.DialOption) pb.TestServiceClient {
	t.Helper()
	return pb.NewTestServiceClient(connect(t, options...))
}

func asking(parameters ...*pb.ResponseParameters) *pb.StreamingOutputCallRequest {
	return &pb.StreamingOutputCallRequest{ResponseParameters: parameters}
}

func sized(size int32) *pb.ResponseParameters { return &pb.ResponseParameters{Size: size} }

// remaining are the sizes of the responses until the call ends, and its error.
func remaining(stream grpc.ServerStreamingClient[pb.StreamingOutputCallResponse]) ([]int, error) {
	var sizes []int
	for {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return sizes, nil
		}
		if err != nil {
			return sizes, err
		}
		sizes = append(sizes, len(response.GetPayload().GetBody()))
	}
}

func TestUnaryCall(t *testing.T) {
	cases := []struct {
		name     string
		request  *pb.SimpleRequest
		wantSize int
		wantCode codes.Code
	}{
		{"of none", &pb.SimpleRequest{}, 0, codes.OK},
		{"of some", &pb.SimpleRequest{ResponseSize: 1000}, 1000, codes.OK},
		{"of less than none", &pb.SimpleRequest{ResponseSize: -1}, 0, codes.InvalidArgument},
		{"of too many", &pb.SimpleRequest{ResponseSize: 64<<20 + 1}, 0, codes.InvalidArgument},
		{"a status", &pb.SimpleRequest{ResponseStatus: &pb.EchoStatus{Code: 9}}, 0, codes.FailedPrecondition},
		{"the status OK", &pb.SimpleRequest{ResponseStatus: &pb.EchoStatus{Message: "m"}}, 0, codes.OK},
	}
	client := testClient(t)
	for _, method := range []func(context.Context, *pb.SimpleRequest, ...grpc.CallOption) (*pb.SimpleResponse, error){
		client.UnaryCall, client.CacheableUnaryCall,
	} {
		for _, test := range cases {
			t.Run(test.name, func(t *testing.T) {
				response, err := method(hurried(t), test.request)
				if got := status.Code(err); got != test.wantCode {
					t.Fatalf("code = %v, want %v", got, test.wantCode)
				}
				if err == nil && !bytes.Equal(response.GetPayload().GetBody(), make([]byte, test.wantSize)) {
					t.Errorf("payload of %d bytes, want %d zeros", len(response.GetPayload().GetBody()), test.wantSize)
				}
			})
		}
	}
}

func TestStreamingOutputCall(t *testing.T) {
	cases := []struct {
		name      string
		request   *pb.StreamingOutputCallRequest
		wantSizes []int
		wantCode  codes.Code
	}{
		{"none", asking(), nil, codes.OK},
		{"three", asking(sized(1), &pb.ResponseParameters{Size: 0, IntervalUs: 1000}, sized(7)), []int{1, 0, 7}, codes.OK},
		{"an impossible one", asking(sized(1), sized(-1), sized(1)), []int{1}, codes.InvalidArgument},
		{"a status", &pb.StreamingOutputCallRequest{
			ResponseParameters: []*pb.ResponseParameters{sized(1)}, ResponseStatus: &pb.EchoStatus{Code: 10},
		}, nil, codes.Aborted},
	}
	client := testClient(t)
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			stream, err := client.StreamingOutputCall(hurried(t), test.request)
			if err != nil {
				t.Fatalf("StreamingOutputCall: %v", err)
			}
			sizes, err := remaining(stream)
			if !slices.Equal(sizes, test.wantSizes) || status.Code(err) != test.wantCode {
				t.Errorf("sizes = %v, %v, want %v and %v", sizes, err, test.wantSizes, test.wantCode)
			}
		})
	}
}

func TestIntervalEndsWithTheCall(t *testing.T) {
	server := NewServer()
	client := pb.NewTestServiceClient(connectTo(t, server))
	ctx, cancel := context.WithCancel(hurried(t))
	stream, err := client.StreamingOutputCall(ctx, asking(&pb.ResponseParameters{IntervalUs: halfHour}))
	if err != nil {
		t.Fatalf("StreamingOutputCall: %v", err)
	}
	// The initial metadata is there before the first response.
	if _, err := stream.Header(); err != nil {
		t.Fatalf("Header: %v", err)
	}
	cancel()
	if _, err := stream.Recv(); status.Code(err) != codes.Canceled {
		t.Errorf("Recv = %v, want CANCELLED", err)
	}
	// GracefulStop waits for the handler, which is of use only if that ends.
	stopped := make(chan struct{})
	go func() {
		server.GracefulStop()
		close(stopped)
	}()
	select {
	case <-stopped:
	case <-time.After(hangLimit):
		t.Error("the handler waits on")
	}
}

func TestStreamingInputCall(t *testing.T) {
	client := testClient(t)
	for _, sizes := range [][]int{nil, {0}, {1, 20, 300}} {
		stream, err := client.StreamingInputCall(hurried(t))
		if err != nil {
			t.Fatalf("StreamingInputCall: %v", err)
		}
		var want int32
		for _, size := range sizes {
			want += int32(size)
			stream.Send(&pb.StreamingInputCallRequest{Payload: &pb.Payload{Body: make([]byte, size)}})
		}
		response, err := stream.CloseAndRecv()
		if err != nil || response.GetAggregatedPayloadSize() != want {
			t.Errorf("sum of %v = %v, %v, want %d", sizes, response.GetAggregatedPayloadSize(), err, want)
		}
	}
}

func TestFullDuplexCallAnswersEachRequestWhenItComes(t *testing.T) {
	stream, err := testClient(t).FullDuplexCall(hurried(t))
	if err != nil {
		t.Fatalf("FullDuplexCall: %v", err)
	}
	if _, err := stream.Header(); err != nil {
		t.Fatalf("Header before the first request: %v", err)
	}
	for size := range int32(5) {
		stream.Send(asking(sized(size), sized(size+1)))
		for _, want := range []int32{size, size + 1} {
			response, err := stream.Recv()
			if got := len(response.GetPayload().GetBody()); err != nil || got != int(want) {
				t.Fatalf("response of %d bytes, %v, want %d", got, err, want)
			}
		}
	}
	stream.CloseSend()
	if sizes, err := remaining(stream); len(sizes) > 0 || err != nil {
		t.Errorf("at the end %v, %v, want nothing and OK", sizes, err)
	}
}

func TestHalfDuplexCallAnswersAfterTheHalfClose(t *testing.T) {
	stream, err := testClient(t).HalfDuplexCall(hurried(t))
	if err != nil {
		t.Fatalf("HalfDuplexCall: %v", err)
	}
	first := make(chan int, 1)
	go func() {
		response, _ := stream.Recv()
		first <- len(response.GetPayload().GetBody())
	}()
	stream.Send(asking(sized(1), sized(2)))
	stream.Send(asking(sized(3)))
	select {
	case size := <-first:
		t.Fatalf("a response of %d bytes came before the half-close", size)
	case <-time.After(50 * time.Millisecond):
	}
	stream.CloseSend()
	got := <-first
	sizes, err := remaining(stream)
	if want := []int{2, 3}; got != 1 || !slices.Equal(sizes, want) || err != nil {
		t.Errorf("sizes = %d and then %v, %v, want 1, %v and OK", got, sizes, err, want)
	}
}

func TestStatusInADuplexCall(t *testing.T) {
	client := testClient(t)
	for name, open := range map[string]func(context.Context, ...grpc.CallOption) (duplexStream, error){
		"full": client.FullDuplexCall,
		"half": client.HalfDuplexCall,
	} {
		t.Run(name, func(t *testing.T) {
			stream, err := open(hurried(t))
			if err != nil {
				t.Fatalf("open: %v", err)
			}
			stream.Send(asking(sized(1)))
			ending := asking(sized(2))
			ending.ResponseStatus = &pb.EchoStatus{Code: 2, Message: "test status message"}
			stream.Send(ending)
			stream.Send(asking(sized(3)))
			stream.CloseSend()
			sizes, err := remaining(stream)
			checkStatus(t, err, codes.Unknown, "test status message")
			if want := []int{1}; !slices.Equal(sizes, want) {
				t.Errorf("sizes = %v, want %v", sizes, want)
			}
		})
	}
}

func TestEchoedMetadata(t *testing.T) {
	client := testClient(t)
	ctx := metadata.AppendToOutgoingContext(hurried(t),
		initialEcho, "a", initialEcho, "b", trailingEcho, "\x00\xff", trailingEcho, "\x01", "other", "c")
	empty, failing := &pb.SimpleRequest{}, &pb.SimpleRequest{ResponseSize: -1}
	calls := map[string]func(...grpc.CallOption){
		"EmptyCall":         func(options ...grpc.CallOption) { client.EmptyCall(ctx, &pb.Empty{}, options...) },
		"UnaryCall":         func(options ...grpc.CallOption) { client.UnaryCall(ctx, empty, options...) },
		"UnaryCall, failed": func(options ...grpc.CallOption) { client.UnaryCall(ctx, failing, options...) },
		"StreamingOutputCall": func(options ...grpc.CallOption) {
			stream, err := client.StreamingOutputCall(ctx, asking(sized(-1)), options...)
			if err == nil {
				remaining(stream)
			}
		},
		"StreamingInputCall": func(options ...grpc.CallOption) {
			stream, err := client.StreamingInputCall(ctx, options...)
			if err == nil {
				stream.CloseAndRecv()
			}
		},
		"FullDuplexCall": func(options ...grpc.CallOption) {
			stream, err := client.FullDuplexCall(ctx, options...)
			if err == nil {
				stream.CloseSend()
				remaining(stream)
			}
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			var header, trailer metadata.MD
			call(grpc.Header(&header), grpc.Trailer(&trailer))
			if got, want := header.Get(initialEcho), []string{"a", "b"}; !slices.Equal(got, want) {
				t.Errorf("header %s = %q, want %q", initialEcho, got, want)
			}
			if got, want := trailer.Get(trailingEcho), []string{"\x00\xff", "\x01"}; !slices.Equal(got, want) {
				t.Errorf("trailer %s = %q, want %q", trailingEcho, got, want)
			}
			if len(header.Get("other")) > 0 || len(trailer.Get("other")) > 0 {
				t.Errorf("header %v and trailer %v, want no other entry of the request", header, trailer)
			}
		})
	}
}

func TestUnimplementedCalls(t *testing.T) {
	conn := connect(t)
	_, err := pb.NewTestServiceClient(conn).UnimplementedCall(hurried(t), &pb.Empty{})
	if got := status.Code(err); got != codes.Unimplemented {
		t.Errorf("TestService: code = %v, want UNIMPLEMENTED", got)
	}
	_, err = pb.NewUnimplementedServiceClient(conn).UnimplementedCall(hurried(t), &pb.Empty{})
	if got := status.Code(err); got != codes.Unimplemented {
		t.Errorf("UnimplementedService: code = %v, want UNIMPLEMENTED", got)
	}
}

func TestResponseCompressed(t *testing.T) {
	grpctest.RegisterOtherEncoding()
	cases := []struct {
		name         string
		asked        *pb.BoolValue
		accepted     string
		options      []grpc.CallOption
		wantEncoding string
	}{
		{"asked for", &pb.BoolValue{Value: true}, "gzip", nil, "gzip"},
		{"not asked for", nil, "gzip", nil, ""},
		{"not wanted, of a compressed call", &pb.BoolValue{}, "gzip",
			[]grpc.CallOption{grpc.UseCompressor(gzip.Name)}, "identity"},
		{"asked for, and not accepted", &pb.BoolValue{Value: true}, grpctest.OtherEncoding, nil, "identity"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			var encodings []string
			client := testClient(t, grpc.WithStatsHandler(grpctest.ResponseEncodings(&encodings)))
			options := append(test.options, experimental.AcceptCompressors(test.accepted))
			request := &pb.SimpleRequest{ResponseSize: 1000, ResponseCompressed: test.asked}
			if _, err := client.UnaryCall(hurried(t), request, options...); err != nil {
				t.Fatalf("UnaryCall: %v", err)
			}
			if want := []string{test.wantEncoding}; !slices.Equal(encodings, want) {
				t.Errorf("response encodings = %q, want %q", encodings, want)
			}
		})
	}
}

func TestExpectCompressed(t *testing.T) {
	payload := &pb.Payload{Body: []byte(strings.Repeat("x", 1000))}
	expected := &pb.BoolValue{Value: true}
	cases := []struct {
		name     string
		options  []grpc.CallOption
		wantCode codes.Code
	}{
		{"compressed", []grpc.CallOption{grpc.UseCompressor(gzip.Name)}, codes.OK},
		{"uncompressed", nil, codes.InvalidArgument},
	}
	client := testClient(t)
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			request := &pb.SimpleRequest{Payload: payload, ExpectCompressed: expected}
			_, err := client.UnaryCall(hurried(t), request, test.options...)
			if got := status.Code(err); got != test.wantCode {
				t.Errorf("UnaryCall: %v, want %v", err, test.wantCode)
			}
			stream, err := client.StreamingInputCall(hurried(t), test.options...)
			if err != nil {
				t.Fatalf("StreamingInputCall: %v", err)
			}
			stream.Send(&pb.StreamingInputCallRequest{Payload: payload})
			stream.Send(&pb.StreamingInputCallRequest{Payload: payload, ExpectCompressed: expected})
			if _, err = stream.CloseAndRecv(); status.Code(err) != test.wantCode {
				t.Errorf("StreamingInputCall: %v, want %v", err, test.wantCode)
			}
		})
	}
}

// In a call with gzip, grpc-go sends an empty message uncompressed: the one way to
// have both kinds in a call.
func TestExpectCompressedIsOfTheMessage(t *testing.T) {
	stream, err := testClient(t).StreamingInputCall(hurried(t), grpc.UseCompressor(gzip.Name))
	if err != nil {
		t.Fatalf("StreamingInputCall: %v", err)
	}
	stream.Send(&pb.StreamingInputCallRequest{})
	stream.Send(&pb.StreamingInputCallRequest{ExpectCompressed: &pb.BoolValue{Value: true}})
	if _, err := stream.CloseAndRecv(); err != nil {
		t.Errorf("StreamingInputCall: %v, want OK", err)
	}
}

func TestManyStreamsAtOnce(t *testing.T) {
	const many = 200
	client := testClient(t)
	var streams []duplexStream
	for range many {
		stream, err := client.FullDuplexCall(hurried(t))
		if err != nil {
			t.Fatalf("FullDuplexCall: %v", err)
		}
		streams = append(streams, stream)
	}
	for _, stream := range streams {
		stream.Send(asking(sized(1)))
		stream.CloseSend()
		if sizes, err := remaining(stream); len(sizes) != 1 || err != nil {
			t.Errorf("got %v, %v, want one response and OK", sizes, err)
		}
	}
}
