// Package client is the client's command line.
package client

import (
	"errors"
	"fmt"
	"io"
	"log"

	"crosswire/go/internal/commandline"
	"crosswire/go/internal/drive"
)

const help = `Usage: client detect [--addr HOST:PORT] (VALUE... | --dummy)
       client sequence [--addr HOST:PORT] COUNT
       client stream [--addr HOST:PORT] COUNT
       client drive

Commands:
  detect    Ask which values lie more than two standard deviations from the mean
  sequence  Ask for the first COUNT Fibonacci numbers
  stream    The same, one line an element as it arrives
  drive     Make the calls that stand on stdin (docs/peer-protocol.md)

Options:
  --addr HOST:PORT  Server to call [default: localhost:9999 for detect, localhost:50051 for the others]
  --dummy           Send the article's 1,000 metrics instead of values
  --help            Print this help
`

const commands = "detect, sequence, stream, drive"

var grammar = commandline.Grammar{
	Program: "client",
	Flags:   []string{"--dummy", "--help"},
	Valued:  []string{"--addr"},
}

// Run does what the arguments ask for, and returns the exit code: 0 when all
// went well, 1 when a call failed, 2 when the command line will not do. An error
// is one line on stderr.
func Run(arguments []string, stdin io.Reader, stdout, stderr io.Writer) int {
	logger := log.New(stderr, "client: ", 0)
	err := run(arguments, stdin, stdout, logger)
	if err == nil {
		return 0
	}
	logger.Print(err)
	var usage *commandline.UsageError
	if errors.As(err, &usage) {
		return 2
	}
	return 1
}

func run(arguments []string, stdin io.Reader, stdout io.Writer, logger *log.Logger) error {
	parsed, err := grammar.Parse(arguments)
	if err != nil {
		return err
	}
	if parsed.Has("--help") {
		_, err := io.WriteString(stdout, help)
		return err
	}
	if len(parsed.Values) == 0 {
		return commandline.Usagef("no command; one of %s", commands)
	}
	command := parsed.Values[0]
	parsed.Values = parsed.Values[1:]
	switch command {
	case "detect":
		return detect(parsed, stdout)
	case "sequence":
		return sequence(parsed, stdout)
	case "stream":
		return stream(parsed, stdout)
	case "drive":
		return runDrive(parsed, stdin, stdout, logger)
	default:
		return commandline.Usagef("unknown command %q; one of %s", command, commands)
	}
}

func runDrive(parsed commandline.Arguments, stdin io.Reader, stdout io.Writer, logger *log.Logger) error {
	if err := parsed.Allow(); err != nil {
		return err
	}
	if len(parsed.Values) > 0 {
		return commandline.Usagef("unexpected argument %q; see client --help", parsed.Values[0])
	}
	if err := drive.Run(stdin, stdout, logger); err != nil {
		return fmt.Errorf("drive: %w", err)
	}
	return nil
}
