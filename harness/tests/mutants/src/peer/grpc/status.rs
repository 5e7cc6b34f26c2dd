//! Statuses, and how they stand in trailers.

use base64::Engine as _;
use crosswire_http2::hpack::Field;
use mutants::{mutant::Mutant, planted::planted};

use super::metadata::{decode, encoder};
use crate::http2::{Fields, value};

/// The codes that this peer gives by itself.
pub(crate) mod code {
    pub(crate) const OK: i32 = 0;
    pub(crate) const CANCELLED: i32 = 1;
    pub(crate) const UNKNOWN: i32 = 2;
    pub(crate) const INVALID_ARGUMENT: i32 = 3;
    pub(crate) const DEADLINE_EXCEEDED: i32 = 4;
    pub(crate) const NOT_FOUND: i32 = 5;
    pub(crate) const PERMISSION_DENIED: i32 = 7;
    pub(crate) const RESOURCE_EXHAUSTED: i32 = 8;
    pub(crate) const ABORTED: i32 = 10;
    pub(crate) const OUT_OF_RANGE: i32 = 11;
    pub(crate) const UNIMPLEMENTED: i32 = 12;
    pub(crate) const INTERNAL: i32 = 13;
    pub(crate) const UNAVAILABLE: i32 = 14;
    pub(crate) const UNAUTHENTICATED: i32 = 16;

    /// Whether a code is one that gRPC has.
    pub(crate) const fn is_known(code: i32) -> bool {
        code >= OK && code <= UNAUTHENTICATED
    }
}

/// How a call ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) code: i32,
    pub(crate) message: String,
    pub(crate) details: Vec<u8>,
}

impl Status {
    pub(crate) fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: Vec::new() }
    }

    pub(crate) fn ok() -> Self {
        Self::new(code::OK, "")
    }

    /// The fields that say it.
    pub(crate) fn fields(&self) -> Fields {
        let mut fields = Fields::new();
        let mut add = |name: &str, value: Vec<u8>| fields.push((name.to_owned(), value));
        let number = match () {
            () if planted(Mutant::StatusWithLeadingZero) => format!("{:02}", self.code),
            () if planted(Mutant::StatusInWords) && self.code == code::OK => "OK".to_owned(),
            () if planted(Mutant::StatusShifted) && self.code != code::OK => {
                (self.code + 1).to_string()
            }
            () => self.code.to_string(),
        };
        if !planted(Mutant::StatusMissing) {
            add("grpc-status", number.clone().into_bytes());
        }
        if planted(Mutant::StatusTwice) {
            add("grpc-status", number.into_bytes());
        }
        if !self.message.is_empty() {
            add("grpc-message", escape(&self.message));
        } else if planted(Mutant::EmptyMessageOfOk) {
            add("grpc-message", Vec::new());
        }
        if !self.details.is_empty() && !planted(Mutant::DetailsLost) {
            add("grpc-status-details-bin", encoder().encode(&self.details).into_bytes());
        }
        if self.details.is_empty() && self.code != code::OK && planted(Mutant::DetailsWithoutCode) {
            // A google.rpc.Status of a message alone.
            add("grpc-status-details-bin", encoder().encode(b"\x12\x02no").into_bytes());
        }
        fields
    }

    /// The status that trailers say, if they say one.
    pub(crate) fn read(trailers: &[Field]) -> Option<Self> {
        let mut codes = trailers.iter().filter(|field| field.name == "grpc-status");
        let code = &codes.next()?.value;
        // Who says two things has said nothing.
        let is_one = codes.all(|other| other.value == code);
        let code = std::str::from_utf8(code).ok().and_then(|code| code.parse().ok());
        let code = code.filter(|_| is_one);
        let code = code.map(|code: i32| match code {
            code::OK => code,
            code => code + i32::from(planted(Mutant::StatusShifted)),
        });
        let message = unescape(value(trailers, "grpc-message").unwrap_or_default());
        let details = value(trailers, "grpc-status-details-bin").and_then(decode);
        Some(Self {
            code: code.unwrap_or(code::UNKNOWN),
            message,
            details: details.unwrap_or_default(),
        })
    }
}

/// Percent-encoded.
fn escape(message: &str) -> Vec<u8> {
    if planted(Mutant::MessageNotEscaped) {
        return message.as_bytes().to_vec();
    }
    let mut escaped = Vec::new();
    for &byte in message.as_bytes() {
        let is_plain = matches!(byte, 0x20..=0x24 | 0x26..=0x7e);
        match byte {
            b' ' if planted(Mutant::EscapesAsAForm) => escaped.push(b'+'),
            b'%' if planted(Mutant::PercentNotEscaped) => escaped.push(byte),
            _ if is_plain && !planted(Mutant::EscapesEverything) => escaped.push(byte),
            _ => escaped.extend(format!("%{byte:02X}").into_bytes()),
        }
    }
    escaped
}

/// What is no escape stays as it is.
fn unescape(value: &[u8]) -> String {
    if planted(Mutant::MessageNotUnescaped) {
        return String::from_utf8_lossy(value).into_owned();
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Vec::new();
    let mut rest = value;
    while let [first, after @ ..] = rest {
        rest = after;
        if let (b'%', [a, b, after @ ..]) = (first, after)
            && let (Some(high), Some(low)) = (digit(*a), digit(*b))
        {
            bytes.push(16 * high + low);
            rest = after;
            continue;
        }
        bytes.push(*first);
    }
    if planted(Mutant::MessageAsLatin1) {
        return bytes.into_iter().map(char::from).collect();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
