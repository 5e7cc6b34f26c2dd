//! A client's process, and the peer protocol with it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt as _,
    process::{ChildStdin, ChildStdout},
    sync::mpsc,
    time::timeout,
};

use super::ClientEvent;
use crate::{
    child::{Child, Line, Lines, Log, Pipes, StopRequest, Stopped},
    driver::{
        Setting, StartError,
        protocol::{
            BadReply, Errand, Hello, Reply, VERSION, call_line, hello_line, read_reply, too_long,
        },
    },
    observe::{Death, Gone, Held, Misstep, Words},
    suite::Call,
    text::{self, count},
};

/// How many replies may wait for us. Small: a client that floods must be slowed
/// down by its own pipe, not buffered here.
const WAITING_REPLIES: usize = 256;

/// How long the last replies of a client that has ended may take to be read.
/// They are in the pipe already; only a process that inherited it holds it open.
const LAST_REPLIES_LIMIT: Duration = Duration::from_secs(1);

/// A process that has introduced itself.
#[derive(Debug)]
pub(super) struct Process {
    /// What it said of itself.
    pub(super) hello: Hello,
    child: Child,
    requests: mpsc::UnboundedSender<String>,
    replies: mpsc::Receiver<Result<Reply, BadReply>>,
    stray_lines: Arc<AtomicUsize>,
    is_within_line: Arc<AtomicBool>,
}

impl Process {
    /// Starts a client and exchanges introductions.
    ///
    /// # Errors
    /// It could not be started, ended first, took too long, or does not speak
    /// this protocol.
    pub(super) async fn start(cmd: &[String], setting: Setting<'_>) -> Result<Self, StartError> {
        let guard = Arc::clone(&setting.guard);
        let (mut child, Pipes { stdin, stdout }) =
            Child::spawn(cmd, setting.folder, setting.log.clone(), guard)
                .map_err(|source| StartError::Spawn { program: cmd[0].clone(), source })?;
        let stray_lines = Arc::default();
        let is_within_line = stdout.is_within_line();
        let mut replies = read_replies(stdout, setting.log, Arc::clone(&stray_lines));
        let requests = write_requests(stdin);
        // A failed send means that the client is gone, which the next wait says.
        let _ = requests.send(hello_line());
        let limit = setting.limits.start;
        let hello = match timeout(limit, replies.recv()).await {
            Ok(Some(Ok(Reply::Hello(hello)))) => hello.of_its_version(),
            Ok(Some(Ok(_))) => {
                let why = "it answered before it said hello".to_owned();
                return Err(StartError::Announcement { why });
            }
            Ok(Some(Err(BadReply { problem, line, .. }))) => {
                let why = format!("the line is no valid answer: {problem}: {line}");
                return Err(StartError::Announcement { why });
            }
            Ok(None) => {
                let how = match timeout(LAST_REPLIES_LIMIT, child.ended()).await {
                    Ok(status) => Gone::from(status).to_string(),
                    Err(_) => Gone::ClosedStdout.to_string(),
                };
                return Err(StartError::Ended { how, words: child.words().await });
            }
            Err(_) => {
                return Err(StartError::NotReady {
                    limit: text::duration(limit),
                    waited_for: "no hello on stdout",
                    words: child.words().await,
                });
            }
        };
        let why = match (hello.is_understood(), hello.max_in_flight) {
            (true, 1..) => {
                return Ok(Self { hello, child, requests, replies, stray_lines, is_within_line });
            }
            (true, _) => "it takes no call: max_in_flight is 0, it must be 1 or more".to_owned(),
            (false, _) => format!(
                "it speaks version {} of the peer protocol, and this harness version {VERSION}",
                hello.protocol
            ),
        };
        Err(StartError::Announcement { why })
    }

    /// Hands the client a call.
    pub(super) fn call(&self, errand: Errand<'_>, call: &Call) {
        // A failed send means that the client is gone, which `next` says.
        let _ = self.requests.send(call_line(errand, call, self.hello.takes_steps()));
    }

    /// Where to write what it is to do later, for as long as it runs.
    pub(super) fn requests(&self) -> mpsc::WeakUnboundedSender<String> {
        self.requests.downgrade()
    }

