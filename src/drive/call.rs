use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task;
use tonic::Status;

use super::any_channel::AnyChannel;
use super::exchange::exchange;
use super::observed::{Observed, cancelled};
use super::options::CallOptions;
use super::protocol::{Answer, Call, Refusal};
use super::request::ParsedRequest;
use super::watched::{Watch, WatchedChannel};
use crate::layers::client::channel::{NotTaken, not_taken};

/// How often a call is tried at most, which its deadline limits before. One without a
/// deadline must not go on for ever if every connection ends at once.
const MOST_ATTEMPTS: usize = 100;

/// Makes the call and tells what was observed, or why it cannot be made.
pub(super) async fn make(channel: AnyChannel, call: Call) -> Answer {
    let prepared = ParsedRequest::new(&call)
        .and_then(|request| CallOptions::new(&call).map(|options| (request, options)));
    match prepared {
        Ok((request, options)) => {
            let mut observed = Observed::default();
            let steps = Arc::default();
            let status = run(channel, request, options, &steps, &mut observed).await;
            Answer::Result(observed.into_result(call.id, steps.load(Ordering::Relaxed), status))
        }
        Err(Refusal(why)) => Answer::Unsupported { id: call.id, why },
    }
}

async fn run(
    channel: AnyChannel,
    request: ParsedRequest,
    options: CallOptions,
    steps: &Arc<AtomicUsize>,
    observed: &mut Observed,
) -> Result<(), Status> {
    let call = async {
        let mut attempts = Attempts::default();
        loop {
            let watch = Arc::new(Watch::new(steps));
            let ended = attempt(&channel, request.clone(), &options, &watch, observed).await;
            let why = ended.as_ref().err().and_then(not_taken);
            let goes_on = |why| attempts.go_on(why, watch.sent.initialized(), watch.has_begun());
            if !why.is_some_and(goes_on) {
                break ended;
            }
        }
    };
    match options.deadline {
        // As far as it is the library's, the channel keeps it.
        Some(deadline) if !channel.is_plain() => deadline.limit(call).await,
        _ => call.await,
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
    channel: &AnyChannel,
    request: ParsedRequest,
    options: &CallOptions,
    watch: &Arc<Watch>,
    observed: &mut Observed,
) -> Result<(), Status> {
    // Dropped last: to HTTP/2, a stream of requests that ends with its call would be whole if
    // it ended before it.
    let _end = End(watch);
    let channel = WatchedChannel::new(channel.clone(), Arc::clone(watch));
    let mut exchange = pin!(exchange(channel, request, options, watch, observed));
    tokio::select! {
        // The cancellation first, when the answer is there as well.
        biased;
        _ = watch.sent.wait(), if options.cancel_after_messages == Some(0) => {
            // HTTP/2 has queued the request. Before it is dropped, the
            // connection's task, which writes it, gets a turn.
            task::yield_now().await;
            Err(cancelled())
        }
        _ = watch.cancelled.wait() => {
            watch.cancel();
            Err(cancelled())
        }
        ended = &mut exchange => ended,
    }
}

/// Ends the steps with the call, however that ends.
struct End<'a>(&'a Watch);

impl Drop for End<'_> {
    fn drop(&mut self) {
        // Nobody else sets it.
        let _ = self.0.over.set(());
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
