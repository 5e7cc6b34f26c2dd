// Package timestamp converts between time.Time and google.protobuf.Timestamp.
// Both count nanoseconds, so nothing is lost on the way; what a Timestamp may
// not hold is an error in either direction.
package timestamp

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	// minSeconds is 0001-01-01T00:00:00Z, the first moment of a Timestamp.
	minSeconds = -62_135_596_800
	// maxSeconds is 9999-12-31T23:59:59Z, the second of its last moment.
	maxSeconds = 253_402_300_799
	// maxNanos is the last nanosecond of a second. Nanos count forward from
	// the second, before 1970 too, so they are never negative.
	maxNanos = 999_999_999
)

// FromTime returns the Timestamp of a moment. The years 1 to 9999 have one.
func FromTime(moment time.Time) (*timestamppb.Timestamp, error) {
	converted := &timestamppb.Timestamp{
		Seconds: moment.Unix(),
		Nanos:   int32(moment.Nanosecond()),
	}
	if err := check(converted); err != nil {
		return nil, err
	}
	return converted, nil
}

// ToTime returns the moment of a Timestamp, in UTC. A Timestamp that is nil, as
// an absent field is, has none.
func ToTime(stamp *timestamppb.Timestamp) (time.Time, error) {
	if stamp == nil {
		return time.Time{}, fmt.Errorf("timestamp is absent")
	}
	if err := check(stamp); err != nil {
		return time.Time{}, err
	}
	return time.Unix(stamp.Seconds, int64(stamp.Nanos)).UTC(), nil
}

func check(stamp *timestamppb.Timestamp) error {
	if stamp.Seconds < minSeconds || stamp.Seconds > maxSeconds {
		return fmt.Errorf("timestamp of %d s lies outside the years 1 to 9999", stamp.Seconds)
	}
	if stamp.Nanos < 0 || stamp.Nanos > maxNanos {
		return fmt.Errorf("timestamp has %d ns; 0 to %d are allowed", stamp.Nanos, maxNanos)
	}
	return nil
}
