package drive

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
)

// raw binds a method that no stub needs to know: the messages go out as they are,
// and the responses are kept as they came.
func raw(path string) binding {
	return func(steps []step) (method, error) {
		asBytes := func(message []byte) (any, error) { return message, nil }
		if err := prepareRequests(steps, asBytes); err != nil {
			return nil, err
		}
		kind := &grpc.StreamDesc{ServerStreams: true, ClientStreams: !isOneRequest(steps)}
		return func(ctx context.Context, conn grpc.ClientConnInterface, done *progress, options ...grpc.CallOption) error {
			options = append(options, grpc.ForceCodecV2(bytesCodec{}))
			stream, err := conn.NewStream(ctx, kind, "/"+path, options...)
			if err != nil {
				return err
			}
			return converse(stream, steps, done, func() error {
				return done.receive(func() ([]byte, error) {
					var response []byte
					err := stream.RecvMsg(&response)
					return response, err
				})
			})
		}, nil
	}
}

// bytesCodec takes a []byte for a message that has been serialized already.
type bytesCodec struct{}

func (bytesCodec) Marshal(message any) (mem.BufferSlice, error) {
	bytes, ok := message.([]byte)
	if !ok {
		return nil, fmt.Errorf("cannot send a %T as bytes", message)
	}
	return mem.BufferSlice{mem.SliceBuffer(bytes)}, nil
}

func (bytesCodec) Unmarshal(data mem.BufferSlice, message any) error {
	bytes, ok := message.(*[]byte)
	if !ok {
		return fmt.Errorf("cannot receive bytes into a %T", message)
	}
	*bytes = data.Materialize()
	return nil
}

// Name goes into the content-type, after "application/grpc+". An empty one
// leaves it at "application/grpc", which every server takes for protobuf.
func (bytesCodec) Name() string { return "" }
