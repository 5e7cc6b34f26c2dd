package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"connectrpc.com/connect"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// The entries of a request's metadata that say how it is answered.
const (
	headerPrefix       = "X-Crosswire-Header"
	trailerPrefix      = "X-Crosswire-Trailer"
	statusEntry        = "X-Crosswire-Status"
	statusMessageEntry = "X-Crosswire-Status-Message-Bin"
	statusDetailsEntry = "X-Crosswire-Status-Details-Bin"
	delayEntry         = "X-Crosswire-Delay-Ms"
	sizeEntry          = "X-Crosswire-Size"
	compressEntry      = "X-Crosswire-Compress"
	panicEntry         = "X-Crosswire-Panic"
)

const (
	maxCode        = 17
	maxDelayMillis = 24 * 60 * 60 * 1000
	maxSizeBytes   = 64 << 20
	// paddingField is the number of the field that makes a message longer.
	paddingField protowire.Number = 1000
	// binarySuffix ends the names of metadata whose values are bytes.
	binarySuffix = "-Bin"
)

// directed is the interceptor that answers as the request's metadata directs.
type directed struct{}

var _ connect.Interceptor = directed{}

func (directed) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
		directions, err := parse(request.Header())
		if err != nil {
			return nil, err
		}
		// An error has no metadata but its own; what stands in the context goes with either.
		if call, known := connect.CallInfoForHandlerContext(ctx); known {
			directions.sendBack(call.ResponseHeader(), call.ResponseTrailer())
		}
		response, err := next(ctx, request)
		if err := directions.wait(ctx); err != nil {
			return nil, err
		}
		if err != nil {
			return nil, directions.end(err, false)
		}
		if err := directions.pad(response.Any()); err != nil {
			return nil, err
		}
		if err := directions.end(nil, true); err != nil {
			return nil, err
		}
		return response, nil
	}
}

func (directed) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		directions, err := parse(conn.RequestHeader())
		if err != nil {
			return err
		}
		directions.sendBack(conn.ResponseHeader(), conn.ResponseTrailer())
		responses := &directedConn{StreamingHandlerConn: conn, ctx: ctx, directions: directions}
		err = next(ctx, responses)
		if responses.failure != nil {
			return responses.failure
		}
		return directions.end(err, true)
	}
}

func (directed) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// directedConn sends messages as its call directs.
type directedConn struct {
	connect.StreamingHandlerConn
	ctx        context.Context
	directions *directions
	// failure is why a message was not sent: then the call never came to its directed end.
	failure error
}

func (c *directedConn) Send(message any) error {
	if c.failure = c.directions.wait(c.ctx); c.failure != nil {
		return c.failure
	}
	if c.failure = c.directions.pad(message); c.failure != nil {
		return c.failure
	}
	c.failure = c.StreamingHandlerConn.Send(message)
	return c.failure
}

// directions are what the metadata of one call asks for. That its response be compressed is
// nothing to be done: Connect compresses whatever goes to a client that offers gzip.
type directions struct {
	// header and trailer are sent back.
	header, trailer http.Header
	// ends says that the call ends with status, which is nil for OK.
	ends   bool
	status error
	delay  time.Duration
	size   int
	panics *string
}

// parse fails with INVALID_ARGUMENT if a value has no meaning.
func parse(header http.Header) (*directions, error) {
	parsed := &directions{}
	var err error
	if parsed.header, err = startingWith(header, headerPrefix); err != nil {
		return nil, err
	}
	if parsed.trailer, err = startingWith(header, trailerPrefix); err != nil {
		return nil, err
	}
	delay, err := number(header, delayEntry, maxDelayMillis)
	if err != nil {
		return nil, err
	}
	parsed.delay = time.Duration(delay) * time.Millisecond
	if parsed.size, err = number(header, sizeEntry, maxSizeBytes); err != nil {
		return nil, err
	}
	if encoding, given := last(header, compressEntry); given && encoding != "gzip" {
		return nil, refusal("%s: %q is not an encoding of this server; give gzip", compressEntry, encoding)
	}
	if text, given := last(header, panicEntry); given {
		parsed.panics = &text
	}
	_, parsed.ends = last(header, statusEntry)
	if parsed.status, err = parseStatus(header); err != nil {
		return nil, err
	}
	return parsed, nil
}

