package detector

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestOutliers(t *testing.T) {
	nan, infinity := math.NaN(), math.Inf(1)
	cases := []struct {
		name   string
		values []float64
		want   []int
	}{
		{"the article's example", []float64{1, 2, 100, 1, 3, 200, 1}, []int{5}},
		{"no values", nil, nil},
		{"one value", []float64{5}, nil},
		{"all equal", slices.Repeat([]float64{0.1}, 100), nil},
		{"a NaN", []float64{nan, 0, 0, 0, 0, 0, 0, 99}, nil},
		{"an infinity", []float64{0, 0, 0, 0, 0, 0, 0, infinity}, nil},
		{"both infinities", []float64{infinity, 0, 0, 0, 0, 0, 0, -infinity}, nil},
		{"the sum overflows", slices.Repeat([]float64{1e308}, 20), nil},
		{"a square overflows", []float64{1e155, 0, 0, 0, 0, 0, 0}, nil},
		{"the squares underflow", []float64{1e-170, 2e-170}, []int{0, 1}},
		{"zeros of both signs", []float64{0, math.Copysign(0, -1)}, nil},
		{"one odd of 4", []float64{0, 0, 0, 1e6}, nil},
		{"one odd of 6", []float64{0, 0, 0, 0, 0, 1}, []int{5}},
		{"a low one", []float64{7, 7, -7, 7, 7, 7}, []int{2}},
		{"tie of 5, rounded down", []float64{0, 0, 0, 0, 108}, nil},
		{"tie of 5, rounded up, but not if fused", []float64{0, 0, 0, 0, 109}, []int{4}},
		{"tie of 5, the odd one fourth", []float64{0.1, 0.1, 0.1, 0.2, 0.1}, []int{3}},
		{"tie of 5, the odd one fifth", []float64{0.1, 0.1, 0.1, 0.1, 0.2}, nil},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			if got := Outliers(test.values); !slices.Equal(got, test.want) {
				t.Errorf("Outliers(%v) = %v, want %v", test.values, got, test.want)
			}
		})
	}
}

// The first whole numbers that are outliers among four zeros.
func TestOutliersAmongFourZeros(t *testing.T) {
	var got []int
	for odd := 1; odd <= 289; odd++ {
		if len(Outliers([]float64{0, 0, 0, 0, float64(odd)})) > 0 {
			got = append(got, odd)
		}
	}
	if want := []int{109, 218, 289}; !slices.Equal(got, want) {
		t.Errorf("outliers among four zeros: got %v, want %v", got, want)
	}
}

// Every fifth value is the odd one, which lies exactly two standard deviations
// out. NumPy 2.4.6 gave the verdicts. Another order of the additions gives
// others: the comments name those that would.
func TestOutliersOfFourToOneTies(t *testing.T) {
	cases := []struct {
		name      string
		length    int
		base, odd float64
		flagged   bool
	}{
		{"0/1 of 1000", 1000, 0, 1, false},
		{"10 values", 10, 0, 0.1, false},              // left to right
		{"40 values", 40, 0, 3.7, true},               // left to right
		{"100 values", 100, 0.1, 0.3, false},          // left to right
		{"500 values", 500, 1.1, 0, false},            // left to right
		{"1000 values", 1000, 0, 0.3, true},           // left to right
		{"5000 values", 5000, 0.1, 0.2, true},         // left to right
		{"10000 values down", 10000, 0, 0.3, false},   // blocks of 8192, as in NumPy 2.2
		{"10000 values up", 10000, 0.1, 0.2, true},    // both
		{"20000 values down", 20000, 0, 0.3, false},   // blocks of 8192
		{"20000 values up", 20000, 0, 3.7, true},      // blocks of 8192
		{"20000 values, 0.1", 20000, 0.1, 0.3, false}, // left to right
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			values := slices.Repeat([]float64{test.base}, test.length)
			var odd, want []int
			for position := 0; position < test.length; position += 5 {
				values[position] = test.odd
				odd = append(odd, position)
			}
			if test.flagged {
				want = odd
			}
			if got := Outliers(values); !slices.Equal(got, want) {
				t.Errorf("%d values flagged, want %d", len(got), len(want))
			}
		})
	}
}

// Every square is rounded before it is added. Fusing depends on the target, so
// this says most where the compiler may fuse: on arm64, or on amd64 with
//
//	GOAMD64=v3 go test ./internal/detector
func TestSquaresAreRoundedBeforeTheyAreAdded(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, length := range []int{1, 5, 7, 8, 100, 1000} {
		values := make([]float64, length)
		for position := range values {
			values[position] = random.NormFloat64()
		}
		const mean = 0.1
		var rounded []float64
		for _, value := range values {
			distance := big.NewFloat(value - mean)
			square, _ := new(big.Float).SetPrec(53).Mul(distance, distance).Float64()
			rounded = append(rounded, square)
		}
		got, want := sum(squaredDistances(values, mean)), sum(rounded)
		if math.Float64bits(got) != math.Float64bits(want) {
			t.Errorf("%d values: sum of squares = %x, want %x", length, got, want)
		}
	}
}
