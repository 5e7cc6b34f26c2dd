//! A server's layer made of a function.

use std::convert::Infallible;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tower::{Layer, Service};

/// What tonic serves, a layer around it included.
pub trait Handler:
    Service<
        Request<Body>,
        Response = Response<Body>,
        Error = Infallible,
        Future: Future<Output = Result<Response<Body>, Infallible>> + Send,
    > + Clone
    + Send
    + 'static
{
    /// Answers the request, once it is ready to.
    fn answer(mut self, request: Request<Body>) -> impl Future<Output = Response<Body>> + Send {
        async move {
            let Ok(()) = std::future::poll_fn(|context| self.poll_ready(context)).await;
            let Ok(response) = self.call(request).await;
            response
        }
    }
}

impl<S> Handler for S where
    S: Service<
            Request<Body>,
            Response = Response<Body>,
            Error = Infallible,
            Future: Future<Output = Result<Response<Body>, Infallible>> + Send,
        > + Clone
        + Send
        + 'static
{
}

/// What stands around a handler: it is given each request, and the handler that
/// it may pass the request on to.
pub trait Middleware: Clone + Send + Sync + 'static {
    /// Answers the request. What this does before its first `await` is done when
    /// the request comes, whatever becomes of the future.
    fn answer<H: Handler>(
        &self,
        request: Request<Body>,
        handler: H,
    ) -> impl Future<Output = Response<Body>> + Send + 'static;
}

/// The layer that puts a [`Middleware`] around a handler.
#[derive(Clone, Copy, Debug)]
pub struct Around<M>(pub M);

impl<M: Clone, H> Layer<H> for Around<M> {
    type Service = Surrounded<M, H>;

    fn layer(&self, handler: H) -> Surrounded<M, H> {
        Surrounded { middleware: self.0.clone(), handler }
    }
}

/// A handler with a [`Middleware`] around it.
#[derive(Clone, Copy, Debug)]
pub struct Surrounded<M, H> {
    middleware: M,
    handler: H,
}

impl<M: Middleware, H: Handler> Service<Request<Body>> for Surrounded<M, H> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.handler.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The one that is ready answers, not its clone.
        let clone = self.handler.clone();
        let handler = mem::replace(&mut self.handler, clone);
        let answer = self.middleware.answer(request, handler);
        Box::pin(async move { Ok(answer.await) })
    }
}
