//! Protobuf's JSON mapping, as cases and reports have it.

use std::fmt;

use prost_reflect::{DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::{Value, json};

/// A message from its JSON; the error starts with the path.
pub(super) fn read_message(
    descriptor: &MessageDescriptor,
    value: &Value,
) -> Result<DynamicMessage, String> {
    // Only what is wrong is read again with its path: keeping track takes longer
    // than reading, and a suite may hold a million values.
    DynamicMessage::deserialize(descriptor.clone(), value).or_else(|_| {
        let mut track = serde_path_to_error::Track::new();
        let tracked = serde_path_to_error::Deserializer::new(value, &mut track);
        DynamicMessage::deserialize(descriptor.clone(), tracked)
            .map_err(|error| described(&track.path(), error, "."))
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

/// An error with the path to what is wrong.
pub(super) fn described(
    path: &serde_path_to_error::Path,
    error: impl fmt::Display,
    separator: &str,
) -> String {
    match path.iter().next() {
        None if separator.is_empty() => error.to_string(),
        None => format!(": {error}"),
        Some(_) => format!("{separator}{path}: {error}"),
    }
}
