package main

import (
	"context"
	"sync"
)

// collector keeps a call's messages, and cancels the call when there are enough.
type collector struct {
	// limit is how many messages are enough; nil: no number is.
	limit  *int
	cancel context.CancelFunc
	// begun is closed when the initial metadata has come.
	begun chan struct{}

	mutex    sync.Mutex
	messages [][]byte
	// wanted is how many messages somebody waits for, who is told by reached.
	wanted  int
	reached chan struct{}
}

func newCollector(limit *int, cancel context.CancelFunc) *collector {
	return &collector{limit: limit, cancel: cancel, begun: make(chan struct{}), messages: [][]byte{}}
}

func (c *collector) begin() { close(c.begun) }

func (c *collector) add(serialized []byte) {
	if c.enough() {
		return
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	// A message of no bytes is "", not null.
	c.messages = append(c.messages, append([]byte{}, serialized...))
	if c.reached != nil && len(c.messages) >= c.wanted {
		close(c.reached)
		c.reached = nil
	}
	if c.limit != nil && len(c.messages) >= *c.limit {
		c.cancel()
	}
}

func (c *collector) enough() bool { return c.limit != nil && c.has(*c.limit) }

func (c *collector) has(count int) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return len(c.messages) >= count
}

// waitFor waits until so many messages have come, or fails as the call does before.
func (c *collector) waitFor(ctx context.Context, count int) error {
	return wait(ctx, c.whenThereAre(count))
}

// whenThereAre returns a channel that is closed when so many messages have come. One caller at
// a time may wait for it.
func (c *collector) whenThereAre(count int) <-chan struct{} {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	reached := make(chan struct{})
	if len(c.messages) >= count {
		close(reached)
	} else {
		c.wanted, c.reached = count, reached
	}
	return reached
}

func wait(ctx context.Context, event <-chan struct{}) error {
	select {
	case <-event:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
