use std::sync::Arc;
use std::task::{Context, Poll};

use http_body_util::BodyExt as _;
use tokio::sync::Notify;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tonic::transport::Channel;
use tonic::transport::channel::ResponseFuture;
use tower::Service;

/// A channel that tells when HTTP/2 has taken the request's message, and so its
/// headers before. tonic itself does not say when a call was sent, which is when
/// `cancel_after_messages: 0` cancels it.
#[derive(Clone, Debug)]
pub(super) struct NotifyingChannel {
    channel: Channel,
    sent: Arc<Notify>,
}

impl NotifyingChannel {
    pub(super) fn new(channel: Channel, sent: Arc<Notify>) -> Self {
        Self { channel, sent }
    }
}

impl Service<Request<Body>> for NotifyingChannel {
    type Response = Response<Body>;
    type Error = tonic::transport::Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.channel.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> ResponseFuture {
        let sent = self.sent.clone();
        self.channel.call(request.map(|body| {
            Body::new(body.map_frame(move |frame| {
                sent.notify_one();
                frame
            }))
        }))
    }
}
