//! Files of the repository, from which mistakes are made, and files that have them.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use tempfile::TempDir;

/// The folder of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The texts of a file of the repository, or of those below a folder, with this extension.
pub(crate) fn texts(path: &str, extension: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut paths = vec![root().join(path)];
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            // The same input is always the same text.
            paths.sort();
        } else if path.extension().is_some_and(|found| found == extension) {
            texts.push(fs::read_to_string(path).unwrap());
        }
    }
    texts
}

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().unwrap());

/// Writes the only file of a folder, and returns both.
pub(crate) fn write(name: &str, text: &str) -> (&'static Path, PathBuf) {
    let path = FOLDER.path().join(name);
    fs::write(&path, text).unwrap();
    (FOLDER.path(), path)
}
