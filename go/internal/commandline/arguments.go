package commandline

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"crosswire/go/internal/printable"
)

// Arguments is a command line, taken apart but not yet made sense of.
type Arguments struct {
	// Values are what is no option, in order.
	Values  []string
	program string
	// options are those that were given, in order.
	options []option
}

type option struct {
	name string
	// value is empty for a flag.
	value string
}

// wantsHelp says whether "--help" stands among the options, whatever else is
// wrong with them.
func wantsHelp(arguments []string) bool {
	if end := slices.Index(arguments, "--"); end >= 0 {
		arguments = arguments[:end]
	}
	return slices.Contains(arguments, "--help")
}

// parse tells options, which start with two hyphens, from values, which may
// start with one, wherever they stand. After "--" all are values. The errors are
// UsageErrors.
func (p Program) parse(arguments []string) (Arguments, error) {
	parsed := Arguments{program: p.Name}
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
		case slices.Contains(p.Valued, name):
			if !joined {
				if len(arguments) == 0 || strings.HasPrefix(arguments[0], "--") {
					return Arguments{}, Usagef("%s needs a value; see %s --help", name, p.Name)
				}
				value, arguments = arguments[0], arguments[1:]
			}
		case name != "--help" && !slices.Contains(p.Flags, name):
			return Arguments{}, parsed.unknown(name)
		case joined:
			return Arguments{}, Usagef("%s takes no value; see %s --help", name, p.Name)
		}
		parsed.options = append(parsed.options, option{name, value})
	}
	return parsed, nil
}

// Has says whether the option was given.
func (a Arguments) Has(name string) bool {
	return slices.ContainsFunc(a.options, func(given option) bool { return given.name == name })
}

// Last returns the value of the option, of several the last: who repeats an option
// corrects it.
func (a Arguments) Last(name string) (value string, given bool) {
	for _, option := range slices.Backward(a.options) {
		if option.name == name {
			return option.value, true
		}
	}
	return "", false
}

// maxMillis is a day.
const maxMillis = 86_400_000

// Millis returns the time that was given to the option in milliseconds, or zero if
// none was, or a UsageError unless it is a whole number of them up to a day.
func (a Arguments) Millis(name string) (time.Duration, error) {
	text, given := a.Last(name)
	if !given {
		return 0, nil
	}
	count, err := strconv.ParseInt(text, 10, 64)
	if err != nil || count < 1 || count > maxMillis {
		return 0, Usagef("%s: %s is no number of milliseconds from 1 to %d", name, printable.Quote(text), maxMillis)
	}
	return time.Duration(count) * time.Millisecond, nil
}

// Addresses returns every value that was given to the option, in order, as parse
// returns it, or a UsageError with the example unless it takes each.
func (a Arguments) Addresses(name, example string, parse func(text string) (address string, ok bool)) ([]string, error) {
	var addresses []string
	for _, given := range a.options {
		if given.name != name {
			continue
		}
		parsed, ok := parse(given.value)
		if !ok {
			return nil, Usagef("%s %s: not an address; give HOST:PORT, such as %s",
				name, printable.Quote(given.value), example)
		}
		addresses = append(addresses, parsed)
	}
	return addresses, nil
}

// Allow returns a UsageError if an option was given that is not among these:
// what one command of a program takes, another need not.
func (a Arguments) Allow(names ...string) error {
	for _, given := range a.options {
		if !slices.Contains(names, given.name) {
			return a.unknown(given.name)
		}
	}
	return nil
}

// AllowNoValues returns a UsageError if there is a value.
func (a Arguments) AllowNoValues() error {
	if len(a.Values) == 0 {
		return nil
	}
	return Usagef("unexpected argument %s; see %s --help", printable.Quote(a.Values[0]), a.program)
}

func (a Arguments) unknown(name string) error {
	return Usagef("unknown option %s; see %s --help", name, a.program)
}
