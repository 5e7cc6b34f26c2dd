package drive

import (
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"

	"crosswire/go/internal/connection"
)

// A route is what calls have in common that share a connection.
type route struct {
	target string
	// secured says that it is TLS, as tls has it.
	secured bool
	tls     connection.TLS
	// options are connection.Options as a text, for these cannot be compared.
	options string
}

func routeOf(asked *call, options connection.Options) route {
	wanted := route{target: asked.Target, options: fmt.Sprintf("%#v", options)}
	if asked.TLS != nil {
		wanted.secured, wanted.tls = true, connection.TLS(*asked.TLS)
	}
	return wanted
}

// connections has one connection for each route. The reading loop alone touches
// the map.
type connections struct {
	open    map[route]*grpc.ClientConn
	closing sync.WaitGroup
}

// get returns the connection of the call's route, which it makes the first time.
func (c *connections) get(asked *call) (*grpc.ClientConn, error) {
	options, err := readChannel(asked.Channel)
	if err != nil {
		return nil, err
	}
	wanted := routeOf(asked, options)
	if conn, known := c.open[wanted]; known {
		return conn, nil
	}
	conn, err := dial(wanted, options)
	if err != nil {
		return nil, err
	}
	c.open[wanted] = conn
	return conn, nil
}

func dial(wanted route, options connection.Options) (*grpc.ClientConn, error) {
	watched := grpc.WithStatsHandler(watcher{})
	if wanted.secured {
		return connection.NewTLS(wanted.target, wanted.tls, options, watched)
	}
	return connection.NewWith(wanted.target, options, watched)
}

// close forgets every connection to the target, and closes them, which ends the
// calls in flight on them. It does not wait: grpc-go takes seconds for it if the
// server does not read.
func (c *connections) close(target string) {
	for known, conn := range c.open {
		if known.target == target {
			delete(c.open, known)
			c.closing.Go(func() { conn.Close() })
		}
	}
}

// closeLimit is how long the connections may take to close at the end: to send what
// HTTP/2 wants sent takes no time, unless the server does not read.
const closeLimit = time.Second

// closeAll closes every connection, and waits until all are closed, or closeLimit
// has passed: the end of the process closes the rest.
func (c *connections) closeAll() {
	for known := range c.open {
		c.close(known.target)
	}
	closed := make(chan struct{})
	go func() {
		c.closing.Wait()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(closeLimit):
	}
}
