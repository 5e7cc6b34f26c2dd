package timestamp

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
)

func TestBothDirections(t *testing.T) {
	cases := []struct {
		name    string
		moment  time.Time
		seconds int64
		nanos   int32
	}{
		{"the epoch", time.Unix(0, 0), 0, 0},
		{"the article's", time.Date(2020, 5, 22, 14, 13, 11, 0, time.UTC), 1_590_156_791, 0},
		{"a nanosecond", time.Unix(0, 1), 0, 1},
		{"a nanosecond before 1970", time.Unix(0, -1), -1, 999_999_999},
		{"before 1970", time.Date(1969, 12, 31, 23, 59, 58, 500_000_000, time.UTC), -2, 500_000_000},
		{"another time zone", time.Date(1970, 1, 1, 2, 0, 0, 0, time.FixedZone("", 2*60*60)), 0, 0},
		{"the first", time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), -62_135_596_800, 0},
		{"the last", time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC), 253_402_300_799, 999_999_999},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			stamp, err := FromTime(test.moment)
			if err != nil || stamp.Seconds != test.seconds || stamp.Nanos != test.nanos {
				t.Fatalf("FromTime(%v) = %v, %v, want %d s %d ns", test.moment, stamp, err, test.seconds, test.nanos)
			}
			if got, err := ToTime(stamp); err != nil || !got.Equal(test.moment) {
				t.Errorf("ToTime(%v) = %v, %v, want %v", stamp, got, err, test.moment)
			}
		})
	}
}

func TestFromTimeRefuses(t *testing.T) {
	cases := []struct {
		name   string
		moment time.Time
		want   string
	}{
		{"before the first", time.Date(1, 1, 1, 0, 0, 0, -1, time.UTC), "timestamp of -62135596801 s lies outside the years 1 to 9999"},
		{"after the last", time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC), "timestamp of 253402300800 s lies outside the years 1 to 9999"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			if got, err := FromTime(test.moment); err == nil || err.Error() != test.want {
				t.Errorf("FromTime(%v) = %v, %v, want error %q", test.moment, got, err, test.want)
			}
		})
	}
}

func TestToTimeRefuses(t *testing.T) {
	cases := []struct {
		name  string
		stamp *timestamppb.Timestamp
		want  string
	}{
		{"none", nil, "timestamp is absent"},
		{"before the first", &timestamppb.Timestamp{Seconds: minSeconds - 1}, "timestamp of -62135596801 s lies outside the years 1 to 9999"},
		{"after the last", &timestamppb.Timestamp{Seconds: maxSeconds + 1}, "timestamp of 253402300800 s lies outside the years 1 to 9999"},
		{"negative nanoseconds", &timestamppb.Timestamp{Nanos: -1}, "timestamp has -1 ns; 0 to 999999999 are allowed"},
		{"a second of nanoseconds", &timestamppb.Timestamp{Nanos: 1e9}, "timestamp has 1000000000 ns; 0 to 999999999 are allowed"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			if got, err := ToTime(test.stamp); err == nil || err.Error() != test.want {
				t.Errorf("ToTime(%v) = %v, %v, want error %q", test.stamp, got, err, test.want)
			}
		})
	}
}
