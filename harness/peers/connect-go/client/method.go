package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"crosswire/go/pb"
)

// A method makes calls.
type method interface {
	// prepare parses the messages of the steps and returns what makes the call. Its error says
	// what cannot be sent.
	prepare(steps []step, slow bool) (invocation, error)
	// answersOnce says whether a response is one message.
	answersOnce() bool
}

// An invocation makes a call, and hands its responses to the collector.
type invocation func(context.Context, *exchange) error

var methods = map[string]method{
	name(pb.Outliers_Detect_FullMethodName):                        typed[pb.OutliersRequest, pb.OutliersResponse](connect.StreamTypeUnary),
	name(pb.FibonacciService_GetSequence_FullMethodName):           typed[pb.SequenceRequest, pb.SequenceResponse](connect.StreamTypeUnary),
	name(pb.FibonacciService_StreamSequence_FullMethodName):        typed[pb.SequenceRequest, pb.SequenceElement](connect.StreamTypeServer),
	name(pb.TestService_EmptyCall_FullMethodName):                  typed[pb.Empty, pb.Empty](connect.StreamTypeUnary),
	name(pb.TestService_UnaryCall_FullMethodName):                  typed[pb.SimpleRequest, pb.SimpleResponse](connect.StreamTypeUnary),
	name(pb.TestService_CacheableUnaryCall_FullMethodName):         typed[pb.SimpleRequest, pb.SimpleResponse](connect.StreamTypeUnary),
	name(pb.TestService_StreamingOutputCall_FullMethodName):        typed[pb.StreamingOutputCallRequest, pb.StreamingOutputCallResponse](connect.StreamTypeServer),
	name(pb.TestService_StreamingInputCall_FullMethodName):         typed[pb.StreamingInputCallRequest, pb.StreamingInputCallResponse](connect.StreamTypeClient),
	name(pb.TestService_FullDuplexCall_FullMethodName):             typed[pb.StreamingOutputCallRequest, pb.StreamingOutputCallResponse](connect.StreamTypeBidi),
	name(pb.TestService_HalfDuplexCall_FullMethodName):             typed[pb.StreamingOutputCallRequest, pb.StreamingOutputCallResponse](connect.StreamTypeBidi),
	name(pb.TestService_UnimplementedCall_FullMethodName):          typed[pb.Empty, pb.Empty](connect.StreamTypeUnary),
	name(pb.UnimplementedService_UnimplementedCall_FullMethodName): typed[pb.Empty, pb.Empty](connect.StreamTypeUnary),
}

// name returns a method's name as the peer protocol has it.
func name(path string) string { return strings.TrimPrefix(path, "/") }

// stub is the method of a kind whose messages are of these types.
type stub[Request, Response any] struct {
	kind      connect.StreamType
	parse     func([]byte) (*Request, error)
	serialize func(*Response) ([]byte, error)
}

// message is a pointer to a generated type.
type message[Type any] interface {
	*Type
	proto.Message
}

func typed[Request, Response any, RequestMessage message[Request], ResponseMessage message[Response]](
	kind connect.StreamType,
) method {
	return stub[Request, Response]{
		kind: kind,
		parse: func(serialized []byte) (*Request, error) {
			request := new(Request)
			return request, proto.Unmarshal(serialized, RequestMessage(request))
		},
		serialize: func(response *Response) ([]byte, error) {
			return proto.MarshalOptions{Deterministic: true}.Marshal(ResponseMessage(response))
		},
	}
}

// raw returns a method that no stub needs to know, and that leaves its messages as they are.
func raw(steps []step) method {
	kind := connect.StreamTypeBidi
	if isOneRequest(steps) {
		kind = connect.StreamTypeServer
	}
	return stub[[]byte, []byte]{
		kind:      kind,
		parse:     func(serialized []byte) (*[]byte, error) { return &serialized, nil },
		serialize: func(response *[]byte) ([]byte, error) { return *response, nil },
	}
}

func (s stub[Request, Response]) answersOnce() bool { return s.kind&connect.StreamTypeServer == 0 }

func (s stub[Request, Response]) prepare(steps []step, slow bool) (invocation, error) {
	takesOne := s.kind&connect.StreamTypeClient == 0
	if takesOne && !isOneRequest(steps) {
		return nil, errors.New("the method takes one request: a message, and a half_close")
	}
	requests := make([]*Request, len(steps))
	for position, step := range steps {
		if step.Message == nil {
			continue
		}
		request, err := s.parse(step.Message)
		if err != nil {
			return nil, fmt.Errorf("the request does not parse: %w", err)
		}
		requests[position] = request
	}
	return s.way(takesOne, !slow && areMessages(steps), requests), nil
}

