//! Changes the list's file and keeps everything else in it, comments included.

use std::path::Path;

use serde_json::Value as Json;
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, value};

use super::{Known, KnownList, Whose};
use crate::input::{BadInput, read_text};

/// Adds an entry at the end of the file, which is made if there is none.
///
/// # Errors
/// The file is no known list, the entry is malformed, or it cannot be written.
pub fn add(path: &Path, new: &Known) -> Result<(), BadInput> {
    let mut table = Table::new();
    match &new.whose {
        Whose::Implementation { names, versions } => {
            table.insert("implementation", one_or_more(names));
            if let Some(versions) = versions {
                table.insert("versions", value(versions.to_string()));
            }
        }
        Whose::Peer(patterns) => {
            table.insert("peer", one_or_more(patterns));
        }
    }
    if let Some(role) = new.role {
        table.insert("role", value(role.to_string()));
    }
    table.insert("case", one_or_more(&new.cases));
    if !new.kinds.is_empty() {
        let kinds: Vec<&str> = new.kinds.iter().map(|kind| kind.name()).collect();
        table.insert("kind", one_or_more(&kinds));
    }
    if let Some(field) = &new.field {
        table.insert("field", value(field));
    }
    match &new.got[..] {
        [] => {}
        // One that is a list itself stands in a list, or it would be read as alternatives.
        [got] if !got.is_array() => {
            table.insert("got", value(as_toml(got)));
        }
        several => {
            table.insert("got", value(several.iter().map(as_toml).collect::<Array>()));
        }
    }
    if !new.rules.is_empty() {
        table.insert("rules", value(new.rules.iter().collect::<Array>()));
    }
    let explanation = &new.explanation;
    for (field, text) in [("reason", &explanation.reason), ("link", &explanation.link)] {
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

fn one_or_more<T: ToString>(items: &[T]) -> Item {
    match items {
        [item] => value(item.to_string()),
        items => value(items.iter().map(ToString::to_string).collect::<Array>()),
    }
}

/// A value as TOML has it, which has no null: an empty table says as little.
fn as_toml(json: &Json) -> toml_edit::Value {
    match json {
        Json::Null => InlineTable::new().into(),
        Json::Bool(value) => (*value).into(),
        Json::Number(number) => match number.as_i64() {
            Some(number) => number.into(),
            None => number.as_f64().unwrap_or_default().into(),
        },
        Json::String(text) => text.into(),
        Json::Array(items) => items.iter().map(as_toml).collect::<Array>().into(),
        Json::Object(entries) => {
            let entries = entries.iter().map(|(key, item)| (key, as_toml(item)));
            entries.collect::<InlineTable>().into()
        }
    }
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
    KnownList::parse(path, text, false)?;
    std::fs::write(path, text)
        .map_err(|error| BadInput::new(path, format_args!("cannot be written: {error}")))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::{
        finding::{Explanation, Kind},
        identity::Versions,
        pattern::Pattern,
        role::Role,
    };

    fn new(case: &str) -> Known {
        let (reason, link) = ("a \"reason\"".to_owned(), "v1".to_owned());
        Known {
            whose: Whose::Implementation {
                names: vec!["grpcio".into(), "grpc-c++".into()],
                versions: Some(Versions::parse(">=1.60").unwrap()),
            },
            role: Some(Role::Client),
            with: Vec::new(),
            is_of_tls: false,
            cases: vec![Pattern::parse(case).unwrap()],
            kinds: vec![Kind::Status],
            field: Some("f".into()),
            got: vec![json!({"code": "OK", "more": [1, 1.5, true]}), json!({"code": "INTERNAL"})],
            rules: vec!["WIRE-39".into()],
            sometimes: false,
            explanation: Arc::new(Explanation { reason, link, place: "known add".into() }),
            is_built_in: false,
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
        let place = list.entries[0].explanation.place.clone();
        let written = new("a/b");
        let explanation = Explanation { place, ..Explanation::clone(&written.explanation) };
        let expected = Known { explanation: Arc::new(explanation), ..written };
        assert_eq!(*list.entries[0], expected);
        remove(&path, &[0]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().trim(), "# About the file.");
    }

    #[test]
    fn a_malformed_entry_leaves_the_file_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known.toml");
        fs::write(&path, "# Head.\n").unwrap();
        let explanation = Explanation::clone(&new("a").explanation);
        let explanation = Arc::new(Explanation { reason: " ".into(), ..explanation });
        let bad = Known { explanation, ..new("a") };
        assert!(add(&path, &bad).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "# Head.\n");
    }
}
