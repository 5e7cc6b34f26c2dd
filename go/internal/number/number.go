// Package number reads the numbers of the command line: the same texts in every
// language's client, which is fewer than Go's own parser takes.
package number

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"crosswire/go/internal/commandline"
	"crosswire/go/internal/printable"
)

// signedNaN is what the other languages' parsers take; strconv's takes no sign.
var signedNaN = regexp.MustCompile(`(?i)^[+-]?nan$`)

// Float reads a decimal number such as 1, -2.5, .5 or 3e4, or nan, inf or
// infinity in any case, with or without a sign. Hexadecimal numbers, underscores,
// spaces and numbers too large for float64 are UsageErrors.
func Float(text string) (float64, error) {
	if signedNaN.MatchString(text) {
		return math.NaN(), nil
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || strings.ContainsAny(text, "xX_") {
		return 0, commandline.Usagef("%s is not a number; give decimal numbers, such as 1 2.5 -3e4", printable.Quote(text))
	}
	return value, nil
}

// Count reads a whole number that fits in int64. Other texts are UsageErrors.
func Count(text string) (int64, error) {
	count, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, commandline.Usagef("%s is not a count; give a whole number, such as 10", printable.Quote(text))
	}
	return count, nil
}
