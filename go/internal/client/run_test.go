package client

import (
	"fmt"
	"strings"
	"testing"

	"crosswire/go/internal/grpctest"
	"crosswire/go/internal/service"
)

// outcome is what a run of the client leaves behind.
type outcome struct {
	code           int
	stdout, stderr string
}

func runClient(arguments ...string) outcome {
	var stdout, stderr strings.Builder
	code := Run(arguments, strings.NewReader(""), &stdout, &stderr)
	return outcome{code, stdout.String(), stderr.String()}
}

func TestCommands(t *testing.T) {
	address := grpctest.Start(t, service.NewServer()).Address
	cases := []struct {
		name      string
		arguments []string
		want      outcome
	}{
		{"detect", []string{"detect", "1", "2", "100", "1", "3", "200", "1"}, outcome{0, "outliers at: [5]\n", ""}},
		{"detect of nothing far", []string{"detect", "-1", "--", "-2.5e3"}, outcome{0, "outliers at: []\n", ""}},
		{"detect of two", []string{"detect", "1e-170", "2e-170"}, outcome{0, "outliers at: [0 1]\n", ""}},
		{"detect of nan", []string{"detect", "nan", "inf", "0", "0", "0", "0", "9"}, outcome{0, "outliers at: []\n", ""}},
		{"detect of the article's metrics", []string{"detect", "--dummy"}, outcome{0, "outliers at: [7 113 835]\n", ""}},
		{"sequence", []string{"sequence", "5"}, outcome{0, "sequence: [0 1 1 2 3]\n", ""}},
		{"sequence of a negative count", []string{"sequence", "-3"}, outcome{0, "sequence: [0]\n", ""}},
		{"sequence of too many", []string{"sequence", "94"},
			outcome{1, "", "client: OUT_OF_RANGE: count 94 is more than 93: F(93) does not fit in int64\n"}},
		{"stream", []string{"stream", "3"}, outcome{0, "F(0) = 0\nF(1) = 1\nF(2) = 1\n", ""}},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			// The option may stand anywhere before "--".
			arguments := append([]string{"--addr", address}, test.arguments...)
			if got := runClient(arguments...); got != test.want {
				t.Errorf("client %q: got %+v, want %+v", arguments, got, test.want)
			}
		})
	}
}

func TestStreamPrintsWhatCameBeforeTheFailure(t *testing.T) {
	address := grpctest.Start(t, service.NewServer()).Address
	got := runClient("stream", "94", "--addr", address)
	lines := strings.Split(got.stdout, "\n")
	if got.code != 1 || len(lines) != 94 || lines[92] != "F(92) = 7540113804746346429" {
		t.Errorf("exit code %d, %d lines, want 1 and 93 lines and an empty one", got.code, len(lines))
	}
	if want := "client: OUT_OF_RANGE: count 94 is more than 93: F(93) does not fit in int64\n"; got.stderr != want {
		t.Errorf("stderr = %q, want %q", got.stderr, want)
	}
}

func TestNobodyAnswers(t *testing.T) {
	address := grpctest.ClosedAddress(t)
	want := outcome{1, "", fmt.Sprintf(
		"client: UNAVAILABLE: no gRPC server answers at %s; start one, or name another with --addr\n", address)}
	if got := runClient("sequence", "3", "--addr="+address); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestUsageErrors(t *testing.T) {
	cases := []struct {
		name      string
		arguments []string
		want      string
	}{
		{"no command", nil, "no command; one of detect, sequence, stream, drive"},
		{"an unknown command", []string{"foo"}, `unknown command "foo"; one of detect, sequence, stream, drive`},
		{"an unknown option", []string{"detect", "--foo"}, "unknown option --foo; see client --help"},
		{"another command's option", []string{"stream", "--dummy", "1"}, "unknown option --dummy; see client --help"},
		{"an option without its value", []string{"detect", "1", "--addr"}, "--addr needs a value; see client --help"},
		{"a bad address", []string{"detect", "1", "--addr", "abc"},
			`--addr "abc": not an address; give HOST:PORT, such as localhost:9999`},
		{"no values", []string{"detect"}, "detect: no values; give some, such as 1 2 100, or --dummy"},
		{"values and --dummy", []string{"detect", "1", "--dummy"}, "detect: --dummy and values exclude each other"},
		{"no number", []string{"detect", "1", "abc"}, `"abc" is not a number; give decimal numbers, such as 1 2.5 -3e4`},
		{"no count for sequence", []string{"sequence"}, "sequence: no count; give a whole number, such as 10"},
		{"no count for stream", []string{"stream"}, "stream: no count; give a whole number, such as 10"},
		{"two counts", []string{"sequence", "1", "2"}, "sequence: one count only"},
		{"a count that is none", []string{"sequence", "abc"}, `"abc" is not a count; give a whole number, such as 10`},
		{"a count too large", []string{"stream", "9223372036854775808"},
			`"9223372036854775808" is not a count; give a whole number, such as 10`},
		{"an argument to drive", []string{"drive", "x"}, `unexpected argument "x"; see client --help`},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			want := outcome{2, "", "client: " + test.want + "\n"}
			if got := runClient(test.arguments...); got != want {
				t.Errorf("client %q: got %+v, want %+v", test.arguments, got, want)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	want := outcome{0, help, ""}
	for _, arguments := range [][]string{{"--help"}, {"detect", "--help"}, {"foo", "--help"}} {
		if got := runClient(arguments...); got != want {
			t.Errorf("client %q: got %+v, want the help", arguments, got)
		}
	}
}