    /// The next thing that the client does. Safe to cancel.
    pub(super) async fn next(&mut self) -> ClientEvent {
        let reply = tokio::select! {
            biased;
            reply = self.replies.recv() => reply,
            _ = self.child.ended() => {
                // What it wrote before it died still counts.
                timeout(LAST_REPLIES_LIMIT, self.replies.recv()).await.ok().flatten()
            }
        };
        match reply {
            Some(reply) => event_of(reply),
            None => {
                let _ = timeout(LAST_REPLIES_LIMIT, self.child.ended()).await;
                let death = match self.death().await {
                    Some(death) => death,
                    None => Death { how: Gone::ClosedStdout, words: self.words().await },
                };
                ClientEvent::Ended { death }
            }
        }
    }

    /// How it ended, if it is known to have: what it may have said last is not
    /// waited for.
    pub(super) async fn death(&mut self) -> Option<Death> {
        let status = self.child.status()?;
        Some(Death { how: Some(status).into(), words: self.words().await })
    }

    /// What it has said beside its answers.
    pub(super) async fn words(&mut self) -> Words {
        self.child.words().await
    }

    /// What a silent client may have meant to say: lines that were no JSON, or one
    /// that has not ended.
    #[must_use]
    pub(super) fn stray_output(&self) -> Option<String> {
        let lines = self.stray_lines.load(Ordering::Relaxed);
        let not_json =
            (lines > 0).then(|| format!("{} on its stdout not JSON", count(lines, "line")));
        let endless = self.is_within_line.load(Ordering::Relaxed);
        let endless = endless.then(|| "the last line on its stdout has no end".to_owned());
        let parts: Vec<String> = [not_json, endless].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// Closes the client's stdin, which tells it to finish, and collects what it
    /// still says.
    pub(super) async fn finish(self, limit: Duration) -> (Vec<ClientEvent>, Stopped) {
        let Self { child, requests, mut replies, .. } = self;
        drop(requests);
        let mut late = Vec::new();
        let collect = async {
            while let Some(reply) = replies.recv().await {
                // Nothing is due any more, so a flood need not be kept whole.
                if late.len() < WAITING_REPLIES {
                    late.push(event_of(reply.map(Reply::without_content)));
                }
            }
        };
        let stop = child.stop(StopRequest::Finish, limit);
        let collect_limit = limit + LAST_REPLIES_LIMIT;
        let (_, stopped) = tokio::join!(timeout(collect_limit, collect), stop);
        (late, stopped)
    }

    /// Kills the client without asking.
    pub(super) async fn kill(self) {
        self.child.kill().await;
    }
}

fn event_of(reply: Result<Reply, BadReply>) -> ClientEvent {
    match reply {
        Ok(Reply::Result { id, answer }) => ClientEvent::Answered { id, answer },
        Ok(Reply::Unsupported { id, why }) => ClientEvent::Refused { id, why },
        Ok(Reply::Hello(_)) => ClientEvent::Malformed { id: None, misstep: Misstep::HelloTwice },
        Err(BadReply { id, problem, line }) => {
            ClientEvent::Malformed { id, misstep: Misstep::BadLine { problem, line } }
        }
    }
}

/// Reads the client's stdout in a task of its own, so that it is always drained.
fn read_replies(
    mut stdout: Lines<ChildStdout>,
    log: Log,
    stray_lines: Arc<AtomicUsize>,
) -> mpsc::Receiver<Result<Reply, BadReply>> {
    let (sender, receiver) = mpsc::channel(WAITING_REPLIES);
    tokio::spawn(async move {
        while let Some(line) = stdout.next().await {
            let reply = match &line {
                Line::Whole(bytes) => {
                    let held = Held::of(bytes.len()).await;
                    read_reply(bytes).map(|reply| reply.map(|reply| reply.with(held)))
                }
                Line::TooLong(start) => too_long(start).map(Err),
            };
            match reply {
                Some(reply) => {
                    drop(line);
                    if sender.send(reply).await.is_err() {
                        return;
                    }
                }
                None => {
                    stray_lines.fetch_add(1, Ordering::Relaxed);
                    log.write(&format!("stdout: {line}"));
                }
            }
        }
    });
    receiver
}

/// Writes the client's stdin in a task of its own: a client that does not read
/// must not stop us from hearing it. The pipe closes when the sender is dropped.
fn write_requests(mut stdin: ChildStdin) -> mpsc::UnboundedSender<String> {
    let (sender, mut receiver) = mpsc::unbounded_channel::<String>();
    tokio::spawn(async move {
        while let Some(line) = receiver.recv().await {
            if stdin.write_all(line.as_bytes()).await.is_err() {
                return;
            }
        }
    });
    sender
}
