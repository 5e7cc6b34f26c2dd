//! Durations as they are written (`"500ms"`), told (in milliseconds) and shown, for the
//! fields of structs that serde reads and writes.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

use super::parse_duration;
use crate::text;

/// A duration such as `"30s"`; see [`parse_duration`].
///
/// # Errors
/// It is none.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).map_err(D::Error::custom)
}

/// As text, such as `1 s`.
///
/// # Errors
/// The serializer's own.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text::duration(*duration))
}

/// A field that may be left out.
///
/// # Errors
/// It is there, and no duration.
pub fn if_given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    deserialize(deserializer).map(Some)
}

/// Durations by name.
///
/// # Errors
/// A name is none, or what stands there is no duration.
pub fn of_each<'de, D: Deserializer<'de>, K: Deserialize<'de> + Ord>(
    deserializer: D,
) -> Result<BTreeMap<K, Duration>, D::Error> {
    let texts = BTreeMap::<K, String>::deserialize(deserializer)?;
    let read =
        |(name, text): (K, String)| Ok((name, parse_duration(&text).map_err(D::Error::custom)?));
    texts.into_iter().map(read).collect()
}

/// In whole milliseconds, as the peer protocol has them.
///
/// # Errors
/// The serializer's own.
pub fn milliseconds<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => {
            serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
        }
        None => serializer.serialize_none(),
    }
}
