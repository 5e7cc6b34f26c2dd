//! What a response must be before it is gRPC's, and what its status may hold.

use base64::Engine as _;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode, percent_encode};
use tonic::codegen::http::header::CONTENT_TYPE;
use tonic::codegen::http::{HeaderMap, HeaderValue, StatusCode};
use tonic::{Code, Status};

use crate::layers::binary::BASE64;
use crate::layers::server::http::is_grpc;

/// Refuses a response that is not gRPC's, or that is encoded in another way than
/// was offered in `grpc-accept-encoding`.
///
/// tonic would read an HTML page as messages, and says UNIMPLEMENTED of an
/// encoding.
pub(super) fn check(
    http: StatusCode,
    headers: &HeaderMap,
    offered: &[HeaderValue],
) -> Result<(), Status> {
    if headers.contains_key(Status::GRPC_STATUS) && is_grpc(headers) {
        return Ok(());
    }
    if http != StatusCode::OK {
        return Err(Status::new(of_http(http), format!("HTTP status {http}, and no grpc-status")));
    }
    if !is_grpc(headers) {
        let given = headers.get(CONTENT_TYPE);
        let given = given.map_or("none".into(), |given| String::from_utf8_lossy(given.as_bytes()));
        return Err(Status::unknown(format!("the content type is not application/grpc: {given}")));
    }
    let encoding = headers.get("grpc-encoding").map_or(&b"identity"[..], HeaderValue::as_bytes);
    let mut offers = offered.iter().flat_map(|offer| offer.as_bytes().split(|byte| *byte == b','));
    if encoding == b"identity" || offers.any(|offer| offer.trim_ascii() == encoding) {
        return Ok(());
    }
    let encoding = String::from_utf8_lossy(encoding);
    Err(Status::internal(format!("the response's encoding was not offered: {encoding}")))
}

fn of_http(status: StatusCode) -> Code {
    match status {
        StatusCode::BAD_REQUEST | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Code::Internal,
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::NOT_FOUND => Code::Unimplemented,
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Code::Unavailable,
        _ => Code::Unknown,
    }
}

/// Takes a status out of headers that do not end the response. It counts for nothing
/// beside that of the trailers, while tonic would look no further.
pub(super) fn take_status(headers: &mut HeaderMap) -> Option<Status> {
    let status = Status::from_header_map(headers);
    for own in [Status::GRPC_STATUS, Status::GRPC_MESSAGE, Status::GRPC_STATUS_DETAILS] {
        headers.remove(own);
    }
    status
}

/// Mends a status that tonic could not read: it would panic over details that are
/// no base64, would take the code of a message that is no UTF-8 for UNKNOWN, and the
/// first of several codes for the only one.
pub(super) fn mend_status(headers: &mut HeaderMap) {
    let mut codes = headers.get_all(Status::GRPC_STATUS).iter();
    let first = codes.next();
    if codes.any(|code| Some(code) != first) {
        refuse_status(headers, "there are several grpc-status, which differ");
        return;
    }
    let details = headers.get(Status::GRPC_STATUS_DETAILS);
    if details.is_some_and(|details| BASE64.decode(details.as_bytes()).is_err()) {
        refuse_status(headers, "grpc-status-details-bin is not base64");
        return;
    }
    let Some(message) = headers.get(Status::GRPC_MESSAGE) else {
        return;
    };
    let decoded = percent_decode(message.as_bytes());
    if decoded.clone().decode_utf8().is_err() {
        let shown = decoded.decode_utf8_lossy();
        let encoded = percent_encode(shown.as_bytes(), NON_ALPHANUMERIC).to_string();
        let encoded = HeaderValue::try_from(encoded).expect("what is percent-encoded is ASCII");
        headers.insert(Status::GRPC_MESSAGE, encoded);
    }
}

/// Puts INTERNAL in the place of a status, with a reason in ASCII.
fn refuse_status(headers: &mut HeaderMap, why: &'static str) {
    headers.remove(Status::GRPC_STATUS_DETAILS);
    headers.insert(Status::GRPC_MESSAGE, HeaderValue::from_static(why));
    headers.insert(Status::GRPC_STATUS, HeaderValue::from(i32::from(Code::Internal)));
}
