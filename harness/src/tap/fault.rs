//! A connection with a fault in one of its directions.
//!
//! `frames` cuts bytes into frames, `place` finds where the fault strikes, `pace`
//! lets bytes pass later, `edit` adds frames and takes others away. The receiver's
//! view is what the watching thread gets to see.

mod edit;
mod frames;
mod pace;
mod place;
mod rewrite;
#[cfg(test)]
mod tests;

use std::{
    convert::Infallible,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use crosswire_http2::{
    block::BlockReader,
    frame::{Frame, flag, kind},
    write,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, sink},
    sync::{Notify, mpsc},
    time::timeout,
};

use super::line::{End, Outcome, Socket, Way, both};
use crate::{
    role::Role,
    suite::{Action, Fault, PING_DATA, Position},
    wire::transcript::Closing,
};
use edit::{Editor, Step};
use frames::Frames;
use place::{Finder, Place};

/// How long two sides have, after a connection was closed under them, to close it
/// too. Whoever is still there then is cut off.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// What the two directions of a connection tell each other.
#[derive(Debug, Default)]
struct Shared {
    /// The stream of the call; 0 before there is one.
    stream: AtomicU32,
    stream_is_open: Notify,
    /// The receiver must not see that the sender has gone.
    holds_open: AtomicBool,
    other_has_ended: Notify,
}

/// Passes everything on until both directions have ended or the fault ends them.
pub(super) async fn join<R, W, OtherR, OtherW>(
    fault: &Fault,
    faulty: Way<'_, R, W>,
    other: Way<'_, OtherR, OtherW>,
) -> Outcome
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
    OtherR: AsyncRead + Unpin,
    OtherW: AsyncWrite + Unpin,
{
    let shared = Shared::default();
    // For what is dropped in one direction, the other gives its sender credit.
    let (credit, credits) = mpsc::unbounded_channel();
    let faulty = async {
        let Err(end) = suffer(fault, faulty, &shared, credit).await;
        end
    };
    let other = async {
        let Err(end) = accompany(fault, other, &shared, credits).await;
        end
    };
    both(faulty, other, || shared.other_has_ended.notify_one()).await
}

/// Ends a connection in the ordinary way. What comes in meanwhile is dropped; a
/// socket that is closed with bytes unread would send RST.
pub(super) async fn close(mut client: impl Socket, mut server: impl Socket) {
    let (mut client_reads, mut client_writes) = client.halves();
    let (mut server_reads, mut server_writes) = server.halves();
    // Who is gone already needs no telling.
    let _ = tokio::join!(client_writes.shutdown(), server_writes.shutdown());
    let (mut from_client, mut from_server) = (sink(), sink());
    let both = async {
        tokio::join!(
            tokio::io::copy(&mut client_reads, &mut from_client),
            tokio::io::copy(&mut server_reads, &mut from_server),
        )
    };
    let _ = timeout(CLOSE_LIMIT, both).await;
}

/// The direction with the fault.
async fn suffer<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    fault: &Fault,
    mut way: Way<'_, R, W>,
    shared: &Shared,
    credit: mpsc::UnboundedSender<u32>,
) -> Result<Infallible, End> {
    if let Some(editor) = Editor::new(fault) {
        return edit(editor, way, shared, credit).await;
    }
    let rest = pass_until(fault, &mut way, shared).await?;
    way.outlet.struck(fault.only_slows());
    match fault.action {
        Action::Delay(delay) => pace::delay(way, rest, delay).await,
        Action::Throttle { bytes_per_s } => pace::throttle(way, rest, bytes_per_s).await,
        Action::Cut(cut) => Err(End::Cut(cut)),
        _ => {
            shared.holds_open.store(true, Ordering::Relaxed);
            while way.inlet.read().await.is_ok() {}
            shared.other_has_ended.notified().await;
            Err(End::Finished)
        }
    }
}

/// Passes on what comes before the fault's position, and hands out what was read
/// beyond it.
async fn pass_until<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    fault: &Fault,
    way: &mut Way<'_, R, W>,
    shared: &Shared,
) -> Result<Bytes, End> {
    if fault.reads_frames() {
        return pass_frames_until(fault, way, shared).await;
    }
    let mut left = match fault.at {
        Position::Bytes(bytes) => bytes,
        _ => 0,
    };
    while left > 0 {
        let mut bytes = match way.inlet.read().await {
            Ok(bytes) => bytes,
            Err(closing) => return Err(way.outlet.end(closing).await),
        };
        let passed = bytes.split_to(usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len()));
        left -= passed.len() as u64;
        way.outlet.write(passed).await?;
        if !bytes.is_empty() {
            return Ok(bytes);
        }
    }
    Ok(Bytes::new())
}

