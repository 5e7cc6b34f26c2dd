package drive

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"crosswire/go/pb"
)

// A method makes one call with the steps that it is bound to, says how far it comes,
// and returns once the call is over: nil for OK, or else the status as the API's
// error.
type method func(context.Context, grpc.ClientConnInterface, *progress, ...grpc.CallOption) error

// A binding gives a method its steps, or says why it cannot.
type binding func(steps []step) (method, error)

// stubs has the methods that there is generated code for.
var stubs = map[string]binding{
	name(pb.Outliers_Detect_FullMethodName):                 unary(pb.NewOutliersClient, pb.OutliersClient.Detect),
	name(pb.FibonacciService_GetSequence_FullMethodName):    unary(pb.NewFibonacciServiceClient, pb.FibonacciServiceClient.GetSequence),
	name(pb.FibonacciService_StreamSequence_FullMethodName): streaming(pb.NewFibonacciServiceClient, pb.FibonacciServiceClient.StreamSequence),

	name(pb.TestService_EmptyCall_FullMethodName):           unary(pb.NewTestServiceClient, pb.TestServiceClient.EmptyCall),
	name(pb.TestService_UnaryCall_FullMethodName):           unary(pb.NewTestServiceClient, pb.TestServiceClient.UnaryCall),
	name(pb.TestService_CacheableUnaryCall_FullMethodName):  unary(pb.NewTestServiceClient, pb.TestServiceClient.CacheableUnaryCall),
	name(pb.TestService_StreamingOutputCall_FullMethodName): streaming(pb.NewTestServiceClient, pb.TestServiceClient.StreamingOutputCall),
	name(pb.TestService_StreamingInputCall_FullMethodName):  gathering(pb.NewTestServiceClient, pb.TestServiceClient.StreamingInputCall),
	name(pb.TestService_FullDuplexCall_FullMethodName):      conversing(pb.NewTestServiceClient, pb.TestServiceClient.FullDuplexCall),
	name(pb.TestService_HalfDuplexCall_FullMethodName):      conversing(pb.NewTestServiceClient, pb.TestServiceClient.HalfDuplexCall),
	name(pb.TestService_UnimplementedCall_FullMethodName):   unary(pb.NewTestServiceClient, pb.TestServiceClient.UnimplementedCall),

	name(pb.UnimplementedService_UnimplementedCall_FullMethodName): unary(
		pb.NewUnimplementedServiceClient, pb.UnimplementedServiceClient.UnimplementedCall),
}

// name returns a method's name as the protocol has it.
func name(path string) string { return strings.TrimPrefix(path, "/") }

// message is a pointer to a generated type.
type message[Type any] interface {
	*Type
	proto.Message
}

// unary binds a generated method that takes one request and returns one response.
func unary[Client, Request, Response any, RequestMessage message[Request], ResponseMessage message[Response]](
	newClient func(grpc.ClientConnInterface) Client,
	invoke func(Client, context.Context, RequestMessage, ...grpc.CallOption) (ResponseMessage, error),
) binding {
	return func(steps []step) (method, error) {
		request, err := parseOne[Request, RequestMessage](steps)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, conn grpc.ClientConnInterface, done *progress, options ...grpc.CallOption) error {
			response, err := invoke(newClient(conn), ctx, request, options...)
			done.countRequest(steps)
			if err != nil {
				return err
			}
			return done.addOnly(response)
		}, nil
	}
}

// streaming binds a generated method that takes one request and returns a stream of
// responses.
func streaming[Client, Request, Response any, RequestMessage message[Request], ResponseMessage message[Response]](
	newClient func(grpc.ClientConnInterface) Client,
	invoke func(Client, context.Context, RequestMessage, ...grpc.CallOption) (grpc.ServerStreamingClient[Response], error),
) binding {
	return func(steps []step) (method, error) {
		request, err := parseOne[Request, RequestMessage](steps)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, conn grpc.ClientConnInterface, done *progress, options ...grpc.CallOption) error {
			responses, err := invoke(newClient(conn), ctx, request, options...)
			done.countRequest(steps)
			if err != nil {
				return err
			}
			return done.receive(serialized[Response, ResponseMessage](responses.Recv))
		}, nil
	}
}

// gathering binds a generated method that takes a stream of requests and returns one
// response.
func gathering[Client, Request, Response any, RequestMessage message[Request], ResponseMessage message[Response]](
	newClient func(grpc.ClientConnInterface) Client,
	open func(Client, context.Context, ...grpc.CallOption) (grpc.ClientStreamingClient[Request, Response], error),
) binding {
	return func(steps []step) (method, error) {
		if err := prepareRequests(steps, parseAny[Request, RequestMessage]); err != nil {
			return nil, err
		}
		return func(ctx context.Context, conn grpc.ClientConnInterface, done *progress, options ...grpc.CallOption) error {
			stream, err := open(newClient(conn), ctx, options...)
			if err != nil {
				return err
			}
			return converse(stream, steps, done, func() error {
				// CloseAndRecv would half-close before its time.
				response := ResponseMessage(new(Response))
				if err := stream.RecvMsg(response); err != nil {
					return err
				}
				return done.addOnly(response)
			})
		}, nil
	}
}

// conversing binds a generated method that takes a stream of requests and returns
// one of responses.
func conversing[Client, Request, Response any, RequestMessage message[Request], ResponseMessage message[Response]](
	newClient func(grpc.ClientConnInterface) Client,
	open func(Client, context.Context, ...grpc.CallOption) (grpc.BidiStreamingClient[Request, Response], error),
) binding {
	return func(steps []step) (method, error) {
		if err := prepareRequests(steps, parseAny[Request, RequestMessage]); err != nil {
			return nil, err
		}
		return func(ctx context.Context, conn grpc.ClientConnInterface, done *progress, options ...grpc.CallOption) error {
			stream, err := open(newClient(conn), ctx, options...)
			if err != nil {
				return err
			}
			return converse(stream, steps, done, func() error {
				return done.receive(serialized[Response, ResponseMessage](stream.Recv))
			})
		}, nil
	}
}

func parseOne[Type any, Message message[Type]](steps []step) (Message, error) {
	request, err := oneRequest(steps)
	if err != nil {
		return nil, err
	}
	parsed, err := parse[Type, Message](request)
	if err != nil {
		return nil, fmt.Errorf("send: step 1: %w", err)
	}
	return parsed, nil
}

func parseAny[Type any, Message message[Type]](serialized []byte) (any, error) {
	return parse[Type, Message](serialized)
}

func parse[Type any, Message message[Type]](serialized []byte) (Message, error) {
	parsed := Message(new(Type))
	if err := proto.Unmarshal(serialized, parsed); err != nil {
		return nil, fmt.Errorf("not a %s: %w", parsed.ProtoReflect().Descriptor().FullName(), err)
	}
	return parsed, nil
}

// serialized returns what receives a response and serializes it again.
func serialized[Response any, Message message[Response]](receive func() (*Response, error)) func() ([]byte, error) {
	return func() ([]byte, error) {
		response, err := receive()
		if err != nil {
			return nil, err
		}
		return serialize(Message(response))
	}
}

// serialize serializes a response again, the same way each time.
func serialize(response proto.Message) ([]byte, error) {
	serialized, err := proto.MarshalOptions{Deterministic: true}.Marshal(response)
	if err != nil {
		return nil, fmt.Errorf("serialize the response: %w", err)
	}
	return serialized, nil
}
