//! The codes of RST_STREAM and GOAWAY (RFC 9113, section 7).

#![expect(missing_docs, reason = "the names are the RFC's")]

use crate::names::named;

named! { u32:
    NO_ERROR = 0,
    PROTOCOL_ERROR = 1,
    INTERNAL_ERROR = 2,
    FLOW_CONTROL_ERROR = 3,
    SETTINGS_TIMEOUT = 4,
    STREAM_CLOSED = 5,
    FRAME_SIZE_ERROR = 6,
    REFUSED_STREAM = 7,
    CANCEL = 8,
    COMPRESSION_ERROR = 9,
    CONNECT_ERROR = 10,
    ENHANCE_YOUR_CALM = 11,
    INADEQUATE_SECURITY = 12,
    HTTP_1_1_REQUIRED = 13,
}

/// A code as it is shown: by its name, if it has one.
#[must_use]
pub fn error_name(code: u32) -> String {
    name(code).map_or_else(|| format!("error code {code}"), str::to_owned)
}
