package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log"
	"maps"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"crosswire/go/pb"
)

// maxMessageBytes is gRPC's default limit. Connect itself has none.
const maxMessageBytes = 4 << 20

// binarySuffix ends the names of metadata whose values are bytes.
const binarySuffix = "-bin"

// A method makes a call, and hands its responses to the collector.
type method func(context.Context, *call, *collector, *connection, ...connect.ClientOption) error

var methods = map[string]method{
	name(pb.Outliers_Detect_FullMethodName):                 unary[pb.OutliersRequest, pb.OutliersResponse],
	name(pb.FibonacciService_GetSequence_FullMethodName):    unary[pb.SequenceRequest, pb.SequenceResponse],
	name(pb.FibonacciService_StreamSequence_FullMethodName): serverStream[pb.SequenceRequest, pb.SequenceElement],
}

// name returns a method's name as the peer protocol has it.
func name(path string) string { return strings.TrimPrefix(path, "/") }

// run makes the call, and returns what Connect showed of it. Its error says what this client
// cannot do.
func (c *call) run(conn *connection) (*result, error) {
	invoke, known := methods[c.Method]
	if c.Raw {
		invoke, known = raw, true
	}
	if !known {
		return nil, fmt.Errorf("no stub for %s", c.Method)
	}
	options := []connect.ClientOption{connect.WithGRPC(), connect.WithReadMaxBytes(maxMessageBytes)}
	if c.Compression != "" {
		options = append(options, connect.WithSendCompression(c.Compression))
	}
	ctx, cancel := c.context()
	defer cancel()
	ctx, info := connect.NewClientContext(ctx)
	if err := c.addMetadata(info.RequestHeader()); err != nil {
		return nil, err
	}
	collected := &collector{messages: [][]byte{}, limit: c.CancelAfter, cancel: cancel}
	if collected.enough() {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			WroteRequest: func(httptrace.WroteRequestInfo) { cancel() },
		})
	}

	err := invoke(ctx, c, collected, conn, options...)
	if errors.Is(err, errRequest) {
		return nil, err
	}
	if collected.enough() {
		// Whether its end came before the client had cancelled is chance.
		err = connect.NewError(connect.CodeCanceled, errors.New("cancelled by the client"))
	}
	headers, trailers := info.ResponseHeader(), info.ResponseTrailer()
	return &result{
		ID:       c.ID,
		Messages: collected.messages,
		Status:   statusOf(err, trailers),
		Headers:  pairs(headers),
		Trailers: pairs(trailers),
	}, nil
}

func (c *call) context() (context.Context, context.CancelFunc) {
	if c.TimeoutMillis == nil {
		return context.WithCancel(context.Background())
	}
	return context.WithTimeout(context.Background(), time.Duration(*c.TimeoutMillis)*time.Millisecond)
}

func (c *call) addMetadata(header http.Header) error {
	for _, entry := range c.Metadata {
		name, value := entry[0], entry[1]
		if strings.HasSuffix(name, binarySuffix) {
			bytes, err := base64.StdEncoding.DecodeString(value)
			if err != nil {
				return fmt.Errorf("metadata %s: %w", name, err)
			}
			value = connect.EncodeBinaryHeader(bytes)
		}
		header.Add(name, value)
	}
	return nil
}

// wait waits as long as the call's responses are to be read late, or until the call is over,
// of which the library shall say how.
func (c *call) wait(ctx context.Context) {
	if c.ReadDelayMillis == 0 {
		return
	}
	select {
	case <-time.After(time.Duration(c.ReadDelayMillis) * time.Millisecond):
	case <-ctx.Done():
	}
}

// message is a pointer to a generated type.
type message[Type any] interface {
	*Type
	proto.Message
}

// errRequest says that there was no call, and so no status.
var errRequest = errors.New("the request does not parse")

func parse[Request any, RequestMessage message[Request]](serialized []byte) (*connect.Request[Request], error) {
	request := new(Request)
	if err := proto.Unmarshal(serialized, RequestMessage(request)); err != nil {
		return nil, fmt.Errorf("%w: %w", errRequest, err)
	}
	return connect.NewRequest(request), nil
}

