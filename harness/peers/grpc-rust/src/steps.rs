//! What a call sends, step by step.

use std::time::Duration;

use grpc::client::{SendOptions, SendStream};
use grpc::core::SendMessage;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::sleep;

/// How long what was sent is given to leave before the call is cancelled. The crate does not tell
/// when it has, and leaves Nagle's algorithm on, which may hold it back for 40 ms.
pub const LEAVING: Duration = Duration::from_millis(60);

/// How far the response has come.
#[derive(Default)]
pub struct Progress {
    pub has_headers: bool,
    pub messages: usize,
}

/// How the steps of a call ended.
#[derive(PartialEq, Eq)]
pub enum End {
    /// All were done, the last one a half-close; or the call ended before.
    Sent,
    Cancelled,
}

pub struct Steps<M>(Vec<Step<M>>);

enum Step<M> {
    Message { message: M, times: u64 },
    WaitForHeaders,
    WaitForMessages(usize),
    Pause(Duration),
    HalfClose,
    Cancel,
}

/// A step as the harness writes it.
#[derive(Deserialize)]
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
        pause_ms: u64,
    },
    HalfClose {
        half_close: bool,
    },
    Cancel {
        cancel: bool,
    },
}

fn once() -> u64 {
    1
}

impl<M> Steps<M> {
    /// The steps, with what `parse` makes of the base64 of their messages.
    pub fn parse(
        send: &[Value],
        parse: impl Fn(&str) -> Result<M, String>,
    ) -> Result<Self, String> {
        let steps: Vec<_> =
            send.iter().map(|step| Step::parse(step, &parse)).collect::<Result<_, _>>()?;
        check_order(&steps)?;
        Ok(Self(steps))
    }

    /// Whether they are what a method of one request is given.
    pub fn are_one_request(&self) -> bool {
        matches!(self.0[..], [Step::Message { times: 1, .. }, Step::HalfClose])
    }
}

impl<M> Step<M> {
    fn parse(step: &Value, parse: impl Fn(&str) -> Result<M, String>) -> Result<Self, String> {
        match Asked::deserialize(step) {
            Ok(Asked::Message { message, times }) => {
                Ok(Self::Message { message: parse(&message)?, times })
            }
            Ok(Asked::WaitForHeaders { wait_for_headers: true }) => Ok(Self::WaitForHeaders),
            Ok(Asked::WaitForMessages { wait_for_messages }) => {
                Ok(Self::WaitForMessages(wait_for_messages))
            }
            Ok(Asked::Pause { pause_ms }) => Ok(Self::Pause(Duration::from_millis(pause_ms))),
            Ok(Asked::HalfClose { half_close: true }) => Ok(Self::HalfClose),
            Ok(Asked::Cancel { cancel: true }) => Ok(Self::Cancel),
            _ => Err(format!("no such step: {step}")),
        }
    }
}

/// A call that its steps do not end would last until its server ends it.
fn check_order<M>(steps: &[Step<M>]) -> Result<(), String> {
    let Some((Step::HalfClose | Step::Cancel, before)) = steps.split_last() else {
        return Err("the last step is neither half_close nor cancel".into());
    };
    if before.iter().any(|step| matches!(step, Step::Cancel)) {
        return Err("a step after the cancel".into());
    }
    let mut after = steps.iter().skip_while(|step| !matches!(step, Step::HalfClose)).skip(1);
    if after.any(|step| matches!(step, Step::Message { .. } | Step::HalfClose)) {
        return Err("a message or a half_close after the half_close".into());
    }
    Ok(())
}

impl<M: SendMessage> Steps<M> {
    /// Takes one step after the other, and counts those that were done. The sender, which is
    /// what closes its half when it is dropped, outlives a cancellation.
    pub async fn run(
        &self,
        sender: &mut Option<impl SendStream>,
        mut progress: watch::Receiver<Progress>,
        done: &mut usize,
    ) -> End {
        for step in &self.0 {
            let is_done = match step {
                Step::Message { message, times } => {
                    let options = SendOptions::new().with_final_msg(self.are_one_request());
                    send(sender, message, *times, options).await
                }
                Step::WaitForHeaders => progress.wait_for(|it| it.has_headers).await.is_ok(),
                Step::WaitForMessages(count) => {
                    progress.wait_for(|it| it.messages >= *count).await.is_ok()
                }
                Step::Pause(time) => {
                    sleep(*time).await;
                    true
                }
                Step::HalfClose => {
                    *sender = None;
                    true
                }
                Step::Cancel => {
                    sleep(LEAVING).await;
                    *done += 1;
                    return End::Cancelled;
                }
            };
            if !is_done {
                break;
            }
            *done += 1;
        }
        End::Sent
    }
}

/// Whether the crate has taken them all; if not, the status tells why.
async fn send(
    sender: &mut Option<impl SendStream>,
    message: &impl SendMessage,
    times: u64,
    options: SendOptions,
) -> bool {
    let Some(sender) = sender else { return false };
    for _ in 0..times {
        if sender.send(message, options.clone()).await.is_err() {
            return false;
        }
    }
    true
}
