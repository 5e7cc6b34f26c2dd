// Package detector finds the outliers of a list of numbers, bit for bit as
// NumPy 2.3 and later do with
//
//	np.where(np.abs(data - data.mean()) > 2 * data.std())[0]
//
// Values exactly two standard deviations from the mean are common (any 0/1 data
// with one 1 in five), and rounding decides them. So the order of the additions
// matters, and so does that no addition is fused with a multiplication.
package detector

import "math"

// Outliers returns the positions, ascending and counted from 0, of the values
// that lie more than two population standard deviations from the mean. There
// are none when a value is NaN or infinite, or when the sum or a square
// overflows: every comparison is false then.
func Outliers(values []float64) []int {
	count := float64(len(values))
	mean := sum(values) / count
	deviation := math.Sqrt(sum(squaredDistances(values, mean)) / count)

	var positions []int
	for position, value := range values {
		if math.Abs(value-mean) > 2*deviation {
			positions = append(positions, position)
		}
	}
	return positions
}

// squaredDistances returns the square of every value's distance from mean.
//
// The language allows x*y + z to be rounded once instead of twice, across
// statements and stores too, and compilers do it on arm64, ppc64, s390x,
// riscv64, and on amd64 with GOAMD64=v3. An explicit conversion is what forbids
// it: it rounds the product before any addition can take it. This is the one
// product of the package that is added to something.
func squaredDistances(values []float64, mean float64) []float64 {
	squares := make([]float64, len(values))
	for position, value := range values {
		distance := value - mean
		squares[position] = float64(distance * distance)
	}
	return squares
}
