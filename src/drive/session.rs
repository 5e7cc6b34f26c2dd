use std::io;

use thiserror::Error;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;

use super::any_channel::AnyChannel;
use super::call;
use super::channels::Channels;
use super::protocol::{Answer, Asked, Call, Hello, MAX_IN_FLIGHT};
use crate::library::Library;
use crate::log::log;
use crate::words::reason;

/// The harness cannot be talked to any more.
#[derive(Debug, Error)]
pub enum DriveError {
    /// Its lines cannot be read.
    #[error("cannot read stdin: {}", reason(.0))]
    Read(#[source] io::Error),
    /// It does not take the answers.
    #[error("cannot write to stdout: {}", reason(.0))]
    Write(#[source] io::Error),
}

/// Makes the calls that stand on `input`, one JSON object a line, all at once;
/// writes each answer to `output` as soon as it is there. Returns when `input`
/// has ended and every call was answered.
///
/// All calls to one target with the same TLS share one connection.
///
/// # Errors
///
/// [`DriveError`]; nothing that a call ends with is one.
pub async fn run(
    library: Library,
    input: impl AsyncBufRead + Unpin,
    output: impl AsyncWrite + Unpin,
) -> Result<(), DriveError> {
    let (answers, queue) = mpsc::channel(MAX_IN_FLIGHT);
    tokio::try_join!(start_calls(library, input, answers), write_answers(queue, output))?;
    Ok(())
}

async fn start_calls(
    library: Library,
    mut input: impl AsyncBufRead + Unpin,
    answers: mpsc::Sender<Answer>,
) -> Result<(), DriveError> {
    let mut channels = Channels::new(library);
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = input.read_until(b'\n', &mut line).await;
        if length.map_err(DriveError::Read)? == 0 {
            return Ok(());
        }
        match serde_json::from_slice(&line) {
            Ok(Asked::Hello {}) => send(&answers, Answer::Hello(Hello::of(library))).await,
            Ok(Asked::Close { target }) => channels.close(&target),
            Ok(Asked::Call(call)) => match channels.of(&call) {
                Ok(channel) => {
                    tokio::spawn(answer(channel, *call, answers.clone()));
                }
                Err(error) => {
                    let why = error.to_string();
                    send(&answers, Answer::Unsupported { id: call.id, why }).await;
                }
            },
            Err(error) => log("client", format_args!("a line that is no call: {error}")),
        }
    }
}

/// Makes the call on a task of its own: if the library panics, as it may on what
/// a server sends, that is this call's answer, and the others go on.
async fn answer(channel: AnyChannel, call: Call, answers: mpsc::Sender<Answer>) {
    let id = call.id;
    let outcome = tokio::spawn(call::make(channel, call)).await;
    let answer = outcome.unwrap_or_else(|error| Answer::Unsupported {
        id,
        why: format!("the call did not end as it should: {error}"),
    });
    send(&answers, answer).await;
}

async fn send(answers: &mpsc::Sender<Answer>, answer: Answer) {
    // Without a writer there is an error already, which `run` returns.
    let _ = answers.send(answer).await;
}

async fn write_answers(
    mut queue: mpsc::Receiver<Answer>,
    mut output: impl AsyncWrite + Unpin,
) -> Result<(), DriveError> {
    let mut waiting = Vec::with_capacity(MAX_IN_FLIGHT);
    let mut lines = Vec::new();
    while queue.recv_many(&mut waiting, MAX_IN_FLIGHT).await > 0 {
        lines.clear();
        for answer in waiting.drain(..) {
            serde_json::to_writer(&mut lines, &answer).expect("an answer is plain data");
            lines.push(b'\n');
        }
        output.write_all(&lines).await.map_err(DriveError::Write)?;
        output.flush().await.map_err(DriveError::Write)?;
    }
    Ok(())
}
