package printable

import "testing"

func TestLine(t *testing.T) {
	cases := []struct{ name, text, want string }{
		{"plain", `count 94 is "more" \ than 93`, `count 94 is "more" \ than 93`},
		{"other letters", "größer ✓", "größer ✓"},
		{"line ends", "one\r\ntwo", `one\r\ntwo`},
		{"an escape sequence", "\x1b[31mred", `\x1b[31mred`},
		{"a right-to-left override", "a\u202eb", `a\u202eb`},
		{"no UTF-8", "a\xffb", "a\ufffdb"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			if got := Line(test.text); got != test.want {
				t.Errorf("Line(%q) = %q, want %q", test.text, got, test.want)
			}
		})
	}
}
