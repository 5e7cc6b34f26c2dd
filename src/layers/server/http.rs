//! Refuses what is no gRPC request, as HTTP has it: 405 for another method than
//! POST, 415 for another content type than `application/grpc`. tonic would run the
//! handler.
//!
//! A request without `te: trailers` is taken: that a proxy dropped it harms nobody.

use tonic::body::Body;
use tonic::codegen::http::header::{ALLOW, CONTENT_TYPE};
use tonic::codegen::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};

use crate::layers::middleware::{Handler, Middleware};

/// The layer.
#[derive(Clone, Copy, Debug)]
pub struct OnlyGrpc;

impl Middleware for OnlyGrpc {
    fn answer<H: Handler>(
        &self,
        request: Request<Body>,
        handler: H,
    ) -> impl Future<Output = Response<Body>> + Send + 'static {
        let refusal = refusal(&request);
        async move {
            match refusal {
                Some(refusal) => refusal,
                None => handler.answer(request).await,
            }
        }
    }
}

fn refusal(request: &Request<Body>) -> Option<Response<Body>> {
    let mut refusal = Response::new(Body::empty());
    if request.method() != Method::POST {
        *refusal.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return Some(refusal);
    }
    if !is_grpc(request.headers()) {
        *refusal.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Some(refusal);
    }
    None
}

/// Whether the content type is `application/grpc`, with or without what encodes
/// the messages.
pub(in crate::layers) fn is_grpc(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(first), None) = (types.next(), types.next()) else {
        return false;
    };
    let first = first.as_bytes().to_ascii_lowercase();
    let rest = first.strip_prefix(b"application/grpc");
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_are_told_apart() {
        let table: [(&[&str], bool); 7] = [
            (&["application/grpc"], true),
            (&["Application/gRPC+proto"], true),
            (&["application/grpc;charset=utf-8"], true),
            (&["application/grpc-web"], false),
            (&["text/plain"], false),
            (&[], false),
            (&["application/grpc", "text/plain"], false),
        ];
        for (types, expected) in table {
            let pair = |text: &&'static str| (CONTENT_TYPE, HeaderValue::from_static(text));
            assert_eq!(is_grpc(&types.iter().map(pair).collect()), expected, "{types:?}");
        }
    }
}
