package connection

import (
	"math"
	"net/url"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
)

// Options is what a connection may have beside its address and TLS. The zero value
// leaves it at grpc-go's defaults, but that a call is made once, unless the server
// has not seen it.
type Options struct {
	// Addresses, each HOST:PORT, are what the address resolves to, in this order. If
	// there are none, it is the address itself.
	Addresses []string
	// ServiceConfig is gRPC's service config, as JSON, or empty. Retries are as it says.
	ServiceConfig string
	// KeepaliveTime is after how long without anything received a PING is sent, whether
	// or not calls run; zero: never. grpc-go makes 10 s of less.
	KeepaliveTime time.Duration
	// KeepaliveTimeout is how long its answer may take before the connection is given
	// up; zero: as long as grpc-go lets it.
	KeepaliveTimeout time.Duration
}

// scheme is that of the targets that Addresses resolve.
const scheme = "addresses"

// target returns what grpc-go is told to connect to.
func (o Options) target(address string) string {
	if len(o.Addresses) == 0 {
		return target(address)
	}
	return scheme + ":///" + url.PathEscape(address)
}

func (o Options) dialOptions() []grpc.DialOption {
	var options []grpc.DialOption
	if len(o.Addresses) > 0 {
		options = append(options, grpc.WithResolvers(o.resolver()))
	}
	if o.ServiceConfig == "" {
		options = append(options, grpc.WithDisableRetry())
	} else {
		options = append(options, grpc.WithDefaultServiceConfig(o.ServiceConfig))
	}
	if o.KeepaliveTime > 0 || o.KeepaliveTimeout > 0 {
		options = append(options, grpc.WithKeepaliveParams(o.keepalive()))
	}
	return options
}

func (o Options) resolver() resolver.Builder {
	var state resolver.State
	for _, address := range o.Addresses {
		state.Addresses = append(state.Addresses, resolver.Address{Addr: address})
	}
	builder := manual.NewBuilderWithScheme(scheme)
	builder.InitialState(state)
	return builder
}

func (o Options) keepalive() keepalive.ClientParameters {
	parameters := keepalive.ClientParameters{Time: o.KeepaliveTime, Timeout: o.KeepaliveTimeout, PermitWithoutStream: true}
	if parameters.Time == 0 {
		// grpc-go would make 10 s of it, too.
		parameters.Time = math.MaxInt64
	}
	return parameters
}
