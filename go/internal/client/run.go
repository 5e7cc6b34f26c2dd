// Package client is the client's command line.
package client

import (
	"io"
	"log"

	"crosswire/go/internal/commandline"
	"crosswire/go/internal/drive"
	"crosswire/go/internal/printable"
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

var program = commandline.Program{
	Name:   "client",
	Help:   help,
	Flags:  []string{"--dummy"},
	Valued: []string{"--addr"},
}

// Run does what the arguments ask for, and returns the exit code of
// commandline.Program.Run.
func Run(arguments []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return program.Run(arguments, stdout, stderr, func(parsed commandline.Arguments, stdout io.Writer, logger *log.Logger) error {
		return run(parsed, stdin, stdout, logger)
	})
}

func run(parsed commandline.Arguments, stdin io.Reader, stdout io.Writer, logger *log.Logger) error {
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
		return commandline.Usagef("unknown command %s; one of %s", printable.Quote(command), commands)
	}
}

func runDrive(parsed commandline.Arguments, stdin io.Reader, stdout io.Writer, logger *log.Logger) error {
	if err := parsed.Allow(); err != nil {
		return err
	}
	if err := parsed.AllowNoValues(); err != nil {
		return err
	}
	return drive.Run(stdin, stdout, logger)
}
