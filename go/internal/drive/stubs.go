package drive

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"crosswire/go/pb"
)

// A method makes one call with the request that it is bound to, hands over the
// messages that arrive, and returns once the call is over: nil for OK, or else
// the status as the API's error.
type method func(context.Context, grpc.ClientConnInterface, *collector, ...grpc.CallOption) error

// A binding gives a method its serialized request, or says why it cannot.
type binding func(request []byte) (method, error)

// stubs has the methods that there is generated code for.
var stubs = map[string]binding{
	name(pb.Outliers_Detect_FullMethodName):                 unary(pb.NewOutliersClient, pb.OutliersClient.Detect),
	name(pb.FibonacciService_GetSequence_FullMethodName):    unary(pb.NewFibonacciServiceClient, pb.FibonacciServiceClient.GetSequence),
	name(pb.FibonacciService_StreamSequence_FullMethodName): streaming(pb.NewFibonacciServiceClient, pb.FibonacciServiceClient.StreamSequence),
}

// name returns a method's name as the protocol has it.
func name(path string) string { return strings.TrimPrefix(path, "/") }

// message is a pointer to a generated type.
type message[Type any] interface {
	*Type
	proto.Message
}

// unary binds a generated method that returns one response.
func unary[Client, Request, Response any, RequestMessage message[Request], ResponseMessage message[Response]](
	newClient func(grpc.ClientConnInterface) Client,
	invoke func(Client, context.Context, RequestMessage, ...grpc.CallOption) (ResponseMessage, error),
) binding {
	return func(serialized []byte) (method, error) {
		request, err := parse[Request, RequestMessage](serialized)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, conn grpc.ClientConnInterface, collected *collector, options ...grpc.CallOption) error {
			response, err := invoke(newClient(conn), ctx, request, options...)
			if err != nil {
				return err
			}
			serialized, err := serialize(response)
			if err != nil {
				return err
			}
			// The response came with the call's end: there is nothing left
			// to cancel.
			collected.add(serialized)
			return nil
		}, nil
	}
}

// streaming binds a generated method that returns a stream of responses.
func streaming[Client, Request, Response any, RequestMessage message[Request], ResponseMessage message[Response]](
	newClient func(grpc.ClientConnInterface) Client,
	invoke func(Client, context.Context, RequestMessage, ...grpc.CallOption) (grpc.ServerStreamingClient[Response], error),
) binding {
	return func(serialized []byte) (method, error) {
		request, err := parse[Request, RequestMessage](serialized)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, conn grpc.ClientConnInterface, collected *collector, options ...grpc.CallOption) error {
			responses, err := invoke(newClient(conn), ctx, request, options...)
			if err != nil {
				return err
			}
			return collected.receive(func() ([]byte, error) {
				response, err := responses.Recv()
				if err != nil {
					return nil, err
				}
				return serialize(ResponseMessage(response))
			})
		}, nil
	}
}

func parse[Type any, Message message[Type]](serialized []byte) (Message, error) {
	parsed := Message(new(Type))
	if err := proto.Unmarshal(serialized, parsed); err != nil {
		return nil, fmt.Errorf("not a %s: %w", parsed.ProtoReflect().Descriptor().FullName(), err)
	}
	return parsed, nil
}

// serialize serializes a response again, the same way each time.
func serialize(response proto.Message) ([]byte, error) {
	serialized, err := proto.MarshalOptions{Deterministic: true}.Marshal(response)
	if err != nil {
		return nil, fmt.Errorf("serialize the response: %w", err)
	}
	return serialized, nil
}
