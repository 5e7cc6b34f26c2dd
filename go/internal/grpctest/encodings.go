package grpctest

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/stats"
)

// OtherEncoding is one that a server does not use by itself. grpc-go's client
// always accepts something, so this is what stands for "not gzip". It must be
// registered.
const OtherEncoding = "other"

// RegisterOtherEncoding lets clients accept it.
func RegisterOtherEncoding() {
	encoding.RegisterCompressor(otherCompressor{encoding.GetCompressor(gzip.Name)})
}

type otherCompressor struct{ encoding.Compressor }

func (otherCompressor) Name() string { return OtherEncoding }

// ResponseEncodings is a client's stats handler that adds to seen how each response
// was encoded, as its header says.
func ResponseEncodings(seen *[]string) Events {
	return func(event stats.RPCStats) {
		if header, ok := event.(*stats.InHeader); ok {
			*seen = append(*seen, header.Compression)
		}
	}
}
