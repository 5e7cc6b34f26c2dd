// Package address reads the HOST:PORT texts of the command line.
package address

import (
	"fmt"
	"net"
	"strconv"
)

// Check returns an error unless text is HOST:PORT: a name or an IP address (an
// IPv6 one in brackets) and a port from 0 to 65535. The example goes into the
// error's words.
func Check(text, example string) error {
	host, port, err := net.SplitHostPort(text)
	if err == nil && host != "" {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil || host == "" {
		return fmt.Errorf("%q: not an address; give HOST:PORT, such as %s", text, example)
	}
	return nil
}
