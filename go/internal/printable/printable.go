// Package printable makes text from elsewhere fit to stand in a line of ours. The
// other languages of Crosswire write it the same way.
package printable

import (
	"fmt"
	"strings"
	"unicode"
)

// Line returns text on one line, with every character that could steer a
// terminal or hide other text written as an escape: \n, \u{1b}. A byte that is
// not UTF-8 becomes a replacement character.
func Line(text string) string {
	var line strings.Builder
	for _, char := range text {
		switch {
		case char == '\n':
			line.WriteString(`\n`)
		case char == '\r':
			line.WriteString(`\r`)
		case char == '\t':
			line.WriteString(`\t`)
		case unicode.Is(unprintable, char):
			fmt.Fprintf(&line, `\u{%x}`, char)
		default:
			line.WriteRune(char)
		}
	}
	return line.String()
}

// unprintable has the control characters, the bidirectional overrides, and the other
// invisible formatting characters.
var unprintable = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x00, 0x1f, 1}, {0x7f, 0x9f, 1}, {0xad, 0xad, 1}, {0x61c, 0x61c, 1},
		{0x180e, 0x180e, 1}, {0x200b, 0x200f, 1}, {0x2028, 0x202e, 1}, {0x2060, 0x206f, 1},
		{0xfeff, 0xfeff, 1}, {0xfff9, 0xfffb, 1}, {0xfffe, 0xffff, 1},
	},
	R32:         []unicode.Range32{{0xe0000, 0xe007f, 1}},
	LatinOffset: 3,
}

var quotes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// Quote returns text in double quotes, as Line writes it, and so that its end
// can be told.
func Quote(text string) string {
	return `"` + Line(quotes.Replace(text)) + `"`
}
