//! Text from elsewhere, made fit to stand in a line of ours. The other languages
//! of Crosswire write it the same way.

use std::fmt::Write as _;
use std::io;

/// The text on one line, with every character that could steer a terminal or
/// hide other text written as an escape (`\n`, `\u{1b}`).
pub(crate) fn printable(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        let written = match character {
            '\n' => line.write_str("\\n"),
            '\r' => line.write_str("\\r"),
            '\t' => line.write_str("\\t"),
            _ if is_unsafe(character) => write!(line, "\\u{{{:x}}}", u32::from(character)),
            _ => line.write_char(character),
        };
        written.expect("a string takes everything");
    }
    line
}

/// Control characters, the bidirectional overrides, and the other invisible
/// formatting characters.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

/// The text in double quotes, [`printable`], and so that its end can be told.
pub(crate) fn quote(text: &str) -> String {
    format!("\"{}\"", printable(&text.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// The operating system's words, without the number that Rust appends, and in
/// lower case like the sentence around them.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let words = text.split(" (os error").next().unwrap_or(&text);
    words.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_steer_a_terminal_is_escaped() {
        let table = [
            ("é \"plain\" \\", "é \"plain\" \\"),
            ("a\r\n\tb\x1b[31m\0\x7f\u{85}", r"a\r\n\tb\u{1b}[31m\u{0}\u{7f}\u{85}"),
            ("a\u{202e}b\u{200b}\u{feff}\u{e0041}", r"a\u{202e}b\u{200b}\u{feff}\u{e0041}"),
        ];
        for (text, expected) in table {
            assert_eq!(printable(text), expected, "{text:?}");
        }
    }

    #[test]
    fn quotes_show_where_the_text_ends() {
        assert_eq!(quote("a\n\\n\"b"), r#""a\n\\n\"b""#);
    }

    #[test]
    fn reasons_are_in_lower_case() {
        assert_eq!(reason(&io::Error::from_raw_os_error(13)), "permission denied");
        assert_eq!(reason(&io::Error::other("Anything")), "anything");
    }
}