func unary[Request, Response any, RequestMessage message[Request], ResponseMessage message[Response]](
	ctx context.Context, asked *call, collected *collector, conn *connection, options ...connect.ClientOption,
) error {
	if asked.ReadDelayMillis > 0 {
		// A unary call reads its response as soon as it has sent the request; that of a stream
		// waits until it is asked for, and both are the same on the wire.
		return serverStream[Request, Response, RequestMessage, ResponseMessage](ctx, asked, collected, conn, options...)
	}
	request, err := parse[Request, RequestMessage](asked.Request)
	if err != nil {
		return err
	}
	client := connect.NewClient[Request, Response](conn.http, conn.url+asked.Method, options...)
	response, err := client.CallUnary(ctx, request)
	if err != nil {
		return err
	}
	return collected.add(ResponseMessage(response.Msg))
}

func serverStream[Request, Response any, RequestMessage message[Request], ResponseMessage message[Response]](
	ctx context.Context, asked *call, collected *collector, conn *connection, options ...connect.ClientOption,
) error {
	request, err := parse[Request, RequestMessage](asked.Request)
	if err != nil {
		return err
	}
	client := connect.NewClient[Request, Response](conn.http, conn.url+asked.Method, options...)
	stream, err := client.CallServerStream(ctx, request)
	if err != nil {
		return err
	}
	defer stream.Close()
	for asked.wait(ctx); stream.Receive(); asked.wait(ctx) {
		if err := collected.add(ResponseMessage(stream.Msg())); err != nil {
			return err
		}
	}
	return stream.Err()
}

// raw makes a call of a method that no stub needs to know, and leaves its messages as they are.
func raw(
	ctx context.Context, asked *call, collected *collector, conn *connection, options ...connect.ClientOption,
) error {
	options = append(options, connect.WithCodec(bytesCodec{}))
	client := connect.NewClient[[]byte, []byte](conn.http, conn.url+asked.Method, options...)
	stream, err := client.CallServerStream(ctx, connect.NewRequest(&asked.Request))
	if err != nil {
		return err
	}
	defer stream.Close()
	for asked.wait(ctx); stream.Receive(); asked.wait(ctx) {
		collected.addBytes(*stream.Msg())
	}
	return stream.Err()
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

// collector keeps a call's messages, and cancels the call when there are enough.
type collector struct {
	messages [][]byte
	// limit is how many messages are enough; nil: no number is.
	limit  *int
	cancel context.CancelFunc
}

func (c *collector) add(message proto.Message) error {
	serialized, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
	if err == nil {
		c.addBytes(serialized)
	}
	return err
}

func (c *collector) addBytes(serialized []byte) {
	if c.enough() {
		return
	}
	// A message of no bytes is "", not null.
	c.messages = append(c.messages, append([]byte{}, serialized...))
	if c.enough() {
		c.cancel()
	}
}

func (c *collector) enough() bool {
	return c.limit != nil && len(c.messages) >= *c.limit
}

func statusOf(err error, trailers http.Header) status {
	shown := status{Details: []byte{}}
	if err == nil {
		return shown
	}
	shown.Code, shown.Message = uint32(connect.CodeOf(err)), err.Error()
	if failure := new(connect.Error); errors.As(err, &failure) {
		shown.Message = failure.Message()
	}
	// The API has the details apart; the bytes stand among the trailers.
	if value := trailers.Get("Grpc-Status-Details-Bin"); value != "" {
		if details, err := connect.DecodeBinaryHeader(value); err == nil {
			shown.Details = details
		}
	}
	return shown
}

// pairs returns the entries of what Connect showed, sorted by name, for net/http keeps no more
// than the order of a name's values. Connect leaves it to its user to split several binary
// values, and to decode them.
func pairs(shown http.Header) []pair {
	entries := []pair{}
	for _, name := range slices.Sorted(maps.Keys(shown)) {
		lower := strings.ToLower(name)
		for _, value := range shown[name] {
			if !strings.HasSuffix(lower, binarySuffix) {
				entries = append(entries, pair{lower, value})
				continue
			}
			for encoded := range strings.SplitSeq(value, ",") {
				bytes, err := connect.DecodeBinaryHeader(strings.TrimSpace(encoded))
				if err != nil {
					log.Printf("left out a value of %s: %v", lower, err)
					continue
				}
				entries = append(entries, pair{lower, base64.StdEncoding.EncodeToString(bytes)})
			}
		}
	}
	return entries
}
