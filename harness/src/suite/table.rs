//! Tables that are read as several structs: a case has its own fields, those of its script
//! and those of its calls side by side.
//!
//! serde's `flatten` would do that, but it forgets the way to what is wrong, and which other
//! fields there are. The names are serde's all the same: it is asked for them.

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _, Visitor, value::Error},
    forward_to_deserialize_any,
};
use serde_json::{Map, Value};

use super::{json::from_json, problem::Problem};

/// The fields of a struct, by the names that serde reads. Empty for anything else.
pub(super) fn fields_of<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut fields: &'static [&'static str] = &[];
    // It hears the names, and never has a value to give.
    let _ = T::deserialize(Listener(&mut fields));
    fields
}

/// Takes a struct's fields out of a table and reads them.
///
/// # Errors
/// One is missing or malformed.
pub(super) fn take<T: DeserializeOwned>(table: &mut Map<String, Value>) -> Result<T, Problem> {
    let mut own = Map::new();
    for field in fields_of::<T>() {
        own.extend(table.remove_entry(*field));
    }
    from_json(Value::Object(own))
}

/// Takes a struct's fields out of a table, if any is there.
///
/// # Errors
/// One is there, and another is missing or malformed.
pub(super) fn take_if_any<T: DeserializeOwned>(
    table: &mut Map<String, Value>,
) -> Result<Option<T>, Problem> {
    match fields_of::<T>().iter().any(|field| table.contains_key(*field)) {
        true => take(table).map(Some),
        false => Ok(None),
    }
}

/// A deserializer that only hears which fields a struct has.
struct Listener<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Listener<'_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        Err(Error::custom("heard"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("no struct"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        option unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier
        ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct One {
        #[serde(rename = "first")]
        a: u8,
        #[serde(default)]
        b: bool,
        #[serde(skip)]
        _c: u8,
    }

    #[test]
    fn names_are_those_that_serde_reads() {
        assert_eq!(fields_of::<One>(), ["first", "b"]);
        assert_eq!(fields_of::<Vec<One>>(), [] as [&str; 0]);
    }

    #[test]
    fn a_struct_takes_its_own_fields_only() {
        let Value::Object(mut table) = json!({"x": 1, "first": 2, "y": 3}) else { panic!() };
        assert_eq!(take::<One>(&mut table).unwrap(), One { a: 2, b: false, _c: 0 });
        assert_eq!(Value::Object(table.clone()), json!({"x": 1, "y": 3}));
        assert_eq!(take_if_any::<One>(&mut table).unwrap(), None);
        table.insert("first".to_owned(), json!("two"));
        let error = take::<One>(&mut table).unwrap_err().to_string();
        assert!(error.starts_with("first: invalid type"), "{error}");
    }
}
