// Package address reads the addresses of the command line.
package address

import (
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

var form = regexp.MustCompile(`^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):([0-9]+)$`)

// Parse returns the text without leading zeros in its port. It is not ok unless
// it is HOST:PORT: a name or an IP address (an IPv6 one in brackets) and a port
// from 0 to 65535. Nothing is looked up.
func Parse(text string) (address string, ok bool) {
	parts := form.FindStringSubmatch(text)
	if parts == nil {
		return "", false
	}
	ipv6, name := parts[1], parts[2]
	if ipv6 != "" {
		if ip, err := netip.ParseAddr(ipv6); err != nil || !ip.Is6() {
			return "", false
		}
	}
	port, err := strconv.ParseUint(parts[3], 10, 16)
	if err != nil {
		return "", false
	}
	return net.JoinHostPort(ipv6+name, strconv.FormatUint(port, 10)), true
}

// UnixPath returns the path of unix:PATH. It is not ok unless that is absolute.
func UnixPath(text string) (path string, ok bool) {
	path, ok = strings.CutPrefix(text, "unix:")
	return path, ok && strings.HasPrefix(path, "/")
}

// ParseListening returns what a server may listen on: an address as Parse does, or
// unix:PATH as it is.
func ParseListening(text string) (address string, ok bool) {
	if _, isUnix := UnixPath(text); isUnix {
		return text, true
	}
	return Parse(text)
}
