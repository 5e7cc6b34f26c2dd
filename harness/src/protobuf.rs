//! The wire format of Protocol Buffers, as far as the harness needs to look at it itself;
//! and messages decoded, of which a few bytes may take a lot of memory.

use std::ops::Range;

use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, prost::DecodeError};

/// How much memory a decoded message may take: a few times that of the longest request of
/// the suites, which has 50,000 messages in it.
const MAX_DECODED_BYTES: usize = 128 << 20;

/// About what a value takes when it is decoded, and what a message does that has fields:
/// they stand in a tree of their own.
const VALUE_BYTES: usize = 64;
const MESSAGE_BYTES: usize = 704;

/// How deep messages are followed: as deep as they are decoded.
const MAX_DEPTH: usize = 100;

/// The wire types that messages have today; groups are of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// A number.
    Varint(u64),
    /// Four or eight bytes.
    Fixed(&'a [u8]),
    /// Bytes with a length.
    Bytes(&'a [u8]),
}

/// A field as it stands in a message.
#[derive(Debug, Clone)]
pub(crate) struct RawField<'a> {
    pub(crate) number: u32,
    pub(crate) value: Value<'a>,
    /// All of it, with its tag, in the message.
    pub(crate) bytes: Range<usize>,
}

/// Reads fields and numbers one after the other. Ends at the first that is
/// malformed, with `is_malformed`.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    pub(crate) is_malformed: bool,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, is_malformed: false }
    }

    /// The next field.
    pub(crate) fn field(&mut self) -> Option<RawField<'a>> {
        let start = self.at;
        let field = self.field_at(start);
        self.is_malformed = field.is_none() && start < self.bytes.len();
        field
    }

    fn field_at(&mut self, start: usize) -> Option<RawField<'a>> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => self.varint().map(Value::Varint),
            1 => self.take(8).map(Value::Fixed),
            2 => {
                let length = self.varint()?;
                Some(Value::Bytes(self.take(usize::try_from(length).ok()?)?))
            }
            5 => self.take(4).map(Value::Fixed),
            _ => None,
        }?;
        let number = u32::try_from(tag >> 3).ok()?;
        Some(RawField { number, value, bytes: start..self.at })
    }

    /// The next number, in however many bytes.
    pub(crate) fn varint(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for (index, byte) in self.bytes.get(self.at..)?.iter().take(10).enumerate() {
            number |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.at += index + 1;
                return Some(number);
            }
        }
        None
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let bytes = self.bytes.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(bytes)
    }
}

/// Decodes a message; `None` if that would take more memory than it may.
pub(crate) fn decode(
    descriptor: MessageDescriptor,
    bytes: &[u8],
) -> Option<Result<DynamicMessage, DecodeError>> {
    let mut left = MAX_DECODED_BYTES;
    fits(&descriptor, bytes, MAX_DEPTH, &mut left)?;
    Some(DynamicMessage::decode(descriptor, bytes))
}

/// Takes what a message would take; `None` if less is left.
fn fits(
    descriptor: &MessageDescriptor,
    bytes: &[u8],
    depth: usize,
    left: &mut usize,
) -> Option<()> {
    let mut reader = Reader::new(bytes);
    while let Some(RawField { number, value, .. }) = reader.field() {
        let known = descriptor.get_field(number);
        let taken = match (value, &known) {
            (Value::Bytes(content), Some(known)) if known.is_packed() => {
                content.len() / least_bytes(&known.kind()) * VALUE_BYTES
            }
            (Value::Bytes(content), Some(known)) => match known.kind() {
                Kind::Message(_) if content.is_empty() => VALUE_BYTES,
                Kind::Message(_) => VALUE_BYTES + MESSAGE_BYTES,
                _ => VALUE_BYTES + content.len(),
            },
            (Value::Bytes(content), None) => VALUE_BYTES + content.len(),
            (Value::Varint(_) | Value::Fixed(_), _) => VALUE_BYTES,
        };
        *left = left.checked_sub(taken)?;
        if let (Value::Bytes(content), Some(Kind::Message(inner))) =
            (value, known.map(|known| known.kind()))
            && depth > 0
        {
            fits(&inner, content, depth - 1, left)?;
        }
    }
    Some(())
}

/// How short a number of a packed list can be.
const fn least_bytes(kind: &Kind) -> usize {
    match kind {
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => 8,
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => 4,
        _ => 1,
    }
}

/// The code that a `google.rpc.Status` has, if it has one; `None` if the bytes are none.
pub(crate) fn status_code(bytes: &[u8]) -> Option<Option<i32>> {
    let mut reader = Reader::new(bytes);
    let mut code = None;
    while let Some(field) = reader.field() {
        match (field.number, field.value) {
            // An int32 is read from the lowest 32 bits, as every parser does.
            (1, Value::Varint(number)) => code = Some(number as u32 as i32),
            (2, Value::Bytes(text)) if std::str::from_utf8(text).is_err() => return None,
            (2 | 3, Value::Bytes(..)) | (4.., _) => {}
            _ => return None,
        }
    }
    (!reader.is_malformed).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_or_refused() {
        for (name, bytes, expected) in [
            ("empty", &b""[..], Some(None)),
            ("text alone", b"\x12\x02no", Some(None)),
            ("OK, written", b"\x08\0", Some(Some(0))),
            ("code and text", b"\x08\x0b\x12\x02no", Some(Some(11))),
            ("with details", b"\x08\x0b\x1a\x03\x0a\x01t", Some(Some(11))),
            ("negative", b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", Some(Some(-1))),
            ("an unknown field", b"\x08\x0b\x20\x01", Some(Some(11))),
            ("text that is no UTF-8", b"\x12\x01\xff", None),
            ("a code of another type", b"\x0a\x01\x0b", None),
            ("cut", b"\x08", None),
            ("a length beyond the end", b"\x12\xff\xff\xff\xff\x0f", None),
            ("field 0", b"\0\0", None),
        ] {
            assert_eq!(status_code(bytes), expected, "{name}");
        }
    }
}
