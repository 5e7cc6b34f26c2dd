use std::time::Duration;

use tokio::time;
use tonic::Request;
use tonic::metadata::MetadataMap;

use super::metadata;
use super::protocol::{Call, Refusal};
use super::watched::Watch;
use crate::client::Deadline;

/// How a call is made, whatever its method.
#[derive(Debug)]
pub(super) struct CallOptions {
    pub(super) deadline: Option<Deadline>,
    metadata: MetadataMap,
    pub(super) gzip: bool,
    pub(super) cancel_after_messages: Option<usize>,
    pub(super) read_delay: Duration,
}

impl CallOptions {
    pub(super) fn new(call: &Call) -> Result<Self, Refusal> {
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

    /// A request that is handed to the library as a whole, with its half-close.
    pub(super) fn whole<M>(&self, message: M, watch: &Watch) -> Request<M> {
        let request = self.request(message, watch);
        watch.count_step();
        watch.count_step();
        request
    }

    /// A request of one message, or of a stream of them.
    pub(super) fn request<T>(&self, body: T, watch: &Watch) -> Request<T> {
        let mut request = Request::new(body);
        watch.may_cancel(request.cancellation_handle());
        *request.metadata_mut() = self.metadata.clone();
        if let Some(deadline) = self.deadline {
            deadline.announce(&mut request);
        }
        request
    }
}
