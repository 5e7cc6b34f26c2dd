//! What a person writes, with mistakes in it: a text that can be read, and edits to its words.

use libfuzzer_sys::arbitrary::{self, Arbitrary};

/// How long a text may grow. A longer one takes longer to read and shows nothing.
const MOST_BYTES: usize = 16 << 10;

/// A change to a text of words. Positions are counted round and round.
#[derive(Arbitrary, Debug)]
pub(crate) enum Edit<'a> {
    /// Puts a text before a word.
    Insert(u16, &'a str),
    /// Puts a text in the place of a word.
    Replace(u16, &'a str),
    /// Puts a number in the place of a word.
    Number(u16, i64),
    /// Takes so many words away.
    Cut(u16, u8),
    /// Puts so many words elsewhere, too.
    Copy { from: u16, words: u8, to: u16 },
    /// Puts a word in the place of another.
    Use { from: u16, at: u16 },
    /// Puts brackets around a word.
    Nest { at: u16, open: u8, depth: u16 },
}

const BRACKETS: [(&str, &str); 8] = [
    ("[", "]"),
    ("{ a = ", " }"),
    ("(", ")"),
    (".", ""),
    ("message M {", "}"),
    ("a.", ""),
    ("**/", ""),
    ("a/", ""),
];

/// The text with these edits.
pub(crate) fn edited(text: &str, edits: &[Edit<'_>]) -> String {
    let mut words: Vec<String> = words(text);
    let mut length = text.len();
    for edit in edits {
        let place = |position: &u16| usize::from(*position) % words.len().max(1);
        let end = |from: usize, count: &u8| (from + usize::from(*count)).min(words.len());
        match edit {
            _ if words.is_empty() || length > MOST_BYTES => break,
            Edit::Insert(at, text) => words.insert(place(at), (*text).to_owned()),
            Edit::Replace(at, text) => {
                let at = place(at);
                words[at] = (*text).to_owned();
            }
            Edit::Number(at, number) => {
                let at = place(at);
                words[at] = number.to_string();
            }
            Edit::Cut(from, count) => {
                let from = place(from);
                words.drain(from..end(from, count));
            }
            Edit::Copy { from, words: count, to } => {
                let (from, to) = (place(from), place(to));
                let copied = words[from..end(from, count)].to_vec();
                words.splice(to..to, copied);
            }
            Edit::Use { from, at } => {
                let (from, at) = (place(from), place(at));
                words[at] = words[from].clone();
            }
            Edit::Nest { at, open, depth } => {
                let (open, close) = BRACKETS[usize::from(*open) % BRACKETS.len()];
                let depth = usize::from(*depth) % (MOST_BYTES / 16);
                let at = place(at);
                words[at] = format!("{}{}{}", open.repeat(depth), words[at], close.repeat(depth));
            }
        }
        length = words.iter().map(String::len).sum();
    }
    words.concat()
}

/// Names and numbers whole, and every other character alone.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut is_within = false;
    for character in text.chars() {
        let is_of_word = character.is_alphanumeric() || "_-".contains(character);
        match words.last_mut() {
            Some(word) if is_within && is_of_word => word.push(character),
            _ => words.push(character.into()),
        }
        is_within = is_of_word;
    }
    words
}
