package drive

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// writtenStep is an entry of a call's "send". One of the fields is there; Times goes
// with Message.
type writtenStep struct {
	Message         *string `json:"message"`
	Times           *int    `json:"times"`
	WaitForHeaders  bool    `json:"wait_for_headers"`
	WaitForMessages *int    `json:"wait_for_messages"`
	PauseMillis     *int64  `json:"pause_ms"`
	HalfClose       bool    `json:"half_close"`
	Cancel          bool    `json:"cancel"`
}

// step is what a client does next in a call.
type step struct {
	kind stepKind
	// message is sent times times. A stream has it parsed, as request.
	message []byte
	request any
	times   int
	// count is how many messages are waited for.
	count int
	pause time.Duration
}

type stepKind int

const (
	sendMessage stepKind = iota
	waitForHeaders
	waitForMessages
	pauseCall
	halfClose
	cancelCall
)

// readSteps reads the steps of a call. Its error says which one makes no sense.
func readSteps(send json.RawMessage) ([]step, error) {
	decoder := json.NewDecoder(bytes.NewReader(send))
	// A step that this client does not know must not pass for another.
	decoder.DisallowUnknownFields()
	var entries []writtenStep
	if err := decoder.Decode(&entries); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("send: %w", err)
	}
	steps := make([]step, len(entries))
	for index, entry := range entries {
		var err error
		if steps[index], err = entry.read(); err != nil {
			return nil, fmt.Errorf("send: step %d: %w", index+1, err)
		}
	}
	if err := checkOrder(steps); err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	return steps, nil
}

func (w writtenStep) read() (step, error) {
	var kinds []step
	if w.Message != nil {
		message, err := base64.StdEncoding.DecodeString(*w.Message)
		if err != nil {
			return step{}, fmt.Errorf("message: %w", err)
		}
		kinds = append(kinds, step{kind: sendMessage, message: message, times: 1})
	}
	if w.WaitForHeaders {
		kinds = append(kinds, step{kind: waitForHeaders})
	}
	if w.WaitForMessages != nil {
		kinds = append(kinds, step{kind: waitForMessages, count: *w.WaitForMessages})
	}
	if w.PauseMillis != nil {
		kinds = append(kinds, step{kind: pauseCall, pause: milliseconds(*w.PauseMillis)})
	}
	if w.HalfClose {
		kinds = append(kinds, step{kind: halfClose})
	}
	if w.Cancel {
		kinds = append(kinds, step{kind: cancelCall})
	}
	if len(kinds) != 1 {
		return step{}, fmt.Errorf("is %d things; give one", len(kinds))
	}
	read := kinds[0]
	if w.Times != nil {
		if read.kind != sendMessage || *w.Times < 1 {
			return step{}, errors.New("times goes with a message, and is at least 1")
		}
		read.times = *w.Times
	}
	return read, nil
}

// checkOrder says what is wrong with the order of the steps.
func checkOrder(steps []step) error {
	halfClosed := false
	for index, step := range steps {
		switch {
		case step.kind == halfClose && halfClosed:
			return fmt.Errorf("step %d: half-closes again", index+1)
		case step.kind == sendMessage && halfClosed:
			return fmt.Errorf("step %d: a message after the half-close", index+1)
		case step.kind == cancelCall && index < len(steps)-1:
			return fmt.Errorf("step %d: follows the cancellation", index+2)
		}
		halfClosed = halfClosed || step.kind == halfClose
	}
	if len(steps) == 0 || (steps[len(steps)-1].kind != halfClose && steps[len(steps)-1].kind != cancelCall) {
		return errors.New("the last step neither half-closes nor cancels")
	}
	return nil
}

// isOneRequest says whether the steps are what a method of one request has.
func isOneRequest(steps []step) bool {
	return len(steps) == 2 && steps[0].kind == sendMessage && steps[0].times == 1 && steps[1].kind == halfClose
}

// prepareRequests parses the messages of the steps, each once however often it is sent.
func prepareRequests(steps []step, parse func([]byte) (any, error)) error {
	for index := range steps {
		if steps[index].kind != sendMessage {
			continue
		}
		var err error
		if steps[index].request, err = parse(steps[index].message); err != nil {
			return fmt.Errorf("send: step %d: %w", index+1, err)
		}
	}
	return nil
}

// oneRequest returns the only message of the steps.
func oneRequest(steps []step) ([]byte, error) {
	if !isOneRequest(steps) {
		return nil, errors.New("send: the method takes one request: a message and a half-close")
	}
	return steps[0].message, nil
}