// way returns how the call is made: as its kind is called, if it is a plain one. The stubs of a
// method that answers once ask for the response as soon as they may, and then do nothing else; a
// stream's waits until it is asked, and both are the same on the wire.
func (s stub[Request, Response]) way(takesOne, isPlain bool, requests []*Request) invocation {
	call := s.bidi
	switch {
	case takesOne && s.answersOnce() && isPlain:
		call = s.unary
	case takesOne:
		call = s.serverStream
	case s.answersOnce() && isPlain:
		call = s.clientStream
	}
	return func(ctx context.Context, x *exchange) error {
		client := connect.NewClient[Request, Response](x.conn.http, x.conn.url+x.call.Method, x.call.options()...)
		return call(ctx, x, client, requests)
	}
}

func (s stub[Request, Response]) unary(
	ctx context.Context, x *exchange, client *connect.Client[Request, Response], requests []*Request,
) error {
	x.done = len(x.steps)
	response, err := client.CallUnary(ctx, connect.NewRequest(requests[0]))
	if err != nil {
		return err
	}
	return s.collect(x, response.Msg)
}

func (s stub[Request, Response]) clientStream(
	ctx context.Context, x *exchange, client *connect.Client[Request, Response], requests []*Request,
) error {
	stream := client.CallClientStream(ctx)
	// The half-close is one with asking for the response.
	if err := play(ctx, x, requests, halfOf[Request]{stream.Send}); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	response, err := stream.CloseAndReceive()
	if err != nil {
		return err
	}
	return s.collect(x, response.Msg)
}

// halfOf is the client's half of a stream that another closes.
type halfOf[Request any] struct{ send func(*Request) error }

func (h halfOf[Request]) Send(request *Request) error { return h.send(request) }
func (h halfOf[Request]) CloseRequest() error         { return nil }

func (s stub[Request, Response]) serverStream(
	ctx context.Context, x *exchange, client *connect.Client[Request, Response], requests []*Request,
) error {
	// The message and the half-close are one with the call.
	x.done = 2
	playing := begin(func() { play[Request](ctx, x, requests, nil) })
	defer playing.end(x)
	stream, err := client.CallServerStream(ctx, connect.NewRequest(requests[0]))
	if err != nil {
		return err
	}
	defer stream.Close()
	return s.read(ctx, x, stream, func() (*Response, error) {
		if stream.Receive() {
			return stream.Msg(), nil
		}
		if err := stream.Err(); err != nil {
			return nil, err
		}
		return nil, io.EOF
	})
}

func (s stub[Request, Response]) bidi(
	ctx context.Context, x *exchange, client *connect.Client[Request, Response], requests []*Request,
) error {
	stream := client.CallBidiStream(ctx)
	// The headers alone: the first step may be to wait.
	if err := stream.Send(nil); err != nil {
		return err
	}
	defer stream.CloseResponse()
	playing := begin(func() {
		if play(ctx, x, requests, stream); ctx.Err() != nil {
			// As senders do that stop. net/http does not see that a call is over, be it
			// cancelled or too late, as long as it waits for more of the request.
			_ = stream.CloseRequest()
		}
	})
	defer playing.end(x)
	return s.read(ctx, x, stream, stream.Receive)
}

// playing is closed when the steps have come to their end.
type playing chan struct{}

func begin(work func()) playing {
	ended := make(playing)
	go func() {
		defer close(ended)
		work()
	}()
	return ended
}

// end ends the steps with the call, which is over.
func (p playing) end(x *exchange) {
	x.cancel()
	<-p
}

// read collects the responses until the call is over, and returns what it has failed with.
func (s stub[Request, Response]) read(
	ctx context.Context, x *exchange, stream interface{ ResponseHeader() http.Header }, receive func() (*Response, error),
) error {
	// A response without headers has its status among them.
	if stream.ResponseHeader().Get("Grpc-Status") == "" {
		x.collected.begin()
	}
	for {
		if x.call.ReadDelayMillis > 0 {
			// Of a call that is over meanwhile, the library shall say how.
			_ = pause(ctx, time.Duration(x.call.ReadDelayMillis)*time.Millisecond)
		}
		response, err := receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.collect(x, response); err != nil {
			return err
		}
	}
}

func (s stub[Request, Response]) collect(x *exchange, response *Response) error {
	serialized, err := s.serialize(response)
	if err == nil {
		x.collected.add(serialized)
	}
	return err
}

// bytesCodec takes bytes for a message that has been serialized already.
type bytesCodec struct{}

// Name is that of protobuf, so that the content type is what every server takes.
func (bytesCodec) Name() string { return "proto" }

func (bytesCodec) Marshal(message any) ([]byte, error) {
	bytes, ok := message.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("cannot send a %T as bytes", message)
	}
	return *bytes, nil
}

func (bytesCodec) Unmarshal(data []byte, message any) error {
	switch message := message.(type) {
	case *[]byte:
		*message = slices.Clone(data)
		return nil
	case proto.Message:
		// Connect reads the details of an error with the codec that has this name.
		return proto.Unmarshal(data, message)
	default:
		return fmt.Errorf("cannot receive bytes into a %T", message)
	}
}
