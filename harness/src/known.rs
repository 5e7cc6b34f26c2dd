//! Known failures: what is wrong, understood and not mended yet.
//!
//! Entries always run. One that passes, that matches nothing, that overlaps
//! another or that fails otherwise than it says is an error: the list cannot rot.

use std::{path::Path, sync::Arc};

use schemars::{JsonSchema, SchemaGenerator};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    input::{BadInput, OneOrMore, Place, parse_toml, read_text},
    pattern::Pattern,
};

mod edit;

pub use edit::{add, remove};

/// The list, in the file's order.
#[derive(Debug, Default)]
pub struct KnownList {
    /// The entries.
    pub entries: Vec<Arc<Known>>,
}

/// One known failure.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// Which servers.
    pub server: Pattern,
    /// Which clients.
    pub client: Pattern,
    /// Which cases.
    pub case: Pattern,
    /// How the trial's reason must start; several, if it is not the same each time.
    pub message: OneOrMore<String>,
    /// The rules of the wire that its trials break; others are not excused.
    #[serde(default)]
    pub rules: Vec<String>,
    /// Why it fails, and why that is not mended.
    pub reason: String,
    /// Where it is tracked: a link, or the version that has it.
    pub link: String,
    /// Where the entry stands.
    #[serde(skip, default = "Known::nowhere")]
    #[schemars(skip)]
    pub place: Place,
}

/// The known failures: what is wrong, understood and not mended yet.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawList {
    /// The entries.
    #[serde(default)]
    #[schemars(with = "Vec<Known>")]
    known: Vec<toml::Spanned<Known>>,
}

/// The schema of a known list.
#[must_use]
pub fn schema(generator: SchemaGenerator) -> Value {
    generator.into_root_schema_for::<RawList>().to_value()
}

impl KnownList {
    /// Reads the list.
    ///
    /// # Errors
    /// The file cannot be read, or an entry is malformed or leaves a text empty.
    pub fn load(path: &Path) -> Result<Self, BadInput> {
        Self::parse(path, &read_text(path)?)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, BadInput> {
        let raw: RawList = parse_toml(path, text)?;
        let entries = raw
            .known
            .into_iter()
            .map(|entry| {
                let place = Place::at_offset(path, text, entry.span().start);
                let known = Known { place, ..entry.into_inner() };
                match known.empty_field() {
                    Some(field) => {
                        Err(BadInput::new(known.place, format_args!("`{field}` is empty")))
                    }
                    None => Ok(Arc::new(known)),
                }
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { entries })
    }

    /// The entry for this trial.
    #[must_use]
    pub fn entry(&self, server: &str, client: &str, case: &str) -> Option<&Arc<Known>> {
        self.entries.iter().find(|entry| entry.matches(server, client, case))
    }

    /// What is wrong with the list as a whole, given every trial that there is.
    #[must_use]
    pub fn defects<'a>(
        &self,
        trials: impl Iterator<Item = (&'a str, &'a str, &'a str)>,
    ) -> Vec<KnownDefect> {
        let mut used = vec![false; self.entries.len()];
        let mut overlaps: Vec<(usize, usize)> = Vec::new();
        let mut defects = Vec::new();
        for (server, client, case) in trials {
            let mut matching = (0..self.entries.len())
                .filter(|&index| self.entries[index].matches(server, client, case));
            let Some(first) = matching.next() else { continue };
            used[first] = true;
            for second in matching {
                used[second] = true;
                if !overlaps.contains(&(first, second)) {
                    overlaps.push((first, second));
                    defects.push(KnownDefect::Overlap {
                        place: self.entries[second].place.clone(),
                        first: self.entries[first].place.clone(),
                        trial: format!("server {server}, client {client}, case {case}"),
                    });
                }
            }
        }
        let stale = self.entries.iter().zip(&used).filter(|(_, used)| !**used);
        defects.extend(stale.map(|(entry, _)| KnownDefect::Stale { place: entry.place.clone() }));
        defects
    }
}

impl Known {
    /// The place of an entry that stands in no list yet.
    #[must_use]
    pub fn nowhere() -> Place {
        Place::Argument("known add".to_owned())
    }

    fn empty_field(&self) -> Option<&'static str> {
        let is_empty = |text: &String| text.trim().is_empty();
        if self.message.0.iter().any(is_empty) {
            return Some("message");
        }
        let fields = [("reason", &self.reason), ("link", &self.link)];
        fields.into_iter().find(|(_, text)| is_empty(text)).map(|(field, _)| field)
    }

    /// Whether the entry covers this trial.
    #[must_use]
    pub fn matches(&self, server: &str, client: &str, case: &str) -> bool {
        self.server.matches(server) && self.client.matches(client) && self.case.matches(case)
    }
}

/// What is wrong with the list as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KnownDefect {
    /// An entry matches no trial that there is.
    #[error(
        "{place}: stale: no trial matches this entry; mend its patterns, or remove it with `crosswire known prune`"
    )]
    Stale {
        /// The entry.
        place: Place,
    },
    /// Two entries match one trial.
    #[error("{place}: overlaps the entry at {first}: both match {trial}; narrow one of them")]
    Overlap {
        /// The later entry.
        place: Place,
        /// The earlier one.
        first: Place,
        /// A trial that both match.
        trial: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(server: &str, case: &str) -> String {
        format!(
            "[[known]]\nserver = \"{server}\"\nclient = \"*\"\ncase = \"{case}\"\nmessage = \"m\"\nreason = \"r\"\nlink = \"l\"\n"
        )
    }

    fn parse(text: &str) -> Result<KnownList, BadInput> {
        KnownList::parse(Path::new("known.toml"), text)
    }

    #[test]
    fn stale_and_overlapping_entries_are_found() {
        let trials = [("go", "go", "a/b"), ("go", "rust", "a/b"), ("rust", "go", "a/c")];
        for (name, text, expected) in [
            ("empty", String::new(), vec![]),
            ("one each", entry("go", "a/b") + &entry("rust", "a/c"), vec![]),
            ("stale", entry("go", "a/c"), vec!["known.toml:1: stale"]),
            ("stale peer", entry("java", "**"), vec!["known.toml:1: stale"]),
            (
                "overlap, told once",
                entry("go", "a/b") + &entry("*", "a/*"),
                vec![
                    "known.toml:8: overlaps the entry at known.toml:1: both match server go, client go, case a/b",
                ],
            ),
        ] {
            let list = parse(&text).unwrap();
            let defects: Vec<String> =
                list.defects(trials.into_iter()).iter().map(ToString::to_string).collect();
            assert_eq!(defects.len(), expected.len(), "{name}: {defects:?}");
            for (defect, expected) in defects.iter().zip(expected) {
                assert!(defect.starts_with(expected), "{name}: {defect}");
            }
        }
    }

    #[test]
    fn an_entry_must_say_why() {
        let text = entry("go", "a/b").replace("\"r\"", "\" \"");
        assert_eq!(parse(&text).unwrap_err().to_string(), "known.toml:1: `reason` is empty");
        let text = entry("go", "a/b").replace("link = \"l\"\n", "");
        assert!(parse(&text).unwrap_err().to_string().contains("missing field `link`"));
    }
}
