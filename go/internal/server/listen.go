package server

import (
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"strings"
	"syscall"

	"google.golang.org/grpc"

	"crosswire/go/internal/address"
	"crosswire/go/internal/commandline"
)

// defaults are the article's port and the tutorial's, on loopback.
var defaults = []string{"127.0.0.1:9999", "[::1]:9999", "127.0.0.1:50051", "[::1]:50051"}

// listen binds all addresses, the default ones if there are none, or else none.
// A default IPv6 address is left out, with a word to the log, on a machine
// without IPv6. An error is a UsageError: it takes another address, or another
// end of the program that has it.
func listen(addresses []string, bind func(string) (net.Listener, error), logger *log.Logger) ([]net.Listener, error) {
	byDefault := len(addresses) == 0
	if byDefault {
		addresses = defaults
	}
	var listeners []net.Listener
	for _, address := range addresses {
		listener, err := bind(address)
		if byDefault && strings.HasPrefix(address, "[") && lacksFamily(err) {
			logger.Printf("not listening on %s: this machine has no IPv6", address)
			continue
		}
		if err != nil {
			closeAll(listeners)
			return nil, refusal(address, err)
		}
		listeners = append(listeners, listener)
	}
	return listeners, nil
}

func closeAll(listeners []net.Listener) {
	for _, listener := range listeners {
		listener.Close()
	}
}

var errUnknownHost = errors.New("unknown host")

// bind listens on the Unix socket, or on the first IPv4 address of the host, or else
// on its first address.
func bind(wanted string) (net.Listener, error) {
	if path, isUnix := address.UnixPath(wanted); isUnix {
		return bindUnix(path)
	}
	resolved, err := net.ResolveTCPAddr("tcp", wanted)
	if err != nil {
		return nil, errUnknownHost
	}
	// To "tcp" alone, 0.0.0.0 would mean all IPv6 addresses as well.
	network := "tcp"
	if resolved.IP.To4() != nil {
		network = "tcp4"
	}
	return net.ListenTCP(network, resolved)
}

// unixPathLimit is how long the path of a Unix socket may be: a zero follows it.
const unixPathLimit = len(syscall.RawSockaddrUnix{}.Path) - 1

// bindUnix listens on a socket that it makes, and whose end removes the file.
func bindUnix(path string) (net.Listener, error) {
	if len(path) > unixPathLimit {
		// It would be an invalid argument.
		return nil, syscall.ENAMETOOLONG
	}
	return net.Listen("unix", path)
}

// lacksFamily says whether listening failed because the machine has no address
// of the kind, or does not know the kind at all.
func lacksFamily(err error) bool {
	return errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EADDRNOTAVAIL)
}

func refusal(address string, err error) error {
	remedy := "name another with --listen"
	if errors.Is(err, syscall.EADDRINUSE) {
		remedy = "stop the program that has it, or " + remedy
	}
	return commandline.Usagef("cannot listen on %s: %s; %s", address, commandline.Reason(err), remedy)
}

// announce writes one ready line for each listener, with its actual port and the
// library that serves there.
func announce(listeners []net.Listener, stdout io.Writer) error {
	type ready struct {
		Address        string `json:"address"`
		Implementation string `json:"implementation"`
		Version        string `json:"version"`
	}
	type line struct {
		Ready ready `json:"ready"`
	}
	lines := json.NewEncoder(stdout)
	for _, listener := range listeners {
		if err := lines.Encode(line{ready{addressOf(listener), "grpc-go", grpc.Version}}); err != nil {
			return err
		}
	}
	return nil
}

// addressOf returns HOST:PORT or unix:PATH.
func addressOf(listener net.Listener) string {
	bound := listener.Addr()
	if bound.Network() == "unix" {
		return "unix:" + bound.String()
	}
	return bound.String()
}
