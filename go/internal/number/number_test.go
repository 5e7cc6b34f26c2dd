package number

import (
	"math"
	"testing"
)

func TestFloat(t *testing.T) {
	infinity := math.Inf(1)
	cases := []struct {
		text string
		want float64
	}{
		{"1", 1}, {"-2.5", -2.5}, {"+3", 3}, {".5", 0.5}, {"5.", 5},
		{"1e3", 1000}, {"-2.5E-3", -0.0025}, {"1e-999", 0}, {"007", 7},
		{"1.7976931348623157e308", math.MaxFloat64}, {"5e-324", math.SmallestNonzeroFloat64},
		{"inf", infinity}, {"+Inf", infinity}, {"-INF", -infinity},
		{"infinity", infinity}, {"-Infinity", -infinity},
		{"nan", math.NaN()}, {"NaN", math.NaN()}, {"-nan", math.NaN()}, {"+nan", math.NaN()},
	}
	for _, test := range cases {
		t.Run(test.text, func(t *testing.T) {
			got, err := Float(test.text)
			same := got == test.want || math.IsNaN(got) && math.IsNaN(test.want)
			if err != nil || !same {
				t.Errorf("Float(%q) = %v, %v, want %v", test.text, got, err, test.want)
			}
		})
	}
}

func TestFloatRefuses(t *testing.T) {
	texts := []string{
		"", "abc", "-", ".", "e3", "1e", "1e999", "-1e999", "0x10", "0x1p-2", "0XF",
		"1_000", " 1", "1 ", "1,5", "1f", "--1", "+-nan", "nan1", "infinit", "٣",
	}
	for _, text := range texts {
		t.Run(text, func(t *testing.T) {
			if got, err := Float(text); err == nil {
				t.Errorf("Float(%q) = %v, want an error", text, got)
			}
		})
	}
}

func TestCount(t *testing.T) {
	cases := []struct {
		text string
		want int64
	}{
		{"10", 10}, {"0", 0}, {"-3", -3}, {"+3", 3},
		{"9223372036854775807", math.MaxInt64}, {"-9223372036854775808", math.MinInt64},
	}
	for _, test := range cases {
		t.Run(test.text, func(t *testing.T) {
			if got, err := Count(test.text); err != nil || got != test.want {
				t.Errorf("Count(%q) = %d, %v, want %d", test.text, got, err, test.want)
			}
		})
	}
}

func TestCountRefuses(t *testing.T) {
	texts := []string{"", "abc", "1.0", "1e3", "0x10", "1_000", " 1", "9223372036854775808", "-9223372036854775809"}
	for _, text := range texts {
		t.Run(text, func(t *testing.T) {
			if got, err := Count(text); err == nil {
				t.Errorf("Count(%q) = %d, want an error", text, got)
			}
		})
	}
}
