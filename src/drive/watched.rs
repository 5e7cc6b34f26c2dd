use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use tokio::sync::{SetOnce, watch};
use tokio::time;
use tonic::body::Body;
use tonic::codegen::StdError;
use tonic::codegen::http::{HeaderMap, Request, Response};
use tonic::{CancellationHandle, Status};
use tower::Service;

use super::any_channel::AnyChannel;

/// What tonic itself does not tell of a call.
///
/// One watches one attempt at a call, and tells the steps of the call and the reading of its
/// answers of each other.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// HTTP/2 has taken the request's message, and so its headers before: the call
    /// was sent, which is when `cancel_after_messages: 0` cancels it. It takes none of a
    /// stream that waits to be opened.
    pub(super) sent: SetOnce<()>,
    /// The response's first block has come, unless it is the only one.
    pub(super) headers: SetOnce<()>,
    /// The steps have come to the call's cancellation.
    pub(super) cancelled: SetOnce<()>,
    /// The call has ended, whoever ended it.
    pub(super) over: SetOnce<()>,
    messages: watch::Sender<usize>,
    /// Those of all attempts count in one place: of the last one it outlives the call.
    steps: Arc<AtomicUsize>,
    cancellation: OnceLock<CancellationHandle>,
    blocks: Mutex<Blocks>,
}

/// The blocks of headers of a response. Of a unary call tonic merges them.
#[derive(Clone, Debug, Default)]
pub(super) struct Blocks {
    /// The first, unless it is the only one.
    pub(super) headers: HeaderMap,
    /// The last, if it is another.
    pub(super) trailers: Option<HeaderMap>,
}

impl Watch {
    /// For an attempt that begins now.
    pub(super) fn new(steps: &Arc<AtomicUsize>) -> Self {
        steps.store(0, Ordering::Relaxed);
        Self { steps: Arc::clone(steps), ..Self::default() }
    }

    /// One more step is done.
    pub(super) fn count_step(&self) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    /// One more message was read.
    pub(super) fn count_message(&self) {
        self.messages.send_modify(|messages| *messages += 1);
    }

    /// Waits until so many messages were read.
    pub(super) async fn has_messages(&self, count: usize) {
        let mut messages = self.messages.subscribe();
        // An error would mean that the sender, which is here, is gone.
        let _ = messages.wait_for(|messages| *messages >= count).await;
    }

    /// This is what cancels the call.
    pub(super) fn may_cancel(&self, cancellation: CancellationHandle) {
        // There is one request.
        let _ = self.cancellation.set(cancellation);
    }

    /// Cancels the call as the library has it.
    pub(super) fn cancel(&self) {
        if let Some(cancellation) = self.cancellation.get() {
            cancellation.clone().cancel();
        }
    }

    /// The blocks that have come.
    pub(super) fn blocks(&self) -> Blocks {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a response has begun, unless it was whole at once.
    pub(super) fn has_begun(&self) -> bool {
        !self.blocks().headers.is_empty()
    }

    fn record(&self, record: impl FnOnce(&mut Blocks)) {
        record(&mut self.blocks.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn watch_request(self: &Arc<Self>, body: Body) -> Body {
        let watch = Arc::clone(self);
        Body::new(body.map_frame(move |frame| {
            // Once is enough.
            let _ = watch.sent.set(());
            frame
        }))
    }

    fn watch_response(self: &Arc<Self>, response: Response<Body>) -> Response<Body> {
        if response.headers().contains_key(Status::GRPC_STATUS) || response.body().is_end_stream() {
            return response;
        }
        self.record(|blocks| blocks.headers = response.headers().clone());
        // A response has one head.
        let _ = self.headers.set(());
        let watch = Arc::clone(self);
        response.map(|body| {
            Body::new(body.map_frame(move |frame| {
                let trailers = frame.trailers_ref().cloned();
                watch.record(|blocks| blocks.trailers = trailers);
                frame
            }))
        })
    }
}

/// A channel for one call, which is watched.
///
/// The message of a method that answers once, which the generated stub reads by itself, it
/// holds back for `read_delay`.
#[derive(Clone, Debug)]
pub(super) struct WatchedChannel {
    channel: AnyChannel,
    watch: Arc<Watch>,
    read_delay: Duration,
}

impl WatchedChannel {
    pub(super) fn new(channel: AnyChannel, watch: Arc<Watch>) -> Self {
        Self { channel, watch, read_delay: Duration::ZERO }
    }

    /// For a method that answers once; the response waits so long before it is read.
    pub(super) fn with_one_answer(self, read_delay: Duration) -> Self {
        Self { channel: self.channel.with_one_message(), read_delay, ..self }
    }
}

impl Service<Request<Body>> for WatchedChannel {
    type Response = Response<Body>;
    type Error = StdError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.channel.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let response = self.channel.call(request.map(|body| self.watch.watch_request(body)));
        let watch = Arc::clone(&self.watch);
        let read_delay = self.read_delay;
        Box::pin(async move {
            let response = watch.watch_response(response.await?);
            let is_failure = response.headers().contains_key(Status::GRPC_STATUS);
            // The timer counts in milliseconds, and makes one of none.
            if !read_delay.is_zero() && !is_failure {
                time::sleep(read_delay).await;
            }
            Ok(response)
        })
    }
}
