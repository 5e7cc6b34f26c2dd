// Package commandline has what the command lines of server and client share. It
// does without the flag package, to which "-1" is an option, and options end at
// the first value. The words are the same in every language of Crosswire.
package commandline

import (
	"errors"
	"fmt"
	"io"
	"log"
	"syscall"

	"crosswire/go/internal/printable"
)

// A Program has a name and a help text, and says what its command line may hold
// beside values.
type Program struct {
	Name, Help string
	// Flags are the options without a value, beside "--help".
	Flags []string
	// Valued are the options with one: "--addr X" or "--addr=X".
	Valued []string
}

// A Main is what a program does with its arguments. An error of writing to
// stdout says what failed.
type Main func(arguments Arguments, stdout io.Writer, logger *log.Logger) error

// A UsageError says what is wrong with a command line, and what to write.
type UsageError struct {
	text string
}

func (e *UsageError) Error() string { return e.text }

// Usagef returns a UsageError with the text that fmt.Sprintf would give.
func Usagef(format string, arguments ...any) error {
	return &UsageError{fmt.Sprintf(format, arguments...)}
}

// Run prints the help if the arguments ask for it, or else calls main with them.
// It returns the exit code: 0 if all went well, 2 if another command line is what
// helps, 1 after any other error. An error is one line on stderr.
func (p Program) Run(arguments []string, stdout, stderr io.Writer, main Main) int {
	logger := log.New(stderr, p.Name+": ", 0)
	err := p.run(arguments, output{stdout}, logger, main)
	if err == nil {
		return 0
	}
	// Whoever read stdout has gone, as in "| head", and wants no words about it.
	if !errors.Is(err, syscall.EPIPE) {
		logger.Print(printable.Line(err.Error()))
	}
	var usage *UsageError
	if errors.As(err, &usage) {
		return 2
	}
	return 1
}

func (p Program) run(arguments []string, stdout io.Writer, logger *log.Logger, main Main) error {
	if wantsHelp(arguments) {
		_, err := io.WriteString(stdout, p.Help)
		return err
	}
	parsed, err := p.parse(arguments)
	if err != nil {
		return err
	}
	return main(parsed, stdout, logger)
}

// output is a stdout whose errors say that it is stdout which failed.
type output struct {
	io.Writer
}

func (o output) Write(text []byte) (int, error) {
	written, err := o.Writer.Write(text)
	if err != nil {
		err = &outputError{err}
	}
	return written, err
}

type outputError struct {
	cause error
}

func (e *outputError) Error() string { return "cannot write to stdout: " + Reason(e.cause) }

func (e *outputError) Unwrap() error { return e.cause }

// Reason returns the operating system's words alone: the errors around them
// repeat what was attempted.
func Reason(err error) string {
	var system syscall.Errno
	if errors.As(err, &system) {
		return system.Error()
	}
	return err.Error()
}
