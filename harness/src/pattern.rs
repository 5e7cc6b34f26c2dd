//! Patterns over names such as `outliers/detect/prose-example`.

use std::fmt;

/// A pattern of segments parted by `/`: `*` stands for one whole segment, `**`
/// for any number of them, everything else for itself.
#[derive(Debug, Clone, PartialEq, Eq, schemars::JsonSchema)]
pub struct Pattern(String);

/// Why a text is no [`Pattern`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no pattern: {1}")]
pub struct BadPattern(String, &'static str);

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// A segment is empty, or has a `*` among other characters: wildcards stand
    /// for whole segments.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        for segment in text.split('/') {
            if segment.is_empty() {
                return Err(BadPattern(text.to_owned(), "it has an empty segment"));
            }
            if segment.contains('*') && segment != "*" && segment != "**" {
                return Err(BadPattern(
                    text.to_owned(),
                    "`*` stands for a whole segment and `**` for any number of them",
                ));
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether the pattern matches the whole name.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let pattern: Vec<&str> = self.0.split('/').collect();
        let name: Vec<&str> = name.split('/').collect();
        segments_match(&pattern, &name)
    }

    /// The pattern's text, if it has no wildcard and so is one name.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        (!self.0.contains('*')).then_some(self.0.as_str())
    }
}

/// Only the last `**` is ever tried again: what an earlier one might take as well, this one
/// can take. So a pattern of many costs no more than its length times the name's.
fn segments_match(pattern: &[&str], name: &[&str]) -> bool {
    let (mut at, mut read) = (0, 0);
    // Behind the last `**`, and how far it reaches.
    let mut last: Option<(usize, usize)> = None;
    while let Some(segment) = name.get(read) {
        match pattern.get(at) {
            Some(&"**") => {
                at += 1;
                last = Some((at, read));
            }
            Some(wanted) if *wanted == "*" || wanted == segment => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((behind, reach)) = last else { return false };
                (at, read) = (behind, reach + 1);
                last = Some((behind, read));
            }
        }
    }
    pattern[at..].iter().all(|segment| *segment == "**")
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Pattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With 50 of them there are more ways than anybody could try.
    #[test]
    fn many_wildcards_take_no_longer() {
        let name = "a/".repeat(50);
        let pattern = Pattern::parse(&format!("{}b", "**/".repeat(50))).unwrap();
        assert!(!pattern.matches(&format!("{name}c")));
        assert!(pattern.matches(&format!("{name}b")));
    }

    #[test]
    fn wildcards_stand_for_whole_segments() {
        for (pattern, name, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/b/c", false),
            ("a", "b", false),
            ("*", "a", true),
            ("*", "a/b", false),
            ("a/*", "a/b", true),
            ("a/*", "a", false),
            ("*/b", "a/b", true),
            ("**", "a", true),
            ("**", "a/b/c", true),
            ("a/**", "a", true),
            ("a/**", "a/b/c", true),
            ("a/**", "ab/c", false),
            ("**/c", "a/b/c", true),
            ("**/c", "c", true),
            ("a/**/d", "a/d", true),
            ("a/**/d", "a/b/c/d", true),
            ("a/**/d", "a/b/c", false),
        ] {
            let parsed = Pattern::parse(pattern).expect(pattern);
            assert_eq!(parsed.matches(name), expected, "{pattern} on {name}");
        }
    }

    #[test]
    fn half_wildcards_and_empty_segments_are_refused() {
        for text in ["", "a//b", "/a", "a/", "det*", "a/***"] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
    }
}
