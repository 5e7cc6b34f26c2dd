//! Changes the list's file and keeps everything else in it, comments included.

use std::path::Path;

use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

use super::{KnownList, NewKnown};
use crate::input::{BadInput, read_text};

/// Adds an entry at the end of the file, which is made if there is none.
///
/// # Errors
/// The file is no known list, the entry is malformed, or it cannot be written.
pub fn add(path: &Path, new: &NewKnown) -> Result<(), BadInput> {
    let mut document = if path.exists() { open(path)? } else { DocumentMut::new() };
    let mut table = Table::new();
    for (field, text) in [
        ("server", &new.server),
        ("client", &new.client),
        ("case", &new.case),
        ("message", &new.message),
        ("reason", &new.reason),
        ("link", &new.link),
    ] {
        table.insert(field, value(text));
    }
    entries(path, &mut document)?.push(table);
    save(path, &document)
}

/// Removes the entries at these positions.
///
/// # Errors
/// The file is no known list or cannot be written.
pub fn remove(path: &Path, positions: &[usize]) -> Result<(), BadInput> {
    let mut document = open(path)?;
    let entries = entries(path, &mut document)?;
    let mut position = 0;
    entries.retain(|_| {
        position += 1;
        !positions.contains(&(position - 1))
    });
    save(path, &document)
}

fn open(path: &Path) -> Result<DocumentMut, BadInput> {
    read_text(path)?
        .parse()
        .map_err(|error: toml_edit::TomlError| BadInput::new(path, error.message()))
}

fn entries<'a>(
    path: &Path,
    document: &'a mut DocumentMut,
) -> Result<&'a mut ArrayOfTables, BadInput> {
    document
        .entry("known")
        .or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()))
        .as_array_of_tables_mut()
        .ok_or_else(|| BadInput::new(path, "`known` is written inline; write `[[known]]` tables"))
}

/// Checks the new text as a reader would before it takes the old one's place.
fn save(path: &Path, document: &DocumentMut) -> Result<(), BadInput> {
    let text = document.to_string();
    KnownList::parse(path, &text)?;
    std::fs::write(path, text)
        .map_err(|error| BadInput::new(path, format_args!("cannot be written: {error}")))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn adding_and_removing_keeps_comments() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known.toml");
        fs::write(&path, "# Head.\n").unwrap();
        let new = |case: &str| NewKnown {
            server: "go".into(),
            client: "*".into(),
            case: case.into(),
            message: "expected OK".into(),
            reason: "a \"reason\"".into(),
            link: "v1".into(),
        };
        add(&path, &new("a/b")).unwrap();
        let first = fs::read_to_string(&path).unwrap();
        let commented = first.replace("case = ", "# why this one\ncase = ");
        fs::write(&path, commented).unwrap();
        add(&path, &new("a/c")).unwrap();
        remove(&path, &[1]).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# Head.\n"), "{text}");
        assert!(text.contains("# why this one"), "{text}");
        let list = KnownList::load(&path).unwrap();
        assert_eq!(list.entries.len(), 1);
        assert_eq!(list.entries[0].case.literal(), Some("a/b"));
    }

    #[test]
    fn a_malformed_entry_leaves_the_file_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known.toml");
        fs::write(&path, "# Head.\n").unwrap();
        let bad = NewKnown {
            server: "g*".into(),
            client: "*".into(),
            case: "a".into(),
            message: "m".into(),
            reason: "r".into(),
            link: "l".into(),
        };
        assert!(add(&path, &bad).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "# Head.\n");
    }
}
