package commandline

import (
	"slices"
	"strings"

	"crosswire/go/internal/address"
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

// Addresses returns every value that was given to the option, in order, or a
// UsageError with the example unless each is an address.
func (a Arguments) Addresses(name, example string) ([]string, error) {
	var addresses []string
	for _, given := range a.options {
		if given.name != name {
			continue
		}
		parsed, ok := address.Parse(given.value)
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
