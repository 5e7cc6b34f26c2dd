package commandline

import (
	"errors"
	"io"
	"log"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestRunReports(t *testing.T) {
	cases := []struct {
		name   string
		err    error
		code   int
		stderr string
	}{
		{"nothing wrong", nil, 0, ""},
		{"a wrong command line", Usagef("no %s", "command"), 2, "client: no command\n"},
		{"a failed call", errors.New("UNKNOWN: a\x1bb\nc"), 1, "client: UNKNOWN: a\\u{1b}b\\nc\n"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			var stderr strings.Builder
			code := program.Run(nil, io.Discard, &stderr, func(Arguments, io.Writer, *log.Logger) error { return test.err })
			if code != test.code || stderr.String() != test.stderr {
				t.Errorf("Run() = %d, stderr %q, want %d, %q", code, stderr.String(), test.code, test.stderr)
			}
		})
	}
}

// failing is a stdout that takes nothing.
type failing struct{ cause error }

func (f failing) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "/dev/stdout", Err: f.cause}
}

func TestRunReportsAStdoutThatFails(t *testing.T) {
	cases := []struct {
		name   string
		cause  error
		stderr string
	}{
		{"a full disk", syscall.ENOSPC, "client: cannot write to stdout: no space left on device\n"},
		{"a reader that has gone", syscall.EPIPE, ""},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			var stderr strings.Builder
			code := program.Run([]string{"--help"}, failing{test.cause}, &stderr, nil)
			if code != 1 || stderr.String() != test.stderr {
				t.Errorf("Run() = %d, stderr %q, want 1, %q", code, stderr.String(), test.stderr)
			}
		})
	}
}
