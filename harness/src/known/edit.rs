//! Changes the list's file and keeps everything else in it, comments included.

use std::path::Path;

use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};

use super::{Known, KnownList};
use crate::input::{BadInput, read_text};

/// Adds an entry at the end of the file, which is made if there is none.
///
/// # Errors
/// The file is no known list, the entry is malformed, or it cannot be written.
pub fn add(path: &Path, new: &Known) -> Result<(), BadInput> {
    let mut table = Table::new();
    for (field, text) in [
        ("server", new.server.to_string()),
        ("client", new.client.to_string()),
        ("case", new.case.to_string()),
    ] {
        table.insert(field, value(text));
    }
    match &new.message.0[..] {
        [message] => table.insert("message", value(message)),
        messages => table.insert("message", value(messages.iter().collect::<Array>())),
    };
    if !new.rules.is_empty() {
        table.insert("rules", value(new.rules.iter().collect::<Array>()));
    }
    for (field, text) in [("reason", &new.reason), ("link", &new.link)] {
        table.insert(field, value(text));
    }
    // Appended as text: as part of the document, it would slip above a comment
    // that ends the file.
    let mut text = if path.exists() { read_text(path)? } else { String::new() };
    if !text.is_empty() {
        text.push_str(if text.ends_with('\n') { "\n" } else { "\n\n" });
    }
    text.push_str(&format!("[[known]]\n{table}"));
    save(path, &text)
}

/// Removes the entries at these positions, each with the comment right above it.
///
/// # Errors
/// The file is no known list or cannot be written.
pub fn remove(path: &Path, positions: &[usize]) -> Result<(), BadInput> {
    let mut document = open(path)?;
    let mut kept = ArrayOfTables::new();
    // What stands above a removed entry, parted from it by a blank line, is about
    // the file or a group of entries, and moves down to the next one.
    let mut moved = String::new();
    for (position, entry) in entries(path, &mut document)?.iter().enumerate() {
        let above = entry.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default();
        if positions.contains(&position) {
            let end = above.rfind("\n\n").map_or(0, |blank| blank + 1);
            moved.push_str(&above[..end]);
        } else {
            let mut entry = entry.clone();
            let prefix = std::mem::take(&mut moved) + above;
            entry.decor_mut().set_prefix(prefix);
            kept.push(entry);
        }
    }
    *entries(path, &mut document)? = kept;
    let end = document.trailing().as_str().unwrap_or_default().to_owned();
    document.set_trailing(moved + &end);
    save(path, &document.to_string())
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
fn save(path: &Path, text: &str) -> Result<(), BadInput> {
    KnownList::parse(path, text)?;
    std::fs::write(path, text)
        .map_err(|error| BadInput::new(path, format_args!("cannot be written: {error}")))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::input::OneOrMore;
    use crate::pattern::Pattern;

    fn new(case: &str) -> Known {
        Known {
            server: Pattern::parse("go").unwrap(),
            client: Pattern::parse("*").unwrap(),
            case: Pattern::parse(case).unwrap(),
            message: OneOrMore(vec!["expected OK".into()]),
            rules: vec!["WIRE-39".into()],
            reason: "a \"reason\"".into(),
            link: "v1".into(),
            place: Known::nowhere(),
        }
    }

    #[test]
    fn adding_and_removing_keeps_comments() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known.toml");
        fs::write(&path, "# About the file.\n").unwrap();
        for case in ["a/a", "a/b", "a/c"] {
            add(&path, &new(case)).unwrap();
        }
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("case = \"a/b\"", "# why b\ncase = \"a/b\"")).unwrap();
        remove(&path, &[0, 2]).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# About the file.\n"), "{text}");
        assert!(text.contains("# why b"), "{text}");
        let list = KnownList::load(&path).unwrap();
        assert_eq!(list.entries.len(), 1);
        assert_eq!(list.entries[0].case.literal(), Some("a/b"));
        remove(&path, &[0]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().trim(), "# About the file.");
    }

    #[test]
    fn a_malformed_entry_leaves_the_file_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known.toml");
        fs::write(&path, "# Head.\n").unwrap();
        let bad = Known { rules: Vec::new(), reason: " ".into(), ..new("a") };
        assert!(add(&path, &bad).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "# Head.\n");
    }
}
