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
            match attempt(&channel, request.clone(), &manner, &watch, observed).await {
                Err(status) if attempts.go_on(&status, &watch) => {}
                ended => break ended,
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
    /// Whether a call that ended so is made again: as often as need be until it is sent,
    /// and once after that, as gRPC has it (A6, transparent retries).
    fn go_on(&mut self, status: &Status, watch: &Watch) -> bool {
        let was_sent = watch.sent.initialized();
        self.made += 1;
        self.sent += usize::from(was_sent);
        let may_go_on = match not_taken(status) {
            None => false,
            // At most its headers were sent: no server runs it without its message.
            Some(NotTaken::ByConnection) => !was_sent,
            Some(NotTaken::ByServer) => !watch.begun.initialized(),
        };
        may_go_on && self.sent < 2 && self.made < MOST_ATTEMPTS
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
        const UNSENT: (Option<NotTaken>, bool, bool) = (Some(ByConnection), false, false);
        const LEFT_OUT: (Option<NotTaken>, bool, bool) = (Some(ByServer), true, false);
        // Why it was not taken, whether it was sent and whether a response began.
        for (attempts, goes_on) in [
            (vec![(None, false, false)], false),
            (vec![UNSENT; 9], true),
            (vec![UNSENT; MOST_ATTEMPTS], false),
            (vec![(Some(ByConnection), true, false)], false),
            (vec![LEFT_OUT], true),
            (vec![UNSENT, UNSENT, LEFT_OUT], true),
            (vec![LEFT_OUT, UNSENT], true),
            (vec![LEFT_OUT, LEFT_OUT], false),
            (vec![(Some(ByServer), true, true)], false),
        ] {
            let mut made = Attempts::default();
            let went_on: Vec<bool> = attempts
                .iter()
                .map(|&(why, sent, begun)| {
                    let watch = Watch::default();
                    for (happened, mark) in [(sent, &watch.sent), (begun, &watch.begun)] {
                        if happened {
                            mark.set(()).expect("a new mark");
                        }
                    }
                    let mut status = Status::unavailable("");
                    if let Some(why) = why {
                        status.set_source(Arc::new(why));
                    }
                    made.go_on(&status, &watch)
                })
                .collect();
            let (last, before) = went_on.split_last().expect("an attempt");
            assert_eq!(*last, goes_on, "{attempts:?}");
            assert!(before.iter().all(|went_on| *went_on), "{attempts:?}: {went_on:?}");
        }
    }
}
