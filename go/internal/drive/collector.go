package drive

import (
	"context"
	"encoding/base64"
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
