package commandline

import (
	"slices"
	"testing"
	"time"

	"crosswire/go/internal/address"
)

var program = Program{Name: "client", Flags: []string{"--dummy"}, Valued: []string{"--addr"}}

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
		{"an empty value", []string{""}, []string{""}, nil, false},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			got, err := program.parse(test.arguments)
			if err != nil {
				t.Fatalf("parse(%q): %v", test.arguments, err)
			}
			if !slices.Equal(got.Values, test.values) {
				t.Errorf("values = %q, want %q", got.Values, test.values)
			}
			if addresses, err := got.Addresses("--addr", "c:3", address.Parse); err != nil || !slices.Equal(addresses, test.addresses) {
				t.Errorf("addresses = %q, %v, want %q", addresses, err, test.addresses)
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
		{"an unknown option with a value", []string{"--foo=1"}, "unknown option --foo; see client --help"},
		{"a flag with a value", []string{"--dummy=1"}, "--dummy takes no value; see client --help"},
		{"no value at the end", []string{"--addr"}, "--addr needs a value; see client --help"},
		{"an option for a value", []string{"--addr", "--dummy"}, "--addr needs a value; see client --help"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			if got, err := program.parse(test.arguments); err == nil || err.Error() != test.want {
				t.Errorf("parse(%q) = %v, %v, want error %q", test.arguments, got, err, test.want)
			}
		})
	}
}

func TestAddressesRefuses(t *testing.T) {
	parsed, err := program.parse([]string{"--addr=a:1", "--addr=a=b"})
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	const want = `--addr "a=b": not an address; give HOST:PORT, such as c:3`
	if got, err := parsed.Addresses("--addr", "c:3", address.Parse); err == nil || err.Error() != want {
		t.Errorf("Addresses() = %q, %v, want error %q", got, err, want)
	}
}

func TestMillis(t *testing.T) {
	cases := []struct {
		text string
		want time.Duration
	}{
		{"1", time.Millisecond}, {"+0010", 10 * time.Millisecond}, {"86400000", 24 * time.Hour},
	}
	for _, test := range cases {
		t.Run(test.text, func(t *testing.T) {
			parsed, err := program.parse([]string{"--addr", test.text})
			if err != nil {
				t.Fatalf("parse: %v", err)
			}
			if got, err := parsed.Millis("--addr"); err != nil || got != test.want {
				t.Errorf("Millis() = %v, %v, want %v", got, err, test.want)
			}
		})
	}
	if got, err := (Arguments{}).Millis("--addr"); err != nil || got != 0 {
		t.Errorf("Millis() of nothing = %v, %v, want none", got, err)
	}
}

func TestMillisRefuses(t *testing.T) {
	for _, text := range []string{"", "x", "0", "-1", "1.5", "1e3", " 1", "86400001", "99999999999999999999"} {
		t.Run(text, func(t *testing.T) {
			parsed, err := program.parse([]string{"--addr=" + text})
			if err != nil {
				t.Fatalf("parse: %v", err)
			}
			want := `--addr: "` + text + `" is no number of milliseconds from 1 to 86400000`
			if got, err := parsed.Millis("--addr"); err == nil || err.Error() != want {
				t.Errorf("Millis() = %v, %v, want error %q", got, err, want)
			}
		})
	}
}

func TestAllow(t *testing.T) {
	parsed, err := program.parse([]string{"--dummy", "--addr", "a:1"})
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	if err := parsed.Allow("--addr", "--dummy"); err != nil {
		t.Errorf("Allow(--addr, --dummy) = %v, want no error", err)
	}
	const want = "unknown option --dummy; see client --help"
	if err := parsed.Allow(); err == nil || err.Error() != want {
		t.Errorf("Allow() = %v, want %q", err, want)
	}
}

func TestWantsHelp(t *testing.T) {
	cases := []struct {
		name      string
		arguments []string
		want      bool
	}{
		{"alone", []string{"--help"}, true},
		{"after a mistake", []string{"--foo", "--help"}, true},
		{"where a value belongs", []string{"--addr", "--help"}, true},
		{"as a value", []string{"--", "--help"}, false},
		{"not there", []string{"help", "--help=1"}, false},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			if got := wantsHelp(test.arguments); got != test.want {
				t.Errorf("wantsHelp(%q) = %t, want %t", test.arguments, got, test.want)
			}
		})
	}
}
