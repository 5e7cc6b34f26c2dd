package directions

import (
	"context"

	"google.golang.org/grpc"
)

// Unary answers a unary call as it directs.
func Unary(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	directed, err := follow(ctx)
	if err != nil {
		return nil, err
	}
	response, failure := handle(ctx, request)
	if failure != nil {
		if err := directed.wait(ctx); err != nil {
			return nil, err
		}
		// Without a message the call cannot end with OK, even if it directs so.
		if err := directed.end(failure); err != nil {
			return nil, err
		}
		return nil, failure
	}
	if err := directed.prepare(ctx, response); err != nil {
		return nil, err
	}
	return response, directed.end(nil)
}

// Stream answers a call with a stream of responses as it directs.
func Stream(server any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	directed, err := follow(stream.Context())
	if err != nil {
		return err
	}
	responses := &directedStream{ServerStream: stream, directed: directed}
	err = handle(server, responses)
	if responses.failure != nil {
		return responses.failure
	}
	return directed.end(err)
}

// directedStream is a stream whose messages are sent as the call directs.
type directedStream struct {
	grpc.ServerStream
	directed directions
	// failure is why a message was not sent. Nothing stands in for it: the call
	// never came to its end.
	failure error
}

func (s *directedStream) SendMsg(message any) error {
	s.failure = s.directed.prepare(s.Context(), message)
	if s.failure == nil {
		s.failure = s.ServerStream.SendMsg(message)
	}
	return s.failure
}
