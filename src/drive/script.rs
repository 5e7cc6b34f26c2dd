//! What a call sends, step by step.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use serde::Deserialize;
use serde_json::Value;
use tokio::time;
use tokio_stream::Stream;

use super::protocol::{Refusal, decode_base64};
use super::watched::Watch;

/// How long what was sent is given to leave before it is taken back: a stream that is reset
/// takes along what is queued, and what HTTP/2 has written nobody tells.
const LEAVING: Duration = Duration::from_millis(10);

/// The steps of a call. Its clones share the messages.
#[derive(Clone, Debug)]
pub(super) struct Script<M> {
    /// Those before the half-close.
    steps: Arc<[Step<M>]>,
    half_closes: bool,
    /// Those after it.
    rest: Arc<[Wait]>,
}

#[derive(Debug)]
enum Step<M> {
    Message { message: M, times: u64 },
    Wait(Wait),
}

/// A step that sends nothing.
#[derive(Clone, Copy, Debug)]
enum Wait {
    Headers,
    Messages(usize),
    Pause(Duration),
    Cancel,
}

/// A step as the harness writes it.
#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Asked {
    Message {
        message: String,
        #[serde(default = "once")]
        times: u64,
    },
    WaitForHeaders {
        wait_for_headers: bool,
    },
    WaitForMessages {
        wait_for_messages: usize,
    },
    Pause {
        pause_ms: u32,
    },
    HalfClose {
        half_close: bool,
    },
    Cancel {
        cancel: bool,
    },
}

const fn once() -> u64 {
    1
}

impl<M> Script<M> {
    pub(super) fn parse(
        send: &[Value],
        parse: impl Fn(Vec<u8>) -> Result<M, Refusal>,
    ) -> Result<Self, Refusal> {
        let mut steps = Vec::new();
        let mut rest = Vec::new();
        let mut half_closes = false;
        for (index, value) in send.iter().enumerate() {
            let wait = match Asked::deserialize(value) {
                Ok(Asked::Message { message, times }) if !half_closes => {
                    let message = parse(bytes(&message)?)?;
                    steps.push(Step::Message { message, times });
                    continue;
                }
                Ok(Asked::HalfClose { half_close: true }) if !half_closes => {
                    half_closes = true;
                    continue;
                }
                Ok(Asked::WaitForHeaders { wait_for_headers: true }) => Wait::Headers,
                Ok(Asked::WaitForMessages { wait_for_messages }) => {
                    Wait::Messages(wait_for_messages)
                }
                Ok(Asked::Pause { pause_ms }) => {
                    Wait::Pause(Duration::from_millis(pause_ms.into()))
                }
                Ok(Asked::Cancel { cancel: true }) if index + 1 == send.len() => Wait::Cancel,
                _ => return Err(Refusal(format!("no step, or not there: {value}"))),
            };
            if half_closes {
                rest.push(wait);
            } else {
                steps.push(Step::Wait(wait));
            }
        }
        let ends = match rest.last() {
            None => half_closes || matches!(steps.last(), Some(Step::Wait(Wait::Cancel))),
            Some(last) => matches!(last, Wait::Cancel),
        };
        if !ends {
            return Err(Refusal("the last step is neither half_close nor cancel".to_owned()));
        }
        Ok(Self { steps: steps.into(), half_closes, rest: rest.into() })
    }

    /// The message, if that and the half-close are all.
    pub(super) fn only_message(&self) -> Option<&M> {
        match &*self.steps {
            [Step::Message { message, times: 1 }] if self.half_closes && self.rest.is_empty() => {
                Some(message)
            }
            _ => None,
        }
    }
}

fn bytes(message: &str) -> Result<Vec<u8>, Refusal> {
    decode_base64(message).map_err(|error| Refusal(format!("a message is not base64: {error}")))
}

impl<M: Clone + Send + Sync + 'static> Script<M> {
    /// The messages. The library's asking for the next one is what takes the steps on: one
    /// that it has no room for yet is not made, and nothing after it is done.
    pub(super) fn play(self, watch: &Arc<Watch>) -> impl Stream<Item = M> + Send + use<M> {
        let player = Player { script: self, step: 0, sent: 0, watch: Arc::clone(watch) };
        stream::unfold(player, |mut player| async {
            let message = player.next().await?;
            Some((message, player))
        })
    }
}

struct Player<M> {
    script: Script<M>,
    step: usize,
    /// How often the step's message was sent.
    sent: u64,
    watch: Arc<Watch>,
}

impl<M: Clone> Player<M> {
    /// The next message, unless it was the last, or the call is over.
    async fn next(&mut self) -> Option<M> {
        while !self.watch.over.initialized() {
            let Some(step) = self.script.steps.get(self.step) else {
                return self.end().await;
            };
            match step {
                Step::Message { message, times } if self.sent < *times => {
                    self.sent += 1;
                    return Some(message.clone());
                }
                Step::Message { .. } => self.sent = 0,
                Step::Wait(wait) if wait.is_done(&self.watch).await => {}
                Step::Wait(_) => break,
            }
            self.step += 1;
            self.watch.count_step();
        }
        None
    }

    async fn end(&mut self) -> Option<M> {
        if !self.script.half_closes {
            // It was cancelled, which takes effect elsewhere.
            self.watch.over.wait().await;
            return None;
        }
        self.watch.count_step();
        let (rest, watch) = (Arc::clone(&self.script.rest), Arc::clone(&self.watch));
        // Nobody asks for a message any more.
        tokio::spawn(async move {
            for wait in &*rest {
                if !wait.is_done(&watch).await {
                    return;
                }
                watch.count_step();
            }
        });
        None
    }
}

impl Wait {
    /// Waits; whether the call is not over before.
    async fn is_done(self, watch: &Watch) -> bool {
        let wait = async {
            match self {
                Self::Headers => {
                    watch.headers.wait().await;
                }
                Self::Messages(count) => watch.has_messages(count).await,
                Self::Pause(time) => time::sleep(time).await,
                Self::Cancel => {
                    time::sleep(LEAVING).await;
                    // Nobody else sets it.
                    let _ = watch.cancelled.set(());
                }
            }
        };
        tokio::select! {
            biased;
            () = wait => true,
            _ = watch.over.wait() => false,
        }
    }
}
