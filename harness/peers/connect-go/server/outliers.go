package main

import "math"

const (
	// lanes is how many partial sums NumPy keeps side by side.
	lanes = 8
	// blockSize is the longest run of values that NumPy adds without halving it.
	blockSize = 128
)

// outliers returns the positions of the values that lie more than two standard deviations
// from the mean, as np.where(np.abs(data - data.mean()) > 2 * data.std())[0] does, bit for bit:
// rounding decides about a value that lies exactly two deviations out, so the additions are
// made in NumPy's order.
func outliers(values []float64) []int32 {
	count := float64(len(values))
	mean := sum(values) / count
	squares := make([]float64, len(values))
	for position, value := range values {
		distance := value - mean
		// The conversion keeps compilers from fusing the product with a later addition.
		squares[position] = float64(distance * distance)
	}
	limit := 2 * math.Sqrt(sum(squares)/count)

	var found []int32
	for position, value := range values {
		if math.Abs(value-mean) > limit {
			found = append(found, int32(position))
		}
	}
	return found
}

// sum adds the values in NumPy's order: the halves of what is longer than a block, and of a
// block every eighth value into the same lane.
func sum(values []float64) float64 {
	if len(values) > blockSize {
		half := len(values) / 2
		half -= half % lanes
		return sum(values[:half]) + sum(values[half:])
	}
	total, rest := 0.0, values
	if len(values) >= lanes {
		lane := [lanes]float64(values)
		for rest = values[lanes:]; len(rest) >= lanes; rest = rest[lanes:] {
			for index := range lane {
				lane[index] += rest[index]
			}
		}
		total = ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]))
	}
	for _, value := range rest {
		total += value
	}
	return total
}
