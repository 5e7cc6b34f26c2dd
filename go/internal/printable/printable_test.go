package printable

import "testing"

func TestLine(t *testing.T) {
	cases := []struct{ name, text, want string }{
		{"plain", `count 94 is "more" \ than 93`, `count 94 is "more" \ than 93`},
		{"other letters", "größer ✓", "größer ✓"},
		{"line ends", "one\r\n\ttwo", `one\r\n\ttwo`},
		{"an escape sequence", "\x1b[31mred", `\u{1b}[31mred`},
		{"other control characters", "a\x00b\x7fc\u0085d", `a\u{0}b\u{7f}c\u{85}d`},
		{"a right-to-left override", "a\u202eb", `a\u{202e}b`},
		{"invisible characters", "a\u200bb\ufeffc\U000e0041", `a\u{200b}b\u{feff}c\u{e0041}`},
		{"no UTF-8", "a\xffb\xe2\x82", "a\ufffdb\ufffd\ufffd"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			if got := Line(test.text); got != test.want {
				t.Errorf("Line(%q) = %q, want %q", test.text, got, test.want)
			}
		})
	}
}

func TestQuote(t *testing.T) {
	const text, want = "a\n\\n\"b", `"a\n\\n\"b"`
	if got := Quote(text); got != want {
		t.Errorf("Quote(%q) = %s, want %s", text, got, want)
	}
}
