// Package dummy has the article's 1,000 metrics.
package dummy

import (
	"fmt"
	"time"

	"crosswire/go/internal/timestamp"
	"crosswire/go/pb"
)

const size = 1000

// Metrics returns the article's metrics, with fixed values where it takes
// random ones below 40, so that the answer is always the three outliers. All
// bear the same time: the article's loop drops the result of its t.Add.
func Metrics() ([]*pb.Metric, error) {
	moment, err := timestamp.FromTime(time.Date(2020, 5, 22, 14, 13, 11, 0, time.UTC))
	if err != nil {
		return nil, fmt.Errorf("time of the metrics: %w", err)
	}
	metrics := make([]*pb.Metric, size)
	for index := range metrics {
		// 7919 and 1000 share no factor: every multiple of 0.04 occurs once.
		value := float64(index*7919%size) * 0.04
		metrics[index] = &pb.Metric{Time: moment, Name: "CPU", Value: value}
	}
	metrics[7].Value = 97.3
	metrics[113].Value = 92.1
	metrics[835].Value = 93.2
	return metrics, nil
}
