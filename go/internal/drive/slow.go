package drive

import (
	"context"
	"time"

	"google.golang.org/grpc"
)

// slowConnection makes calls that wait before they ask the library for a response
// message, each time. What has not been asked for fills the flow-control windows,
// and then holds the server back.
type slowConnection struct {
	grpc.ClientConnInterface
	delay time.Duration
}

// Invoke makes a unary call as grpc-go's own Invoke does, from the same parts:
// that one leaves no room before its response.
func (c slowConnection) Invoke(ctx context.Context, method string, request, response any, options ...grpc.CallOption) error {
	stream, err := c.NewStream(ctx, &grpc.StreamDesc{}, method, options...)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(request); err != nil {
		return err
	}
	return stream.RecvMsg(response)
}

func (c slowConnection) NewStream(
	ctx context.Context, description *grpc.StreamDesc, method string, options ...grpc.CallOption,
) (grpc.ClientStream, error) {
	stream, err := c.ClientConnInterface.NewStream(ctx, description, method, options...)
	if err != nil {
		return nil, err
	}
	return slowStream{stream, c.delay}, nil
}

type slowStream struct {
	grpc.ClientStream
	delay time.Duration
}

// RecvMsg leaves it to the library to say what became of a call that was over
// before the wait was.
func (s slowStream) RecvMsg(message any) error {
	select {
	case <-time.After(s.delay):
	case <-s.Context().Done():
	}
	return s.ClientStream.RecvMsg(message)
}
