package server

import (
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"crosswire/go/internal/commandline"
)

// The options that say how long connections stay, and what their PINGs may be.
const (
	maxAgeOption        = "--max-age"
	maxAgeGraceOption   = "--max-age-grace"
	maxIdleOption       = "--max-idle"
	keepaliveOption     = "--keepalive"
	keepaliveWaitOption = "--keepalive-wait"
	pingIntervalOption  = "--ping-interval"
)

var lifetimeOptions = []string{
	maxAgeOption, maxAgeGraceOption, maxIdleOption, keepaliveOption, keepaliveWaitOption, pingIntervalOption,
}

// lifetimes returns the server options for the connections' lifetimes, as the
// arguments have them; grpc-go's defaults are the zeros. The errors are UsageErrors.
func lifetimes(parsed commandline.Arguments) ([]grpc.ServerOption, error) {
	var parameters keepalive.ServerParameters
	var pingInterval time.Duration
	times := map[string]*time.Duration{
		maxAgeOption:        &parameters.MaxConnectionAge,
		maxAgeGraceOption:   &parameters.MaxConnectionAgeGrace,
		maxIdleOption:       &parameters.MaxConnectionIdle,
		keepaliveOption:     &parameters.Time,
		keepaliveWaitOption: &parameters.Timeout,
		pingIntervalOption:  &pingInterval,
	}
	for _, option := range lifetimeOptions {
		given, err := parsed.Millis(option)
		if err != nil {
			return nil, err
		}
		*times[option] = given
	}
	options := []grpc.ServerOption{grpc.KeepaliveParams(parameters)}
	if pingInterval > 0 {
		options = append(options, grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			MinTime: pingInterval, PermitWithoutStream: true,
		}))
	}
	return options, nil
}
