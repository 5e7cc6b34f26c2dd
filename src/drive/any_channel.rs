use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tonic::body::Body;
use tonic::codegen::StdError;
use tonic::codegen::http::{Request, Response};
use tonic::transport::Channel;
use tower::Service;

use crate::layers::client::channel::MendedChannel;

/// A channel of either kind.
#[derive(Clone, Debug)]
pub(super) enum AnyChannel {
    Mended(MendedChannel),
    Plain(Channel),
}

impl AnyChannel {
    /// For a call of a method that answers with one message.
    pub(super) fn with_one_message(self) -> Self {
        match self {
            Self::Mended(channel) => Self::Mended(channel.with_one_message()),
            Self::Plain(channel) => Self::Plain(channel),
        }
    }

    pub(super) const fn is_plain(&self) -> bool {
        matches!(self, Self::Plain(_))
    }
}

impl Service<Request<Body>> for AnyChannel {
    type Response = Response<Body>;
    type Error = StdError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, StdError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), StdError>> {
        match self {
            Self::Mended(channel) => channel.poll_ready(context).map_err(Into::into),
            Self::Plain(channel) => channel.poll_ready(context).map_err(Into::into),
        }
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self {
            Self::Mended(channel) => {
                let response = channel.call(request);
                Box::pin(async { response.await.map_err(Into::into) })
            }
            Self::Plain(channel) => {
                let response = channel.call(request);
                Box::pin(async { response.await.map_err(Into::into) })
            }
        }
    }
}
