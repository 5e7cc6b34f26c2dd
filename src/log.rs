//! What the programs say on stderr.

use std::fmt::{Display, Write as _};
use std::io::{self, Write as _};

/// Writes one line to stderr, at once. That nobody may be reading there changes
/// nothing.
pub(crate) fn log(program: &str, text: impl Display) {
    let line = format!("{program}: {}\n", one_line(&text.to_string()));
    let _ = io::stderr().write_all(line.as_bytes());
}

/// The text with its control characters escaped, so that text from elsewhere
/// neither leaves its line nor steers a terminal.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        let written = match character {
            '\n' => line.write_str("\\n"),
            '\r' => line.write_str("\\r"),
            '\t' => line.write_str("\\t"),
            _ if character.is_control() => write!(line, "\\x{:02x}", u32::from(character)),
            _ => line.write_char(character),
        };
        written.expect("a string takes everything");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(one_line("é \"plain\" \\"), "é \"plain\" \\");
        assert_eq!(one_line("a\r\n\tb\x1b[31m\0\u{85}"), "a\\r\\n\\tb\\x1b[31m\\x00\\x85");
    }
}
