package drive

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"testing"
)

// session is a driver that is told one thing after another.
type session struct {
	harness io.WriteCloser
	answers *json.Decoder
	ended   chan error
}

func startSession(t *testing.T) session {
	t.Helper()
	stdin, harness := io.Pipe()
	reader, stdout := io.Pipe()
	running := session{harness, json.NewDecoder(reader), make(chan error, 1)}
	go func() { running.ended <- Run(stdin, stdout, log.New(io.Discard, "", 0)) }()
	t.Cleanup(func() {
		harness.Close()
		if err := <-running.ended; err != nil {
			t.Errorf("drive: %v", err)
		}
	})
	return running
}

func (s session) tell(line string) { fmt.Fprintln(s.harness, line) }

// result returns the next answer, which must be a result.
func (s session) result(t *testing.T) result {
	t.Helper()
	var got answer
	if err := s.answers.Decode(&got); err != nil || got.Result == nil {
		t.Fatalf("answer = %+v, %v, want a result", got, err)
	}
	return *got.Result
}
