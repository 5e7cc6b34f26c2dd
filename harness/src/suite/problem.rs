//! What is wrong with a case, and in which of its fields.

use std::fmt;

/// A step on the way to a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// The field of this name.
    Field(String),
    /// The item at this index, from 0.
    Item(usize),
}

/// Something wrong, with the way to it from the case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// The way, as far as it is known.
    pub(super) path: Vec<Key>,
    what: String,
    /// Whether the words name the last key of the way themselves.
    names_itself: bool,
}

impl Problem {
    /// That there is a field which should not be.
    pub(super) fn of_field(field: &str, what: impl Into<String>) -> Self {
        Self { names_itself: true, ..Self::from(what.into()) }.within(Key::from(field))
    }

    /// What serde says.
    pub(super) fn of_serde(path: &serde_path_to_error::Path, what: String) -> Self {
        use serde_path_to_error::Segment;
        let key = |segment: &Segment| match segment {
            Segment::Seq { index } => Some(Key::Item(*index)),
            Segment::Map { key } => Some(Key::Field(key.clone())),
            Segment::Enum { .. } | Segment::Unknown => None,
        };
        let path: Vec<Key> = path.iter().map_while(key).collect();
        let names_itself = what.starts_with("unknown field ") && path.len() == 1;
        Self { path, what, names_itself }
    }

    /// The same, in what stands at this key.
    pub(super) fn within(mut self, key: impl Into<Key>) -> Self {
        self.path.insert(0, key.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.path.len() - usize::from(self.names_itself);
        for (index, key) in self.path.iter().take(shown).enumerate() {
            match key {
                Key::Item(item) => write!(formatter, "[{item}]")?,
                Key::Field(name) if index == 0 => formatter.write_str(name)?,
                Key::Field(name) => write!(formatter, ".{name}")?,
            }
        }
        let colon = if shown == 0 { "" } else { ": " };
        write!(formatter, "{colon}{}", self.what)
    }
}

impl From<String> for Problem {
    fn from(what: String) -> Self {
        Self { path: Vec::new(), what, names_itself: false }
    }
}

impl From<&str> for Problem {
    fn from(what: &str) -> Self {
        Self::from(what.to_owned())
    }
}

impl From<&str> for Key {
    fn from(name: &str) -> Self {
        Self::Field(name.to_owned())
    }
}

impl From<usize> for Key {
    fn from(index: usize) -> Self {
        Self::Item(index)
    }
}

/// Says where what is wrong stands.
pub(super) trait Within<T> {
    /// In what stands at this key.
    fn within(self, key: impl Into<Key>) -> Result<T, Problem>;
}

impl<T, E: Into<Problem>> Within<T> for Result<T, E> {
    fn within(self, key: impl Into<Key>) -> Result<T, Problem> {
        self.map_err(|problem| problem.into().within(key))
    }
}

/// Reads every item of a list; what is wrong names the item.
pub(super) fn each_item<A, T>(
    items: impl IntoIterator<Item = A>,
    mut read: impl FnMut(A) -> Result<T, Problem>,
) -> Result<Vec<T>, Problem> {
    items.into_iter().enumerate().map(|(index, item)| read(item).within(index)).collect()
}
