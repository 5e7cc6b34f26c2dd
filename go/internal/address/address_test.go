package address

import "testing"

func TestParse(t *testing.T) {
	cases := []struct{ text, want string }{
		{"127.0.0.1:9999", "127.0.0.1:9999"},
		{"[::1]:0", "[::1]:0"},
		{"[::ffff:1.2.3.4]:80", "[::ffff:1.2.3.4]:80"},
		{"localhost:65535", "localhost:65535"},
		{"my-host.example_1:0000080", "my-host.example_1:80"},
	}
	for _, test := range cases {
		t.Run(test.text, func(t *testing.T) {
			if got, ok := Parse(test.text); !ok || got != test.want {
				t.Errorf("Parse(%q) = %q, %t, want %q", test.text, got, ok, test.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	texts := []string{
		"", "abc", ":9999", "localhost:", "localhost:http", "localhost:65536", "localhost:-1", "localhost:+1",
		"::1:9999", "[::1]", "[::1:80", "[1.2.3.4]:80", "[host]:80", "[::1%lo]:80",
		"ho st:80", "host/path:80", "user@host:80", "host:80\n",
	}
	for _, text := range texts {
		t.Run(text, func(t *testing.T) {
			if got, ok := Parse(text); ok {
				t.Errorf("Parse(%q) = %q, want it refused", text, got)
			}
		})
	}
}

func TestParseListening(t *testing.T) {
	cases := []struct {
		text, want string
		ok         bool
	}{
		{"unix:/a/b c.sock", "unix:/a/b c.sock", true},
		{"unix:/", "unix:/", true},
		{"unix:080", "unix:80", true},
		{"[::1]:0", "[::1]:0", true},
		{"unix:", "", false},
		{"unix:a.sock", "", false},
		{"unix:@a", "", false},
		{"Unix:/a", "", false},
	}
	for _, test := range cases {
		t.Run(test.text, func(t *testing.T) {
			if got, ok := ParseListening(test.text); got != test.want || ok != test.ok {
				t.Errorf("ParseListening(%q) = %q, %t, want %q, %t", test.text, got, ok, test.want, test.ok)
			}
		})
	}
}
