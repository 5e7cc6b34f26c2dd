//! Text that comes from a peer is hostile: everything shown goes through here.

use std::{fmt::Write as _, time::Duration};

/// The text on one line, with every character that could steer a terminal, hide
/// other text or break XML written as an escape (`\n`, `\u{1b}`).
#[must_use]
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if is_unsafe(character) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out
}

/// Whether a character could steer a terminal, hide others or break XML: control
/// characters, the bidirectional overrides and the other invisible
/// formatting characters, and what XML 1.0 cannot carry.
pub(crate) fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

/// The bytes that a percent-encoded text stands for. What is no escape stands for itself, as
/// gRPC wants it of `grpc-message` (`PROTOCOL-HTTP2.md`, Responses).
#[must_use]
pub fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => digit(high).zip(digit(low)),
            _ => None,
        };
        match escaped.and_then(|(high, low)| u8::try_from(16 * high + low).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

/// A text percent-encoded as `grpc-message` is: all but printable ASCII, and `%`.
#[must_use]
pub fn percent_encoded(text: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for &byte in text {
        match byte {
            b' '..=b'~' if byte != b'%' => encoded.push(char::from(byte)),
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

/// At most `limit` characters of a text; what is cut is counted.
#[must_use]
pub fn shorten(text: &str, limit: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(limit) else {
        return text.to_owned();
    };
    let left = text[end..].chars().count();
    format!("{}… ({left} more characters)", &text[..end])
}

/// `1 trial`, `2 trials`.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// What something took, as `1.5 s`.
#[must_use]
pub fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// A duration as `30 s` or `500 ms`.
#[must_use]
pub fn duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis.is_multiple_of(1000) {
        format!("{} s", millis / 1000)
    } else {
        format!("{millis} ms")
    }
}

/// The words joined as in `rust, python and go`.
#[must_use]
pub fn list(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_never_reach_the_reader() {
        for (name, input, expected) in [
            ("plain", "count 94", "count 94"),
            ("terminal escape", "\u{1b}[31mred", "\\u{1b}[31mred"),
            ("new lines", "a\r\nb\tc", "a\\r\\nb\\tc"),
            ("c1 control", "\u{9b}2J", "\\u{9b}2J"),
            ("right-to-left override", "a\u{202e}b", "a\\u{202e}b"),
            ("nul", "a\0b", "a\\u{0}b"),
            ("not a character", "\u{ffff}", "\\u{ffff}"),
            ("many scripts", "żółw 温度", "żółw 温度"),
        ] {
            assert_eq!(printable(input), expected, "{name}");
        }
    }

    #[test]
    fn a_percent_encoding_is_undone() {
        for (encoded, expected) in [
            ("no such%20thing", "no such thing"),
            ("%C5%bc", "ż"),
            ("100%", "100%"),
            ("%4", "%4"),
            ("%zz%25", "%zz%"),
            ("%0a", "\n"),
        ] {
            assert_eq!(percent_decoded(encoded.as_bytes()), expected.as_bytes(), "{encoded}");
        }
        assert_eq!(percent_encoded("50% ż\n".as_bytes()), "50%25 %C5%BC%0A");
    }

    #[test]
    fn shortening_counts_what_it_cuts() {
        assert_eq!(shorten("abc", 3), "abc");
        assert_eq!(shorten("äbcdef", 3), "äbc… (3 more characters)");
    }

    #[test]
    fn lists_read_as_prose() {
        assert_eq!(list(&[]), "");
        assert_eq!(list(&["go"]), "go");
        assert_eq!(list(&["go", "rust"]), "go and rust");
        assert_eq!(list(&["go", "python", "rust"]), "go, python and rust");
    }
}
