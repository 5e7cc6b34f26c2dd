//! What the harness writes beside its stdout, so that nothing can go wrong with it that
//! should not: words for people on stderr, and files of its own.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
};

/// Says a line on stderr. Who closed it, or has no room for it, is told nothing: the
/// reports and the exit code say all that counts.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Creates a file in the place of the one that may be there. If that is a link, the link
/// goes, and what it leads to stays as it is.
///
/// # Errors
/// The old one cannot be removed, or the new one not be made.
pub fn create(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => File::create_new(path),
    }
}

/// Likewise, with all that is to stand in it.
///
/// # Errors
/// Likewise, or it cannot be written.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    create(path)?.write_all(text.as_bytes())
}
