package detector

import (
	"math"
	"math/rand/v2"
	"testing"
)

// plainPairwise is NumPy's order of additions, spelled out with indices.
func plainPairwise(values []float64) float64 {
	n := len(values)
	switch {
	case n < 8:
		total := math.Copysign(0, -1)
		for i := 0; i < n; i++ {
			total += values[i]
		}
		return total
	case n <= 128:
		var r [8]float64
		for j := 0; j < 8; j++ {
			r[j] = values[j]
		}
		i := 8
		for ; i < n-n%8; i += 8 {
			for j := 0; j < 8; j++ {
				r[j] += values[i+j]
			}
		}
		total := ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]))
		for ; i < n; i++ {
			total += values[i]
		}
		return total
	default:
		half := n / 2
		half -= half % 8
		return plainPairwise(values[:half]) + plainPairwise(values[half:])
	}
}

func TestPairwiseAddsInNumPysOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var lengths []int
	for length := 0; length <= 1100; length++ {
		lengths = append(lengths, length)
	}
	lengths = append(lengths, 4096, 8191, 8192, 8193, 10_000, 99_999)
	for _, length := range lengths {
		values := make([]float64, length)
		for position := range values {
			// Wide exponents make every order of additions another sum.
			values[position] = math.Ldexp(random.NormFloat64(), random.IntN(60)-30)
		}
		got, want := pairwise(values), plainPairwise(values)
		if math.Float64bits(got) != math.Float64bits(want) {
			t.Errorf("%d values: pairwise = %x, want %x", length, got, want)
		}
	}
}

func TestSumOfNothingIsPositiveZero(t *testing.T) {
	cases := []struct {
		name   string
		values []float64
	}{
		{"no values", nil},
		{"negative zeros", []float64{negativeZero, negativeZero}},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			if got := sum(test.values); math.Float64bits(got) != 0 {
				t.Errorf("sum(%v) = %v with sign bit %t, want +0", test.values, got, math.Signbit(got))
			}
		})
	}
}
