// Command client makes the calls that the harness asks for with connect-go, by the gRPC
// protocol, and reports what came of them in the JSON Lines of docs/peer-protocol.md.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"sync"

	"connectrpc.com/connect"
)

// usageError is the exit code of a bad command line.
const usageError = 2

func main() {
	log.SetFlags(0)
	log.SetPrefix("client: ")
	if len(os.Args) != 2 || os.Args[1] != "drive" {
		fmt.Fprintln(os.Stderr, "usage: client drive")
		os.Exit(usageError)
	}
	driver := &driver{answers: json.NewEncoder(os.Stdout), routes: map[route]*connection{}}
	if err := driver.run(os.Stdin); err != nil {
		log.Fatal(err)
	}
}

type driver struct {
	writing sync.Mutex
	answers *json.Encoder
	// routes has one connection for each route. The reading loop alone touches it.
	routes   map[route]*connection
	inFlight sync.WaitGroup
}

// run obeys line after line until the input ends, then waits for the calls in flight. A line may
// be as long as the largest request, so there is no limit to it.
func (d *driver) run(input io.Reader) error {
	lines := bufio.NewReader(input)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			d.obey(line)
		}
		if errors.Is(err, io.EOF) {
			d.inFlight.Wait()
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (d *driver) obey(line []byte) {
	var asked instruction
	if err := json.Unmarshal(line, &asked); err != nil {
		log.Printf("skipped a line that is no instruction: %v", err)
		return
	}
	switch {
	case asked.Hello != nil:
		d.answer(answer{Hello: &hello{
			Protocol:       2,
			Implementation: "connect-go",
			Version:        connect.Version,
			Features: []string{
				"bidi", "cancel", "client-streaming", "close", "gzip", "ipv6", "raw", "size-limit", "slow", "test-service",
				"tls", "unix",
			},
			MaxInFlight: 256,
		}})
	case asked.Call != nil:
		d.start(asked.Call)
	case asked.Close != nil:
		d.close(asked.Close.Target)
	default:
		log.Print("skipped a line that is neither a hello, nor a call, nor a close")
	}
}

func (d *driver) start(asked *call) {
	conn, err := d.connectionTo(asked)
	if err != nil {
		d.answer(answer{Unsupported: &unsupported{asked.ID, err.Error()}})
		return
	}
	d.inFlight.Go(func() {
		outcome, err := asked.run(conn)
		if err != nil {
			d.answer(answer{Unsupported: &unsupported{asked.ID, err.Error()}})
			return
		}
		d.answer(answer{Result: outcome})
	})
}

func (d *driver) answer(line answer) {
	d.writing.Lock()
	defer d.writing.Unlock()
	if err := d.answers.Encode(line); err != nil {
		// Nobody hears the answers any more.
		log.Fatal(err)
	}
}
