// Package fibonacci generates the Fibonacci sequence as far as int64 holds it.
package fibonacci

import "iter"

// MaxCount is how many Fibonacci numbers fit in int64: F(0) to F(92).
const MaxCount = 93

// Numbers yields the positions and values of the first count Fibonacci numbers,
// from F(0) = 0: at least F(0), whatever count is (the contract's FIB-2), and at
// most MaxCount of them. Each is computed when it is asked for.
func Numbers(count int64) iter.Seq2[int64, int64] {
	last := min(max(count, 1), MaxCount) - 1
	return func(yield func(position, number int64) bool) {
		current, next := int64(0), int64(1)
		for position := int64(0); yield(position, current) && position < last; position++ {
			// The last addition overflows, into a next that nobody reads.
			current, next = next, current+next
		}
	}
}
