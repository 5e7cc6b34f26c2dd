//! JSON, as cases and reports have it: protobuf's mapping, and our own shapes.

use prost_reflect::{DynamicMessage, MessageDescriptor, SerializeOptions};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::problem::Problem;
use crate::input::with_suggestion;

/// A message from its JSON; the error has the path.
pub(super) fn read_message(
    descriptor: &MessageDescriptor,
    value: &Value,
) -> Result<DynamicMessage, Problem> {
    // Only what is wrong is read again with its path: keeping track takes longer
    // than reading, and a suite may hold a million values.
    DynamicMessage::deserialize(descriptor.clone(), value).or_else(|_| {
        let mut track = serde_path_to_error::Track::new();
        let tracked = serde_path_to_error::Deserializer::new(value, &mut track);
        DynamicMessage::deserialize(descriptor.clone(), tracked)
            .map_err(|error| described(track, &error))
    })
}

/// A message as reports show it: protobuf's JSON mapping, with the proto's own field
/// names and plain integers.
#[must_use]
pub fn message_value(message: &DynamicMessage) -> Value {
    let options =
        SerializeOptions::new().use_proto_field_name(true).stringify_64_bit_integers(false);
    message
        .serialize_with_options(serde_json::value::Serializer, &options)
        .unwrap_or_else(|error| json!({ "not shown": error.to_string() }))
}

/// A part of a case from its JSON; the error has the path.
pub(super) fn from_json<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    let mut track = serde_path_to_error::Track::new();
    T::deserialize(serde_path_to_error::Deserializer::new(value, &mut track))
        .map_err(|error| described(track, &error))
}

/// An error with the path to what is wrong.
fn described(track: serde_path_to_error::Track, error: &serde_json::Error) -> Problem {
    Problem::of_serde(&track.path(), with_suggestion(&error.to_string()))
}

/// Bytes in hexadecimal, with any ASCII white space.
pub(super) fn read_hex(field: &str, text: &str) -> Result<Vec<u8>, Problem> {
    hex(text).map_err(|what| Problem::of_field(field, format!("`{field}` has {what}")))
}

fn hex(text: &str) -> Result<Vec<u8>, &'static str> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut high = None;
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ => return Err("a character that is no hexadecimal digit"),
        };
        match high.take() {
            None => high = Some(digit << 4),
            Some(high) => bytes.push(high | digit),
        }
    }
    match high {
        None => Ok(bytes),
        Some(_) => Err("an odd number of digits"),
    }
}
