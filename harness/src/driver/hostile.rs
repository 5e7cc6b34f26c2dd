//! Parts of a client's line that may be hostile: a few bytes of JSON may make a value of
//! many, and there may be millions of them. They are read one by one, up to a number.

use std::{fmt, marker::PhantomData};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};

/// How many messages an answer may have. Each takes a few dozen bytes beside its own.
const MOST_MESSAGES: usize = 1 << 18;

/// How many entries of metadata, which is more than any library takes.
const MOST_PAIRS: usize = 1 << 14;

/// Messages in base64.
pub(super) fn messages<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Vec<u8>>, D::Error> {
    let read = |index: usize, text: String| {
        let decoded = STANDARD.decode(text);
        decoded.map_err(|error| format!("messages[{index}] is no base64: {error}"))
    };
    deserializer.deserialize_seq(Bounded { most: MOST_MESSAGES, read, item: PhantomData })
}

/// Entries of metadata.
pub(super) fn pairs<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(String, String)>, D::Error> {
    let read = |_, pair| Ok(pair);
    deserializer.deserialize_seq(Bounded { most: MOST_PAIRS, read, item: PhantomData })
}

/// A list of at most so many items, each read by its position.
struct Bounded<F, I> {
    most: usize,
    read: F,
    item: PhantomData<I>,
}

impl<'de, F, I, T> Visitor<'de> for Bounded<F, I>
where
    F: Fn(usize, I) -> Result<T, String>,
    I: Deserialize<'de>,
{
    type Value = Vec<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a list of at most {} items", self.most)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<I>()? {
            if list.len() == self.most {
                return Err(A::Error::custom(format!("more than {} items in a list", self.most)));
            }
            list.push((self.read)(list.len(), item).map_err(A::Error::custom)?);
        }
        Ok(list)
    }
}

/// Any JSON, read whole and not kept.
pub(super) struct Json;

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Json {
    type Value = Self;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self, A::Error> {
        while entries.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}

/// The `id` in a line, whatever else is in it: the first key of this name, for within a text
/// its quotes would be escaped.
pub(super) fn find_id(line: &[u8]) -> Option<u64> {
    let key = b"\"id\"";
    let after = line.windows(key.len()).position(|window| window == key)? + key.len();
    let rest = line[after..].trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Lists {
        #[serde(deserialize_with = "messages")]
        messages: Vec<Vec<u8>>,
        #[serde(deserialize_with = "pairs")]
        pairs: Vec<(String, String)>,
    }

    #[test]
    fn lists_have_an_end() {
        for (messages, pairs, is_read) in [
            (2, 2, true),
            (MOST_MESSAGES, MOST_PAIRS, true),
            (MOST_MESSAGES + 1, 0, false),
            (0, MOST_PAIRS + 1, false),
        ] {
            let (message, pair) = (r#""AA==""#, r#"["k","v"]"#);
            let line = format!(
                r#"{{"messages":[{}],"pairs":[{}]}}"#,
                vec![message; messages].join(","),
                vec![pair; pairs].join(",")
            );
            match serde_json::from_str::<Lists>(&line) {
                Ok(lists) => {
                    assert!(is_read);
                    assert_eq!((lists.messages.len(), lists.pairs.len()), (messages, pairs));
                    assert!(lists.messages.iter().all(|message| message == &[0]));
                }
                Err(error) => assert!(!is_read && error.to_string().contains("more than")),
            }
        }
    }

    #[test]
    fn an_id_is_found_in_what_cannot_be_read() {
        for (line, expected) in [
            (r#"{"result":{"id":7,"messages":["#, Some(7)),
            (r#"{"answer": {"a": [{}], "id" : 12}}"#, Some(12)),
            (r#"{"result":{"why":"\"id\":3","id":4}}"#, Some(4)),
            (r#"{"result":{"id":-1}}"#, None),
            (r#"{"result":{"id":"7"}}"#, None),
            (r#"{"result":{"id":99999999999999999999}}"#, None),
            (r#"{"result":{}}"#, None),
            (r#"{"id""#, None),
        ] {
            assert_eq!(find_id(line.as_bytes()), expected, "{line}");
        }
    }
}