// parseStatus returns the status that is asked for, and the error if it cannot be read.
func parseStatus(header http.Header) (status error, err error) {
	code, err := number(header, statusEntry, maxCode)
	if err != nil {
		return nil, err
	}
	message, err := binary(header, statusMessageEntry)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(message) {
		return nil, refusal("%s: not UTF-8", statusMessageEntry)
	}
	serialized, err := binary(header, statusDetailsEntry)
	if err != nil {
		return nil, err
	}
	// Connect makes the google.rpc.Status itself, of the error's code, text and details.
	var details spb.Status
	if err := proto.Unmarshal(serialized, &details); err != nil {
		return nil, refusal("%s: no google.rpc.Status: %w", statusDetailsEntry, err)
	}
	if code == 0 {
		return nil, nil
	}
	failure := connect.NewError(connect.Code(code), errors.New(string(message)))
	for _, any := range details.GetDetails() {
		detail, err := connect.NewErrorDetail(any)
		if err != nil {
			return nil, refusal("%s: %w", statusDetailsEntry, err)
		}
		failure.AddDetail(detail)
	}
	return failure, nil
}

// last returns the entry's value, of several the last.
func last(header http.Header, name string) (value string, given bool) {
	values := header[name]
	if len(values) == 0 {
		return "", false
	}
	return values[len(values)-1], true
}

// number returns the entry as a number from 0 to most, and 0 if it is not there.
func number(header http.Header, name string, most uint64) (int, error) {
	value, given := last(header, name)
	if !given {
		return 0, nil
	}
	parsed, err := strconv.ParseUint(value, 10, 64)
	if err != nil || parsed > most {
		return 0, refusal("%s: %q is not a whole number from 0 to %d", name, value, most)
	}
	return int(parsed), nil
}

// binary returns the entry's bytes, of several values the last.
func binary(header http.Header, name string) ([]byte, error) {
	value, _ := last(header, name)
	value = value[strings.LastIndexByte(value, ',')+1:]
	decoded, err := connect.DecodeBinaryHeader(strings.TrimSpace(value))
	if err != nil {
		return nil, refusal("%s: %w", name, err)
	}
	return decoded, nil
}

func refusal(format string, arguments ...any) error {
	return connect.NewError(connect.CodeInvalidArgument, fmt.Errorf(format, arguments...))
}

// startingWith returns the entries whose names start so. The values of one name keep their
// order; net/http tells no order of the names.
func startingWith(header http.Header, prefix string) (http.Header, error) {
	found := http.Header{}
	for name, values := range header {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		if !strings.HasSuffix(name, binarySuffix) {
			found[name] = values
			continue
		}
		// Connect leaves it to its user to split what commas join, and to decode it.
		for value := range strings.SplitSeq(strings.Join(values, ","), ",") {
			decoded, err := connect.DecodeBinaryHeader(strings.TrimSpace(value))
			if err != nil {
				return nil, refusal("%s: %w", name, err)
			}
			found.Add(name, connect.EncodeBinaryHeader(decoded))
		}
	}
	return found, nil
}

func (d *directions) sendBack(header, trailer http.Header) {
	maps.Copy(header, d.header)
	maps.Copy(trailer, d.trailer)
}

// wait waits until a response may be sent, or fails as the call does meanwhile.
func (d *directions) wait(ctx context.Context) error { return pause(ctx, d.delay) }

// pause waits so long, or fails as the call does meanwhile.
func pause(ctx context.Context, length time.Duration) error {
	if length <= 0 {
		return nil
	}
	select {
	case <-time.After(length):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pad makes a response message as long as it is to be.
func (d *directions) pad(message any) error {
	if response, ok := message.(proto.Message); ok {
		return pad(response, d.size)
	}
	return nil
}

// end turns the error of a handler that has done its work into that of the call. A unary call
// without a message cannot end well, whatever it is directed to.
func (d *directions) end(err error, mayEndWell bool) error {
	if d.panics != nil {
		panic(*d.panics)
	}
	if d.ends && (d.status != nil || mayEndWell) {
		return d.status
	}
	return err
}

// pad makes the message so many bytes long, unless it is as long already.
func pad(message proto.Message, size int) error {
	missing := size - proto.Size(message)
	if missing <= 0 {
		return nil
	}
	field := protowire.AppendTag(nil, paddingField, protowire.BytesType)
	zeros := missing - len(field)
	for zeros > 0 && len(field)+protowire.SizeBytes(zeros) > missing {
		zeros--
	}
	if zeros < 0 || len(field)+protowire.SizeBytes(zeros) != missing {
		return refusal("%s: no field is %d bytes long, which a message of %d bytes lacks",
			sizeEntry, missing, size-missing)
	}
	field = protowire.AppendBytes(field, make([]byte, zeros))
	reflected := message.ProtoReflect()
	// What is unknown comes last when a message is serialized.
	reflected.SetUnknown(append(reflected.GetUnknown(), field...))
	return nil
}
