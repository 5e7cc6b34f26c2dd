use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::{task, time};
use tonic::metadata::MetadataMap;
use tonic::{Request, Status};

use super::exchange::exchange;
use super::metadata;
use super::observed::{Observed, cancelled};
use super::protocol::{Answer, Call};
use super::request::{ParsedRequest, Refusal};
use super::watched::{Watch, WatchedChannel};
use crate::client::Deadline;
use crate::layers::channel::{MendedChannel, was_not_taken};

/// How often a call is tried that is never sent. A server that only ends its connections
/// must not keep it for ever.
const MOST_ATTEMPTS: usize = 100;

/// How a call is made, whatever its method.
#[derive(Debug)]
pub(super) struct Manner {
    deadline: Option<Deadline>,
    metadata: MetadataMap,
    pub(super) gzip: bool,
    pub(super) cancel_after_messages: Option<usize>,
    pub(super) read_delay: Duration,
}

/// Makes the call and tells what was observed, or why it cannot be made.
pub(super) async fn make(channel: MendedChannel, call: Call) -> Answer {
    let prepared = ParsedRequest::new(&call)
        .and_then(|request| Manner::new(&call).map(|manner| (request, manner)));
    match prepared {
        Ok((request, manner)) => {
            let mut observed = Observed::default();
            let status = run(channel, request, manner, &mut observed).await;
            Answer::Result(observed.into_result(call.id, status))
        }
        Err(Refusal(why)) => Answer::Unsupported { id: call.id, why },
    }
}

async fn run(
    channel: MendedChannel,
    request: ParsedRequest,
    manner: Manner,
    observed: &mut Observed,
) -> Result<(), Status> {
    let call = async {
        let (mut attempts, mut times_sent) = (0, 0);
        loop {
            let watch = Arc::new(Watch::default());
            let ended = attempt(&channel, request.clone(), &manner, &watch, observed).await;
            attempts += 1;
            times_sent += usize::from(watch.sent.initialized());
            // As gRPC has it, a call that no server has seen to is made again: once if it
            // was sent, and until it is sent.
            let is_again = times_sent < 2 && attempts < MOST_ATTEMPTS;
            match ended {
                Err(status) if is_again && was_not_taken(&status) => {}
                ended => break ended,
            }
        }
    };
    match manner.deadline {
        Some(deadline) => deadline.limit(call).await,
        None => call.await,
    }
}

async fn attempt(
    channel: &MendedChannel,
    request: ParsedRequest,
    manner: &Manner,
    watch: &Arc<Watch>,
    observed: &mut Observed,
) -> Result<(), Status> {
    let channel = WatchedChannel::new(channel.clone(), Arc::clone(watch));
    let mut exchange = pin!(exchange(channel, request, manner, watch, observed));
    tokio::select! {
        // The cancellation first, when the answer is there as well.
        biased;
        _ = watch.sent.wait(), if manner.cancel_after_messages == Some(0) => {
            // HTTP/2 has queued the request. Before it is dropped, the
            // connection's task, which writes it, gets a turn.
            task::yield_now().await;
            Err(cancelled())
        }
        ended = &mut exchange => ended,
    }
}

impl Manner {
    fn new(call: &Call) -> Result<Self, Refusal> {
        let gzip = match call.compression.as_deref() {
            None => false,
            Some("gzip") => true,
            Some(other) => return Err(Refusal(format!("no compression {other:?}"))),
        };
        Ok(Self {
            deadline: call
                .timeout_ms
                .map(|timeout_ms| Deadline::after(Duration::from_millis(timeout_ms.into()))),
            metadata: metadata::parse(&call.metadata)?,
            gzip,
            cancel_after_messages: call.cancel_after_messages,
            read_delay: Duration::from_millis(call.read_delay_ms.unwrap_or(0).into()),
        })
    }

    /// Waits as long as before each response message.
    pub(super) async fn pause(&self) {
        // The timer counts in milliseconds, and makes one of none.
        if !self.read_delay.is_zero() {
            time::sleep(self.read_delay).await;
        }
    }

    pub(super) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        *request.metadata_mut() = self.metadata.clone();
        if let Some(deadline) = self.deadline {
            deadline.announce(&mut request);
        }
        request
    }
}
