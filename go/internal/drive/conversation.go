package drive

import (
	"errors"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
)

// conversation is a call whose steps are taken one by one, while its responses are
// read beside them.
type conversation struct {
	stream grpc.ClientStream
	done   *progress
	// failure is why a message could not be sent, which has ended the call.
	failure error
}

// converse returns once the call is over and no step is under way: nil for OK, or
// else the status. Read reads the responses to their end.
func converse(stream grpc.ClientStream, steps []step, done *progress, read func() error) error {
	begun := &conversation{stream: stream, done: done}
	var taking sync.WaitGroup
	taking.Go(func() { begun.takeAll(steps) })
	err := read()
	done.end()
	taking.Wait()
	if begun.failure != nil {
		return begun.failure
	}
	return err
}

// takeAll takes the steps until one is left undone, for the call is over.
func (c *conversation) takeAll(steps []step) {
	for _, step := range steps {
		if c.done.isOver() || !c.take(step) {
			return
		}
		c.done.steps++
	}
}

// take returns whether the step was done in full.
func (c *conversation) take(next step) bool {
	switch next.kind {
	case sendMessage:
		return c.send(next.request, next.times)
	case waitForHeaders:
		return c.done.awaitHeaders()
	case waitForMessages:
		return c.done.awaitMessages(next.count)
	case pauseCall:
		return c.done.pause(next.pause)
	case halfClose:
		return c.stream.CloseSend() == nil
	default:
		return c.cancel()
	}
}

// send hands the request to the library so many times: SendMsg waits while there is
// no room for it.
func (c *conversation) send(request any, times int) bool {
	for range times {
		err := c.stream.SendMsg(request)
		if errors.Is(err, io.EOF) {
			// The call is over, and whoever reads learns how.
			return false
		}
		if err != nil {
			c.failure = err
			return false
		}
	}
	return true
}

// sendingTime is what a message of 64 KiB, which is as much as SendMsg does not wait
// for, takes to become HTTP/2 if its window lets it. The API does not say when it has,
// and what has not is gone with the call.
const sendingTime = 20 * time.Millisecond

func (c *conversation) cancel() bool {
	c.done.pause(sendingTime)
	return c.done.stop()
}
