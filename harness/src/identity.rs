//! Which library a peer is made of, and which versions of it are meant.

use std::fmt;

use semver::{Version, VersionReq};
use serde::{Deserialize, Deserializer, de::Error as _};

/// The longest name or version that is kept of what a peer says of itself.
const MOST_CHARACTERS: usize = 100;

/// Which library a peer is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The gRPC library, such as `grpc-go`.
    pub implementation: String,
    /// Its version, in the library's own way of writing it.
    pub version: Option<String>,
}

impl Identity {
    /// What a peer says of itself, cut where it is too long to be meant.
    #[must_use]
    pub fn claimed(implementation: &str, version: Option<&str>) -> Self {
        let short = |text: &str| text.chars().take(MOST_CHARACTERS).collect();
        Self { implementation: short(implementation), version: version.map(short) }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.implementation)?;
        match &self.version {
            Some(version) => write!(formatter, " {version}"),
            None => Ok(()),
        }
    }
}

/// Versions, as a requirement of semantic versioning: `>=1.60, <1.80`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions(VersionReq);

impl Versions {
    /// Reads a requirement.
    ///
    /// # Errors
    /// It is none, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        match VersionReq::parse(text) {
            Ok(requirement) => Ok(Self(requirement)),
            Err(error) => Err(format!("`{text}` names no versions: {error}; write >=1.60, <1.80")),
        }
    }

    /// Whether this version is meant; one that cannot be read never is.
    #[must_use]
    pub fn match_version(&self, version: &str) -> bool {
        read(version).is_some_and(|version| self.0.matches(&version))
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl<'de> Deserialize<'de> for Versions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// The first three numbers of a version, whatever stands before and behind them: libraries
/// and distributions write `v1.2`, `1.62.0-dev`, `1.51.1-3+b1`.
fn read(version: &str) -> Option<Version> {
    let start = version.find(|character: char| character.is_ascii_digit())?;
    let rest = &version[start..];
    let end = rest.find(|character: char| !character.is_ascii_digit() && character != '.');
    let mut numbers = rest[..end.unwrap_or(rest.len())].split('.').map(str::parse::<u64>);
    let major = numbers.next()?.ok()?;
    let mut next = || numbers.next().and_then(Result::ok).unwrap_or_default();
    Some(Version::new(major, next(), next()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_people_write_them() {
        for (requirement, version, expected) in [
            (">=1.60", "1.60.0", true),
            (">=1.60", "v1.60", true),
            (">=1.60", "1.59.9", false),
            (">=1.60", "1.62.0-dev", true),
            ("<1.52", "1.51.1-3+b1", true),
            ("1.53", "1.53.2", true),
            ("~1.53", "1.54.0", false),
            (">=1.60, <1.80", "1.85.1", false),
            ("*", "2", true),
            ("*", "(devel)", false),
            ("*", "", false),
            ("*", "99999999999999999999999.1", false),
        ] {
            let versions = Versions::parse(requirement).unwrap();
            assert_eq!(versions.match_version(version), expected, "{requirement} {version}");
        }
        let error = Versions::parse("new").unwrap_err();
        assert!(error.starts_with("`new` names no versions: "), "{error}");
    }

    #[test]
    fn what_a_peer_says_of_itself_has_an_end() {
        let identity = Identity::claimed(&"a".repeat(1000), Some("1.2"));
        assert_eq!(identity.implementation.len(), 100);
        assert!(identity.to_string().ends_with("a 1.2"));
    }
}
