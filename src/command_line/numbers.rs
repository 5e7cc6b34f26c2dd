use super::failure::UsageError;

/// A decimal number, or `nan`, `inf` or `infinity` in any case. What is too
/// large for an `f64` is no number here: Rust alone would make it infinite.
pub(super) fn value(text: &str) -> Result<f64, UsageError> {
    text.parse()
        .ok()
        .filter(|value: &f64| !value.is_infinite() || !text.contains(|c: char| c.is_ascii_digit()))
        .ok_or_else(|| UsageError::NotANumber(text.to_owned()))
}

/// A whole number that fits in an `i64`.
pub(super) fn count(text: &str) -> Result<i64, UsageError> {
    text.parse().map_err(|_| UsageError::NotACount(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decimal_numbers() {
        let infinity = f64::INFINITY;
        let table = [
            ("1", 1.0),
            ("-2.5", -2.5),
            ("1e3", 1000.0),
            ("-2.5E-1", -0.25),
            (".5", 0.5),
            ("5.", 5.0),
            ("inf", infinity),
            ("-INF", -infinity),
            ("Infinity", infinity),
            ("1e-999", 0.0),
        ];
        for (text, expected) in table {
            assert_eq!(value(text), Ok(expected), "{text:?}");
        }
        for text in ["nan", "NaN"] {
            assert!(value(text).is_ok_and(f64::is_nan), "{text:?}");
        }
    }

    #[test]
    fn other_texts_are_no_values() {
        let table = [
            "", "abc", "1_000", "0x10", "0x1p3", " 1", "1 ", "1,5", "1e", ".", "-", "1e999",
            "-1e999", "infinit", "nano",
        ];
        for text in table {
            assert_eq!(value(text), Err(UsageError::NotANumber(text.to_owned())), "{text:?}");
        }
    }

    #[test]
    fn counts_are_whole_numbers_of_64_bits() {
        assert_eq!(count("-9223372036854775808"), Ok(i64::MIN));
        assert_eq!(count("9223372036854775807"), Ok(i64::MAX));
        let table = ["", "abc", "1.0", "1e3", "9223372036854775808", "1_0", " 1"];
        for text in table {
            assert_eq!(count(text), Err(UsageError::NotACount(text.to_owned())), "{text:?}");
        }
    }
}
