//! A client's channel that tells what came of a call as gRPC has it.

use std::error::Error as _;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::Body as _;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tonic::transport::Channel;
use tower::{Service, ServiceExt as _};

pub use super::transport::NotTaken;

use super::asking::held_by_caller;
use super::transport::status_of;
use super::{ending, head};
use crate::layers::binary::split;
use crate::layers::messages::MessageReader;

/// A channel whose every failure is the status that gRPC has for it.
#[derive(Clone, Debug)]
pub struct MendedChannel {
    channel: Channel,
    max_messages: Option<usize>,
}

impl MendedChannel {
    /// Makes calls on this channel.
    pub fn new(channel: Channel) -> Self {
        Self { channel, max_messages: None }
    }

    /// For a call of a method that answers with one message: another is INTERNAL.
    #[must_use]
    pub fn with_one_message(self) -> Self {
        Self { max_messages: Some(1), ..self }
    }

    async fn exchange(self, request: Request<Body>) -> Result<Response<Body>, Status> {
        let offered: Vec<_> =
            request.headers().get_all("grpc-accept-encoding").iter().cloned().collect();
        let (parts, body) = request.into_parts();
        let (body, caller) = held_by_caller(body);
        let answer = self.channel.oneshot(Request::from_parts(parts, body)).await;
        let (mut head, body) = answer.map_err(status)?.into_parts();
        head::check(head.status, &head.headers, &offered)?;
        head::mend_status(&mut head.headers);
        head.headers = split(head.headers);
        let is_trailers_only =
            head.headers.contains_key(Status::GRPC_STATUS) && body.is_end_stream();
        let body = if is_trailers_only {
            // Nothing is encoded, and tonic would say that it cannot read it.
            head.headers.remove("grpc-encoding");
            body
        } else {
            let early = head::take_status(&mut head.headers);
            ending::checked(body, MessageReader::new(self.max_messages), early, caller)
        };
        Ok(Response::from_parts(head, body))
    }
}

/// Why no server has run the call, if that is how it ended: then it may be made again.
pub fn not_taken(status: &Status) -> Option<NotTaken> {
    status.source()?.downcast_ref().copied()
}

fn status(error: tonic::transport::Error) -> Status {
    status_of(&error).unwrap_or_else(|| Status::from_error(error.into()))
}

impl Service<Request<Body>> for MendedChannel {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    /// Always: generated code would make UNKNOWN of an error here.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().exchange(request))
    }
}
