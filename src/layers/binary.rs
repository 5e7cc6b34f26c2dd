//! Takes `-bin` entries apart, which a client may join by commas, and refuses what
//! is not base64 (INTERNAL). tonic would hand both to the handler as they are.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, HeaderName, HeaderValue, Request, Response};

use super::middleware::{Handler, Middleware};

/// Takes base64 with padding and without, as gRPC has it, and makes none.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The layer.
#[derive(Clone, Copy, Debug)]
pub struct BinaryEntries;

impl Middleware for BinaryEntries {
    fn answer<H: Handler>(
        &self,
        request: Request<Body>,
        handler: H,
    ) -> impl Future<Output = Response<Body>> + Send + 'static {
        let (mut head, body) = request.into_parts();
        async move {
            match taken_apart(&head.headers) {
                Ok(headers) => head.headers = headers,
                Err(status) => return status.into_http(),
            }
            handler.answer(Request::from_parts(head, body)).await
        }
    }
}

/// The headers of a response with its `-bin` entries apart. What is not base64 stays:
/// whoever asks for it will see. So do the details of a status, which are one entry.
pub(super) fn split(headers: HeaderMap) -> HeaderMap {
    let is_joined = |(name, value): (&HeaderName, &HeaderValue)| {
        name.as_str().ends_with("-bin")
            && name != Status::GRPC_STATUS_DETAILS
            && value.as_bytes().contains(&b',')
    };
    if !headers.iter().any(is_joined) {
        return headers;
    }
    let mut apart = HeaderMap::with_capacity(headers.len());
    for (name, value) in &headers {
        if !is_joined((name, value)) {
            apart.append(name.clone(), value.clone());
            continue;
        }
        for text in value.as_bytes().split(|byte| *byte == b',') {
            let text = HeaderValue::from_bytes(text.trim_ascii());
            apart.append(name.clone(), text.expect("a part of a value is one"));
        }
    }
    apart
}

fn taken_apart(headers: &HeaderMap) -> Result<HeaderMap, Status> {
    let mut apart = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        if !name.as_str().ends_with("-bin") {
            apart.append(name.clone(), value.clone());
            continue;
        }
        for text in value.as_bytes().split(|byte| *byte == b',') {
            let bytes = BASE64.decode(text.trim_ascii());
            let bytes = bytes.map_err(|_| Status::internal(format!("{name} is not base64")))?;
            let text = HeaderValue::try_from(BASE64.encode(bytes));
            apart.append(name.clone(), text.expect("base64 fits in a header"));
        }
    }
    Ok(apart)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair =
            |&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn joined_values_become_several() {
        let joined = headers(&[("a-bin", "AP8=, AQ,"), ("a", "b,c"), ("a-bin", "/w==")]);
        let expected = headers(&[
            ("a-bin", "AP8"),
            ("a-bin", "AQ"),
            ("a-bin", ""),
            ("a-bin", "/w"),
            ("a", "b,c"),
        ]);
        assert_eq!(taken_apart(&joined).expect("base64"), expected);
    }

    #[test]
    fn of_a_response_only_what_is_joined_changes() {
        let joined = headers(&[
            ("a-bin", "AP8=, %,"),
            ("a", "b,c"),
            ("grpc-status-details-bin", "A,B"),
            ("b-bin", "AQ=="),
        ]);
        let expected = headers(&[
            ("a-bin", "AP8="),
            ("a-bin", "%"),
            ("a-bin", ""),
            ("a", "b,c"),
            ("grpc-status-details-bin", "A,B"),
            ("b-bin", "AQ=="),
        ]);
        assert_eq!(split(joined), expected);
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        for text in ["%", "A", "AP8=,%", "-_8"] {
            let status = taken_apart(&headers(&[("a-bin", text)])).expect_err(text);
            assert_eq!(status.message(), "a-bin is not base64");
        }
    }
}
