package detector

import "math"

const (
	// accumulators is how many partial sums NumPy keeps side by side.
	accumulators = 8
	// blockSize is the longest run of values that is added without halving.
	blockSize = 128
)

// negativeZero is the neutral element of addition: 0 + -0 is 0, but -0 + x is x
// for every x. It cannot be written as a literal, because -0.0 is +0 in Go.
var negativeZero = math.Copysign(0, -1)

// sum adds values in NumPy's order.
func sum(values []float64) float64 {
	return 0 + pairwise(values)
}

// pairwise halves what is longer than a block, and adds the halves' sums.
func pairwise(values []float64) float64 {
	if len(values) > blockSize {
		half := len(values) / 2
		half -= half % accumulators
		return pairwise(values[:half]) + pairwise(values[half:])
	}
	if len(values) < accumulators {
		return addAll(negativeZero, values)
	}
	return block(values)
}

// block adds 8 to 128 values: every eighth one into the same accumulator, the
// accumulators in pairs, and at last the values that fill no row of eight.
func block(values []float64) float64 {
	row := [accumulators]float64(values)
	rest := values[accumulators:]
	for len(rest) >= accumulators {
		for lane := range row {
			row[lane] += rest[lane]
		}
		rest = rest[accumulators:]
	}
	total := ((row[0] + row[1]) + (row[2] + row[3])) + ((row[4] + row[5]) + (row[6] + row[7]))
	return addAll(total, rest)
}

// addAll adds values to start, from left to right.
func addAll(start float64, values []float64) float64 {
	for _, value := range values {
		start += value
	}
	return start
}