async fn pass_frames_until<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    fault: &Fault,
    way: &mut Way<'_, R, W>,
    shared: &Shared,
) -> Result<Bytes, End> {
    let mut frames = Frames::new(fault.of);
    let mut finder = Finder::new(fault);
    loop {
        match way.inlet.read().await {
            Ok(bytes) => frames.push(&bytes),
            Err(closing) => {
                way.outlet.write(frames.rest()).await?;
                return Err(way.outlet.end(closing).await);
            }
        }
        while let Some((mut raw, frame)) = frames.next() {
            finder.opened(shared.stream.load(Ordering::Relaxed));
            let (passed, held) = match finder.find(raw.len(), &frame) {
                None => {
                    way.outlet.write(raw).await?;
                    continue;
                }
                Some(Place::Before) => (Bytes::new(), raw),
                Some(Place::Within(bytes)) => {
                    let passed = raw.split_to(bytes.min(raw.len()));
                    (passed, raw)
                }
                Some(Place::Between(first, second)) => (first, second),
                Some(Place::After) => (raw, Bytes::new()),
            };
            way.outlet.write(passed).await?;
            return Ok([held, frames.rest()].concat().into());
        }
        if frames.are_lost() {
            way.outlet.write(frames.rest()).await?;
        }
    }
}

/// A direction in which frames are added and dropped.
async fn edit<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    mut editor: Editor<'_>,
    mut way: Way<'_, R, W>,
    shared: &Shared,
    credit: mpsc::UnboundedSender<u32>,
) -> Result<Infallible, End> {
    let mut frames = Frames::new(way.outlet.from);
    loop {
        let read = tokio::select! {
            read = way.inlet.read() => Some(read),
            () = shared.stream_is_open.notified() => None,
        };
        let mut steps = Vec::new();
        editor.opened(shared.stream.load(Ordering::Relaxed), &mut steps);
        let closing = match read {
            Some(Ok(bytes)) => {
                frames.push(&bytes);
                None
            }
            Some(Err(closing)) => Some(closing),
            None => None,
        };
        while let Some((raw, frame)) = frames.next() {
            editor.frame(raw, &frame, &mut steps);
        }
        if closing.is_some() || frames.are_lost() {
            steps.push(Step::Pass(frames.rest()));
        }
        // In one piece, so that what is added comes with what it follows: a GOAWAY with
        // the end of a call, say, and not after the next has begun.
        let mut together = BytesMut::new();
        for step in steps {
            match step {
                Step::Pass(bytes) => {
                    together.extend_from_slice(&bytes);
                    way.outlet.show(bytes);
                }
                Step::Add(bytes) => {
                    together.extend_from_slice(&bytes);
                    way.outlet.show_added(bytes);
                }
                Step::Strike => way.outlet.struck(false),
                // Nobody needs credit once the other direction has ended.
                Step::Credit(bytes) => {
                    let _ = credit.send(bytes);
                }
            }
        }
        if !together.is_empty() {
            way.outlet.send(&together).await?;
        }
        if let Some(closing) = closing {
            return Err(way.outlet.end(closing).await);
        }
    }
}

/// The direction without the fault.
async fn accompany<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    fault: &Fault,
    mut way: Way<'_, R, W>,
    shared: &Shared,
    credits: mpsc::UnboundedReceiver<u32>,
) -> Result<Infallible, End> {
    let passed = if fault.reads_frames() {
        attend(fault, &mut way, shared, credits).await
    } else {
        way.pass_on().await
    };
    match passed {
        // The receiver is behind the hole, and this side must not hear of its end.
        Err(End::ReceiverGone) if shared.holds_open.load(Ordering::Relaxed) => loop {
            match way.inlet.read().await {
                Ok(_) => {}
                Err(Closing::End) => return Err(End::Finished),
                Err(Closing::Abort) => return Err(End::SenderGone),
            }
        },
        passed => passed,
    }
}

/// Passes everything on, looks where the call's stream is opened, takes away the
/// answer to the tap's PING, and adds credit.
async fn attend<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    fault: &Fault,
    way: &mut Way<'_, R, W>,
    shared: &Shared,
    mut credits: mpsc::UnboundedReceiver<u32>,
) -> Result<Infallible, End> {
    let mut frames = Frames::new(way.outlet.from);
    let mut blocks = BlockReader::default();
    let mut may_add = false;
    loop {
        let read = tokio::select! {
            read = way.inlet.read() => read,
            Some(bytes) = credits.recv(), if may_add => {
                way.outlet.add(write::window_update(0, bytes).into()).await?;
                continue;
            }
        };
        match read {
            Ok(bytes) => frames.push(&bytes),
            Err(closing) => {
                way.outlet.write(frames.rest()).await?;
                return Err(way.outlet.end(closing).await);
            }
        }
        while let Some((raw, frame)) = frames.next() {
            // What cannot be read is the receiver's matter.
            let _ = blocks.take(&frame);
            // Nothing stands before a side's first frame or within a header block.
            may_add = !blocks.is_open();
            if is_answer(fault, &frame) {
                way.outlet.show(raw);
                continue;
            }
            if way.outlet.from == Role::Client && frame.kind == kind::HEADERS {
                shared.open(frame.stream);
            }
            way.outlet.write(raw).await?;
        }
        if frames.are_lost() {
            way.outlet.write(frames.rest()).await?;
        }
    }
}

fn is_answer(fault: &Fault, frame: &Frame) -> bool {
    fault.action == Action::Ping
        && frame.kind == kind::PING
        && frame.has(flag::ACK)
        && *frame.payload == PING_DATA
}

impl Shared {
    /// The client has opened a stream; the first is the call's.
    fn open(&self, stream: u32) {
        let is_first =
            self.stream.compare_exchange(0, stream, Ordering::Relaxed, Ordering::Relaxed);
        if is_first.is_ok() {
            self.stream_is_open.notify_one();
        }
    }
}
