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
)

// maxMessageBytes is gRPC's default limit. Connect itself has none.
const maxMessageBytes = 4 << 20

// binarySuffix ends the names of metadata whose values are bytes.
const binarySuffix = "-bin"

// run makes the call, and returns what Connect showed of it. Its error says what this client
// cannot do.
func (c *call) run(conn *connection) (*result, error) {
	steps, err := parseSteps(c.Send)
	if err != nil {
		return nil, err
	}
	method, err := c.method(steps)
	if err != nil {
		return nil, err
	}
	invoke, err := method.prepare(steps, c.ReadDelayMillis > 0)
	if err != nil {
		return nil, err
	}
	ctx, cancel := c.context()
	defer cancel()
	ctx, info := connect.NewClientContext(ctx)
	if err := c.addMetadata(info.RequestHeader()); err != nil {
		return nil, err
	}
	collected := newCollector(c.CancelAfter, cancel)
	if collected.enough() {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			WroteRequest: func(httptrace.WroteRequestInfo) { cancel() },
		})
	}

	asked := &exchange{call: c, conn: conn, steps: steps, collected: collected, cancel: cancel}
	err = invoke(ctx, asked)
	if collected.enough() {
		// Whether its end came before the client had cancelled is chance.
		err = connect.NewError(connect.CodeCanceled, errors.New("cancelled by the client"))
	}
	messages := collected.messages
	if err != nil && method.answersOnce() {
		// What is no stream has failed as a whole, although it was read as one.
		messages = [][]byte{}
	}
	headers, trailers := info.ResponseHeader(), info.ResponseTrailer()
	return &result{
		ID:       c.ID,
		Steps:    asked.done,
		Messages: messages,
		Status:   statusOf(err, trailers),
		Headers:  pairs(headers),
		Trailers: pairs(trailers),
	}, nil
}

func (c *call) method(steps []step) (method, error) {
	if c.Raw {
		return raw(steps), nil
	}
	known, ok := methods[c.Method]
	if !ok {
		return nil, fmt.Errorf("no stub for %s", c.Method)
	}
	return known, nil
}

// options returns what every call has besides its own.
func (c *call) options() []connect.ClientOption {
	options := []connect.ClientOption{connect.WithGRPC(), connect.WithReadMaxBytes(maxMessageBytes)}
	if c.Compression != "" {
		options = append(options, connect.WithSendCompression(c.Compression))
	}
	if c.Raw {
		options = append(options, connect.WithCodec(bytesCodec{}))
	}
	return options
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
