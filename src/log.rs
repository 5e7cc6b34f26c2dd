//! What the programs say on stderr.

use std::fmt::Display;
use std::io::{self, Write as _};

use crate::words::printable;

/// Writes one line to stderr, at once. That nobody may be reading there changes
/// nothing.
pub(crate) fn log(program: &str, text: impl Display) {
    let line = format!("{program}: {}\n", printable(&text.to_string()));
    let _ = io::stderr().write_all(line.as_bytes());
}
