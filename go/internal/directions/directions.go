// Package directions lets a request say, by its metadata, how the server answers
// it, as docs/peer-protocol.md lists. Two interceptors do what it says, so that
// the services know nothing of it. A call without such metadata is served as if
// they were not there.
package directions

import (
	"context"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// directions are what the metadata of one call asks for.
type directions struct {
	// header and trailer are sent back.
	header, trailer metadata.MD
	// status, if any, is how the call ends, instead of its own status.
	status *status.Status
	// delay is the time to wait before each response message.
	delay time.Duration
	// size is how many bytes each response message has at least.
	size int
	// compress says to compress the response messages with gzip.
	compress bool
	// panics is the text of the panic that ends the handler; nil: none does.
	panics *string
}

// follow reads the directions in the call's metadata, and does what is to be done
// before its handler. Its error is a status.
func follow(ctx context.Context) (directions, error) {
	received, _ := metadata.FromIncomingContext(ctx)
	directed, err := parse(received)
	if err != nil {
		return directions{}, err
	}
	if err := grpc.SetHeader(ctx, directed.header); err != nil {
		return directions{}, err
	}
	if err := grpc.SetTrailer(ctx, directed.trailer); err != nil {
		return directions{}, err
	}
	if !directed.compress {
		return directed, nil
	}
	offered, err := grpc.ClientSupportedCompressors(ctx)
	if err != nil || !slices.Contains(offered, gzip.Name) {
		return directed, err
	}
	return directed, grpc.SetSendCompressor(ctx, gzip.Name)
}

// prepare makes a response message ready to be sent, once its time has come. Its
// error is a status.
func (d directions) prepare(ctx context.Context, message any) error {
	if err := d.wait(ctx); err != nil {
		return err
	}
	if response, ok := message.(proto.Message); ok {
		return pad(response, d.size)
	}
	return nil
}

// wait ends early, with the call's status, if the call does.
func (d directions) wait(ctx context.Context) error {
	if d.delay == 0 {
		return nil
	}
	select {
	case <-time.After(d.delay):
		return nil
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}

// end turns the error of a handler that has done its work into that of the call.
func (d directions) end(err error) error {
	if d.panics != nil {
		panic(*d.panics)
	}
	if d.status != nil {
		return d.status.Err()
	}
	return err
}
