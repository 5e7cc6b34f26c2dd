//! Reads a list.

use std::{path::Path, sync::Arc};

use schemars::{JsonSchema, SchemaGenerator};
use serde::Deserialize;
use serde_json::Value;

use super::{Known, KnownList, Whose};
use crate::{
    finding::{Explanation, Kind, without_positions},
    identity::Versions,
    input::{BadInput, OneOrMore, Place, parse_toml, read_text},
    pattern::Pattern,
    role::Role,
};

/// Known failures: what is wrong, understood and not mended yet.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawList {
    /// The entries.
    #[serde(default)]
    #[schemars(with = "Vec<RawKnown>")]
    known: Vec<toml::Spanned<RawKnown>>,
}

/// An entry as it is written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawKnown {
    implementation: Option<OneOrMore<String>>,
    #[schemars(with = "Option<String>")]
    versions: Option<Versions>,
    peer: Option<OneOrMore<Pattern>>,
    role: Option<Role>,
    with: Option<OneOrMore<String>>,
    case: OneOrMore<Pattern>,
    kind: Option<OneOrMore<Kind>>,
    field: Option<String>,
    got: Option<OneOrMore<Value>>,
    #[serde(default)]
    rules: Vec<String>,
    #[serde(default)]
    tls: bool,
    #[serde(default)]
    sometimes: bool,
    reason: String,
    link: String,
}

/// The schema of a list.
#[must_use]
pub fn schema(generator: SchemaGenerator) -> Value {
    generator.into_root_schema_for::<RawList>().to_value()
}

impl KnownList {
    /// Reads a user's list.
    ///
    /// # Errors
    /// The file cannot be read, or an entry is malformed, leaves a text empty, or does not
    /// say whose failure it is or what it looks like.
    pub fn load(path: &Path) -> Result<Self, BadInput> {
        Self::parse(path, &read_text(path)?, false)
    }

    pub(super) fn parse(path: &Path, text: &str, is_built_in: bool) -> Result<Self, BadInput> {
        let raw: RawList = parse_toml(path, text)?;
        let entries = raw.known.into_iter().map(|entry| {
            let place = Place::at_offset(path, text, entry.span().start);
            match known(entry.into_inner(), place.clone(), is_built_in) {
                Ok(known) => Ok(Arc::new(known)),
                Err(problem) => Err(BadInput::new(place, problem)),
            }
        });
        Ok(Self { entries: entries.collect::<Result<_, _>>()? })
    }
}

fn known(raw: RawKnown, place: Place, is_built_in: bool) -> Result<Known, String> {
    for (field, text) in [("reason", &raw.reason), ("link", &raw.link)] {
        if text.trim().is_empty() {
            return Err(format!("`{field}` is empty"));
        }
    }
    let whose = match (raw.implementation, raw.peer) {
        (Some(OneOrMore(names)), None) => Whose::Implementation { names, versions: raw.versions },
        (None, Some(_)) if raw.versions.is_some() => {
            return Err("`versions` are those of an `implementation`, not of a `peer`".to_owned());
        }
        (None, Some(OneOrMore(peers))) => Whose::Peer(peers),
        _ => {
            return Err(
                "give either `implementation`, a library, or `peer`, a name of the manifest"
                    .to_owned(),
            );
        }
    };
    let known = Known {
        whose,
        role: raw.role,
        with: raw.with.map(|with| with.0).unwrap_or_default(),
        cases: raw.case.0,
        kinds: raw.kind.map(|kinds| kinds.0).unwrap_or_default(),
        field: raw.field.as_deref().map(without_positions),
        got: raw.got.map(|got| got.0).unwrap_or_default(),
        rules: raw.rules,
        is_of_tls: raw.tls,
        sometimes: raw.sometimes,
        explanation: Arc::new(Explanation { reason: raw.reason, link: raw.link, place }),
        is_built_in,
    };
    if !known.names_an_outcome() && known.rules.is_empty() {
        return Err("says nothing of what fails: give `got`, `field`, `kind` or `rules`".to_owned());
    }
    Ok(known)
}
