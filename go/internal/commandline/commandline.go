// Package commandline tells options from values. The flag package cannot: to it
// "-1" is an option, and options end at the first value.
package commandline

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A UsageError says what is wrong with a command line, and what to write.
type UsageError struct {
	text string
}

func (e *UsageError) Error() string { return e.text }

// Usagef returns a UsageError with the text that fmt.Sprintf would give.
func Usagef(format string, arguments ...any) error {
	return &UsageError{fmt.Sprintf(format, arguments...)}
}

// A Grammar is what a program's command line may hold beside values.
type Grammar struct {
	// Program is named in errors, as the one to ask for --help.
	Program string
	// Flags are the options without a value, such as "--help".
	Flags []string
	// Valued are the options with one: "--addr X" or "--addr=X".
	Valued []string
}

// Arguments is a command line that has been told apart.
type Arguments struct {
	// Values are what is no option, in order.
	Values []string
	// given has the values of each option that is there, in order: empty
	// strings for a flag.
	given map[string][]string
	// program is the Grammar's.
	program string
}

// Parse tells options, which start with two hyphens, from values, which may
// start with one. After "--" all are values. The errors are UsageErrors.
func (g Grammar) Parse(arguments []string) (Arguments, error) {
	parsed := Arguments{given: map[string][]string{}, program: g.Program}
	for len(arguments) > 0 {
		word := arguments[0]
		arguments = arguments[1:]
		if word == "--" {
			parsed.Values = append(parsed.Values, arguments...)
			break
		}
		if !strings.HasPrefix(word, "--") {
			parsed.Values = append(parsed.Values, word)
			continue
		}
		name, value, joined := strings.Cut(word, "=")
		switch {
		case slices.Contains(g.Valued, name):
			if !joined {
				if len(arguments) == 0 || strings.HasPrefix(arguments[0], "--") {
					return Arguments{}, Usagef("%s needs a value; see %s --help", name, g.Program)
				}
				value, arguments = arguments[0], arguments[1:]
			}
		case joined || !slices.Contains(g.Flags, name):
			return Arguments{}, parsed.unknown(word)
		}
		parsed.given[name] = append(parsed.given[name], value)
	}
	return parsed, nil
}

// Has says whether the option was given.
func (a Arguments) Has(option string) bool {
	return len(a.given[option]) > 0
}

// All returns every value that was given to the option, in order.
func (a Arguments) All(option string) []string {
	return a.given[option]
}

// Allow returns a UsageError if an option was given that is not among these:
// what one command of a program takes, another need not.
func (a Arguments) Allow(options ...string) error {
	for _, option := range slices.Sorted(maps.Keys(a.given)) {
		if !slices.Contains(options, option) {
			return a.unknown(option)
		}
	}
	return nil
}

func (a Arguments) unknown(option string) error {
	return Usagef("unknown option %s; see %s --help", option, a.program)
}
