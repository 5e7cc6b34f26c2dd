package directions

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"crosswire/go/internal/printable"
)

// The entries of a request's metadata that direct something.
const (
	headerPrefix       = "x-crosswire-header"
	trailerPrefix      = "x-crosswire-trailer"
	statusEntry        = "x-crosswire-status"
	statusMessageEntry = "x-crosswire-status-message-bin"
	statusDetailsEntry = "x-crosswire-status-details-bin"
	delayEntry         = "x-crosswire-delay-ms"
	sizeEntry          = "x-crosswire-size"
	compressEntry      = "x-crosswire-compress"
	panicEntry         = "x-crosswire-panic"
)

// statusDetails is the trailer that has the serialized google.rpc.Status. grpc-go
// sends what stands there, if the status itself has no details.
const statusDetails = "grpc-status-details-bin"

const (
	// maxCode is one more than the last code that gRPC knows: grpc-go sends it as it is.
	maxCode = uint64(codes.Unauthenticated) + 1
	// maxDelayMillis is 24 hours, which is as long as a call's deadline may be.
	maxDelayMillis = 24 * 60 * 60 * 1000
	// maxSizeBytes is far beyond any limit of a message's size that a client has
	// by default, and no burden on the machine.
	maxSizeBytes = 64 << 20
)

// parse reads the directions in a request's metadata. Its error is the status
// INVALID_ARGUMENT, and names the entry.
func parse(received metadata.MD) (directions, error) {
	entries := reader{received: received}
	directed := directions{
		header:   startingWith(received, headerPrefix),
		trailer:  startingWith(received, trailerPrefix),
		delay:    time.Duration(entries.number(delayEntry, maxDelayMillis)) * time.Millisecond,
		size:     entries.number(sizeEntry, maxSizeBytes),
		compress: entries.compress(),
	}
	if text, given := entries.value(panicEntry); given {
		directed.panics = &text
	}
	ending := entries.status()
	if _, given := entries.value(statusEntry); given {
		directed.status = ending
		if details, given := entries.value(statusDetailsEntry); given {
			directed.trailer.Set(statusDetails, details)
		}
	}
	return directed, entries.failure
}

// startingWith returns the entries whose names start with the prefix. The order of
// the values of one name is that of the request; grpc-go does not tell the order
// of the names.
func startingWith(received metadata.MD, prefix string) metadata.MD {
	found := metadata.MD{}
	for name, values := range received {
		if strings.HasPrefix(name, prefix) {
			found[name] = values
		}
	}
	return found
}

// reader takes single entries out of metadata, and keeps the first thing that is
// wrong with one.
type reader struct {
	received metadata.MD
	failure  error
}

// value returns the entry's value, of several the last.
func (r *reader) value(name string) (value string, given bool) {
	values := r.received[name]
	if len(values) == 0 {
		return "", false
	}
	return values[len(values)-1], true
}

// number returns the entry as a number from 0 to most, 0 if it is not given.
func (r *reader) number(name string, most uint64) int {
	value, given := r.value(name)
	if !given {
		return 0
	}
	number, err := strconv.ParseUint(value, 10, 64)
	if err != nil || number > most {
		r.refuse("%s: %s is not a whole number from 0 to %d", name, printable.Quote(value), most)
		return 0
	}
	return int(number)
}

func (r *reader) compress() bool {
	value, given := r.value(compressEntry)
	if given && value != "gzip" {
		r.refuse("%s: %s is not an encoding of this server; give gzip", compressEntry, printable.Quote(value))
	}
	return given
}

// status returns the status of the entries, OK if they are not given.
func (r *reader) status() *status.Status {
	code := codes.Code(r.number(statusEntry, maxCode))
	message, _ := r.value(statusMessageEntry)
	if !utf8.ValidString(message) {
		r.refuse("%s: %s is not UTF-8", statusMessageEntry, printable.Quote(message))
	}
	return status.New(code, message)
}

func (r *reader) refuse(format string, arguments ...any) {
	if r.failure == nil {
		r.failure = status.Errorf(codes.InvalidArgument, format, arguments...)
	}
}
