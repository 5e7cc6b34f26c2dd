package drive

import (
	"context"
	"encoding/base64"
	"fmt"
	"math"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// statusDetails is the trailer that has the serialized google.rpc.Status.
const statusDetails = "grpc-status-details-bin"

// errCancelled stands in when the call's end, whatever it was, had arrived
// before the client cancelled, but had not been read yet: a client that cancels
// does not read on, and which comes first is chance.
var errCancelled = status.Error(codes.Canceled, "cancelled by the client")

// preparedCall is a call that has everything to be made.
type preparedCall struct {
	asked      *call
	connection grpc.ClientConnInterface
	method     method
	// metadata has names and values in turns.
	metadata []string
	options  []grpc.CallOption
}

// prepare turns what was asked into a call. Its error says what this client
// cannot do.
func (d *driver) prepare(asked *call) (*preparedCall, error) {
	bind, known := stubs[asked.Method]
	if asked.Raw {
		bind, known = raw(asked.Method), true
	}
	if !known {
		return nil, fmt.Errorf("no stub for %s", asked.Method)
	}
	steps, err := readSteps(asked.Send)
	if err != nil {
		return nil, err
	}
	prepared := preparedCall{asked: asked}
	if prepared.method, err = bind(steps); err != nil {
		return nil, err
	}
	if prepared.metadata, err = outgoing(asked.Metadata); err != nil {
		return nil, err
	}
	switch asked.Compression {
	case "":
	case gzip.Name:
		prepared.options = append(prepared.options, grpc.UseCompressor(gzip.Name))
	default:
		return nil, fmt.Errorf("no compression %q", asked.Compression)
	}
	conn, err := d.connections.get(asked)
	if err != nil {
		return nil, err
	}
	prepared.connection = conn
	if asked.ReadDelayMillis != nil {
		prepared.connection = slowConnection{conn, milliseconds(*asked.ReadDelayMillis)}
	}
	return &prepared, nil
}

// run makes the call, and returns what the API showed of it.
func (c *preparedCall) run() *result {
	ctx, cancel := c.context()
	defer cancel()
	done := newProgress(c.asked.CancelAfter, cancel)

	var headers, trailers metadata.MD
	options := append(c.options, grpc.Header(&headers), grpc.Trailer(&trailers))
	err := c.method(watched(ctx, done), c.connection, done, options...)
	if done.cancelled && status.Code(err) != codes.Canceled {
		err = errCancelled
	}
	return &result{
		ID:       c.asked.ID,
		Steps:    done.steps,
		Messages: done.messages,
		Status:   statusOf(err, trailers),
		Headers:  incoming(headers),
		Trailers: incoming(trailers),
	}
}

// context returns the context of the call, with its metadata and deadline.
func (c *preparedCall) context() (context.Context, context.CancelFunc) {
	ctx := metadata.AppendToOutgoingContext(context.Background(), c.metadata...)
	if c.asked.TimeoutMillis == nil {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, milliseconds(*c.asked.TimeoutMillis))
}

// milliseconds returns so many, none if the count is negative, or as many as a
// Duration can have, which is 292 years and more than any call needs.
func milliseconds(count int64) time.Duration {
	return time.Duration(max(0, min(count, math.MaxInt64/int64(time.Millisecond)))) * time.Millisecond
}

func statusOf(err error, trailers metadata.MD) callStatus {
	shown := status.Convert(err)
	details := ""
	if values := trailers.Get(statusDetails); len(values) > 0 {
		details = base64.StdEncoding.EncodeToString([]byte(values[0]))
	}
	return callStatus{Code: uint32(shown.Code()), Message: shown.Message(), Details: details}
}
