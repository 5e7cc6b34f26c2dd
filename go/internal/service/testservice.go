package service

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"crosswire/go/pb"
)

// testService serves grpc.testing.TestService. UnimplementedCall stays as it is.
type testService struct {
	pb.UnimplementedTestServiceServer
}

func (testService) EmptyCall(ctx context.Context, _ *pb.Empty) (*pb.Empty, error) {
	if err := echoMetadata(ctx); err != nil {
		return nil, err
	}
	return &pb.Empty{}, nil
}

func (testService) UnaryCall(ctx context.Context, request *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	if err := echoMetadata(ctx); err != nil {
		return nil, err
	}
	if err := checkCompressed(ctx, request.GetExpectCompressed()); err != nil {
		return nil, err
	}
	if err := echoStatus(request.GetResponseStatus()); err != nil {
		return nil, err
	}
	if err := compressResponse(ctx, request.GetResponseCompressed()); err != nil {
		return nil, err
	}
	payload, err := newPayload(request.GetResponseSize())
	if err != nil {
		return nil, err
	}
	return &pb.SimpleResponse{Payload: payload}, nil
}

func (s testService) CacheableUnaryCall(ctx context.Context, request *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	return s.UnaryCall(ctx, request)
}

func (testService) StreamingOutputCall(
	request *pb.StreamingOutputCallRequest, stream grpc.ServerStreamingServer[pb.StreamingOutputCallResponse],
) error {
	if err := begin(stream); err != nil {
		return err
	}
	return answer(stream, request)
}

func (testService) StreamingInputCall(
	stream grpc.ClientStreamingServer[pb.StreamingInputCallRequest, pb.StreamingInputCallResponse],
) error {
	if err := begin(stream); err != nil {
		return err
	}
	response := &pb.StreamingInputCallResponse{}
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.SendAndClose(response)
		}
		if err != nil {
			return err
		}
		if err := checkCompressed(stream.Context(), request.GetExpectCompressed()); err != nil {
			return err
		}
		response.AggregatedPayloadSize += int32(len(request.GetPayload().GetBody()))
	}
}

func (testService) FullDuplexCall(
	stream grpc.BidiStreamingServer[pb.StreamingOutputCallRequest, pb.StreamingOutputCallResponse],
) error {
	if err := begin(stream); err != nil {
		return err
	}
	return forEach(stream, func(request *pb.StreamingOutputCallRequest) error {
		return answer(stream, request)
	})
}

func (testService) HalfDuplexCall(
	stream grpc.BidiStreamingServer[pb.StreamingOutputCallRequest, pb.StreamingOutputCallResponse],
) error {
	if err := begin(stream); err != nil {
		return err
	}
	var requests []*pb.StreamingOutputCallRequest
	err := forEach(stream, func(request *pb.StreamingOutputCallRequest) error {
		// Nothing of it is asked for again, and it may be large.
		request.Payload = nil
		requests = append(requests, request)
		return nil
	})
	if err != nil {
		return err
	}
	for _, request := range requests {
		if err := answer(stream, request); err != nil {
			return err
		}
	}
	return nil
}

// begin answers a stream with its initial metadata, before its first request.
func begin(stream grpc.ServerStream) error {
	if err := echoMetadata(stream.Context()); err != nil {
		return err
	}
	return stream.SendHeader(nil)
}

// The metadata that a call gets back.
const (
	initialEcho  = "x-grpc-test-echo-initial"
	trailingEcho = "x-grpc-test-echo-trailing-bin"
)

// echoMetadata sends back what the client sent for that, whatever the call ends with.
func echoMetadata(ctx context.Context) error {
	received, _ := metadata.FromIncomingContext(ctx)
	if err := grpc.SetHeader(ctx, only(initialEcho, received)); err != nil {
		return err
	}
	return grpc.SetTrailer(ctx, only(trailingEcho, received))
}

// only returns the entries of that name: without one, nothing that would have headers
// sent of their own.
func only(name string, received metadata.MD) metadata.MD {
	values := received.Get(name)
	if len(values) == 0 {
		return nil
	}
	return metadata.MD{name: values}
}

// forEach handles each request before it takes the next one, until the client has
// half-closed.
func forEach(
	stream grpc.BidiStreamingServer[pb.StreamingOutputCallRequest, pb.StreamingOutputCallResponse],
	handle func(*pb.StreamingOutputCallRequest) error,
) error {
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := handle(request); err != nil {
			return err
		}
	}
}

// answer sends the responses that a request asks for. Send waits while the reader's
// flow-control window is full.
func answer(
	stream grpc.ServerStreamingServer[pb.StreamingOutputCallResponse], request *pb.StreamingOutputCallRequest,
) error {
	if err := echoStatus(request.GetResponseStatus()); err != nil {
		return err
	}
	for _, parameters := range request.GetResponseParameters() {
		if err := wait(stream.Context(), parameters.GetIntervalUs()); err != nil {
			return err
		}
		payload, err := newPayload(parameters.GetSize())
		if err != nil {
			return err
		}
		if err := stream.Send(&pb.StreamingOutputCallResponse{Payload: payload}); err != nil {
			return err
		}
	}
	return nil
}

func echoStatus(asked *pb.EchoStatus) error {
	// Of a status with the code 0, OK, the message does not count.
	return status.Error(codes.Code(asked.GetCode()), asked.GetMessage())
}

// wait ends early, with the call's status, if the call does.
func wait(ctx context.Context, microseconds int32) error {
	if microseconds <= 0 {
		return nil
	}
	select {
	case <-time.After(time.Duration(microseconds) * time.Microsecond):
		return nil
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}

// maxPayload is far beyond any limit of a message's size that a client has by
// default, and no burden on the machine.
const maxPayload = 64 << 20

func newPayload(size int32) (*pb.Payload, error) {
	if size < 0 || size > maxPayload {
		return nil, status.Errorf(codes.InvalidArgument, "a payload has 0 to %d bytes, not %d", maxPayload, size)
	}
	return &pb.Payload{Body: make([]byte, size)}, nil
}
