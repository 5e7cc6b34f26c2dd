// Package printable makes text from elsewhere safe to show.
package printable

import (
	"strconv"
	"strings"
	"unicode"
)

// Line returns text on one line, with everything that a terminal would not
// print, line ends and escape sequences included, as Go writes it in quotes.
func Line(text string) string {
	var line strings.Builder
	for _, char := range text {
		if unicode.IsPrint(char) {
			line.WriteRune(char)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(char)
		line.WriteString(quoted[1 : len(quoted)-1])
	}
	return line.String()
}
