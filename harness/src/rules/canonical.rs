//! What encoders write, as the encoding guide has it: a field once, no defaults, and
//! repeated numbers packed. The order of fields is free, and how many bytes a number takes
//! is, too.

use std::{collections::BTreeSet, ops::Range};

use prost_reflect::{Cardinality, FieldDescriptor, Kind, MessageDescriptor};

use crate::protobuf::{RawField, Reader, Value};

/// How deep messages are followed.
const MAX_DEPTH: usize = 32;

/// Where an encoding departs from that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Deviation {
    /// The bytes in question.
    pub(super) bytes: Range<usize>,
    /// The field that they belong to.
    pub(super) field: String,
    /// What is odd about them.
    pub(super) clause: &'static str,
}

/// The first departure in a message that parses. Unknown fields are nobody's fault: who
/// does not know them cannot judge them.
pub(super) fn first_deviation(descriptor: &MessageDescriptor, bytes: &[u8]) -> Option<Deviation> {
    message(descriptor, bytes, MAX_DEPTH)
}

fn message(descriptor: &MessageDescriptor, bytes: &[u8], depth: usize) -> Option<Deviation> {
    let mut reader = Reader::new(bytes);
    let mut seen = BTreeSet::new();
    while let Some(field) = reader.field() {
        let Some(known) = descriptor.get_field(field.number) else { continue };
        let deviation = if may_be_once(&known, field.value) && !seen.insert(field.number) {
            Some("field-repeated")
        } else {
            value(descriptor, &known, field.value)
        };
        if let Some(clause) = deviation {
            let (bytes, field) = (field.bytes, known.full_name().to_owned());
            return Some(Deviation { bytes, field, clause });
        }
        if let (Kind::Message(inner), Value::Bytes(content)) = (known.kind(), field.value)
            && depth > 0
            && let Some(deviation) = message(&inner, content, depth - 1)
        {
            return Some(inside(&field, content, deviation));
        }
    }
    None
}

/// A packed list is written once, as a single value is.
fn may_be_once(known: &FieldDescriptor, value: Value<'_>) -> bool {
    let is_packed_run = known.is_packed() && matches!(value, Value::Bytes(..));
    known.cardinality() != Cardinality::Repeated || is_packed_run
}

/// The key of a deviation.
type Clause = &'static str;

fn value(message: &MessageDescriptor, known: &FieldDescriptor, value: Value<'_>) -> Option<Clause> {
    if known.is_packed() {
        return packed(known, value);
    }
    // In a map's entry, some encoders write a default key or value, and some do not.
    let omits_default = !known.supports_presence()
        && known.cardinality() != Cardinality::Repeated
        && !message.is_map_entry();
    let is_default = match value {
        Value::Varint(number) => number == 0,
        Value::Fixed(bytes) => bytes.iter().all(|byte| *byte == 0),
        Value::Bytes(bytes) => bytes.is_empty(),
    };
    match value {
        Value::Varint(number) if !fits(&known.kind(), number) => Some("number-out-of-range"),
        _ if omits_default && is_default => Some("default-written"),
        _ => None,
    }
}

fn packed(known: &FieldDescriptor, value: Value<'_>) -> Option<Clause> {
    let Value::Bytes(content) = value else {
        return Some("not-packed");
    };
    if content.is_empty() {
        return Some("packed-and-empty");
    }
    if is_fixed(&known.kind()) {
        return None;
    }
    let mut reader = Reader::new(content);
    while let Some(number) = reader.varint() {
        if !fits(&known.kind(), number) {
            return Some("packed-number-out-of-range");
        }
    }
    None
}

const fn is_fixed(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Double
            | Kind::Float
            | Kind::Fixed32
            | Kind::Fixed64
            | Kind::Sfixed32
            | Kind::Sfixed64
    )
}

/// Whether a number is one that its type's encoder writes. Negative numbers of
/// 32 bits are written with 64.
fn fits(kind: &Kind, number: u64) -> bool {
    match kind {
        Kind::Bool => number <= 1,
        Kind::Uint32 | Kind::Sint32 => u32::try_from(number).is_ok(),
        Kind::Int32 | Kind::Enum(_) => i32::try_from(number.cast_signed()).is_ok(),
        _ => true,
    }
}

/// A deviation within a field, placed in the message around it.
fn inside(field: &RawField<'_>, content: &[u8], deviation: Deviation) -> Deviation {
    let start = field.bytes.end - content.len();
    let bytes = start + deviation.bytes.start..start + deviation.bytes.end;
    Deviation { bytes, ..deviation }
}

#[cfg(test)]
mod tests {
    use prost_reflect::DescriptorPool;

    use super::*;

    /// Kinds of fields that the services here do not have.
    #[test]
    fn numbers_and_maps() {
        let too_large = "number-out-of-range";
        for (name, bytes, expected) in [
            ("BoolValue", &b"\x08\x01"[..], None),
            ("BoolValue", b"\x08\x02", Some(too_large)),
            ("UInt32Value", b"\x08\xff\xff\xff\xff\x0f", None),
            ("UInt32Value", b"\x08\x80\x80\x80\x80\x10", Some(too_large)),
            ("Int32Value", b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", None),
            ("Int32Value", b"\x08\x80\x80\x80\x80\x08", Some(too_large)),
            ("UInt64Value", b"\x08\x80\x80\x80\x80\x10", None),
            ("FloatValue", b"\x0d\0\0\0\x80", None),
            ("FloatValue", b"\x0d\0\0\0\0", Some("default-written")),
            // A map's entry may say its defaults, or not.
            ("Struct", b"\x0a\x04\x0a\0\x12\0", None),
            ("Struct", b"\x0a\x02\x12\0\x0a\x02\x12\0", None),
        ] {
            let name = format!("google.protobuf.{name}");
            let descriptor = DescriptorPool::global().get_message_by_name(&name).unwrap();
            let found = first_deviation(&descriptor, bytes).map(|deviation| deviation.clause);
            assert_eq!(found, expected, "{name} {}", bytes.escape_ascii());
        }
    }
}
