//! The system's time as a `google.protobuf.Timestamp`, and back.
//!
//! A Timestamp counts seconds since 1970-01-01T00:00:00Z, which may be
//! negative, and nanoseconds *forward* from there: a quarter of a second before
//! 1970 is -1 s and 750,000,000 ns. It ranges from 0001-01-01T00:00:00Z to
//! 9999-12-31T23:59:59.999999999Z. prost's own conversions mend what lies
//! outside; these refuse it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prost_types::Timestamp;
use thiserror::Error;

/// 0001-01-01T00:00:00Z, in seconds since 1970.
pub const MIN_SECONDS: i64 = -62_135_596_800;

/// 9999-12-31T23:59:59Z, in seconds since 1970.
pub const MAX_SECONDS: i64 = 253_402_300_799;

const NANOS_PER_SECOND: i32 = 1_000_000_000;

/// Why a time cannot be converted.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum TimestampError {
    /// `nanos` counts up from `seconds`, from 0 to 999,999,999.
    #[error("{0} nanoseconds are not within 0 to 999999999")]
    Nanos(i32),
    /// The time lies before the year 1 or after the year 9999.
    #[error("the time is not within 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z")]
    Range,
}

/// The system's time as a Timestamp, to the nanosecond.
///
/// # Errors
///
/// [`TimestampError::Range`].
pub fn from_system_time(time: SystemTime) -> Result<Timestamp, TimestampError> {
    let (seconds, nanos) = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => (whole_seconds(after)?, after.subsec_nanos() as i32),
        Err(error) => {
            let before = error.duration();
            let seconds = -whole_seconds(before)?;
            match before.subsec_nanos() as i32 {
                0 => (seconds, 0),
                nanos => (seconds - 1, NANOS_PER_SECOND - nanos),
            }
        }
    };
    let timestamp = Timestamp { seconds, nanos };
    validate(&timestamp)?;
    Ok(timestamp)
}

/// A Timestamp as the system's time, to the nanosecond.
///
/// # Errors
///
/// [`TimestampError::Nanos`], and [`TimestampError::Range`], also for a time
/// that the system's clock cannot hold.
pub fn to_system_time(timestamp: &Timestamp) -> Result<SystemTime, TimestampError> {
    validate(timestamp)?;
    let seconds = Duration::from_secs(timestamp.seconds.unsigned_abs());
    let whole = if timestamp.seconds < 0 {
        UNIX_EPOCH.checked_sub(seconds)
    } else {
        UNIX_EPOCH.checked_add(seconds)
    };
    let nanos = Duration::from_nanos(timestamp.nanos.unsigned_abs().into());
    whole.and_then(|whole| whole.checked_add(nanos)).ok_or(TimestampError::Range)
}

fn whole_seconds(distance: Duration) -> Result<i64, TimestampError> {
    i64::try_from(distance.as_secs()).map_err(|_| TimestampError::Range)
}

fn validate(timestamp: &Timestamp) -> Result<(), TimestampError> {
    if !(0..NANOS_PER_SECOND).contains(&timestamp.nanos) {
        return Err(TimestampError::Nanos(timestamp.nanos));
    }
    if !(MIN_SECONDS..=MAX_SECONDS).contains(&timestamp.seconds) {
        return Err(TimestampError::Range);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: u64, nanos: u32) -> SystemTime {
        UNIX_EPOCH + Duration::new(seconds, nanos)
    }

    fn before(seconds: u64, nanos: u32) -> SystemTime {
        UNIX_EPOCH - Duration::new(seconds, nanos)
    }

    #[test]
    fn both_directions_agree() {
        let table = [
            ("1970", after(0, 0), 0, 0),
            ("a nanosecond after 1970", after(0, 1), 0, 1),
            ("a nanosecond before 1970", before(0, 1), -1, 999_999_999),
            ("a quarter before 1970", before(0, 250_000_000), -1, 750_000_000),
            ("a whole second before 1970", before(1, 0), -1, 0),
            ("1969, with nanoseconds", before(1, 1), -2, 999_999_999),
            ("the article's", after(1_590_156_791, 0), 1_590_156_791, 0),
            ("the first", before(62_135_596_800, 0), MIN_SECONDS, 0),
            ("the last", after(253_402_300_799, 999_999_999), MAX_SECONDS, 999_999_999),
        ];
        for (name, time, seconds, nanos) in table {
            let timestamp = Timestamp { seconds, nanos };
            assert_eq!(from_system_time(time), Ok(timestamp), "{name}");
            assert_eq!(to_system_time(&timestamp), Ok(time), "{name}");
        }
    }

    #[test]
    fn invalid_timestamps_are_refused() {
        let table = [
            (0, -1, TimestampError::Nanos(-1)),
            (0, i32::MIN, TimestampError::Nanos(i32::MIN)),
            (0, 1_000_000_000, TimestampError::Nanos(1_000_000_000)),
            (MIN_SECONDS - 1, 999_999_999, TimestampError::Range),
            (MAX_SECONDS + 1, 0, TimestampError::Range),
            (i64::MIN, 0, TimestampError::Range),
            (i64::MAX, 0, TimestampError::Range),
        ];
        for (seconds, nanos, expected) in table {
            let timestamp = Timestamp { seconds, nanos };
            assert_eq!(to_system_time(&timestamp), Err(expected), "{timestamp:?}");
        }
    }

    #[test]
    fn times_beyond_the_range_are_refused() {
        let table = [before(62_135_596_800, 1), after(253_402_300_800, 0)];
        for time in table {
            assert_eq!(from_system_time(time), Err(TimestampError::Range));
        }
    }
}
