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
use crate::layers::channel::{MendedChannel, NotTaken, not_taken};

/// How often a call is tried at most, which its deadline limits before. One without a
/// deadline must not go on for ever if every connection ends at once.
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
        let mut attempts = Attempts::default();
        loop {
            let watch = Arc::new(Watch::default());
            let ended = attempt(&channel, request.clone(), &manner, &watch, observed).await;
            let why = ended.as_ref().err().and_then(not_taken);
            let goes_on = |why| attempts.go_on(why, watch.sent.initialized(), watch.has_begun());
            if !why.is_some_and(goes_on) {
                break ended;
            }
        }
    };
    match manner.deadline {
        Some(deadline) => deadline.limit(call).await,
        None => call.await,
    }
}

/// How often a call was tried.
#[derive(Debug, Default)]
struct Attempts {
    made: usize,
    sent: usize,
}

impl Attempts {
    /// Whether a call that was not taken is made again: as often as need be until it is
    /// sent, and once after that, as gRPC has it (A6, transparent retries).
    fn go_on(&mut self, why: NotTaken, was_sent: bool, has_begun: bool) -> bool {
        self.made += 1;
        self.sent += usize::from(was_sent);
        let was_run = match why {
            // If not, at most its headers were: no server runs it without its message.
            NotTaken::ByConnection => was_sent,
            NotTaken::ByServer => has_begun,
        };
        !was_run && self.sent < 2 && self.made < MOST_ATTEMPTS
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_made_again_until_it_is_sent_and_once_after_that() {
        use NotTaken::{ByConnection, ByServer};
        // Why it was not taken, whether it was sent and whether a response has begun.
        const UNSENT: (NotTaken, bool, bool) = (ByConnection, false, false);
        const LEFT_OUT: (NotTaken, bool, bool) = (ByServer, true, false);
        for (attempts, goes_on) in [
            (vec![UNSENT; 9], true),
            (vec![UNSENT; MOST_ATTEMPTS], false),
            (vec![(ByConnection, true, false)], false),
            (vec![LEFT_OUT], true),
            (vec![UNSENT, UNSENT, LEFT_OUT], true),
            (vec![LEFT_OUT, UNSENT], true),
            (vec![LEFT_OUT, LEFT_OUT], false),
            (vec![(ByServer, true, true)], false),
        ] {
            let mut made = Attempts::default();
            let each = attempts.iter().map(|&(why, sent, begun)| made.go_on(why, sent, begun));
            let went_on: Vec<bool> = each.collect();
            let mut expected = vec![true; attempts.len() - 1];
            expected.push(goes_on);
            assert_eq!(went_on, expected, "{attempts:?}");
        }
    }
}
