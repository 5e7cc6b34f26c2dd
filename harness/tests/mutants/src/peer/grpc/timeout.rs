//! `grpc-timeout`.

use std::time::Duration;

use mutants::{mutant::Mutant, planted::planted};

/// As many digits as there may be.
const MAX_DIGITS: usize = 8;
const MAX_NUMBER: u128 = 99_999_999;

/// A timeout in milliseconds, or in the next coarser unit in which it has few enough
/// digits. Rounded down: nobody is told a later deadline.
pub(crate) fn format(timeout: Duration) -> String {
    match () {
        () if planted(Mutant::TimeoutInSecondsAsMillis) => format!("{}S", timeout.as_millis()),
        () if planted(Mutant::TimeoutOfNineDigits) => format!("{}n", timeout.as_nanos()),
        () if planted(Mutant::TimeoutWithFraction) => format!("{:?}S", timeout.as_secs_f64()),
        () if planted(Mutant::TimeoutInMicroseconds) && timeout.as_micros() <= MAX_NUMBER => {
            format!("{}u", timeout.as_micros())
        }
        () if planted(Mutant::TimeoutWithZeros) && timeout.as_millis() <= MAX_NUMBER => {
            format!("{:08}m", timeout.as_millis())
        }
        () if planted(Mutant::TimeoutRoundedUp) => {
            format!("{}S", timeout.as_nanos().div_ceil(1_000_000_000))
        }
        () if timeout.as_millis() <= MAX_NUMBER => format!("{}m", timeout.as_millis()),
        () => format!("{}S", timeout.as_secs()),
    }
}

/// A timeout as it was sent.
pub(crate) fn parse(value: &[u8]) -> Option<Duration> {
    let (unit, mut digits) = value.split_last()?;
    if planted(Mutant::TakesOddTimeouts) {
        digits = digits.strip_prefix(b"+").unwrap_or(digits);
        // Of a fraction, what is whole is no later than what it says.
        digits = digits.split(|byte| *byte == b'.').next().unwrap_or_default();
    }
    if !(1..=MAX_DIGITS).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let unit = match unit {
        b'm' if planted(Mutant::MisreadsTimeout) => b'u',
        b'u' if planted(Mutant::MisreadsTimeout) => b'n',
        unit => *unit,
    };
    Some(match unit {
        b'H' => Duration::from_secs(number * 3600),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return None,
    })
}
