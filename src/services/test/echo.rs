use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::header::CONTENT_TYPE;
use tonic::codegen::http::{HeaderMap, HeaderName, Request, Response};

use crate::layers::middleware::{Handler, Middleware};

const INITIAL: HeaderName = HeaderName::from_static("x-grpc-test-echo-initial");
const TRAILING: HeaderName = HeaderName::from_static("x-grpc-test-echo-trailing-bin");

/// Sends a request's metadata back where its names say, whatever the call ends with: tonic's
/// handlers have no say over the trailers of a call that ends with OK.
#[derive(Clone, Copy, Debug)]
pub struct Echo;

impl Middleware for Echo {
    fn answer<H: Handler>(
        &self,
        request: Request<Body>,
        handler: H,
    ) -> impl Future<Output = Response<Body>> + Send + 'static {
        let [initial, trailing] = [INITIAL, TRAILING].map(|name| entries(request.headers(), &name));
        async move {
            let response = handler.answer(request).await;
            if initial.is_empty() && trailing.is_empty() {
                return response;
            }
            with_entries(response, initial, trailing)
        }
    }
}

fn entries(headers: &HeaderMap, name: &HeaderName) -> HeaderMap {
    headers.get_all(name).iter().map(|value| (name.clone(), value.clone())).collect()
}

fn with_entries(
    response: Response<Body>,
    initial: HeaderMap,
    trailing: HeaderMap,
) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    let body = if head.headers.contains_key(Status::GRPC_STATUS) {
        // A status alone is one block, which is made two, so that the metadata that comes
        // first is told from that which comes last.
        let mut trailers = std::mem::take(&mut head.headers);
        head.headers.extend(trailers.remove(CONTENT_TYPE).map(|value| (CONTENT_TYPE, value)));
        trailers.extend(trailing);
        Body::new(StreamBody::new(stream::iter([Ok::<_, Status>(Frame::trailers(trailers))])))
    } else {
        Body::new(body.map_frame(move |mut frame| {
            if let Some(trailers) = frame.trailers_mut() {
                trailers.extend(trailing.clone());
            }
            frame
        }))
    };
    head.headers.extend(initial);
    Response::from_parts(head, body)
}
