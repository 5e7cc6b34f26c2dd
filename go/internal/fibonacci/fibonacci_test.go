package fibonacci

import (
	"math"
	"slices"
	"testing"
)

func TestNumbers(t *testing.T) {
	cases := []struct {
		name  string
		count int64
		want  []int64
	}{
		{"the least count", math.MinInt64, []int64{0}},
		{"zero", 0, []int64{0}},
		{"one", 1, []int64{0}},
		{"two", 2, []int64{0, 1}},
		{"ten", 10, []int64{0, 1, 1, 2, 3, 5, 8, 13, 21, 34}},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			var got []int64
			for position, number := range Numbers(test.count) {
				if position != int64(len(got)) {
					t.Errorf("position = %d, want %d", position, len(got))
				}
				got = append(got, number)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("Numbers(%d) = %v, want %v", test.count, got, test.want)
			}
		})
	}
}

func TestNumbersEndWithTheLastThatFits(t *testing.T) {
	for _, count := range []int64{93, 94, math.MaxInt64} {
		var got []int64
		for _, number := range Numbers(count) {
			got = append(got, number)
		}
		const last = 7540113804746346429 // F(92)
		if len(got) != MaxCount || got[len(got)-1] != last {
			t.Errorf("Numbers(%d): %d numbers to %d, want %d to %d", count, len(got), got[len(got)-1], MaxCount, last)
		}
	}
}

func TestNumbersStopWhenTheReaderDoes(t *testing.T) {
	taken := 0
	for range Numbers(MaxCount) {
		taken++
		if taken == 3 {
			break
		}
	}
	if taken != 3 {
		t.Errorf("took %d numbers, want 3", taken)
	}
}
