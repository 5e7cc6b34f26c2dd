//! gRPC status codes, by number and by name.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A gRPC status code. Numbers above 16 have no name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Code(pub i32);

/// The standard names, by number (gRPC, `statuscodes.md`).
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

impl Code {
    /// Success.
    pub const OK: Self = Self(0);
    /// The caller gave up.
    pub const CANCELLED: Self = Self(1);
    /// Nothing better is known.
    pub const UNKNOWN: Self = Self(2);
    /// The deadline passed.
    pub const DEADLINE_EXCEEDED: Self = Self(4);
    /// The caller may not do this.
    pub const PERMISSION_DENIED: Self = Self(7);
    /// A limit was reached.
    pub const RESOURCE_EXHAUSTED: Self = Self(8);
    /// There is no such method.
    pub const UNIMPLEMENTED: Self = Self(12);
    /// An invariant of a library or of the protocol is broken.
    pub const INTERNAL: Self = Self(13);
    /// The server cannot be reached.
    pub const UNAVAILABLE: Self = Self(14);
    /// What a library gave that is no number of 32 bits. No peer can mean it: gRPC's codes are
    /// not negative.
    pub const NO_NUMBER: Self = Self(i32::MIN);
    /// It is not known who the caller is.
    pub const UNAUTHENTICATED: Self = Self(16);

    /// The code of a standard name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let position = NAMES.iter().position(|known| *known == name)?;
        i32::try_from(position).ok().map(Self)
    }

    /// Every code that has a name, but OK.
    pub(crate) fn errors() -> impl Iterator<Item = Self> {
        NAMES.iter().filter_map(|name| Self::from_name(name)).filter(|code| *code != Self::OK)
    }
}

/// The errors that a client may make up, which the contract calls `failed`.
const FAILED: [&str; 8] = [
    "CANCELLED",
    "UNKNOWN",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "UNAUTHENTICATED",
];

/// What is allowed, in words: the errors that a client may make up are one where all of
/// them are.
#[must_use]
pub fn allowed_in_words(codes: &[Code]) -> String {
    let failed = FAILED.map(Code::from_name);
    let is_failed = |code: &Code| failed.contains(&Some(*code));
    let has_all = failed.iter().flatten().all(|code| codes.contains(code));
    let named = codes.iter().filter(|code| !has_all || !is_failed(code));
    let mut words: Vec<String> = named.map(ToString::to_string).collect();
    if has_all {
        words.push("an error of its own".to_owned());
    }
    words.join(" or ")
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = usize::try_from(self.0).ok().and_then(|number| NAMES.get(number));
        match name {
            Some(name) => formatter.write_str(name),
            None if *self == Self::NO_NUMBER => formatter.write_str("no number"),
            None => write!(formatter, "code {}", self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let number = name
            .parse()
            .ok()
            .filter(|number| usize::try_from(*number).is_ok_and(|n| n >= NAMES.len()));
        Self::from_name(&name).or(number.map(Self)).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "`{name}` is no status code; one of {}",
                NAMES.join(", ")
            ))
        })
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Code {
    fn schema_name() -> Cow<'static, str> {
        "Code".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A gRPC status code, by its name; one that has none by its number.",
            "anyOf": [
                { "enum": NAMES },
                { "type": "string", "pattern": "^-?[0-9]+$" },
                { "description": "A class of outcomes.", "type": "string", "pattern": "^[a-z-]+$" },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::contract::Contract;

    #[test]
    fn what_the_contract_calls_failed_is_said_in_few_words() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/contract.md");
        let contract = Contract::load(&page).unwrap();
        let class = contract.classes.iter().find(|class| class.name == "failed").unwrap();
        assert_eq!(class.outcomes.split(", ").collect::<Vec<_>>(), FAILED);
        let failed = FAILED.map(|name| Code::from_name(name).unwrap());
        assert_eq!(allowed_in_words(&failed), "an error of its own");
        let also = [&[Code::OK][..], &failed].concat();
        assert_eq!(allowed_in_words(&also), "OK or an error of its own");
        assert_eq!(allowed_in_words(&also[..3]), "OK or CANCELLED or UNKNOWN");
    }
}
