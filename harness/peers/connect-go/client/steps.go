package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// handover is how long a call that is cancelled is given to send what came before: net/http
// drops the rest of a request then, and tells nobody what it has written.
const handover = 50 * time.Millisecond

// step is one thing that the client does in a call. One of the fields is there, Times and
// Compressed beside Message.
type step struct {
	Message         []byte `json:"message"`
	Times           *int   `json:"times"`
	Compressed      *bool  `json:"compressed"`
	WaitForHeaders  bool   `json:"wait_for_headers"`
	WaitForMessages *int   `json:"wait_for_messages"`
	PauseMillis     *int   `json:"pause_ms"`
	HalfClose       bool   `json:"half_close"`
	Cancel          bool   `json:"cancel"`
}

// parseSteps fails if there is a step that means nothing, or none that ends the request.
func parseSteps(send json.RawMessage) ([]step, error) {
	var steps []step
	reader := json.NewDecoder(bytes.NewReader(send))
	reader.DisallowUnknownFields()
	if err := reader.Decode(&steps); err != nil {
		return nil, fmt.Errorf("the steps do not parse: %w", err)
	}
	halfClosed, cancelled := false, false
	for position, step := range steps {
		if err := step.check(); err != nil {
			return nil, fmt.Errorf("step %d: %w", position+1, err)
		}
		if cancelled || halfClosed && (step.HalfClose || step.Message != nil) {
			return nil, fmt.Errorf("step %d comes too late", position+1)
		}
		halfClosed = halfClosed || step.HalfClose
		cancelled = step.Cancel
	}
	if len(steps) == 0 || !steps[len(steps)-1].HalfClose && !cancelled {
		return nil, errors.New("the last step is neither a half_close nor a cancel")
	}
	return steps, nil
}

func (s *step) check() error {
	kinds := 0
	for _, is := range []bool{
		s.Message != nil, s.WaitForHeaders, s.WaitForMessages != nil, s.PauseMillis != nil, s.HalfClose, s.Cancel,
	} {
		if is {
			kinds++
		}
	}
	if kinds != 1 {
		return errors.New("not one thing to do")
	}
	if s.times() < 0 {
		return errors.New("a message cannot be sent so few times")
	}
	if s.Compressed != nil && !*s.Compressed {
		return errors.New("connect-go compresses all messages of a call or none")
	}
	return nil
}

func (s *step) times() int {
	if s.Times == nil {
		return 1
	}
	return *s.Times
}

// isOneRequest says whether the steps begin with a message and a half-close: with all that a
// method of one request is given.
func isOneRequest(steps []step) bool {
	return len(steps) >= 2 && steps[0].Message != nil && steps[0].times() == 1 && steps[1].HalfClose
}

// areMessages says whether the steps are messages and a half-close, and nothing else.
func areMessages(steps []step) bool {
	for _, step := range steps {
		if step.Message == nil && !step.HalfClose {
			return false
		}
	}
	return true
}

// exchange is a call that is being made.
type exchange struct {
	call      *call
	conn      *connection
	steps     []step
	collected *collector
	cancel    context.CancelFunc
	// done is how many steps were done when the call ended.
	done int
}

// outgoing is the client's half of a call.
type outgoing[Request any] interface {
	Send(*Request) error
	CloseRequest() error
}

// play does one step after the other, from the first that is not done; requests has the
// message of each that sends one. It returns what a step failed with, as all do when the call
// is over.
func play[Request any](ctx context.Context, x *exchange, requests []*Request, out outgoing[Request]) error {
	for x.done < len(x.steps) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := do(ctx, x, &x.steps[x.done], requests[x.done], out); err != nil {
			return err
		}
		x.done++
	}
	return nil
}

func do[Request any](ctx context.Context, x *exchange, step *step, request *Request, out outgoing[Request]) error {
	switch {
	case step.WaitForHeaders:
		return wait(ctx, x.collected.begun)
	case step.WaitForMessages != nil:
		return x.collected.waitFor(ctx, *step.WaitForMessages)
	case step.PauseMillis != nil:
		return pause(ctx, time.Duration(*step.PauseMillis)*time.Millisecond)
	case step.HalfClose:
		return out.CloseRequest()
	case step.Cancel:
		if err := pause(ctx, handover); err != nil {
			return err
		}
		x.cancel()
		return nil
	}
	for range step.times() {
		if err := out.Send(request); err != nil {
			return err
		}
	}
	return nil
}

// pause waits so long, or fails as the call does meanwhile.
func pause(ctx context.Context, length time.Duration) error {
	select {
	case <-time.After(length):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
