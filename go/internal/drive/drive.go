// Package drive makes the calls that the harness asks for, and reports what
// came of them, in the JSON Lines of docs/peer-protocol.md. It judges nothing.
package drive

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"sync"

	"google.golang.org/grpc"

	"crosswire/go/internal/commandline"
)

// introduction is the answer to the harness's hello.
var introduction = hello{
	Protocol:       2,
	Implementation: "grpc-go",
	Version:        grpc.Version,
	Features: []string{
		"addresses", "bidi", "cancel", "client-streaming", "close", "gzip", "ipv6", "keepalive", "raw", "service-config",
		"size-limit", "slow", "test-service", "tls", "unix",
	},
	MaxInFlight: 256,
}

// Run reads instructions until stdin ends, then waits for the calls in flight.
// The calls run concurrently. What is no instruction goes to the logger. The
// error is that of reading or writing; no call's outcome is one. After an error
// of writing it does not wait: stdin may never end, and nobody hears the answers.
func Run(stdin io.Reader, stdout io.Writer, logger *log.Logger) error {
	ended := make(chan error, 1)
	d := driver{
		answers:     newAnswers(stdout, ended),
		connections: connections{open: map[route]*grpc.ClientConn{}},
		logger:      logger,
	}
	go func() {
		err := d.read(stdin)
		d.inFlight.Wait()
		d.connections.closeAll()
		end(ended, err)
	}()
	return <-ended
}

// end reports how it ended, unless it has ended already.
func end(ended chan<- error, err error) {
	select {
	case ended <- err:
	default:
	}
}

type driver struct {
	answers     *answers
	connections connections
	inFlight    sync.WaitGroup
	logger      *log.Logger
}

// read obeys line after line. A line may be as long as the largest request, so
// it is not read with a Scanner, which has a limit.
func (d *driver) read(stdin io.Reader) error {
	lines := bufio.NewReader(stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			d.obey(line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot read stdin: %s", commandline.Reason(err))
		}
	}
}

func (d *driver) obey(line []byte) {
	var asked instruction
	err := json.Unmarshal(line, &asked)
	switch {
	case err != nil:
		d.logger.Printf("skipped a line that is no instruction: %v", err)
	case asked.Hello != nil:
		d.answers.write(answer{Hello: &introduction})
	case asked.Call != nil && asked.Call.ID != "":
		d.start(asked.Call)
	case asked.Close != nil:
		d.connections.close(asked.Close.Target)
	default:
		d.logger.Print("skipped a line that is neither a hello, nor a call with an id, nor a close")
	}
}

func (d *driver) start(asked *call) {
	prepared, err := d.prepare(asked)
	if err != nil {
		d.answers.write(answer{Unsupported: &unsupported{ID: asked.ID, Why: err.Error()}})
		return
	}
	d.inFlight.Go(func() {
		d.answers.write(answer{Result: prepared.run()})
	})
}

// answers writes whole lines, from whichever goroutine.
type answers struct {
	mutex   sync.Mutex
	encoder *json.Encoder
	// ended gets an error of writing.
	ended chan<- error
}

func newAnswers(stdout io.Writer, ended chan<- error) *answers {
	encoder := json.NewEncoder(stdout)
	encoder.SetEscapeHTML(false)
	return &answers{encoder: encoder, ended: ended}
}

func (a *answers) write(line answer) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if err := a.encoder.Encode(line); err != nil {
		end(a.ended, err)
	}
}
