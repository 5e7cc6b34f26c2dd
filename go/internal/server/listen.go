package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"strings"
	"syscall"
)

// defaults are the article's port and the tutorial's, on loopback.
var defaults = []string{"127.0.0.1:9999", "[::1]:9999", "127.0.0.1:50051", "[::1]:50051"}

// A listenError is an address that could not be listened on.
type listenError struct {
	address string
	cause   error
}

func (e *listenError) Error() string {
	advice := ""
	if errors.Is(e.cause, syscall.EADDRINUSE) {
		advice = "; stop the program that has it, or name another with --listen"
	}
	return fmt.Sprintf("cannot listen on %s: %s%s", e.address, reason(e.cause), advice)
}

func (e *listenError) Unwrap() error { return e.cause }

// reason returns the innermost cause alone: the outer ones repeat the address.
func reason(err error) string {
	var system syscall.Errno
	var lookup *net.DNSError
	switch {
	case errors.As(err, &system):
		return system.Error()
	case errors.As(err, &lookup):
		return lookup.Err
	default:
		return err.Error()
	}
}

// listen binds all addresses, the default ones if there are none, or else none.
// A default IPv6 address is left out, with a word to the log, on a machine
// without IPv6.
func listen(addresses []string, logger *log.Logger) ([]net.Listener, error) {
	byDefault := len(addresses) == 0
	if byDefault {
		addresses = defaults
	}
	var listeners []net.Listener
	for _, address := range addresses {
		listener, err := net.Listen("tcp", address)
		if byDefault && strings.HasPrefix(address, "[") && lacksFamily(err) {
			logger.Printf("going on without %s: %s", address, reason(err))
			continue
		}
		if err != nil {
			for _, open := range listeners {
				open.Close()
			}
			return nil, &listenError{address: address, cause: err}
		}
		listeners = append(listeners, listener)
	}
	return listeners, nil
}

// lacksFamily says whether listening failed because the machine has no address
// of the kind, or does not know the kind at all.
func lacksFamily(err error) bool {
	return errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EADDRNOTAVAIL)
}

// announce writes one ready line for each listener, with its actual port.
func announce(listeners []net.Listener, stdout io.Writer) error {
	type ready struct {
		Address string `json:"address"`
	}
	type line struct {
		Ready ready `json:"ready"`
	}
	lines := json.NewEncoder(stdout)
	for _, listener := range listeners {
		if err := lines.Encode(line{ready{listener.Addr().String()}}); err != nil {
			return err
		}
	}
	return nil
}
