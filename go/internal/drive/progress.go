package drive

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
)

// collector keeps a call's messages, and cancels the call when there are
// enough of them.
type collector struct {
	messages []string
	// limit is how many messages are enough; nil: no number is.
	limit     *int
	cancel    context.CancelFunc
	cancelled bool
}

// receive keeps the messages of a stream, as next returns them until io.EOF, and
// cancels the call when there are enough.
func (c *collector) receive(next func() ([]byte, error)) error {
	for {
		message, err := next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		c.add(message)
		if c.enough() {
			c.stop()
		}
	}
}

// add keeps a message, unless the call was cancelled before it arrived.
func (c *collector) add(message []byte) {
	if !c.cancelled {
		c.messages = append(c.messages, base64.StdEncoding.EncodeToString(message))
	}
}

func (c *collector) enough() bool {
	return c.limit != nil && len(c.messages) >= *c.limit
}

// stop cancels the call. More than once is as good as once.
func (c *collector) stop() {
	c.cancelled = true
	c.cancel()
}
