//! Which header blocks are malformed (RFC 9113, section 8), so that whoever reads them
//! makes a stream error of it.

use crosswire_http2::hpack::Field;
use mutants::{mutant::Mutant, planted::planted};

use super::value;

/// What a header block is the fields of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Request,
    Response,
    Trailers,
}

/// Fields of the connection, which HTTP/2 does not have (section 8.2.2).
const OF_CONNECTION: [&[u8]; 5] =
    [b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"];

impl Part {
    fn pseudo_headers(self) -> &'static [&'static [u8]] {
        match self {
            Self::Request => &[b":method", b":scheme", b":path", b":authority"],
            Self::Response => &[b":status"],
            Self::Trailers => &[],
        }
    }

    /// Whether a block of this kind must not have these fields, or lacks some.
    pub(super) fn is_malformed(self, fields: &[Field]) -> bool {
        let required: &[&str] = match self {
            Self::Request => &[":method", ":scheme", ":path"],
            Self::Response => &[":status"],
            Self::Trailers => &[],
        };
        required.iter().any(|name| value(fields, name).is_none_or(<[u8]>::is_empty))
            || fields.iter().enumerate().any(|(at, field)| self.refuses(field, &fields[..at]))
            || length(fields).is_some_and(|length| length.is_none())
                && !planted(Mutant::TakesOddFields)
    }

    /// Whether it must not have this field after those.
    fn refuses(self, field: &Field, before: &[Field]) -> bool {
        let (name, value) = (&field.name[..], &field.value[..]);
        if value.iter().any(|byte| matches!(byte, b'\0' | b'\r' | b'\n')) {
            return true;
        }
        if name.starts_with(b":") {
            return !self.pseudo_headers().contains(&name)
                || before.iter().any(|one| one.name == field.name || !one.name.starts_with(b":"));
        }
        let is_token = |byte: &u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(byte)
        };
        let takes_odd = planted(Mutant::TakesOddFields);
        name.is_empty() && !takes_odd
            || !name.iter().all(is_token)
            || OF_CONNECTION.contains(&name)
            || self == Self::Request
                && name == b"te"
                && value != b"trailers"
                && !(value.is_empty() && takes_odd)
    }
}

/// What content-length says; `Some(None)` if that is no number.
pub(super) fn length(fields: &[Field]) -> Option<Option<u64>> {
    let value = value(fields, "content-length")?;
    let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(value).ok().filter(|_| is_number);
    Some(text.and_then(|text| text.parse().ok()))
}
