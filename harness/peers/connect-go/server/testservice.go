package main

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"crosswire/go/pb"
)

// The entries of a request's metadata that come back, whatever the call ends with.
const (
	echoInitialEntry  = "X-Grpc-Test-Echo-Initial"
	echoTrailingEntry = "X-Grpc-Test-Echo-Trailing-Bin"
)

// handleTestService adds grpc.testing.TestService, as docs/contract.md has it (TEST-*). Connect
// compresses whatever goes to a client that offers gzip, and tells of no message how it came:
// what the requests say of it is passed over.
func handleTestService(mux *http.ServeMux, options connect.HandlerOption) {
	options = connect.WithHandlerOptions(options, connect.WithInterceptors(echoed{}))
	mux.Handle(unary(pb.TestService_EmptyCall_FullMethodName, emptyCall, options))
	mux.Handle(unary(pb.TestService_UnaryCall_FullMethodName, unaryCall, options))
	mux.Handle(unary(pb.TestService_CacheableUnaryCall_FullMethodName, unaryCall, options))
	mux.Handle(serverStream(pb.TestService_StreamingOutputCall_FullMethodName, streamingOutputCall, options))
	mux.Handle(clientStream(pb.TestService_StreamingInputCall_FullMethodName, streamingInputCall, options))
	mux.Handle(bidiStream(pb.TestService_FullDuplexCall_FullMethodName, fullDuplexCall, options))
	mux.Handle(bidiStream(pb.TestService_HalfDuplexCall_FullMethodName, halfDuplexCall, options))
}

func emptyCall(context.Context, *pb.Empty) (*pb.Empty, error) { return &pb.Empty{}, nil }

func unaryCall(_ context.Context, request *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	if err := statusOf(request.GetResponseStatus()); err != nil {
		return nil, err
	}
	payload, err := zeros(request.GetResponseSize())
	return &pb.SimpleResponse{Payload: payload}, err
}

func streamingOutputCall(
	ctx context.Context,
	request *pb.StreamingOutputCallRequest,
	stream *connect.ServerStream[pb.StreamingOutputCallResponse],
) error {
	return respond(ctx, request, stream.Send)
}

func streamingInputCall(
	_ context.Context, stream *connect.ClientStream[pb.StreamingInputCallRequest],
) (*pb.StreamingInputCallResponse, error) {
	size := 0
	for stream.Receive() {
		size += len(stream.Msg().GetPayload().GetBody())
	}
	return &pb.StreamingInputCallResponse{AggregatedPayloadSize: int32(size)}, stream.Err()
}

// duplexStream is the server's side of both duplex calls.
type duplexStream = connect.BidiStream[pb.StreamingOutputCallRequest, pb.StreamingOutputCallResponse]

func fullDuplexCall(ctx context.Context, stream *duplexStream) error {
	return eachRequest(stream, func(request *pb.StreamingOutputCallRequest) error {
		return respond(ctx, request, stream.Send)
	})
}

func halfDuplexCall(ctx context.Context, stream *duplexStream) error {
	var requests []*pb.StreamingOutputCallRequest
	err := eachRequest(stream, func(request *pb.StreamingOutputCallRequest) error {
		requests = append(requests, request)
		return nil
	})
	if err != nil {
		return err
	}
	for _, request := range requests {
		if err := respond(ctx, request, stream.Send); err != nil {
			return err
		}
	}
	return nil
}

// eachRequest hands over the requests as they come, until the client has half-closed or one is
// not taken.
func eachRequest(stream *duplexStream, take func(*pb.StreamingOutputCallRequest) error) error {
	for {
		request, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := take(request); err != nil {
			return err
		}
	}
}

// respond sends what the request asks for. It fails with the status that the request names.
func respond(
	ctx context.Context, request *pb.StreamingOutputCallRequest, send func(*pb.StreamingOutputCallResponse) error,
) error {
	if err := statusOf(request.GetResponseStatus()); err != nil {
		return err
	}
	for _, asked := range request.GetResponseParameters() {
		if err := pause(ctx, time.Duration(asked.GetIntervalUs())*time.Microsecond); err != nil {
			return err
		}
		payload, err := zeros(asked.GetSize())
		if err != nil {
			return err
		}
		if err := send(&pb.StreamingOutputCallResponse{Payload: payload}); err != nil {
			return err
		}
	}
	return nil
}

// statusOf returns the error that the request wants its call to end with, and nil for none.
func statusOf(wanted *pb.EchoStatus) error {
	if wanted.GetCode() == 0 {
		return nil
	}
	return connect.NewError(connect.Code(wanted.GetCode()), errors.New(wanted.GetMessage()))
}

func zeros(size int32) (*pb.Payload, error) {
	if size < 0 || size > maxSizeBytes {
		return nil, refusal("a payload of %d bytes: give 0 to %d", size, maxSizeBytes)
	}
	return &pb.Payload{Body: make([]byte, size)}, nil
}

// echoed is the interceptor that sends metadata back.
type echoed struct{}

var _ connect.Interceptor = echoed{}

func (echoed) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
		// What stands in the context goes with an error, too.
		if call, known := connect.CallInfoForHandlerContext(ctx); known {
			if err := echo(request.Header(), call.ResponseHeader(), call.ResponseTrailer()); err != nil {
				return nil, err
			}
		}
		return next(ctx, request)
	}
}

// WrapStreamingHandler sends the initial metadata at once: the client may wait for it before it
// sends a message.
func (echoed) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		if err := echo(conn.RequestHeader(), conn.ResponseHeader(), conn.ResponseTrailer()); err != nil {
			return err
		}
		if err := conn.Send(nil); err != nil {
			return err
		}
		return next(ctx, conn)
	}
}

func (echoed) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func echo(request, header, trailer http.Header) error {
	for name, target := range map[string]http.Header{echoInitialEntry: header, echoTrailingEntry: trailer} {
		found, err := startingWith(request, name)
		if err != nil {
			return err
		}
		maps.Copy(target, found)
	}
	return nil
}
