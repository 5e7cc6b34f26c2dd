package commandline

import (
	"slices"
	"testing"
)

var grammar = Grammar{Program: "client", Flags: []string{"--dummy", "--help"}, Valued: []string{"--addr"}}

func TestParse(t *testing.T) {
	cases := []struct {
		name      string
		arguments []string
		values    []string
		addresses []string
		dummy     bool
	}{
		{"nothing", nil, nil, nil, false},
		{"negative numbers", []string{"detect", "-1", "-2.5e3", "-inf"}, []string{"detect", "-1", "-2.5e3", "-inf"}, nil, false},
		{"after two hyphens", []string{"--", "-1", "--dummy", "--"}, []string{"-1", "--dummy", "--"}, nil, false},
		{"options before values", []string{"--addr", "a:1", "detect", "1"}, []string{"detect", "1"}, []string{"a:1"}, false},
		{"options after values", []string{"detect", "--dummy", "1", "--addr=a:1"}, []string{"detect", "1"}, []string{"a:1"}, true},
		{"more than once", []string{"--addr=a:1", "--addr", "b:2"}, nil, []string{"a:1", "b:2"}, false},
		{"an empty value", []string{"--addr="}, nil, []string{""}, false},
		{"a value with =", []string{"--addr=a=b"}, nil, []string{"a=b"}, false},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			got, err := grammar.Parse(test.arguments)
			if err != nil {
				t.Fatalf("Parse(%q): %v", test.arguments, err)
			}
			if !slices.Equal(got.Values, test.values) {
				t.Errorf("values = %q, want %q", got.Values, test.values)
			}
			if addresses := got.All("--addr"); !slices.Equal(addresses, test.addresses) {
				t.Errorf("addresses = %q, want %q", addresses, test.addresses)
			}
			if dummy := got.Has("--dummy"); dummy != test.dummy {
				t.Errorf("--dummy = %t, want %t", dummy, test.dummy)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	cases := []struct {
		name      string
		arguments []string
		want      string
	}{
		{"an unknown option", []string{"1", "--foo"}, "unknown option --foo; see client --help"},
		{"a flag with a value", []string{"--dummy=1"}, "unknown option --dummy=1; see client --help"},
		{"no value at the end", []string{"--addr"}, "--addr needs a value; see client --help"},
		{"an option for a value", []string{"--addr", "--dummy"}, "--addr needs a value; see client --help"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			if got, err := grammar.Parse(test.arguments); err == nil || err.Error() != test.want {
				t.Errorf("Parse(%q) = %v, %v, want error %q", test.arguments, got, err, test.want)
			}
		})
	}
}

func TestAllow(t *testing.T) {
	parsed, err := grammar.Parse([]string{"--dummy", "--addr", "a:1"})
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	if err := parsed.Allow("--addr", "--dummy"); err != nil {
		t.Errorf("Allow(--addr, --dummy) = %v, want no error", err)
	}
	const want = "unknown option --addr; see client --help"
	if err := parsed.Allow(); err == nil || err.Error() != want {
		t.Errorf("Allow() = %v, want %q", err, want)
	}
}
