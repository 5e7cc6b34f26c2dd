package dummy

import (
	"slices"
	"testing"

	"crosswire/go/internal/detector"
)

func TestMetrics(t *testing.T) {
	metrics, err := Metrics()
	if err != nil || len(metrics) != 1000 {
		t.Fatalf("Metrics() = %d metrics, %v, want 1000", len(metrics), err)
	}
	values := make([]float64, len(metrics))
	for index, metric := range metrics {
		values[index] = metric.Value
	}
	if got, want := detector.Outliers(values), []int{7, 113, 835}; !slices.Equal(got, want) {
		t.Errorf("outliers = %v, want %v", got, want)
	}
	cases := []struct {
		index int
		want  float64
	}{
		{0, 0}, {1, 36.76}, {999, 3.24}, {7, 97.3},
	}
	for _, test := range cases {
		if got := values[test.index]; got != test.want {
			t.Errorf("value %d = %v, want %v", test.index, got, test.want)
		}
	}
	last := metrics[999]
	if last.Name != "CPU" || last.Time.Seconds != 1_590_156_791 || last.Time.Nanos != 0 {
		t.Errorf("last metric = %v, want CPU at 1590156791 s", last)
	}
}
