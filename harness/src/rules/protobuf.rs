//! The wire format of Protocol Buffers, as far as rules need to look at it
//! themselves.

use std::ops::Range;

/// The wire types that messages have today; groups are of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// A number.
    Varint(u64),
    /// Four or eight bytes.
    Fixed(&'a [u8]),
    /// Bytes with a length.
    Bytes(&'a [u8]),
}

/// A field as it stands in a message.
#[derive(Debug, Clone)]
pub(super) struct RawField<'a> {
    pub(super) number: u32,
    pub(super) value: Value<'a>,
    /// All of it, with its tag, in the message.
    pub(super) bytes: Range<usize>,
}

/// Reads fields and numbers one after the other. Ends at the first that is
/// malformed, with `is_malformed`.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    pub(super) is_malformed: bool,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, is_malformed: false }
    }

    /// The next field.
    pub(super) fn field(&mut self) -> Option<RawField<'a>> {
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
    pub(super) fn varint(&mut self) -> Option<u64> {
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

/// The code that a `google.rpc.Status` has, if it has one; `None` if the bytes are none.
pub(super) fn status_code(bytes: &[u8]) -> Option<Option<i32>> {
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
