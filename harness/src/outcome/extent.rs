//! Whether what came lies within the ways in which a call may end.

use crosswire_http2::error;

use super::{field, http_status, is_interim, status};
use crate::{
    observe::{Played, StreamSeen},
    suite::{Allowed, Code, ErrorCode, Extent},
};

/// Whether what came of a stream, or of its connection, is one of these outcomes.
pub(super) fn lies_within(seen: &StreamSeen, played: &Played, extent: &Extent) -> bool {
    if is_beyond(seen, extent) {
        return false;
    }
    // A refusal is one, whatever HTTP status it comes with.
    let has_status = || {
        let error = status(seen).filter(|code| *code != Code::OK);
        seen.has_ended && error.is_some_and(|code| extent.statuses.allows(&code))
    };
    let has_http_status = || {
        let status = http_status(seen).and_then(|status| status.parse().ok());
        let is_over = seen.has_ended || seen.reset.is_some();
        is_over && status.is_some_and(|status| status != 200 && extent.http.allows(&status))
    };
    // After a response that is whole, NO_ERROR only says that the rest of the request
    // is not needed (RFC 9113, section 8.1): the response is what came of it.
    let is_reset = || {
        let code = seen.reset.filter(|code| !(seen.has_ended && *code == error::NO_ERROR));
        code.is_some_and(|code| extent.resets.allows(&ErrorCode(code)))
    };
    let goes_away = || played.goaways.iter().any(|code| extent.goaways.allows(&ErrorCode(*code)));
    let is_silent = || {
        let is_over = seen.has_ended || seen.reset.is_some() || !played.goaways.is_empty();
        played.is_late && !is_over && !played.is_closed
    };
    extent.is_served && is_served(seen)
        || has_status()
        || has_http_status()
        || is_reset()
        || goes_away()
        || extent.is_closed && played.is_closed
        || extent.is_foreign && is_foreign(seen, played)
        || extent.is_silent && is_silent()
}

/// Whether none of these outcomes can come any more, whatever becomes of the connection: they
/// are of a call, which has been answered with status OK instead.
pub(super) fn is_beyond(seen: &StreamSeen, extent: &Extent) -> bool {
    extent.statuses != Allowed::Nothing && !extent.is_served && is_served(seen)
}

fn is_served(seen: &StreamSeen) -> bool {
    seen.has_ended && http_status(seen) == Some("200") && status(seen) == Some(Code::OK)
}

/// Whether it is the answer of another protocol than gRPC, and whole: it has another content
/// type, or is HTTP status 200 with neither a type nor a gRPC status. Of gRPC's content type are `application/grpc` and
/// what follows it after `+` or `;`.
fn is_foreign(seen: &StreamSeen, played: &Played) -> bool {
    let blocks = seen.blocks.iter().filter(|block| !is_interim(block));
    let mut types = blocks.flatten().filter(|field| field.0 == "content-type");
    let is_grpc = |content_type: &str| {
        let rest = content_type.strip_prefix("application/grpc");
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';']))
    };
    let is_other = match types.next() {
        Some((_, value)) if !value.is_empty() => !is_grpc(value),
        _ => http_status(seen) == Some("200") && field(seen, "grpc-status").is_none(),
    };
    played.other_protocol.is_some() || seen.has_ended && is_other
}
