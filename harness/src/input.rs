//! What a user wrote and we cannot use: one error type, one shape of message.

pub mod duration;

use std::{
    borrow::Cow,
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, Error as _},
};
use serde_json::Value;

/// A manifest, suite, contract, known list, filter or argument that is wrong.
///
/// Shown as `place: problem`, where the problem says what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct BadInput {
    place: Place,
    problem: String,
}

impl BadInput {
    /// `problem` in lower case, with the remedy in it.
    pub fn new(place: impl Into<Place>, problem: impl fmt::Display) -> Self {
        Self { place: place.into(), problem: problem.to_string() }
    }

    /// What the reader of TOML says of a file's text.
    #[must_use]
    pub fn of_toml(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let place = match error.span() {
            Some(span) => Place::at_offset(path, text, span.start),
            None => path.into(),
        };
        Self::new(place, with_suggestion(&error.message().replace('\n', ", ")))
    }
}

/// Where something stands that a user wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file, and its line (from 1) where that is known.
    File(PathBuf, Option<usize>),
    /// A word of the command line, such as `--filter`.
    Argument(String),
}

impl Place {
    /// The place of what stands nowhere yet.
    #[must_use]
    pub fn nowhere() -> Self {
        Self::Argument("nowhere".to_owned())
    }

    /// The line of `path` in which the byte `offset` of its text stands.
    #[must_use]
    pub fn at_offset(path: &Path, text: &str, offset: usize) -> Self {
        let before = &text.as_bytes()[..offset.min(text.len())];
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        Self::File(path.to_owned(), Some(line))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, Some(line)) => write!(formatter, "{}:{line}", path.display()),
            Self::File(path, None) => write!(formatter, "{}", path.display()),
            Self::Argument(word) => formatter.write_str(word),
        }
    }
}

impl From<&Path> for Place {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned(), None)
    }
}

impl From<&str> for Place {
    fn from(word: &str) -> Self {
        Self::Argument(word.to_owned())
    }
}

/// The longest duration that can be given. Nothing here takes a day, and clocks
/// have an end.
const MAX_DURATION: Duration = Duration::from_secs(24 * 60 * 60);

/// A duration such as `500ms`, `30s` or `10m`: at least 1 ms, at most a day.
///
/// # Errors
/// It is none, in words.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .ok()
        .filter(|duration| (Duration::from_millis(1)..=MAX_DURATION).contains(duration))
        .ok_or_else(|| format!("`{text}` is no duration; write 500ms, 30s or 10m, at most 24h"))
}

/// One value, or a list of them that is not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneOrMore<T>(pub Vec<T>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let values = match value {
            Value::Array(values) if values.is_empty() => {
                return Err(D::Error::custom("an empty list; give one or more"));
            }
            Value::Array(values) => values,
            value => vec![value],
        };
        let read = |value: Value| serde_json::from_value(value).map_err(D::Error::custom);
        values.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }
}

impl<T: Serialize> Serialize for OneOrMore<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0[..] {
            [one] => one.serialize(serializer),
            several => several.serialize(serializer),
        }
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMore<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMore_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
    }
}

/// The text of a file that a user named.
///
/// # Errors
/// The file cannot be read or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String, BadInput> {
    std::fs::read_to_string(path)
        .map_err(|error| BadInput::new(path, format_args!("cannot be read: {error}")))
}

/// A TOML file as `T`, with the line in every error.
///
/// # Errors
/// The text is not TOML, or not of `T`'s shape.
pub fn parse_toml<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, BadInput> {
    toml::from_str(text).map_err(|error| BadInput::of_toml(path, text, &error))
}

/// That there is no such field, in serde's words.
#[must_use]
pub fn unknown_field(field: &str, known: &[&str]) -> String {
    let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    with_suggestion(&format!("unknown field `{field}`, expected one of {}", known.join(", ")))
}

/// What serde says of an unknown field or variant, with the one that was meant, if one is
/// near.
#[must_use]
pub fn with_suggestion(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let Some(word) = quoted.next().filter(|_| message.starts_with("unknown ")) else {
        return message.to_owned();
    };
    let names: Vec<&str> = quoted.collect();
    match nearest(word, &names) {
        None => message.to_owned(),
        Some(near) => {
            message.replacen(&format!("`{word}`"), &format!("`{word}` (did you mean `{near}`?)"), 1)
        }
    }
}

/// The name that was probably meant by a word that is none of them.
#[must_use]
pub fn nearest<'a>(word: &str, names: &[&'a str]) -> Option<&'a str> {
    // A word with a quote in it has broken a list of serde's up.
    let distance = |name: &str| match name.is_empty() {
        true => usize::MAX,
        false => strsim::damerau_levenshtein(word, name),
    };
    let near = names.iter().copied().min_by_key(|name| distance(name));
    near.filter(|name| distance(name) <= 1 + word.len() / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_said_if_it_is_near() {
        for (message, expected) in [
            (
                "unknown field `hedaers`, expected one of `pause`, `headers`, `header_list`",
                "unknown field `hedaers` (did you mean `headers`?), expected one of `pause`, `headers`, `header_list`",
            ),
            (
                "unknown variant `zip`, expected `gzip` or `identity`",
                "unknown variant `zip` (did you mean `gzip`?), expected `gzip` or `identity`",
            ),
            (
                "unknown field `colour`, expected one of `pause`, `close`",
                "unknown field `colour`, expected one of `pause`, `close`",
            ),
            ("unknown field `x`, there are no fields", "unknown field `x`, there are no fields"),
            ("missing field `name`", "missing field `name`"),
        ] {
            assert_eq!(with_suggestion(message), expected);
        }
    }

    #[test]
    fn durations_have_bounds() {
        assert_eq!(parse_duration("1m 500ms"), Ok(Duration::from_millis(60_500)));
        assert_eq!(parse_duration("24h"), Ok(MAX_DURATION));
        for text in ["", "5", "soon", "0s", "1us", "25h", "500000000000y", "-1s"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
