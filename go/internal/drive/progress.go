package drive

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
)

// progress is how far a call has come: for whoever reads its messages, for whoever
// takes its steps, and for grpc-go, which says when something was sent or arrived.
type progress struct {
	// limit is how many messages are enough; nil: no number is.
	limit  *int
	cancel context.CancelFunc
	// headers is closed when the initial metadata has arrived, over when the call has
	// ended.
	headers, over chan struct{}

	mutex sync.Mutex
	// changed tells of another message, and of the end.
	changed     *sync.Cond
	messages    []string
	cancelled   bool
	requestSent bool
	steps       int
}

func newProgress(limit *int, cancel context.CancelFunc) *progress {
	begun := &progress{
		limit:    limit,
		cancel:   cancel,
		headers:  make(chan struct{}),
		over:     make(chan struct{}),
		messages: []string{},
	}
	begun.changed = sync.NewCond(&begun.mutex)
	return begun
}

// receive keeps the messages of a stream, as next returns them until io.EOF, and
// cancels the call when there are enough.
func (p *progress) receive(next func() ([]byte, error)) error {
	for {
		message, err := next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		p.add(message)
		if p.enough() {
			p.stop()
		}
	}
}

// addOnly keeps the message of a response that is one. It came with the call's end:
// there is nothing left to cancel.
func (p *progress) addOnly(response proto.Message) error {
	message, err := serialize(response)
	if err != nil {
		return err
	}
	p.add(message)
	return nil
}

// countRequest counts the steps of a method of one request, which a stub takes all
// at once.
func (p *progress) countRequest(steps []step) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.requestSent {
		p.steps = len(steps)
	}
}

// add keeps a message, unless the call was cancelled before it arrived.
func (p *progress) add(message []byte) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if !p.cancelled {
		p.messages = append(p.messages, base64.StdEncoding.EncodeToString(message))
		p.changed.Broadcast()
	}
}

func (p *progress) enough() bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.limit != nil && len(p.messages) >= *p.limit
}

// stop cancels the call, and returns whether it had not ended. More than once is
// as good as once.
func (p *progress) stop() bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.isOver() {
		return false
	}
	p.cancelled = true
	p.cancel()
	return true
}

// sent is told of each message that was handed to the transport.
func (p *progress) sent() {
	p.mutex.Lock()
	p.requestSent = true
	p.mutex.Unlock()
	if p.enough() {
		p.stop()
	}
}

// sawHeaders is told that the initial metadata has arrived.
func (p *progress) sawHeaders() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if !isClosed(p.headers) {
		close(p.headers)
	}
}

// end says that the call is over.
func (p *progress) end() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	close(p.over)
	p.changed.Broadcast()
}

func (p *progress) isOver() bool { return isClosed(p.over) }

// awaitHeaders returns whether they have arrived, once that is settled.
func (p *progress) awaitHeaders() bool {
	select {
	case <-p.headers:
	case <-p.over:
	}
	return isClosed(p.headers)
}

// awaitMessages returns whether so many have arrived, once that is settled.
func (p *progress) awaitMessages(count int) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for len(p.messages) < count && !p.isOver() {
		p.changed.Wait()
	}
	return len(p.messages) >= count
}

// pause returns whether the call was still there at its end.
func (p *progress) pause(length time.Duration) bool {
	select {
	case <-time.After(length):
		return true
	case <-p.over:
		return false
	}
}

func isClosed(channel <-chan struct{}) bool {
	select {
	case <-channel:
		return true
	default:
		return false
	}
}
